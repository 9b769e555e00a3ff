"""Which addresses every organisation holds, by what a director knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from simulator.vcd.addressing import prefix_count, uplink_range

if TYPE_CHECKING:
    from simulator.vcd.cloud import Cloud


class Held(NamedTuple):
    """Addresses that a tenant holds.

    Attributes:
        tenant: Whose organisation holds them.
        space: Name of the IP Space, or of the external network of a range.
        value: Address, prefix, or ``first-last``.
        addresses: How many.
        used: How many of them are in use.
    """

    tenant: str
    space: str
    kind: Literal["floating_ip", "ip_prefix", "uplink_range"]
    value: str
    addresses: int
    used: int


def holdings(cloud: Cloud) -> dict[str, Held]:
    """Return the addresses that are held now: by the reference of the allocation, or of gateway and network."""
    found: dict[str, Held] = {}
    for space in cloud.spaces.values():
        for one in space.allocations.values():
            prefix = one.kind == "IP_PREFIX"
            addresses = prefix_count(one.name) if prefix else 1
            found[one.urn] = Held(
                one.org.tenant, space.name, "ip_prefix" if prefix else "floating_ip", one.name, addresses,
                0 if one.state == "UNUSED" else addresses,
            )  # fmt: skip
    for gateway in cloud.gateways.values():
        for uplink in gateway.uplinks:
            if uplink.addresses:
                first, last = uplink_range(uplink)
                value = f"{first}" if first == last else f"{first}-{last}"
                found[f"{gateway.urn}/{uplink.network.urn}"] = Held(
                    gateway.org.tenant, uplink.network.name, "uplink_range", value, uplink.addresses, uplink.used
                )
    return found
