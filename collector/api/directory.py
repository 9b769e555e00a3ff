"""Which tenants there are, and which of them a token sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from collector.api.faults import TenantUnknown
from collector.model.identity import UNATTRIBUTED, Tenant, TenantId
from collector.ports import LedgerReader

Scope: TypeAlias = frozenset[TenantId] | None
"""Tenants that a token sees; ``None`` is every one, and ``unattributed``."""


class TenantDirectory:
    """Tenants of the settings and those that only the ledger knows, such as one that was taken out of the settings."""

    def __init__(self, reader: LedgerReader, configured: Callable[[], Sequence[Tenant]]) -> None:
        self._reader = reader
        self._configured = configured

    async def visible(self, scope: Scope) -> tuple[Tenant, ...]:
        """Return the tenants in ``scope``, ordered by id.

        One that only the ledger knows has its id as name, and UTC.

        Raises:
            LedgerUnavailable: The ledger cannot be read.
        """
        tenants = {tenant: _ledger_only(tenant) for tenant in await self._reader.tenants()}
        tenants |= {tenant.id: tenant for tenant in self._configured()}
        return tuple(tenants[tenant] for tenant in sorted(tenants) if scope is None or tenant in scope)

    async def find(self, tenant_id: str, scope: Scope) -> Tenant:
        """Return one tenant.

        Raises:
            TenantUnknown: It does not exist or is not in ``scope``.
            LedgerUnavailable: The ledger cannot be read.
        """
        wanted = TenantId(tenant_id)
        if scope is not None and wanted not in scope:
            raise TenantUnknown(tenant_id)
        for tenant in self._configured():
            if tenant.id == wanted:
                return tenant
        # Whoever may see what belongs to nobody may also ask for it while there is none.
        if wanted == UNATTRIBUTED or wanted in await self._reader.tenants():
            return _ledger_only(wanted)
        raise TenantUnknown(tenant_id)


def _ledger_only(tenant: TenantId) -> Tenant:
    return Tenant(id=tenant, name=tenant, timezone="UTC")
