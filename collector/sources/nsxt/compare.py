"""Links whose two ends are compared: a part of them at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from collector.model.identity import PointKey, ReadAt
from collector.ports import Comparison
from collector.sources.nsxt.endpoints import Endpoints, parse_version
from collector.sources.nsxt.ends import possible_ends
from collector.sources.nsxt.sites import link_sites
from collector.sources.nsxt.snapshot import Gateway, Snapshot

BOTH_ENDS = {ReadAt.TIER0, ReadAt.TIER1}


def comparisons(
    snapshot: Snapshot,
    endpoints: Endpoints,
    link_key: Callable[[str], PointKey],
    fails: Callable[[PointKey], frozenset[ReadAt]],
    *,
    after: str,
    limit: int,
) -> tuple[Comparison, ...]:
    """Return up to ``limit`` links that answer per node at both ends, the next ones after ``after`` and round again.

    A link under a Project has one end only. One that is stretched over sites is left out: what enters at one site may
    leave at another.

    Args:
        link_key: The metering point of a Tier-1's link.
        fails: The ends of a link that fail for good; it is not compared then.
        after: Path of the last link that was compared before, or nothing.
    """
    paths = sorted(tier1.path for tier1, _ in _links(snapshot) if not fails(link_key(tier1.path)) & BOTH_ENDS)
    turned = [path for path in paths if path > after] + [path for path in paths if path <= after]
    found = []
    for path in turned[:limit]:
        tier1 = snapshot.gateways[path]
        tier0 = snapshot.gateways[tier1.parent or ""]
        found.append(
            Comparison(
                point=link_key(path),
                tier0_calls=endpoints.link_at_tier0(tier0.path, path, tier0.edges),
                tier1_calls=endpoints.link_at_tier1(path, tier1.edges),
            )
        )
    return tuple(found)


def _links(snapshot: Snapshot) -> Iterator[tuple[Gateway, Gateway]]:
    """Yield the links, as (Tier-1, Tier-0), that both ends can be read of."""
    version = parse_version(snapshot.version)
    for tier1 in snapshot.gateways.values():
        tier0 = snapshot.gateways.get(tier1.parent or "")
        if tier1.tier != 1 or tier0 is None or link_sites(tier1, tier0):
            continue
        if possible_ends(version, tier1, tier0).keys() >= BOTH_ENDS:
            yield tier1, tier0
