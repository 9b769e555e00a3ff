"""Answers of an NSX-V manager, whatever they hold: a record, or one error with words; never a traceback."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from collector.core.rates import INTERVAL_MS_MAX
from collector.sources.nsxv.forms import Malformed, parsed
from collector.sources.nsxv.lists import edge_of, vnics_of
from collector.sources.nsxv.numbers import RATE_KBIT_MAX, bytes_of
from collector.sources.nsxv.statistics import Rates, rates
from tests.property.effort import effort
from tests.unit.sources.nsxv.fake_nsxv import NOW, inside

BYTES_MAX = bytes_of(RATE_KBIT_MAX, 1_024, 86_400)

_WORDS = """
dataDto metaDto vnic_0 vnic_1 vnics vnic index type name interval startTime timestamp in out edgePage data pagingInfo
totalCount id objectId statistic meta
"""
_NAMES = st.sampled_from(_WORDS.split())
_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**15), 10**15),
    st.floats(),
    st.sampled_from((0, 1, 300, NOW, NOW // 1_000, "NaN", "1e400", "uplink", "edge-1", "../x", "")),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=8),
)
_TREES = st.recursive(
    _VALUES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_NAMES, inner, max_size=6)),
    max_leaves=25,
)
_SAMPLES = st.lists(
    st.dictionaries(st.sampled_from(("vnic", "timestamp", "in", "out")), _VALUES, max_size=4), max_size=5
)
_ANSWERS = st.fixed_dictionaries(
    {
        "dataDto": st.one_of(_TREES, st.dictionaries(st.sampled_from(("vnic_0", "vnic_9", "x")), _SAMPLES, max_size=3)),
        "metaDto": st.one_of(_TREES, st.fixed_dictionaries({"interval": _VALUES, "startTime": _VALUES})),
    }
)


def read_everything(body: bytes) -> None:
    """Read an answer as each of those that it may be."""
    with suppress(Malformed):
        _check(rates(body, NOW, 1_000))
    with suppress(Malformed):
        form = parsed(body)
        assert all(isinstance(value, str) for value in form.error().values())
        assert isinstance(form.role(), str)
        named = [edge_of(row) for row in form.edges().rows]
        assert all(edge is None or "/" not in edge.id for edge in named)
    with suppress(Malformed):
        vnics, _ = vnics_of(parsed(body).vnics())
        assert len({vnic.index for vnic in vnics}) == len(vnics)


def _check(found: Rates) -> None:
    assert all(words for _, words in found.faults)
    for samples in found.samples.values():
        for sample in samples:
            assert 0 < sample.interval_ms <= INTERVAL_MS_MAX
            assert 0 <= sample.rx_bytes <= BYTES_MAX < 2**63
            assert 0 <= sample.tx_bytes <= BYTES_MAX
            assert sample.at > 0


@effort(4)
@given(answer=st.one_of(_ANSWERS, _TREES))
def test_any_json_is_read_or_refused(answer: Any) -> None:
    read_everything(json.dumps(answer).encode())


@effort(2)
@given(tree=st.dictionaries(_NAMES, _TREES, max_size=5), root=_NAMES)
def test_any_xml_is_read_or_refused(tree: Any, root: str) -> None:
    read_everything(f"<{root}>{inside(tree)}</{root}>".encode())


@effort(4)
@given(
    start=st.sampled_from((b"", b"{", b"<", b'{"dataDto":', b"<?xml", b"<statistics>", b"\xef\xbb\xbf{")),
    rest=st.binary(),
)
def test_any_bytes_are_read_or_refused(start: bytes, rest: bytes) -> None:
    read_everything(start + rest)


@effort(2)
@given(at=st.integers(0, 400), what=st.binary(max_size=3))
def test_an_answer_that_was_spoilt_anywhere_is_read_or_refused(at: int, what: bytes) -> None:
    row = {"vnic": 0, "timestamp": NOW // 1_000, "in": 18423.51, "out": 4120.07}
    good = {"dataDto": {"vnic_0": [row, row]}, "metaDto": {"interval": 300, "vnics": [{"index": 0, "type": "uplink"}]}}
    tree = {"meta": good["metaDto"], "statistic": [row]}
    for body in (json.dumps(good).encode(), f"<statistics>{inside(tree)}</statistics>".encode()):
        read_everything(body[:at] + what + body[at + len(what) :])
        read_everything(body[:at])
