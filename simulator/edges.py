"""Edges of NSX-V and their vNICs: what exists, what passes them, and when no statistics were kept of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from simulator.counters import NodeCounters, Values
from simulator.nsxv_specs import EdgeSpec, NsxvSpec, VnicType
from simulator.objects import Counted
from simulator.shapes import SLOT_MS
from simulator.traffic import flow_rates, random_shape, split_rate
from simulator.units import Instant

if TYPE_CHECKING:
    from simulator.provider import Provider

APPLIANCE: Final = "edge"
"""The node of an edge's counters: an edge answers as one, whichever appliance is active."""


class Gap(NamedTuple):
    """Simulated time of which an edge has no samples, as after a failover."""

    start: Instant
    end: Instant


@dataclass(slots=True, eq=False, kw_only=True)
class Vnic(Counted):
    """A vNIC that is connected; ``in`` is what the edge received on it, ``out`` what it sent.

    Attributes:
        edge: Id of its edge.
    """

    edge: str
    index: int
    name: str
    type: VnicType

    @property
    def portgroup(self) -> str:
        """Name of the port group that it is connected to."""
        return f"pg-{self.name}" if self.type == "uplink" else f"vxw-dvs-21-{self.edge}-{self.name}"


@dataclass(slots=True, eq=False)
class Edge:
    """An edge gateway.

    Attributes:
        id: As the manager names it, ``edge-12``; never used again.
        gateway: As the director names it.
    """

    id: str
    name: str
    gateway: str
    tenant: str | None
    ha: bool
    born: Instant
    is_distributed: bool = False
    vnics: dict[int, Vnic] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    active: int = 0
    died: Instant | None = None

    @property
    def path(self) -> str:
        """Its path, of which those of its vNICs are made."""
        return f"/edges/{self.id}"


class Edges:
    """The edges of the provider's NSX-V manager.

    Args:
        provider: The provider.
        spec: The manager.
    Attributes:
        edges: Those that exist, by id.
        gone: Those that were deleted.
        revision: Grows with each change.
    """

    def __init__(self, provider: Provider, spec: NsxvSpec) -> None:
        self._provider = provider
        self.spec = spec
        self.edges: dict[str, Edge] = {}
        self.gone: dict[str, Edge] = {}
        self.revision = 0
        for edge in spec.edges:
            self.add(edge, provider.clock.start)

    def find(self, name: str) -> Edge:
        """Return an edge by its id, its path, or the director's id.

        Raises:
            LookupError: There is none.
        """
        for edge in self.edges.values():
            if name in (edge.id, edge.path, edge.gateway):
                return edge
        raise LookupError(f"no edge {name!r}; known: {', '.join(self.edges) or 'none'}")

    def vnics(self) -> list[Vnic]:
        """Return all vNICs that exist or existed."""
        return [vnic for known in (self.edges, self.gone) for edge in known.values() for vnic in edge.vnics.values()]

    def add(self, spec: EdgeSpec, at: Instant) -> Edge:
        """Make an edge, with its traffic.

        Raises:
            ValueError: The id was used before.
        """
        if spec.id in self.edges or spec.id in self.gone:
            raise ValueError(f"{spec.id} was used before; the manager never gives an id twice")
        gateway = spec.gateway or self._provider.uuid(f"nsxv-gateway/{spec.id}")
        distributed = spec.type == "distributedRouter"
        edge = Edge(spec.id, spec.name or spec.id, gateway, spec.tenant, spec.ha, at, is_distributed=distributed)
        # Weights change every five minutes; edges see them change elsewhere, or all of their rates would be whole.
        ahead = self._provider.random(f"edge/{spec.id}").randrange(SLOT_MS)
        shapes = tuple(shape.shifted(ahead) for shape in self._provider.shapes)
        for one in sorted(() if edge.is_distributed else spec.vnics, key=lambda vnic: vnic.index):
            point = f"{edge.path}/vnics/{one.index}"
            vnic = Vnic(
                port_id=f"{spec.id}.vnic_{one.index}", point=point, end="interface", born=at, tenant=spec.tenant,
                kind="edge_interface" if one.type == "uplink" else "edge_internal",
                edge=spec.id, index=one.index, name=one.name, type=one.type,
            )  # fmt: skip
            vnic.counters[APPLIANCE] = NodeCounters(at, Values(), shapes)
            edge.vnics[one.index] = vnic
            self._provider.ports.append(vnic)
        if not edge.is_distributed:
            self._route(edge, spec, at)
        self.edges[spec.id] = edge
        self.revision += 1
        return edge

    def _route(self, edge: Edge, spec: EdgeSpec, at: Instant) -> None:
        """Let each uplink's traffic pass the vNICs behind it, so that both sides carry the same."""
        loads: dict[int, dict[int, Values]] = {index: {} for index in edge.vnics}
        inside: list[int | None] = [one.index for one in spec.vnics if one.type != "uplink"]
        for uplink in (one for one in spec.vnics if one.type == "uplink" and one.rate):
            random = self._provider.random(f"edge/{spec.id}/{uplink.index}")
            shape = random_shape(random)
            shares = split_rate(uplink.rate, len(inside) or 1, random)
            for behind, share in zip(inside or [None], shares, strict=True):
                rates = flow_rates(share, random)
                _add(loads[uplink.index], shape, rates)
                if behind is not None:
                    _add(loads[behind], shape, rates.flipped())
        for index, load in loads.items():
            edge.vnics[index].counters[APPLIANCE].route(at, load)

    def rename(self, name: str, to: str) -> None:
        """Give an edge another name."""
        self.find(name).name = to
        self.revision += 1

    def delete(self, name: str, at: Instant) -> None:
        """Delete an edge; what it carried stays known."""
        edge = self.find(name)
        edge.died = at
        for vnic in edge.vnics.values():
            vnic.died = vnic.counters[APPLIANCE].died = at
            vnic.counters[APPLIANCE].route(at, {})
        self.gone[edge.id] = self.edges.pop(edge.id)
        self.revision += 1

    def failover(self, name: str, at: Instant, lasts: int) -> None:
        """Let the other appliance take over; traffic goes on, but for a while no statistics are kept of it.

        Args:
            name: The edge.
            at: When.
            lasts: How long no statistics are kept, in milliseconds.
        """
        edge = self.find(name)
        edge.active = 1 - edge.active if edge.ha else 0
        edge.gaps.append(Gap(at, at + lasts))


def _add(load: dict[int, Values], shape: int, rates: Values) -> None:
    load[shape] = load[shape].plus(rates) if shape in load else rates
