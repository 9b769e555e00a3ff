"""What is kept of the newest inventory of a source: what polls ask, and packed what a director's map is compared with.

As records the points of a large source take some 30 MiB, and the gateways that they lie at as much again; deflated they
take three, and are unpacked when a map or an incomplete inventory comes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from collector.agenda import Agenda, AgendaWriter
from collector.balances import Router, routers_of
from collector.core.attribution import Attribution, Named, Note
from collector.model.identity import UNATTRIBUTED, PointKey, TenantId
from collector.model.usage import Role
from collector.ports import FoundGateway, FoundPoint, FoundSegment

RECORDS_AT_ONCE = 500
"""Records of one piece: some 300 KiB before they are deflated, so that packing needs no large buffer."""

PACKED_LEVEL = 1
"""Policy paths repeat so much that higher levels save little more."""

_encode = msgspec.msgpack.Encoder().encode
_points = msgspec.msgpack.Decoder(tuple[FoundPoint, ...])
_gateways = msgspec.msgpack.Decoder(tuple[FoundGateway, ...])
_segments = msgspec.msgpack.Decoder(tuple[FoundSegment, ...])

T = TypeVar("T")


class Packed(Generic[T]):
    """Records in a few pieces of memory."""

    def __init__(self, records: Sequence[T], decoder: msgspec.msgpack.Decoder[tuple[T, ...]]) -> None:
        self._decoder = decoder
        self._pieces = [
            zlib.compress(_encode(records[first : first + RECORDS_AT_ONCE]), PACKED_LEVEL)
            for first in range(0, len(records), RECORDS_AT_ONCE)
        ]

    def unpack(self) -> tuple[T, ...]:
        """Return the records."""
        return tuple(record for piece in self._pieces for record in self._decoder.decode(zlib.decompress(piece)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Terrain:
    """What a source has beside points, to be looked up in: gateways and segments behind service interfaces."""

    gateways: Packed[FoundGateway]
    segments: Packed[FoundSegment]

    @classmethod
    def of(cls, gateways: Sequence[FoundGateway], segments: Sequence[FoundSegment]) -> Terrain:
        """Return them packed."""
        return cls(gateways=Packed(gateways, _gateways), segments=Packed(segments, _segments))


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One source.

    Attributes:
        keys: Every point, internal ones too.
        agenda: What there is to read.
        points: What was found.
        terrain: What lies around it; nothing where no map is expected.
        names: Tenants that no entry of the settings names, with their display names.
        found: Names that its tags and Projects have.
        notes: What an operator should know of its attribution.
        unattributed: How many points that are read belong to nobody.
        routers: The Tier-0s and VRFs with what is balanced at them.
    """

    keys: tuple[PointKey, ...]
    agenda: Agenda
    points: Packed[FoundPoint]
    terrain: Terrain
    names: dict[TenantId, str]
    found: frozenset[Named]
    notes: frozenset[Note]
    unattributed: int
    routers: tuple[Router, ...]


def held(
    points: Sequence[FoundPoint], terrain: Terrain, attribution: Attribution, own: Callable[[PointKey], PointKey]
) -> Holding:
    """Return what is kept; for tens of thousands of points a third of a second of work.

    Args:
        points: Every point of the source.
        terrain: What lies around them.
        attribution: To whom they belong.
        own: A point's key to the one that everybody uses, so that the inventory's own may go.
    """
    keys = {point.key: own(point.key) for point in points}
    return Holding(
        keys=tuple(keys.values()),
        agenda=_agenda((point for point in points if _is_read(attribution, point.key)), keys.__getitem__),
        points=Packed(points, _points),
        terrain=terrain,
        names=dict(attribution.names),
        found=attribution.found,
        notes=frozenset(attribution.notes),
        unattributed=sum(
            decision.tenant == UNATTRIBUTED and decision.role is Role.BILLED
            for decision in attribution.decisions.values()
        ),
        routers=routers_of(points[0].key.source, points, keys.__getitem__) if points else (),
    )


def _is_read(attribution: Attribution, key: PointKey) -> bool:
    return attribution.decisions[key].role is not Role.INTERNAL


def _agenda(points: Iterable[FoundPoint], own: Callable[[PointKey], PointKey]) -> Agenda:
    writer = AgendaWriter()
    for point in points:
        writer.add(own(point.key), point.read_at, point.calls)
    return writer.agenda()
