"""Changes of the provider: resets, failovers, nodes that go and come, objects that are made, moved and deleted."""

from __future__ import annotations

from typing import Final, Literal

from simulator.edge_changes import EdgeChanges
from simulator.events import Fault
from simulator.objects import EdgeNode, Gateway, Interface, Port
from simulator.provider import Offsets, Provider
from simulator.specs import Tier1Spec
from simulator.truth import Truth
from simulator.tunnel_changes import TunnelChanges
from simulator.units import Instant
from simulator.vcd.changes import CloudChanges
from simulator.vpc_changes import VpcChanges

REFRESHES_MAX: Final = 1_000


class Changes:
    """Applies changes at simulated instants, in their order.

    Args:
        provider: What is changed.
        truth: Is told what is lost.
    """

    def __init__(self, provider: Provider, truth: Truth) -> None:
        self._provider = provider
        self._truth = truth
        self._edges = EdgeChanges(provider)
        self._tunnels = TunnelChanges(provider, truth)
        self._vpcs = VpcChanges(provider, truth)
        self._cloud = CloudChanges(provider, self.apply)

    def apply(self, fault: Fault, at: Instant) -> None:
        """Make one change and route the traffic anew.

        Raises:
            LookupError: It names an object that does not exist.
            ValueError: It is no change of the provider.
        """
        method = getattr(self, f"_do_{fault.do}", None)
        for part in (self._edges, self._tunnels, self._cloud):
            method = method or getattr(part, f"do_{fault.do}", None)
        if method is None:
            raise ValueError(f"{fault.do} is no change of the provider")
        method(fault, at)
        self._tunnels.follow(at)
        self._provider.changed(at)
        if self._provider.cloud is not None:
            self._provider.cloud.settle(at)

    # Nodes ------------------------------------------------------------------------------------------------------

    def _do_reset(self, fault: Fault, at: Instant) -> None:
        node = self._provider.node(fault.node or "")
        only = None if fault.path is None else self._provider.find(fault.path).path
        self._reset(node, at, only)
        if fault.refresh:
            node.refreshed.append(at)
            del node.refreshed[:-REFRESHES_MAX]

    def _reset(self, node: EdgeNode, at: Instant, only: str | None = None) -> None:
        for port in self._provider.live_ports():
            counters = port.counters.get(node.nsx_id)
            if counters is None or (only is not None and port.point != only):
                continue
            self._truth.lose(port, node.nsx_id, at, "reset")
            counters.reset(at)
        if only is None:
            self._tunnels.restart_on(node, at)

    def _do_failover(self, fault: Fault, at: Instant) -> None:
        gateway = self._provider.gateway(fault.path or "")
        owner = gateway.parent if gateway.is_vrf and gateway.parent is not None else gateway
        if len(owner.order) < 2:
            raise ValueError(f"{gateway.path} lives on one node; there is nothing to fail over to")
        if fault.to is None:
            owner.order.append(owner.order.pop(0))
            return
        there = [node for node in owner.order if node.cluster.site == fault.to]
        if not there:
            raise ValueError(f"{gateway.path} has no edge node at site {fault.to!r}")
        owner.order = there + [node for node in owner.order if node not in there]

    def _do_node_down(self, fault: Fault, at: Instant) -> None:
        node = self._provider.node(fault.node or "")
        node.up, node.rows, node.stopped_at = False, fault.rows, at
        for gateway in self._provider.gateways.values():
            if node in gateway.order and gateway.ha_mode == "ACTIVE_STANDBY":
                # A gateway does not go back by itself when the node returns.
                gateway.order.remove(node)
                gateway.order.append(node)

    def _do_node_up(self, fault: Fault, at: Instant) -> None:
        node = self._provider.node(fault.node or "")
        node.up, node.stopped_at = True, None
        if fault.reset:
            self._reset(node, at)

    def _do_node_remove(self, fault: Fault, at: Instant) -> None:
        self._provider.node(fault.node or "").listed = False

    def _do_node_add(self, fault: Fault, at: Instant) -> None:
        self._provider.node(fault.node or "").listed = True

    def _do_node_replace(self, fault: Fault, at: Instant) -> None:
        """Redeploy a node: at its place there is one with another id, whose counters begin at zero."""
        provider = self._provider
        old = provider.node(fault.node or "")
        new = EdgeNode(provider.uuid(f"node/{old.alias}/{at}"), old.alias, old.cluster, old.member_index, old.phase)
        old.cluster.nodes[old.cluster.nodes.index(old)] = new
        del provider.nodes[old.nsx_id]
        provider.take_node(new)
        for gateway in provider.gateways.values():
            gateway.order[:] = [new if node is old else node for node in gateway.order]
            for interface in gateway.interfaces():
                interface.node = new if interface.node is old else interface.node
        for port in provider.live_ports():
            port.fixed = new if port.fixed is old else port.fixed
            self._leave(port, old, at)
            self._enter(port, new, at)

    def _do_relocate(self, fault: Fault, at: Instant) -> None:
        """Give a Tier-1 another edge node in place of its active one."""
        gateway = self._provider.gateway(fault.path or "")
        node = self._provider.node(fault.node or "")
        if (
            gateway.tier != 1
            or not gateway.order
            or node in gateway.order
            or node.cluster is not gateway.order[0].cluster
        ):
            raise ValueError(f"{gateway.path} cannot move to {node.alias}: it needs another node of its cluster")
        old, gateway.order[0] = gateway.order[0], node
        for port in self._provider.live_ports():
            if port.host is gateway:
                self._leave(port, old, at)
                self._enter(port, node, at)

    def _leave(self, port: Port, node: EdgeNode, at: Instant) -> None:
        counters = port.counters.get(node.nsx_id)
        if counters is not None:
            self._truth.lose(port, node.nsx_id, at, "removed")
            counters.reset(at)

    def _enter(self, port: Port, node: EdgeNode, at: Instant) -> None:
        if node in port.hosts():
            self._provider.counters_of(port, node, at)

    # Objects ----------------------------------------------------------------------------------------------------

    def _close(self, key: str, at: Instant, reason: Literal["recreated", "removed"]) -> None:
        port = self._provider.close_port(key, at)
        if port is not None:
            self._lose_all(port, at, reason)

    def _lose_all(self, port: Port, at: Instant, reason: Literal["recreated", "removed"]) -> None:
        for name in port.counters:
            self._truth.lose(port, name, at, reason)

    def _do_recreate_port(self, fault: Fault, at: Instant) -> None:
        found = self._provider.find(fault.path or "")
        if fault.new_create_time:
            found.created_at = self._provider.manager_time(at)
            found.unique_id = self._provider.uuid(f"{found.path}/{at}")
        found.revision += 1
        if isinstance(found, Interface):
            self._close(found.path, at, "recreated")
            self._provider.open_interface(found, at)
        else:
            self._close_link(found, at, "recreated")
            self._provider.open_link(found, at)

    def _close_link(self, gateway: Gateway, at: Instant, reason: Literal["recreated", "removed"]) -> None:
        for end in ("tier1", "tier0"):
            self._close(f"{gateway.path}|{end}", at, reason)

    def _do_add_tier1(self, fault: Fault, at: Instant) -> None:
        if fault.tier1 is not None:
            self._provider.add_tier1(fault.tier1, at)

    def _do_add_interface(self, fault: Fault, at: Instant) -> None:
        if fault.interface is not None:
            self._provider.add_interface(self._provider.gateway(fault.path or ""), fault.interface, at)

    def _do_delete(self, fault: Fault, at: Instant) -> None:
        if self._tunnels.delete(fault.path or "", at) or self._vpcs.delete(fault.path or "", at):
            return
        found = self._provider.find(fault.path or "")
        provider = self._provider
        provider.removed[found.path] = found
        if isinstance(found, Interface):
            self._close(found.path, at, "removed")
            del found.service.interfaces[found.id]
            provider.flows = [flow for flow in provider.flows if flow.interface is not found]
            return
        children = [g for g in provider.gateways.values() if g.parent is found]
        if children:
            raise ValueError(f"{found.path} has {len(children)} gateways under it; delete or move them first")
        self._close_link(found, at, "removed")
        self._tunnels.delete_of(found, at)
        for interface in found.interfaces():
            self._close(interface.path, at, "removed")
        del provider.gateways[found.path]
        provider.flows = [flow for flow in provider.flows if found not in (flow.gateway, flow.target)]

    def _do_recreate(self, fault: Fault, at: Instant) -> None:
        provider = self._provider
        name = fault.path or ""
        if self._tunnels.recreate(name, at) or self._vpcs.recreate(name, at):
            return
        if self._removed(name) is None:
            self._do_delete(fault, at)
        found = self._removed(name)
        if found is None:
            raise LookupError(f"no gateway or interface {name!r} was deleted")
        del provider.removed[found.path]
        if isinstance(found, Interface):
            if found.spec is None:
                raise ValueError(f"{found.path} is an uplink; only service interfaces can be made again")
            provider.add_interface(found.gateway, found.spec, at)
        elif isinstance(found.spec, Tier1Spec):
            # It comes back where it was, which may be another parent than its specification says.
            parent = found.spec.tier0 if found.parent is None else found.parent.id
            provider.add_tier1(found.spec.model_copy(update={"tier0": parent}), at)
        else:
            provider.add_tier0(found.spec, at)

    def _removed(self, name: str) -> Gateway | Interface | None:
        for path, found in self._provider.removed.items():
            short = f"{found.gateway.id}/{found.id}" if isinstance(found, Interface) else found.id
            if name in (path, short):
                return found
        return None

    def _do_move(self, fault: Fault, at: Instant) -> None:
        gateway = self._provider.gateway(fault.path or "")
        parent = self._provider.gateway(fault.to or "")
        if gateway.tier != 1 or parent.tier != 0:
            raise ValueError(f"{gateway.path} to {parent.path}: only a Tier-1 moves, and only to a Tier-0 or VRF")
        self._close_link(gateway, at, "recreated")
        gateway.parent = parent
        gateway.revision += 1
        self._provider.open_link(gateway, at)

    # Clocks and versions ----------------------------------------------------------------------------------------

    def _do_clock_jump(self, fault: Fault, at: Instant) -> None:
        last = self._provider.offsets[-1]
        self._provider.offsets.append(
            Offsets(at, last.manager + fault.manager_offset, last.device + fault.device_offset)
        )

    def _do_set_version(self, fault: Fault, at: Instant) -> None:
        self._provider.version = fault.version or self._provider.version
