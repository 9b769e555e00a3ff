"""``northmeter discover``: every metering point, its tenant, and why; what belongs to nobody."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from collector.clock import Clock
from collector.commands.survey import Survey, survey
from collector.core.attribution import Decision
from collector.model.identity import UNATTRIBUTED
from collector.model.usage import Role
from collector.ports import FoundPoint
from config.settings import Settings

DONE, OUT_OF_REACH = 0, 3


async def discover(settings: Settings, clock: Clock, form: str, out: Console, errors: Console) -> int:
    """Print what the sources have; return 3 when one of them is out of reach, else 0."""
    surveys = await survey(settings, clock, online=False)
    if form == "json":
        out.print(
            json.dumps({"sources": [_as_json(one) for one in surveys]}, indent=2), highlight=False, soft_wrap=True
        )
    else:
        for one in surveys:
            _table(one, out)
    for one in surveys:
        if one.unreachable is not None:
            errors.print(f"source {escape(one.source)}: {escape(one.unreachable)}", highlight=False, soft_wrap=True)
    return OUT_OF_REACH if any(one.unreachable is not None for one in surveys) else DONE


def _rows(one: Survey) -> list[tuple[FoundPoint, Decision]]:
    """Return the points of a source with whose they are: what belongs to nobody comes last."""
    if one.inventory is None or one.attribution is None:
        return []
    decisions = one.attribution.decisions
    pairs = [(point, decisions[point.key]) for point in one.inventory.points]
    return sorted(pairs, key=lambda pair: (pair[1].tenant == UNATTRIBUTED, pair[1].tenant, pair[0].key))


def _whose(decision: Decision) -> str:
    return decision.tenant if decision.role is Role.BILLED else "balance"


def _table(one: Survey, out: Console) -> None:
    if one.inventory is None or one.attribution is None or one.plan is None:
        return
    table = Table(title=f"{one.source}: NSX {one.inventory.version}, {len(one.inventory.points)} metering points")
    for heading, justify in (("tenant", "left"), ("kind", "left"), ("point", "left"), ("read at", "left")):
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]  # a literal of rich
    table.add_column("calls", justify="right")
    table.add_column("why", overflow="fold")
    for point, decision in _rows(one):
        why = decision.reason + (f"; {point.note}" if point.note else "")
        style = "yellow" if _whose(decision) == UNATTRIBUTED else "dim" if decision.role is Role.BALANCE else ""
        cells = (_whose(decision), point.key.kind.value, _named(point), point.read_at.value, str(len(point.calls)), why)
        table.add_row(*(escape(cell) for cell in cells), style=style)
    out.print(table)
    out.print(escape(one.plan.words(one.source, one.requests_per_second)), highlight=False, soft_wrap=True)
    unattributed = sum(_whose(decision) == UNATTRIBUTED for _, decision in _rows(one))
    out.print(f"{unattributed} of them belong to nobody and are booked to `{UNATTRIBUTED}`", highlight=False)
    for overlap in one.attribution.overlaps:
        out.print(f"[red]overlap[/red]: {escape(overlap.message)}", highlight=False, soft_wrap=True)
    for claim in one.attribution.unmatched:
        out.print(f"[red]not found[/red]: {escape(claim.path)} of {escape(claim.tenant)}", highlight=False)
    for fault in one.inventory.faults:
        out.print(f"[red]not read[/red]: {escape(fault)}", highlight=False, soft_wrap=True)
    out.print()


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
        "points": [
            {
                "tenant": decision.tenant,
                "role": decision.role.value,
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
            for point, decision in _rows(one)
        ],
    }
