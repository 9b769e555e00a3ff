"""An answer before it is written, and an error in place of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
"""A JSON object; its members are what the product's schema says, so their types differ."""


@dataclass(slots=True)
class Page:
    """An answer before it is written: of a list one page, else a whole document.

    Attributes:
        document: What is to be written as JSON; of any shape once it was spoilt.
        links: Values of the header ``Link``.
        before: Rows of the page before.
        raw: What is written instead.
        status: Status of the answer.
        content_type: Its type, if it is not what it should be.
        headers: What an answer without a document carries.
    """

    document: Any
    links: list[str] = field(default_factory=list)
    before: Sequence[Json] = ()
    number: int = 1
    base: str = ""
    raw: bytes | None = None
    status: int = 200
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def values(self) -> list[Any]:
        """The rows, to be changed in place; none, if it is no list."""
        found = self.document.get("values") if isinstance(self.document, dict) else None
        return found if isinstance(found, list) else []


class Wrong(Exception):
    """A request that is answered with an error: status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
