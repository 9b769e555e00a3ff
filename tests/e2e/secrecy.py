"""Looks for the words of secrets in everything that a run left behind."""

from __future__ import annotations

import base64
import gzip
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from simulator import Simulator
from simulator.auth import Denied, Session
from tests.e2e.harness import Place


class Sessions:
    """Remembers the cookies and XSRF tokens that a simulated provider gives out.

    Attributes:
        words: Name → word.
    """

    def __init__(self, sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
        self.words: dict[str, str] = {}
        for manager in sim.managers.values():
            self._listen(manager.sessions, monkeypatch)

    def _listen(self, sessions: object, monkeypatch: pytest.MonkeyPatch) -> None:
        create = sessions.create  # type: ignore[attr-defined]  # the sessions of a manager

        def remembered(user: str, password: str) -> tuple[str, Session] | Denied:
            made: tuple[str, Session] | Denied = create(user, password)
            if not isinstance(made, Denied):
                number = len(self.words) // 2
                self.words |= {f"cookie {number}": made[0], f"xsrf {number}": made[1].xsrf}
            return made

        monkeypatch.setattr(sessions, "create", remembered)


def private_key_words(name: str, pem: Path) -> dict[str, str]:
    """Return the lines of a private key that tell something of it."""
    lines = [line for line in pem.read_text().splitlines() if line and not line.startswith("-----")]
    return {f"{name} line {number}": line for number, line in enumerate(lines)}


def leaks(place: Place, words: Mapping[str, str]) -> list[str]:
    """Return where a secret was found outside its own file: in files, answers, or what commands printed.

    Args:
        place: Its own secrets are looked for too.
        words: More of them: name → word.
    """
    wanted = {
        (name, spelt.encode())
        for name, word in {**place.words, **words}.items()
        for spelt in _spellings(word)
        if len(spelt) >= 6
    }
    found = []
    for where, content in _everything(place):
        found += [f"{name} in {where}" for name, word in sorted(wanted) if word in content]
    return found


def _spellings(word: str) -> set[str]:
    """Return a secret as it is, as a form or URL has it, and as Basic authentication or JSON writes it."""
    basic = base64.b64encode(f"northmeter:{word}".encode()).decode()
    return {word, quote(word, safe=""), quote_plus(word), quote(word), basic, word.replace("/", "\\/")}


def _everything(place: Place) -> Iterator[tuple[str, bytes]]:
    for what, text in place.said:
        yield what, text.encode()
    secrets = place.folder / "secrets"
    for path in sorted(place.folder.rglob("*")):
        if not path.is_file() or secrets in path.parents:
            continue
        content = path.read_bytes()
        yield str(path.relative_to(place.folder)), content
        yield from _unpacked(path.name, content, path)


def _unpacked(name: str, content: bytes, path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield what is packed: a gzip file as a whole, and the packed columns of a database."""
    if content.startswith(b"\x1f\x8b"):
        yield f"{name} (unpacked)", gzip.decompress(content)
    if not content.startswith(b"SQLite format 3"):
        return
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for table in tables:
            for row in database.execute(f'SELECT * FROM "{table}"'):  # noqa: S608  # names from the file itself
                yield f"table {table} of {name}", b" ".join(_plain(value) for value in row)


def _plain(value: object) -> bytes:
    if not isinstance(value, bytes):
        return str(value).encode()
    try:
        return zlib.decompress(value)
    except zlib.error:
        return value
