"""Settings of a daemon that meters a simulated provider, as plain data."""

from __future__ import annotations

from typing import Any, Final

from simulator.objects import Gateway
from simulator.simulator import Simulator
from simulator.tree import version_tuple
from simulator.vpc_api import SPLIT_VERSION

NSXV_SOURCE: Final = "nsxv-sim"
"""Name of the source that is the NSX-V manager."""

VCD_SOURCE: Final = "vcd-sim"
"""Name of the source that is the Cloud Director."""


def settings_for(sim: Simulator, *, source: str = "nsx-sim", points: bool = True, **overrides: Any) -> dict[str, Any]:
    """Return settings with a source for NSX, for NSX-V and Cloud Director if there are such, and the tenants.

    Args:
        sim: A started simulator.
        source: Name of the NSX source.
        points: Whether tenants list their points; without, attribution is left to the director, tags and projects.
        overrides: Top-level keys to put in or to replace (``poll={"interval": "1s"}``); they are of any shape.
    """
    settings: dict[str, Any] = {
        "site": "sim",
        "sources": [_source(sim, source), *_nsxv_source(sim), *_vcd_source(sim, source)],
        "tenants": [
            {"id": spec.id, "name": spec.name or spec.id, "timezone": spec.timezone}
            | ({"points": found} if points and (found := _points(sim, spec.id, source)) else {})
            | _organisation(sim, spec.id)
            for spec in sim.scenario.tenants
        ],
    }
    return settings | overrides


def _source(sim: Simulator, name: str) -> dict[str, Any]:
    managers = list(sim.managers.values())
    federated = [manager for manager in managers if manager.spec.role == "global"]
    return {
        "kind": "nsxt",
        "name": name,
        "urls": [manager.url for manager in federated or managers],
        "username": sim.username,
        "password": sim.password,
        "auth": "session",
        "federation": bool(federated),
        "projects": "all" if sim.provider.projects else "none",
    } | _tls(sim)


def _tls(sim: Simulator) -> dict[str, Any]:
    return {"tls": {"ca_file": str(sim.ca_file)}} if sim.ca_file is not None else {}


def _nsxv_source(sim: Simulator) -> list[dict[str, Any]]:
    edges = sim.provider.edges
    if edges is None:
        return []
    source = {
        "kind": "nsxv",
        "name": NSXV_SOURCE,
        "urls": [sim.nsxv_url],
        "username": sim.username,
        "password": sim.password,
        "time_unit": "seconds" if edges.spec.asked_unit == "s" else "milliseconds",
    }
    return [source | _tls(sim)]


def _vcd_source(sim: Simulator, source: str) -> list[dict[str, Any]]:
    cloud = sim.provider.cloud
    if cloud is None:
        return []
    managers = {cloud.manager.name: source}
    if sim.provider.edges is not None:
        managers[cloud.vcenter.name] = NSXV_SOURCE
    vcd = {
        "kind": "vcd",
        "name": VCD_SOURCE,
        "urls": [sim.vcd_url],
        "username": sim.vcd_username,
        "password": sim.vcd_password,
        "org": sim.vcd_org,
        "managers": managers,
    }
    return [vcd | _tls(sim)]


def _organisation(sim: Simulator, tenant: str) -> dict[str, str]:
    """Return the name of a tenant's organisation, where it is not the tenant's id."""
    cloud = sim.provider.cloud
    names = [org.name for org in cloud.orgs.values() if org.tenant == tenant] if cloud is not None else []
    return {"vcd_org": names[0]} if names and names[0] != tenant else {}


def _points(sim: Simulator, tenant: str, source: str) -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = []
    for gateway in sim.provider.gateways.values():
        if gateway.tenant == tenant and gateway.tier == 0:
            points.append({"source": source, "kind": "tier0_uplink", "tier0": gateway.id})
        elif (
            gateway.tenant == tenant and gateway.parent is not None and gateway.parent.tenant is None and gateway.nodes
        ):
            points.append({"source": source, "kind": "tier1_downlink", **_named(gateway)})
        points += [
            {"source": source, "kind": "service_interface", **_named(gateway), "interface": interface.id}
            for interface in gateway.interfaces()
            if interface.type == "SERVICE"
            and not interface.internal
            and (interface.tenant if interface.tenant is not None else gateway.tenant) == tenant
        ]
    for vpc in sim.provider.vpcs.values():
        if vpc.tenant == tenant and not vpc.is_transit:
            named = {"project": vpc.project, "vpc": vpc.id}
            points += [{"source": source, "kind": kind, **named} for kind in _vpc_kinds(sim)]
    edges = [] if sim.provider.edges is None else sim.provider.edges.edges.values()
    points += [
        {"source": NSXV_SOURCE, "kind": "edge_interface", "edge": edge.id}
        for edge in edges
        if edge.tenant == tenant and not edge.is_distributed
    ]
    return points


def _vpc_kinds(sim: Simulator) -> tuple[str, ...]:
    return ("vpc_external", "vpc_internal") if version_tuple(sim.provider.version) >= SPLIT_VERSION else ("vpc",)


def _named(gateway: Gateway) -> dict[str, str]:
    named = {f"tier{gateway.tier}": gateway.id}
    return named | ({"project": gateway.project} if gateway.project is not None else {})
