"""What one poll cycle of a source asks, packed: tens of thousands of requests in one piece of memory.

As records they would be some twenty objects and a kibibyte a point. Made while an inventory is in memory, they would
also lie between what goes away with it: Python gives memory back a mebibyte at a time, so little that stays keeps a
lot.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from collector.model.identity import Kind, PointKey, ReadAt
from collector.ports import PointCall, PolledPoint

SHARED_CALLS = frozenset(
    {
        Kind.EDGE_INTERFACE,
        Kind.VPC_EXTERNAL,
        Kind.VPC_INTERNAL,
        Kind.TRANSIT_GATEWAY_EXTERNAL,
        Kind.TRANSIT_GATEWAY_INTERNAL,
    }
)
"""Kinds of which several points are read with one request."""


class CallCount:
    """Counts the requests of points; what several points are read with counts once.

    Attributes:
        total: How many there are.
    """

    def __init__(self) -> None:
        self.total = 0
        self._shared: set[PointCall] = set()

    def add(self, key: PointKey, calls: Sequence[PointCall]) -> None:
        """Count the requests of a point."""
        if key.kind not in SHARED_CALLS:
            self.total += len(calls)
            return
        new = set(calls) - self._shared
        self._shared |= new
        self.total += len(new)


class _Call(NamedTuple):
    """A call; texts that many points share are numbers of a list, and a path like that of the call before is ""."""

    path: str
    query: int
    node: int | None
    fallback_node: int | None
    summary: bool


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[ReadAt, tuple[_Call, ...]]).decode


class Agenda:
    """Points with their requests, in order; each is unpacked when it is asked for.

    Attributes:
        keys: The points.
        calls: How many requests all of them take.
    """

    def __init__(
        self,
        keys: tuple[PointKey, ...] = (),
        calls: int = 0,
        packed: bytes = b"",
        ends: array[int] | None = None,
        texts: tuple[str, ...] = (),
    ) -> None:
        """Args, as an ``AgendaWriter`` makes them, or none for an empty agenda:
        keys: The points.
        calls: How many requests all of them take.
        packed: The points, packed, one after the other.
        ends: Where in ``packed`` each begins, and where the last one ends.
        texts: What the numbers in the packed calls stand for.
        """
        self.keys = keys
        self.calls = calls
        self._packed = packed
        self._ends = ends or array("I", (0,))
        self._texts = texts

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[PolledPoint]:
        return map(self.__getitem__, range(len(self.keys)))

    def __getitem__(self, number: int) -> PolledPoint:
        """Return a point. Raises IndexError."""
        key = self.keys[number]
        read_at, packed = _decode(memoryview(self._packed)[self._ends[number] : self._ends[number + 1]])
        return PolledPoint(key, read_at, tuple(self._calls(packed)))

    def _calls(self, packed: tuple[_Call, ...]) -> Iterator[PointCall]:
        texts, path = self._texts, ""
        for one in packed:
            path = one.path or path
            node = None if one.node is None else texts[one.node]
            fallback_node = None if one.fallback_node is None else texts[one.fallback_node]
            yield PointCall(path, node, one.summary, fallback_node, texts[one.query])


class AgendaWriter:
    """Makes an agenda, point by point."""

    def __init__(self) -> None:
        self._keys: list[PointKey] = []
        self._pieces: list[bytes] = []
        self._ends = array("I", (0,))
        self._texts: dict[str, int] = {}
        self._calls = CallCount()

    def add(self, key: PointKey, read_at: ReadAt, calls: tuple[PointCall, ...]) -> None:
        """Add a point."""
        packed, path = [], ""
        for call in calls:
            known, path = path, call.path
            packed.append(
                (
                    "" if path == known else path,
                    self._number(call.query),
                    None if call.node is None else self._number(call.node),
                    None if call.fallback_node is None else self._number(call.fallback_node),
                    call.summary,
                )
            )
        piece = _encode((read_at, packed))
        self._keys.append(key)
        self._pieces.append(piece)
        self._ends.append(self._ends[-1] + len(piece))
        self._calls.add(key, calls)

    def agenda(self) -> Agenda:
        """Return what was added."""
        copies = tuple(text.encode().decode() for text in self._texts)  # the texts themselves are the inventory's
        return Agenda(tuple(self._keys), self._calls.total, b"".join(self._pieces), self._ends, copies)

    def _number(self, text: str) -> int:
        return self._texts.setdefault(text, len(self._texts))
