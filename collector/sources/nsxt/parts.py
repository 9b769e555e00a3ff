"""The lists of an inventory beside gateways and interfaces: tunnels, VPCs, transit gateways, segments.

A release or an account may not have them. A list that the release does not know, or that the account may not read, is
a fault in words and leaves the inventory complete; one that fails in another way makes it incomplete, as any list does,
and what the previous inventory knew goes on being metered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import msgspec

from collector.errors import AuthFailed, ObjectGone, SourceError
from collector.sources.nsxt.dto import Managed, ProjectDto, SegmentDto, VpcDto, VpnServiceDto, VpnSessionDto
from collector.sources.nsxt.endpoints import (
    VERSION_OF_TRANSIT_GATEWAYS,
    VERSION_OF_VPCS,
    VERSION_WITH_TRANSIT_GATEWAYS,
    is_at_least,
)
from collector.sources.nsxt.reader import ListReader
from collector.sources.nsxt.snapshot import Gateway, Session, Snapshot, Vpc

GONE_MAX = 2
"""So many gateways without a list, and none that has it: the release does not know it. One alone may just be gone."""

VPN_LISTS = (("l2vpn-services", False), ("ipsec-vpn-services", True))
"""Name of the list, and whether its sessions are IPsec's."""

GATEWAY_FORMS = (("Tier-0s", 0, False), ("Tier-1s", 1, False), ("Tier-1s of Projects", 1, True))
"""Kinds of gateways, each with endpoints of its own: words, tier, in a Project."""


class Parts:
    """Reads them within one discovery."""

    def __init__(self, reader: ListReader, version: tuple[int, ...], previous: Snapshot | None) -> None:
        self._reader = reader
        self._version = version
        self._previous = previous

    # --- tunnels ------------------------------------------------------------------------------------------------------

    async def read_sessions(self, gateways: dict[str, Gateway]) -> None:
        """Put the sessions of their VPN services into the gateways that have a service router, the only ones that
        can have such services.

        It costs two calls a gateway and one a service. Raises SourceError when the source went away.
        """
        previous = self._previous.gateways if self._previous is not None else {}
        for words, tier, in_project in GATEWAY_FORMS:
            paths = [
                path
                for path, gateway in gateways.items()
                if (gateway.tier, gateway.project is not None) == (tier, in_project) and _may_have_services(gateway)
            ]
            for path in paths:
                if path in previous:
                    gateways[path] = msgspec.structs.replace(gateways[path], sessions=previous[path].sessions)
            for name, ipsec in VPN_LISTS:
                await _SessionLists(self._reader, gateways, name, f"{name} of {words}", ipsec=ipsec).read(paths)

    # --- VPCs ---------------------------------------------------------------------------------------------------------

    async def read_vpcs(self, projects: Sequence[ProjectDto]) -> dict[str, Vpc]:
        """Return the VPCs and transit gateways of Projects.

        It costs a call a Project for each of the two, as far as the release has them. Raises SourceError when the
        source went away.
        """
        found: dict[str, Vpc] = {}
        lists = [("vpcs", VERSION_OF_VPCS, False), ("transit-gateways", VERSION_OF_TRANSIT_GATEWAYS, True)]
        for name, since, transit in lists:
            if is_at_least(self._version, since):
                await self._read_vpc_lists(projects, name, found, transit=transit)
        return found

    async def _read_vpc_lists(
        self, projects: Sequence[ProjectDto], name: str, found: dict[str, Vpc], *, transit: bool
    ) -> None:
        known = self._known(transit=transit)
        gone: list[ObjectGone] = []
        has_answered = False
        for project in projects:
            try:
                listing = await self._reader.certain(f"{project.path}/{name}", VpcDto)
            except ObjectGone as error:
                gone.append(error)
                if len(gone) == GONE_MAX and not has_answered:
                    break
                continue
            except AuthFailed as error:
                self._reader.refused(f"{name} are not metered", error)
                found.update({at: vpc for at, vpc in known.items() if at not in found})
                return
            except SourceError as error:
                self._reader.lacking(error)
                continue
            has_answered = True
            found.update((dto.path, _vpc(dto, project, transit=transit)) for dto in listing.rows if _is_there(dto))
        if gone and not has_answered:
            self._no_such_vpcs(name, gone[0], has_known=bool(known), is_expected=transit)

    def _no_such_vpcs(self, name: str, error: ObjectGone, *, has_known: bool, is_expected: bool) -> None:
        if has_known:
            # It was there: then it is the answer that is wrong, and what is known stays.
            self._reader.lacking(error)
        elif not is_expected or is_at_least(self._version, VERSION_WITH_TRANSIT_GATEWAYS):
            self._reader.refused(f"{name}: this release has none", error)

    def _known(self, *, transit: bool) -> dict[str, Vpc]:
        """Return what was there when it could be read: that nobody may look now proves no deletion."""
        vpcs = self._previous.vpcs if self._previous is not None else {}
        return {path: vpc for path, vpc in vpcs.items() if vpc.transit is transit}

    # --- segments -----------------------------------------------------------------------------------------------------

    async def read_segments(self, gateways: dict[str, Gateway]) -> dict[str, str]:
        """Return the segments that service interfaces name, path to ``unique_id``.

        Only the lists are read that can have them: the provider's and those of Projects. One that cannot be read is a
        fault, and what it said before still counts. Raises SourceError when the source went away.
        """
        interfaces = (each for gateway in gateways.values() for each in gateway.interfaces if not each.external)
        named = sorted({each.segment for each in interfaces if each.segment})
        known = self._previous.segments if self._previous is not None else {}
        found = {path: known.get(path, "") for path in named}
        for parent in dict.fromkeys(path.rpartition("/")[0] for path in named):
            if not parent.endswith("infra/segments"):
                continue  # A fixed segment of a Tier-1 stands in no list of its own worth a call: its path names it.
            listing = await self._reader.optional(parent, SegmentDto)
            for dto in listing.rows if listing is not None else ():
                if dto.path in found and dto.unique_id:
                    found[dto.path] = dto.unique_id
        return found


