"""Log lines: one set-up for structlog and the standard library's logging, and one line per change of a state.

Every line has a time (RFC 3339, UTC), a level, a stable ``event`` name and fields. Lines of libraries come the same
way, with their text as the event. Everything goes to standard error, since standard output belongs to the commands.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from enum import StrEnum
from typing import Final, TextIO, cast

import structlog
from structlog.stdlib import BoundLogger, ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from collector.telemetry.redaction import Redactor

FIELD_CHARACTERS_MAX: Final = 16_384
"""Longest text of a field; a longer one is cut. Answers of foreign servers end up in messages and tracebacks."""

CUT: Final = "…(cut)"

_LIBRARY_LEVELS: Final = {
    "aiohttp.access": logging.CRITICAL + 1,  # one line per scrape and request says nothing that the metrics do not
    "aiohttp": logging.WARNING,
    "apscheduler": logging.WARNING,  # it tells of every job it starts
    "asyncio": logging.WARNING,
    "influxdb_client": logging.WARNING,  # at debug it writes whole requests
    "urllib3": logging.WARNING,
}


class LogFormat(StrEnum):
    """``console`` for people, ``json`` for machines: one object a line."""

    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    """From which level on lines are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def configure_logs(
    redactor: Redactor,
    *,
    level: LogLevel = LogLevel.INFO,
    style: LogFormat = LogFormat.CONSOLE,
    stream: TextIO | None = None,
) -> None:
    """Set up structlog and logging; a second call replaces what the first one did, also for loggers in use.

    Args:
        redactor: Hides secrets in fields, texts and tracebacks.
        level: From which level on lines are written.
        style: For people or for machines.
        stream: Where to; standard error by default.
    """
    target = sys.stderr if stream is None else stream
    shared: list[Processor] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # so that a reload changes loggers in use
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                ProcessorFormatter.remove_processors_meta,
                # Tracebacks without the values of variables: a log-in's function has the password in one.
                structlog.processors.ExceptionRenderer(),
                redactor.fields,
                _cut,
                _renderer(style, target),
                # A processor after the renderer gets its text; what fields hid inside other objects is found here.
                cast("Processor", redactor.line),
            ],
        )
    )
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name, lowest in _LIBRARY_LEVELS.items():
        logging.getLogger(name).setLevel(max(lowest, root.level))
    logging.captureWarnings(True)


def _renderer(style: LogFormat, target: TextIO) -> Processor:
    if style is LogFormat.JSON:
        return structlog.processors.JSONRenderer(ensure_ascii=False, sort_keys=False)
    return structlog.dev.ConsoleRenderer(
        colors=target.isatty(),
        timestamp_key="time",
        exception_formatter=structlog.dev.plain_traceback,
        sort_keys=False,
        pad_event_to=0,
        pad_level=False,
    )


def _cut(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for key, value in event.items():
        if isinstance(value, str) and len(value) > FIELD_CHARACTERS_MAX:
            event[key] = value[: FIELD_CHARACTERS_MAX - len(CUT)] + CUT
    return event


class StateLog:
    """One line when a thing turns bad and one when it recovers, however often it is told.

    Args:
        logger: Where to.
        bad: Name of the event when it turns bad.
        well: Name of the event when it recovers.
        monotonic: Seconds of a clock that never goes back; says how long it was bad.
    """

    def __init__(self, logger: BoundLogger, *, bad: str, well: str, monotonic: Callable[[], float]) -> None:
        self._logger = logger
        self._bad_event = bad
        self._well_event = well
        self._monotonic = monotonic
        self._since: dict[str, float] = {}

    def is_bad(self, thing: str) -> bool:
        """Return whether a thing is bad now."""
        return thing in self._since

    def bad(self, thing: str, **fields: object) -> bool:
        """Say that a thing is bad, and return whether that is news."""
        if thing in self._since:
            self._logger.debug(self._bad_event, name=thing, again=True, **fields)
            return False
        self._since[thing] = self._monotonic()
        self._logger.warning(self._bad_event, name=thing, **fields)
        return True

    def well(self, thing: str, **fields: object) -> bool:
        """Say that a thing is well, and return whether that is news; a thing that never was bad is no news."""
        since = self._since.pop(thing, None)
        if since is None:
            return False
        seconds = round(self._monotonic() - since, 1)
        self._logger.info(self._well_event, name=thing, bad_seconds=seconds, **fields)
        return True
