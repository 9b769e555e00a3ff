"""A scenario: the provider, its traffic, its limits and what goes wrong when; read from YAML."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from random import Random
from typing import Any, Final, Literal

import yaml
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator

from simulator.clock import SPEED_MAX
from simulator.events import Fault
from simulator.nsxv_specs import EdgeSpec, NsxvSpec, VnicSpec
from simulator.specs import (
    ClusterSpec,
    CrossSpec,
    GenerateSpec,
    Id,
    ServiceInterfaceSpec,
    Spec,
    TenantSpec,
    Tier0Spec,
    Tier1Spec,
    TransitGatewaySpec,
    VpcSpec,
)
from simulator.units import DurationMs, Instant
from simulator.vcd.generate import cloud_names, with_organisations
from simulator.vcd.specs import VcdSpec

FOLDER: Final = Path(__file__).parent / "scenarios"
"""The scenarios that come with the simulator; their names are accepted in place of a path."""


class ScenarioError(Exception):
    """A scenario that cannot be played; the message has one line for each fault."""


class ClockSpec(Spec):
    """The simulated clock.

    Attributes:
        start: The first instant.
        speed: Simulated seconds in a real one; 0 moves by hand.
        manager_offset: How far the managers' clock (``Date``, ``_create_time``) is ahead.
        device_offset: How far the edge nodes' clock (``last_update_timestamp``) is ahead.
    """

    start: dt.datetime = dt.datetime(2026, 10, 1, tzinfo=dt.UTC)
    speed: int = Field(1, ge=0, le=SPEED_MAX)
    manager_offset: DurationMs = 0
    device_offset: DurationMs = 0

    @field_validator("start")
    @classmethod
    def _aware(cls, start: dt.datetime) -> dt.datetime:
        if start.tzinfo is None:
            raise ValueError("has no time zone; write 2026-10-01T00:00:00Z")
        return start

    @property
    def start_ms(self) -> Instant:
        """The first instant in milliseconds since the epoch."""
        return int(self.start.timestamp()) * 1_000


class ManagerSpec(Spec):
    """A manager; a global one serves the Global Manager's paths."""

    name: Id
    role: Literal["local", "global"] = "local"
    site: Id = "default"


class UserSpec(Spec):
    """An account of the provider that does not exist, with its NSX roles."""

    name: str
    password: SecretStr
    roles: list[str] = Field(default_factory=lambda: ["auditor"])


class AuthSpec(Spec):
    """Accounts and the lockout; seconds of real time."""

    users: list[UserSpec] = Field(
        default_factory=lambda: [UserSpec(name="northmeter", password=SecretStr("simulated-password"))]
    )
    token: SecretStr = SecretStr("simulated-token")
    failures_max: int = Field(5, ge=0)
    lockout_seconds: int = Field(900, ge=0)
    reset_seconds: int = Field(900, ge=0)
    session_timeout_seconds: int = Field(1_800, ge=1)
    basic: bool = True
    cookies: bool = True


class LimitsSpec(Spec):
    """Limits of the managers.

    Attributes:
        page_size_max: Rows of a page, whatever is asked for.
        null_cursor: Whether the last page of a list carries a cursor that begins ``0000``, as on old releases.
    """

    requests_per_second: int = Field(100, ge=0)
    concurrency: int = Field(40, ge=0)
    global_concurrency: int = Field(199, ge=0)
    page_size_max: int = Field(1_000, ge=1, le=1_000)
    null_cursor: bool = False


class Scenario(Spec):
    """Everything that a provider needs to be played.

    Attributes:
        cache: How long a value of the statistics stands before it is renewed, in simulated time.
        phases: Whether edge nodes renew their values each at an instant of its own, or all together; then a sum over
            nodes is exact as of the time that it carries.
        error_code_as: How policy errors carry their code.
        subcounters: Whether rows carry more than the three totals.
        unknown_parameters: What a query parameter that a release does not know does; real managers are not documented.
        served_max: Distinct readings that are kept for oracles; 0 keeps none.
        tags: Whether gateways carry their tenant as a tag of scope ``tenant``.
        ids: Whether ``unique_id``, ``realization_id`` and the router's id of an object are one id or three.
    """

    name: str = "scenario"
    seed: int = 1
    version: str = "4.1.2.0.0.22589037"
    clock: ClockSpec = ClockSpec()
    cache: DurationMs = 10_000
    phases: Literal["spread", "together"] = "spread"
    tls: bool = True
    managers: list[ManagerSpec] = Field(default_factory=lambda: [ManagerSpec(name="nsx-a"), ManagerSpec(name="nsx-b")])
    auth: AuthSpec = AuthSpec()
    limits: LimitsSpec = LimitsSpec()
    error_code_as: Literal["integer", "string"] = "integer"
    unknown_parameters: Literal["reject", "ignore"] = "reject"
    subcounters: bool = True
    tags: bool = True
    ids: Literal["same", "different"] = "same"
    served_max: int = Field(200_000, ge=0)
    tenants: list[TenantSpec] = Field(default_factory=list)
    clusters: list[ClusterSpec] = Field(default_factory=list)
    tier0s: list[Tier0Spec] = Field(default_factory=list)
    tier1s: list[Tier1Spec] = Field(default_factory=list)
    transit_gateways: list[TransitGatewaySpec] = Field(default_factory=list)
    vpcs: list[VpcSpec] = Field(default_factory=list)
    cross: list[CrossSpec] = Field(default_factory=list)
    generate: list[GenerateSpec] = Field(default_factory=list)
    nsxv: NsxvSpec | None = None
    vcd: VcdSpec | None = None
    events: list[Fault] = Field(default_factory=list)

    @field_validator("cache")
    @classmethod
    def _some_cache(cls, cache: int) -> int:
        if cache < 1_000:
            raise ValueError("must be 1s or more")
        return cache

    @model_validator(mode="after")
    def _names_lead_somewhere(self) -> Scenario:
        faults = list(_unknown_names(self)) + list(_twice(self))
        if faults:
            raise ValueError("\n".join(faults))
        return self


