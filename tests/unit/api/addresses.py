"""Addresses of two tenants, as a ledger has them."""

from __future__ import annotations

from dataclasses import replace

from collector.model.addresses import Holding, QuotaKey, QuotaTerm
from collector.model.directory import AddressKind
from collector.model.identity import Tenant
from collector.model.period import Instant
from tests.unit.api.conftest import ACME, GLOBEX, at
from tests.unit.api.fake_ledger import FakeLedger

KNOWN = at("2026-10-02T10:30:00")
"""The last reading of the director."""


def holding(tenant: Tenant, name: str, start: Instant, end: Instant | None = None, *, used: bool = True) -> Holding:
    """Return a floating address."""
    return Holding(
        source="vcd",
        id=name,
        tenant=tenant.id,
        org=f"urn:vcloud:org:{tenant.id}",
        space="internet",
        kind=AddressKind.FLOATING_IP,
        value=name,
        addresses=1,
        used=int(used),
        allocated_at=None,
        start=start,
        end=end,
    )


def prefix(tenant: Tenant, value: str, length: int, start: Instant, end: Instant | None = None) -> Holding:
    """Return an IPv6 prefix in use."""
    size = 2 ** (128 - length)
    one = holding(tenant, value, start, end)
    return replace(
        one, space="internet-v6", kind=AddressKind.IP_PREFIX, value=f"{value}/{length}", addresses=size, used=size
    )


def quota(tenant: Tenant, limit: int | None, start: Instant, end: Instant | None = None) -> QuotaTerm:
    """Return a quota of floating addresses."""
    key = QuotaKey(f"urn:vcloud:org:{tenant.id}", "internet", AddressKind.FLOATING_IP, None)
    return QuotaTerm(source="vcd", key=key, tenant=tenant.id, limit=limit, start=start, end=end)


def give_addresses(ledger: FakeLedger) -> None:
    """Let Acme hold floating addresses and a prefix, and Globex an address and a range of an uplink."""
    september, noon = at("2026-09-10T00:00:00"), at("2026-10-01T12:00:00")
    uplink = replace(holding(GLOBEX, "198.51.100.4-198.51.100.9", noon), addresses=6, used=2, space="=pg-shared")
    ledger.holdings = [
        holding(ACME, "203.0.113.1", september),
        holding(ACME, "203.0.113.2", september, noon),
        holding(ACME, "203.0.113.2", noon, used=False),
        holding(ACME, "203.0.113.3", noon + 500, at("2026-10-01T18:00:00")),
        prefix(ACME, "2001:db8::", 56, at("2026-10-02T08:00:00")),
        holding(GLOBEX, "203.0.113.9", september),
        replace(uplink, kind=AddressKind.UPLINK_RANGE),
    ]
    prefixes = QuotaKey(f"urn:vcloud:org:{ACME.id}", "internet-v6", AddressKind.IP_PREFIX, 56)
    ledger.quotas = [
        quota(ACME, 2, september, noon),
        quota(ACME, 5, noon),
        quota(GLOBEX, None, september),
        QuotaTerm(source="vcd", key=prefixes, tenant=ACME.id, limit=4, start=september),
        QuotaTerm(source="vcd", key=prefixes._replace(prefix_length=64), tenant=ACME.id, limit=2**70, start=september),
    ]
    ledger.known_until = {"vcd": KNOWN}
