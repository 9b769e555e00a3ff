"""Statistics of VPN sessions to rows and states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from collector.errors import ResponseInvalid, SourceError, SourceUnavailable
from collector.model.period import Instant
from collector.model.sample import Counters, Row, Sample
from collector.sources.answers import EXCERPT_CHARACTERS
from collector.sources.nsxt.endpoints import enforcement_point_name
from collector.sources.nsxt.fields import Fields, fields_of
from collector.sources.nsxt.options import L2vpnCounters
from collector.sources.nsxt.statistics import Malformed

IPSEC_PORT = "ipsec"
"""The port of an IPsec session's series: the sum over its tunnels."""

UP, DOWN, DEGRADED = "UP", "DOWN", "DEGRADED"
"""States of a session, made of its IKE session's and its tunnels' as NSX itself makes ``session_status``: all up, all
down, or neither. Source: NSX type IPSecVPNSessionStatus."""

ALARMS_FOR_GOOD = ("INVALID", "UNSUPPORTED", "NOT_SUPPORTED", "BAD_REQUEST", "MALFORMED")
"""Words in an alarm's ``error_id`` that asking again does not change. Its values are documented nowhere, so any other
one counts as passing."""


class TunnelAnswer(NamedTuple):
    """What an answer says of a session: rows, what was wrong with it, and the state."""

    rows: tuple[Row, ...]
    faults: tuple[str, ...]
    state: str | None = None


def l2vpn_answer(
    body: bytes, at: Instant, polled_at: Instant, node: str | None, counted: L2vpnCounters
) -> TunnelAnswer:
    """Return the counters of an L2VPN session: one row for each tunnel port, or for each segment.

    Tunnel ports have no name, so their place in the list is it: ``tap-0``. ``bytes_in`` becomes rx, ``bytes_out`` tx,
    errors become drops.

    Args:
        body: The JSON of an AggregateL2VPNSessionStatistics.
        at: The time of the sample, since the answer has none.
        polled_at: When we asked.
        node: The enforcement point that was asked, or ``None`` for all.
        counted: Which of the two lists is read; they count the same bytes.
    Raises:
        Malformed: It is no such object.
        SourceUnavailable: The enforcement point could not be asked: it says ``alarm`` instead of numbers.
        ResponseInvalid: The same, and asking again would not change it.
    Source: NSX types L2VPNSessionStatisticsNsxT, L2VPNTapTrafficCounters, L2VPNTrafficStatisticsPerSegment.
    """
    rows: list[Row] = []
    answer = fields_of(body)
    for where, result in _results(answer, node):
        if counted == "taps":
            named = [(f"tap-{number}", each) for number, each in enumerate(result.objects("tap_traffic_counters"))]
        else:
            segments = result.objects("traffic_statistics_per_segment")
            named = [(each.text("segment_path"), each) for each in segments]
        for port, each in named:
            if port:
                counters = _counters(each, "packets_receive_error", "packets_sent_error")
                rows.append(Row(port, where, Sample(at, polled_at, counters)))
    return TunnelAnswer(_once(rows, answer.faults), tuple(answer.faults))


def ipsec_answer(body: bytes, polled_at: Instant, node: str | None) -> TunnelAnswer:
    """Return the counters of an IPsec session, summed over its tunnels, and its state.

    Args:
        body: The JSON of an AggregateIPSecVpnSessionStatistics.
        polled_at: When we asked.
        node: The enforcement point that was asked, or ``None`` for all.
    Raises:
        Malformed: It is no such object.
        SourceUnavailable: The enforcement point could not be asked: it says ``alarm`` instead of numbers.
        ResponseInvalid: The same, and asking again would not change it.
    Source: NSX types IPSecVpnSessionStatisticsNsxT, IPSecVpnTrafficCounters, IPSecVpnIkeSessionStatus.
    """
    rows: list[Row] = []
    states: list[str] = []
    answer = fields_of(body)
    for where, result in _results(answer, node):
        counters = _counters(result.object("aggregate_traffic_counters"), "dropped_packets_in", "dropped_packets_out")
        at = result.time("last_update_timestamp", polled_at)
        rows.append(Row(IPSEC_PORT, where, Sample(at, polled_at, counters)))
        states.extend(_states(result))
    return TunnelAnswer(_once(rows, answer.faults), tuple(answer.faults), _state(states))


