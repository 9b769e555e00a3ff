"""States of tunnels: what they are now, and an event for each change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from collector.model.identity import PointKey, TenantId
from collector.model.sample import Reading
from collector.model.usage import Event, EventName

UP = "UP"
"""The word of a tunnel that carries traffic. Source: NSX type IPSecVpnTunnelStatistics, ``tunnel_status``."""


class TunnelStates:
    """The last state of every tunnel that the ledger has heard of since the start.

    A tunnel's first state is told only when it is not up: every start would bring an event for each tunnel otherwise.
    """

    def __init__(self) -> None:
        self._states: dict[str, str] = {}

    def news(self, reading: Reading, tenant: TenantId) -> Event | None:
        """Return the event of a reading whose state is another than before, or ``None``."""
        before = self._states.get(reading.point.label)
        if reading.state is None or reading.state == before or (before is None and reading.state == UP):
            return None
        return Event(
            at=reading.polled_at,
            source=reading.point.source,
            event=EventName.TUNNEL_STATE,
            tenant=tenant,
            point=reading.point.label,
            detail={"before": before, "now": reading.state},
            repeat_key=f"{reading.point.label} {reading.state}",
        )

    def take(self, events: Iterable[Event]) -> None:
        """Take note of events that are in the ledger."""
        for event in events:
            if event.event is EventName.TUNNEL_STATE and event.point is not None:
                self._states[event.point] = str(event.detail["now"])

    def saw(self, reading: Reading) -> None:
        """Take note of a state that is no news: a tunnel that was up from the start."""
        if reading.state == UP:
            self._states.setdefault(reading.point.label, UP)

    def now(self, points: Iterable[PointKey]) -> Mapping[PointKey, str]:
        """Return the states of these points, as far as they are known."""
        return {point: self._states[point.label] for point in points if point.label in self._states}
