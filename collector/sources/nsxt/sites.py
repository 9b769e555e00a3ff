"""The sites of a federation: a gateway that is stretched over several is metered at each of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from collector.sources.nsxt.snapshot import Edge, Gateway

EDGES_KEPT_MAX = 4_096
"""Edge nodes whose site is remembered: all gateways of a source lie on the same few hundred."""


@lru_cache(maxsize=EDGES_KEPT_MAX)
def site_of(path: str) -> str:
    """Return the site that an edge cluster or node lies at, or nothing where its policy path names none."""
    _, found, rest = path.partition("/sites/")
    return rest.partition("/")[0] if found else ""


def sites_of(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the sites of edge clusters or nodes, in order."""
    return tuple(sorted({site_of(path) for path in paths} - {""}))


def link_sites(tier1: Gateway, tier0: Gateway | None) -> tuple[str, ...]:
    """Return the sites that a link is metered at one by one, or nothing where it lies at one site only.

    The Tier-1's own edge nodes say where it is, whichever end is read: a change of the end must not change what the
    point is called. Without a service router it is wherever its Tier-0 is.
    """
    edges = tier1.edges or (tier0.edges if tier0 is not None else ())
    sites = sites_of(edge.path for edge in edges)
    return sites if len(sites) > 1 else ()


def link_path(tier1: str, site: str = "") -> str:
    """Return what the metering point of a link is called: the Tier-1's policy path, with ``@`` and the site if any."""
    return f"{tier1}@{site}" if site else tier1


def at_site(edges: Iterable[Edge], site: str) -> tuple[Edge, ...]:
    """Return the edge nodes at one site."""
    return tuple(edge for edge in edges if site_of(edge.path) == site)
