"""What there is to meter and whose it is: the newest inventory of every source, the map in force of every director.

An inventory or map is compared with what the ledger knows; the pipeline stores what comes of it and only then lets the
estate follow. What one source's tags and Projects name is told to the attribution of the others, so that two names
never become one tenant in silence.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from collector.core.attribution import Attribution, AttributionRules, Claim, Note, Rule, attribute
from collector.model.directory import CloudMap
from collector.model.identity import UNATTRIBUTED, Kind, PointKey, TenantId
from collector.model.period import Instant
from collector.model.usage import Role
from collector.ports import FoundGateway, FoundPoint, FoundSegment, Inventory

PAYLOAD_LEVEL = 1
"""Inventories are kept deflated between discoveries: 20 MiB of JSON for 25 000 points are one, for 50 ms of work."""

POINTS_INLINE_MAX = 500
"""More points than this are attributed in a thread, so that polls and scrapes do not wait."""


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
        self._found: dict[str, dict[PointKey, FoundPoint]] = {}
        self._attributions: dict[str, Attribution] = {}
        self._inventories: dict[str, tuple[Instant, bytes]] = {}
        self._gateways: dict[str, tuple[tuple[FoundGateway, ...], tuple[FoundSegment, ...]]] = {}
        self._awaiting_map: set[str] = set()
        self._told: dict[str, frozenset[Note]] = {}

    # --- what it takes ---------------------------------------------------------------------------------------------

    def set_rules(self, rules: AttributionRules, directors: Sequence[str]) -> None:
        """Decide by other rules from the next inventory on; the map of a director that is gone counts no more."""
        self.rules = rules
        self._directors = tuple(directors)
        self.maps = {name: known for name, known in self.maps.items() if name in self._directors}

    def load(self, inventories: Mapping[str, tuple[Instant, bytes]]) -> None:
        """Take up the payloads of the last complete inventories and maps."""
        for source, (at, payload) in inventories.items():
            self._inventories[source] = (at, zlib.compress(payload, PAYLOAD_LEVEL))

    def install_inventory(self, inventory: Inventory, attribution: Attribution) -> None:
        """Let an inventory be the newest one of its source."""
        source = inventory.source
        self._found[source] = self.merged(inventory)
        self._install(source, attribution)
        self._awaiting_map.discard(source)
        if self._directors:
            self._gateways[source] = (inventory.gateways, inventory.segments)
        if inventory.complete:
            self._inventories[source] = (inventory.at, zlib.compress(inventory.payload, PAYLOAD_LEVEL))

    def install_map(self, cloud: CloudMap, attributions: Mapping[str, Attribution]) -> None:
        """Put a map in force."""
        if cloud.source not in self.maps and self._inventories.get(cloud.source) is None:
            # Sources that have no inventory yet take the first map for one that holds from the beginning, later.
            self._awaiting_map |= {name.name for name in self.rules.sources} - set(attributions)
        self.maps[cloud.source] = cloud
        self._inventories[cloud.source] = (cloud.at, zlib.compress(cloud.payload, PAYLOAD_LEVEL))
        for source, attribution in attributions.items():
            self._install(source, attribution)

    def _install(self, source: str, attribution: Attribution) -> None:
        self._attributions[source] = attribution
        self._told[source] = frozenset(attribution.notes)

    def merged(self, inventory: Inventory) -> dict[PointKey, FoundPoint]:
        """Return the points of a source with this inventory; an incomplete one only adds."""
        found = {found.key: found for found in inventory.points}
        return found if inventory.complete else {**self._found.get(inventory.source, {}), **found}

    def restore_map(self, cloud: CloudMap) -> None:
        """Put the map in force again that the ledger has from before."""
        self.maps[cloud.source] = cloud

    # --- whose it is -----------------------------------------------------------------------------------------------

    async def attribute_inventory(self, inventory: Inventory) -> Attribution:
        """Return to whom the points of a source belong, with this inventory."""
        gateways, segments = inventory.gateways, inventory.segments
        return await self._attribute(
            inventory.source, self.merged(inventory), self._rules_of(inventory.source), gateways, segments
        )

    async def attribute_with(self, cloud: CloudMap) -> dict[str, Attribution]:
        """Return to whom the points of every source would belong with this map in force."""
        maps = {**self.maps, cloud.source: cloud}
        made = {}
        for source, found in self._found.items():
            gateways, segments = self._gateways.get(source, ((), ()))
            rules = replace(self._rules_of(source), maps=tuple(maps.values()))
            made[source] = await self._attribute(source, found, rules, gateways, segments)
        return made

    async def _attribute(
        self,
        source: str,
        found: Mapping[PointKey, FoundPoint],
        rules: AttributionRules,
        gateways: tuple[FoundGateway, ...],
        segments: tuple[FoundSegment, ...],
    ) -> Attribution:
        points = tuple(found.values())
        work = partial(attribute, points, rules, source=source, gateways=gateways, segments=segments)
        return work() if len(points) <= POINTS_INLINE_MAX else await asyncio.to_thread(work)

    def _rules_of(self, source: str) -> AttributionRules:
        names = (named for name, made in self._attributions.items() if name != source for named in made.found)
        return replace(self.rules, maps=tuple(self.maps.values()), names=frozenset(names))

    def awaits_first_map(self, source: str) -> bool:
        """Return whether the map in force is the first one that this source's points are decided with."""
        return source in self._awaiting_map

    def is_first_map(self, cloud: CloudMap) -> bool:
        """Return whether no map of its director was ever in force."""
        return cloud.source not in self._inventories

    # --- what others ask -------------------------------------------------------------------------------------------

    def told(self, source: str) -> frozenset[Note]:
        """Return the notes of a source's last attribution."""
        return self._told.get(source, frozenset())

    def at(self, source: str) -> Instant | None:
        """Return the time of the last complete inventory or map of a source."""
        known = self._inventories.get(source)
        return known[0] if known else None

    def payload(self, source: str) -> bytes | None:
        """Return the payload of the last complete inventory or map of a source."""
        known = self._inventories.get(source)
        return zlib.decompress(known[1]) if known else None

    def points(self) -> Mapping[str, Mapping[PointKey, FoundPoint]]:
        """Return source → point → what was found, internal ones too."""
        return self._found

    def metered(self, source: str) -> list[FoundPoint]:
        """Return what there is to read of a source."""
        found, attribution = self._found.get(source, {}), self._attributions.get(source)
        if attribution is None:
            return list(found.values())
        decisions = attribution.decisions
        return [point for key, point in found.items() if decisions[key].role is not Role.INTERNAL]

    def attribution(self, source: str) -> Attribution | None:
        """Return to whom the points of a source belong."""
        return self._attributions.get(source)

    def times(self) -> dict[str, Instant]:
        """Return source → time of its last complete inventory, or of the map in force."""
        return {source: at for source, (at, _) in self._inventories.items()}

    def counts(self) -> dict[tuple[str, Kind], int]:
        """Return (source, kind) → metering points that are read."""
        return dict(Counter((source, point.key.kind) for source in self._found for point in self.metered(source)))

    def unattributed(self) -> int:
        """Return how many points that are read belong to nobody."""
        return sum(
            decision.tenant == UNATTRIBUTED and decision.role is Role.BILLED
            for attribution in self._attributions.values()
            for decision in attribution.decisions.values()
        )

    def names(self) -> dict[TenantId, str]:
        """Return tenants that no entry of the settings names, with their display names."""
        return {tenant: name for made in self._attributions.values() for tenant, name in made.names.items()}
