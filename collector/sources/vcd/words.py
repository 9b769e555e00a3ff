"""Foreign words in our messages: shortened, on one line, and without what is secret."""

from __future__ import annotations

import re
from http import HTTPStatus

import msgspec
from defusedxml.ElementTree import fromstring

from collector.sources.answers import EXCERPT_CHARACTERS, Answer, excerpt
from collector.sources.vcd.versions import XML_FAULTS

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding foreign bytes may raise; the last one for lists in lists without end."""

ERROR_BYTES_MAX = 64 * 1024
"""An error answer beyond this is shown by its beginning alone."""

_CODE = re.compile(r"[A-Za-z0-9_.\-]{1,80}")


class ErrorWords(msgspec.Struct, rename="camel"):
    """What is read of an error: JSON of the OpenAPI, or attributes of the legacy API's XML element ``Error``.

    Source: VMware go-vcloud-director, types OpenApiError and Error.
    """

    minor_error_code: str | None = None
    message: str | None = None


def error_words(answer: Answer) -> str:
    """Return what an error answer says, to be put behind its status: ``, code X: message``."""
    found = _from_json(answer.body) or _from_xml(answer.body) or ErrorWords()
    code = found.minor_error_code or ""
    said = f", code {code}" if _CODE.fullmatch(code) else ""
    if found.message:
        return f"{said}: {' '.join(found.message.split())[: 2 * EXCERPT_CHARACTERS]}"
    if said:
        return said
    if not answer.body:
        return f" ({HTTPStatus(answer.status).phrase})" if answer.status in set(HTTPStatus) else ""
    kind = answer.headers.get("Content-Type", "").partition(";")[0][:EXCERPT_CHARACTERS]
    return f", {kind or 'no content type'} instead of an error of the API: {excerpt(answer.body)!r}"


def _from_json(body: bytes) -> ErrorWords | None:
    if len(body) > ERROR_BYTES_MAX:
        return None
    try:
        return msgspec.json.decode(body, type=ErrorWords)
    except UNREADABLE:
        return None


def _from_xml(body: bytes) -> ErrorWords | None:
    if len(body) > ERROR_BYTES_MAX or not body.lstrip().startswith(b"<"):
        return None
    try:
        root = fromstring(body, forbid_dtd=True)
    except XML_FAULTS:
        return None
    code, message = root.get("minorErrorCode"), root.get("message")
    return ErrorWords(code, message) if code or message else None