class _SessionLists:
    """The services of one kind, of gateways of one kind, with their sessions."""

    def __init__(self, reader: ListReader, gateways: dict[str, Gateway], name: str, words: str, *, ipsec: bool) -> None:
        self._reader = reader
        self._gateways = gateways
        self._name = name
        self._words = words
        self._ipsec = ipsec
        self._is_refused = False

    async def read(self, paths: Iterable[str]) -> None:
        """Read them of each gateway: first of one alone, since the release may not know the list at all."""
        queue = deque(paths)
        was_there = any(each.ipsec is self._ipsec for path in queue for each in self._gateways[path].sessions)
        gone: list[ObjectGone] = []
        while queue:
            try:
                await self._read_of(queue.popleft())
                break
            except ObjectGone as error:
                gone.append(error)
            if len(gone) == GONE_MAX:
                queue.clear()
        else:
            if gone:
                self._no_such_list(gone[0], was_there=was_there)
        await self._reader.for_each(queue, self._read_if_there)

    def _no_such_list(self, error: ObjectGone, *, was_there: bool) -> None:
        if was_there:
            # Then it is the answer that is wrong, and what is known stays.
            self._reader.lacking(error)
        else:
            self._reader.refused(f"{self._words}: this release has none", error)

    async def _read_if_there(self, path: str) -> None:
        if self._is_refused:
            return
        try:
            await self._read_of(path)
        except ObjectGone:
            self._put(path, [])

    async def _read_of(self, path: str) -> None:
        """Read the services of a gateway with their sessions. Raises ObjectGone when it has no such list."""
        try:
            listing = await self._reader.certain(f"{path}/{self._name}", VpnServiceDto)
        except ObjectGone:
            raise
        except AuthFailed as error:
            if not self._is_refused:
                self._reader.refused(f"{self._words}: their sessions are not metered", error)
            self._is_refused = True
            return
        except SourceError as error:
            self._reader.lacking(error)
            return
        found: list[Session] = []
        for service in listing.rows:
            if not _is_there(service):
                continue
            sessions = await self._reader.listing(f"{service.path}/sessions", VpnSessionDto)
            if sessions is None:
                return  # The inventory is incomplete, and what is known stays.
            found.extend(_session(dto, ipsec=self._ipsec) for dto in sessions.rows if _is_there(dto))
        self._put(path, found)

    def _put(self, path: str, found: Iterable[Session]) -> None:
        gateway = self._gateways[path]
        others = (session for session in gateway.sessions if session.ipsec is not self._ipsec)
        ordered = sorted((*others, *found), key=lambda session: session.path)
        self._gateways[path] = msgspec.structs.replace(gateway, sessions=tuple(ordered))


def _may_have_services(gateway: Gateway) -> bool:
    """True with a service router: an edge cluster of its own or, for a VRF, its parent's."""
    return bool(gateway.clusters) or (gateway.tier == 0 and gateway.parent is not None)


def _is_there(dto: Managed) -> bool:
    return not dto.marked_for_delete


def _session(dto: Managed, *, ipsec: bool) -> Session:
    return Session(
        path=dto.path,
        name=dto.name,
        ipsec=ipsec,
        tags=dto.tag_pairs,
        uid=dto.unique_id or "",
        created=dto.created_at,
    )


def _vpc(dto: Managed, project: ProjectDto, *, transit: bool) -> Vpc:
    return Vpc(
        path=dto.path,
        name=dto.name,
        project=project.name,
        tier0s=project.tier_0s or (),
        transit=transit,
        tags=dto.tag_pairs,
        uid=dto.unique_id or "",
        created=dto.created_at,
    )