def _unknown_names(scenario: Scenario) -> list[str]:
    clusters = {spec.id for spec in scenario.clusters}
    tier0s = {spec.id for spec in scenario.tier0s}
    tier1s = {spec.id for spec in scenario.tier1s}
    tenants = {spec.id for spec in scenario.tenants}
    wanted: list[tuple[str, str | None, set[str], str]] = []
    for index, tier0 in enumerate(scenario.tier0s):
        where = f"tier0s[{index}]"
        wanted += [(f"{where}.clusters", name, clusters, "cluster") for name in tier0.clusters]
        wanted += [
            (f"{where}.vrf_of", tier0.vrf_of, tier0s, "Tier-0"),
            (f"{where}.tenant", tier0.tenant, tenants, "tenant"),
        ]
        if not tier0.clusters and tier0.vrf_of is None:
            wanted.append((f"{where}.clusters", "", clusters, "cluster"))
    for index, tier1 in enumerate(scenario.tier1s):
        where = f"tier1s[{index}]"
        wanted += [
            (f"{where}.tier0", tier1.tier0, tier0s, "Tier-0"),
            (f"{where}.cluster", tier1.cluster, clusters, "cluster"),
            *((f"{where}.clusters", name, clusters, "cluster") for name in tier1.clusters),
            (f"{where}.tenant", tier1.tenant, tenants, "tenant"),
        ]
    for index, edge in enumerate(scenario.nsxv.edges if scenario.nsxv is not None else []):
        wanted.append((f"nsxv.edges[{index}].tenant", edge.tenant, tenants, "tenant"))
    transits = {f"{spec.project}/{spec.id}" for spec in scenario.transit_gateways}
    for index, vpc in enumerate(scenario.vpcs):
        where = f"vpcs[{index}]"
        wanted += [(f"{where}.tier0", vpc.tier0, tier0s, "Tier-0"), (f"{where}.tenant", vpc.tenant, tenants, "tenant")]
        if vpc.transit_gateway is not None:
            name = f"{vpc.project}/{vpc.transit_gateway}"
            wanted.append((f"{where}.transit_gateway", name, transits, "transit gateway"))
    for index, transit in enumerate(scenario.transit_gateways):
        where = f"transit_gateways[{index}]"
        wanted += [(f"{where}.tier0", transit.tier0, tier0s, "Tier-0")]
        wanted += [(f"{where}.tenant", transit.tenant, tenants, "tenant")]
    for index, cross in enumerate(scenario.cross):
        wanted += [(f"cross[{index}]", name, tier1s, "Tier-1") for name in (cross.source, cross.target)]
    for index, made in enumerate(scenario.generate):
        wanted += [
            (f"generate[{index}].cluster", made.cluster, clusters, "cluster"),
            (f"generate[{index}].tier0", made.tier0, tier0s, "Tier-0"),
        ]
        if made.kind != "dedicated" and made.tier0 is None:
            wanted.append((f"generate[{index}].tier0", "", tier0s, "Tier-0"))
    if scenario.vcd is not None:
        wanted += cloud_names(scenario.vcd, tenants=tenants, tier0s=tier0s, tier1s=tier1s, clusters=clusters)
    return [
        f"{where}: no {what} {name!r}; known: {', '.join(sorted(known)) or 'none'}"
        for where, name, known, what in wanted
        if name is not None and name not in known
    ]


def _twice(scenario: Scenario) -> list[str]:
    faults: list[str] = []
    groups: dict[str, list[str]] = {
        "clusters": [spec.id for spec in scenario.clusters],
        "tier0s": [spec.id for spec in scenario.tier0s],
        "tier1s": [spec.id for spec in scenario.tier1s],
        "tenants": [spec.id for spec in scenario.tenants],
        "managers": [spec.name for spec in (*scenario.managers, scenario.nsxv, scenario.vcd) if spec is not None],
        "vpcs": [f"{spec.project}/{spec.id}" for spec in scenario.vpcs],
        "transit_gateways": [f"{spec.project}/{spec.id}" for spec in scenario.transit_gateways],
        "nsxv.edges": [spec.id for spec in scenario.nsxv.edges] if scenario.nsxv is not None else [],
    }
    for group, names in groups.items():
        faults += [f"{group}: {name!r} appears twice" for name in sorted({n for n in names if names.count(n) > 1})]
    return faults