# --- enforcement points ----------------------------------------------------------------------------------------------


def _results(answer: Fields, node: str | None) -> list[tuple[str, Fields]]:
    """Return what each enforcement point said, with its name.

    Of an answer about one of them, the only result is that one's, however it calls itself: a Global Manager and its
    sites have different paths for it.
    """
    if "results" not in answer and "intent_path" not in answer:
        raise Malformed("it has neither results nor intent_path")
    found: list[tuple[str, Fields]] = []
    listed = answer.objects("results")
    for result in listed:
        path = result.text("enforcement_point_path")
        name = enforcement_point_name(path) if path else node or ""
        if node is not None and (len(listed) == 1 or name == node):
            name = node
        elif node is not None:
            continue
        found.append((name, result.at(f"enforcement point {name or 'without path'}:")))
    return _without_alarms(found, answer.faults)


def _without_alarms(found: list[tuple[str, Fields]], faults: list[str]) -> list[tuple[str, Fields]]:
    """Return the results that have no alarm; where none is left, the alarm is the answer."""
    good: list[tuple[str, Fields]] = []
    alarms: list[SourceError] = []
    for name, result in found:
        if "alarm" in result:
            alarms.append(_alarm(name, result.object("alarm")))
        else:
            good.append((name, result))
    if alarms and not good:
        raise alarms[0]
    faults.extend(str(alarm) for alarm in alarms)
    return good


def _alarm(name: str, alarm: Fields) -> SourceError:
    """Return what an alarm means: status 200, and no numbers. Source: NSX type PolicyRuntimeAlarm."""
    error_id = alarm.text("error_id")
    message = " ".join(alarm.text("message").split())[: 2 * EXCERPT_CHARACTERS]
    words = f"enforcement point {name}: alarm {error_id[:EXCERPT_CHARACTERS] or 'without id'} instead of statistics"
    words += f": {message}" if message else ""
    is_for_good = any(word in error_id.upper().replace(" ", "_") for word in ALARMS_FOR_GOOD)
    return ResponseInvalid(words) if is_for_good else SourceUnavailable(words)


def _once(rows: list[Row], faults: list[str]) -> tuple[Row, ...]:
    """Return the rows without those that share a series: nobody can say which of them counts."""
    seen = Counter((row.port, row.node) for row in rows)
    doubles = {key for key, count in seen.items() if count > 1}
    faults.extend(f"several rows of {port} at {node or 'no enforcement point'}; left out" for port, node in doubles)
    return tuple(row for row in rows if (row.port, row.node) not in doubles)


# --- counters and states ---------------------------------------------------------------------------------------------


def _counters(fields: Fields, dropped_in: str, dropped_out: str) -> Counters:
    return Counters(
        fields.counter("bytes_in"),
        fields.counter("bytes_out"),
        fields.counter("packets_in"),
        fields.counter("packets_out"),
        fields.counter(dropped_in),
        fields.counter(dropped_out),
    )


def _states(result: Fields) -> Iterable[str]:
    """Yield the state of the IKE session and of each tunnel, as far as the answer has them."""
    ike = result.value("ike_status")
    if not isinstance(ike, str):
        ike = result.object("ike_status").text("ike_session_state")
    if ike:
        yield ike.upper()
    for policy in result.objects("policy_statistics"):
        for tunnel in policy.objects("tunnel_statistics"):
            state = tunnel.text("tunnel_status")
            if state:
                yield state.upper()


def _state(states: list[str]) -> str | None:
    """Return one state for all: theirs where they agree, else ``DEGRADED``; ``None`` where nothing is known."""
    if not states:
        return None
    return states[0] if len(set(states)) == 1 else DEGRADED
