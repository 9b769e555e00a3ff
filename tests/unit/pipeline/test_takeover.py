"""What an inventory changes: points, facts, owners and events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from collector.core.attribution import Claim, attribute
from collector.model.identity import UNATTRIBUTED, Kind, PointKey, ReadAt, TenantId
from collector.model.period import Instant
from collector.model.usage import EventName, Role, StoredPoint
from collector.ports import Change, FoundPoint, Inventory
from collector.takeover import Takeover

ACME = TenantId("acme")
FIRST: Instant = 1_000_000
LATER: Instant = 2_000_000
LINK = FoundPoint(
    key=PointKey("nsx", Kind.TIER1_DOWNLINK, "/infra/tier-1s/t1"),
    name="t1",
    gateway="/infra/tier-0s/t0",
    gateway_name="t0",
    read_at=ReadAt.TIER1,
    calls=(),
    tier1="/infra/tier-1s/t1",
    created_at=900_000,
)
CLAIM = Claim(tenant=ACME, source="nsx", kind=Kind.TIER1_DOWNLINK, tier1="t1", path="tenants[0].points[0]")


def inventory(
    *points: FoundPoint, at: Instant = FIRST, complete: bool = True, changes: Sequence[Change] = ()
) -> Inventory:
    return Inventory(
        source="nsx",
        at=at,
        complete=complete,
        version="4.2.0",
        points=points,
        changes=tuple(changes),
        payload=b"{}",
        calls=1,
    )


def take(
    found: Inventory,
    *stored: StoredPoint,
    previous_at: Instant | None = None,
    claims: Sequence[Claim] = (),
    booked_until: Instant = 0,
) -> Takeover:
    attribution = attribute(found.points, tuple(claims))
    by_key = {point.key: point for point in stored}
    made = Takeover(by_key, previous_at, found, attribution, lambda _: booked_until)
    made.take(list(range(10, 10 + len(found.points))))
    return made


def known(**different: object) -> StoredPoint:
    point = take(inventory(LINK)).changed[LINK.key]
    return replace(point, **different)  # type: ignore[arg-type]  # the test names the fields


def test_the_first_inventory_lacked_nothing_before_and_says_nothing() -> None:
    made = take(inventory(LINK))
    point = made.changed[LINK.key]
    assert (point.ref, point.read_at, point.created_at, point.lacked_at) == (10, ReadAt.TIER1, 900_000, None)
    assert [(o.tenant, o.valid_from) for o in point.owners] == [(UNATTRIBUTED, 0)]
    assert made.update().events == ()
    assert made.update().payload == b"{}"


def test_a_point_that_appears_was_lacked_by_the_inventory_before() -> None:
    made = take(inventory(LINK, at=LATER), previous_at=FIRST)
    assert made.changed[LINK.key].lacked_at == FIRST
    assert [event.event for event in made.update().events] == [EventName.POINT_ADDED]


def test_nothing_new_changes_nothing() -> None:
    made = take(inventory(LINK, at=LATER), known(), previous_at=FIRST)
    assert made.changed == {}
    assert made.update().points == ()
    assert made.update().owners == ()
    assert made.update().events == ()


def test_a_re_created_object_was_lacked_by_the_inventory_before() -> None:
    made = take(inventory(replace(LINK, created_at=1_500_000), at=LATER), known(), previous_at=FIRST)
    point = made.changed[LINK.key]
    assert (point.created_at, point.lacked_at) == (1_500_000, FIRST)


def test_a_point_that_a_complete_inventory_lacks_is_gone() -> None:
    made = take(inventory(at=LATER), known(), previous_at=FIRST)
    assert made.changed[LINK.key].read_at is None
    assert [event.event for event in made.update().events] == [EventName.POINT_DELETED]
    assert made.update().points[0].read_at is None


def test_a_point_that_an_incomplete_inventory_lacks_is_not_gone() -> None:
    made = take(inventory(at=LATER, complete=False), known(), previous_at=FIRST)
    assert made.changed == {}
    assert made.update().payload is None


def test_a_point_that_comes_back_was_lacked_meanwhile() -> None:
    made = take(inventory(LINK, at=LATER), known(read_at=None), previous_at=1_500_000)
    assert made.changed[LINK.key].lacked_at == 1_500_000


def test_a_change_of_owner_is_dated_by_the_complete_inventory_that_shows_it() -> None:
    made = take(inventory(LINK, at=LATER), known(), previous_at=FIRST, claims=[CLAIM])
    owners = made.changed[LINK.key].owners
    assert [(o.tenant, o.role, o.valid_from) for o in owners] == [
        (UNATTRIBUTED, Role.BILLED, 0),
        (ACME, Role.BILLED, LATER),
    ]
    lost, gained = made.update().events
    assert (lost.event, lost.tenant, lost.detail["change"]) == (EventName.OWNER_CHANGED, UNATTRIBUTED, "lost")
    assert (gained.event, gained.tenant, gained.detail["change"]) == (EventName.OWNER_CHANGED, ACME, "gained")
    assert ACME not in str(lost.detail), "neither reads of the other"


def test_a_change_of_owner_takes_nothing_away_that_was_booked_while_the_inventory_was_taken() -> None:
    made = take(inventory(LINK, at=LATER), known(), previous_at=FIRST, claims=[CLAIM], booked_until=LATER + 700)
    assert [owner.valid_from for owner in made.changed[LINK.key].owners] == [0, LATER + 700]


def test_an_incomplete_inventory_changes_no_owner_but_gives_a_new_point_its_first() -> None:
    other = replace(LINK, key=PointKey("nsx", Kind.TIER1_DOWNLINK, "/infra/tier-1s/t2"), tier1="/infra/tier-1s/t2")
    made = take(inventory(LINK, other, at=LATER, complete=False), known(), previous_at=FIRST, claims=[CLAIM])
    assert LINK.key not in made.changed
    assert [o.tenant for o in made.changed[other.key].owners] == [UNATTRIBUTED]


def test_a_change_of_end_is_an_event() -> None:
    made = take(inventory(replace(LINK, read_at=ReadAt.TIER0, note="P4 refused"), at=LATER), known(), previous_at=FIRST)
    (event,) = made.update().events
    assert event.event is EventName.LINK_END_CHANGED
    assert dict(event.detail) == {"before": "tier1", "now": "tier0", "reason": "P4 refused"}


def test_what_the_source_saw_change_becomes_events_of_the_object() -> None:
    change = Change(path="/infra/tier-1s/t1", event="point_moved", detail={"before": "t0", "now": "t0-b"})
    made = take(inventory(LINK, at=LATER, changes=[change]), known(), previous_at=FIRST)
    (event,) = made.update().events
    assert (event.event, event.point) == (EventName.POINT_MOVED, "nsx:/infra/tier-1s/t1")


def test_the_points_own_ceiling_comes_from_its_claim() -> None:
    made = take(inventory(LINK), claims=[replace(CLAIM, max_rate=10**9)])
    assert made.max_rate(LINK.key) == 10**9
