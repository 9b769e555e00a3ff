"""Books come off the shelf as they were put there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.books import Book, SeriesBook
from collector.model.identity import Kind, PointKey, ReadAt
from collector.model.sample import COUNTER_MAX, Counters, Sample
from collector.model.usage import Quality, Run, SeriesState
from collector.shelf import Shelf

KEY = PointKey("nsx", Kind.TIER1_DOWNLINK, "/infra/tier-1s/t1")
instants = st.integers(0, 253_402_300_799_999)
counters = st.builds(Counters, *[st.none() | st.integers(0, COUNTER_MAX)] * 6)
samples = st.builds(Sample, instants, instants, counters)
runs = st.builds(Run, instants, instants, st.sampled_from(Quality))
states = st.builds(SeriesState, samples, st.none() | samples, runs)
series = st.builds(
    SeriesBook,
    st.integers(1, 2**40),
    st.none() | states,
    st.lists(runs, max_size=3).map(tuple),
    st.none() | instants,
)
names = st.tuples(st.sampled_from(ReadAt), st.text(max_size=40), st.text(max_size=40))
books = st.builds(Book, st.dictionaries(names, series, max_size=4), instants)


@given(book=books)
def test_a_book_comes_off_the_shelf_as_it_was(book: Book) -> None:
    shelf = Shelf()
    shelf[KEY] = book
    taken = shelf[KEY]
    assert taken == book
    assert list(taken.series) == list(book.series)
    for one in taken.series.values():
        assert one.state is None or one.state.run.quality in Quality
    newest = max((one.state.baseline.at for one in book.series.values() if one.state is not None), default=0)
    assert shelf.times(KEY) == (book.complete_until, newest)


def test_a_point_without_a_book_is_said_to_have_none() -> None:
    shelf = Shelf()
    assert KEY not in shelf
    with pytest.raises(KeyError):
        shelf[KEY]
    with pytest.raises(KeyError):
        shelf.times(KEY)
