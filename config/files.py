"""The files that settings name: secrets are read, certificates and keys are looked at.

Paths that are not absolute begin at the folder of the settings file, so that every command finds the same files,
wherever it is started. A message names the path as it is written, never what is in the file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Final

from config.addresses import SQLITE
from config.secret import SECRET_CHARACTERS_MAX, SECRET_KEYS, Secret, secret_fault
from config.words import Expanded, Finding, Path, shown

SECRET_FILES: Final = {f"{key}_file": key for key in SECRET_KEYS}
"""Keys of files that hold a secret, and the keys that these stand for."""

PUBLIC_FILES: Final = frozenset({"ca_file", "client_ca_file", "cert_file"})
KEY_FILES: Final = frozenset({"key_file"})
KEPT_FILES: Final = frozenset({"service_account_token_file"})
"""Keys of files that the daemon writes anew, by a file beside it that takes its place."""

SECRET_BYTES_MAX = 4 * SECRET_CHARACTERS_MAX
"""Longest file of a secret: every character may take four bytes."""


@dataclass
class Resolved:
    """The values of a document with their files read.

    Attributes:
        values: As written, with absolute paths, and each secret of a file beside the key of its file.
        faults: Files that cannot be used.
        warnings: Files that others may read.
    """

    values: dict[str, object]
    faults: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)


def resolve(values: Mapping[str, object], folder: FilePath) -> Resolved:
    """Return ``values`` with the files that they name; ``folder`` is where relative paths begin."""
    resolved = Resolved({})
    resolved.values = _block(values, (), folder, resolved)
    ledger = resolved.values.get("ledger")
    if isinstance(ledger, dict):
        ledger["url"] = _ledger(ledger.get("url"), folder)
        if ledger["url"] is None:
            del ledger["url"]
    return resolved


def _block(values: Mapping[str, object], path: Path, folder: FilePath, out: Resolved) -> dict[str, object]:
    made: dict[str, object] = {}
    for key, value in values.items():
        here = (*path, key)
        made[key] = _value(value, here, folder, out)
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            continue
        if key in SECRET_FILES or key in PUBLIC_FILES or key in KEY_FILES:
            file = folder / str(value)
            made[key] = Expanded(str(file), value.written if isinstance(value, Expanded) else value)
            secret = _look(file, value, key, here, out)
            if key in KEPT_FILES:
                out.faults.extend(_not_kept(file, value, here))
            if secret is not None and SECRET_FILES[key] not in values:
                made[SECRET_FILES[key]] = secret
    return made


def _value(value: object, path: Path, folder: FilePath, out: Resolved) -> object:
    if isinstance(value, Mapping):
        return _block(value, path, folder, out)
    if isinstance(value, list):
        return [_value(one, (*path, place), folder, out) for place, one in enumerate(value)]
    return value


def _look(file: FilePath, written: str, key: str, path: Path, out: Resolved) -> Secret | None:
    """Open a file once, note what is wrong with it, and return the secret that it holds, if it is for one."""
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            read = opened.read(SECRET_BYTES_MAX + 1) if key in SECRET_FILES else b""
    except (OSError, ValueError) as error:
        out.faults.append(Finding(path, f"{shown(written)} cannot be read: {reason(error)}"))
        return None
    if key not in PUBLIC_FILES and mode & stat.S_IROTH:
        advice = "can be read by every user of this machine; take that right away (chmod o-r)"
        out.warnings.append(Finding(path, f"{shown(written)} {advice}"))
    if key not in SECRET_FILES:
        return None
    text, fault = _line(read)
    if fault:
        out.faults.append(Finding(path, f"{shown(written)} {fault}"))
        return None
    return Secret(text)


def _not_kept(file: FilePath, written: str, path: Path) -> Iterator[Finding]:
    """Return a finding where a file that can be read could not be replaced by a new one."""
    if not os.access(file, os.R_OK):
        return
    if not file.is_file():
        why = "is not a file that can be replaced by a new one"
    elif not os.access(file, os.W_OK):
        why = "cannot be written, and the token in it changes at each use; give us the right to write it"
    elif not os.access(file.resolve().parent, os.W_OK | os.X_OK):
        why = "lies in a folder that we may not write to, and the token in it changes at each use"
    else:
        return
    yield Finding(path, f"{shown(written)} {why}")


def _line(read: bytes) -> tuple[str, str | None]:
    """Return the text of a secret's file without its last line break, and what is wrong with it."""
    try:
        text = read.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        return "", "is not text in UTF-8"
    return text, secret_fault(text)


def reason(error: Exception) -> str:
    """Return why a file cannot be read, in the words of the system, without its path."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    return "this is not a path of a file"


def _ledger(url: object, folder: FilePath) -> object:
    """Return the address of the ledger with an absolute path; anything else comes back as it is."""
    if not isinstance(url, str) or not url.startswith(SQLITE) or not url.isprintable():
        return url
    path = url.removeprefix(SQLITE)
    if not path or path.startswith(("/", ":")) or path.endswith("/"):
        return url
    written = url.written if isinstance(url, Expanded) else url
    return Expanded(f"{SQLITE}{folder / path}", written)
