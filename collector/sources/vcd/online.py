"""What ``check --online`` says of a Cloud Director, cell by cell."""

from __future__ import annotations

import re
from collections.abc import Iterable

from collector.clock import Clock
from collector.errors import SourceError
from collector.sources.answers import Answer, http_date
from collector.sources.manager import Manager
from collector.sources.vcd.api import CURRENT_SESSION_PATH, RightLacking
from collector.sources.vcd.client import VcdClient
from collector.sources.vcd.dto import URN_PATTERN, RightDto, SessionDto
from collector.sources.vcd.managers import read_managers
from collector.sources.vcd.options import VcdOptions
from collector.sources.vcd.versions import VERSION_OF_IP_SPACES, number

CLOCK_DIFFERENCE_SECONDS_MAX = 60
"""Beyond a minute the line asks for NTP: an owner changes at the director's time, usage has the NSX manager's."""

LISTS = (("orgs", "organisations"), ("edgeGateways", "edge gateways"), ("externalNetworks", "external networks"))
"""What every reading needs, with its name in words."""

WRITERS = frozenset({"system administrator", "organization administrator"})
"""Roles that the product ships with and that may do everything, for where the rights cannot be read."""

OWN_TOKENS = "api tokens:"
"""``API Tokens: Manage`` lets an account have tokens of its own."""

RIGHTS_SHOWN = 3

_WRITES = re.compile(
    r"\b(manage|edit|create|delete|configure|modify|update|add|remove|import|control|administer|change)\b",
    re.IGNORECASE,
)
"""Rights have names in words, such as ``Organization vDC Gateway: Configure Static Routing``; that these verbs mean
writing is read out of the names, and so it is said softly."""

Line = tuple[bool, str]


async def online_report(client: VcdClient, options: VcdOptions, clock: Clock) -> tuple[Line, ...]:
    """Return (ok, words) for every cell: log-in, version, who we are, what can be listed, what could be written.

    A cell that does not let us in gets one line; refused credentials are tried at one cell only, since accounts lock.
    A warning is a line that is ok.
    """
    lines: list[Line] = []
    if options.http.tls.insecure:
        lines.append((True, "TLS: any certificate is taken (tls.verify is false); pin it with tls.fingerprint instead"))
    for cell in client.http.managers:
        try:
            lines.extend(await _cell_lines(client, cell, options, clock))
        except SourceError as error:
            lines.append((False, f"{cell.host}: {error}"))
    return tuple((ok, client.api.masked(words)) for ok, words in lines)


async def _cell_lines(client: VcdClient, cell: Manager, options: VcdOptions, clock: Clock) -> list[Line]:
    answer = await client.get(CURRENT_SESSION_PATH, manager=cell)
    session = client.decoded(answer, SessionDto, CURRENT_SESSION_PATH)
    lines = [(True, f"{cell.host}: logged in as {_who(session)}; {_version(client)}")]
    lines.extend((True, f"{cell.host}: {words}") for words in [client.api.strange] if words)
    lines.extend(_clock_line(cell, answer, clock))
    for name, words in LISTS:
        lines.append(await _list_line(client, cell, name, words, is_needed=options.is_provider or name != LISTS[2][0]))
    if options.is_provider:
        lines.append(await _managers_line(client, cell))
    if options.ip_spaces and number(client.api.version) >= VERSION_OF_IP_SPACES:
        lines.append(await _list_line(client, cell, "ipSpaces/summaries", "IP Spaces", is_needed=True))
    lines.append(await _rights_line(client, cell, session))
    return lines


def _who(session: SessionDto) -> str:
    user = (session.user.name if session.user is not None else None) or "an unnamed user"
    org = (session.org.name if session.org is not None else None) or "an unnamed organisation"
    roles = ", ".join(_roles(session)) or "unknown"
    return f"{user}@{org}, role {roles}"


def _roles(session: SessionDto) -> list[str]:
    names = [*(session.roles or ()), *(ref.name or "" for ref in session.role_refs or ())]
    return list(dict.fromkeys(name for name in names if name))


def _version(client: VcdClient) -> str:
    api = client.api
    is_deprecated = any(offer.deprecated for offer in api.offered if offer.version == api.version)
    return f"API version {api.version}" + (", which the director calls deprecated" if is_deprecated else "")


def _clock_line(cell: Manager, answer: Answer, clock: Clock) -> list[Line]:
    at = http_date(answer.headers.get("Date", ""))
    if at is None:
        return []
    seconds = (at - clock.now()) / 1_000
    words = f"{cell.host}: its clock is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} ours"
    if abs(seconds) > CLOCK_DIFFERENCE_SECONDS_MAX:
        words += "; owners change at the director's time, so set both by NTP"
    return [(True, words)]


async def _list_line(client: VcdClient, cell: Manager, name: str, words: str, *, is_needed: bool) -> Line:
    try:
        total = await client.total(name, cell)
    except RightLacking as error:
        if not is_needed:
            return True, f"{cell.host}: {words} cannot be listed, which an organisation's account need not: {error}"
        return False, f"{cell.host}: {words} cannot be listed: {error}"
    except SourceError as error:
        return False, f"{cell.host}: {words} cannot be listed: {error}"
    return True, f"{cell.host}: {words} can be listed: {total}"


async def _managers_line(client: VcdClient, cell: Manager) -> Line:
    try:
        managers = await read_managers(client, cell)
    except SourceError as error:
        return True, f"{cell.host}: the NSX managers cannot be listed, so they are told apart by name alone: {error}"
    return True, f"{cell.host}: NSX managers can be listed: {len(managers)}"


# --- may we write? ---------------------------------------------------------------------------------------------------


async def _rights_line(client: VcdClient, cell: Manager, session: SessionDto) -> Line:
    roles = _roles(session)
    try:
        rights = await _rights(client, cell, session)
    except SourceError as error:
        if any(name.lower() in WRITERS for name in roles):
            return _warning(cell, f"role {', '.join(roles)}")
        return True, f"{cell.host}: the rights cannot be read, so whether the account may write is not known: {error}"
    writing = writing_rights(rights)
    if writing:
        shown = ", ".join(f"'{name}'" for name in writing[:RIGHTS_SHOWN])
        more = f" and {len(writing) - RIGHTS_SHOWN} more" if len(writing) > RIGHTS_SHOWN else ""
        return _warning(cell, f"rights {shown}{more}")
    if any(name.lower() in WRITERS for name in roles):
        return _warning(cell, f"role {', '.join(roles)}")
    if not rights:
        return True, f"{cell.host}: its session names no role, so whether the account may write is not known"
    return True, f"{cell.host}: {len(rights)} rights, and none of their names speaks of writing"


def _warning(cell: Manager, what: str) -> Line:
    words = f"WARNING: the account may write, by its {what}; viewing is enough, so give it a role that only views"
    return True, f"{cell.host}: {words}"


async def _rights(client: VcdClient, cell: Manager, session: SessionDto) -> list[str]:
    names: list[str] = []
    for ref in session.role_refs or ():
        if ref.id and re.fullmatch(URN_PATTERN, ref.id):
            listing = await client.rows(f"roles/{ref.id}/rights", RightDto, manager=cell)
            names.extend(right.name for right in listing.rows)
    return names


def writing_rights(names: Iterable[str]) -> list[str]:
    """Return the rights whose names speak of writing, in order; the one to have API tokens is part of the log-in."""
    return sorted({name for name in names if _WRITES.search(name) and not name.lower().startswith(OWN_TOKENS)})
