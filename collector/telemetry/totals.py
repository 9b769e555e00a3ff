"""The ledger's totals, kept in memory for the scrape: changed only after the ledger has committed."""

from __future__ import annotations

from collections.abc import Iterable

from collector.model.identity import BALANCE, Kind, PointKey, TenantId
from collector.model.usage import Usage, added

_NOTHING = Usage()


class AccountTotal:
    """All bytes ever booked to one tenant at one metering point; packets are shown per tenant only.

    Attributes:
        ref: The ledger's reference of the account.
        tenant: Whose account it is.
        point: The metering point.
        ingress_bytes: The total in this direction; it moves together with the other one.
        egress_bytes: The total in the other.
    """

    __slots__ = ("egress_bytes", "ingress_bytes", "point", "ref", "tenant")

    def __init__(self, ref: int, tenant: TenantId, point: PointKey, usage: Usage) -> None:
        self.ref = ref
        self.tenant = tenant
        self.point = point
        self.ingress_bytes = usage.ingress_bytes
        self.egress_bytes = usage.egress_bytes


class Totals:
    """Totals per account and per (tenant, kind).

    Attributes:
        accounts: Every account in the order of its registration; only ever appended to.
        by_tenant: (tenant, kind) → sum over the tenant's points of that kind.
    """

    def __init__(self) -> None:
        self.accounts: list[AccountTotal] = []
        self.by_tenant: dict[tuple[TenantId, Kind], Usage] = {}
        self._by_ref: dict[int, AccountTotal] = {}
        self._untold: set[int] = set()

    def add_account(self, ref: int, tenant: TenantId, point: PointKey, usage: Usage) -> None:
        """Register an account with what the ledger has booked to it; a known one stays as it is.

        What is read for the balance of a gateway is nobody's usage, so it has no total.
        """
        if tenant == BALANCE:
            self._untold.add(ref)
        if ref in self._by_ref or ref in self._untold:
            return
        account = AccountTotal(ref, tenant, point, usage)
        self.accounts.append(account)
        self._by_ref[ref] = account
        key = (tenant, point.kind)
        self.by_tenant[key] = added(self.by_tenant.get(key, _NOTHING), usage)

    def apply(self, changes: Iterable[tuple[int, Usage]]) -> None:
        """Add committed usage: (account reference, growth)."""
        for ref, growth in changes:
            if ref in self._untold:
                continue
            account = self._by_ref[ref]
            account.ingress_bytes += growth.ingress_bytes
            account.egress_bytes += growth.egress_bytes
            key = (account.tenant, account.point.kind)
            self.by_tenant[key] = added(self.by_tenant[key], growth)
