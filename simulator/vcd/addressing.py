"""Which addresses the director's objects have: subnets by number, ranges as first and last."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from simulator.vcd.objects import Network, Uplink

SUBNET_LENGTH: Final = 19
SUBNET_SIZE: Final[int] = 2 ** (32 - SUBNET_LENGTH)
FIRST_GIVEN: Final = 10
"""Addresses before this one of a subnet are the provider's."""

_BASE: Final = int(IPv4Address("10.0.0.0"))


def subnet_gateway(network: Network) -> IPv4Address:
    """Return the address of the router of an external network."""
    return IPv4Address(_base(network) + 1)


def uplink_range(uplink: Uplink) -> tuple[IPv4Address, IPv4Address]:
    """Return the first and the last address that a gateway has on an uplink."""
    first = _base(uplink.network) + FIRST_GIVEN + uplink.first
    return IPv4Address(first), IPv4Address(first + max(0, uplink.addresses - 1))


def network_range(network: Network) -> tuple[IPv4Address, IPv4Address]:
    """Return the first and the last address that gateways of an external network may have."""
    return IPv4Address(_base(network) + FIRST_GIVEN), IPv4Address(_base(network) + SUBNET_SIZE - 2)


def _base(network: Network) -> int:
    return _BASE + network.subnet * SUBNET_SIZE


def range_ends(text: str) -> tuple[IPv4Address | IPv6Address, IPv4Address | IPv6Address]:
    """Return both ends of ``first-last``."""
    first, _, last = text.partition("-")
    return ip_address(first), ip_address(last)


def range_count(text: str) -> int:
    """Return how many addresses ``first-last`` has."""
    first, last = range_ends(text)
    return int(last) - int(first) + 1


def prefix_count(text: str) -> int:
    """Return how many addresses a prefix has."""
    return ip_network(text).num_addresses


def nth_prefix(first: str, number: int) -> str:
    """Return a prefix of a sequence, 0 being its first."""
    network = ip_network(first)
    return f"{network.network_address + number * network.num_addresses}/{network.prefixlen}"
