"""Addresses: of what is asked, of where we listen, of the ledger.

No message shows an address that could have a password in it.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated, NamedTuple
from urllib.parse import SplitResult, urlsplit

from config.leaves import Leaf, text
from config.words import Expanded, Wrong, shown

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?\.?")
PORT_MAX = 65535


def web_address(value: object) -> str:
    """Return the address of a server, without a slash at its end; it has no path, query or credentials."""
    found, parts = _split(value)
    if parts.path not in {"", "/"}:
        raise Wrong(f"{_url(value, parts)} has a path; write the address only, such as https://{parts.hostname}")
    return found.rstrip("/")


def write_address(value: object) -> str:
    """Return the address of a destination, which may lie under a path of a proxy."""
    found, _ = _split(value)
    return found.rstrip("/")


def _split(value: object) -> tuple[str, SplitResult]:
    found = text(value)
    if "@" in found:
        raise Wrong("has a user or password in it; write them under keys of their own, and the address without them")
    try:
        parts = urlsplit(found)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise Wrong("is not an address such as https://nsx.example.net") from None
    if parts.scheme not in {"http", "https"} or not found.lower().startswith(f"{parts.scheme}://"):
        raise Wrong("is not an address such as https://nsx.example.net; it begins with https:// or http://")
    if not host or not _is_host(host) or port == 0 or parts.netloc.endswith(":"):
        raise Wrong(
            "has no valid host and port; write an address such as https://nsx.example.net or https://nsx.example.net:8443"
        )
    if parts.query or parts.fragment or found[-1] in "?#":
        raise Wrong(f"{_url(value, parts)} has a query or fragment after it; remove what follows ? or #")
    return found, parts


def _is_host(host: str) -> bool:
    if ":" in host:
        return _is_ip(host)
    return _HOST.fullmatch(host) is not None and (not re.fullmatch(r"[0-9.]+", host) or _is_ip(host))


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _url(value: object, parts: SplitResult) -> str:
    """Return what may be shown of an address: a query, and even a path, may hold a token."""
    return shown(value) if isinstance(value, Expanded) else shown(f"{parts.scheme}://{parts.netloc}")


class Listen(NamedTuple):
    """Where the daemon listens.

    Attributes:
        host: Name or IP address, without brackets.
        port: 0 lets the system choose a free one.
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """True where only this machine can connect."""
        return ip_address(self.host).is_loopback if _is_ip(self.host) else self.host.lower() == "localhost"


def listen(value: object) -> Listen:
    """Return ``value``, which must be ``host:port``."""
    found = text(f":{value}" if type(value) is int else value)
    match = re.fullmatch(r"(?:\[([^\[\]]*)\]|([^:\[\]]*)):([0-9]{1,5})", found)
    if match is None:
        if found.count(":") > 1:
            raise Wrong(f"{shown(value)} is not host:port; an IPv6 address is written in brackets, such as [::1]:9470")
        raise Wrong(f"{shown(value)} is not host:port; write one such as 127.0.0.1:9470")
    host, port = match.group(1) or match.group(2) or "", int(match.group(3))
    if not host:
        raise Wrong(f"{shown(value)} has no host; write 127.0.0.1:{port} for this machine, 0.0.0.0:{port} for all")
    if port > PORT_MAX:
        raise Wrong(f"{shown(value)} has a port above {PORT_MAX}, the most")
    if not (_is_ip(host) and ":" in host if match.group(1) else _is_host(host)):
        raise Wrong(f"{shown(value)} has no valid host; write a name or an IP address")
    return Listen(host, port)


SQLITE = "sqlite:///"


def ledger_url(value: object) -> str:
    """Return ``value``, which must name a file of SQLite."""
    found = text(value)
    example = "write one such as sqlite:////var/lib/northmeter/ledger.db"
    scheme = re.match(r"([a-z][a-z0-9+.-]{0,20}):", found, re.IGNORECASE)
    if scheme is None:
        raise Wrong(f"is not the address of a ledger; {example}")
    if scheme.group(1) != "sqlite":
        named = "" if isinstance(value, Expanded) else f"{shown(scheme.group(1))} "
        raise Wrong(f"{named}is not a store that this version keeps its ledger in; {example}")
    path = found.removeprefix(SQLITE)
    if path == found:
        raise Wrong(f"sqlite: is followed by three slashes and a path, four in all for an absolute one; {example}")
    if not path or path.endswith("/") or path == ":memory:" or "?" in path or "#" in path:
        raise Wrong(f"names no file; a ledger lasts, so it needs one; {example}")
    return found


WebAddress = Annotated[
    str,
    Leaf(
        web_address,
        {
            "type": "string",
            "pattern": "^https?://[^/@?#]+/?$",
            "x-type": "address",
            "examples": ["https://nsx.example.net"],
        },
    ),
]
WriteAddress = Annotated[
    str,
    Leaf(
        write_address,
        {"type": "string", "pattern": "^https?://[^@?#]+$", "x-type": "address", "examples": ["http://influx:8086"]},
    ),
]
ListenAddress = Annotated[
    Listen,
    Leaf(
        listen,
        {"type": "string", "pattern": "^.+:[0-9]{1,5}$", "x-type": "host:port", "examples": ["127.0.0.1:9470"]},
        str,
    ),
]
LedgerUrl = Annotated[
    str, Leaf(ledger_url, {"type": "string", "pattern": "^sqlite:///.", "x-type": "address of a ledger"})
]
