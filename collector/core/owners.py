"""Owners of a metering point over time: docs/accounting.md, section 5."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from collector.core.decisions import Decision
from collector.model.period import BEGINNING, Instant
from collector.model.usage import Owner


def next_owner(
    owners: Sequence[Owner],
    decision: Decision,
    at: Instant,
    *,
    first_map: bool = False,
    booked_until: Instant = BEGINNING,
) -> Owner | None:
    """Return the owner that begins now, or ``None`` when nothing changed.

    The first owner holds from the beginning. A later change is dated by the complete inventory or map that first shows
    it, never before what is booked already, and never before the owner that it follows.

    The first map holds from the beginning for what is not booked yet: its change begins at ``booked_until``, so at the
    beginning where nothing was booked. It takes the place of owners that begin no earlier: see ``owners_with``.

    Args:
        owners: Those so far, ascending.
        decision: Whose the point is now.
        at: Time of the inventory or map that shows it.
        first_map: No owner so far was decided with a map in force, and now there is one.
        booked_until: Time of the point's newest booked sample.
    """
    if not owners:
        return Owner(decision.tenant, decision.role, BEGINNING, decision.reason)
    if first_map:
        ahead = (owner_at(owners, booked_until), *(one for one in owners if one.valid_from > booked_until))
        return None if all(_same(one, decision) for one in ahead) else _owner(decision, booked_until)
    last = owners[-1]
    return None if _same(last, decision) else _owner(decision, max(at, booked_until, last.valid_from + 1))


def owners_with(owners: Sequence[Owner], new: Owner) -> tuple[Owner, ...]:
    """Return the owners with a new one, which holds from its first instant on, whoever was to hold from then on."""
    return (*(owner for owner in owners if owner.valid_from < new.valid_from), new)


def owner_at(owners: Sequence[Owner], at: Instant) -> Owner:
    """Return who owned a point at an instant; ``owners`` ascend and the first holds from the beginning."""
    current = owners[0]
    for owner in owners[1:]:
        if owner.valid_from > at:
            break
        current = owner
    return current


def changes_of(owners: Iterable[Owner]) -> tuple[Instant, ...]:
    """Return the instants at which the owner changed."""
    return tuple(owner.valid_from for owner in owners if owner.valid_from > BEGINNING)


def _same(owner: Owner, decision: Decision) -> bool:
    return (owner.tenant, owner.role) == (decision.tenant, decision.role)


def _owner(decision: Decision, since: Instant) -> Owner:
    return Owner(decision.tenant, decision.role, since, decision.reason)
