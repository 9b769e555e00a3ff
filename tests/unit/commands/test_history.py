"""``discover --history`` tells who owned a point and what happened to it, from the ledger alone."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from rich.console import Console

from collector.commands.history import history, nearest
from collector.ledger.sqlite import SqliteReader, SqliteWriter
from collector.model.identity import UNATTRIBUTED, Kind, PointKey, ReadAt
from collector.model.usage import EventName, InventoryUpdate, Owner, PointFacts, Role
from tests.contract.ledger.build import ACME, GLOBEX, T0, batch, event

T1 = "/infra/tier-1s/t1"
LINK = PointKey("nsx-a", Kind.TIER1_DOWNLINK, T1)
ELSEWHERE = PointKey("nsx-b", Kind.TIER1_DOWNLINK, "/infra/tier-1s/both")
VPC = [PointKey("nsx-a", kind, "/orgs/o/vpcs/v") for kind in (Kind.VPC_EXTERNAL, Kind.VPC_INTERNAL)]
DAY = 86_400_000
TABLES = """\
                        nsx-a:/infra/tier-1s/t1 (tier1_downlink)
┏━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━━━━━┳━━━━━━━━━━━━━━┓
┃ from                 ┃ to                   ┃ tenant       ┃ role     ┃ why          ┃
┡━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━━━━━╇━━━━━━━━━━━━━━┩
│ the beginning        │ 2026-09-21T14:00:00Z │ unattributed │ billed   │ no rule      │
│ 2026-09-21T14:00:00Z │ 2026-09-22T14:00:00Z │ acme         │ billed   │ VCD: gw-[1]  │
│ 2026-09-22T14:00:00Z │ now                  │ globex       │ internal │ VCD: no nets │
└──────────────────────┴──────────────────────┴──────────────┴──────────┴──────────────┘
                                           events
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┳━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┓
┃ at                             ┃ event         ┃ tenant ┃ what                           ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━╇━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┩
│ 2026-09-21T14:00:00Z           │ owner_changed │ acme   │ change: gained; reason: VCD:   │
│                                │               │        │ gw-[1]                         │
│ 2026-09-21T14:00:01Z, 2 times  │ point_moved   │        │ from: /infra/tier-0s/a; to:    │
│ until 2026-09-21T14:00:02Z     │               │        │ /infra/tier-0s/b               │
└────────────────────────────────┴───────────────┴────────┴────────────────────────────────┘
"""


@pytest.fixture
async def reader(tmp_path: Path) -> AsyncIterator[SqliteReader]:
    """A ledger with a link that changed hands twice, a path of two sources, and a VPC of two kinds."""
    writer, made = SqliteWriter(tmp_path / "ledger.db"), SqliteReader(tmp_path / "ledger.db")
    await writer.start()
    both = [ELSEWHERE._replace(source="nsx-a"), ELSEWHERE]
    link, *_ = await writer.intern_points([LINK, *both, *VPC])
    story = (
        Owner(UNATTRIBUTED, Role.BILLED, 0, "no rule"),
        Owner(ACME, Role.BILLED, T0, "VCD: gw-[1]"),
        Owner(GLOBEX, Role.INTERNAL, T0 + DAY, "VCD: no nets"),
    )
    facts = PointFacts(point=link, read_at=ReadAt.TIER1, created_at=None, lacked_at=None)
    for owner in story:
        await writer.store_inventory(
            InventoryUpdate(source="nsx-a", at=T0, payload=b"1", points=(facts,), owners=((link, owner),))
        )
    moved = {"from": "/infra/tier-0s/a", "to": "/infra/tier-0s/b"}
    changed = {"change": "gained", "reason": "VCD: gw-[1]"}
    events = (
        event(T0 + 1_000, EventName.POINT_MOVED, "moved", point=LINK.label, detail=moved),
        event(T0 + 2_000, EventName.POINT_MOVED, "moved", point=LINK.label, detail=moved),
        event(T0, EventName.OWNER_CHANGED, point=LINK.label, tenant=ACME, detail=changed),
        event(T0, EventName.RESET, point=LINK.label),
        event(T0, EventName.POINT_DELETED, point=ELSEWHERE.label),
    )
    await writer.commit(batch(events=events))
    await made.start()
    yield made
    await made.stop()
    await writer.stop()


async def said(reader: SqliteReader, asked: str, form: str = "table", width: int = 92) -> tuple[int, str, str]:
    """Return the exit code, and what was printed on both outputs, without blanks at the ends of lines."""
    out, errors = Console(file=io.StringIO(), width=width), Console(file=io.StringIO(), width=width)
    code = await history(reader, asked, out, errors, form=form)
    texts = [str(one.file.getvalue()) for one in (out, errors)]  # type: ignore[attr-defined]  # they write into text
    lines = ["".join(f"{line.rstrip()}\n" for line in text.splitlines()) for text in texts]
    return code, lines[0], lines[1]


@pytest.mark.parametrize("asked", [LINK.label, T1])
async def test_owners_and_events_of_a_point_in_order_of_time(reader: SqliteReader, asked: str) -> None:
    code, out, errors = await said(reader, asked)
    assert (code, errors) == (0, "")
    assert out == TABLES


async def test_the_same_as_json(reader: SqliteReader) -> None:
    code, out, _ = await said(reader, T1, "json", 80)
    told = json.loads(out)
    assert (code, told["point"]) == (0, LINK.label)
    (link,) = told["kinds"]
    assert [(one["tenant"], one["role"], one["from"], one["to"]) for one in link["owners"]] == [
        ("unattributed", "billed", None, "2026-09-21T14:00:00Z"),
        ("acme", "billed", "2026-09-21T14:00:00Z", "2026-09-22T14:00:00Z"),
        ("globex", "internal", "2026-09-22T14:00:00Z", None),
    ]
    assert [(one["event"], one["count"]) for one in told["events"]] == [("owner_changed", 1), ("point_moved", 2)]


async def test_kinds_that_share_a_label_are_told_together(reader: SqliteReader) -> None:
    code, out, _ = await said(reader, VPC[0].label, "json")
    assert code == 0
    assert [one["kind"] for one in json.loads(out)["kinds"]] == ["vpc_external", "vpc_internal"]
    assert "nobody ever owned it" in (await said(reader, VPC[0].label))[1]


async def test_an_unknown_point_is_1_with_the_nearest_known(reader: SqliteReader) -> None:
    code, out, errors = await said(reader, "/infra/tier-1s/t-1", width=200)
    assert (code, out) == (1, "")
    assert errors.startswith(
        "/infra/tier-1s/t-1: the ledger knows no such point; the nearest are nsx-a:/infra/tier-1s/t1"
    )


async def test_a_path_that_several_sources_have_is_2_with_their_labels(reader: SqliteReader) -> None:
    code, _, errors = await said(reader, ELSEWHERE.path, width=200)
    assert code == 2
    assert errors.strip().endswith("expected one of nsx-a:/infra/tier-1s/both, nsx-b:/infra/tier-1s/both")
    code, out, _ = await said(reader, ELSEWHERE.label, "json")
    assert (code, [one["event"] for one in json.loads(out)["events"]]) == (0, ["point_deleted"])


def test_the_nearest_contain_what_was_asked_or_look_like_it() -> None:
    known = [LINK, ELSEWHERE, *VPC]
    assert nearest("t1", known) == [LINK.label]
    assert nearest("/orgs/o/vpcs/w", known)[0] == VPC[0].label
    assert nearest("boht", known) == [ELSEWHERE.label]
    assert nearest("nothing like it at all", known) == []
    assert nearest("/", known) == []
