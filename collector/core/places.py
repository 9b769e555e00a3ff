"""What attribution looks at: metering points, gateways and segments as an inventory shows them."""

from __future__ import annotations

from typing import Protocol

from collector.model.identity import PointKey

Tags = tuple[tuple[str, str], ...]
"""(scope, tag), in order."""


class Place(Protocol):
    """A metering point that an inventory found.

    A link's ``gateway`` is the Tier-0 or VRF that it leads to, and its ``tier1`` the plain path also where the point is
    one site's share of it. An interface's ``gateway`` is the one that has it, ``tier1`` the same where that is a
    Tier-1. ``tags`` are those of the gateway, then those of the interface.
    """

    @property
    def key(self) -> PointKey: ...
    @property
    def name(self) -> str: ...
    @property
    def gateway(self) -> str: ...
    @property
    def gateway_name(self) -> str: ...
    @property
    def tier1(self) -> str | None: ...
    @property
    def project(self) -> str | None: ...
    @property
    def segment(self) -> str | None: ...
    @property
    def tags(self) -> Tags: ...


class Gateway(Protocol):
    """A Tier-0, VRF or Tier-1; ``ids`` are what a director may call it, ``parent`` a Tier-1's Tier-0 or VRF."""

    @property
    def path(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def tier(self) -> int: ...
    @property
    def parent(self) -> str | None: ...
    @property
    def project(self) -> str | None: ...
    @property
    def ids(self) -> tuple[str, ...]: ...
    @property
    def tags(self) -> Tags: ...


class Segment(Protocol):
    """A segment behind a service interface."""

    @property
    def path(self) -> str: ...
    @property
    def ids(self) -> tuple[str, ...]: ...


def last(path: str) -> str:
    """Return the last element of a policy path, which is the object's id."""
    return path.rsplit("/", 1)[-1]
