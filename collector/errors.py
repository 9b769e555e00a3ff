"""The error tree.

::

    MeteringError
    ├── ConfigError          wrong settings; only at start and at a reload; all faults at once; exit 2
    ├── SourceError          something about one answer, object or manager of a source
    │   ├── SourceUnavailable    ↻ connection, time-out, 5xx
    │   ├── Throttled            ↻ 429, 503 for too many at once; may carry the server's own delay
    │   ├── AuthFailed           refused credentials: a long back-off, since accounts lock
    │   ├── ObjectGone           404 or an invalid path: leads to a new discovery, never to retries
    │   └── ResponseInvalid      an answer that is not what the API promises
    ├── LedgerError
    │   ├── LedgerUnavailable    ↻ disk full, locked by a command for too long
    │   ├── LedgerInUse          another daemon holds the lock
    │   └── LedgerCorrupt        unreadable, foreign or newer file: the daemon stops
    └── ExportError
        ├── ExportUnavailable    ↻ the destination is away, throttles or refuses our token
        └── ExportRejected       the destination says that a line is wrong: the line is parked

↻ is retryable (``retryable`` is true). A library's exception is wrapped in the shell that uses the library, with its
cause kept. A message names the thing, what was expected, what came and what to do; it carries no secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class MeteringError(Exception):
    """The root of every error that the project raises on purpose."""

    retryable: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of the settings.

    Attributes:
        path: Key path as the operator wrote it, ``tenants[1].timezone``.
        line: Line in the file, counted from 1; ``None`` where there is none.
        message: What is wrong, what was expected, what to do; without a secret.
        file: Name of the settings file.
    """

    path: str
    line: int | None
    message: str
    file: str = ""

    def __str__(self) -> str:
        where = (
            f" ({self.file} line {self.line})" if self.line is not None else (f" ({self.file})" if self.file else "")
        )
        return f"{self.path}: {self.message}{where}" if self.path else f"{self.message}{where}"


class ConfigError(MeteringError):
    """Wrong settings: every fault at once, one a line."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class SourceError(MeteringError):
    """Something about one answer, object or manager of a source."""


class SourceUnavailable(SourceError):
    """No usable answer came: connection, time-out or a server error."""

    retryable = True


class Throttled(SourceError):
    """The source asks for fewer requests.

    Attributes:
        delay_seconds: The server's own delay, or ``None`` if it gave none.
    """

    retryable = True

    def __init__(self, message: str, *, delay_seconds: float | None = None) -> None:
        super().__init__(message)
        self.delay_seconds = delay_seconds


class AuthFailed(SourceError):
    """The source refused the credentials; asking again soon would lock the account."""


class ObjectGone(SourceError):
    """The object asked for is not there (any more), or a path in the request is no longer valid."""


class ResponseInvalid(SourceError):
    """An answer that is not what the API promises: HTML, truncated JSON, a wrong type, too large, a redirect."""


class LedgerError(MeteringError):
    """Something about the ledger."""


class LedgerUnavailable(LedgerError):
    """The ledger cannot be read or written now: disk full, file system read-only, locked for too long."""

    retryable = True


class LedgerInUse(LedgerError):
    """Another daemon holds the ledger; the message names its host, process id and since when."""


class LedgerCorrupt(LedgerError):
    """The file is damaged, is no ledger, or was written by a newer version; it is never started afresh."""


class ExportError(MeteringError):
    """Something about a destination."""


class ExportUnavailable(ExportError):
    """The destination is away, throttles, or refuses our token; the same batch is sent again later.

    Attributes:
        delay_seconds: The server's own delay, or ``None`` if it gave none.
    """

    retryable = True

    def __init__(self, message: str, *, delay_seconds: float | None = None) -> None:
        super().__init__(message)
        self.delay_seconds = delay_seconds


class ExportRejected(ExportError):
    """The destination says that what we sent is wrong (400, 422) or too large (413).

    Attributes:
        too_large: True when the batch, not a line of it, was refused.
    """

    def __init__(self, message: str, *, too_large: bool = False) -> None:
        super().__init__(message)
        self.too_large = too_large
