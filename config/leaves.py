"""The single values of the settings: how each is read, shown and described.

A leaf is metadata of an ``Annotated`` type. It reads what YAML gave, says in our words what is wrong, writes the
value back as an operator would, and describes itself in the JSON Schema. ``x-type`` in a schema is the word that the
settings reference shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Annotated, Any, TypeAlias
from zoneinfo import available_timezones

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from collector.model.identity import UNATTRIBUTED
from config.secret import Secret, secret_fault
from config.units import DURATION, RATE, SHARE, SIZE, Unit, within
from config.words import HIDDEN, Expanded, Wrong, meant, shown, what

Json: TypeAlias = dict[str, Any]
"""A piece of JSON Schema; its values are whatever JSON has."""


@dataclass(frozen=True)
class Leaf:
    """How one kind of value is read and written.

    Attributes:
        read: From what YAML gave to the value; raises ``Wrong`` in words for an operator.
        schema: Its JSON Schema.
        write: From the value back to what YAML would have.
    """

    read: Callable[[object], object]
    schema: Mapping[str, Any] = field(hash=False)
    write: Callable[[Any], object] = lambda value: value

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.read, serialization=core_schema.plain_serializer_function_ser_schema(self.write, when_used="json")
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        return dict(self.schema)


def text(value: object) -> str:
    """Return ``value``, which must be text with nothing odd in it."""
    if isinstance(value, bool | int | float):
        raise Wrong(f"expected text, came {what(value)}; put it in quotes")
    if not isinstance(value, str):
        raise Wrong(f"expected text, came {what(value)}")
    if not value.strip():
        raise Wrong("is empty; write a text, or remove the key")
    if not value.isprintable():
        raise Wrong(f"{shown(value)} has line breaks or other control characters in it")
    return str(value)


def labelled(value: object, characters_max: int) -> str:
    """Return ``value``, which must be a text of at most ``characters_max`` characters."""
    found = text(value)
    if len(found) > characters_max:
        raise Wrong(f"{shown(value)} has {len(found)} characters; at most {characters_max} fit")
    return found


def label(characters_max: int) -> Leaf:
    """Return the leaf of a text that people read, of at most ``characters_max`` characters."""

    def read(value: object) -> str:
        return labelled(value, characters_max)

    return Leaf(read, {"type": "string", "minLength": 1, "maxLength": characters_max, "x-type": "text"})


NAME_CHARACTERS_MAX = 128
"""Longest id or name; both become labels of every series, so they should be short."""

_NAME = re.compile(r"[A-Za-z0-9._-]+")


def name(value: object) -> str:
    """Return ``value``, which must be letters, digits, ``.``, ``_`` and ``-`` and not dots only."""
    found = text(value)
    if not _NAME.fullmatch(found):
        raise Wrong(f"{shown(value)} may have letters, digits, . _ - only")
    if not found.strip("."):
        raise Wrong(f"{shown(value)} has dots only, which is a folder in an address; add a letter or a digit")
    if len(found) > NAME_CHARACTERS_MAX:
        raise Wrong(f"{shown(value)} has {len(found)} characters; at most {NAME_CHARACTERS_MAX} fit")
    return found


def tenant_id(value: object) -> str:
    """Return ``value``, which must be a name that is not reserved."""
    found = name(value)
    if found.lower() == UNATTRIBUTED:
        raise Wrong(f'"{UNATTRIBUTED}" is reserved for what belongs to nobody; choose another id')
    return found


def timezone(value: object) -> str:
    """Return ``value``, which must be the name of an IANA time zone."""
    found = text(value)
    if found not in _zones():
        hint = _EXAMPLE_ZONE if isinstance(value, Expanded) else _zone_hint(found)
        raise Wrong(f"{shown(value)} is not a time zone; {hint}")
    return found


_EXAMPLE_ZONE = 'write an IANA name such as "Europe/Amsterdam"'


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


@lru_cache(maxsize=256)  # one mistake is often made for many tenants
def _zone_hint(zone: str) -> str:
    hint = meant(zone, sorted(_zones()))
    return hint if hint.startswith("did you mean") else _EXAMPLE_ZONE


def policy_path(value: object) -> str:
    """Return ``value``, which must be a policy path of NSX."""
    found = text(value)
    if not re.fullmatch(r"(/[A-Za-z0-9._:-]+)+", found):
        raise Wrong(f"{shown(value)} is not a policy path such as /infra/sites/default/enforcement-points/default")
    return found


def file_path(value: object) -> str:
    """Return ``value``, which must be the path of a file."""
    return text(value)


def secret(value: object) -> Secret:
    """Return ``value`` as a secret; no message shows any of it."""
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        number = isinstance(value, int | float)
        raise Wrong(f"expected text, came {what(value)}" + ("; put it in quotes" if number else ""))
    fault = secret_fault(value)
    if fault is not None:
        raise Wrong(fault)
    return Secret(str(value))


def whole(low: int, high: int, limit: str = "") -> Leaf:
    """Return the leaf of a whole number from ``low`` to ``high``.

    Args:
        low: The least.
        high: The most.
        limit: Whose limit the most is, for the message: ``the manager's limit``.
    """

    def read(value: object) -> int:
        number = int(value) if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value) else value
        if isinstance(number, bool) or not isinstance(number, int):
            came = shown(value) if isinstance(value, str | float) else what(value)
            raise Wrong(f"expected a whole number, came {came}")
        if number < low:
            raise Wrong(f"{shown(value)} is below {low}, the least")
        if number > high:
            raise Wrong(
                f"{shown(value)} is above {limit} of {high}" if limit else f"{shown(value)} is above {high}, the most"
            )
        return number

    return Leaf(read, {"type": "integer", "minimum": low, "maximum": high, "x-type": f"whole number, {low} to {high}"})


def flag(value: object) -> bool:
    """Return ``value``, which must be true or false; a variable of the environment gives them as text."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise Wrong(f"expected true or false, came {shown(value)}")


