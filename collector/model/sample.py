"""What a source says: samples of counters, and readings of metering points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from collector.model.identity import PointKey, ReadAt
from collector.model.period import Instant

COUNTER_MAX = 2**64 - 1
"""Greatest value that a counter can have; NSX documents int64, other generations count unsigned."""


class Counters(NamedTuple):
    """Six counters of a router port, seen from the router: rx enters it, tx leaves it.

    ``None`` is a counter that the row lacked, which is never zero. Bytes and packets are whole numbers.
    Source: NSX type LogicalRouterPortCounters.
    """

    rx_bytes: int | None = None
    tx_bytes: int | None = None
    rx_packets: int | None = None
    tx_packets: int | None = None
    rx_dropped: int | None = None
    tx_dropped: int | None = None


class Sample(NamedTuple):
    """One reading of one series.

    Attributes:
        at: The device's time, ``last_update_timestamp``; 0 where the row had none.
        polled_at: When we asked.
        counters: What it counted since the port's creation or its node's restart.
    """

    at: Instant
    polled_at: Instant
    counters: Counters


class Row(NamedTuple):
    """One row of an answer: a sample with the port and node that it belongs to.

    Attributes:
        port: ``logical_router_port_id``, perhaps empty.
        node: ``transport_node_id``, the node asked for where the row lacks it, or ``summary``.
        sample: The reading.
    """

    port: str
    node: str
    sample: Sample


class Reading(NamedTuple):
    """One good answer about one metering point.

    Attributes:
        point: The metering point.
        read_at: Which end was read.
        polled_at: When we asked.
        asked_node: The only node that the answer speaks of, or ``None`` when it lists every node of the point.
        rows: What it listed, perhaps nothing.
        faults: Fields and rows that were not what the API promises, in words; what they spoil is lacking in ``rows``.
        state: State of a tunnel, ``UP`` or ``DOWN`` or another word of the source; ``None`` where there is none.
    """

    point: PointKey
    read_at: ReadAt
    polled_at: Instant
    asked_node: str | None
    rows: tuple[Row, ...]
    faults: tuple[str, ...] = ()
    state: str | None = None


# --- sources of rates ------------------------------------------------------------------------------------------------


class RateSample(NamedTuple):
    """What a source counted over one interval, where it gives rates instead of counters; it is booked once.

    Attributes:
        at: End of the interval: the sample's own timestamp.
        interval_ms: Its length, from the same answer.
        rx_bytes: Bytes received over the interval, made of the rate: docs/accounting.md, section 8.
        tx_bytes: Bytes sent.
    """

    at: Instant
    interval_ms: int
    rx_bytes: int
    tx_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RateReading:
    """One good answer about the intervals of one metering point; samples of earlier answers may be among them.

    Attributes:
        point: The metering point.
        polled_at: When we asked.
        samples: In order of time, perhaps none.
        held_since: The oldest instant that the answer could have shown: what lies before it and was never seen is lost.
        faults: Fields and samples that were not what the API promises, in words.
    """

    point: PointKey
    polled_at: Instant
    samples: tuple[RateSample, ...]
    held_since: Instant
    faults: tuple[str, ...] = ()
