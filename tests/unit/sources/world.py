"""Objects of a small provider, put into a fake manager's lists."""

from __future__ import annotations

from typing import Any

from tests.unit.sources.fake_nsx import FakeManager

EP = "/infra/sites/default/enforcement-points/default"
API = "/policy/api/v1"
CREATED = 1_698_750_000_000


class World:
    """Adds objects to the lists of a manager; each method returns the policy path of what it added."""

    def __init__(self, manager: FakeManager, *, root: str = API, infra: str = "/infra", ep: str = EP) -> None:
        self.manager = manager
        self.root = root
        self.infra = infra
        self.ep = ep
        for path in (f"{infra}/tier-0s", f"{infra}/tier-1s", f"{ep}/edge-clusters"):
            self.list(path)

    def list(self, path: str) -> list[dict[str, Any]]:
        return self.manager.lists.setdefault(self.root + path, [])

    def _add(self, where: str, name: str, **fields: Any) -> str:
        path = f"{where}/{name}"
        fields = {"id": name, "path": path, "display_name": name, "_create_time": CREATED} | fields
        self.list(where).append({key: value for key, value in fields.items() if value is not None})
        return path

    def get(self, path: str) -> dict[str, Any]:
        """The object at a policy path, to be changed."""
        return next(each for each in self.list(path.rpartition("/")[0]) if each["path"] == path)

    def remove(self, path: str) -> None:
        self.list(path.rpartition("/")[0]).remove(self.get(path))

    def cluster(self, name: str, *nodes: str) -> str:
        path = self._add(f"{self.ep}/edge-clusters", name)
        self.list(f"{path}/edge-nodes")
        for index, node in enumerate(nodes):
            self._add(f"{path}/edge-nodes", str(index), nsx_id=node, display_name=f"edge {node}")
        return path

    def tier0(self, name: str, cluster: str | None = None, **fields: Any) -> str:
        return self._gateway(f"{self.infra}/tier-0s", name, cluster, fields)

    def tier1(self, name: str, tier0: str | None, cluster: str | None = None, **fields: Any) -> str:
        where = fields.pop("where", f"{self.infra}/tier-1s")
        return self._gateway(where, name, cluster, {"tier0_path": tier0} | fields)

    def _gateway(self, where: str, name: str, cluster: str | None, fields: dict[str, Any]) -> str:
        path = self._add(where, name, unique_id=f"uid-{name}", **fields)
        services = self._add(f"{path}/locale-services", "default", edge_cluster_path=cluster)
        self.list(f"{services}/interfaces")
        return path

    def interface(self, gateway: str, name: str, **fields: Any) -> str:
        return self._add(f"{gateway}/locale-services/default/interfaces", name, **fields)

    def state(self, gateway: str, *nodes: tuple[str, str, str], tier: int = 1) -> None:
        """HA state: (node, edge path, status)."""
        rows = [
            {"transport_node_id": node, "edge_path": path, "high_availability_status": status}
            for node, path, status in nodes
        ]
        self.manager.answers[f"{self.root}{gateway}/state"] = {f"tier{tier}_status": {"per_node_status": rows}}

    # --- tunnels, Projects, VPCs --------------------------------------------------------------------------------------

    def without_services(self, *gateways: str) -> None:
        """Gateways that answer empty lists of VPN services."""
        for gateway in gateways:
            self.list(f"{gateway}/l2vpn-services")
            self.list(f"{gateway}/ipsec-vpn-services")

    def session(self, gateway: str, kind: str, service: str, name: str, **fields: Any) -> str:
        """A session of a service of the kind ``l2vpn`` or ``ipsec-vpn``; the service is made with its first session."""
        self.without_services(gateway)
        services = self.list(f"{gateway}/{kind}-services")
        path = f"{gateway}/{kind}-services/{service}"
        if all(each["path"] != path for each in services):
            services.append({"id": service, "path": path, "display_name": service})
        return self._add(f"{path}/sessions", name, **fields)

    def project(self, name: str) -> str:
        path = self._add("/orgs/default/projects", name, display_name=name.title())
        self.list(f"{path}/infra/tier-1s")
        return path

    def vpc(self, project: str, name: str, **fields: Any) -> str:
        return self._add(f"{project}/vpcs", name, **fields)

    def transit_gateway(self, project: str, name: str, **fields: Any) -> str:
        return self._add(f"{project}/transit-gateways", name, **fields)
