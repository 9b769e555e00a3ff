"""Keys that the operator chooses, each with a value: what is called how here and there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from config.leaves import Leaf, text
from config.part import refused
from config.words import Finding, Wrong, what

Pairs: TypeAlias = tuple[tuple[str, str], ...]
"""Key and value of each entry, in the order of the file."""

ENTRIES_MAX = 10_000
"""Most entries of one mapping; a large provider has some thousand gateways."""


def entries(each: Callable[[object], str], value: str, pattern: str = "") -> Leaf:
    """Return the leaf of a block with keys of the operator's choice.

    Args:
        each: Reads the value of an entry; raises ``Wrong``.
        value: What a value is, in words.
        pattern: Regular expression of values, for the JSON Schema.
    """

    def read(found: object) -> Pairs:
        if not isinstance(found, Mapping):
            raise Wrong(f"expected a block of keys, each with {value}, came {what(found)}")
        if len(found) > ENTRIES_MAX:
            raise Wrong(f"has {len(found)} entries; at most {ENTRIES_MAX} fit")
        pairs, findings = [], []
        for key, one in found.items():
            try:
                pairs.append((text(key), each(one)))
            except Wrong as wrong:
                findings.append(Finding((str(key),), str(wrong)))
        if findings:
            raise refused("mapping", findings)
        return tuple(pairs)

    values = {"type": "string", "pattern": rf"{pattern}|\$\{{"} if pattern else {"type": "string"}
    schema = {"type": "object", "additionalProperties": values, "x-type": f"block: {value} by key"}
    return Leaf(read, schema, dict)
