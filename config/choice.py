"""One of several models, chosen by a key of the block itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import GetCoreSchemaHandler, ValidatorFunctionWrapHandler
from pydantic_core import CoreSchema, core_schema

from config.part import Part, refused
from config.words import Expanded, Finding, listing, nearest, shown, what

KEY = "kind"


@dataclass(frozen=True)
class ByKind:
    """The model of a block is the one of its ``kind``; each fault of the block is one of that model.

    Metadata of an ``Annotated`` union, which describes it in the JSON Schema.

    Attributes:
        models: The model of each kind.
        known_better: What a word means that spelling would misjudge; ``None`` for a kind of later versions.
    """

    models: Mapping[str, type[Part]] = field(hash=False)
    known_better: Mapping[str, str | None] = field(default_factory=dict, hash=False)

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(self._choose, handler(source))

    def _choose(self, value: object, _union: ValidatorFunctionWrapHandler) -> Part:
        if isinstance(value, Part) and type(value) in self.models.values():
            return value
        if not isinstance(value, Mapping):
            message = f"expected a block of keys, with {KEY}: {listing(self.models)}, came {what(value)}"
            raise refused("Source", [Finding((), message)])
        kind = value.get(KEY)
        model = self.models.get(kind) if isinstance(kind, str) else None
        if model is None:
            raise refused("Source", [Finding((KEY,), self._unknown(kind, written=KEY in value))])
        return model.model_validate(value)

    def _unknown(self, kind: object, *, written: bool) -> str:
        known = listing(self.models, "and")
        if not written:
            return f"is missing; write one of {known}"
        if kind is None:
            return "has no value; write one, or remove the key"
        near = self._near(kind) if isinstance(kind, str) and not isinstance(kind, Expanded) else None
        hint = f'did you mean "{near}"? Known: {known}' if near else f"known: {known}"
        return f"{shown(kind)} is not known here; {hint}"

    def _near(self, kind: str) -> str | None:
        return self.known_better[kind] if kind in self.known_better else nearest(kind, self.models)