def some_or(*words: str, each: Callable[[object], str] = text) -> Leaf:
    """Return the leaf of one of ``words`` or a list of names, such as ``all`` or ``[acme, globex]``.

    Args:
        words: What may stand instead of a list.
        each: Reads a name of the list.
    """

    def read(value: object) -> str | tuple[str, ...]:
        if isinstance(value, str):
            if value in words:
                return str(value)
            raise Wrong(
                f"expected {_quoted(words)} or a list of names, came {shown(value)}; a list is written [name, name]"
            )
        if not isinstance(value, Sequence):
            raise Wrong(f"expected {_quoted(words)} or a list of names, came {what(value)}")
        names = tuple(each(one) for one in value)
        if not names:
            raise Wrong(f"is an empty list; name one at least, or write {_quoted(words)}")
        if len(set(names)) < len(names):
            raise Wrong("names one twice; remove one of them")
        return names

    names = {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True}
    return Leaf(
        read,
        {"anyOf": [{"enum": list(words)}, names], "x-type": f"{_quoted(words)} or a list of names"},
        write=lambda value: value if isinstance(value, str) else list(value),
    )


def _quoted(words: Sequence[str]) -> str:
    return ", ".join(words)


def quantity(unit: Unit, at_least: str, at_most: str, reason: str = "") -> Leaf:
    """Return the leaf of a quantity with a unit, from ``at_least`` to ``at_most``."""
    schema = {"type": "string", "pattern": f"^{unit.pattern}$", "examples": [unit.example]}
    schema["x-type"] = f"{unit.name.split()[-1]}, {at_least} to {at_most}"
    return Leaf(within(unit, at_least, at_most, reason), schema, unit.write)


def duration(at_least: str, at_most: str, reason: str = "") -> Leaf:
    """Return the leaf of a duration, held in milliseconds."""
    return quantity(DURATION, at_least, at_most, reason)


OFF = 0
"""Stands for a duration that is switched off."""


def duration_or_off(at_least: str, at_most: str) -> Leaf:
    """Return the leaf of a duration in milliseconds, or of ``off``, which YAML reads as false and which is 0."""
    timed = duration(at_least, at_most)

    def read(value: object) -> object:
        is_off = value is False or (isinstance(value, str) and value.lower() == "off")
        return OFF if is_off else timed.read(value)

    schema = {"anyOf": [dict(timed.schema), {"enum": ["off", False]}], "x-type": f"{timed.schema['x-type']}, or off"}
    return Leaf(read, schema, lambda value: timed.write(value) if value else "off")


def share(at_least: str, at_most: str) -> Leaf:
    """Return the leaf of a share of a whole, held in millionths."""
    return quantity(SHARE, at_least, at_most)


def size(at_least: str, at_most: str, reason: str = "") -> Leaf:
    """Return the leaf of a size, held in bytes."""
    return quantity(SIZE, at_least, at_most, reason)


_NAME_SCHEMA = {"type": "string", "pattern": r"^[A-Za-z0-9._-]+$", "maxLength": NAME_CHARACTERS_MAX}

Name = Annotated[str, Leaf(name, {**_NAME_SCHEMA, "x-type": "name"})]
TenantName = Annotated[str, Leaf(tenant_id, {**_NAME_SCHEMA, "not": {"const": UNATTRIBUTED}, "x-type": "id"})]
Label = Annotated[str, label(200)]
TimeZone = Annotated[
    str, Leaf(timezone, {"type": "string", "examples": ["Europe/Amsterdam"], "x-type": "IANA time zone"})
]
Later = Annotated[object, Leaf(lambda value: value, {"x-type": "anything"})]
"""A key of the published contract that this version takes, warns about, and does not use."""
PolicyPath = Annotated[str, Leaf(policy_path, {"type": "string", "pattern": "^/", "x-type": "policy path"})]
FilePath = Annotated[str, Leaf(file_path, {"type": "string", "minLength": 1, "x-type": "path of a file"})]
Flag = Annotated[bool, Leaf(flag, {"type": "boolean", "x-type": "true or false"})]
Hidden = Annotated[
    Secret,
    Leaf(secret, {"type": "string", "minLength": 1, "writeOnly": True, "x-type": "secret"}, lambda value: HIDDEN),
]

RATE_MAX = "1000Tbit/s"
"""Far above any port of the next decade; keeps ``max_rate`` times a gap within 64 bits."""

Rate = Annotated[int, quantity(RATE, "1bit/s", RATE_MAX)]
