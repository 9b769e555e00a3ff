"""The settings as a whole, and the blocks that are too small for a file of their own.

Keys that carry a unit are written ``interval: 60s`` and held as whole numbers in one base unit, which the attribute's
name says: ``poll.interval_ms``, ``poll.max_rate_bits``, ``source.answer_max_bytes``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from collector.model.identity import UNATTRIBUTED
from config.addresses import SQLITE, LedgerUrl
from config.http import Http, Token
from config.leaves import Label, Later, Rate, duration
from config.outputs import Exporters, InfluxDb, Prometheus
from config.overlaps import overlaps
from config.part import Part, Raw, block, blocks, repeated
from config.secret import Secret
from config.sources import NsxtSource
from config.tenants import Point, Tenant
from config.tls import ClientTls, ServerTls
from config.units import DURATION
from config.words import Expanded, Finding, meant, shown

__all__ = [
    "ClientTls",
    "Discovery",
    "Exporters",
    "Http",
    "InfluxDb",
    "Ledger",
    "Log",
    "NsxtSource",
    "Point",
    "Poll",
    "Prometheus",
    "Retention",
    "Secret",
    "ServerTls",
    "Settings",
    "Tenant",
    "Token",
]

SOURCES_MAX = 100
"""Most sources of one daemon."""

TENANTS_MAX = 10_000
"""Most tenants of one daemon."""

DEFAULT_INTERVAL_MS = 60_000
DEFAULT_GAP_AFTER_MS = 180_000
GAP_INTERVALS = 3
"""Without ``gap_after``, at least so many intervals: one lost answer is no gap."""


class Poll(Part):
    """How often counters are read, and what is believed of them."""

    interval_ms: Annotated[int, duration("1s", "1d")] = Field(
        DEFAULT_INTERVAL_MS, alias="interval", description="Time between two readings of a metering point."
    )
    written_gap_after_ms: Annotated[int, duration("1s", "30d")] | None = Field(
        None,
        alias="gap_after",
        description="Age of the last reading from which usage counts as spread over a gap; without it `180s`, or three "
        "intervals if that is longer.",
        examples=["180s"],
    )
    link_end: Literal["auto", "tier0", "tier1"] = Field(
        "auto",
        description="Where a Tier-0/Tier-1 link is read; `auto` takes the end that answers per node with fewer calls.",
    )
    max_rate_bits: Rate = Field(
        100 * 10**9,
        alias="max_rate",
        description="Ceiling of a believable rate; what is above it is quarantined. A point may set its own.",
    )

    @property
    def gap_after_ms(self) -> int:
        """Age of the last reading from which usage is ``spread``, in milliseconds."""
        if self.written_gap_after_ms is not None:
            return self.written_gap_after_ms
        return max(DEFAULT_GAP_AFTER_MS, GAP_INTERVALS * self.interval_ms)

    @classmethod
    def rules(cls, raw: Raw) -> Iterator[Finding]:
        """Return a finding where every interval would be a gap."""
        written, interval = raw.get("gap_after"), raw.get("interval", DURATION.write(DEFAULT_INTERVAL_MS))
        try:
            shorter = DURATION.read(written) < DURATION.read(interval)
        except ValueError:
            return
        if shorter:
            why = f"is below the interval of {shown(interval)}, so that every reading would be a gap"
            yield Finding(("gap_after",), f"{shown(written)} {why}; write {shown(interval)} or more")


class Discovery(Part):
    """How often gateways, interfaces and edge nodes are looked for."""

    interval_ms: Annotated[int, duration("1s", "1d")] = Field(
        600_000, alias="interval", description="Time between two inventories of a source."
    )


class Retention(Part):
    """How long the ledger keeps what; statements and adjustments are kept for ever."""

    slots_ms: Annotated[int, duration("1d", "36500d")] = Field(
        400 * 86_400_000, alias="slots", description="Usage in slots of five minutes."
    )
    evidence_ms: Annotated[int, duration("1h", "36500d")] = Field(
        62 * 86_400_000, alias="evidence", description="Samples and events behind the usage, which `explain` shows."
    )


class Ledger(Part):
    """Where usage is kept."""

    url: LedgerUrl = Field(
        "sqlite:////var/lib/northmeter/ledger.db",
        description="File of the ledger: `sqlite:///` and a path, absolute or from the folder of the settings file.",
    )
    retention: Retention = Field(Retention(), description="How long what is kept.")

    @property
    def path(self) -> Path:
        """The file of the ledger."""
        return Path(self.url.removeprefix(SQLITE))


class Log(Part):
    """What is logged to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is written.")
    format: Literal["console", "json"] = Field("console", description="Lines for people, or one JSON object a line.")


