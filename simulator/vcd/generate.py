"""Many organisations made by number, with the gateways that they have in NSX; and the names that a scenario uses."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, Final

from simulator.nsxv_specs import EdgeSpec, VnicSpec
from simulator.specs import ServiceInterfaceSpec, TenantSpec, Tier0Spec, Tier1Spec
from simulator.vcd.specs import GenerateCloudSpec, OrgSpec, VcdSpec

if TYPE_CHECKING:
    from simulator.scenario import Scenario

SHARED_SEGMENT: Final = 5
"""Every fifth external service interface is on an overlay segment that several gateways share."""

OWN_PART: Final = 3
"""Of an organisation with a Tier-0 of its own, every third gateway is on the shared one still."""

Wanted = tuple[str, str | None, set[str], str]


def cloud_names(
    vcd: VcdSpec, *, tenants: set[str], tier0s: set[str], tier1s: set[str], clusters: set[str]
) -> list[Wanted]:
    """Return where a director names what, what there is, and what it is called; generated names are not looked up."""
    wanted: list[Wanted] = []
    for index, made in enumerate(vcd.generate):
        where = f"vcd.generate[{index}]"
        wanted += [(f"{where}.tier0s", name, tier0s, "Tier-0") for name in made.tier0s]
        wanted += [(f"{where}.{name}", found, clusters, "cluster")
                   for name, found in (("cluster", made.cluster), ("own_cluster", made.own_cluster))]  # fmt: skip
        if made.dedicated and made.own_cluster is None:
            wanted.append((f"{where}.own_cluster", "", clusters, "cluster"))
    wanted += [("vcd.unknown_tenants", name, tenants, "tenant") for name in vcd.unknown_tenants]
    wanted += [(f"vcd.orgs[{index}].tenant", one.tenant, tenants, "tenant") for index, one in enumerate(vcd.orgs)]
    wanted += [(f"vcd.networks[{index}].tier0", one.tier0, tier0s, "Tier-0") for index, one in enumerate(vcd.networks)]
    wanted += [(f"vcd.gateways[{index}].tier1", one.tier1, tier1s, "Tier-1") for index, one in enumerate(vcd.gateways)]
    for index, space in enumerate(vcd.ip_spaces):
        wanted += [(f"vcd.ip_spaces[{index}].tier0s", name, tier0s, "Tier-0") for name in space.tier0s]
        wanted += [(f"vcd.ip_spaces[{index}].org", space.org, tenants, "tenant")]
    prefixes = tuple(part for made in vcd.generate for part in (f"{made.prefix}-", f"t0-{made.prefix}-",
                                                                f"t1-{made.prefix}-"))  # fmt: skip
    return [one for one in wanted if not (one[1] or "").startswith(prefixes or ("\0",))]


def with_organisations(scenario: Scenario, vcd: VcdSpec) -> dict[str, Any]:
    """Return the members of a scenario that its generated organisations change."""
    makers = [_Maker(made, scenario.seed) for made in vcd.generate]
    orgs = {one.tenant: one for maker in makers for one in maker.orgs} | {one.tenant: one for one in vcd.orgs}
    changed: dict[str, Any] = {
        "tenants": [*scenario.tenants, *(one for maker in makers for one in maker.tenants)],
        "tier0s": [*scenario.tier0s, *(one for maker in makers for one in maker.tier0s)],
        "tier1s": [*scenario.tier1s, *(one for maker in makers for one in maker.tier1s)],
        "vcd": vcd.model_copy(update={"orgs": list(orgs.values()), "generate": []}),
    }
    if scenario.nsxv is not None:
        number = max((int(edge.id.removeprefix("edge-")) for edge in scenario.nsxv.edges), default=0)
        edges = list(scenario.nsxv.edges)
        for maker in makers:
            edges += maker.edges(number + len(edges) - len(scenario.nsxv.edges))
        changed["nsxv"] = scenario.nsxv.model_copy(update={"edges": edges})
    return changed


class _Maker:
    """Makes the organisations of one entry."""

    def __init__(self, made: GenerateCloudSpec, seed: int) -> None:
        self._made = made
        self._random = Random(f"{seed}/vcd/{made.prefix}")
        names = [f"{made.prefix}-{number:05d}" for number in range(made.orgs)]
        self.tenants = [TenantSpec(id=name, name=f"Organisation {name}") for name in names]
        owners = names[: max(1, made.orgs - made.without)]
        self.orgs = [OrgSpec(tenant=name, vdcs=2, group=True) for name in self._some(owners, made.groups)]
        self._dedicated = set(self._some(owners, made.dedicated))
        self._vrfs = set(self._some([name for name in owners if name not in self._dedicated], made.vrfs))
        self._edges = self._some(owners, made.edges)
        self.tier0s = [self._own_tier0(index, name) for index, name in enumerate(owners) if self._has_own(name)]
        self.tier1s = self._gateways(owners)

    def _some(self, names: list[str], wanted: int) -> list[str]:
        return sorted(self._random.sample(names, min(wanted, len(names))))

    def _has_own(self, name: str) -> bool:
        return name in self._dedicated or name in self._vrfs

    def _own_tier0(self, index: int, name: str) -> Tier0Spec:
        made = self._made
        vrf_of = made.tier0s[index % len(made.tier0s)] if name in self._vrfs else None
        clusters = [made.own_cluster] if vrf_of is None and made.own_cluster is not None else []
        return Tier0Spec(id=f"t0-{name}", tenant=name, vrf_of=vrf_of, clusters=clusters, ha_mode="ACTIVE_STANDBY")

    def _gateways(self, owners: list[str]) -> list[Tier1Spec]:
        """Return the Tier-1s: one for each organisation, and the rest for the first third of them in turn."""
        made = self._made
        several = owners[: max(1, len(owners) // 3)]
        names = owners[: made.gateways] + [
            several[number % len(several)] for number in range(max(0, made.gateways - len(owners)))
        ]
        numbers: dict[str, int] = {}
        external = set(self._random.sample(range(len(names)), min(made.externals, len(names))))
        internal = set(self._random.sample(range(len(names)), min(made.internals, len(names))))
        gateways: list[Tier1Spec] = []
        for index, name in enumerate(names):
            numbers[name] = number = numbers.get(name, 0) + 1
            own = self._has_own(name) and number % OWN_PART != 0
            rate = made.rate * self._random.randint(25, 400) // 100
            csps = [self._outside(index, name, number, rate)] if index in external else []
            if index in internal:
                csps.append(ServiceInterfaceSpec(id="inside", segment=f"net-{name}-{number}", rate=rate // 5,
                                                 internal=True))  # fmt: skip
            tier0 = f"t0-{name}" if own else made.tier0s[index % len(made.tier0s)]
            gateways.append(
                Tier1Spec(id=f"t1-{name}-{number}", tier0=tier0, cluster=made.cluster, tenant=name, rate=rate,
                          parallel=2, csps=csps)
            )  # fmt: skip
        return gateways

    def _outside(self, index: int, name: str, number: int, rate: int) -> ServiceInterfaceSpec:
        shared = index % SHARED_SEGMENT == 0
        segment = f"ovl-{self._made.prefix}-{index % 3}" if shared else f"vlan-{name}-{number}"
        return ServiceInterfaceSpec(id="outside", segment=segment, rate=rate // 4, overlay=shared)

    def edges(self, last: int) -> list[EdgeSpec]:
        """Return the NSX-V edges, with ids after ``last``."""
        return [
            EdgeSpec(
                id=f"edge-{last + index}", name=f"{name}-edge", tenant=name,
                vnics=[VnicSpec(index=0, name="ext-internet", type="uplink", rate=self._made.rate),
                       VnicSpec(index=1, name=f"{name}-net", type="internal")],
            )
            for index, name in enumerate(self._edges, 1)
        ]  # fmt: skip
