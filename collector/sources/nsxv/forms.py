"""Answers in XML and in JSON to one shape: records of texts, so that no number passes through a float on its way.

The form is told by the first byte, since a proxy or an old release may answer in another one than was asked for.
Sources: the vendor's RAML of the NSX-V API (``pagedEdgeList``, ``vnics``); the models of VMware Cloud on AWS, which has
the same edge API (``dataDto``, ``metaDto``, ``vnic_0`` to ``vnic_9``). The XML of statistics is inferred, so its
elements are found by name at any depth and in any namespace.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeAlias
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import fromstring

Fields: TypeAlias = Mapping[str, str]
"""Name → text of what has a text of its own; what is nested or null is left out."""

_SERIES = re.compile(r"vnic_([0-9]{1,3})")

_NOTHING: Fields = {}


class Malformed(ValueError):
    """The answer as a whole is not what was promised; the message says why."""


class Page(NamedTuple):
    """Objects of a list, and what the answer says of its pages."""

    rows: tuple[Fields, ...]
    paging: Fields


@dataclass(frozen=True, slots=True)
class Series:
    """Rates as they were written.

    Attributes:
        meta: ``startTime``, ``endTime``, ``interval``.
        rows: (vNIC by the name of its series, if it has one; the sample's members).
        vnics: Descriptions of vNICs, where there are any.
        faults: Members that are no rates, in words.
    """

    meta: Fields
    rows: tuple[tuple[str | None, Fields], ...]
    vnics: tuple[Fields, ...] = ()
    faults: list[str] = field(default_factory=list)


class Form(Protocol):
    """An answer that was parsed. Each method raises Malformed where the answer is another one."""

    def edges(self) -> Page:
        """Return a page of the list of edges."""

    def vnics(self) -> tuple[Fields, ...]:
        """Return the vNICs of an edge."""

    def series(self) -> Series:
        """Return rates per interval."""

    def error(self) -> Fields:
        """Return the members of an error; empty where there is none."""

    def role(self) -> str:
        """Return an account's role, or nothing."""


def parsed(body: bytes) -> Form:
    """Return an answer. Raises Malformed when it is neither JSON nor XML, or XML that could harm."""
    start = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"<":
        return XmlForm(body)
    if start in (b"{", b"["):
        return JsonForm(body)
    raise Malformed("it is neither XML nor JSON")


# --- JSON ------------------------------------------------------------------------------------------------------------


class JsonForm:
    """An answer in JSON; numbers stay the texts that they were."""

    def __init__(self, body: bytes) -> None:
        try:
            root = json.loads(body, parse_float=str, parse_int=str, parse_constant=str)
        except (ValueError, RecursionError) as error:
            raise Malformed(f"it is no JSON: {error}") from error
        if not isinstance(root, dict):
            raise Malformed("it is no JSON object")
        self._root: dict[str, Any] = root

    def edges(self) -> Page:
        """Return a page of the list of edges."""
        page = self._root.get("edgePage")
        if not isinstance(page, dict):
            raise Malformed("it has no edgePage")
        return Page(_records(page.get("data"), "edgePage.data"), _texts(page.get("pagingInfo")))

    def vnics(self) -> tuple[Fields, ...]:
        """Return the vNICs of an edge."""
        found = self._root.get("vnics")
        if isinstance(found, dict):
            found = found.get("vnics", found.get("vnic"))
        if found is None:
            raise Malformed("it has no vnics")
        return _records(found, "vnics")

    def series(self) -> Series:
        """Return rates per interval."""
        data, meta = self._root.get("dataDto"), self._root.get("metaDto")
        if data is None and meta is None:
            raise Malformed("it has neither dataDto nor metaDto")
        if not isinstance(data, dict | None):
            raise Malformed("dataDto is no object")
        faults: list[str] = []
        rows = tuple(_json_rows(data or {}, faults))
        described = meta.get("vnics") if isinstance(meta, dict) else None
        vnics = tuple(_texts(one) for one in described) if isinstance(described, list) else ()
        return Series(_texts(meta), rows, vnics, faults)

    def error(self) -> Fields:
        """Return the members of an error."""
        inner = self._root.get("error")
        return _texts(inner if isinstance(inner, dict) else self._root)

    def role(self) -> str:
        """Return an account's role, or nothing."""
        inner = self._root.get("accessControlEntry", self._root)
        return _texts(inner).get("role", "")


def _json_rows(data: Mapping[str, Any], faults: list[str]) -> Iterator[tuple[str | None, Fields]]:
    for name, listed in data.items():
        if listed is None:
            continue
        series = _SERIES.fullmatch(name)
        if series is None:
            faults.append(f"dataDto.{name[:40]} is no series of rates; it is not billed")
            continue
        if not isinstance(listed, list):
            faults.append(f"dataDto.{name} is no list; left out")
            continue
        for one in listed:
            if isinstance(one, dict):
                yield series[1], _texts(one)
            else:
                faults.append(f"dataDto.{name}: a sample is no object; left out")


def _records(found: object, where: str) -> tuple[Fields, ...]:
    if found is None:
        return ()
    if not isinstance(found, list):
        raise Malformed(f"{where} is no list")
    return tuple(_texts(one) for one in found)


def _texts(found: object) -> Fields:
    """Return the members of an object that are a text, a number or a truth value, as texts."""
    if not isinstance(found, dict):
        return _NOTHING
    return {name: _text(value) for name, value in found.items() if isinstance(value, str | bool)}


def _text(value: str | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    # Half of a surrogate pair can be written in JSON and nowhere else.
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


# --- XML -------------------------------------------------------------------------------------------------------------


class XmlForm:
    """An answer in XML; namespaces are passed over."""

    def __init__(self, body: bytes) -> None:
        try:
            # Entities and document types are refused: a few hundred bytes of them could fill the memory.
            self._root: Element = fromstring(body, forbid_dtd=True)
        except (ParseError, ValueError, LookupError, RecursionError) as error:
            raise Malformed(f"it is no XML that is read here: {error}") from error

    def edges(self) -> Page:
        """Return a page of the list of edges."""
        found = self._all("edgePage")
        if not found:
            raise Malformed(f"it is {_name(self._root)} and has no edgePage")
        paging = _members(next(iter(self._all("pagingInfo")), None))
        return Page(tuple(_members(one) for one in self._all("edgeSummary")), paging)

    def vnics(self) -> tuple[Fields, ...]:
        """Return the vNICs of an edge."""
        found = self._all("vnic")
        if not found and not self._all("vnics"):
            raise Malformed(f"it is {_name(self._root)} and has no vnics")
        return tuple(_members(one) for one in found if len(one))

    def series(self) -> Series:
        """Return rates per interval."""
        samples, meta = self._all("statistic"), self._all("meta")
        if not (samples or meta or self._all("data") or _name(self._root) == "statistics"):
            raise Malformed(f"it is {_name(self._root)} and has no statistics")
        rows = tuple((None, _members(one)) for one in samples)
        described = tuple(_members(one) for one in self._all("vnic") if len(one))
        return Series(_members(next(iter(meta), None)), rows, described)

    def error(self) -> Fields:
        """Return the members of an error."""
        return _members(next(iter(self._all("error")), None))

    def role(self) -> str:
        """Return an account's role, or nothing."""
        return next((one.text.strip() for one in self._all("role") if one.text), "")

    def _all(self, name: str) -> list[Element]:
        return [one for one in self._root.iter() if _name(one) == name]


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _members(element: Element | None) -> Fields:
    """Return name → text of the elements right below one that hold no others."""
    if element is None:
        return _NOTHING
    return {_name(one): one.text.strip() for one in element if not len(one) and one.text}
