"""Statistics answers to rows. A counter is a whole number or it is lacking; one bad row costs no other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeAlias, TypeVar

import msgspec

from collector.model.identity import SUMMARY_NODE
from collector.model.period import Instant
from collector.model.sample import COUNTER_MAX, Counters, Row, Sample

INSTANT_MAX: Instant = 253_402_300_799_999
"""The last millisecond of the year 9999: a time beyond it is no time."""

CLOCK_DIFFERENCE_MS_MAX = 366 * 86_400_000
"""Farthest that a sample's time may lie from ours, in milliseconds. Managers' clocks differ, dead nodes keep old
times; but one
garbled time in the year 9999 would spread a delta over a billion slots and make every true sample look old."""

FAULTS_MAX = 20
"""Faults told of one answer; more of them say nothing new."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding foreign bytes may raise; the last one for lists in lists without end."""

Counter: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""What NSX documents (int64), checked while decoding. A row with anything else is read again the slow way."""

Time: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=INSTANT_MAX)]
"""Milliseconds since the epoch, in the bounds that are checked while decoding."""


class PortCounters(msgspec.Struct, gc=False):
    """One direction of a port. Source: NSX type LogicalRouterPortCounters."""

    total_bytes: Counter | None = None
    total_packets: Counter | None = None
    dropped_packets: Counter | None = None


NOTHING = PortCounters()


class NodeRow(msgspec.Struct, gc=False):
    """One edge node's row. Source: NSX type LogicalRouterPortStatisticsPerNode; every field may lack."""

    transport_node_id: str | None = None
    last_update_timestamp: Time | None = None
    rx: PortCounters | None = None
    tx: PortCounters | None = None


class PerNodeAnswer(msgspec.Struct, gc=False):
    """Source: NSX type PolicyInterfaceStatistics."""

    logical_router_port_id: str | None = None
    per_node_statistics: list[NodeRow] | None = None


class SummaryAnswer(msgspec.Struct, gc=False):
    """Source: NSX type PolicyInterfaceStatisticsSummary; the id is empty for an active-active Tier-1."""

    logical_router_port_id: str | None = None
    last_update_timestamp: Time | None = None
    rx: PortCounters | None = None
    tx: PortCounters | None = None


class Malformed(ValueError):
    """The answer as a whole is not what was promised; the message says why."""


_PER_NODE = msgspec.json.Decoder(PerNodeAnswer)
_SUMMARY = msgspec.json.Decoder(SummaryAnswer)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_INTEGER = msgspec.json.Decoder(int | None)
_TEXT = msgspec.json.Decoder(str | None)

T = TypeVar("T")

_new = tuple.__new__
"""Makes a record of its fields in half the time that the record's own constructor takes; there are three a row."""


def per_node_rows(body: bytes, polled_at: Instant, fallback_node: str | None) -> tuple[tuple[Row, ...], list[str]]:
    """Return the rows of a per-node answer, and what was wrong with single fields and rows.

    A row without ``transport_node_id`` belongs to ``fallback_node``; of several such rows nobody can say whose they
    are, so they are left out. A missing time is 0, a missing counter ``None``.

    Args:
        body: The JSON of a PolicyInterfaceStatistics.
        polled_at: When we asked.
        fallback_node: The node asked for, or the one that the interface lives on.
    Raises:
        Malformed: It is no such object.
    Source: accounting rules, sections 1 and 2.
    """
    try:
        answer = _PER_NODE.decode(body)
    except UNREADABLE:
        return _loose_per_node(body, polled_at, fallback_node)
    listed = answer.per_node_statistics
    if listed is None:
        if answer.logical_router_port_id is None:
            raise Malformed("it has neither logical_router_port_id nor per_node_statistics")
        return (), []
    port = answer.logical_router_port_id or ""
    faults: list[str] = []
    rows = []
    nameless = 0
    for listed_row in listed:
        node = listed_row.transport_node_id
        if not node:
            nameless += 1
            node = fallback_node
            if not node:
                faults.append("a row has no transport_node_id, and none was asked for")
                continue
        at = _timely(listed_row.last_update_timestamp or 0, polled_at, node, faults)
        sample = _new(Sample, (at, polled_at, _counters(listed_row.rx, listed_row.tx)))
        rows.append(_new(Row, (port, node, sample)))
    if nameless > 1 and fallback_node:
        named = {row.transport_node_id for row in listed}
        faults.append(f"{nameless} rows have no transport_node_id; nobody can say whose they are")
        rows = [row for row in rows if row.node in named]
    return tuple(rows), faults[:FAULTS_MAX]


def summary_row(body: bytes, polled_at: Instant) -> tuple[tuple[Row, ...], list[str]]:
    """Return the one row of a summary answer, with the node ``summary``, and what was wrong with its fields.

    Raises:
        Malformed: It is no such object.
    """
    try:
        answer = _SUMMARY.decode(body)
    except UNREADABLE:
        return _loose_summary(body, polled_at)
    if answer.logical_router_port_id is None and answer.rx is None and answer.tx is None:
        raise Malformed("it has neither logical_router_port_id nor rx nor tx")
    faults: list[str] = []
    at = _timely(answer.last_update_timestamp or 0, polled_at, SUMMARY_NODE, faults)
    sample = Sample(at, polled_at, _counters(answer.rx, answer.tx))
    return (Row(answer.logical_router_port_id or "", SUMMARY_NODE, sample),), faults


