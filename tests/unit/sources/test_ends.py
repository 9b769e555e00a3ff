"""Which end of a link is read."""

from __future__ import annotations

import pytest

from collector.model.identity import ReadAt
from collector.sources.nsxt.endpoints import Endpoints, is_at_least, parse_version
from collector.sources.nsxt.ends import choose_end, possible_ends
from collector.sources.nsxt.options import LinkEnd
from collector.sources.nsxt.snapshot import Edge, Gateway

T0, T1, SUMMARY = ReadAt.TIER0, ReadAt.TIER1, ReadAt.TIER0_SUMMARY
NEW, OLD = (4, 1, 2), (3, 1, 3)


def gateway(tier: int, edges: int, project: str | None = None) -> Gateway:
    nodes = tuple(Edge(f"/e/{number}", f"n{number}") for number in range(edges))
    return Gateway(path=f"/t{tier}", name="t", tier=tier, parent="/t0", edges=nodes, project=project)


@pytest.mark.parametrize(
    ("version", "tier1_edges", "tier0_edges", "expected"),
    [
        (NEW, 2, 8, T1),
        (NEW, 2, 2, T1),
        (NEW, 4, 2, T0),
        (NEW, 0, 2, T0),
        (NEW, 0, 0, SUMMARY),
        (NEW, 0, None, SUMMARY),
        (NEW, 2, None, T1),
        (OLD, 2, 2, SUMMARY),
        ((), 2, 8, T1),
    ],
)
def test_auto_takes_the_end_per_node_with_fewer_calls_and_the_summary_last(
    version: tuple[int, ...], tier1_edges: int, tier0_edges: int | None, expected: ReadAt
) -> None:
    tier0 = gateway(0, tier0_edges) if tier0_edges is not None else None
    ends = possible_ends(version, gateway(1, tier1_edges), tier0)
    assert choose_end(LinkEnd.AUTO, ends, None).read_at is expected


@pytest.mark.parametrize(
    ("known", "failed", "expected", "words"),
    [
        (T0, set(), T0, "8 calls"),
        (T1, {T1}, T0, "fails for good"),
        (None, {T1}, T0, ""),
        (T0, {T0}, T1, "fails for good"),
        (T1, {T0, T1}, SUMMARY, "fails for good"),
        (T1, {T0, T1, SUMMARY}, T1, ""),
        (SUMMARY, set(), T1, "now answers per node"),
    ],
)
def test_auto_keeps_an_end_until_it_fails_for_good(
    known: ReadAt | None, failed: set[ReadAt], expected: ReadAt, words: str
) -> None:
    ends = possible_ends(NEW, gateway(1, 2), gateway(0, 8))
    choice = choose_end(LinkEnd.AUTO, ends, known, frozenset(failed))
    assert choice.read_at is expected
    assert words in choice.note


def test_an_end_that_is_no_longer_possible_is_left_with_a_note() -> None:
    choice = choose_end(LinkEnd.AUTO, possible_ends(NEW, gateway(1, 0), gateway(0, 8)), T1)
    assert choice.read_at is T0
    assert "which can no longer be read" in choice.note


@pytest.mark.parametrize(
    ("setting", "tier1_edges", "tier0_edges", "expected"),
    [
        (LinkEnd.TIER0, 2, 8, T0),
        (LinkEnd.TIER1, 4, 2, T1),
        (LinkEnd.TIER1, 0, 2, T0),
        (LinkEnd.TIER0, 2, 0, T1),
        (LinkEnd.TIER0, 0, 0, SUMMARY),
    ],
)
def test_a_setting_is_followed_where_it_can_be(
    setting: LinkEnd, tier1_edges: int, tier0_edges: int, expected: ReadAt
) -> None:
    choice = choose_end(setting, possible_ends(NEW, gateway(1, tier1_edges), gateway(0, tier0_edges)), T1)
    assert choice.read_at is expected
    assert ("cannot be read here" in choice.note) is (expected.value != setting.value)


def test_a_project_has_only_the_tier1s_end() -> None:
    assert possible_ends(NEW, gateway(1, 3, "blue"), gateway(0, 2)) == {T1: 3}
    assert possible_ends(NEW, gateway(1, 0, "blue"), gateway(0, 2)) == {T1: 1}


@pytest.mark.parametrize(
    ("text", "numbers"), [("4.1.2.3.0.1", (4, 1, 2, 3, 0, 1)), ("3.2.x", (3, 2)), ("", ()), ("main", ())]
)
def test_versions_are_read_as_far_as_they_are_numbers(text: str, numbers: tuple[int, ...]) -> None:
    assert parse_version(text) == numbers


def test_a_version_that_nobody_could_read_counts_as_new() -> None:
    assert is_at_least((), (3, 2))
    assert is_at_least((3, 2, 0), (3, 2))
    assert not is_at_least((3, 1, 3), (3, 2))


def test_paths_and_values_are_percent_encoded() -> None:
    call = Endpoints(federation=False).link_at_tier0("/infra/tier-0s/t0 a", "/infra/tier-1s/ä&b", [Edge("/e/0", "n")])
    assert call[0].target == (
        "/policy/api/v1/infra/tier-0s/t0%20a/tier-1-interface/statistics?tier1_path=%2Finfra%2Ftier-1s%2F%C3%A4%26b"
        "&enforcement_point_path=%2Finfra%2Fsites%2Fdefault%2Fenforcement-points%2Fdefault&edge_path=%2Fe%2F0"
    )
