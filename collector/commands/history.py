"""``northmeter discover --history``: who owned a metering point from when to when and why, and what happened to it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from collector.core.periods import format_time
from collector.model.identity import PointKey
from collector.model.usage import EventName, Owner, StoredEvent
from collector.ports import LedgerReader

DONE, UNKNOWN, WRONG = 0, 1, 2

EVENTS_PER_PAGE = 1_000
"""Events in one question to the ledger."""

NEAREST_MAX = 5
"""Points that are named in place of one that is unknown."""

STORY = frozenset(
    {
        EventName.CREATED,
        EventName.LINK_END_CHANGED,
        EventName.OWNER_CHANGED,
        EventName.POINT_ADDED,
        EventName.POINT_MOVED,
        EventName.POINT_DELETED,
        EventName.OBJECT_ADDED,
        EventName.OBJECT_CHANGED,
        EventName.OBJECT_DELETED,
        EventName.OVERLAP,
        EventName.TUNNEL_STATE,
        EventName.LINK_IMBALANCE,
    }
)
"""Events that are about the point; what its counters did is not part of its story."""


async def history(reader: LedgerReader, asked: str, out: Console, errors: Console, *, form: str) -> int:
    """Print a point's owners and events.

    Args:
        asked: Label of the point, or its path alone.
        form: ``table`` or ``json``.
    Returns:
        1 for a point that the ledger does not know, 2 for a path that several sources have, else 0.
    Raises:
        LedgerError: The ledger cannot be read.
    """
    known = await reader.points()
    keys = [key for key in known if key.label == asked] or [key for key in known if key.path == asked]
    labels = sorted({key.label for key in keys})
    if len(labels) != 1:
        why = "several sources have it; name one" if labels else "the ledger knows no such point"
        near = labels or nearest(asked, known)
        hint = f"{'; expected one of' if labels else '; the nearest are'} {', '.join(near)}" if near else ""
        errors.print(escape(f"{asked}: {why}{hint}"), highlight=False, soft_wrap=True)
        return WRONG if labels else UNKNOWN
    owners = [(key, await reader.owners(key.label, key.kind)) for key in keys]
    events = await _events(reader, labels[0])
    if form == "json":
        out.print(
            json.dumps(_as_json(labels[0], owners, events), indent=2), markup=False, highlight=False, soft_wrap=True
        )
    else:
        _print(labels[0], owners, events, out)
    return DONE


def nearest(asked: str, known: Sequence[PointKey]) -> list[str]:
    """Return the labels that look most like what was asked: those that contain it, or else are similar, or else have
    a similar last element."""
    labels = sorted({key.label for key in known})
    inside = [label for label in labels if asked.strip("/") and asked.strip("/") in label]
    similar = inside[:NEAREST_MAX] or difflib.get_close_matches(asked, labels, n=NEAREST_MAX)
    if similar:
        return similar
    ends = {label: label.rpartition("/")[2] for label in labels}
    close = difflib.get_close_matches(asked.rpartition("/")[2], sorted(set(ends.values())), n=NEAREST_MAX)
    return [label for end in close for label in labels if ends[label] == end][:NEAREST_MAX]


async def _events(reader: LedgerReader, label: str) -> list[StoredEvent]:
    found: list[StoredEvent] = []
    after = 0
    while True:
        page = await reader.events(
            tenants=None, since=None, event=None, after=after, limit=EVENTS_PER_PAGE, point=label
        )
        found += [event for event in page if event.event in STORY]
        if len(page) < EVENTS_PER_PAGE:
            return sorted(found, key=lambda event: (event.at, event.seq))
        after = page[-1].seq


# --- what is printed -------------------------------------------------------------------------------------------------


def _spans(owners: Sequence[Owner]) -> list[tuple[Owner, str | None, str | None]]:
    """Return (owner, from, to) in order; ``None`` is the beginning, or now."""
    starts = [format_time(owner.valid_from) if owner.valid_from else None for owner in owners]
    ends = [*starts[1:], None][: len(owners)]
    return list(zip(owners, starts, ends, strict=True))


def _print(label: str, owners: Sequence[tuple[PointKey, list[Owner]]], events: list[StoredEvent], out: Console) -> None:
    for key, story in owners:
        title = escape(f"{label} ({key.kind.value})")
        if not story:
            out.print(f"{title}: nobody ever owned it", highlight=False, soft_wrap=True)
            continue
        table = Table(title=title)
        for heading in ("from", "to", "tenant", "role", "why"):
            table.add_column(heading, overflow="fold")
        for owner, start, end in _spans(story):
            cells = (start or "the beginning", end or "now", owner.tenant, owner.role.value, owner.reason)
            table.add_row(*(escape(cell) for cell in cells))
        out.print(table)
    if not events:
        out.print("nothing else is known of it", highlight=False)
        return
    table = Table(title="events")
    for heading in ("at", "event", "tenant", "what"):
        table.add_column(heading, overflow="fold")
    for event in events:
        table.add_row(*(escape(cell) for cell in (_when(event), event.event, event.tenant or "", _words(event))))
    out.print(table)


def _when(event: StoredEvent) -> str:
    if event.count == 1:
        return format_time(event.at)
    return f"{format_time(event.at)}, {event.count} times until {format_time(event.last_at)}"


def _words(event: StoredEvent) -> str:
    parts = []
    for name, value in event.detail.items():
        text = ", ".join(value) if isinstance(value, list) else value
        if text not in (None, ""):
            parts.append(f"{name.replace('_', ' ')}: {text}")
    return "; ".join(parts)


def _as_json(
    label: str, owners: Sequence[tuple[PointKey, list[Owner]]], events: list[StoredEvent]
) -> dict[str, Any]:  # Any: JSON of strings, numbers, lists and objects
    return {
        "point": label,
        "kinds": [
            {
                "kind": key.kind.value,
                "owners": [
                    {
                        "tenant": owner.tenant,
                        "role": owner.role.value,
                        "from": start,
                        "to": end,
                        "reason": owner.reason,
                    }
                    for owner, start, end in _spans(story)
                ],
            }
            for key, story in owners
        ],
        "events": [
            {
                "at": format_time(event.at),
                "last_at": format_time(event.last_at),
                "count": event.count,
                "event": event.event,
                "tenant": event.tenant,
                "detail": dict(event.detail),
            }
            for event in events
        ],
    }
