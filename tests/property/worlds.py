"""Made-up worlds: nodes that truly count one metering point's traffic, and what a poor manager says of them.

A world knows every byte. Each step lets time and traffic pass, perhaps lets something happen, and asks once. What comes
back are plain tuples of the oracle, so that code and oracle are told the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from hypothesis import strategies as st

from tests.oracle.rules import WIDTH, Params, Told

MAX_RATE = 10_000_000_000
"""Bit/s that the lines of a world can carry; no true traffic goes above it."""
GAP_AFTER_MS = 180_000
LAGS_MS = (1_300, 1_300, 0, 95_000, -20_000, -700_000)
"""Our clock, when we ask, is this much after the device's time of the newest reading; the device's may be ahead."""

WAITS_MS = (1, 1_000, 20_000, 59_999, 60_000, 60_001, 180_000, 180_001, 300_000, 1_000_000)
BYTES_PER_SECOND = (0, 1, 1_500, 1_000_007, 400_000_000)
FIRST_COUNTERS = (0, 10, 5_000_000_000, 2**53 - 7, 2**53 + 1, 2**63 + 11, 2**64 - 2**48)
STARTS_MS = (1_791_000_000_000, 1_791_000_000_001, 1_791_000_299_999, 1_791_000_123_457)

HONEST = ("poll", "poll", "poll", "poll", "repeat", "late", "never", "delist", "delist", "silence", "restart", "owner")
"""What leaves every reading true: also repeats and late answers, silence, and our own restarts."""
LACKING = (*HONEST, "lack")
RESETS = (*HONEST, "reset", "reset")
ANYTHING = (*HONEST, "reset", "lack", "glitch", "wild", "conflict", "conflict")

TENANTS = ("acme", "globex", "unattributed")


class Answer(NamedTuple):
    """One good answer about the point: when we asked, and the rows by node."""

    polled_at: int
    rows: dict[str, Told]


class Change(NamedTuple):
    """From ``at`` on the point belongs to ``tenant``, as an inventory shows before the next answer."""

    at: int
    tenant: str


class Origin(NamedTuple):
    """How a world begins: nodes, device time in ms, first value of the counters, our clock's lead in ms."""

    nodes: int
    start: int
    first: int
    lag: int


class Restart(NamedTuple):
    """The daemon stops and starts again."""


Happening: TypeAlias = "Answer | Change | Restart"
Totals: TypeAlias = "tuple[int, ...]"
Step: TypeAlias = "tuple[int, int, str, int]"
"""Index of the wait, index of the traffic, what happens, and a mask of nodes and counters."""


@dataclass
class World:
    """What happened, and what truly passed.

    Attributes:
        params: Settings of the point's series.
        happenings: In the order in which the daemon meets them.
        truth: Node → device time of a true reading → everything that ever passed until then, per counter.
        resets: Node → times at which its counters went back to zero.
    """

    params: Params
    happenings: list[Happening] = field(default_factory=list)
    truth: dict[str, dict[int, Totals]] = field(default_factory=dict)
    resets: dict[str, list[int]] = field(default_factory=dict)

    def answers(self) -> list[Answer]:
        """The answers alone."""
        return [happening for happening in self.happenings if isinstance(happening, Answer)]

    def history(self, node: str) -> list[Told]:
        """What was said of one node, in the order in which it was said."""
        return [answer.rows[node] for answer in self.answers() if node in answer.rows]

    def nodes(self) -> list[str]:
        """The nodes that some answer lists."""
        return sorted({node for answer in self.answers() for node in answer.rows})

    def owners(self) -> list[tuple[int, str]]:
        """Whom the point belongs to: (valid from, tenant)."""
        changes = [happening for happening in self.happenings if isinstance(happening, Change)]
        return [(0, TENANTS[0]), *((change.at, change.tenant) for change in changes)]

    def passed(self, node: str, start: int, end: int) -> Totals:
        """What truly passed between two readings."""
        before, after = self.truth[node][start], self.truth[node][end]
        return tuple(b - a for a, b in zip(before, after, strict=True))


