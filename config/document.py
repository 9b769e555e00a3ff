"""YAML text to plain values, with the line of each, every fault of the text at once, and a bound on everything.

Only what settings need is read: blocks, lists, text, whole and decimal numbers, true and false. Dates, octal and
sexagesimal numbers stay text, since ``1:30`` and ``0123`` in settings are never meant as 90 and 83. Tags are refused,
aliases and ``<<`` are followed within the bounds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import yaml
from yaml.reader import ReaderError

from config.secret import SECRET_KEYS
from config.variables import VariableFault, expanded
from config.words import Finding, Path

DEPTH_MAX = 24
"""Deepest nesting; settings need 8."""

VALUES_MAX = 200_000
"""Most values with aliases followed; a file of the greatest size has fewer without them."""

_TAG: Final = "tag:yaml.org,2002:"
_TRUE: Final = frozenset({"true", "yes", "on"})
_FALSE: Final = frozenset({"false", "no", "off"})
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_FRACTION = re.compile(r"-?(0|[1-9][0-9]{0,14})\.[0-9]{1,15}")


class Unreadable(Exception):
    """The text is not YAML that settings could be in, so that nothing else can be said about it.

    Attributes:
        message: What is wrong; it quotes nothing, since a secret may stand there.
        line: Line in the file, from 1, where known.
    """

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass
class Document:
    """What a file says.

    Attributes:
        values: The outermost block.
        lines: Line of each path, from 1; that of a block's key, or of a list's entry.
        faults: What is wrong with single values.
    """

    values: dict[str, object]
    lines: dict[Path, int] = field(default_factory=dict)
    faults: list[Finding] = field(default_factory=list)

    def line_of(self, path: Path) -> int | None:
        """Return the line of a path, or of the nearest block around it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None

    def written(self, path: Path) -> Path:
        """Return a path as the file has it: a block that stands for a list of one has no position."""
        here: object = self.values
        kept: list[str | int] = []
        for part in path:
            if isinstance(part, int) and isinstance(here, Mapping):
                continue
            kept.append(part)
            here = here.get(part) if isinstance(here, Mapping) else _entry(here, part)
        return tuple(kept)


def _entry(here: object, part: str | int) -> object:
    return here[part] if isinstance(here, list) and isinstance(part, int) and part < len(here) else None


