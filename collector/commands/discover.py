"""``northmeter discover``: every metering point, its tenant, and why; what belongs to nobody comes last."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from collector.clock import Clock
from collector.commands.directors import counted, director_json, not_found, print_director
from collector.commands.survey import Survey, survey
from collector.core.attribution import Decision, Note
from collector.model.identity import UNATTRIBUTED
from collector.model.usage import Role
from collector.ports import FoundPoint
from config.settings import Settings

DONE, OUT_OF_REACH = 0, 3

WIDE_MIN = 120
"""Columns of a terminal from which kind, end and calls have columns of their own; else they are lines of a cell."""


async def discover(settings: Settings, clock: Clock, out: Console, errors: Console, *, form: str) -> int:
    """Print what the sources have; return 3 when one of them is out of reach, else 0."""
    surveys = await survey(settings, clock, online=False)
    names = {one.name for one in settings.vcd_sources}
    directors = [one for one in surveys if one.source in names]
    sources = [one for one in surveys if one.source not in names]
    if form == "json":
        shown = {
            "sources": [_as_json(one) for one in sources],
            "directors": [director_json(one, sources) for one in directors],
        }
        out.print(json.dumps(shown, indent=2), highlight=False, soft_wrap=True, markup=False)
    else:
        for one in directors:
            print_director(one, sources, out)
        told = {note for one in directors for _, note in not_found(one, sources)}
        for one in sources:
            _print_source(one, told, out)
    return say_unreachable(surveys, errors)


def say_unreachable(surveys: list[Survey], errors: Console) -> int:
    """Print which sources were out of reach; return 3 when there is one, else 0."""
    bad = [one for one in surveys if one.unreachable is not None]
    for one in bad:
        errors.print(f"source {escape(one.source)}: {escape(one.unreachable or '')}", highlight=False, soft_wrap=True)
    return OUT_OF_REACH if bad else DONE


# --- the points of a source ------------------------------------------------------------------------------------------


def _rows(one: Survey) -> list[tuple[FoundPoint, Decision]]:
    """Return the points of a source with whose they are: what belongs to nobody comes last, most of all what is
    billed."""
    if one.inventory is None or one.attribution is None:
        return []
    decisions = one.attribution.decisions
    pairs = [(point, decisions[point.key]) for point in one.inventory.points]
    return sorted(pairs, key=lambda pair: (_place(pair[1]), pair[1].tenant, pair[0].key))


def _place(decision: Decision) -> int:
    if decision.tenant != UNATTRIBUTED:
        return 0
    return 2 if decision.role is Role.BILLED else 1


def _whose(decision: Decision) -> str:
    if decision.role is Role.BILLED:
        return decision.tenant
    return decision.role.value if decision.tenant == UNATTRIBUTED else f"{decision.tenant} ({decision.role.value})"


def _style(decision: Decision) -> str:
    if decision.role is not Role.BILLED:
        return "dim"
    return "yellow" if decision.tenant == UNATTRIBUTED else ""


def _print_source(one: Survey, told: set[Note], out: Console) -> None:
    if one.inventory is None or one.attribution is None or one.plan is None:
        return
    rows = _rows(one)
    version = f"NSX {one.inventory.version}, " if one.inventory.version else ""
    title = f"{one.source}: {version}{counted(len(one.inventory.points), 'metering point')}"
    out.print(_table(rows, escape(title), out.width))
    out.print(escape(one.plan.words(one.source, one.requests_per_second)), highlight=False, soft_wrap=True)
    unattributed = sum(decision.tenant == UNATTRIBUTED and decision.role is Role.BILLED for _, decision in rows)
    out.print(f"{unattributed} of them belong to nobody and are booked to `{UNATTRIBUTED}`", highlight=False)
    for word, text in _remarks(one, told):
        out.print(f"[red]{word}[/red]: {escape(text)}", highlight=False, soft_wrap=True)
    out.print()


def _table(rows: list[tuple[FoundPoint, Decision]], title: str, width: int) -> Table:
    is_wide = width >= WIDE_MIN
    table = Table(title=title, show_lines=not is_wide)
    for heading in ("tenant", "kind", "point", "read at") if is_wide else ("tenant", "point"):
        table.add_column(heading, overflow="fold")
    if is_wide:
        table.add_column("calls", justify="right")
    table.add_column("why", overflow="fold")
    for point, decision in rows:
        is_read = decision.role is not Role.INTERNAL
        kind, end = point.key.kind.value, point.read_at.value if is_read else "not read"
        calls = str(len(point.calls)) if is_read else ""
        why = decision.reason + (f"; {point.note}" if point.note else "")
        cells = [_whose(decision), kind, _named(point), end, calls, why]
        if not is_wide:
            cost = f"{kind}, {end}" + (f", {counted(len(point.calls), 'call')}" if is_read else "")
            cells = [_whose(decision), f"{_named(point)}\n{cost}", why]
        table.add_row(*(escape(cell) for cell in cells), style=_style(decision))
    return table


def _remarks(one: Survey, told: set[Note]) -> list[tuple[str, str]]:
    """Return (what, words) of what an operator should know, but for notes that were told before."""
    if one.inventory is None or one.attribution is None:
        return []
    made = one.attribution
    return [
        *(("overlap", overlap.message) for overlap in made.overlaps),
        *(("not found", f"{claim.path} of {claim.tenant}") for claim in made.unmatched),
        *((note.kind.value, note.message) for note in made.notes if note not in told),
        *(("not read", fault) for fault in one.inventory.faults),
    ]


def _named(point: FoundPoint) -> str:
    return f"{point.key.path} ({point.name})" if not point.key.path.endswith(f"/{point.name}") else point.key.path


def _as_json(one: Survey) -> dict[str, Any]:  # Any: JSON of strings, numbers, lists and objects
    if one.inventory is None or one.attribution is None or one.plan is None:
        return {"source": one.source, "error": one.unreachable}
    return {
        "source": one.source,
        "version": one.inventory.version,
        "complete": one.inventory.complete,
        "faults": list(one.inventory.faults),
        "calls_per_cycle": one.plan.calls,
        "interval_seconds": one.plan.interval_ms // 1_000,
        "interval_fits": one.plan.fits,
        "overlaps": [overlap.message for overlap in one.attribution.overlaps],
        "not_found": [{"setting": claim.path, "tenant": claim.tenant} for claim in one.attribution.unmatched],
        "notes": [
            {"kind": note.kind.value, "path": note.path, "message": note.message} for note in one.attribution.notes
        ],
        "points": [_point_json(point, decision) for point, decision in _rows(one)],
    }


def _point_json(point: FoundPoint, decision: Decision) -> dict[str, Any]:  # Any: as above
    return {
        "tenant": decision.tenant,
        "role": decision.role.value,
        "rule": decision.rule.value if decision.rule is not None else None,
        "reason": decision.reason,
        "kind": point.key.kind.value,
        "point": point.key.label,
        "name": point.name,
        "gateway": point.gateway,
        "gateway_name": point.gateway_name,
        "tier1": point.tier1,
        "project": point.project,
        "segment": point.segment,
        "read_at": point.read_at.value,
        "calls": len(point.calls),
        "nodes": [{"node": node, "state": state} for node, state in point.nodes],
        "tags": [{"scope": scope, "tag": tag} for scope, tag in point.tags],
        "note": point.note,
    }
