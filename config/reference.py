"""The page ``docs/reference/settings.md``, written from the models, so that it says what the daemon does.

``python -m config.reference docs/reference/settings.md`` writes it; a test says when it is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from config.leaves import Json
from config.schema import VARIABLE, json_schema

_HEAD: Final = """\
# Settings

Written by `python -m config.reference` from the models in `config/`; changes belong there.

The settings are one YAML file. `northmeter check -c FILE` names every fault of it at once, with the key and the line,
and exits with 2. Commented examples lie in `config/examples/`; `northmeter schema` prints the JSON Schema for
editors.

- **Durations** have a unit: `1500ms`, `60s`, `10m`, `48h`, `400d`. **Rates** are in bits: `10Mbit/s`, `1.5Tbit/s`.
  **Sizes** are in bytes: `64KiB`, `8MiB`, `1GB`. **Shares** are in percent: `2%`, `0.5%`. A bare number is refused.
- **Variables**: `${NAME}` is the variable of the environment, `${NAME:-default}` has a default, `$${` is `${` itself.
  What is put in stays text. Inside `{ }` and `[ ]` such a value needs quotes.
- **Secrets**: every secret key is also a key that ends in `_file`; the file holds the secret in one line. Secrets and
  values of variables are in no message, log or dump. One file is written by the daemon too:
  `service_account_token_file`.
- **Paths** that are not absolute begin at the folder of the settings file.
- An unknown key is a fault that names the nearest known one. A key without a value is a fault; a section may be
  empty.
- A `SIGHUP` or `POST /-/reload` reads the file again; a file with a fault is refused whole, and the old one stays in
  force.
"""


def settings_reference() -> str:
    """Return the reference of all settings as Markdown: a table per block, in the order of the file."""
    schema = json_schema()
    titled: dict[str, Json] = {}
    for title, block in _blocks(schema, schema, ""):
        titled.setdefault(title, block)  # the same block in sources of several kinds is shown once
    sections = "\n".join(_section(title, block) for title, block in titled.items())
    return f"{_HEAD}\n{sections}"


def _blocks(schema: Json, block: Json, path: str, kind: str = "") -> Iterator[tuple[str, Json]]:
    """Return every block with its title, outermost first: ``(`sources[].tls`, block)``."""
    yield (f"`{path}`{kind}" if path else "The file"), block
    for key, value in block["properties"].items():
        names, listed = _targets(value)
        for name in names:
            inner = schema["$defs"].get(name, {})
            if "properties" in inner:
                of_kind = f", kind `{_choices(inner['properties']['kind']).strip('`')}`" if len(names) > 1 else ""
                yield from _blocks(schema, inner, f"{path}.{key}".lstrip(".") + ("[]" if listed else ""), of_kind)


def _targets(value: Mapping[str, Any]) -> tuple[list[str], bool]:
    """Return the names of the blocks that a property may hold, or a list of them; none for a single value."""
    choices = [value, *value.get("anyOf", [])]
    for choice in choices:
        items = choice.get("items", {})
        if names := _names([items, *items.get("anyOf", [])]):
            return names, True
    return _names(choices), False


def _names(choices: Iterable[Mapping[str, Any]]) -> list[str]:
    return [name for choice in choices if "$ref" in choice and (name := _name(choice)) != VARIABLE]


def _name(reference: Mapping[str, Any]) -> str:
    return str(reference["$ref"]).rsplit("/", 1)[-1]


def _section(title: str, block: Json) -> str:
    required = set(block.get("required", ()))
    rows = [_row(key, value, key in required) for key, value in block["properties"].items()]
    table = ["| Key | Value | Default | Meaning |", "|---|---|---|---|", *rows]
    return f"## {title}\n\n{block['description']}\n\n" + "\n".join(table) + "\n"


def _row(key: str, value: Json, required: bool) -> str:
    default = "**required**" if required else _yaml(value["default"]) if "default" in value else "–"
    cells = (f"`{key}`", _kind(value), default, value.get("description") or _definition(value)["description"])
    return f"| {' | '.join(cell.replace('|', chr(92) + '|').strip() for cell in cells)} |"


def _definition(value: Json) -> Json:
    found: Json = json_schema()["$defs"][_targets(value)[0][0]]
    return found


def _kind(value: Json) -> str:
    """Return what may be written, in words."""
    names, listed = _targets(value)
    if names:
        words = _choices(_definition(value))
        return words or ("blocks" if listed else "block")
    if "items" in value:
        return f"list of {_choices(value['items']) or value['items']['x-type']}"
    return _choices(value) or str(value["x-type"])


def _choices(value: Mapping[str, Any]) -> str:
    if "x-type" in value:
        return ""
    for choice in (value, *value.get("anyOf", [])):
        words = choice.get("enum", [choice["const"]] if "const" in choice else [])
        if words:
            return ", ".join(f"`{word}`" for word in words)
    return ""


def _yaml(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`[{', '.join(map(str, value))}]`" if isinstance(value, list) else f"`{value}`"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(settings_reference(), encoding="utf-8")
