"""An empty ledger of each engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from collector.ledger.sqlite import SqliteReader, SqliteWriter
from collector.ports import LedgerReader, LedgerWriter


class Engine:
    """One ledger: as many writers and readers as a test opens, closed at its end."""

    def __init__(self, writer: Callable[[], LedgerWriter], reader: Callable[[], LedgerReader]) -> None:
        self._new_writer = writer
        self._new_reader = reader
        self._open: list[LedgerWriter | LedgerReader] = []

    async def writer(self) -> LedgerWriter:
        """Open the ledger as the daemon does; one at a time."""
        writer = self._new_writer()
        await writer.start()
        self._open.append(writer)
        return writer

    async def reader(self) -> LedgerReader:
        """Open it for reading."""
        reader = self._new_reader()
        await reader.start()
        self._open.append(reader)
        return reader

    async def close(self) -> None:
        """Close everything."""
        while self._open:
            await self._open.pop().stop()


@pytest.fixture(params=["sqlite"])
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    """A ledger that nobody wrote to yet."""
    assert request.param == "sqlite"
    path = tmp_path / "ledger.db"
    engine = Engine(lambda: SqliteWriter(path), lambda: SqliteReader(path))
    yield engine
    await engine.close()


@pytest.fixture
async def writer(engine: Engine) -> LedgerWriter:
    """The writer of the empty ledger."""
    return await engine.writer()


@pytest.fixture
async def reader(engine: Engine, writer: LedgerWriter) -> LedgerReader:
    """A reader beside the writer."""
    del writer  # the file that it has created is what counts
    return await engine.reader()
