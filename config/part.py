"""What every model of the settings has in common: frozen, closed, and all faults at once, in our own words.

pydantic stops checking a model as a whole when one of its fields is wrong, and says it in words for programmers. An
operator who mends a file wants every fault in one report. So each model runs its ``rules`` on what was written,
whatever else is wrong, and turns each fault of a field into a sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from config.words import HIDDEN, Finding, Path, listing, meant, path_text, shown, what

FAULT = "fault"
"""Type of the errors whose text is already a sentence of ours."""

Raw = Mapping[str, object]
"""A block as it was written, checked or not."""


class Part(BaseModel):
    """One block of the settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, serialize_by_alias=True)

    decides: ClassVar[str | None] = None
    """A key that decides what the other keys mean: while it is wrong, nothing is said about the others."""

    @classmethod
    def rules(cls, raw: Raw) -> Iterable[Finding]:
        """Return what no single field shows; ``raw`` may be wrong in any other way."""
        return ()

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """Return the keys that an operator may write in this block."""
        return tuple(key_of(name, field.alias) for name, field in cls.model_fields.items() if not field.exclude)

    @model_validator(mode="wrap")
    @classmethod
    def _all_at_once(cls, value: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(value, cls):
            return handler(value)
        if not isinstance(value, Mapping):
            raise refused(
                cls.__name__,
                [Finding((), f"expected a block of keys ({listing(cls.keys(), 'and')}), came {what(value)}")],
            )
        raw, findings = cls._without_empty(value)
        try:
            made = handler(raw)
        except ValidationError as error:
            findings += [sentence(cls, one) for one in error.errors(include_url=False)]
            made = None
        ruled = list(cls.rules(raw))
        said = {one.path for one in ruled}
        findings = [one for one in findings if one.path not in said] + ruled
        if cls.decides is not None:
            findings = [one for one in findings if one.path == (cls.decides,)] or findings
        if made is None or findings:
            # Outside the ``except`` block, so that no error carries what was written, secrets included, as its context.
            raise refused(cls.__name__, findings)
        return made

    @classmethod
    def _without_empty(cls, value: Raw) -> tuple[dict[str, object], list[Finding]]:
        """Return a block without its empty keys: an empty section counts as not written, an empty value is a fault."""
        sections = {
            key_of(name, field.alias) for name, field in cls.model_fields.items() if is_section(field.get_default())
        }
        known = set(cls.keys())
        empty = [key for key, one in value.items() if one is None]
        findings = [
            Finding((key,), "has no value; write one, or remove the key")
            for key in empty
            if key in known and key not in sections
        ]
        unknown = {key for key in empty if key not in known}
        return {key: one for key, one in value.items() if one is not None or key in unknown}, findings


def key_of(name: str, alias: str | None) -> str:
    """Return the key under which a field is written."""
    return alias if alias is not None else name


def is_section(default: object) -> bool:
    """Return whether a field with this default is a block, or a list that is empty without it."""
    return isinstance(default, Part) or default == ()


def refused(title: str, findings: Sequence[Finding]) -> ValidationError:
    """Return the error that carries findings to the report, each at its place."""
    lines = [
        InitErrorDetails(type=PydanticCustomError(FAULT, "{text}", {"text": message}), loc=path, input=None)
        for path, message in findings
    ]
    return ValidationError.from_exception_data(title, lines)


def sentence(model: type[Part], error: ErrorDetails) -> Finding:
    """Return one error of pydantic as a sentence.

    Args:
        model: The block in which it was found.
        error: Its input may be secret, so it is shown only where the kind of error says that it is a plain word.
    """
    path: Path = error["loc"]
    value, context = error["input"], error.get("ctx", {})
    match error["type"]:
        case "fault":
            message = context["text"]
        case "value_error":
            message = str(context["error"])
        case "missing":
            message = f"is missing; {_example(model, str(path[0]))}"
        case "extra_forbidden":
            message = f"is not a known key here; {meant(str(path[-1]), model.keys())}"
        case "literal_error" | "enum":
            message = f"{shown(value)} is not known here; {_choice(value, str(context['expected']))}"
        case "tuple_type" | "list_type":
            message = f"expected a list, came {what(value)}; write [one, another] or a line with - for each"
        case "too_long":
            message = f"has too many entries; at most {context['max_length']} fit"
        case other:
            message = f"cannot be used here: {what(value)} ({other.replace('_', ' ')})"
    return Finding(path, message)


def _example(model: type[Part], key: str) -> str:
    """Return how a missing key may be written, from the examples of its field."""
    field = next(field for name, field in model.model_fields.items() if key_of(name, field.alias) == key)
    examples = field.examples or [HIDDEN]
    text = f"[{', '.join(examples[0])}]" if isinstance(examples[0], list) else examples[0]
    return f"write it, for example {key}: {text}"


def _choice(value: object, expected: str) -> str:
    words = expected.replace("'", "").replace(" or ", ", ").split(", ")
    return f"{hint} Known: {listing(words)}" if (hint := meant(value, words)).startswith("did you") else hint


def blocks(raw: Raw, key: str) -> Iterator[tuple[int, Raw]]:
    """Return the blocks of a list that may be wrong in any way, with their positions: ``(position, block)``."""
    listed = raw.get(key)
    if isinstance(listed, Mapping):
        yield 0, listed
    elif isinstance(listed, Sequence) and not isinstance(listed, str):
        for position, one in enumerate(listed):
            if isinstance(one, Mapping):
                yield position, one


def block(raw: Raw, key: str) -> Raw:
    """Return a block that may be missing or wrong in any way; then it is empty."""
    found = raw.get(key)
    return found if isinstance(found, Mapping) else {}


def repeated(entries: Iterable[tuple[Path, object]], where: Path = ()) -> Iterator[Finding]:
    """Return a finding for each text that was there before.

    Args:
        entries: Path and value of each.
        where: Path of the list from the top, for the message.
    """
    first: dict[str, Path] = {}
    for path, value in entries:
        if not isinstance(value, str) or not value:
            continue
        before = first.setdefault(value, path)
        if before != path:
            yield Finding(path, f"{shown(value)} is taken by {path_text((*where, *before))}; choose another")


def forbidden(raw: Raw, keys: Iterable[str], reason: str) -> Iterator[Finding]:
    """Return a finding for each of ``keys`` that is written although ``reason``."""
    return (Finding((key,), f"{reason}; remove it") for key in keys if key in raw)


def lacking(raw: Raw, key: str, message: str) -> Iterator[Finding]:
    """Return a finding where a list is written and empty; pydantic's own check also counts out entries with faults."""
    if raw.get(key) in ([], ()):
        yield Finding((key,), message)