def expand(scenario: Scenario) -> Scenario:
    """Return the scenario with its ``generate`` entries turned into tenants and gateways."""
    tenants, tier0s, tier1s = list(scenario.tenants), list(scenario.tier0s), list(scenario.tier1s)
    for made in scenario.generate:
        random = Random(f"{scenario.seed}/{made.prefix}")
        for number in range(made.count):
            name = f"{made.prefix}-{number:05d}"
            rate = made.rate * random.randint(25, 400) // 100
            tenants.append(TenantSpec(id=name, name=f"Tenant {name}"))
            parent = made.tier0
            if made.kind != "shared":
                parent = f"t0-{name}"
                vrf = made.kind == "vrf"
                tier0s.append(
                    Tier0Spec(
                        id=parent,
                        tenant=name,
                        vrf_of=made.tier0 if vrf else None,
                        clusters=[] if vrf else [made.cluster],
                        ha_mode=made.ha_mode,
                    )
                )
            csps = [
                ServiceInterfaceSpec(id=f"csp-{index}", segment=f"vlan-{name}-{index}", rate=rate // 4)
                for index in range(made.csps)
            ]
            tier1s.append(
                Tier1Spec(id=f"t1-{name}", tier0=parent, cluster=made.cluster, tenant=name, rate=rate, csps=csps)
            )
    update = {"tenants": tenants, "tier0s": tier0s, "tier1s": tier1s, "generate": []}
    if scenario.nsxv is not None:
        update["nsxv"] = _with_edges(scenario.nsxv, scenario.seed, tenants)
    whole = scenario.model_copy(update=update)
    return whole if scenario.vcd is None else whole.model_copy(update=with_organisations(whole, scenario.vcd))


def _with_edges(nsxv: NsxvSpec, seed: int, tenants: list[TenantSpec]) -> NsxvSpec:
    """Return the manager with its generated edges, whose tenants are added to ``tenants``."""
    edges = list(nsxv.edges)
    number = max((int(edge.id.removeprefix("edge-")) for edge in edges), default=0)
    for made in nsxv.generate:
        random = Random(f"{seed}/{made.prefix}")
        for index in range(made.count):
            number += 1
            name = f"{made.prefix}-{index:05d}"
            rate = made.rate * random.randint(25, 400) // 100
            tenants.append(TenantSpec(id=name, name=f"Tenant {name}"))
            vnics = [
                VnicSpec(index=0, name="ext-internet", type="uplink", rate=rate),
                VnicSpec(index=1, name=f"{name}-net", type="internal"),
            ]
            edges.append(EdgeSpec(id=f"edge-{number}", name=f"{name}-edge", tenant=name, vnics=vnics))
    return nsxv.model_copy(update={"edges": edges, "generate": []})


def scaled(data: dict[str, Any], gateways: int) -> dict[str, Any]:
    """Return a scenario's mapping with its ``generate`` counts changed to add up to ``gateways``, in proportion."""
    made = data.get("generate", [])
    total = sum(entry["count"] for entry in made)
    cumulative, changed = 0, []
    for entry in made:
        before = gateways * cumulative // total
        cumulative += entry["count"]
        changed.append(entry | {"count": gateways * cumulative // total - before})
    return data | {"generate": changed}


def parse_scenario(data: object, name: str = "scenario") -> Scenario:
    """Return the scenario of a mapping.

    Raises:
        ScenarioError: One line for each fault, as ``name: place: what is wrong``.
    """
    try:
        return expand(Scenario.model_validate(data))
    except ValidationError as error:
        lines = [
            f"{name}: {_place(fault['loc'])}{line}"
            for fault in error.errors(include_input=False)
            for line in fault["msg"].removeprefix("Value error, ").splitlines()
        ]
        raise ScenarioError("\n".join(lines)) from error


def _place(location: tuple[int | str, ...]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return f"{text.lstrip('.')}: " if text else ""


def load_scenario(source: str | Path, *, gateways: int | None = None) -> Scenario:
    """Return the scenario of a file, or of one that comes with the simulator by its name (``small``).

    Args:
        source: A path or a name.
        gateways: How many gateways its ``generate`` entries make in all; as the file says, if absent.

    Raises:
        ScenarioError: No such file, no YAML, or faults in it.
    """
    path = Path(source)
    shipped = FOLDER / f"{source}.yaml"
    if not path.is_file() and shipped.is_file():
        path = shipped
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        known = ", ".join(sorted(file.stem for file in FOLDER.glob("*.yaml")))
        raise ScenarioError(f"{source}: cannot be read ({error.strerror}); shipped: {known}") from error
    except yaml.YAMLError as error:
        raise ScenarioError(f"{path.name}: is no YAML: {error}") from error
    if gateways is not None and isinstance(data, dict) and data.get("generate"):
        data = scaled(data, gateways)
    return parse_scenario(data, path.name)
