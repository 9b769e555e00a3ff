"""Wrong and half answers, by name: what ``spoil`` does to a page, an object, the versions or a token.

Each one is what a meter must survive: nothing of it may be taken for the whole truth.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any, Final

from msgspec import json

from simulator.vcd.page import Page

Spoil = Callable[[Page], None]

STALE: Final = "stale"
"""The list as it was some time ago; the one that is made before there is a page."""

DEEP: Final = 5_000
NOBODY: Final = "00000000-0000-4000-8000-000000000000"


def spoil(name: str, page: Page) -> None:
    """Spoil an answer; what does not fit its kind leaves it as it is."""
    if name != STALE:
        _SPOILS[name](page)


# Counts and rows ----------------------------------------------------------------------------------------------------


def _count(name: str, change: Callable[[int], object]) -> Spoil:
    def apply(page: Page) -> None:
        if isinstance(page.document, dict) and isinstance(page.document.get(name), int):
            page.document[name] = change(page.document[name])

    return apply


def _total_grows(page: Page) -> None:
    if page.number > 1:
        _count("resultTotal", lambda total: total + 1)(page)


def _put(name: str, value: object) -> Spoil:
    def apply(page: Page) -> None:
        if isinstance(page.document, dict) and name in page.document:
            page.document[name] = deepcopy(value)

    return apply


def _drop(name: str) -> Spoil:
    def apply(page: Page) -> None:
        if isinstance(page.document, dict):
            page.document.pop(name, None)

    return apply


def _short_page(page: Page) -> None:
    del page.values[-1:]


def _empty_page(page: Page) -> None:
    page.values.clear()


def _empty_list(page: Page) -> None:
    page.values.clear()
    page.links.clear()
    for name, count in (("resultTotal", 0), ("pageCount", 0)):
        _put(name, count)(page)


def _repeat_page(page: Page) -> None:
    if page.before:
        page.values[:] = page.before


def _twice(page: Page) -> None:
    if len(page.values) > 1:
        page.values[-1] = page.values[0]


def _double(page: Page) -> None:
    page.values[:0] = page.values[:1]


# One row of a list, or the object itself ----------------------------------------------------------------------------


def _row_is(value: object) -> Spoil:
    def apply(page: Page) -> None:
        if page.values:
            page.values[len(page.values) // 2] = deepcopy(value)

    return apply


def _row(change: Callable[[dict[str, Any]], None]) -> Spoil:
    """Return what changes the row in the middle, which others share, so a copy of it is changed."""

    def apply(page: Page) -> None:
        values = page.values
        middle = len(values) // 2
        if values and isinstance(values[middle], dict):
            values[middle] = deepcopy(values[middle])
            change(values[middle])
        elif isinstance(page.document, dict) and "values" not in page.document:
            page.document = deepcopy(page.document)
            change(page.document)

    return apply


def _with(path: str, value: object) -> Spoil:
    """Return what writes a value in place of a member that is there; ``0`` in a path is the first of an array."""

    def change(row: dict[str, Any]) -> None:
        target: Any = row
        *outer, last = path.split(".")
        for name in outer:
            if isinstance(target, list):
                target = target[0] if target else None
            else:
                target = target.get(name) if isinstance(target, dict) else None
        if isinstance(target, list):
            target = target[0] if target else None
        if isinstance(target, dict) and last in target:
            target[last] = deepcopy(value)

    return _row(change)


def _without(*names: str) -> Spoil:
    def change(row: dict[str, Any]) -> None:
        for name in names:
            row.pop(name, None)

    return _row(change)


def _nobody(kind: str) -> dict[str, str]:
    return {"name": "nobody", "id": f"urn:vcloud:{kind}:{NOBODY}"}


# Whole documents ----------------------------------------------------------------------------------------------------


def _document_is(value: object) -> Spoil:
    def apply(page: Page) -> None:
        page.document = deepcopy(value)

    return apply


def _in_a_list(page: Page) -> None:
    page.document = [page.document]


def _raw_is(raw: bytes) -> Spoil:
    def apply(page: Page) -> None:
        page.raw = raw

    return apply


def _raw(change: Callable[[bytes], bytes]) -> Spoil:
    def apply(page: Page) -> None:
        page.raw = change(page.raw if page.raw is not None else json.encode(page.document))

    return apply


def _no_content(page: Page) -> None:
    page.raw, page.status = b"", 204
    page.links.clear()


def _named_html(page: Page) -> None:
    page.content_type = "text/html"


def _extra(page: Page) -> None:
    if isinstance(page.document, dict):
        page.document["somethingNew"] = {"of": ["another", 2, {"release": None}]}


# Links --------------------------------------------------------------------------------------------------------------


def _next_is(target: Callable[[Page], str]) -> Spoil:
    def apply(page: Page) -> None:
        for index, link in enumerate(page.links):
            if 'rel="nextPage"' in link:
                page.links[index] = re.sub(r"^<[^>]*>", f"<{target(page)}>", link)

    return apply


def _elsewhere(page: Page) -> str:
    return f"https://192.0.2.1:1/cloudapi/1.0.0/{page.base.rpartition('/')[2]}?page={page.number + 1}"


def _no_next(page: Page) -> None:
    page.links[:] = [link for link in page.links if 'rel="nextPage"' not in link]


def _always_next(page: Page) -> None:
    if not any('rel="nextPage"' in link for link in page.links):
        page.links.append(f'<{page.base}?page={page.number + 1}&pageSize=128>;rel="nextPage"')


# Versions and tokens ------------------------------------------------------------------------------------------------


def _versions(text: str) -> Spoil:
    return _raw_is(
        f'<SupportedVersions xmlns="http://www.vmware.com/vcloud/versions">{text}</SupportedVersions>'.encode()
    )


def _all_deprecated(page: Page) -> None:
    if page.raw is not None:
        page.raw = page.raw.replace(b'deprecated="false"', b'deprecated="true"')


_ENTITIES: Final = (
    b'<!DOCTYPE v [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>'
    b"<SupportedVersions><VersionInfo><Version>&c;</Version></VersionInfo></SupportedVersions>"
)


def _no_token(page: Page) -> None:
    page.headers.clear()
    _drop("access_token")(page)


def _odd_token(page: Page) -> None:
    page.headers = dict.fromkeys(page.headers, "not a token")
    _put("access_token", "not a\ntoken")(page)


_SPOILS: Final[dict[str, Spoil]] = {
    "short_page": _short_page,
    "empty_page": _empty_page,
    "empty_list": _empty_list,
    "repeat_page": _repeat_page,
    "twice": _twice,
    "double": _double,
    "total_low": _count("resultTotal", lambda total: max(0, total - 1)),
    "total_high": _count("resultTotal", lambda total: total + 1),
    "total_null": _put("resultTotal", None),
    "total_missing": _drop("resultTotal"),
    "total_text": _count("resultTotal", str),
    "total_negative": _put("resultTotal", -1),
    "total_grows": _total_grows,
    "page_count_null": _put("pageCount", None),
    "values_null": _put("values", None),
    "values_missing": _drop("values"),
    "values_object": _put("values", {"0": {}}),
    "values_text": _put("values", "none"),
    "row_null": _row_is(None),
    "row_text": _row_is("urn:vcloud:gateway:1"),
    "row_list": _row_is([1, 2]),
    "row_empty": _row_is({}),
    "id_missing": _without("id"),
    "id_null": _with("id", None),
    "id_number": _with("id", 7),
    "id_empty": _with("id", ""),
    "id_path": _with("id", "../../sessions/current"),
    "name_missing": _without("name"),
    "name_null": _with("name", None),
    "name_number": _with("name", 7),
    "org_null": _with("orgRef", None),
    "org_missing": _without("orgRef", "ownerRef", "orgVdc"),
    "org_unknown": _with("orgRef", _nobody("org")),
    "org_text": _with("orgRef", "acme"),
    "backing_null": _with("gatewayBacking", None),
    "backing_id_null": _with("gatewayBacking.backingId", None),
    "backing_id_number": _with("gatewayBacking.backingId", 12),
    "backing_type_unknown": _with("gatewayBacking.gatewayType", "FUTURE_BACKED"),
    "manager_missing": _with("gatewayBacking.networkProvider", None),
    "uplinks_null": _with("edgeGatewayUplinks", None),
    "uplinks_text": _with("edgeGatewayUplinks", "none"),
    "uplink_unknown": _with("edgeGatewayUplinks.0.uplinkId", f"urn:vcloud:network:{NOBODY}"),
    "uplink_type_unknown": _with("edgeGatewayUplinks.0.backingType", "FUTURE_TIER0"),
    "network_backings_null": _with("networkBackings", None),
    "network_type_unknown": _with("networkBackings.values.0.backingTypeValue", "FUTURE_TIER0"),
    "dedicated_unknown": _with("dedicatedOrg", _nobody("org")),
    "value_unknown": _with("value", "not an address"),
    "state_unknown": _with("usageState", "FUTURE"),
    "document_list": _in_a_list,
    "document_null": _document_is(None),
    "document_text": _document_is("ok"),
    "document_number": _document_is(1),
    "document_empty": _document_is({}),
    "body_empty": _raw_is(b""),
    "body_words": _raw_is(b"OK"),
    "body_xml": _raw_is(b"<Error/>"),
    "body_latin": _raw(lambda raw: raw.replace(b'"name":"', b'"name":"\xe9\xff', 1)),
    "body_twice": _raw(lambda raw: raw + raw),
    "body_deep": _raw_is(b'{"values":' + b"[" * DEEP + b"]" * DEEP + b"}"),
    "body_nan": _raw(lambda raw: re.sub(rb'"resultTotal":\d+', b'"resultTotal":NaN', raw)),
    "body_huge_number": _raw(lambda raw: re.sub(rb'"resultTotal":\d+', b'"resultTotal":1e999', raw)),
    "no_content": _no_content,
    "type_html": _named_html,
    "extra_members": _extra,
    "link_elsewhere": _next_is(_elsewhere),
    "link_other_list": _next_is(lambda page: f"{page.base.rpartition('/')[0]}/orgs?page={page.number + 1}"),
    "link_loop": _next_is(lambda page: f"{page.base}?page={page.number}&pageSize=128"),
    "link_missing": _no_next,
    "link_endless": _always_next,
    "versions_none": _versions(""),
    "versions_foreign": _versions('<VersionInfo deprecated="false"><Version>41.0</Version></VersionInfo>'),
    "versions_odd": _versions("<VersionInfo><Version>new</Version></VersionInfo><VersionInfo/>"),
    "versions_deprecated": _all_deprecated,
    "versions_entities": _raw_is(_ENTITIES),
    "token_missing": _no_token,
    "token_odd": _odd_token,
    "refresh_missing": _drop("refresh_token"),
}

HARMLESS: Final = frozenset({STALE, "page_count_null", "org_null", "type_html", "extra_members", "versions_deprecated"})
"""Those after which a meter may still know everything, as it is or as it was."""

SPOILS: Final = frozenset({STALE, *_SPOILS})
"""Every name."""
