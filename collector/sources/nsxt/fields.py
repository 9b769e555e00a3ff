"""Fields of foreign objects, one by one: what is not what it should be is lacking, and told.

For answers that are asked for now and then. Statistics of ports, which are most of what is read, have a quicker way in
``statistics``.
"""

from __future__ import annotations

from typing import Any

import msgspec

from collector.model.period import Instant
from collector.model.sample import COUNTER_MAX
from collector.sources.nsxt.statistics import CLOCK_DIFFERENCE_MS_MAX, FAULTS_MAX, UNREADABLE, Malformed


class Fields:
    """One object of an answer.

    Attributes:
        faults: What was not as it should be, in words; shared by all objects of an answer.
    """

    __slots__ = ("_values", "_where", "faults")

    def __init__(self, values: dict[str, Any], where: str, faults: list[str]) -> None:
        self._values = values
        self._where = where
        self.faults = faults

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def at(self, where: str) -> Fields:
        """Return the same object under another name, for messages."""
        return Fields(self._values, where, self.faults)

    def value(self, name: str) -> Any:
        """Return what stands there, whatever it is."""
        return self._values.get(name)

    def text(self, name: str) -> str:
        """Return a text, or an empty one where it lacks."""
        value = self._values.get(name)
        if value is None or isinstance(value, str):
            return value or ""
        self._lacking(name, "no text")
        return ""

    def counter(self, name: str) -> int | None:
        """Return a counter, or ``None`` where it lacks, which is never zero."""
        value = self._values.get(name)
        if value is None or (type(value) is int and 0 <= value <= COUNTER_MAX):
            return value
        self._lacking(name, "no whole number from 0 to 2^64 - 1")
        return None

    def time(self, name: str, polled_at: Instant) -> Instant:
        """Return a time in milliseconds since the epoch, or 0 where it lacks or lies too far from ours to be one."""
        value = self._values.get(name)
        if value is None or (type(value) is int and (value == 0 or is_near(value, polled_at))):
            return value or 0
        self._lacking(name, "no time in milliseconds within a year of ours")
        return 0

    def object(self, name: str) -> Fields:
        """Return an object within it; an empty one where it lacks."""
        value = self._values.get(name)
        if not isinstance(value, dict):
            if value is not None:
                self._lacking(name, "no object")
            value = {}
        return Fields(value, f"{self._where} {name}".strip(), self.faults)

    def objects(self, name: str) -> list[Fields]:
        """Return the objects of a list, without what is none; no list is an empty one."""
        value = self._values.get(name)
        if not isinstance(value, list):
            if value is not None:
                self._lacking(name, "no list")
            return []
        found = []
        for number, each in enumerate(value):
            if isinstance(each, dict):
                found.append(Fields(each, f"{self._where} {name}[{number}]".strip(), self.faults))
            else:
                self._lacking(f"{name}[{number}]", "no object")
        return found

    def _lacking(self, name: str, what: str) -> None:
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(f"{self._where} {name} is {what}; taken as lacking".lstrip())


def fields_of(body: bytes) -> Fields:
    """Return the object that an answer is. Raises Malformed when it is none."""
    try:
        values = msgspec.json.decode(body)
    except UNREADABLE as error:
        raise Malformed(str(error)) from error
    if not isinstance(values, dict):
        raise Malformed("it is no object")
    return Fields(values, "", [])


def is_near(at: Instant, polled_at: Instant) -> bool:
    """True for a time that lies within a year of ours: a garbled one would spread a delta over ages."""
    return abs(at - polled_at) <= CLOCK_DIFFERENCE_MS_MAX
