"""Log lines: stable form, no secret in any of them, one line per change."""

from __future__ import annotations

import io
import json
import logging
import re
import warnings
from collections.abc import Iterator

import pytest
import structlog
from structlog.testing import capture_logs

from collector.telemetry.logs import CUT, FIELD_CHARACTERS_MAX, LogFormat, LogLevel, StateLog, configure_logs
from collector.telemetry.redaction import HIDDEN, Redactor

SECRET = 'p4ss "wört" & more'


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    logging.captureWarnings(False)
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()
    for name in ("aiohttp.access", "aiohttp", "apscheduler", "asyncio", "influxdb_client", "urllib3"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def _set_up(style: LogFormat, level: LogLevel = LogLevel.INFO) -> tuple[io.StringIO, Redactor]:
    stream, redactor = io.StringIO(), Redactor()
    redactor.register(SECRET)
    configure_logs(redactor, level=level, style=style, stream=stream)
    return stream, redactor


def _records(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_of_json_has_time_level_logger_event_and_fields() -> None:
    stream, _ = _set_up(LogFormat.JSON)
    structlog.stdlib.get_logger("collector.poll").info("source_bad", source="nsx-ams1", seconds=1.5, points=[1, 2])
    [record] = _records(stream)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", str(record.pop("time")))
    assert record == {
        "event": "source_bad",
        "level": "info",
        "logger": "collector.poll",
        "source": "nsx-ams1",
        "seconds": 1.5,
        "points": [1, 2],
    }


def test_a_line_for_people_is_plain_where_there_is_no_terminal() -> None:
    stream, _ = _set_up(LogFormat.CONSOLE)
    structlog.stdlib.get_logger("collector.poll").warning("source_bad", source="nsx-ams1")
    line = stream.getvalue()
    assert "\x1b" not in line
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT[\d:.]+Z \[warning\] source_bad +\[collector\.poll\] source=nsx-ams1\n", line
    ), line


def test_lines_below_the_level_are_not_written() -> None:
    stream, _ = _set_up(LogFormat.JSON, LogLevel.WARNING)
    structlog.stdlib.get_logger("a").info("not_this")
    logging.getLogger("b").info("nor this")
    structlog.stdlib.get_logger("a").warning("this")
    assert [record["event"] for record in _records(stream)] == ["this"]


def test_a_second_set_up_replaces_the_first_for_loggers_in_use() -> None:
    first, _ = _set_up(LogFormat.JSON)
    logger = structlog.stdlib.get_logger("a")
    logger.info("one")
    second, _ = _set_up(LogFormat.CONSOLE, LogLevel.DEBUG)
    logger.debug("two")
    assert [record["event"] for record in _records(first)] == ["one"]
    assert "two" in second.getvalue()


def test_lines_of_libraries_come_the_same_way() -> None:
    stream, _ = _set_up(LogFormat.JSON)
    logging.getLogger("some.library").warning("answer %s took %d s", "x", 3)
    logging.getLogger("aiohttp.access").error("GET /metrics")
    logging.getLogger("apscheduler.executors.default").info("Running job")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old call", DeprecationWarning, stacklevel=1)
    first, second = _records(stream)
    assert (first["event"], first["level"], first["logger"]) == ("answer x took 3 s", "warning", "some.library")
    assert second["logger"] == "py.warnings"
    assert "old call" in str(second["event"])


@pytest.mark.parametrize("style", list(LogFormat))
def test_a_known_secret_is_in_no_line(style: LogFormat) -> None:
    stream, _ = _set_up(style, LogLevel.DEBUG)
    log = structlog.stdlib.get_logger("a")

    class Holder:
        def __repr__(self) -> str:
            return f"Holder({SECRET!r})"

    whole = f"event {SECRET}"
    log.info(whole)
    log.info("field", value=SECRET, inside=f"before {SECRET} after", holder=Holder(), raw=SECRET.encode())
    log.info("deep", a={"b": [{"c": ({SECRET: SECRET},)}]})
    log.info("url", url="https://nsx/?p=p4ss%20%22w%C3%B6rt%22%20%26%20more", form="p4ss+%22w%C3%B6rt%22+%26+more")
    log.info("json", body=json.dumps({"x": SECRET}), plain=json.dumps({"x": SECRET}, ensure_ascii=False))
    log.info("positional %s", SECRET)
    logging.getLogger("library").warning("log-in with %r failed", SECRET, extra={"more": SECRET})
    try:
        raise ValueError(f"cannot use {SECRET}") from KeyError(SECRET)
    except ValueError:
        log.exception("failed")
        logging.getLogger("library").exception("failed")
    text = stream.getvalue()
    assert "Traceback" in text
    assert "wört" not in text
    assert "p4ss" not in text
    assert "w\\u00f6rt" not in text
    assert "w%C3%B6rt" not in text
    assert text.count(HIDDEN) >= 14


def test_tracebacks_do_not_show_variables() -> None:
    stream, _ = _set_up(LogFormat.CONSOLE)
    unregistered = "never-told-to-anyone-but-me"[::-1]
    try:
        _ = unregistered + 1  # type: ignore[operator] # meant to fail
    except TypeError:
        structlog.stdlib.get_logger("a").exception("failed")
    assert "Traceback" in stream.getvalue()
    assert unregistered not in stream.getvalue()


@pytest.mark.parametrize(
    ("key", "hidden"),
    [
        ("password", True),
        ("Password", True),
        ("j_password", True),
        ("X-XSRF-TOKEN", True),
        ("authorization", True),
        ("set-cookie", True),
        ("api_key", True),
        ("client_secret", True),
        ("password_file", False),
        ("token_name", False),
        ("tokens", False),
        ("key", False),
    ],
)
def test_a_value_under_a_secret_key_is_hidden(key: str, hidden: bool) -> None:
    assert Redactor().fields(None, "info", {"event": "e", key: "abc"}) == {
        "event": "e",
        key: HIDDEN if hidden else "abc",
    }
    nested = Redactor().value({"headers": {key: "abc"}})
    assert nested == {"headers": {key: HIDDEN if hidden else "abc"}}


def test_short_and_overlapping_secrets() -> None:
    redactor = Redactor()
    for secret in ("abc", "token-1", "token-1-and-more", ""):
        redactor.register(secret)
    assert redactor.text("abc") == HIDDEN
    assert redactor.text("xabcx") == "xabcx"
    assert redactor.text("a token-1-and-more b token-1 c") == f"a {HIDDEN} b {HIDDEN} c"


def test_of_very_many_secrets_the_one_unused_for_longest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.telemetry.redaction.SECRETS_MAX", 2)
    redactor = Redactor()
    for secret in ("first-token", "second-token", "first-token", "third-token"):
        redactor.register(secret)
    assert redactor.text("first-token second-token third-token!") == f"{HIDDEN} second-token {HIDDEN}!"


def test_numbers_stay_numbers() -> None:
    assert Redactor().value([1, 2.5, True, None]) == [1, 2.5, True, None]


def test_a_long_text_is_cut_and_the_line_stays_readable() -> None:
    stream, _ = _set_up(LogFormat.JSON)
    structlog.stdlib.get_logger("a").info("long", body="x" * 10 * FIELD_CHARACTERS_MAX)
    [record] = _records(stream)
    assert len(str(record["body"])) == FIELD_CHARACTERS_MAX
    assert str(record["body"]).endswith(CUT)


def test_a_state_is_told_once_when_it_turns_and_once_when_it_recovers() -> None:
    times = iter([10.0, 12.5])
    with capture_logs() as lines:
        state = StateLog(
            structlog.stdlib.get_logger("a"), bad="source_bad", well="source_recovered", monotonic=lambda: next(times)
        )
        assert not state.well("nsx-a")
        assert state.bad("nsx-a", error="away")
        assert not state.bad("nsx-a", error="still away")
        assert state.is_bad("nsx-a")
        assert state.well("nsx-a")
        assert not state.well("nsx-a")
    told = [line for line in lines if line["log_level"] != "debug"]
    assert told == [
        {"event": "source_bad", "name": "nsx-a", "error": "away", "log_level": "warning"},
        {"event": "source_recovered", "name": "nsx-a", "bad_seconds": 2.5, "log_level": "info"},
    ]
