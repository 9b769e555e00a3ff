"""The sources of a settings file on a simulated provider, and whose its points are by what they say and in truth."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml

from collector.assembly import attribution_rules
from collector.clock import Clock, SystemClock
from collector.core.attribution import Attribution, attribute
from collector.model.directory import CloudMap
from collector.ports import Inventory
from collector.source_options import nsxt_options, nsxv_options, vcd_options
from collector.sources.nsxt.source import NsxtSource
from collector.sources.nsxv.options import DirectAccess
from collector.sources.nsxv.source import NsxvSource
from collector.sources.observer import SourceObserver
from collector.sources.options import HttpOptions
from collector.sources.vcd.source import VcdSource
from config.loader import load
from config.settings import Settings
from simulator import Scenario, Simulator, load_scenario, settings_for
from simulator.scenario import LimitsSpec

REQUESTS_PER_SECOND = 5_000
"""Above what the settings allow: the tests look at answers, not at budgets."""

CONCURRENCY = 16
TIMEOUT_SECONDS = 5.0

Change = Callable[[dict[str, Any]], None]
"""Writes into a settings file; its values are of any shape."""

S = TypeVar("S", NsxtSource, NsxvSource, VcdSource)


class Whose(NamedTuple):
    """Tenant and role of a point."""

    tenant: str
    role: str


def quiet(name: str, *, events: bool = False, vcd: dict[str, Any] | None = None) -> Scenario:
    """Return a scenario without limits, and without its events unless they are wanted."""
    loaded = load_scenario(name)
    assert loaded.vcd is not None
    limits = LimitsSpec(requests_per_second=0, concurrency=0, global_concurrency=0)
    changed = {"limits": limits, "vcd": loaded.vcd.model_copy(update=vcd or {})}
    return loaded.model_copy(update=changed if events else {**changed, "events": []})


@dataclass
class Estate:
    """The started sources."""

    sim: Simulator
    settings: Settings
    director: VcdSource
    nsxt: NsxtSource
    nsxv: NsxvSource | None

    async def read(self) -> tuple[CloudMap, list[Inventory]]:
        """Return the map and the inventories, which are complete."""
        sources = [source for source in (self.nsxt, self.nsxv) if source is not None]
        cloud = await self.director.read_map()
        inventories = [await source.discover(None, lambda _: None) for source in sources]
        assert cloud.complete, cloud.faults
        assert all(one.complete for one in inventories), [one.faults for one in inventories]
        return cloud, inventories

    async def attributed(self) -> list[Attribution]:
        """Return whose the points of each source are."""
        cloud, inventories = await self.read()
        rules = replace(attribution_rules(self.settings), maps=(cloud,))
        return [
            attribute(one.points, rules, source=one.source, gateways=one.gateways, segments=one.segments)
            for one in inventories
        ]


def said(attributions: Iterable[Attribution]) -> dict[str, Whose]:
    """Return path → what was decided."""
    return {
        key.path: Whose(str(decision.tenant), decision.role.value)
        for one in attributions
        for key, decision in one.decisions.items()
    }


def true_owners(sim: Simulator) -> dict[str, Whose]:
    """Return path → whose each point that exists is by the director; tenants are named as their organisations are."""
    truth, cloud = sim.truth(), sim.provider.cloud
    assert cloud is not None
    names = {org.tenant: org.name for org in cloud.orgs.values()}
    found = {}
    for point in truth.points():
        history = truth.owner_history(point.path)
        if history and history[-1].end is None:
            tenant, role = history[-1].tenant, history[-1].role
            found[point.path] = Whose(names.get(tenant, tenant), role)
    return found


def settings_of(sim: Simulator, folder: Path, change: Change | None = None) -> Settings:
    """Return the settings of a file that names neither a point nor a tenant, unless ``change`` writes them into it."""
    document = settings_for(sim, points=False, tenants=[], ledger={"url": f"sqlite:///{folder / 'ledger.db'}"})
    if change is not None:
        change(document)
    file = folder / "northmeter.yaml"
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    return load(file, {}).settings


@asynccontextmanager
async def started(
    sim: Simulator, settings: Settings, clock: Clock | None = None, *, begin: bool = True
) -> AsyncIterator[Estate]:
    """Make the sources of the settings, without regard to budgets, and start them unless somebody else does."""
    clock = clock or SystemClock()

    def fast(http: HttpOptions) -> HttpOptions:
        return replace(
            http,
            requests_per_second=REQUESTS_PER_SECOND,
            concurrency=CONCURRENCY,
            timeout_seconds=TIMEOUT_SECONDS,
            retry_wait_seconds=0.001,
        )

    async with AsyncExitStack() as stack:

        async def made(source: S) -> S:
            if begin:
                await source.start()
            stack.push_async_callback(source.stop)
            return source

        observer = SourceObserver()
        vcd = vcd_options(settings.vcd_sources[0], lambda _: None)
        nsxt = nsxt_options(settings.nsxt_sources[0], settings.poll, lambda _: None, directory=True)
        estate = Estate(
            sim=sim,
            settings=settings,
            director=await made(VcdSource(replace(vcd, http=fast(vcd.http)), clock, observer)),
            nsxt=await made(NsxtSource(replace(nsxt, http=fast(nsxt.http)), clock, observer)),
            nsxv=None,
        )
        for legacy in settings.nsxv_sources:
            nsxv = nsxv_options(legacy, lambda _: None)
            assert isinstance(nsxv.access, DirectAccess)
            access = replace(nsxv.access, http=fast(nsxv.access.http))
            estate.nsxv = await made(NsxvSource(replace(nsxv, access=access), clock, observer))
        yield estate
