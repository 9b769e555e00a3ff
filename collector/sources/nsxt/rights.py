"""What ``check --online`` says of an account: whether it may write, and which of the optional lists it can read."""

from __future__ import annotations

import msgspec

from collector.errors import ObjectGone, SourceError
from collector.sources.manager import Manager
from collector.sources.nsxt.client import NsxtClient, decoded
from collector.sources.nsxt.dto import Managed, Page, RoleDto, UserInfoDto
from collector.sources.nsxt.endpoints import (
    USER_INFO,
    VERSION_OF_PROJECTS,
    VERSION_OF_TRANSIT_GATEWAYS,
    VERSION_OF_VPCS,
    Endpoints,
    is_at_least,
)
from collector.sources.nsxt.options import NsxtOptions
from collector.sources.nsxt.statistics import UNREADABLE

Line = tuple[bool, str]

ROLES_MAX = 20
"""Roles named in a line; an account for metering has one."""

WRITING_PERMISSIONS = {"crud", "execute", "read-write-api"}
"""Source: NSX type NsxRole."""


async def account_line(client: NsxtClient, manager: Manager, endpoints: Endpoints) -> Line:
    """Return whether the account may write, as far as its roles tell. It is no fault: metering works all the same.

    Source: NSX types UserInfo and RolesForPath.
    """
    try:
        info = await _user_info(client, manager, endpoints)
    except SourceError as error:
        return True, f"{manager.host}: whether the account may write could not be told: {error}"
    roles = [*(info.roles or ()), *(role for each in info.roles_for_paths or () for role in each.roles or ())]
    verdicts = {role.role: may_write(role) for role in roles}
    writing = [name for name, verdict in verdicts.items() if verdict]
    unknown = [name for name, verdict in verdicts.items() if verdict is None]
    if writing:
        words = f"the account may write ({_named(writing)}); metering only reads, so give it the role Auditor"
    elif unknown or not verdicts:
        words = f"whether the account may write could not be told: {_named(unknown) if unknown else 'it has no roles'}"
    else:
        words = f"the account may only read ({_named(list(verdicts))})"
    return True, f"{manager.host}: {words}"


async def _user_info(client: NsxtClient, manager: Manager, endpoints: Endpoints) -> UserInfoDto:
    """Return who we are to a manager. Where its policy root does not know it, the manager's own API does."""
    path = f"{endpoints.root}{USER_INFO}"
    try:
        return decoded(await client.http.get_at(manager, path), UserInfoDto, path)
    except ObjectGone:
        path = f"/api/v1{USER_INFO}"
        return decoded(await client.http.get_at(manager, path), UserInfoDto, path)


def may_write(role: RoleDto) -> bool | None:
    """Return whether a role may write; ``None`` where neither its name nor its permissions tell.

    Built-in roles that only read are called ``auditor`` or end with it. Roles can be made by anyone, so a name that
    says nothing proves nothing.
    """
    name = role.role.lower()
    if any(word in name for word in ("write", "admin", "engineer")):
        return True
    if name == "auditor" or name.endswith("_auditor") or "read" in name:
        return False
    return bool(WRITING_PERMISSIONS & set(role.permissions)) if role.permissions else None


async def part_lines(
    client: NsxtClient, manager: Manager, endpoints: Endpoints, options: NsxtOptions, version: tuple[int, ...]
) -> list[Line]:
    """Return which of the lists that the settings ask for can be read: one line for each of them."""
    lister = _Lister(client, manager, endpoints)
    if options.directory:
        await lister.first(f"{endpoints.infra}/segments", "segments", "segment-backed uplinks are not recognised")
    if options.vpn:
        await _try_vpn(lister, endpoints)
    if options.projects == "none" or options.federation or not is_at_least(version, VERSION_OF_PROJECTS):
        return lister.lines
    project = await lister.first(endpoints.projects, "Projects", "their gateways are not metered")
    if project is None or not options.vpcs:
        return lister.lines
    for name, since in (("vpcs", VERSION_OF_VPCS), ("transit-gateways", VERSION_OF_TRANSIT_GATEWAYS)):
        if is_at_least(version, since):
            await lister.first(f"{project}/{name}", name, "they are not metered")
    return lister.lines


async def _try_vpn(lister: _Lister, endpoints: Endpoints) -> None:
    """Look for VPN services at one gateway: what the account may read there it may read at all."""
    gateway = await lister.quietly(f"{endpoints.infra}/tier-1s") or await lister.quietly(f"{endpoints.infra}/tier-0s")
    if gateway is None:
        lister.lines.append((True, f"{lister.host}: VPN services: there is no gateway to try it at"))
        return
    for name in ("l2vpn-services", "ipsec-vpn-services"):
        await lister.first(f"{gateway}/{name}", name, "their sessions are not metered")


class _Lister:
    """Asks one manager for the first row of lists.

    Attributes:
        host: The manager.
        lines: What there is to say.
    """

    def __init__(self, client: NsxtClient, manager: Manager, endpoints: Endpoints) -> None:
        self.host = manager.host
        self.lines: list[Line] = []
        self._client = client
        self._manager = manager
        self._endpoints = endpoints

    async def first(self, path: str, words: str, else_: str) -> str | None:
        """Return the policy path of a list's first row, and say whether the list can be read.

        Args:
            path: Policy path of the list.
            words: What it lists.
            else_: What comes of it that it cannot be read.
        """
        try:
            page = await self._page(path)
        except ObjectGone:
            self.lines.append((True, f"{self.host}: {words}: this release has none"))
            return None
        except SourceError as error:
            self.lines.append((False, f"{self.host}: {words} cannot be listed, so {else_}: {error}"))
            return None
        self.lines.append((True, f"{self.host}: {words} can be listed"))
        return _first(page)

    async def quietly(self, path: str) -> str | None:
        """Return the policy path of a list's first row, or ``None``: other lines tell whether it can be read."""
        try:
            return _first(await self._page(path))
        except SourceError:
            return None

    async def _page(self, path: str) -> Page:
        request = self._endpoints.of(path, [("page_size", "1")])
        return decoded(await self._client.http.get_at(self._manager, request), Page, request)


def _first(page: Page) -> str | None:
    for raw in page.results or ():
        try:
            return msgspec.json.decode(raw, type=Managed).path
        except UNREADABLE:
            continue
    return None


def _named(roles: list[str]) -> str:
    shown = ", ".join(sorted(roles)[:ROLES_MAX])
    return f"{'role' if len(roles) == 1 else 'roles'} {shown}"
