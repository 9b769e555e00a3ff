"""Every metric, declared once: name, type, unit, help and labels. Docs, dashboards and code rest on this list."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class MetricType(StrEnum):
    """Types of the exposition formats."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


class Metric(NamedTuple):
    """Declaration of a metric.

    Attributes:
        name: As the classic text format shows it, ``_total`` and ``_info`` included.
        type: Its type.
        unit: Base unit, which the name ends in (before ``_total``), or an empty string.
        help: What it says, in one line.
        labels: Names of its labels, in order.
    """

    name: str
    type: MetricType
    unit: str
    help: str
    labels: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """The name without the suffix of its type, as OpenMetrics declares it."""
        suffix = {MetricType.COUNTER: "_total", MetricType.INFO: "_info"}.get(self.type, "")
        return self.name.removesuffix(suffix)


_COUNTER, _GAUGE, _HISTOGRAM = MetricType.COUNTER, MetricType.GAUGE, MetricType.HISTOGRAM

TENANT_LABELS: Final = ("site", "tenant", "kind", "direction")

TENANT_BYTES = Metric(
    "northmeter_tenant_bytes_total",
    _COUNTER,
    "bytes",
    "Bytes ever booked to a tenant, per kind of point.",
    TENANT_LABELS,
)
TENANT_PACKETS = Metric(
    "northmeter_tenant_packets_total",
    _COUNTER,
    "packets",
    "Packets ever booked to a tenant, per kind of point.",
    TENANT_LABELS,
)
TENANT_DROPPED = Metric(
    "northmeter_tenant_dropped_packets_total",
    _COUNTER,
    "packets",
    "Packets that the routers of a tenant ever dropped, per kind of point.",
    TENANT_LABELS,
)
POINT_BYTES = Metric(
    "northmeter_point_bytes_total",
    _COUNTER,
    "bytes",
    "Bytes ever booked to a tenant at one metering point.",
    ("site", "source", "tenant", "kind", "point", "direction"),
)

POLL_DURATION = Metric(
    "northmeter_poll_duration_seconds", _HISTOGRAM, "seconds", "Time that one call of a poll took.", ("source",)
)
POLLS = Metric("northmeter_polls_total", _COUNTER, "", "Calls of polls, by how they ended.", ("source", "outcome"))
READING_AGE = Metric(
    "northmeter_reading_age_seconds",
    _GAUGE,
    "seconds",
    "Age of the newest sample of the point that lags most behind, by the time of the device.",
    ("source", "kind"),
)
SAMPLES_DROPPED = Metric(
    "northmeter_samples_dropped_total",
    _COUNTER,
    "",
    "Readings that were not stored; the next readings prove what they did.",
    ("reason",),
)
BUDGET_USED = Metric(
    "northmeter_request_budget_used_ratio",
    _GAUGE,
    "ratio",
    "Share of a source's request budget that the last second used.",
    ("source",),
)
EVENTS = Metric("northmeter_events_total", _COUNTER, "", "Events ever recorded in the ledger.", ("source", "event"))
QUARANTINED = Metric(
    "northmeter_quarantined_bytes",
    _GAUGE,
    "bytes",
    "Bytes of a tenant that wait in quarantine for a person, both directions.",
    ("tenant",),
)
UNATTRIBUTED = Metric(
    "northmeter_unattributed_points", _GAUGE, "", "Metering points that are read and belong to no tenant."
)

DISCOVERY_DURATION = Metric(
    "northmeter_discovery_duration_seconds", _HISTOGRAM, "seconds", "Time that one discovery took.", ("source",)
)
DISCOVERIES = Metric(
    "northmeter_discoveries_total", _COUNTER, "", "Discoveries, by how they ended.", ("source", "outcome")
)
INVENTORY_AGE = Metric(
    "northmeter_inventory_age_seconds", _GAUGE, "seconds", "Age of the last complete inventory.", ("source",)
)
POINTS = Metric("northmeter_points", _GAUGE, "", "Metering points of the newest inventory.", ("source", "kind"))

