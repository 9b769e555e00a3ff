"""A daemon that is killed loses no batch that it was told is stored, and leaves none half done."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from collector.ledger.sqlite import SqliteReader, SqliteWriter
from tests.fault.ledger.committer import POINTS, T0, TENANT, batch, references

ROUNDS = 8
ACKNOWLEDGED_MAX = 60
"""Batches after which a round is killed at the latest: the moment itself is wherever the process happens to be then."""


def _killed_after(path: Path, first: int, acknowledged: int) -> list[int]:
    """Let a process commit, kill it after so many acknowledgements, and return all that it has given."""
    command = [sys.executable, "-m", "tests.fault.ledger.committer", str(path), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if len(lines) >= acknowledged:
                process.send_signal(signal.SIGKILL)
                break
        # Not communicate(): with a timeout it reads past the lines that this iteration holds in its buffer.
        rest = process.stdout.read()
        assert process.wait(timeout=30) == -signal.SIGKILL
    return [int(line) for line in "".join([*lines, rest]).splitlines()]


@pytest.mark.fault
async def test_every_acknowledged_batch_survives_whole(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "ledger.db"
    moments = random.Random(seed)
    first = 1
    for _ in range(ROUNDS):
        acknowledged = _killed_after(path, first, moments.randint(1, ACKNOWLEDGED_MAX))
        assert acknowledged == list(range(first, first + len(acknowledged)))

        writer, reader = SqliteWriter(path), SqliteReader(path)
        await writer.start()
        await reader.start()
        try:
            accounts, series = await references(writer)
            # At most the batch in hand was stored without its acknowledgement having come through.
            following = acknowledged[-1] + 1
            state = await writer.load()
            stored = state.watermarks["nsx-a"] - T0
            assert stored in (acknowledged[-1], following)
            assert [account.total.ingress_bytes for account in state.accounts] == [sum(range(1, stored + 1))] * len(
                POINTS
            )
            assert {one.state.baseline.at for one in state.series if one.state} == {T0 + stored}
            assert state.event_counts == {("nsx-a", "gap"): stored}
            assert len(await reader.outbox("influxdb", 10**6)) == stored * len(POINTS)
            for number in (first, acknowledged[-1], stored):
                assert await writer.commit(batch(number, accounts, series)) is False
            found = await reader.evidence(POINTS[0], T0, T0 + following)
            assert [one.sample.at - T0 for _, _, one in found] == list(range(1, stored + 1))
            assert await reader.tenants() == [TENANT]
        finally:
            await reader.stop()
            await writer.stop()
        first = stored + 1
