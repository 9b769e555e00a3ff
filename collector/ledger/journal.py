"""The samples that a number leads back to."""

from __future__ import annotations

import sqlite3
import zlib

import msgspec

from collector.errors import LedgerCorrupt
from collector.ledger.codec import decode_samples
from collector.ledger.connection import snapshot
from collector.model.identity import PointKey
from collector.model.period import Instant
from collector.model.rates import RateEvidence
from collector.model.sample import RateSample
from collector.model.usage import Evidence


def read_evidence(
    connection: sqlite3.Connection, point: PointKey, start: Instant, end: Instant
) -> list[tuple[str, str, Evidence]]:
    """Return (port, node, evidence) of a point's samples with ``at`` in [start, end], in order of time.

    Raises:
        LedgerCorrupt: The samples of a batch cannot be read.
        sqlite3.Error: Something else.
    """
    found: list[tuple[str, str, Evidence]] = []
    with snapshot(connection):
        series = {
            ref: (port, node)
            for ref, port, node in connection.execute(
                "SELECT series.id, port, node FROM series JOIN point ON point.id = series.point"
                " WHERE source = ? AND path = ? AND kind = ?",
                (point.source, point.path, point.kind),
            )
        }
        if not series:
            return []
        for seq, samples in connection.execute(
            "SELECT seq, samples FROM journal"
            " WHERE samples IS NOT NULL AND last_sample_at >= ? AND first_sample_at <= ? ORDER BY seq",
            (start, end),
        ):
            found += (
                (*series[one.series], one)
                for one in _samples(seq, samples)
                if one.series in series and start <= one.sample.at <= end
            )
    # Stable: samples of one time stay in the order in which they were stored.
    return sorted(found, key=lambda row: row[2].sample.at)


def _samples(seq: int, payload: bytes) -> list[Evidence]:
    try:
        return decode_samples(payload)
    except (zlib.error, msgspec.MsgspecError, ValueError) as error:
        raise LedgerCorrupt(
            f"the samples of batch {seq} of the ledger are damaged: {error}; restore a backup"
        ) from error


def read_rate_samples(
    connection: sqlite3.Connection, point: PointKey, start: Instant, end: Instant
) -> list[RateEvidence]:
    """Return a point's samples of rates with ``at`` in [start, end], in order of time. Raises sqlite3.Error."""
    rows = connection.execute(
        "SELECT rate_sample.series, at, interval_ms, rx_bytes, tx_bytes, polled_at, rule"
        " FROM point JOIN series ON series.point = point.id JOIN rate_sample ON rate_sample.series = series.id"
        " WHERE source = ? AND kind = ? AND path = ? AND at BETWEEN ? AND ? ORDER BY at, interval_ms, rule",
        (*point, start, end),
    )
    return [
        RateEvidence(series, RateSample(at, interval_ms, rx_bytes, tx_bytes), polled_at, rule)
        for series, at, interval_ms, rx_bytes, tx_bytes, polled_at, rule in rows
    ]
