"""Asking the sources of a settings file once, for ``check --online`` and ``discover``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from collector.assembly import attribution_rules
from collector.clock import Clock
from collector.core.attribution import Attribution, AttributionRules, attribute
from collector.errors import SourceError
from collector.model.directory import CloudMap
from collector.model.usage import Role
from collector.poll.schedule import Plan, plan
from collector.ports import Director, Inventory, OnlineReport, Source
from collector.source_options import nsxt_options, vcd_options
from collector.sources.nsxt.source import NsxtSource
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
        unreachable: Why there is no inventory or map, in words.
    """

    source: str
    requests_per_second: int
    report: OnlineReport | None = None
    cloud: CloudMap | None = None
    inventory: Inventory | None = None
    attribution: Attribution | None = None
    plan: Plan | None = None
    unreachable: str | None = None


async def survey(settings: Settings, clock: Clock, *, online: bool) -> list[Survey]:
    """Return what each source says, in the order of the settings; they are asked side by side.

    Only complete maps count, as for the daemon.
    """
    directors, sources = _sources(settings, clock)
    said = await asyncio.gather(
        *(_ask_director(one, online=online) for one in directors), *(_ask(one, online=online) for one in sources)
    )
    maps = tuple(one.cloud for one in said if one.cloud is not None and one.cloud.complete)
    rules = replace(attribution_rules(settings), maps=maps)
    made = {one.source: one for one in _attributed(said, rules, settings.poll.interval_ms)}
    return [made[source.name] for source in settings.sources if source.name in made]


def _sources(settings: Settings, clock: Clock) -> tuple[list[Director], list[Source]]:
    observer = SourceObserver()
    directors = [VcdSource(vcd_options(one, lambda _: None), clock, observer) for one in settings.vcd_sources]
    sources = [
        NsxtSource(
            nsxt_options(one, settings.poll, lambda _: None, directory=bool(settings.vcd_sources)), clock, observer
        )
        for one in settings.nsxt_sources
    ]
    return [*directors], [*sources]


async def _ask(source: Source, *, online: bool) -> Survey:
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
    finally:
        await director.stop()


def _attributed(said: Sequence[Survey], rules: AttributionRules, interval_ms: int) -> list[Survey]:
    """Return the surveys with their attribution and plan; names that one source finds are told to the next ones."""
    made: list[Survey] = []
    for one in said:
        inventory = one.inventory
        if inventory is None:
            made.append(one)
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
        cost = plan(metered, wanted_ms=interval_ms, requests_per_second=one.requests_per_second)
        made.append(replace(one, attribution=attribution, plan=cost))
    return made
