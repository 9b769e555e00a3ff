"""Statistics of VPCs and transit gateways to rows: sums over their nodes, external and internal traffic apart."""

from __future__ import annotations

from collector.model.identity import SUMMARY_NODE, Kind
from collector.model.period import Instant
from collector.model.sample import Counters, Row, Sample
from collector.sources.nsxt.fields import Fields, fields_of
from collector.sources.nsxt.statistics import Malformed

SPLIT_PARTS = ("external_traffic", "internal_traffic")

PART_OF_KIND = {
    Kind.VPC_EXTERNAL: SPLIT_PARTS[0],
    Kind.VPC_INTERNAL: SPLIT_PARTS[1],
    Kind.TRANSIT_GATEWAY_EXTERNAL: SPLIT_PARTS[0],
    Kind.TRANSIT_GATEWAY_INTERNAL: SPLIT_PARTS[1],
}
"""Which part of an answer a metering point is; the other kind, ``vpc``, is the whole of an older one."""


def totals(body: bytes, kind: Kind, polled_at: Instant, at: Instant | None) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """Return the row of a VPC's or transit gateway's traffic of one kind, and what was wrong with its fields.

    The counters are the gateway's toward the outside: rx came in from outside and is the tenant's ingress, tx is its
    egress. That is inferred from what rx and tx mean everywhere else; no documentation of these types says it. An
    object without traffic of that kind (a VPC that is not connected to the outside) has no row.

    Args:
        body: The JSON of a VpcStatistics, a TransitGatewayStatistics, or of the older sum of a VPC.
        kind: Which traffic.
        polled_at: When we asked.
        at: The time of the sample where the answer has none, or ``None`` where it must have one.
    Raises:
        Malformed: It is no such object.
    Source: NSX types VpcStatistics, TransitGatewayStatistics, ServiceGatewayCounterCommon.
    """
    answer = fields_of(body)
    name = PART_OF_KIND.get(kind)
    if name is None:
        if "rx" not in answer and "tx" not in answer and "last_update_timestamp" not in answer:
            raise Malformed("it has neither rx nor tx nor last_update_timestamp")
        part = answer
    else:
        if not any(each in answer for each in SPLIT_PARTS):
            raise Malformed(f"it has neither {SPLIT_PARTS[0]} nor {SPLIT_PARTS[1]}")
        if name not in answer:
            return (), tuple(answer.faults)
        part = answer.object(name)
    time = part.time("last_update_timestamp", polled_at)
    if not time and at is not None:
        time = at
    counters = _counters(part.object("rx"), part.object("tx"))
    return (Row("", SUMMARY_NODE, Sample(time, polled_at, counters)),), tuple(answer.faults)


def _counters(rx: Fields, tx: Fields) -> Counters:
    return Counters(
        rx.counter("total_bytes"),
        tx.counter("total_bytes"),
        rx.counter("total_packets"),
        tx.counter("total_packets"),
        rx.counter("dropped_packets"),
        tx.counter("dropped_packets"),
    )