MAP_AGE = Metric(
    "northmeter_map_age_seconds",
    _GAUGE,
    "seconds",
    "Age of the map in force that a cloud director gave: whose gateways and networks are.",
    ("source",),
)
GATEWAY_REMAINDER = Metric(
    "northmeter_gateway_remainder_bytes",
    _GAUGE,
    "bytes",
    "Uplinks and service interfaces of a Tier-0 minus the links under it, in the last full hour; absent where some "
    "part of it was not covered. Traffic between tenants passes links and no uplink, and makes it negative.",
    ("source", "gateway", "direction"),
)
TUNNEL_UP = Metric(
    "northmeter_tunnel_up",
    _GAUGE,
    "",
    "1 when a tunnel carries traffic, 0 in every other state; absent where the source tells no state.",
    ("source", "tenant", "kind", "point"),
)
IP_ADDRESSES = Metric(
    "northmeter_ip_addresses",
    _GAUGE,
    "",
    "Addresses that a tenant holds in an IP Space or on an uplink, by the newest map; a prefix counts "
    "all its addresses.",
    ("source", "tenant", "space", "type", "state"),
)
IP_QUOTA = Metric(
    "northmeter_ip_quota",
    _GAUGE,
    "",
    "Floating addresses, or prefixes of a length, that a tenant may hold in an IP Space; absent without a cap.",
    ("source", "tenant", "space", "type", "prefix_length"),
)
IP_QUOTA_USED = Metric(
    "northmeter_ip_quota_used",
    _GAUGE,
    "",
    "Floating addresses, or prefixes of a length, that a tenant holds of such a quota.",
    ("source", "tenant", "space", "type", "prefix_length"),
)

LEDGER_WRITABLE = Metric("northmeter_ledger_writable", _GAUGE, "", "1 when the ledger takes transactions, 0 when not.")
LEDGER_SIZE = Metric("northmeter_ledger_size_bytes", _GAUGE, "bytes", "Size of the ledger on disk, its log included.")
LEDGER_COMMIT_DURATION = Metric(
    "northmeter_ledger_commit_duration_seconds", _HISTOGRAM, "seconds", "Time that one transaction took."
)
LEDGER_ERRORS = Metric(
    "northmeter_ledger_errors_total", _COUNTER, "", "Transactions and questions that the ledger could not take."
)
LEDGER_OUTBOX = Metric(
    "northmeter_ledger_outbox_rows", _GAUGE, "", "Publications that some exporter has not confirmed."
)

EXPORT_LAG = Metric(
    "northmeter_export_lag_seconds",
    _GAUGE,
    "seconds",
    "Age of the oldest publication that the destination has not confirmed; 0 without one.",
    ("exporter",),
)
EXPORT_PARKED = Metric(
    "northmeter_export_parked_lines",
    _GAUGE,
    "",
    "Lines that were set aside because the destination refused them as wrong.",
    ("exporter",),
)
EXPORT_REQUESTS = Metric(
    "northmeter_export_requests_total",
    _COUNTER,
    "",
    "Sendings to a destination, by how they ended.",
    ("exporter", "outcome"),
)
EXPORT_LINES = Metric(
    "northmeter_export_lines_total",
    _COUNTER,
    "",
    "Lines that a destination confirmed, repeats included.",
    ("exporter",),
)

CONFIG_RELOADS = Metric(
    "northmeter_config_reload_total", _COUNTER, "", "Times that the settings were read again.", ("outcome",)
)
CONFIG_RELOAD_OK = Metric(
    "northmeter_config_last_reload_successful",
    _GAUGE,
    "",
    "1 when the settings that were read last are in force, else 0.",
)
INFO = Metric("northmeter_info", MetricType.INFO, "", "The running daemon.", ("version",))

USAGE: Final = (TENANT_BYTES, TENANT_PACKETS, TENANT_DROPPED, POINT_BYTES)
"""What is written straight from the ledger's totals: whole numbers, digit by digit, that outgrow a double."""

ALL: Final[tuple[Metric, ...]] = (
    TENANT_BYTES,
    TENANT_PACKETS,
    TENANT_DROPPED,
    POINT_BYTES,
    QUARANTINED,
    UNATTRIBUTED,
    EVENTS,
    POLLS,
    POLL_DURATION,
    READING_AGE,
    SAMPLES_DROPPED,
    BUDGET_USED,
    DISCOVERIES,
    DISCOVERY_DURATION,
    INVENTORY_AGE,
    MAP_AGE,
    POINTS,
    GATEWAY_REMAINDER,
    TUNNEL_UP,
    IP_ADDRESSES,
    IP_QUOTA,
    IP_QUOTA_USED,
    LEDGER_WRITABLE,
    LEDGER_SIZE,
    LEDGER_COMMIT_DURATION,
    LEDGER_ERRORS,
    LEDGER_OUTBOX,
    EXPORT_LAG,
    EXPORT_PARKED,
    EXPORT_REQUESTS,
    EXPORT_LINES,
    CONFIG_RELOADS,
    CONFIG_RELOAD_OK,
    INFO,
)