class _Loader(yaml.SafeLoader):
    """The safe loader, with a bound on nesting: it composes by recursion."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.depth >= DEPTH_MAX:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # PyYAML's types leave it open
            raise Unreadable(f"is nested more than {DEPTH_MAX} deep", mark.line + 1)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def read_document(text: str, environ: Mapping[str, str]) -> Document:
    """Return what ``text`` says, with the variables of ``environ`` put in.

    Raises:
        Unreadable: It is empty, no YAML, no block of keys, or beyond a bound.
    """
    node = _compose(text)
    if node is None:
        raise Unreadable("is empty; write at least a source, as in the example minimal.yaml")
    if not isinstance(node, yaml.MappingNode):
        raise Unreadable("is not a block of keys such as sources: and tenants:", node.start_mark.line + 1)
    builder = _Builder(environ)
    values = builder.value(node, (), secret=False)
    if not isinstance(values, dict):
        raise TypeError("BUG: a mapping node gave no block")
    return Document(values, builder.lines, builder.faults)


def _compose(text: str) -> yaml.Node | None:
    line: int | None
    try:
        loader = _Loader(text)
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Unreadable(f"has a control character at position {error.position + 1}; remove it", line) from None
    try:
        return loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message, line = _syntax(error.problem or "", text, mark)
    finally:
        loader.dispose()
    raise Unreadable(message, line)


# What PyYAML says, in words for operators. Its own texts may quote the file, and a secret with it.
_PROBLEMS: Final = (
    (r"found character '\\t'", "a tab stands where spaces must; YAML is indented with spaces only"),
    (r"mapping values are not allowed", "a colon and a space stand where no key can be; put the value in quotes"),
    (r"but found another document", "a second document begins with ---; settings are one document"),
    (r"found undefined alias", "a value begins with * but is no alias; put it in quotes"),
    (r"found duplicate anchor", "an anchor (&) is defined twice; rename one"),
    (r"unexpected end of stream", "a quote is opened and never closed"),
    (
        r"could not find expected ':'",
        "a line is neither a key with a colon and a space nor part of a value; check colons and indents",
    ),
    (r"that cannot start any token", "a value begins with a character that needs quotes (such as @ ` or %)"),
    (r"expected <block end>", "the indent fits no block; align it with the keys or entries around it"),
    (r"expected ',' or", "a list [ ] or block { } lacks a comma or its closing bracket"),
    (r"escape", "a text in double quotes has an unknown \\ escape; use single quotes"),
)


def _syntax(problem: str, text: str, mark: yaml.error.Mark | None) -> tuple[str, int | None]:
    said = next(
        (words for pattern, words in _PROBLEMS if re.search(pattern, problem)), "the YAML cannot be read from here on"
    )
    if mark is None:
        return f"is not valid YAML: {said}", None
    lines = text.splitlines()
    around = "\n".join(lines[max(0, mark.line - 1) : mark.line + 1])
    hint = "; a value with ${…} inside { } or [ ] needs quotes" if re.search(r"[{\[,].*\$\{", around) else ""
    return f"is not valid YAML at column {mark.column + 1}: {said}{hint}", mark.line + 1


class _Builder:
    """Nodes to values; counts what it makes, so that aliases cannot multiply without end."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._made = 0
        self.lines: dict[Path, int] = {}
        self.faults: list[Finding] = []

    def value(self, node: yaml.Node, path: Path, *, secret: bool) -> object:
        line = node.start_mark.line + 1
        self._made += 1
        if self._made > VALUES_MAX or len(path) > DEPTH_MAX:
            raise Unreadable(f"has more than {VALUES_MAX} values or {DEPTH_MAX} levels with its aliases followed", line)
        self.lines.setdefault(path, line)
        if isinstance(node, yaml.MappingNode):
            return self._block(node, path, secret=secret)
        if isinstance(node, yaml.SequenceNode):
            # Inside a secret, positions and keys may be the secret itself, so that faults name the outermost key.
            return [
                self.value(one, path if secret else (*path, place), secret=secret)
                for place, one in enumerate(node.value)
            ]
        return self._scalar(node, path, secret=secret)

    def _block(self, node: yaml.MappingNode, path: Path, *, secret: bool) -> dict[str, object]:
        found: dict[str, object] = {}
        merged: list[yaml.Node] = []
        for key, one in node.value:
            line = key.start_mark.line + 1
            if key.tag == f"{_TAG}merge":
                merged.extend(one.value if isinstance(one, yaml.SequenceNode) else [one])
                continue
            if not isinstance(key, yaml.ScalarNode):
                self.lines.setdefault(path, line)
                self.faults.append(Finding(path, "has a key that is a list or a block; a key is one word"))
                continue
            below = path if secret else (*path, key.value)
            if key.value in found:
                self.faults.append(Finding(below, f"is written twice, here and in line {line}; keep one of the two"))
                continue
            self.lines.setdefault(below, line)
            found[key.value] = self.value(one, below, secret=secret or key.value in SECRET_KEYS)
        for one in merged:
            self._merge(one, found, path, secret=secret)
        return found

    def _merge(self, node: yaml.Node, found: dict[str, object], path: Path, *, secret: bool) -> None:
        """Add the keys of an alias that the block itself does not have."""
        if not isinstance(node, yaml.MappingNode):
            self.faults.append(Finding(path, "has << without a block to merge"))
            return
        for key, one in self._block(node, path, secret=secret).items():
            found.setdefault(key, one)

    def _scalar(self, node: yaml.Node, path: Path, *, secret: bool) -> object:
        written = str(node.value)
        match node.tag.removeprefix(_TAG):
            case "null":
                return None
            case "bool" if written.lower() in _TRUE | _FALSE:
                return written.lower() in _TRUE
            case "int" if _DECIMAL.fullmatch(written):
                return int(written)
            case "float" if _FRACTION.fullmatch(written):
                return float(written)
            case "str" | "bool" | "int" | "float" | "timestamp" | "value":
                return self._text(written, path, secret=secret)
            case _:
                self.faults.append(
                    Finding(path, "has a tag (!); settings have none, so put a text that begins with ! in quotes")
                )
                return written

    def _text(self, written: str, path: Path, *, secret: bool) -> str:
        try:
            return expanded(written, self._environ, secret=secret)
        except VariableFault as fault:
            self.faults.append(Finding(path, str(fault)))
            return ""
