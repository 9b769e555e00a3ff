"""Answers of the NSX-V API in both of its forms: XML, which it sends by default, and JSON where that is asked for.

Sources: the vendor's RAML of the NSX-V API (paths, ``pagedEdgeList``), the models of VMware Cloud on AWS, which has the
same edge API (``dataDto``, ``metaDto``, ``vnic_0`` to ``vnic_9``; EdgeSummary; Vnic). The XML form of statistics and
the error body are inferred from the product's API guide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, Literal
from xml.sax.saxutils import escape

import msgspec
from aiohttp import web

from simulator.answers import JSON, encode
from simulator.edges import Edge, Vnic
from simulator.nsxv_specs import VNICS_MAX

XML: Final = "application/xml"
MODULE: Final = "core-services"

Row = dict[str, str]
"""A sample or the meta block as it is written: names to the texts of numbers, which faults may change or take away."""

Tree = str | Sequence["Tree"] | Mapping[str, "Tree"]
"""What is inside an XML element: text, members, or as many elements of one name as the sequence has."""


def rate_text(rate: Decimal, notation: Literal["plain", "exponent"]) -> str:
    """Return a rate as it is written; both notations are the same number."""
    if notation == "plain":
        return f"{rate:f}"
    mantissa, _, exponent = f"{rate:e}".partition("e")
    return f"{mantissa}e{int(exponent):+03d}"


class Writer:
    """Writes answers in the form that a request asks for.

    Args:
        accept: The request's ``Accept``.
        namespace: The default namespace of XML answers; none, if empty.
        typed: Whether vNICs tell their type.
    """

    def __init__(self, accept: str, namespace: str, *, typed: bool) -> None:
        self._json = JSON in accept
        self._namespace = namespace
        self._typed = typed

    def edges(self, rows: Sequence[Edge], start: int, size: int, total: int) -> web.Response:
        """Return a page of the list of edges."""
        paging: dict[str, object] = {
            "pageSize": size, "startIndex": start, "totalCount": total, "sortOrderAscending": True, "sortBy": "id",
        }  # fmt: skip
        found = [_summary(edge) for edge in rows]
        if self._json:
            return _json({"edgePage": {"pagingInfo": paging, "data": found}})
        return self._xml("pagedEdgeList", {"edgePage": {"pagingInfo": _texts(paging), "edgeSummary": _texts(found)}})

    def vnics(self, edge: Edge) -> web.Response:
        """Return all vNICs of an edge; those that are not in use are there too."""
        rows = [self._vnic(index, edge.vnics.get(index)) for index in range(VNICS_MAX)]
        if self._json:
            return _json({"vnics": [row | {"addressGroups": {"addressGroups": row["addressGroups"]}} for row in rows]})
        wrapped = [row | {"addressGroups": {"addressGroup": row["addressGroups"]}} for row in rows]
        return self._xml("vnics", {"vnic": _texts(wrapped)})

    def statistics(self, meta: Row, series: Mapping[int, Sequence[Row]] | None, vnics: Sequence[Vnic]) -> web.Response:
        """Return rates; without ``series`` the answer has no data member at all."""
        if self._json:
            answer: dict[str, object] = {}
            if series is not None:
                answer["dataDto"] = {f"vnic_{index}": [_raw(row) for row in rows] for index, rows in series.items()}
            answer["metaDto"] = _raw(meta) | {"vnics": [self._vnic(vnic.index, vnic) for vnic in vnics]}
            return _json(answer)
        tree: dict[str, Tree] = {"meta": meta}
        if series is not None:
            tree["data"] = {"statistic": [row for rows in series.values() for row in rows]}
        return self._xml("statistics", tree)

    def error(self, status: int, code: int, details: str) -> web.Response:
        """Return an error of the product."""
        body = {"errorCode": code, "details": details, "moduleName": MODULE}
        if self._json:
            return _json(body | {"rootCauseString": None}, status)
        return self._xml("error", _texts(body), status)

    def _vnic(self, index: int, vnic: Vnic | None) -> dict[str, object]:
        row = _vnic(index, vnic)
        if not self._typed:
            del row["type"]
        return row

    def _xml(self, name: str, tree: Tree, status: int = 200) -> web.Response:
        opened = f'{name} xmlns="{escape(self._namespace)}"' if self._namespace else name
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{opened}>{_inside(tree)}</{name}>'
        return web.Response(body=text.encode(), status=status, content_type=XML, charset="UTF-8")


def _inside(tree: Tree) -> str:
    if isinstance(tree, str):
        return escape(tree)
    if not isinstance(tree, Mapping):
        raise TypeError(f"BUG: {tree!r} has no name")
    return "".join(_element(name, value) for name, value in tree.items())


def _element(name: str, value: Tree) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "".join(_element(name, one) for one in value)
    inside = _inside(value)
    return f"<{name}>{inside}</{name}>" if inside else f"<{name}/>"


def _texts(value: object) -> Tree:
    """Return plain data as what is inside an XML element."""
    if isinstance(value, Mapping):
        return {name: _texts(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_texts(one) for one in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def _raw(row: Row) -> dict[str, object]:
    """Return a row whose numbers are written to JSON as they stand, every digit of them."""
    return {name: msgspec.Raw((text or '""').encode()) for name, text in row.items()}


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(body=encode(body), status=status, content_type=JSON)


def _summary(edge: Edge) -> dict[str, object]:
    kind = "distributedRouter" if edge.is_distributed else "gatewayServices"
    return {
        "objectId": edge.id, "objectTypeName": "Edge", "revision": 4, "name": edge.name, "isUniversal": False,
        "id": edge.id, "state": "deployed", "edgeType": kind, "tenantId": edge.tenant or "default",
        "apiVersion": "4.0", "edgeStatus": "GREEN",
        "appliancesSummary": {
            "vmVersion": "6.4.14", "applianceSize": "compact", "numberOfDeployedVms": 2 if edge.ha else 1,
            "activeVseHaIndex": edge.active,
        },
    }  # fmt: skip


def _vnic(index: int, vnic: Vnic | None) -> dict[str, object]:
    row: dict[str, object] = {"label": f"vNic_{index}", "name": f"vnic{index}" if vnic is None else vnic.name}
    address = {"primaryAddress": f"203.0.113.{index + 1}", "subnetMask": "255.255.255.0", "subnetPrefixLength": 24}
    row["addressGroups"] = [] if vnic is None else [address]
    row |= {"mtu": 1_500, "type": "internal" if vnic is None else vnic.type, "isConnected": vnic is not None}
    row["index"] = index
    if vnic is not None:
        row |= {"portgroupId": f"dvportgroup-{100 + index}", "portgroupName": vnic.portgroup}
    if vnic is not None and vnic.type == "trunk":
        row["subInterfaces"] = {"subInterfaces": [{"isConnected": True, "label": f"vNic_{10 + index}", "tunnelId": 1}]}
    return row
