"""Asking the sources of a settings file once, for ``check --online`` and ``discover``."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from collector.agenda import CallCount
from collector.assembly import attribution_rules
from collector.clock import Clock
from collector.core.attribution import Attribution, AttributionRules, Note, attribute
from collector.core.managers import unresolved_managers
from collector.errors import SourceError
from collector.model.directory import CloudMap
from collector.model.usage import Role
from collector.poll.schedule import Plan, plan
from collector.ports import Director, Discovered, Inventory, OnlineReport
from collector.source_options import nsxt_options, nsxv_gateways, nsxv_options, nsxv_options_via, vcd_options
from collector.sources.nsxt.source import NsxtSource
from collector.sources.nsxv.source import NsxvSource
from collector.sources.observer import SourceObserver
from collector.sources.vcd.source import VcdSource
from config.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What one source said.

    Attributes:
        source: Its name.
        report: Log-ins, versions, rights and limits; ``None`` where it was not asked for.
        cloud: Of a director: its map; ``None`` when it is out of reach.
        inventory: What there is to read; ``None`` when the source is out of reach.
        attribution: To whom it belongs.
        plan: What a cycle costs.
        requests_per_second: Our share of the budget.
        notes: Of a director: network providers that no source of ours is found for.
        unreachable: Why there is no inventory or map, in words.
    """

    source: str
    requests_per_second: int
    report: OnlineReport | None = None
    cloud: CloudMap | None = None
    inventory: Inventory | None = None
    attribution: Attribution | None = None
    plan: Plan | None = None
    notes: tuple[Note, ...] = ()
    unreachable: str | None = None


async def survey(settings: Settings, clock: Clock, *, online: bool) -> list[Survey]:
    """Return what each source says, in the order of the settings; they are asked side by side.

    Only complete maps count, as for the daemon.
    """
    observer = SourceObserver()
    directors = {one.name: VcdSource(vcd_options(one, lambda _: None), clock, observer) for one in settings.vcd_sources}
    clouds: dict[str, CloudMap] = {}
    said: list[Survey] = []
    async with contextlib.AsyncExitStack() as stack:
        for director in directors.values():
            stack.push_async_callback(director.stop)
        said += await asyncio.gather(*(_ask_director(one, online=online) for one in directors.values()))
        clouds.update({one.source: one.cloud for one in said if one.cloud is not None})
        # An NSX-V source may be asked through a director, whose session has to live so long.
        sources = _sources(settings, clock, observer, directors, clouds)
        said += await asyncio.gather(*(_ask(one, online=online) for one in sources))
    maps = tuple(one.cloud for one in said if one.cloud is not None and one.cloud.complete)
    rules = replace(attribution_rules(settings), maps=maps)
    made = {one.source: one for one in _attributed(said, rules, settings.poll.interval_ms)}
    return [made[source.name] for source in settings.sources if source.name in made]


def _sources(
    settings: Settings,
    clock: Clock,
    observer: SourceObserver,
    directors: Mapping[str, VcdSource],
    clouds: Mapping[str, CloudMap],
) -> list[Discovered]:
    found: list[Discovered] = []
    for one in settings.nsxt_sources:
        options = nsxt_options(one, settings.poll, lambda _: None, directory=bool(directors))
        found.append(NsxtSource(options, clock, observer))
    for legacy in settings.nsxv_sources:
        through = settings.director_of(legacy)
        if through is None:
            access = nsxv_options(legacy, lambda _: None)
        else:
            gateways = nsxv_gateways(clouds.get(through.name))
            access = nsxv_options_via(legacy, through, directors[through.name], partial(_same, gateways))
        found.append(NsxvSource(access, clock, observer))
    return found


def _same(gateways: list[tuple[str, str]] | None) -> list[tuple[str, str]] | None:
    return gateways


async def _ask(source: Discovered, *, online: bool) -> Survey:
    found = Survey(source=source.name, requests_per_second=source.requests_per_second)
    try:
        await source.start()
        found = replace(found, report=await source.check_online() if online else None)
        return replace(found, inventory=await source.discover(None, lambda _: None))
    except SourceError as error:
        return replace(found, unreachable=str(error))
    finally:
        await source.stop()


async def _ask_director(director: Director, *, online: bool) -> Survey:
    found = Survey(source=director.name, requests_per_second=director.requests_per_second)
    try:
        await director.start()
        found = replace(found, report=await director.check_online() if online else None)
        return replace(found, cloud=await director.read_map())
    except SourceError as error:
        return replace(found, unreachable=str(error))


def _attributed(said: Sequence[Survey], rules: AttributionRules, interval_ms: int) -> list[Survey]:
    """Return the surveys with their attribution and plan; names that one source finds are told to the next ones."""
    made: list[Survey] = []
    for one in said:
        inventory = one.inventory
        if inventory is None:
            maps = (one.cloud,) if one.cloud is not None else ()
            made.append(replace(one, notes=unresolved_managers(replace(rules, maps=maps))))
            continue
        attribution = attribute(
            inventory.points,
            rules,
            source=one.source,
            gateways=inventory.gateways,
            segments=inventory.segments,
        )
        rules = replace(rules, names=rules.names | attribution.found)
        decisions = attribution.decisions
        metered = [point for point in inventory.points if decisions[point.key].role is not Role.INTERNAL]
        calls, rate = CallCount(), one.requests_per_second
        for point in metered:
            calls.add(point.key, point.calls)
        cost = plan(len(metered), calls.total, wanted_ms=interval_ms, requests_per_second=rate)
        made.append(replace(one, attribution=attribution, plan=cost))
    return made
