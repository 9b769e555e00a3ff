"""What ``northmeter discover`` says of a director: how much it knows, and what of it was not found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape

from collector.commands.survey import Survey
from collector.core.attribution import Note, NoteKind
from collector.model.directory import CloudGateway

LOST = frozenset({NoteKind.UNRESOLVED, NoteKind.AMBIGUOUS})
"""Notes of a gateway that mean that some of its traffic is not found."""


def not_found(one: Survey, sources: Sequence[Survey]) -> list[tuple[CloudGateway, Note]]:
    """Return the gateways of a director of which something was not found, each with what it is, by name."""
    if one.cloud is None:
        return []
    gateways = {gateway.id: gateway for gateway in one.cloud.gateways}
    notes = dict.fromkeys(
        note for source in sources if source.attribution is not None for note in source.attribution.notes
    )
    found = [(gateways[note.path], note) for note in notes if note.kind in LOST and note.path in gateways]
    return sorted(found, key=lambda pair: (pair[0].name, pair[0].id, pair[1].message))


def director_json(one: Survey, sources: Sequence[Survey]) -> dict[str, Any]:  # Any: JSON of strings, numbers, lists
    """Return a director as JSON; numbers of addresses are strings, since IPv6 outgrows a double."""
    cloud = one.cloud
    if cloud is None:
        return {"source": one.source, "error": one.unreachable}
    return {
        "source": one.source,
        "version": cloud.version,
        "complete": cloud.complete,
        "addresses_complete": cloud.addresses_complete,
        "faults": list(cloud.faults),
        "organisations": len(cloud.orgs),
        "gateways": len(cloud.gateways),
        "networks": len(cloud.networks),
        "allocations": len(cloud.allocations),
        "addresses": str(sum(one.addresses for one in cloud.allocations)),
        "notes": [{"kind": note.kind.value, "path": note.path, "message": note.message} for note in one.notes],
        "not_found": [
            {
                "gateway": gateway.name,
                "reference": gateway.id,
                "organisation": gateway.org_name,
                "kind": note.kind.value,
                "message": note.message,
            }
            for gateway, note in not_found(one, sources)
        ],
    }


def map_words(one: Survey) -> str:
    """Return how much a director knows, in a sentence."""
    cloud = one.cloud
    if cloud is None:
        return "no map"
    addresses = sum(each.addresses for each in cloud.allocations)
    held = f"{addresses:,}".replace(",", " ")
    state = "complete" if cloud.complete else "not complete, so that it is not put in force"
    state += "" if cloud.addresses_complete else "; its addresses are not complete"
    parts = (
        counted(len(cloud.orgs), "organisation"),
        counted(len(cloud.gateways), "gateway"),
        counted(len(cloud.networks), "external network"),
        f"{held} addresses in {counted(len(cloud.allocations), 'allocation')}",
    )
    return f"API {cloud.version}, {', '.join(parts)}; the map is {state}"


def print_director(one: Survey, sources: Sequence[Survey], out: Console) -> None:
    """Print a director's section; one that is out of reach has none."""
    if one.cloud is None:
        return
    out.print(f"[bold]{escape(one.source)}[/bold]: {escape(map_words(one))}", highlight=False, soft_wrap=True)
    for fault in one.cloud.faults:
        out.print(f"[red]not read[/red]: {escape(fault)}", highlight=False, soft_wrap=True)
    for note in (*one.notes, *(note for _, note in not_found(one, sources))):
        out.print(f"[red]not found[/red]: {escape(note.message)}", highlight=False, soft_wrap=True)
    out.print()


def counted(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}" + ("" if number == 1 else "s")
