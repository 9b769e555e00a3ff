"""The legacy API, as far as a meter reads it: versions, the query service, the NSX managers.

Sources: VMware go-vcloud-director, types/v56 (SupportedVersions, QueryResultRecordsType) and api_vcd_versions.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

from simulator.vcd.answers import NAMESPACE, XML, XML_HEAD
from simulator.vcd.cloud import Cloud
from simulator.vcd.page import Json, Page, Wrong

MANAGERS = "/api/admin/extension/nsxtManagers/"


class LegacyApi:
    """What is asked below ``/api/``.

    Args:
        cloud: The director's state.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def versions(self, base: str) -> Page:
        """Return the versions of the API; they are shown to everybody."""
        infos = "".join(
            f'<VersionInfo deprecated="{str(one.deprecated).lower()}"><Version>{one.version}</Version>'
            f"<LoginUrl>{escape(base)}/api/sessions</LoginUrl></VersionInfo>"
            for one in self._cloud.spec.versions
        )
        text = f'{XML_HEAD}<SupportedVersions xmlns="http://www.vmware.com/vcloud/versions">{infos}</SupportedVersions>'
        return Page(None, raw=text.encode(), content_type=XML)

    def get(self, path: str, query: Mapping[str, str], *, accept: str, base: str, nsx_url: str) -> Page:
        """Return the answer to a path.

        Args:
            path: As it was asked.
            query: Of it.
            accept: The request's ``Accept``.
            base: The director's address.
            nsx_url: Address of the NSX manager.

        Raises:
            Wrong: An error of the product.
        """
        as_json = "json" in accept
        if path == "/api/query":
            return self._query(query, base, nsx_url, as_json=as_json)
        if path == f"{MANAGERS}{self._cloud.manager.uuid}":
            manager = {"name": self._cloud.manager.name, "id": self._cloud.manager.urn, "url": nsx_url}
            if as_json:
                return Page(manager | {"networkProviderScope": None, "globalManager": False, "tasks": None})
            return _xml(f'<NsxtManager xmlns="{NAMESPACE}" {_attributes(manager)}/>')
        raise Wrong(404, f"The path {path} is not known.")

    def _query(self, query: Mapping[str, str], base: str, nsx_url: str, *, as_json: bool) -> Page:
        kind = query.get("type", "")
        if kind == "nsxTManager":
            name, records = "NsxTManagerRecord", [self._manager(base, nsx_url)]
        elif kind == "adminOrgVdc":
            name, records = "AdminVdcRecord", self._vdcs(base)
        else:
            raise Wrong(400, f"The type '{kind}' is not known.")
        counts = {"total": len(records), "page": 1, "pageSize": 128, "name": kind}
        if as_json:
            typed = [{"_type": f"QueryResult{name}Type"} | one for one in records]
            return Page(counts | {"record": typed, "href": f"{base}/api/query"})
        rows = "".join(f"<{name} {_attributes(one)}/>" for one in records)
        return _xml(f'<QueryResultRecords xmlns="{NAMESPACE}" {_attributes(counts)}>{rows}</QueryResultRecords>')

    def _manager(self, base: str, nsx_url: str) -> Json:
        manager = self._cloud.manager
        return {"name": manager.name, "href": f"{base}{MANAGERS}{manager.uuid}", "url": nsx_url, "isBusy": False}

    def _vdcs(self, base: str) -> list[Json]:
        return [
            {"name": vdc.name, "href": f"{base}/api/admin/vdc/{vdc.uuid}", "orgName": org.name,
             "org": f"{base}/api/admin/org/{org.uuid}", "isEnabled": org.enabled}
            for org in self._cloud.orgs.values()
            for vdc in org.vdcs
        ]  # fmt: skip


def _attributes(members: Mapping[str, object]) -> str:
    texts = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in members.items()}
    return " ".join(f"{name}={quoteattr(text)}" for name, text in texts.items())


def _xml(text: str) -> Page:
    return Page(None, raw=f"{XML_HEAD}{text}".encode(), content_type=XML)
