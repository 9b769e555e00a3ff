"""The addresses that organisations hold now, by the last reading of every director that was complete for them.

A map is put in force with the addresses that it shows, in one transaction. A map that is complete for attribution and
not for addresses leaves these as they are; addresses of a map that is not complete are not taken either, since it may
lack the organisations that say whose they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from collector.core.addresses import AddressChange, QuotaChange, advance, advance_quotas, grouped, quota_use
from collector.model.addresses import AddressGroup, AddressState, AddressUpdate, Holding, QuotaKey, QuotaTerm
from collector.model.directory import CloudMap
from collector.model.identity import TenantId
from collector.model.period import Instant
from collector.ports import LedgerWriter

ALLOCATIONS_INLINE_MAX = 500
"""More allocations than this are compared in a thread, so that polls and scrapes do not wait."""


class _Held(NamedTuple):
    """What one director's organisations hold, and the time of its last reading."""

    holdings: Mapping[str, Holding]
    quotas: Mapping[QuotaKey, QuotaTerm]
    read_at: Instant | None


_NOTHING = _Held({}, {}, None)


class AddressFigures(NamedTuple):
    """Gauges of addresses.

    Attributes:
        held: (source, tenant, space, type, ``allocated`` or ``used``) → addresses.
        quotas: (source, tenant, space, type, prefix length or empty) → the cap, where there is one.
        quotas_used: The same → how much of it is taken.
    """

    held: Mapping[tuple[str, ...], int]
    quotas: Mapping[tuple[str, ...], int]
    quotas_used: Mapping[tuple[str, ...], int]


class AddressBook:
    """What is held, as the ledger has it.

    ``update`` says what a map changes; ``take`` follows once that is stored. What was not taken may be in the ledger or
    not, so the next update begins from what the ledger has.
    """

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}
        self._waiting: tuple[str, _Held] | None = None
        self._figures: AddressFigures | None = None
        self._shown: frozenset[str] = frozenset()

    def load(self, state: AddressState) -> None:
        """Take up what the ledger has."""
        self._held = {
            source: _Held(
                {one.id: one for one in state.held if one.source == source},
                {one.key: one for one in state.quotas if one.source == source},
                at,
            )
            for source, at in state.known_until.items()
        }
        self._waiting = self._figures = None

    async def update(
        self, cloud: CloudMap, tenant_of: Callable[[str], TenantId], ledger: LedgerWriter
    ) -> AddressUpdate | None:
        """Return what a complete map changes, or ``None`` where it says nothing new of addresses.

        Args:
            cloud: The map.
            tenant_of: Organisation to tenant.
            ledger: Is asked what it has, where nobody knows whether the last update was stored.
        Raises:
            LedgerUnavailable: It cannot be asked.
        """
        if self._waiting is not None:
            self.load(await ledger.load_addresses())
        known = self._held.get(cloud.source, _NOTHING)
        if not cloud.addresses_complete or (known.read_at is not None and cloud.at <= known.read_at):
            return None
        if len(cloud.allocations) > ALLOCATIONS_INLINE_MAX:
            made, quotas = await asyncio.to_thread(_advance, known, cloud, tenant_of)
        else:
            made, quotas = _advance(known, cloud, tenant_of)
        self._waiting = cloud.source, _Held(made.held, quotas.in_force, cloud.at)
        return AddressUpdate(
            source=cloud.source,
            at=cloud.at,
            previous_at=known.read_at,
            ended=made.ended,
            begun=made.begun,
            quotas_ended=quotas.ended,
            quotas_begun=quotas.begun,
        )

    def take(self) -> None:
        """Let the last update be in force: the ledger has it."""
        if self._waiting is not None:
            source, held = self._waiting
            self._held[source] = held
            self._waiting = self._figures = None

    # --- what others ask -------------------------------------------------------------------------------------------

    def known_until(self, source: str) -> Instant | None:
        """Return the time of a director's last reading that was complete for addresses."""
        return self._held.get(source, _NOTHING).read_at

    def tenants(self) -> set[TenantId]:
        """Return the tenants that hold something."""
        return {one.tenant for held in self._held.values() for one in held.holdings.values()}

    def figures(self, sources: Collection[str]) -> AddressFigures:
        """Return the gauges of these directors; made anew only when something changed."""
        if self._figures is None or self._shown != frozenset(sources):
            shown = [held for source, held in self._held.items() if source in sources]
            self._figures, self._shown = _figures(shown), frozenset(sources)
        return self._figures


def _advance(known: _Held, cloud: CloudMap, tenant_of: Callable[[str], TenantId]) -> tuple[AddressChange, QuotaChange]:
    made = advance(known.holdings, known.read_at, cloud, tenant_of)
    return made, advance_quotas(known.quotas, cloud, tenant_of)


def _figures(shown: Iterable[_Held]) -> AddressFigures:
    held: dict[tuple[str, ...], int] = {}
    quotas: dict[tuple[str, ...], int] = {}
    used: dict[tuple[str, ...], int] = {}
    for one in shown:
        groups = grouped(one.holdings.values())
        for group, holdings in groups.items():
            held[(*_labels(group), "allocated")] = sum(each.addresses for each in holdings)
            held[(*_labels(group), "used")] = sum(each.used for each in holdings)
        for labels, limit, taken in _quotas(one.quotas.values(), groups):
            quotas[labels], used[labels] = limit, taken
    return AddressFigures(held, quotas, used)


def _quotas(
    terms: Iterable[QuotaTerm], groups: Mapping[AddressGroup, list[Holding]]
) -> Iterator[tuple[tuple[str, ...], int, int]]:
    """Yield (labels, cap, taken) of what has a cap; that of a tenant with several organisations is their sum."""
    limits: dict[tuple[AddressGroup, int | None], list[int | None]] = {}
    for term in terms:
        group = AddressGroup(term.source, term.tenant, term.key.space, term.key.kind)
        limits.setdefault((group, term.key.prefix_length), []).append(term.limit)
    for (group, length), caps in limits.items():
        capped = [cap for cap in caps if cap is not None]
        if len(capped) == len(caps):
            labels = (*_labels(group), "" if length is None else str(length))
            yield labels, sum(capped), quota_use(length, groups.get(group, ()))


def _labels(group: AddressGroup) -> tuple[str, ...]:
    return group.source, group.tenant, group.space, group.kind.value