def _counters(rx: PortCounters | None, tx: PortCounters | None) -> Counters:
    if rx is None or tx is None:
        rx, tx = rx or NOTHING, tx or NOTHING
    six = (
        rx.total_bytes,
        tx.total_bytes,
        rx.total_packets,
        tx.total_packets,
        rx.dropped_packets,
        tx.dropped_packets,
    )
    return _new(Counters, six)


def _timely(at: Instant, polled_at: Instant, node: str, faults: list[str]) -> Instant:
    """Return a sample's time, or 0, which is none, where it lies too far from ours to be one."""
    if -CLOCK_DIFFERENCE_MS_MAX <= at - polled_at <= CLOCK_DIFFERENCE_MS_MAX or not at:
        return at
    faults.append(f"node {node}: last_update_timestamp {at} lies more than a year from our time; taken as lacking")
    return 0


def _repaired(at: int, counters: Counters, node: str, faults: list[str]) -> tuple[Instant, Counters]:
    """Take each value that cannot be for a lacking one, and say so."""
    if not 0 <= at <= INSTANT_MAX:
        faults.append(f"node {node}: last_update_timestamp {at} is no time in milliseconds; taken as lacking")
        at = 0
    values = []
    for name, value in zip(Counters._fields, counters, strict=True):
        fits = value is None or 0 <= value <= COUNTER_MAX
        if not fits:
            faults.append(f"node {node}: {name} is no whole number from 0 to 2^64 - 1; taken as lacking")
        values.append(value if fits else None)
    return at, Counters(*values)


# --- the slow way, for answers that have a wrong type somewhere ------------------------------------------------------


def _loose_per_node(body: bytes, polled_at: Instant, fallback_node: str | None) -> tuple[tuple[Row, ...], list[str]]:
    answer = _object(body)
    faults: list[str] = []
    port = _field(answer, "logical_router_port_id", _TEXT, "answer", faults) or ""
    try:
        listed = _LIST.decode(answer.get("per_node_statistics", b"[]"))
    except UNREADABLE as error:
        raise Malformed("per_node_statistics is no list") from error
    read = [_loose_row(raw, port, polled_at, faults) for raw in listed]
    nameless = sum(1 for row in read if row is not None and not row.node)
    rows = []
    for row in read:
        if row is None:
            continue
        if row.node:
            rows.append(row)
        elif fallback_node and nameless == 1:
            rows.append(row._replace(node=fallback_node))
        else:
            faults.append("a row has no readable transport_node_id; nobody can say whose it is")
    return tuple(rows), faults[:FAULTS_MAX]


def _loose_row(raw: msgspec.Raw, port: str, polled_at: Instant, faults: list[str]) -> Row | None:
    try:
        fields = _OBJECT.decode(raw)
    except UNREADABLE:
        faults.append("a row is no object; left out")
        return None
    node = _field(fields, "transport_node_id", _TEXT, "row", faults) or ""
    return Row(port, node, _loose_sample(fields, node or "without id", polled_at, faults))


def _loose_summary(body: bytes, polled_at: Instant) -> tuple[tuple[Row, ...], list[str]]:
    fields = _object(body)
    if not fields.keys() & {"logical_router_port_id", "rx", "tx"}:
        raise Malformed("it has neither logical_router_port_id nor rx nor tx")
    faults: list[str] = []
    port = _field(fields, "logical_router_port_id", _TEXT, "answer", faults) or ""
    return (Row(port, SUMMARY_NODE, _loose_sample(fields, SUMMARY_NODE, polled_at, faults)),), faults[:FAULTS_MAX]


def _loose_sample(fields: Mapping[str, msgspec.Raw], node: str, polled_at: Instant, faults: list[str]) -> Sample:
    where = f"node {node}"
    at = _field(fields, "last_update_timestamp", _INTEGER, where, faults) or 0
    counters = _counters(_loose_counters(fields, "rx", where, faults), _loose_counters(fields, "tx", where, faults))
    at, counters = _repaired(at, counters, node, faults)
    return Sample(_timely(at, polled_at, node, faults), polled_at, counters)


def _loose_counters(fields: Mapping[str, msgspec.Raw], name: str, where: str, faults: list[str]) -> PortCounters:
    try:
        values = _OBJECT.decode(fields.get(name, b"{}"))
    except UNREADABLE:
        if bytes(fields[name]) != b"null":
            faults.append(f"{where}: {name} is no object; its counters are taken as lacking")
        return NOTHING
    return PortCounters(
        *(_field(values, key, _INTEGER, f"{where} {name}", faults) for key in PortCounters.__struct_fields__)
    )


def _object(body: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _OBJECT.decode(body)
    except UNREADABLE as error:
        raise Malformed(str(error)) from error


def _field(
    fields: Mapping[str, msgspec.Raw], name: str, decoder: msgspec.json.Decoder[T | None], where: str, faults: list[str]
) -> T | None:
    try:
        return decoder.decode(fields.get(name, b"null"))
    except UNREADABLE as error:
        faults.append(f"{where}: {name}: {error}; taken as lacking")
        return None
