"""What an inventory changes in the ledger: points, their facts, their owners, and the events that say so. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from sys import intern

from collector.core.attribution import Attribution, Note
from collector.handover import Handover
from collector.model.identity import PointKey, TenantId
from collector.model.period import Instant
from collector.model.usage import Event, EventName, InventoryUpdate, PointFacts, StoredPoint
from collector.ports import FoundPoint, Inventory


class Takeover:
    """Compares an inventory with what the ledger knows of its source.

    Attributes:
        changed: Every point whose facts or owners are new, as it is from now on.
    """

    def __init__(
        self,
        stored: Mapping[PointKey, StoredPoint],
        previous_at: Instant | None,
        inventory: Inventory,
        attribution: Attribution,
        booked_until: Callable[[PointKey], Instant],
        *,
        first_map: bool = False,
        told: Set[Note] = frozenset(),
        keeps_owners: bool = False,
    ) -> None:
        """Args:
        stored: Every point of the ledger.
        previous_at: Time of the last complete inventory of this source, or ``None``.
        inventory: What was found.
        attribution: To whom it belongs.
        booked_until: Point to the time of its newest accounted sample.
        first_map: No owner so far was decided with a map in force, and now there is one.
        told: Notes of the attribution that were events already.
        keeps_owners: What decides about owners is not known now; only new points get their first one.
        """
        self.changed: dict[PointKey, StoredPoint] = {}
        self._stored = stored
        self._previous_at = previous_at
        self._inventory = inventory
        self._attribution = attribution
        self._told = told
        self._keeps_owners = keeps_owners or not inventory.complete
        self._handover = Handover(attribution, inventory.at, booked_until, first_map=first_map)
        self._events: list[Event] = []

    def take(self, refs: Sequence[int]) -> None:
        """Decide about every point; ``refs`` are the ledger's references of ``inventory.points``, in order."""
        for found, ref in zip(self._inventory.points, refs, strict=True):
            known = self._stored.get(found.key) or _unknown(ref, found.key)
            self._set(known, self._owned(self._seen(known, found)))
        if self._inventory.complete:
            present = {found.key for found in self._inventory.points}
            for key, known in self._stored.items():
                if key.source == self._inventory.source and known.read_at is not None and key not in present:
                    self._set(known, replace(known, read_at=None))
                    self._event(EventName.POINT_DELETED, key, known.owners[-1].tenant if known.owners else None)
        for overlap in self._attribution.overlaps:
            # Of nobody's: the message names two tenants, and neither may read of the other.
            self._event(EventName.OVERLAP, overlap.point, None, message=overlap.message)
        self._events += note_events(self._attribution.notes, self._told, self._inventory.source, self._inventory.at)

    def update(self) -> InventoryUpdate:
        """Return what is to be stored in one transaction."""
        inventory = self._inventory
        return InventoryUpdate(
            source=inventory.source,
            at=inventory.at,
            payload=inventory.payload if inventory.complete else None,
            points=tuple(
                PointFacts(
                    point=point.ref, read_at=point.read_at, created_at=point.created_at, lacked_at=point.lacked_at
                )
                for point in self.changed.values()
            ),
            owners=tuple(self._handover.owners),
            events=(*self._events, *self._handover.events, *self._source_events()),
        )

    def max_rate(self, key: PointKey) -> int | None:
        """Return the point's own ceiling, where the settings give one."""
        return self._handover.max_rate(key)

    def _set(self, known: StoredPoint, now: StoredPoint) -> None:
        if now != known or known.key not in self._stored:
            self.changed[known.key] = now

    def _seen(self, known: StoredPoint, found: FoundPoint) -> StoredPoint:
        """Return the facts of a point that was found."""
        again = known.read_at is None or (found.created_at is not None and found.created_at != known.created_at)
        if again and self._previous_at is not None:
            self._event(EventName.POINT_ADDED, found.key, None, name=found.name)
        if known.read_at is not None and found.read_at is not known.read_at:
            self._event(
                EventName.LINK_END_CHANGED,
                found.key,
                known.owners[-1].tenant if known.owners else None,
                before=known.read_at.value,
                now=found.read_at.value,
                reason=found.note,
            )
        return replace(
            known,
            read_at=found.read_at,
            created_at=found.created_at if found.created_at is not None else known.created_at,
            lacked_at=self._previous_at if again else known.lacked_at,
        )

    def _owned(self, point: StoredPoint) -> StoredPoint:
        """Return the point with the owner that begins now, if it changed; only a complete inventory dates a change."""
        if point.owners and self._keeps_owners:
            return point
        return self._handover.owned(point)

    def _event(self, event: EventName, key: PointKey, tenant: TenantId | None, **detail: str) -> None:
        self._events.append(
            Event(
                at=self._inventory.at,
                source=key.source,
                event=event,
                tenant=tenant,
                point=key.label,
                detail=detail,
                repeat_key=f"{key.label} {tenant} {detail.get('change', '')}",
            )
        )

    def _source_events(self) -> list[Event]:
        source = self._inventory.source
        return [
            Event(
                at=self._inventory.at,
                source=source,
                event=EventName(change.event),
                point=f"{source}:{change.path}",
                detail=change.detail,
                repeat_key=change.path,
            )
            for change in self._inventory.changes
        ]


def note_events(notes: Iterable[Note], told: Set[Note], source: str, at: Instant) -> list[Event]:
    """Return notes of an attribution as events, those that were not told before; they are the operator's alone."""
    return [
        Event(
            at=at,
            source=source,
            event=EventName.ATTRIBUTION_NOTE,
            detail={"kind": note.kind.value, "path": note.path, "message": note.message},
            repeat_key=f"{note.kind} {note.path} {note.message}",
        )
        for note in notes
        if note not in told
    ]


def _unknown(ref: int, found: PointKey) -> StoredPoint:
    """Return a point that is new, under a key of its own: the one found would keep its inventory's memory around it."""
    key = PointKey(intern(found.source), found.kind, found.path.encode().decode())
    return StoredPoint(ref=ref, key=key, read_at=None, created_at=None, lacked_at=None, complete_until=0, owners=())
