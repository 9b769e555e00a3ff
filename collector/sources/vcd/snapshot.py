"""A map as it is kept in the ledger, to start from after a restart."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import msgspec

from collector.model.directory import Allocation, CloudGateway, CloudMap, ExternalNetwork, Manager, Org, Quota
from collector.model.period import Instant

PAYLOAD_VERSION = 1
"""Grows when older code could misread the payload; another version is not read."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Header(msgspec.Struct):
    v: int = 0


class _Payload(msgspec.Struct, kw_only=True):
    """The map without what belongs to its reading alone: requests and faults."""

    v: int
    at: Instant
    version: str
    complete: bool
    addresses_complete: bool
    orgs: tuple[Org, ...] = ()
    gateways: tuple[CloudGateway, ...] = ()
    networks: tuple[ExternalNetwork, ...] = ()
    allocations: tuple[Allocation, ...] = ()
    quotas: tuple[Quota, ...] = ()
    managers: tuple[Manager, ...] = ()


def with_payload(known: CloudMap) -> CloudMap:
    """Return the map with its payload: compact JSON, in the map's own order."""
    document = {
        "v": PAYLOAD_VERSION,
        "at": known.at,
        "version": known.version,
        "complete": known.complete,
        "addresses_complete": known.addresses_complete,
        "orgs": known.orgs,
        "gateways": [_slim(each) for each in known.gateways],
        "networks": [_slim(each) for each in known.networks],
        "allocations": [_slim(each) for each in known.allocations],
        "quotas": known.quotas,
        "managers": known.managers,
    }
    return replace(known, payload=msgspec.json.encode(document))


def decode_map(payload: bytes | None, source: str) -> CloudMap | None:
    """Return the map of a payload, or ``None`` where there is none that this version reads."""
    if payload is None:
        return None
    try:
        if msgspec.json.decode(payload, type=_Header).v != PAYLOAD_VERSION:
            return None
        found = msgspec.json.decode(payload, type=_Payload)
    except UNREADABLE:
        return None
    return CloudMap(
        source=source,
        at=found.at,
        version=found.version,
        complete=found.complete,
        addresses_complete=found.addresses_complete,
        orgs=found.orgs,
        gateways=found.gateways,
        networks=found.networks,
        allocations=found.allocations,
        quotas=found.quotas,
        managers=found.managers,
        payload=payload,
    )


def _slim(record: CloudGateway | ExternalNetwork | Allocation) -> dict[str, Any]:
    """Return a record's members but those that have their default value."""
    pairs = ((each.name, getattr(record, each.name), each.default) for each in fields(record))
    return {name: value for name, value, default in pairs if value != default}
