"""What there is to meter and whose it is: the newest inventory of every source, the map in force of every director.

An inventory or map is compared with what the ledger knows; the pipeline stores what comes of it and only then lets the
estate follow. What one source's tags and Projects name is told to the attribution of the others, so that two names
never become one tenant in silence.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from collector.agenda import Agenda
from collector.balances import Router
from collector.core.attribution import Attribution, AttributionRules, Claim, Note, Rule, attribute, tenancy_of
from collector.core.managers import unresolved_managers
from collector.core.networks import Organisations
from collector.core.tenancy import Tenancy
from collector.holding import Holding, Terrain, held
from collector.model.directory import CloudMap
from collector.model.identity import UNATTRIBUTED, Kind, PointKey, TenantId
from collector.model.period import Instant
from collector.ports import FoundPoint, Inventory

T = TypeVar("T")

POINTS_INLINE_MAX = 500
"""More points than this are attributed and packed in a thread, so that polls and scrapes do not wait."""


def explicit(claims: Iterable[Claim]) -> AttributionRules:
    """Return the rules of settings that name points and nothing else."""
    return AttributionRules(order=(Rule.CONFIG,), claims=tuple(claims), auto_tenants=False)


class Estate:
    """The newest inventories and maps.

    Attributes:
        rules: How points get their tenants, without maps, and without names that other sources found.
        maps: Director → the map in force.
    """

    def __init__(self, rules: AttributionRules, directors: Sequence[str]) -> None:
        self.rules = rules
        self._directors = tuple(directors)
        self.maps: dict[str, CloudMap] = {}
        self._holdings: dict[str, Holding] = {}
        self._inventories: dict[str, tuple[Instant, bytes]] = {}
        self._awaiting_map: set[str] = set()

    # --- what it takes ---------------------------------------------------------------------------------------------

    def set_rules(self, rules: AttributionRules, directors: Sequence[str]) -> None:
        """Decide by other rules from the next inventory on; the map of a director that is gone counts no more."""
        self.rules = rules
        self._directors = tuple(directors)
        self.maps = {name: known for name, known in self.maps.items() if name in self._directors}

    def load(self, inventories: Mapping[str, tuple[Instant, bytes]]) -> None:
        """Take up the payloads of the last complete inventories and maps."""
        self._inventories.update(inventories)

    def install_inventory(self, inventory: Inventory, holding: Holding) -> None:
        """Let an inventory be the newest one of its source; ``holding`` is what ``hold`` returned for it."""
        source = inventory.source
        self._holdings[source] = holding
        self._awaiting_map.discard(source)
        if inventory.complete:
            self._inventories[source] = (inventory.at, inventory.payload)

    def install_map(self, cloud: CloudMap, holdings: Mapping[str, Holding]) -> None:
        """Put a map in force; ``holdings`` is what ``hold_with`` returned for it."""
        if cloud.source not in self.maps and self._inventories.get(cloud.source) is None:
            # Sources that have no inventory yet take the first map for one that holds from the beginning, later.
            self._awaiting_map |= {name.name for name in self.rules.sources} - set(holdings)
        self.maps[cloud.source] = cloud
        self._inventories[cloud.source] = (cloud.at, cloud.payload)
        self._holdings.update(holdings)

    async def hold(
        self, inventory: Inventory, attribution: Attribution, own: Callable[[PointKey], PointKey]
    ) -> Holding:
        """Return what is kept of an inventory once it is stored.

        Args:
            own: A point's key to the one that everybody uses.
        """

        def work() -> Holding:
            gateways, segments = (inventory.gateways, inventory.segments) if self._directors else ((), ())
            return held(self._merged(inventory), Terrain.of(gateways, segments), attribution, own)

        return await _beside(work, len(attribution.decisions))

    async def hold_with(self, attributions: Mapping[str, Attribution]) -> dict[str, Holding]:
        """Return what is kept of every source when its points belong to others."""
        made = {}
        for source, attribution in attributions.items():
            known = self._holdings[source]

            def work(known: Holding = known, attribution: Attribution = attribution) -> Holding:
                keys = {key: key for key in known.keys}
                return held(known.points.unpack(), known.terrain, attribution, keys.__getitem__)

            made[source] = await _beside(work, len(known.keys))
        return made

    def _merged(self, inventory: Inventory) -> tuple[FoundPoint, ...]:
        """Return the points of a source with this inventory; an incomplete one only adds."""
        known = self._holdings.get(inventory.source)
        if inventory.complete or known is None:
            return inventory.points
        return tuple({point.key: point for point in (*known.points.unpack(), *inventory.points)}.values())

    def restore_map(self, cloud: CloudMap) -> None:
        """Put the map in force again that the ledger has from before."""
        self.maps[cloud.source] = cloud

    def map_notes(self, cloud: CloudMap) -> tuple[Note, ...]:
        """Return what of a map concerns no source of ours: network providers that none is found for."""
        return unresolved_managers(replace(self.rules, maps=(cloud,)))

    # --- whose it is -----------------------------------------------------------------------------------------------

    async def attribute_inventory(self, inventory: Inventory) -> Attribution:
        """Return to whom the points of a source belong, with this inventory."""
        source, rules = inventory.source, self._rules_of(inventory.source)
        known = self._holdings.get(source)

        def work() -> Attribution:
            points, gateways, segments = self._merged(inventory), inventory.gateways, inventory.segments
            return attribute(points, rules, source=source, gateways=gateways, segments=segments)

        return await _beside(work, len(inventory.points) + (0 if known is None else len(known.keys)))

    async def attribute_with(self, cloud: CloudMap) -> dict[str, Attribution]:
        """Return to whom the points of every source would belong with this map in force."""
        maps = {**self.maps, cloud.source: cloud}
        made = {}
        for source, known in self._holdings.items():
            rules = replace(self._rules_of(source), maps=tuple(maps.values()))

            def work(source: str = source, known: Holding = known, rules: AttributionRules = rules) -> Attribution:
                gateways, segments = known.terrain.gateways.unpack(), known.terrain.segments.unpack()
                return attribute(known.points.unpack(), rules, source=source, gateways=gateways, segments=segments)

            made[source] = await _beside(work, len(known.keys))
        return made

    def _rules_of(self, source: str) -> AttributionRules:
        names = (named for name, known in self._holdings.items() if name != source for named in known.found)
        return replace(self.rules, maps=tuple(self.maps.values()), names=frozenset(names))

    def tenant_of(self, cloud: CloudMap) -> Callable[[str], TenantId]:
        """Return what says whose the organisations of a director would be with this map in force."""
        organisations = Organisations(cloud, self._tenancy({**self.maps, cloud.source: cloud}))
        return lambda org: organisations.whose(org).tenant or UNATTRIBUTED

    def _tenancy(self, maps: Mapping[str, CloudMap]) -> Tenancy:
        names = (named for known in self._holdings.values() for named in known.found)
        return tenancy_of(replace(self.rules, maps=tuple(maps.values()), names=frozenset(names)))

    def awaits_first_map(self, source: str) -> bool:
        """Return whether the map in force is the first one that this source's points are decided with."""
        return source in self._awaiting_map

    def lacks_map(self) -> bool:
        """Return whether a map was in force before and is none now, since this version cannot read what the ledger has.

        Until the director gives one, nothing changes hands: it would all become nobody's.
        """
        return any(name in self._inventories and name not in self.maps for name in self._directors)

    def is_first_map(self, cloud: CloudMap) -> bool:
        """Return whether no map of its director was ever in force."""
        return cloud.source not in self._inventories

    # --- what others ask -------------------------------------------------------------------------------------------

    def told(self, source: str) -> frozenset[Note]:
        """Return the notes of a source's last attribution."""
        known = self._holdings.get(source)
        return known.notes if known else frozenset()

    def at(self, source: str) -> Instant | None:
        """Return the time of the last complete inventory or map of a source."""
        known = self._inventories.get(source)
        return known[0] if known else None

    def payload(self, source: str) -> bytes | None:
        """Return the payload of the last complete inventory or map of a source."""
        known = self._inventories.get(source)
        return known[1] if known else None

    def points(self) -> dict[str, tuple[PointKey, ...]]:
        """Return source → points, internal ones too."""
        return {source: known.keys for source, known in self._holdings.items()}

    def metered(self, source: str) -> Agenda:
        """Return what there is to read of a source."""
        known = self._holdings.get(source)
        return known.agenda if known else Agenda()

    def times(self) -> dict[str, Instant]:
        """Return source → time of its last complete inventory, or of the map in force."""
        return {source: at for source, (at, _) in self._inventories.items()}

    def counts(self) -> dict[tuple[str, Kind], int]:
        """Return (source, kind) → metering points that are read."""
        return dict(
            Counter((source, key.kind) for source, known in self._holdings.items() for key in known.agenda.keys)
        )

    def unattributed(self) -> int:
        """Return how many points that are read belong to nobody."""
        return sum(known.unattributed for known in self._holdings.values())

    def names(self) -> dict[TenantId, str]:
        """Return tenants that no entry of the settings names, with their display names."""
        return {tenant: name for known in self._holdings.values() for tenant, name in known.names.items()}

    def routers(self) -> tuple[Router, ...]:
        """Return the Tier-0s and VRFs of every source with what is balanced at them."""
        return tuple(router for known in self._holdings.values() for router in known.routers)

    def org_names(self) -> Mapping[TenantId, str]:
        """Return tenants that no entry of the settings names, of all organisations, with their display names."""
        return self._tenancy(self.maps).names


async def _beside(work: Callable[[], T], points: int) -> T:
    """Return what work makes of so many points."""
    return work() if points <= POINTS_INLINE_MAX else await asyncio.to_thread(work)
