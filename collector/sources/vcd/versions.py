"""Which API version is spoken."""

from __future__ import annotations

import re
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from collector.errors import ResponseInvalid

VERSIONS_PATH = "/api/versions"

LOWEST, HIGHEST = (33, 0), (39, 1)
"""What we know: VCD 10.0 to 10.6.1. From 40.0 on the same paths mean other things.

Source: VMware go-vcloud-director, table of API versions.
"""

VERSION_OF_IP_SPACES = (37, 1)
"""VCD 10.4.1. Source: VMware go-vcloud-director, comments of its endpoints."""

NAMED_MAX = 40
"""Versions named in a message; a director lists about twenty."""

_NUMBER = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}")

XML_FAULTS = (ParseError, DefusedXmlException, ValueError, LookupError)
"""What foreign bytes may raise; the last two for encodings that are unknown or wrong."""


class Offer(NamedTuple):
    """A version that the director lists."""

    version: str
    deprecated: bool = False


def number(version: str) -> tuple[int, int]:
    """Return ``(38, 1)`` of ``38.1``; (0, 0) of anything else."""
    if not _NUMBER.fullmatch(version):
        return 0, 0
    major, _, minor = version.partition(".")
    return int(major), int(minor)


def offers(body: bytes) -> tuple[Offer, ...]:
    """Return the versions that ``/api/versions`` lists, in its order.

    Source: VMware go-vcloud-director, type SupportedVersions: XML, ``VersionInfo`` with an attribute ``deprecated`` and
    an element ``Version``.

    Raises:
        ResponseInvalid: It is no such list.
    """
    try:
        root = fromstring(body, forbid_dtd=True)
    except XML_FAULTS as error:
        raise ResponseInvalid(f"{VERSIONS_PATH}: expected XML with the API's versions: {error}") from error
    if local_name(root) != "SupportedVersions":
        raise ResponseInvalid(
            f"{VERSIONS_PATH}: expected SupportedVersions, got the XML element {local_name(root)[:80]}"
        )
    found = (_offer(info) for info in root if local_name(info) == "VersionInfo")
    return tuple(offer for offer in found if offer is not None)


def local_name(element: Element) -> str:
    """Return an element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def choose(offered: tuple[Offer, ...], pin: str | None) -> str:
    """Return the version to speak: the pin, or else the highest that both sides know.

    One that is deprecated still works, so it is taken where no other is left.

    Raises:
        ResponseInvalid: The director offers none of ours; the words name both lists.
    """
    listed = sorted({offer.version for offer in offered if number(offer.version) != (0, 0)}, key=number)
    theirs = ", ".join(listed[-NAMED_MAX:]) or "no version"
    if pin is not None:
        if pin in listed:
            return pin
        raise ResponseInvalid(f"{VERSIONS_PATH}: api_version {pin} is not offered; the director offers {theirs}")
    known = [offer for offer in offered if LOWEST <= number(offer.version) <= HIGHEST]
    usable = [offer for offer in known if not offer.deprecated] or known
    if not usable:
        ours = f"{LOWEST[0]}.{LOWEST[1]} to {HIGHEST[0]}.{HIGHEST[1]}"
        raise ResponseInvalid(f"{VERSIONS_PATH}: we know API versions {ours}, and the director offers {theirs}")
    return max((offer.version for offer in usable), key=number)


def _offer(info: Element) -> Offer | None:
    for child in info:
        if local_name(child) == "Version" and child.text:
            return Offer(child.text.strip(), info.get("deprecated", "").strip().lower() in {"true", "1"})
    return None
