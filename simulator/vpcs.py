"""VPCs and transit gateways of Projects: their ports to the outside and to the inside, and what passes them.

Both live on the edge nodes of the Tier-0 that they go out by, so their sums fall by the share of one node when that
node restarts. What comes from outside passes the Tier-0's uplink, the transit gateway and the VPC; what one VPC sends
to another passes the transit gateway's inner side.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulator.objects import End, Flow, Gateway, Kind, Port
from simulator.traffic import flow_rates, random_shape, split_rate
from simulator.units import Instant

if TYPE_CHECKING:
    from simulator.provider import Provider
    from simulator.specs import TransitGatewaySpec, VpcSpec

PARALLEL = 4
"""Flows that a VPC's traffic is spread over; each takes one way through the nodes."""


@dataclass(slots=True, eq=False)
class Vpc:
    """A VPC or a transit gateway.

    Attributes:
        created_at: On the managers' clock.
        transit: The transit gateway that a VPC goes out by, where it has one.
        attachment: Path of a transit gateway's attachment to the outside; empty for a VPC.
    """

    id: str
    path: str
    project: str
    tenant: str | None
    tier0: Gateway
    spec: VpcSpec | TransitGatewaySpec
    created_at: Instant
    unique_id: str
    external: Port
    internal: Port
    transit: Vpc | None = None
    attachment: str = ""
    attached: Port | None = None
    flows: list[Flow] = field(default_factory=list)

    @property
    def is_transit(self) -> bool:
        """Whether it is a transit gateway."""
        return bool(self.attachment)

    @property
    def ports(self) -> list[Port]:
        """All of its ports."""
        return [self.external, self.internal, *([] if self.attached is None else [self.attached])]


def open_transit_gateway(provider: Provider, spec: TransitGatewaySpec, at: Instant) -> Vpc:
    """Make a transit gateway; its traffic is that of the VPCs behind it."""
    path = f"{_project(provider, spec.project)}/transit-gateways/{spec.id}"
    made = _open(provider, path, spec, at, ("transit_gateway_external", "transit_gateway_internal"))
    made.attachment = f"{path}/attachments/to-{spec.tier0}"
    made.attached = _port(provider, made, made.attachment, "interface", "transit_gateway_attachment", at=at)
    return made


def open_vpc(provider: Provider, spec: VpcSpec, at: Instant) -> Vpc:
    """Make a VPC with its traffic.

    Raises:
        LookupError: There is no such transit gateway in its Project.
    """
    root = _project(provider, spec.project)
    made = _open(provider, f"{root}/vpcs/{spec.id}", spec, at, ("vpc_external", "vpc_internal"))
    if spec.transit_gateway is not None:
        made.transit = provider.vpcs.get(f"{root}/transit-gateways/{spec.transit_gateway}")
        if made.transit is None:
            raise LookupError(f"Project {spec.project} has no transit gateway {spec.transit_gateway!r}")
    random = provider.random(f"flows/{made.path}")
    outside, inside = _through(made)
    for index, share in enumerate(split_rate(spec.rate, PARALLEL, random) if spec.rate else []):
        rates = flow_rates(share, random)
        made.flows.append(Flow("own", made.tier0, random_shape(random), rates, index, through=outside))
    for index, share in enumerate(split_rate(spec.internal_rate, PARALLEL, random) if spec.internal_rate else []):
        rates = flow_rates(share, random)
        made.flows.append(Flow("inside", made.tier0, random_shape(random), rates, index, through=inside))
    provider.flows += made.flows
    return made


def _through(vpc: Vpc) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """Return the ports that a VPC's traffic passes on its way outside and on its way inside."""
    transit = vpc.transit
    if transit is None or transit.attached is None:
        return (vpc.external,), (vpc.internal,)
    return (vpc.external, transit.external, transit.attached), (vpc.internal, transit.internal)


def _project(provider: Provider, project: str) -> str:
    if project not in provider.projects:
        provider.projects.append(project)
    return f"/orgs/default/projects/{project}"


def _open(
    provider: Provider, path: str, spec: VpcSpec | TransitGatewaySpec, at: Instant, kinds: tuple[Kind, Kind]
) -> Vpc:
    tier0 = provider.gateway(spec.tier0)
    ports: list[Port] = []
    ends: tuple[End, End] = ("external", "internal")
    for end, kind in zip(ends, kinds, strict=True):
        port = Port(
            port_id=provider.new_port_id(f"{path}|{end}"), point=path, end=end, kind=kind, host=tier0, born=at,
            tenant=spec.tenant, dedicated=tier0.tenant is not None,
        )  # fmt: skip
        ports.append(provider.make_port(f"{path}|{end}", port))
    created_at, unique_id = provider.created_at(path, at), provider.uuid(f"{path}/{at}")
    made = Vpc(
        spec.id,
        path,
        spec.project,
        spec.tenant,
        tier0,
        spec,
        created_at,
        unique_id,
        external=ports[0],
        internal=ports[1],
    )
    provider.vpcs[path] = made
    return made


def _port(provider: Provider, vpc: Vpc, point: str, end: End, kind: Kind, *, at: Instant) -> Port:
    key = f"{point}|{end}"
    port = Port(
        port_id=provider.new_port_id(key), point=point, end=end, kind=kind, host=vpc.tier0, born=at, tenant=vpc.tenant
    )
    return provider.make_port(key, port)
