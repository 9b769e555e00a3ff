"""The JSON Schema of the settings, for editors and for ``northmeter schema``.

It describes the file as it is written: durations are text with a unit, and any single value may be text with
``${NAME}`` in it. What depends on several keys (``auth``, kinds of point, names that must be known) is beyond it;
``northmeter check`` says that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from config.leaves import Json
from config.outputs import ONE_OR_LIST
from config.settings import Settings

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

VARIABLE: Final = "Variable"
"""Name of the definition of text with a variable of the environment in it."""

_LEAF_KEYS: Final = frozenset({"enum", "const", "pattern", "minimum", "x-type"})


class _Generator(GenerateJsonSchema):
    """pydantic's generator without ``null``: a key without a value is left out of the file."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        write = schema["schema"].get("serialization", {}).get("function")
        if "default" in made and write is not None:
            made["default"] = write(schema["default"])
        return made


def json_schema() -> Json:
    """Return the JSON Schema (2020-12) of a settings file, with descriptions, defaults and patterns of units."""
    made = Settings.model_json_schema(by_alias=True, mode="validation", schema_generator=_Generator)
    schema: Json = {"$schema": DIALECT, **_as_written(made)}
    schema["title"] = "Settings of northmeter"
    schema["$defs"] = {
        **schema["$defs"],
        VARIABLE: {"type": "string", "pattern": r"\$\{", "description": "Text with a variable of the environment."},
    }
    return schema


def _as_written(made: Json) -> Json:
    definitions = {name: _block(one) for name, one in made.pop("$defs").items()}
    return {**_block(made), "$defs": definitions}


def _block(schema: Mapping[str, Any]) -> Json:
    """Return the schema of a block with every single value open to a variable; an enumeration is a value."""
    if "properties" not in schema:
        return _value(dict(schema))
    properties = {key: _property(dict(one)) for key, one in schema["properties"].items()}
    return {**{key: one for key, one in schema.items() if key != "title"}, "properties": properties}


def _property(schema: Json) -> Json:
    schema.pop("title", None)
    if "$ref" in schema or schema.get("default", ...) in (None, [], (), {}):
        schema.pop("default", None)
    if isinstance(schema.get("items"), Mapping):
        items = dict(schema["items"])
        schema["items"] = items if "$ref" in items else _value(items)
        listed: Json = {key: schema.pop(key) for key in ("description", "default", "examples") if key in schema}
        one = schema["items"] if "$ref" in schema["items"] and schema.pop(ONE_OR_LIST, False) else None
        return {**({"anyOf": [one, schema]} if one else schema), **listed}
    return schema if "$ref" in schema else _value(schema)


def _value(schema: Json) -> Json:
    """Return the schema of a single value, or of text with a variable instead."""
    if schema.get("type") == "object" or not _LEAF_KEYS & schema.keys():
        return schema
    outer: Json = {
        key: schema.pop(key) for key in ("description", "default", "examples", "x-type", "writeOnly") if key in schema
    }
    return {"anyOf": [schema, {"$ref": f"#/$defs/{VARIABLE}"}], **outer}
