"""Parts of a provider for tests of attribution: points and gateways of a manager, and a director's map of them."""

from __future__ import annotations

from collections.abc import Sequence

from collector.core.attribution import Attribution, AttributionRules, attribute
from collector.model.directory import Backing, CloudGateway, CloudMap, ExternalNetwork, GatewayType, Org, Uplink
from collector.model.identity import Kind, PointKey, ReadAt
from collector.model.usage import Role
from collector.ports import FoundGateway, FoundPoint, FoundSegment

Tags = tuple[tuple[str, str], ...]
Objects = Sequence[FoundGateway | FoundSegment]

SEGMENT_TYPE = "IMPORTED_T_LOGICAL_SWITCH"


def tier0_path(name: str) -> str:
    return f"/infra/tier-0s/{name}"


def tier1_path(name: str, project: str | None = None) -> str:
    prefix = f"/orgs/default/projects/{project}" if project else ""
    return f"{prefix}/infra/tier-1s/{name}"


def point(kind: Kind, path: str, gateway: str, **given: object) -> FoundPoint:
    facts: dict[str, object] = {
        "name": path.rsplit("/", 1)[-1],
        "gateway_name": gateway.rsplit("/", 1)[-1],
        "read_at": ReadAt.INTERFACE,
        "calls": (),
        **given,
    }
    return FoundPoint(key=PointKey("nsx", kind, path), gateway=gateway, **facts)  # type: ignore[arg-type]  # as given


def uplink(tier0: str, interface: str = "up1", tags: Tags = ()) -> FoundPoint:
    path = tier0_path(tier0)
    return point(Kind.TIER0_UPLINK, f"{path}/locale-services/default/interfaces/{interface}", path, tags=tags)


def link(tier0: str, tier1: str, project: str | None = None, tags: Tags = (), site: str = "") -> FoundPoint:
    path = tier1_path(tier1, project)
    key = f"{path}@{site}" if site else path
    return point(Kind.TIER1_DOWNLINK, key, tier0_path(tier0), tier1=path, project=project, tags=tags, name=tier1)


def csp(
    gateway: str, interface: str, segment: str | None = None, project: str | None = None, tags: Tags = ()
) -> FoundPoint:
    """A service interface; of a Tier-0 where ``gateway`` begins with ``t0``."""
    of_tier0 = gateway.startswith("t0")
    path = tier0_path(gateway) if of_tier0 else tier1_path(gateway, project)
    return point(
        Kind.SERVICE_INTERFACE,
        f"{path}/locale-services/default/interfaces/{interface}",
        path,
        tier1=None if of_tier0 else path,
        project=project,
        segment=f"/infra/segments/{segment}" if segment else None,
        tags=tags,
    )


def tunnel(gateway: str, session: str = "s1", kind: Kind = Kind.IPSEC_VPN) -> FoundPoint:
    of_tier0 = gateway.startswith("t0")
    path = tier0_path(gateway) if of_tier0 else tier1_path(gateway)
    sessions = f"{path}/ipsec-vpn-services/v/sessions/{session}"
    return point(kind, sessions, path, tier1=None if of_tier0 else path, read_at=ReadAt.SESSION)


def edge(name: str, vnic: int = 0, source: str = "nsxv") -> FoundPoint:
    found = point(Kind.EDGE_INTERFACE, f"/edges/{name}/vnics/{vnic}", f"/edges/{name}")
    return FoundPoint(
        key=found.key._replace(source=source),
        name=f"vnic{vnic}",
        gateway=found.gateway,
        gateway_name=f"name of {name}",
        read_at=ReadAt.INTERFACE,
        calls=(),
    )


def t0(name: str, *ids: str, parent: str | None = None, tags: Tags = ()) -> FoundGateway:
    above = tier0_path(parent) if parent else None
    return FoundGateway(tier0_path(name), f"name of {name}", 0, above, None, (name, *ids), tags)


def t1(name: str, *ids: str, under: str | None = "t0", project: str | None = None, tags: Tags = ()) -> FoundGateway:
    parent = tier0_path(under) if under else None
    return FoundGateway(tier1_path(name, project), f"name of {name}", 1, parent, project, (name, *ids), tags)


