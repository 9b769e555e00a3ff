"""What the source is built from; ``app.py`` maps the settings to these."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

from collector.sources.answers import Answer
from collector.sources.options import HttpOptions, RetryPolicy

Secret: TypeAlias = Callable[[], str]
"""Gives a secret at the moment of a log-in, so that a changed file counts; no repr shows it."""

DAY_MS = 86_400_000


class AnswerForm(StrEnum):
    """What is asked for with ``Accept``. Either is understood, whatever was asked."""

    JSON = "json"
    XML = "xml"

    @property
    def accept(self) -> str:
        """The value of the header."""
        return f"application/{self.value}"


class TimeUnit(StrEnum):
    """Unit of ``startTime`` and ``endTime`` as we send them."""

    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"


SessionGet: TypeAlias = Callable[[str, str, RetryPolicy], Awaitable[Answer]]
"""Returns the 2xx answer to a GET: path with query, ``Accept``, patience. Raises SourceError."""

Gateways: TypeAlias = Callable[[], Sequence[tuple[str, str]] | None]
"""Returns (UUID, name) of every NSX-V gateway that a director knows, or ``None`` before its first map."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectAccess:
    """A manager of its own.

    Attributes:
        http: Manager, TLS, budget.
        username: Account, with the role Auditor: it may read only.
        password: Its password.
    """

    http: HttpOptions
    username: str
    password: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectorAccess:
    """The same edges through a director, under its session and its budget.

    Attributes:
        get: Asks the director.
        gateways: Its NSX-V gateways; bare UUIDs, without ``urn:vcloud:gateway:``.
        requests_per_second: The director's budget, which is shared with its own calls.
        concurrency: At most so many lists at once.
        used_ratio: The share of that budget that the last second used.
    """

    get: SessionGet
    gateways: Gateways
    requests_per_second: int
    concurrency: int = 4
    used_ratio: Callable[[], float] = lambda: 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NsxvOptions:
    """Arguments of :class:`collector.sources.nsxv.source.NsxvSource`.

    Attributes:
        name: Name of the source.
        access: How its edges are reached.
        form: What is asked for.
        time_unit: Unit of the times that we send.
        kilo: Bits in a kilobit of its rates, 1000 or 1024.
        catch_up_ms: How far back it is asked after an outage, in milliseconds.
        edges: Which edges are metered: ids, or through a director UUIDs.
    """

    name: str
    access: DirectAccess | DirectorAccess
    form: AnswerForm = AnswerForm.JSON
    time_unit: TimeUnit = TimeUnit.MILLISECONDS
    kilo: int = 1_000
    catch_up_ms: int = DAY_MS
    edges: Literal["all"] | tuple[str, ...] = "all"
