"""Series of rates: what they have booked is stored with the usage, and their samples are evidence."""

from __future__ import annotations

from collector.model.identity import Kind, ReadAt
from collector.model.rates import Piece, RateEvidence, RateState, RateUpdate
from collector.model.sample import RateSample
from collector.model.usage import Quality
from tests.contract.ledger.build import ACME, T0, batch, change, point_key
from tests.contract.ledger.conftest import Engine

VNIC = point_key("edge-1/vnics/0", Kind.EDGE_INTERFACE)
PIECE = Piece(T0, T0 + 300_000, 2**62, 7, Quality.MEASURED, T0, T0 + 300_000, 1)
STATE = RateState(T0, T0, (PIECE,))


async def test_the_newest_state_is_loaded_with_the_usage_that_it_booked(engine: Engine) -> None:
    writer = await engine.writer()
    (point,) = await writer.intern_points([VNIC])
    (series,) = await writer.intern_series([(point, ReadAt.INTERFACE, "", "")])
    older = RateUpdate(series, RateState(T0 - 1, T0 - 1))
    await writer.commit(batch(rates=(older,)))
    await writer.commit(batch(rates=(RateUpdate(series, STATE),)))
    state = await writer.load()
    assert state.rates == (RateUpdate(series, STATE),)
    assert [(one.ref, one.state) for one in state.series] == [(series, None)]


async def test_a_repeated_batch_and_a_repeated_sample_are_kept_once(engine: Engine) -> None:
    writer = await engine.writer()
    (point,) = await writer.intern_points([VNIC])
    (series,) = await writer.intern_series([(point, ReadAt.INTERFACE, "", "")])
    (account,) = await writer.intern_accounts([(ACME, point)])
    evidence = RateEvidence(series, RateSample(T0 + 300_000, 300_000, 5, 6), T0 + 301_000, 1)
    made = batch(rates=(RateUpdate(series, STATE),), rate_evidence=(evidence,), slots=(change(account, 0),))
    assert await writer.commit(made)
    assert not await writer.commit(made)
    asked_again = evidence._replace(polled_at=T0 + 600_000)
    assert await writer.commit(batch(rate_evidence=(asked_again,)))
    reader = await engine.reader()
    assert await reader.rate_samples(VNIC, T0, T0 + 300_000) == [evidence]
    assert await reader.rate_samples(VNIC, T0, T0 + 299_999) == []


async def test_samples_go_with_the_evidence_and_states_stay(engine: Engine) -> None:
    writer, reader = await engine.writer(), await engine.reader()
    (point,) = await writer.intern_points([VNIC])
    (series,) = await writer.intern_series([(point, ReadAt.INTERFACE, "", "")])
    old = RateEvidence(series, RateSample(T0, 300_000, 5, 6), T0, 1)
    young = RateEvidence(series, RateSample(T0 + 300_000, 300_000, 5, 6), T0, 1)
    await writer.commit(batch(rates=(RateUpdate(series, STATE),), rate_evidence=(old, young)))
    await writer.prune(slots_before=T0, evidence_before=T0 + 1)
    assert await reader.rate_samples(VNIC, 0, T0 + 10**9) == [young]
    assert (await writer.load()).rates == (RateUpdate(series, STATE),)