def segment(name: str, *ids: str) -> FoundSegment:
    return FoundSegment(f"/infra/segments/{name}", (name, *ids))


# --- a director ------------------------------------------------------------------------------------------------------


def org(name: str) -> Org:
    return Org(f"urn:vcloud:org:{name}", name)


def on(network: str, backing_type: str = "NSXT_TIER0", *, connected: bool = True, dedicated: bool = False) -> Uplink:
    return Uplink(f"urn:vcloud:network:{network}", network, backing_type, connected, dedicated)


def on_segment(network: str) -> Uplink:
    return on(network, SEGMENT_TYPE)


def gateway(name: str, org_name: str, backing: str, *uplinks: Uplink, **given: object) -> CloudGateway:
    facts: dict[str, object] = {"manager": "urn:vcloud:nsxtmanager:1", "manager_name": "nsx", **given}
    return CloudGateway(
        id=f"urn:vcloud:gateway:{name}",
        name=name,
        org=f"urn:vcloud:org:{org_name}",
        org_name=org_name,
        backing_id=backing,
        uplinks=uplinks,
        **facts,  # type: ignore[arg-type]  # as given
    )


def nsxv_gateway(name: str, org_name: str, backing: str, manager: str = "vc") -> CloudGateway:
    return gateway(
        name, org_name, backing, type=GatewayType.NSXV, manager="urn:vcloud:vimserver:1", manager_name=manager
    )


def provider_gateway(
    name: str, tier0: str, org_name: str = "", *, one: bool = False, vrf: bool = False
) -> ExternalNetwork:
    """An external network on a Tier-0, dedicated to an organisation, or to one gateway, or shared."""
    return ExternalNetwork(
        id=f"urn:vcloud:network:{name}",
        name=name,
        backings=(Backing(tier0, "NSXT_VRF_TIER0" if vrf else "NSXT_TIER0", "urn:vcloud:nsxtmanager:1", "nsx"),),
        dedicated_org=f"urn:vcloud:org:{org_name}" if org_name else "",
        dedicated_gateway=one,
    )


def external(name: str, backing: str) -> ExternalNetwork:
    """An external network on a segment."""
    backings = (Backing(backing, SEGMENT_TYPE, "urn:vcloud:nsxtmanager:1", "nsx"),)
    return ExternalNetwork(id=f"urn:vcloud:network:{name}", name=name, backings=backings)


def cloud(*parts: CloudGateway | ExternalNetwork | Org, source: str = "vcd") -> CloudMap:
    """A map; without organisations, those that its gateways and networks name."""
    gateways = tuple(part for part in parts if isinstance(part, CloudGateway))
    networks = tuple(part for part in parts if isinstance(part, ExternalNetwork))
    named = {one.org_name for one in gateways} | {one.dedicated_org.rpartition(":")[2] for one in networks} - {""}
    orgs = tuple(part for part in parts if isinstance(part, Org)) or tuple(map(org, sorted(named)))
    return CloudMap(
        source=source,
        at=1,
        version="38.1",
        complete=True,
        addresses_complete=True,
        orgs=orgs,
        gateways=gateways,
        networks=networks,
    )


# --- and what becomes of it ------------------------------------------------------------------------------------------


def by_director(points: Sequence[FoundPoint], objects: Objects, *maps: CloudMap, **rules: object) -> Attribution:
    """Attribute points with these maps in force."""
    return attribute(
        points,
        AttributionRules(maps=maps, **rules),  # type: ignore[arg-type]  # as given
        gateways=[one for one in objects if isinstance(one, FoundGateway)],
        segments=[one for one in objects if isinstance(one, FoundSegment)],
    )


def whose(made: Attribution, *points: FoundPoint) -> list[tuple[str, Role]]:
    """Return (tenant, role) of points."""
    return [(made.decisions[one.key].tenant, made.decisions[one.key].role) for one in points]


def kinds(made: Attribution) -> list[str]:
    """Return what the notes are about, in order of the words."""
    return sorted(note.kind.value for note in made.notes)
