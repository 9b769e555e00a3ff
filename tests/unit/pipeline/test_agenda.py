"""What a poll cycle asks comes out of its packing as it went in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.agenda import SHARED_CALLS, Agenda, AgendaWriter
from collector.model.identity import Kind, PointKey, ReadAt
from collector.ports import PointCall, PolledPoint

texts = st.sampled_from(["", "/policy/api/v1/infra/a", "edge_path=%2Finfra%2Fé", "node-1", "node-2", "ü" * 300])
calls = st.builds(
    PointCall,
    path=texts.filter(bool),
    node=st.none() | texts,
    summary=st.booleans(),
    fallback_node=st.none() | texts,
    query=texts,
)
points = st.builds(
    PolledPoint,
    st.builds(PointKey, st.just("nsx"), st.sampled_from(Kind), texts),
    st.sampled_from(ReadAt),
    st.lists(calls, max_size=4).map(tuple),
)


def packed(*several: PolledPoint) -> Agenda:
    writer = AgendaWriter()
    for one in several:
        writer.add(*one)
    return writer.agenda()


@given(several=st.lists(points, max_size=6))
def test_every_point_comes_out_as_it_went_in(several: list[PolledPoint]) -> None:
    agenda = packed(*several)
    assert list(agenda) == several
    assert [agenda[number] for number in range(len(agenda))] == several
    assert agenda.keys == tuple(one.key for one in several)
    alone = [one.calls for one in several if one.key.kind not in SHARED_CALLS]
    shared = {call for one in several if one.key.kind in SHARED_CALLS for call in one.calls}
    assert agenda.calls == sum(map(len, alone)) + len(shared), "several points that one request answers cost it once"


def test_an_empty_agenda_asks_nothing() -> None:
    assert (list(Agenda()), len(Agenda()), Agenda().calls) == ([], 0, 0)
    with pytest.raises(IndexError):
        Agenda()[0]
