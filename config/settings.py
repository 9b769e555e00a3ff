"""The settings as a whole, and the blocks that are too small for a file of their own.

Keys that carry a unit are written ``interval: 60s`` and held as whole numbers in one base unit, which the attribute's
name says: ``poll.interval_ms``, ``poll.max_rate_bits``, ``source.answer_max_bytes``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from config.addresses import SQLITE, LedgerUrl
from config.attribution import Attribution
from config.http import Http, Token
from config.leaves import Label, Later, Rate, duration, duration_or_off, share
from config.outputs import Exporters, InfluxDb, Prometheus
from config.overlaps import overlaps
from config.part import Part, Raw, blocks, repeated
from config.references import nothing_to_meter, references
from config.secret import Secret
from config.sources import AnySource, NsxtSource, NsxvSource, VcdSource
from config.tenants import Point, Tenant
from config.tls import ClientTls, ServerTls
from config.units import DURATION
from config.words import Finding, shown

__all__ = [
    "AnySource",
    "Attribution",
    "ClientTls",
    "Discovery",
    "Exporters",
    "Http",
    "InfluxDb",
    "Ledger",
    "Log",
    "NsxtSource",
    "NsxvSource",
    "Point",
    "Poll",
    "Prometheus",
    "Retention",
    "Secret",
    "ServerTls",
    "Settings",
    "Tenant",
    "Token",
    "VcdSource",
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
    compare_ends_ms: Annotated[int, duration_or_off("1m", "7d")] = Field(
        30 * 60_000,
        alias="compare_ends",
        description="Time between two comparisons of both ends of a Tier-0/Tier-1 link; `off` for none.",
    )
    imbalance_ppm: Annotated[int, share("0.01%", "100%")] = Field(
        20_000,
        alias="imbalance",
        description="Share by which the ends of a link may differ; beyond it an event says so.",
    )
    remainder_ppm: Annotated[int, share("0.01%", "100%")] = Field(
        50_000,
        alias="remainder",
        description="Share of a Tier-0's uplinks that links and interfaces under it may leave unexplained in an hour; "
        "beyond it an event says so.",
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
    sources: Annotated[tuple[AnySource, ...], Field(max_length=SOURCES_MAX)] = Field(
        description="APIs that are polled; one at least of kind `nsxt` or `nsxv`.", json_schema_extra={"minItems": 1}
    )
    tenants: Annotated[tuple[Tenant, ...], Field(max_length=TENANTS_MAX)] = Field(
        (), description="Who is billed, and for which points."
    )
    attribution: Attribution = Field(Attribution(), description="Whose the metering points are.")
    ledger: Ledger = Field(Ledger(), description="Where usage is kept.")
    exporters: Exporters = Field(Exporters(), description="Where usage goes.")
    http: Http = Field(Http(), description="What is answered, where and to whom.")
    log: Log = Field(Log(), description="What is logged.")
    billing: Later | None = Field(
        None, description="Taken and not used by this version, with a warning: billing periods."
    )
    replication: Later | None = Field(
        None, description="Taken and not used by this version, with a warning: recovery points."
    )

    @property
    def nsxt_sources(self) -> tuple[NsxtSource, ...]:
        """The sources of kind ``nsxt``, in the order of the file."""
        return tuple(one for one in self.sources if isinstance(one, NsxtSource))

    @property
    def vcd_sources(self) -> tuple[VcdSource, ...]:
        """The sources of kind ``vcd``, in the order of the file."""
        return tuple(one for one in self.sources if isinstance(one, VcdSource))

    @property
    def nsxv_sources(self) -> tuple[NsxvSource, ...]:
        """The sources of kind ``nsxv``, in the order of the file."""
        return tuple(one for one in self.sources if isinstance(one, NsxvSource))

    def director_of(self, source: NsxvSource) -> VcdSource | None:
        """Return the source through which an NSX-V source asks, or ``None`` where it has addresses of its own."""
        return next((one for one in self.vcd_sources if one.name == source.via_vcd), None)

    @classmethod
    def rules(cls, raw: Raw) -> Iterator[Finding]:
        """Return findings about blocks that name each other."""
        yield from nothing_to_meter(raw)
        sources, tenants = blocks(raw, "sources"), blocks(raw, "tenants")
        yield from repeated((("sources", position, "name"), one.get("name")) for position, one in sources)
        yield from repeated((("tenants", position, "id"), one.get("id")) for position, one in tenants)
        yield from references(raw)
        yield from overlaps(raw)
