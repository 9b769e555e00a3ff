"""Readings of what is no router port: VPN sessions, VPCs, transit gateways."""

from __future__ import annotations

import asyncio
from functools import partial

from collector.clock import Clock
from collector.model.identity import Kind, PointKey, ReadAt
from collector.model.period import Instant
from collector.model.sample import Counters, Reading, Row
from collector.ports import PointCall
from collector.sources.answers import Answer, http_date, not_json
from collector.sources.http import HttpClient
from collector.sources.nsxt.endpoints import VERSION_OF_DATED_TRANSIT_GATEWAYS, is_at_least
from collector.sources.nsxt.fields import is_near
from collector.sources.nsxt.options import NsxtOptions
from collector.sources.nsxt.statistics import Malformed
from collector.sources.nsxt.totals import totals
from collector.sources.nsxt.tunnels import TunnelAnswer, ipsec_answer, l2vpn_answer

READ_HERE = frozenset({ReadAt.SESSION, ReadAt.SUMMARY})
"""Where the points are read that this module knows."""

TRANSIT_KINDS = frozenset({Kind.TRANSIT_GATEWAY_EXTERNAL, Kind.TRANSIT_GATEWAY_INTERNAL})

Dated = tuple[Answer, Instant]
"""An answer, and when it came."""


class ExtraClient:
    """Reads them over the shared HTTP client.

    Two points can rest on one request: the external and the internal traffic of a VPC stand in the same answer. Asked
    at the same moment, as the schedule does since their labels are the same, they share it.

    Attributes:
        version: Version of the manager, as far as it is known: answers of older ones lack a time.
    """

    def __init__(self, http: HttpClient, options: NsxtOptions, clock: Clock) -> None:
        self.version: tuple[int, ...] = ()
        self._http = http
        self._counted = options.l2vpn_counters
        self._is_turned = options.l2vpn_in == "egress"
        self._clock = clock
        self._under_way: dict[str, asyncio.Task[Dated]] = {}

    async def stop(self) -> None:
        """Drop what is under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def read(self, point: PointKey, read_at: ReadAt, call: PointCall) -> Reading:
        """Return what a metering point's counters are. Raises SourceError."""
        answer, polled_at = await self._ask(call.target)
        try:
            found = self._answer(point.kind, answer, polled_at, call)
        except Malformed as error:
            raise not_json(answer, f"source {point.source}: {call.path}", str(error)) from error
        return Reading(
            point=point,
            read_at=read_at,
            polled_at=polled_at,
            asked_node=call.node,
            rows=found.rows,
            faults=found.faults,
            state=found.state,
        )

    def _answer(self, kind: Kind, answer: Answer, polled_at: Instant, call: PointCall) -> TunnelAnswer:
        if kind is Kind.IPSEC_VPN:
            return ipsec_answer(answer.body, polled_at, call.node)
        if kind is Kind.L2VPN:
            found = l2vpn_answer(answer.body, _date(answer, polled_at), polled_at, call.node, self._counted)
            return found._replace(rows=tuple(map(_turned, found.rows))) if self._is_turned else found
        undated = kind in TRANSIT_KINDS and not is_at_least(self.version, VERSION_OF_DATED_TRANSIT_GATEWAYS)
        rows, faults = totals(answer.body, kind, polled_at, _date(answer, polled_at) if undated else None)
        return TunnelAnswer(rows, faults)

    async def _ask(self, target: str) -> Dated:
        """Return the answer to a request, perhaps to one that another point sent a moment ago. Raises SourceError."""
        task = self._under_way.get(target)
        if task is None:
            task = asyncio.create_task(self._get(target), name=f"read {target.partition('?')[0]}")
            self._under_way[target] = task
            task.add_done_callback(partial(self._forget, target))
        # One point that gives up must not take the answer from the other.
        return await asyncio.shield(task)

    async def _get(self, target: str) -> Dated:
        answer = await self._http.get(target)
        return answer, self._clock.now()

    def _forget(self, target: str, task: asyncio.Task[Dated]) -> None:
        self._under_way.pop(target, None)
        if not task.cancelled():
            # Those who waited have it; where nobody waits any more, the next poll meets it again.
            task.exception()


def _date(answer: Answer, polled_at: Instant) -> Instant:
    """Return the time of an answer that has none of its own: the manager's clock, or ours where it says none."""
    at = http_date(answer.headers.get("Date", ""))
    return at if at is not None and is_near(at, polled_at) else polled_at


def _turned(row: Row) -> Row:
    """Return a row whose ``bytes_in`` left the tenant."""
    rx_bytes, tx_bytes, rx_packets, tx_packets, rx_dropped, tx_dropped = row.sample.counters
    counters = Counters(tx_bytes, rx_bytes, tx_packets, rx_packets, tx_dropped, rx_dropped)
    return row._replace(sample=row.sample._replace(counters=counters))
