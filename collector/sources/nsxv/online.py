"""What ``check --online`` says of an NSX-V source."""

from __future__ import annotations

from urllib.parse import quote

from collector.clock import Clock
from collector.errors import SourceError
from collector.sources.answers import Answer, http_date
from collector.sources.manager import Manager
from collector.sources.nsxv.api import PROBE_PATH
from collector.sources.nsxv.client import NsxvClient
from collector.sources.nsxv.forms import Form, Malformed, parsed
from collector.sources.nsxv.options import DirectAccess, NsxvOptions
from collector.sources.nsxv.reach import ManagerReach
from collector.sources.options import DISCOVERY_RETRY

CLOCK_DIFFERENCE_SECONDS_MAX = 60
"""Beyond a minute the line asks for NTP. It is no fault: every number rests on the manager's time alone."""

ROLE_PATH = "/api/2.0/services/usermgmt/role/"
"""Role of a user. Source: the vendor's RAML of the NSX-V API, ``/2.0/services/usermgmt/role/{userId}``."""

READING_ROLES = frozenset({"auditor", "audit"})
"""Roles that may read only. Source: the same; the others may write."""

Line = tuple[bool, str]


async def online_report(client: NsxvClient, options: NsxvOptions, clock: Clock) -> tuple[Line, ...]:
    """Return (ok, words): for every manager log-in, clock, edges and role; through a director, one gateway's rates."""
    reach = client.reach
    if not isinstance(reach, ManagerReach):
        return await _director_lines(client)
    lines: list[Line] = []
    if reach.insecure:
        lines.append((True, "TLS: any certificate is taken (tls.verify is false); pin it with tls.fingerprint instead"))
    for manager in reach.http.managers:
        try:
            lines.extend(await _manager_lines(reach, manager, options, clock))
        except SourceError as error:
            lines.append((False, f"{manager.host}: {error}"))
    return tuple(lines)


async def _manager_lines(reach: ManagerReach, manager: Manager, options: NsxvOptions, clock: Clock) -> list[Line]:
    answer = await reach.http.get_at(manager, PROBE_PATH)
    form = _form(answer)
    if form is None:
        return [(False, f"{manager.host}: logged in, and its list of edges is not what the API promises")]
    try:
        total = form.edges().paging.get("totalCount", "unknown")
    except Malformed as error:
        return [(False, f"{manager.host}: logged in, and its list of edges is not what the API promises: {error}")]
    lines = [(True, f"{manager.host}: logged in, edges can be listed: {total}"), *_clock_line(manager, answer, clock)]
    if isinstance(options.access, DirectAccess):
        lines.append(await _role_line(reach, manager, options.access.username))
    return lines


def _form(answer: Answer) -> Form | None:
    try:
        return parsed(answer.body)
    except Malformed:
        return None


def _clock_line(manager: Manager, answer: Answer, clock: Clock) -> list[Line]:
    at = http_date(answer.headers.get("Date", ""))
    if at is None:
        return []
    seconds = (at - clock.now()) / 1_000
    words = f"{manager.host}: its clock is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} ours"
    if abs(seconds) > CLOCK_DIFFERENCE_SECONDS_MAX:
        words += "; usage carries the manager's time, so set both by NTP"
    return [(True, words)]


async def _role_line(reach: ManagerReach, manager: Manager, username: str) -> Line:
    """Warn of an account that may write. A role that cannot be read is no fault: metering works without."""
    try:
        answer = await reach.http.get_at(manager, ROLE_PATH + quote(username, safe=""))
    except SourceError as error:
        return True, f"{manager.host}: the role of {username} cannot be read, so it is not checked: {error}"
    form = _form(answer)
    role = form.role() if form is not None else ""
    if not role:
        return True, f"{manager.host}: the role of {username} is not told, so it is not checked"
    if role.lower() in READING_ROLES:
        return True, f"{manager.host}: {username} has the role {role}, which may read only"
    return True, f"{manager.host}: WARNING: {username} has the role {role}, which may write; Auditor is enough"


async def _director_lines(client: NsxvClient) -> tuple[Line, ...]:
    try:
        listed = client.reach.listed() or ()
    except SourceError as error:
        return ((False, str(error)),)
    lines: list[Line] = [(True, f"NSX-V gateways that the director knows: {len(listed)}")]
    if listed:
        edge, name = listed[0]
        path = f"{client.reach.root}/edges/{edge}/statistics/interfaces/uplink"
        try:
            await client.reach.get(path, DISCOVERY_RETRY)
            lines.append((True, f"rates of gateway {name} can be read through the director"))
        except SourceError as error:
            lines.append((False, f"rates of gateway {name} cannot be read through the director: {error}"))
    return tuple(lines)