class _Node:
    """An edge node: its counters, and everything that it ever forwarded."""

    def __init__(self, name: str, first: int) -> None:
        self.name = name
        self.counters = [first, first // 3, first // 900, first // 2_700, first // 90_000, 0]
        self.total = [0] * WIDTH
        self.true: list[Told] = []
        self.told: list[Told] = []

    def forward(self, rate: int, milliseconds: int) -> None:
        received = rate * milliseconds // 1_000
        sent = received // 3
        for i, growth in enumerate((received, sent, received // 900, sent // 700, received // 90_000, sent // 50_000)):
            self.counters[i] += growth
            self.total[i] += growth

    def reading(self, now: int) -> Told:
        return Told(now, tuple(self.counters))


class _Stage:
    """A world while it happens."""

    def __init__(self, origin: Origin, params: Params) -> None:
        nodes, start, first, self.lag = origin
        self.world = World(params)
        self.line = [_Node(f"edge-{i}", first // (i + 1)) for i in range(nodes)]
        self.now = start
        self.away: set[str] = set()
        self.world.truth = {node.name: {start: tuple(node.total)} for node in self.line}
        self.world.resets = {node.name: [] for node in self.line}

    def step(self, wait: int, traffic: int, event: str, mask: int) -> None:
        struck = [node for i, node in enumerate(self.line) if mask >> i & 1]
        self._pass_time(wait, traffic, struck if event == "reset" else [])
        if event == "delist":
            self.away ^= {node.name for node in struck}
        if event == "restart":
            self.world.happenings.append(Restart())
        if event == "owner":
            self.world.happenings.append(Change(self.now, TENANTS[mask % len(TENANTS)]))
        if event != "silence":
            self._ask(event, mask)

    def _pass_time(self, wait: int, traffic: int, rebooting: list[_Node]) -> None:
        for i, node in enumerate(self.line):
            rate = BYTES_PER_SECOND[(traffic + i) % len(BYTES_PER_SECOND)]
            node.forward(rate, wait // 2)
            if node in rebooting:
                node.counters = [0] * WIDTH
                self.world.resets[node.name].append(self.now + wait // 2)
            node.forward(rate, wait - wait // 2)
        self.now += wait

    def _ask(self, event: str, mask: int) -> None:
        rows: dict[str, Told] = {}
        for i, node in enumerate(self.line):
            true = node.reading(self.now)
            node.true.append(true)
            self.world.truth[node.name][self.now] = tuple(node.total)
            if node.name not in self.away:
                told = _distorted(node, true, event, mask >> 3) if mask >> i & 1 else true
                rows[node.name] = told
                node.told.append(told)
        self.world.happenings.append(Answer(self.now + self.lag, rows))


def build(origin: Origin, happening: Sequence[Step], params: Params) -> World:
    """Let a world happen and return it."""
    stage = _Stage(origin, params)
    for wait, traffic, event, mask in happening:
        stage.step(WAITS_MS[wait], traffic, event, mask)
    return stage.world


def _distorted(node: _Node, true: Told, event: str, bits: int) -> Told:
    """Return what the manager says of a node when something is odd about its answer."""
    values = list(node.counters)
    which = bits % WIDTH
    if node.told and (event == "repeat" or (event == "delist" and bits & 1)):
        return node.told[-1]
    if event == "late":
        return node.true[-1 - bits % min(4, len(node.true))]
    if event == "never":
        return Told(0, true.counters)
    if event == "lack":
        return Told(true.at, tuple(None if bits >> i & 1 else value for i, value in enumerate(true.counters)))
    if event == "conflict" and node.told:
        was = node.told[-1]
        odd = (
            None if value is None else value ^ (1 + bits) if i == which else value
            for i, value in enumerate(was.counters)
        )
        return Told(was.at, tuple(odd))
    if event == "glitch":
        values[which] = values[which] // (2 + bits // WIDTH)
        return Told(true.at, tuple(values))
    if event == "wild":
        values[which] += (1, 50_000, 2**40, 2**62)[bits // WIDTH % 4]
        return Told(true.at, tuple(values))
    return true


def steps(events: Sequence[str], longest: int = 20) -> st.SearchStrategy[list[Step]]:
    """Steps in which nothing else than ``events`` happens."""
    return st.lists(
        st.tuples(
            st.integers(0, len(WAITS_MS) - 1),
            st.integers(0, len(BYTES_PER_SECOND) - 1),
            st.sampled_from(events),
            st.integers(0, 511),
        ),
        min_size=1,
        max_size=longest,
    )


@st.composite
def worlds(draw: st.DrawFn, events: Sequence[str], *, nodes: int = 3, longest: int = 20) -> World:
    """Worlds in which nothing else than ``events`` happens, of a point that may be new or old, whole or a summary."""
    start = draw(st.sampled_from(STARTS_MS))
    new = draw(st.booleans())
    params = Params(
        max_rate=MAX_RATE,
        gap_after_ms=GAP_AFTER_MS,
        summary=nodes == 1 and draw(st.booleans()),
        created_at=start if new else None,
        lacked_at=start - draw(st.sampled_from((60_000, 60_001, 90_000))) if new else None,
    )
    first = 0 if new else draw(st.sampled_from(FIRST_COUNTERS))
    origin = Origin(draw(st.integers(1, nodes)), start, first, draw(st.sampled_from(LAGS_MS)))
    return build(origin, draw(steps(events, longest)), params)


_SMALL = st.one_of(st.none(), st.integers(0, 3))
_VALUES = st.one_of(
    st.sampled_from((None, 0, 1, 2, 3, 8, 9, 2**53, 2**61, 2**61 + 1, 2**63, 2**64 - 1)), st.integers(0, 2**64 - 1)
)


def babble(values: st.SearchStrategy[int | None] = _SMALL) -> st.SearchStrategy[list[Told]]:
    """Samples without any sense: few instants and few values, so that all comparisons meet equality."""
    counters = st.tuples(*[values] * WIDTH)
    return st.lists(st.builds(Told, st.integers(0, 9), counters), min_size=1, max_size=12)


def loud_babble() -> st.SearchStrategy[list[Told]]:
    """The same with values up to the greatest that a counter can have."""
    return babble(_VALUES)
