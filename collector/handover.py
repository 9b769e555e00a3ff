"""Who a point belongs to from now on: dated owners, and the events that tell the old and the new one. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from collector.core.attribution import Attribution, next_owner, owners_with
from collector.core.periods import format_time
from collector.model.identity import PointKey
from collector.model.period import Instant
from collector.model.usage import Event, EventName, Owner, Role, StoredPoint


class Handover:
    """Compares what the rules decide with the owners that the ledger knows.

    Args:
        attribution: To whom the points belong.
        at: Time of the complete inventory or map that shows it.
        booked_until: Point to the time of its newest accounted sample.
        first_map: No owner so far was decided with a map in force, and now there is one.

    Attributes:
        owners: (point reference, new owner), each valid from its own ``valid_from`` on.
        events: What the old and the new owners are told.
    """

    def __init__(
        self,
        attribution: Attribution,
        at: Instant,
        booked_until: Callable[[PointKey], Instant],
        *,
        first_map: bool = False,
    ) -> None:
        self.owners: list[tuple[int, Owner]] = []
        self.events: list[Event] = []
        self._attribution = attribution
        self._at = at
        self._booked_until = booked_until
        self._first_map = first_map

    def owned(self, point: StoredPoint) -> StoredPoint:
        """Return the point with the owner that begins now, if it changed.

        Polls go on while an inventory or map is taken, so a sample newer than it may be booked already, and what is
        booked stays as it is: then the new owner begins with that sample.
        """
        decision = self._attribution.decisions[point.key]
        owner = next_owner(
            point.owners,
            decision,
            self._at,
            first_map=self._first_map and bool(point.owners),
            booked_until=self._booked_until(point.key),
        )
        if owner is None:
            return point
        owners = owners_with(point.owners, owner)
        self.owners.append((point.ref, owner))
        if len(owners) > 1:
            self._changed_hands(point.key, owners[-2], owner)
        return replace(point, owners=owners)

    def max_rate(self, key: PointKey) -> int | None:
        """Return the point's own ceiling, where the settings give one."""
        decision = self._attribution.decisions.get(key)
        return decision.max_rate if decision else None

    def _changed_hands(self, key: PointKey, before: Owner, now: Owner) -> None:
        """Tell the old and the new owner, each in an event of its own that does not name the other."""
        since = format_time(now.valid_from)
        for owner, change in ((before, "lost"), (now, "gained")):
            reason = owner.reason if owner is now and owner.role is Role.BILLED else ""
            tenant = owner.tenant if owner.role is Role.BILLED else None
            self.events.append(
                Event(
                    at=self._at,
                    source=key.source,
                    event=EventName.OWNER_CHANGED,
                    tenant=tenant,
                    point=key.label,
                    detail={"change": change, "role": owner.role.value, "valid_from": since, "reason": reason},
                    repeat_key=f"{key.label} {tenant} {change}",
                )
            )
