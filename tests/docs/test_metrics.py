"""The page about metrics and the code agree."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

import pytest

from collector.clock import ManualClock
from collector.model.addresses import AddressGroup, AddressReport
from collector.model.directory import AddressKind
from collector.model.identity import Direction, Kind, TenantId
from collector.telemetry import catalogue
from collector.telemetry.metrics import DiscoveryOutcome, DropReason, ExportOutcome, Metrics, PollOutcome
from exporters import address_lines, lines
from tests.contract.exporters.ledger import row

pytestmark = pytest.mark.checkout

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (.+?) \| (.+) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def page() -> str:
    """The page."""
    return PAGE.read_text()


def test_the_page_has_every_metric_as_it_is_declared(page: str) -> None:
    declared = [
        (
            metric.name,
            metric.type.value,
            ", ".join(f"`{label}`" for label in metric.labels) or "–",
            metric.help,
        )
        for metric in catalogue.ALL
    ]
    assert sorted(ROW.findall(page)) == sorted(declared)


@pytest.mark.parametrize("words", [Kind, Direction, PollOutcome, DiscoveryOutcome, DropReason, ExportOutcome])
def test_the_page_names_every_value_of_a_closed_set(page: str, words: type[StrEnum]) -> None:
    assert [word.value for word in words if f"`{word.value}`" not in page] == []


def test_the_page_names_the_metrics_of_the_process(page: str) -> None:
    families = Metrics(version="0", clock=ManualClock()).families()
    found = {sample.name for family in families for sample in family.samples if sample.name.startswith("process_")}
    assert found == set(re.findall(r"`(process_\w+)`", page))


def test_the_page_names_tags_and_fields_of_influxdb(page: str) -> None:
    [line, _], _ = lines.LineBuilder("ams1").build([row(1)])
    series, fields, _ = line.split(" ")
    measurement, *tags = series.split(",")
    assert measurement == lines.MEASUREMENT
    section = page.split("## In InfluxDB")[1]
    named = set(re.findall(r"`(\w+)`", section))
    expected = {measurement} | {pair.split("=")[0] for pair in (*tags, *fields.split(","))}
    assert named == expected | _of_addresses()


def _of_addresses() -> set[str]:
    group = AddressGroup("vcd", TenantId("acme"), "internet", AddressKind.IP_PREFIX)
    reports = [AddressReport(1, 1, 1_000, {group: count}) for count in ((1, 1), (2**64, 2**64))]
    found: set[str] = set()
    for line in address_lines.address_lines("ams1", reports)[0]:
        series, fields, _ = line.split(" ")
        measurement, *tags = series.split(",")
        assert measurement == address_lines.ADDRESSES_MEASUREMENT
        found |= {measurement} | {pair.split("=")[0] for pair in (*tags, *fields.split(","))}
    return found
