"""``northmeter check``: every fault of the settings at once; with ``--online`` also what the sources say."""

from __future__ import annotations

from collections import Counter

from rich.console import Console
from rich.markup import escape

from collector.clock import Clock
from collector.commands.directors import counted, map_words
from collector.commands.survey import Survey, survey
from config.loader import Loaded

DONE, FOUND, OUT_OF_REACH = 0, 1, 3


def say_offline(loaded: Loaded, name: str, out: Console) -> None:
    """Print what a file without faults says."""
    settings = loaded.settings
    points = sum(len(tenant.points) for tenant in settings.tenants)
    kinds = ", ".join(
        f"{count} {kind}" for kind, count in sorted(Counter(one.kind for one in settings.sources).items())
    )
    out.print(
        f"{escape(name)}: no faults; {counted(len(settings.sources), 'source')} ({kinds}), "
        f"{counted(len(settings.tenants), 'tenant')}, {counted(points, 'explicit point')}, "
        f"{counted(len(loaded.warnings), 'warning')}",
        highlight=False,
    )


async def check_online(loaded: Loaded, clock: Clock, out: Console) -> int:
    """Print what every source says; return 3 when one is out of reach, 1 when something is wrong, else 0."""
    found = unreachable = False
    for one in await survey(loaded.settings, clock, online=True):
        faults = _say(one, out)
        found = found or faults
        unreachable = unreachable or one.unreachable is not None
    return OUT_OF_REACH if unreachable else FOUND if found else DONE


def _say(one: Survey, out: Console) -> bool:
    """Print one source; return whether anything is wrong with it."""
    out.print(f"[bold]source {escape(one.source)}[/bold]", highlight=False)
    lines = list(one.report.lines) if one.report is not None else []
    if one.unreachable is not None:
        lines.append((False, one.unreachable))
    notes = []
    if one.cloud is not None:
        lines.append((one.cloud.complete, map_words(one)))
        lines.extend((False, fault) for fault in one.cloud.faults)
    if one.inventory is not None and one.plan is not None and one.attribution is not None:
        lines.append((one.plan.fits, one.plan.words(one.source, one.requests_per_second)))
        lines.extend((False, fault) for fault in one.inventory.faults)
        lines.extend((False, overlap.message) for overlap in one.attribution.overlaps)
        lines.extend(
            (False, f"{claim.path}: no such point in the inventory; expected an id, a display name or a policy path")
            for claim in one.attribution.unmatched
        )
        notes = [f"{note.kind.value}: {note.message}" for note in one.attribution.notes]
    notes += [f"{note.kind.value}: {note.message}" for note in one.notes]
    for ok, words in lines:
        mark = "[green]ok  [/green]" if ok else "[red]FAIL[/red]"
        out.print(f"  {mark} {escape(words)}", highlight=False, soft_wrap=True)
    for words in notes:
        out.print(f"  [yellow]note[/yellow] {escape(words)}", highlight=False, soft_wrap=True)
    return not all(ok for ok, _ in lines)
