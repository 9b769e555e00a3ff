"""The NSX managers that Cloud Director knows, with their addresses, by its query service."""

from __future__ import annotations

import re

import msgspec
from defusedxml.ElementTree import fromstring

from collector.errors import ResponseInvalid
from collector.model.directory import Manager
from collector.sources.answers import Answer
from collector.sources.manager import Manager as Cell
from collector.sources.vcd.client import VcdClient
from collector.sources.vcd.dto import ManagerRecord, Records
from collector.sources.vcd.versions import XML_FAULTS, local_name
from collector.sources.vcd.words import UNREADABLE

MANAGERS_PATH = "/api/query?type=nsxTManager&format=records&page=1&pageSize=128"
"""Not found in the vendor's library, and older than the OpenAPI: an answer of another shape costs no map."""

LEGACY_KIND = "*+json"
"""The legacy API's JSON; a release that has none answers XML."""

RECORD = "NsxTManagerRecord"

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


async def read_managers(client: VcdClient, cell: Cell | None = None) -> list[Manager]:
    """Return the NSX managers, as the current cell or the one given lists them. Raises SourceError."""
    answer = await client.get(MANAGERS_PATH, client.api.accept(LEGACY_KIND), cell)
    records = _from_xml(answer) if answer.body.lstrip().startswith(b"<") else _from_json(answer)
    managers = [manager for manager in map(_manager, records) if manager is not None]
    if len(managers) < len(records):
        raise ResponseInvalid(f"{MANAGERS_PATH}: an NSX manager has no identifier")
    return managers


def _from_json(answer: Answer) -> list[ManagerRecord]:
    try:
        found = msgspec.json.decode(answer.body, type=Records)
        if found.record is None:
            raise ResponseInvalid(f"{MANAGERS_PATH}: expected records")
        return [msgspec.json.decode(raw, type=ManagerRecord) for raw in found.record]
    except UNREADABLE as error:
        raise ResponseInvalid(f"{MANAGERS_PATH}: expected records of NSX managers: {error}") from error


def _from_xml(answer: Answer) -> list[ManagerRecord]:
    try:
        root = fromstring(answer.body, forbid_dtd=True)
    except XML_FAULTS as error:
        raise ResponseInvalid(f"{MANAGERS_PATH}: expected records of NSX managers: {error}") from error
    if local_name(root) != "QueryResultRecords":
        raise ResponseInvalid(f"{MANAGERS_PATH}: expected QueryResultRecords, got {local_name(root)[:80]}")
    found = (element.attrib for element in root if local_name(element).lower() == RECORD.lower())
    return [
        ManagerRecord(name=of.get("name", ""), id=of.get("id"), href=of.get("href"), url=of.get("url")) for of in found
    ]


def _manager(record: ManagerRecord) -> Manager | None:
    uuids = _UUID.findall(f"{record.id or ''} {record.href or ''}")
    if not uuids or not record.name:
        return None
    return Manager(f"urn:vcloud:nsxtmanager:{uuids[0].lower()}", record.name, record.url or "")