class Settings(Part):
    """Everything that a settings file says."""

    site: Label = Field("default", description="Label on everything that is exported.", examples=["ams1"])
    poll: Poll = Field(Poll(), description="Reading of counters.")
    discovery: Discovery = Field(Discovery(), description="Looking for metering points.")
    sources: Annotated[tuple[NsxtSource, ...], Field(max_length=SOURCES_MAX)] = Field(
        description="APIs that are polled; one at least.", json_schema_extra={"minItems": 1}
    )
    tenants: Annotated[tuple[Tenant, ...], Field(max_length=TENANTS_MAX)] = Field(
        (), description="Who is billed, and for which points."
    )
    ledger: Ledger = Field(Ledger(), description="Where usage is kept.")
    exporters: Exporters = Field(Exporters(), description="Where usage goes.")
    http: Http = Field(Http(), description="What is answered, where and to whom.")
    log: Log = Field(Log(), description="What is logged.")
    attribution: Later | None = Field(
        None, description="Taken and not used by this version, with a warning: attribution by VCD, tags and Projects."
    )
    billing: Later | None = Field(
        None, description="Taken and not used by this version, with a warning: billing periods."
    )
    replication: Later | None = Field(
        None, description="Taken and not used by this version, with a warning: recovery points."
    )

    @classmethod
    def rules(cls, raw: Raw) -> Iterator[Finding]:
        """Return findings about blocks that name each other."""
        if raw.get("sources") in (None, [], ()):
            yield Finding(
                ("sources",), "has no source, so there is nothing to meter; write one at least, of kind: nsxt"
            )
        sources, tenants = list(blocks(raw, "sources")), list(blocks(raw, "tenants"))
        yield from repeated((("sources", position, "name"), one.get("name")) for position, one in sources)
        yield from repeated((("tenants", position, "id"), one.get("id")) for position, one in tenants)
        yield from _unknown_sources(raw, _texts(one.get("name") for _, one in sources))
        yield from overlaps(raw)
        yield from _unknown_tenants(raw, _texts(one.get("id") for _, one in tenants))


def _texts(values: Iterator[object]) -> Sequence[str]:
    return [value for value in values if isinstance(value, str)]


def _unknown_sources(raw: Raw, known: Sequence[str]) -> Iterator[Finding]:
    for position, tenant in blocks(raw, "tenants"):
        for number, point in blocks(tenant, "points"):
            source = point.get("source")
            if isinstance(source, str) and source and source not in known:
                hint = _hint(source, known)
                yield Finding(
                    ("tenants", position, "points", number, "source"),
                    f"{shown(source)} is not the name of a source; {hint}",
                )


def _unknown_tenants(raw: Raw, known: Sequence[str]) -> Iterator[Finding]:
    ids = {*known, UNATTRIBUTED}
    for position, token in blocks(block(raw, "http"), "tokens"):
        listed = token.get("tenants")
        for number, tenant in enumerate(listed if isinstance(listed, list | tuple) else ()):
            if isinstance(tenant, str) and tenant not in ids:
                hint = _hint(tenant, known)
                yield Finding(
                    ("http", "tokens", position, "tenants", number),
                    f"{shown(tenant)} is not the id of a tenant; {hint}",
                )


def _hint(word: str, known: Sequence[str]) -> str:
    """Return the nearest known word; one that came from the environment is shown as it is written, so it names none."""
    return meant(word, [one for one in known if not isinstance(one, Expanded)])
