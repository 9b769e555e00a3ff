"""Asking the sources of a settings file once, for ``check --online`` and ``discover``."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from collector.assembly import claims, nsxt_options
from collector.clock import Clock
from collector.core.attribution import Attribution, Claim, attribute
from collector.errors import SourceError
from collector.poll.schedule import Plan, plan
from collector.ports import Inventory, OnlineReport
from collector.sources.nsxt.source import NsxtSource
from collector.sources.observer import SourceObserver
from config.settings import NsxtSource as NsxtSettings
from config.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What one source said.

    Attributes:
        source: Its name.
        report: Log-ins, versions, rights and limits; ``None`` where it was not asked for.
        inventory: What there is to read; ``None`` when the source is out of reach.
        attribution: To whom it belongs.
        plan: What a cycle costs.
        requests_per_second: Our share of the budget.
        unreachable: Why there is no inventory, in words.
    """

    source: str
    requests_per_second: int
    report: OnlineReport | None = None
    inventory: Inventory | None = None
    attribution: Attribution | None = None
    plan: Plan | None = None
    unreachable: str | None = None


async def survey(settings: Settings, clock: Clock, *, online: bool) -> list[Survey]:
    """Return what each source says, in the order of the settings; they are asked side by side."""
    explicit = claims(settings)
    return list(
        await asyncio.gather(*(_ask(one, settings, clock, explicit, online=online) for one in settings.nsxt_sources))
    )


async def _ask(
    settings: NsxtSettings, whole: Settings, clock: Clock, explicit: tuple[Claim, ...], *, online: bool
) -> Survey:
    source = NsxtSource(nsxt_options(settings, whole.poll, lambda _: None), clock, SourceObserver())
    rate = settings.requests_per_second
    report = None
    try:
        await source.start()
        report = await source.check_online() if online else None
        inventory = await source.discover(None, lambda _: None)
    except SourceError as error:
        return Survey(source=settings.name, requests_per_second=rate, report=report, unreachable=str(error))
    finally:
        await source.stop()
    attribution = attribute(inventory.points, [claim for claim in explicit if claim.source == settings.name])
    made = plan(inventory.points, wanted_ms=whole.poll.interval_ms, requests_per_second=rate)
    return Survey(
        source=settings.name,
        requests_per_second=rate,
        report=report,
        inventory=inventory,
        attribution=attribution,
        plan=made,
    )
