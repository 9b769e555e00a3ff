"""Which end of a link is read, and what each end costs."""

from __future__ import annotations

from typing import NamedTuple

from collector.model.identity import ReadAt
from collector.sources.nsxt.endpoints import VERSION_OF_LINKS, is_at_least
from collector.sources.nsxt.options import LinkEnd
from collector.sources.nsxt.snapshot import Gateway

PLACES = {
    ReadAt.TIER0: "the Tier-0's port",
    ReadAt.TIER1: "the Tier-1's port",
    ReadAt.TIER0_SUMMARY: "the Tier-0's summary",
}


class Choice(NamedTuple):
    """The end to read, and why."""

    read_at: ReadAt
    note: str


def possible_ends(version: tuple[int, ...], tier1: Gateway, tier0: Gateway | None) -> dict[ReadAt, int]:
    """Return the ends that can be read, with their cost in calls per poll; there is always one.

    A Project's Tier-1 has only its own end, since no Tier-0 of the provider answers under a Project. A manager
    before 3.2 has only the summary of the Tier-0. A Tier-1 without edge nodes has no port of its own.
    """
    is_modern = is_at_least(version, VERSION_OF_LINKS)
    if tier1.project is not None:
        # Where the nodes are unknown, one call without edge_path asks for all of them.
        return {ReadAt.TIER1: max(1, len(tier1.edges))}
    ends: dict[ReadAt, int] = {}
    if is_modern and tier1.edges:
        ends[ReadAt.TIER1] = len(tier1.edges)
    if is_modern and tier0 is not None and tier0.edges:
        ends[ReadAt.TIER0] = len(tier0.edges)
    ends[ReadAt.TIER0_SUMMARY] = 1
    return ends


def choose_end(
    link_end: LinkEnd, ends: dict[ReadAt, int], known: ReadAt | None, failed: frozenset[ReadAt] = frozenset()
) -> Choice:
    """Return which end of a link to read.

    ``auto`` keeps the end that was read so far, as long as it is possible and has not failed for good; otherwise it
    takes the one that answers per node with fewer calls, the Tier-1's where both cost the same, and the summary
    last. A summary is given up when an end that answers per node has become possible. ``tier0`` and ``tier1`` are
    followed where they are possible.

    Args:
        link_end: The setting.
        ends: The possible ends, with their cost; at least one.
        known: The end that was read so far.
        failed: Ends whose requests fail for good.
    Source: accounting rules, section 3.
    """
    if link_end is not LinkEnd.AUTO:
        return _as_set(ReadAt(link_end.value), ends, known)
    ranked = sorted(ends, key=lambda end: (end in failed, end is ReadAt.TIER0_SUMMARY, ends[end], end is ReadAt.TIER0))
    best = ranked[0]
    is_summary_outdone = known is ReadAt.TIER0_SUMMARY and best is not ReadAt.TIER0_SUMMARY
    if known in ends and known not in failed and not is_summary_outdone:
        return Choice(known, _note(known, ends))
    return Choice(best, _note(best, ends) + _change(known, best, failed, is_summary_outdone))


def _as_set(wanted: ReadAt, ends: dict[ReadAt, int], known: ReadAt | None) -> Choice:
    order = [wanted, *sorted(ends, key=lambda end: (end is ReadAt.TIER0_SUMMARY, ends[end]))]
    found = next(end for end in order if end in ends)
    note = _note(found, ends)
    if found is not wanted:
        note += f"; poll.link_end asks for {PLACES[wanted]}, which cannot be read here"
    if known is not None and known is not found:
        note += f"; it was read at {PLACES[known]} before"
    return Choice(found, note)


def _note(end: ReadAt, ends: dict[ReadAt, int]) -> str:
    others = ", ".join(f"{PLACES[other]} {cost}" for other, cost in ends.items() if other is not end)
    alternatives = f" (else {others})" if others else ""
    calls = "call" if ends[end] == 1 else "calls"
    return f"read at {PLACES[end]}: {ends[end]} {calls} a poll{alternatives}"


def _change(known: ReadAt | None, best: ReadAt, failed: frozenset[ReadAt], is_summary_outdone: bool) -> str:
    if known is None or known is best:
        return ""
    if is_summary_outdone:
        return f"; it was read at {PLACES[known]} before, and now answers per node"
    reason = "fails for good" if known in failed else "can no longer be read"
    return f"; it was read at {PLACES[known]} before, which {reason}"
