"""Filters of lists in FIQL: ``ownerRef.id==urn:…;name==edge-1``.

``;`` is and, ``,`` is or, and binds weaker; parentheses group. A value may have ``*`` for any characters.
Source: VMware go-vcloud-director, openapi.go (``;`` and ``==``); ``,`` and the other operators as in the FIQL draft.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Final

Test = Callable[[Mapping[str, object]], bool]

LENGTH_MAX: Final = 4_096
DEPTH_MAX: Final = 8

_TERM: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_.]*)(==|!=)([^;,()]*)")


class BadFilter(Exception):
    """A filter that cannot be used; the message says why."""


def parse(text: str, fields: frozenset[str]) -> Test:
    """Return what a filter asks of a row.

    Args:
        text: The filter, decoded.
        fields: Fields that the list can be filtered by.

    Raises:
        BadFilter: It cannot be read, or names another field.
    """
    if len(text) > LENGTH_MAX:
        raise BadFilter("The filter is too long.")
    test, rest = _any(text, fields, 0)
    if rest:
        raise BadFilter(f"The filter cannot be read at '{rest[:40]}'.")
    return test


def _any(text: str, fields: frozenset[str], depth: int) -> tuple[Test, str]:
    first, rest = _all(text, fields, depth)
    tests = [first]
    while rest.startswith(","):
        one, rest = _all(rest[1:], fields, depth)
        tests.append(one)
    return (lambda row: any(test(row) for test in tests)), rest


def _all(text: str, fields: frozenset[str], depth: int) -> tuple[Test, str]:
    first, rest = _one(text, fields, depth)
    tests = [first]
    while rest.startswith(";"):
        one, rest = _one(rest[1:], fields, depth)
        tests.append(one)
    return (lambda row: all(test(row) for test in tests)), rest


def _one(text: str, fields: frozenset[str], depth: int) -> tuple[Test, str]:
    if text.startswith("("):
        if depth >= DEPTH_MAX:
            raise BadFilter("The filter is nested too deep.")
        inner, rest = _any(text[1:], fields, depth + 1)
        if not rest.startswith(")"):
            raise BadFilter("The filter lacks a closing parenthesis.")
        return inner, rest[1:]
    found = _TERM.match(text)
    if found is None:
        raise BadFilter(f"The filter cannot be read at '{text[:40]}'.")
    name, operator, wanted = found[1], found[2], found[3]
    if name not in fields:
        raise BadFilter(f"'{name}' is no field to filter by.")
    rest = text[found.end() :]
    if operator == "==":
        return (lambda row: _fits(row, name, wanted)), rest
    return (lambda row: not _fits(row, name, wanted)), rest


def _fits(row: Mapping[str, object], name: str, wanted: str) -> bool:
    value: object = row
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if value is None:
        return wanted in {"", "null"}
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return fnmatchcase(text, wanted.replace("[", "[[]")) if "*" in wanted else text == wanted
