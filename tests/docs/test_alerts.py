"""The alert rules load, name metrics that exist, and fire when they should."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from collector.telemetry import catalogue
from tests.servers.process import program

pytestmark = pytest.mark.checkout

FOLDER = Path(__file__).parents[2] / "grafana" / "alerts"
RULES = sorted(FOLDER.glob("*.yml"))
SECONDS_MAX = 120
METRIC = re.compile(r"\bnorthmeter_\w+")


def promtool(*arguments: str) -> None:
    done = subprocess.run(
        [program("promtool"), *arguments], capture_output=True, text=True, check=False, timeout=SECONDS_MAX
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_rules() -> None:
    assert RULES


@pytest.mark.parametrize("rules", RULES, ids=lambda path: path.stem)
def test_rules_are_right_and_have_tests_that_pass(rules: Path) -> None:
    promtool("check", "rules", "--lint-fatal", str(rules))
    promtool("test", "rules", str(FOLDER / "tests" / rules.name))


@pytest.mark.parametrize("rules", RULES, ids=lambda path: path.stem)
def test_every_alert_is_tested_and_names_metrics_that_exist(rules: Path) -> None:
    groups = yaml.safe_load(rules.read_text())["groups"]
    alerts = {rule["alert"]: rule for group in groups for rule in group["rules"]}
    tested = (FOLDER / "tests" / rules.name).read_text()
    assert [name for name in alerts if f"alertname: {name}" not in tested] == []
    known = {metric.name for metric in catalogue.ALL}
    for name, rule in alerts.items():
        used = set(METRIC.findall(rule["expr"]))
        assert used, name
        assert used <= known, name
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
