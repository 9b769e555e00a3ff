"""What ``check --online`` says of an NSX source, manager by manager."""

from __future__ import annotations

from collector.clock import Clock
from collector.errors import SourceError
from collector.sources.answers import Answer, http_date
from collector.sources.manager import Manager
from collector.sources.nsxt.client import NsxtClient, decoded
from collector.sources.nsxt.dto import ApiServiceDto, Page
from collector.sources.nsxt.endpoints import API_SERVICE_PATH, VERSION_OF_LINKS, Endpoints, is_at_least, parse_version
from collector.sources.nsxt.options import BasicLogin, NsxtOptions, SessionLogin
from collector.sources.nsxt.rights import Line, account_line, part_lines

CLOCK_DIFFERENCE_SECONDS_MAX = 60
"""Beyond a minute the line asks for NTP. It is no fault: every number rests on the manager's time alone."""


async def online_report(client: NsxtClient, options: NsxtOptions, clock: Clock) -> tuple[Line, ...]:
    """Return (ok, words) for every manager: log-in, version, clock, rights, limits.

    A manager that does not let us in gets one line; refused credentials are tried at one manager only, since
    accounts lock.
    """
    lines: list[Line] = []
    if options.http.tls.insecure:
        lines.append((True, "TLS: any certificate is taken (tls.verify is false); pin it with tls.fingerprint instead"))
    for manager in client.http.managers:
        try:
            lines.extend(await _manager_lines(client, manager, options, clock))
        except SourceError as error:
            lines.append((False, f"{manager.host}: {error}"))
    return tuple(lines)


async def _manager_lines(client: NsxtClient, manager: Manager, options: NsxtOptions, clock: Clock) -> list[Line]:
    version, answer = await client.version(manager)
    lines = [(True, f"{manager.host}: logged in, version {version or 'unknown'}")]
    if not is_at_least(parse_version(version), VERSION_OF_LINKS):
        lines.append((True, f"{manager.host}: before 3.2, so links are read from the Tier-0's summary"))
    lines.extend(_clock_line(manager, answer, clock))
    endpoints = Endpoints(options.federation, options.enforcement_point, options.org)
    lines.append(await _right_line(client, manager, endpoints, "tier-0s"))
    lines.append(await _right_line(client, manager, endpoints, "tier-1s"))
    lines.extend(await part_lines(client, manager, endpoints, options, parse_version(version)))
    lines.append(await account_line(client, manager, endpoints))
    lines.extend(await _limit_lines(client, manager, options))
    return lines


def _clock_line(manager: Manager, answer: Answer, clock: Clock) -> list[Line]:
    at = http_date(answer.headers.get("Date", ""))
    if at is None:
        return []
    seconds = (at - clock.now()) / 1_000
    words = f"{manager.host}: its clock is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} ours"
    if abs(seconds) > CLOCK_DIFFERENCE_SECONDS_MAX:
        words += "; usage carries the manager's time, so set both by NTP"
    return [(True, words)]


async def _right_line(client: NsxtClient, manager: Manager, endpoints: Endpoints, name: str) -> Line:
    path = endpoints.of(f"{endpoints.infra}/{name}", [("page_size", "1")])
    try:
        page = decoded(await client.http.get_at(manager, path), Page, path)
    except SourceError as error:
        return False, f"{manager.host}: {name} cannot be listed: {error}"
    total = page.result_count if page.result_count is not None else len(page.results or ())
    return True, f"{manager.host}: {name} can be listed: {total}"


async def _limit_lines(client: NsxtClient, manager: Manager, options: NsxtOptions) -> list[Line]:
    try:
        answer = await client.http.get_at(manager, API_SERVICE_PATH)
        limits = decoded(answer, ApiServiceDto, API_SERVICE_PATH)
    except SourceError as error:
        # A read-only account need not see them, and metering works without.
        return [(True, f"{manager.host}: its limits cannot be read, so requests_per_second is not checked: {error}")]
    ours = options.http
    return [
        *_limit(manager, "requests_per_second", ours.requests_per_second, limits.client_api_rate_limit),
        *_limit(manager, "concurrency", ours.concurrency, limits.client_api_concurrency_limit),
        *_login_lines(manager, options, limits),
    ]


def _limit(manager: Manager, name: str, ours: int, theirs: int | None) -> list[Line]:
    if theirs is None:
        return []
    if theirs == 0:
        return [(True, f"{manager.host}: {name}: {ours}, and the manager sets no limit")]
    if ours > theirs:
        return [(False, f"{manager.host}: {name}: {ours} is above the manager's limit of {theirs}: lower it")]
    return [(True, f"{manager.host}: {name}: {ours} of the manager's {theirs}")]


def _login_lines(manager: Manager, options: NsxtOptions, limits: ApiServiceDto) -> list[Line]:
    ways = (
        (SessionLogin, "session", limits.cookie_based_authentication_enabled),
        (BasicLogin, "basic", limits.basic_authentication_enabled),
    )
    return [
        (False, f"{manager.host}: the manager has log-in by {name} switched off: choose another auth")
        for kind, name, enabled in ways
        if isinstance(options.login, kind) and enabled is False
    ]
