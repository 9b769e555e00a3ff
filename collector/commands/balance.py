"""``northmeter discover --balance``: the last full hour of every Tier-0 and VRF, or why it is not known."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from collector.balances import Balance, balances, bytes_of, full_hours, remainder_of, routers_of
from collector.clock import Clock
from collector.commands.discover import WIDE_MIN, say_unreachable
from collector.commands.survey import survey
from collector.core.balance import MILLION, percent
from collector.core.periods import format_time
from collector.model.identity import Direction
from collector.ports import LedgerReader
from config.settings import Settings

SIDES = ("uplinks", "services", "links", "remainder", "share")

LACKING_MAX = 5
"""Parts without full coverage that are named of one gateway."""


async def balance(
    settings: Settings, reader: LedgerReader, clock: Clock, out: Console, errors: Console, *, form: str
) -> int:
    """Print the balances; return 3 when a source is out of reach, else 0.

    Raises:
        LedgerError: The ledger cannot be read.
    """
    surveys = await survey(settings, clock, online=False)
    made = [
        router
        for one in surveys
        if one.inventory is not None
        for router in routers_of(one.source, one.inventory.points)
    ]
    found = await balances(reader, made, await full_hours(reader, made))
    bound_ppm = settings.poll.remainder_ppm
    if form == "json":
        shown = {"bound": percent(Fraction(bound_ppm, MILLION)), "balances": [_as_json(one) for one in found]}
        out.print(json.dumps(shown, indent=2), highlight=False, soft_wrap=True, markup=False)
    else:
        _print(found, bound_ppm, out)
    return say_unreachable(surveys, errors)


def _print(found: list[Balance], bound_ppm: int, out: Console) -> None:
    known = [one for one in found if one.remainder is not None]
    if known:
        out.print(_table(known, bound_ppm, out.width))
        out.print(
            "remainder: uplinks and services less links; traffic between tenants makes it negative; beyond "
            f"{percent(Fraction(bound_ppm, MILLION))} of the greater side it is told",
            highlight=False,
            soft_wrap=True,
        )
    for one in found:
        if one.remainder is None:
            out.print(f"[yellow]not known[/yellow]: {escape(_why(one))}", highlight=False, soft_wrap=True)
        elif not one.remainder.is_measured:
            words = f"{_name(one)}: some of the hour was not measured but spread or inferred, so it is not judged"
            out.print(f"[yellow]not measured[/yellow]: {escape(words)}", highlight=False, soft_wrap=True)
    for source in sorted({one.gateway.source for one in found if one.is_partial}):
        words = f"{source}: VPCs pass uplinks of a Tier-0 that no inventory names, so remainders hold their traffic"
        out.print(f"[yellow]not judged[/yellow]: {escape(words)}", highlight=False, soft_wrap=True)
    if not found:
        out.print("no Tier-0 or VRF has both uplinks and links", highlight=False)


def _table(known: list[Balance], bound_ppm: int, width: int) -> Table:
    """Return a row for each direction of a gateway, or, where that does not fit, a line for each side."""
    table = Table(title="last full hour, in bytes")
    is_wide = width >= WIDE_MIN
    for heading in ("gateway", "hour", "direction") if is_wide else ("gateway",):
        table.add_column(heading, overflow="fold")
    for heading in SIDES if is_wide else Direction:
        table.add_column(heading, justify="right", no_wrap=True)
    for one in known:
        columns = {direction: _sides(one, direction) for direction in Direction}
        hour, style = format_time(one.start or 0), "red" if _is_told(one, bound_ppm) else ""
        if is_wide:
            for direction, cells in columns.items():
                is_last = direction is Direction.EGRESS
                table.add_row(escape(_name(one)), hour, direction.value, *cells, style=style, end_section=is_last)
        else:
            table.add_row(f"{escape(_name(one))}\n{hour}", "", "", style=style)
            for number, side in enumerate(SIDES):
                cells = [columns[direction][number] for direction in Direction]
                table.add_row(f"  {side}", *cells, style=style, end_section=side == SIDES[-1])
    return table


def _sides(one: Balance, direction: Direction) -> list[str]:
    """Return what ``SIDES`` names, in words."""
    sums = [bytes_of(usage, direction) for usage in (one.uplinks, one.services, one.links)]
    rest = remainder_of(one.remainder, direction)[0] if one.remainder is not None else 0
    return [*map(_grouped, (*sums, rest)), percent(_share(one, direction))]


def _is_told(one: Balance, bound_ppm: int) -> bool:
    return one.remainder is not None and one.remainder.exceeds(bound_ppm) and not one.is_partial


def _share(one: Balance, direction: Direction) -> Fraction:
    """Return the remainder as a share of the greater side, signed."""
    if one.remainder is None:
        return Fraction(0)
    rest, most = remainder_of(one.remainder, direction)
    return Fraction(rest, most) if most else Fraction(0)


def _name(one: Balance) -> str:
    return f"{one.gateway.source}: {one.gateway.name}"


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _why(one: Balance) -> str:
    """Return why a balance is not known."""
    name = f"{_name(one)} ({one.gateway.path})"
    if one.start is None:
        return f"{name}: no hour of it is full yet"
    shown = [f"{part.point.label} ({part.covered_ms // 60_000} of 60 minutes)" for part in one.lacking[:LACKING_MAX]]
    more = f" and {len(one.lacking) - LACKING_MAX} more" if len(one.lacking) > LACKING_MAX else ""
    return f"{name}: from {format_time(one.start)} these were not observed throughout: {', '.join(shown)}{more}"


def _as_json(one: Balance) -> dict[str, Any]:  # Any: JSON of strings, numbers, lists and objects
    left = one.remainder
    return {
        "source": one.gateway.source,
        "gateway": one.gateway.path,
        "gateway_name": one.gateway.name,
        "start": format_time(one.start) if one.start is not None else None,
        "end": format_time(one.end) if one.start is not None else None,
        "known": left is not None,
        "measured": left is not None and left.is_measured,
        "partial": one.is_partial,
        **{direction.value: _direction_json(one, direction) for direction in Direction},
        "lacking": [{"point": part.point.label, "covered_seconds": part.covered_ms // 1_000} for part in one.lacking],
    }


def _direction_json(one: Balance, direction: Direction) -> dict[str, str | None]:
    left = one.remainder
    return {
        "uplinks": str(bytes_of(one.uplinks, direction)),
        "services": str(bytes_of(one.services, direction)),
        "links": str(bytes_of(one.links, direction)),
        "remainder": str(remainder_of(left, direction)[0]) if left is not None else None,
        "share": percent(_share(one, direction)) if left is not None else None,
    }
