"""From a settings file to ``Settings``: text, variables, files, models; every fault in one report."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from collector.errors import ConfigError, Fault
from config.cautions import cautions
from config.document import Document, Unreadable, read_document
from config.files import reason, resolve
from config.references import unborn_tenants
from config.secret import SECRET_KEYS
from config.settings import Settings
from config.words import Finding, path_text
from config.words import Path as Place

FILE_BYTES_MAX = 1024 * 1024
"""Greatest settings file; ten thousand tenants fit."""

FAULTS_MAX = 200
"""Most faults in one report; whoever has more mends the first and looks again."""


@dataclass(frozen=True, slots=True)
class SettingsWarning:
    """A setting that works and should not stay as it is.

    Attributes:
        path: Key path as the operator wrote it, ``sources[0].urls[0]``.
        line: Line in the file, from 1; ``None`` where there is none.
        message: What is unsafe and what to do instead; without a secret.
        file: Name of the settings file.
    """

    path: str
    line: int | None
    message: str
    file: str = ""

    def __str__(self) -> str:
        return str(Fault(self.path, self.line, self.message, self.file))


@dataclass(frozen=True, slots=True)
class Loaded:
    """A settings file without a fault.

    Attributes:
        settings: What it says, secrets of files included.
        warnings: What should not stay as it is, by line.
    """

    settings: Settings
    warnings: tuple[SettingsWarning, ...]


def load(path: Path, environ: Mapping[str, str]) -> Loaded:
    """Return the settings of a file.

    Args:
        path: The YAML file; relative paths in it begin at its folder.
        environ: Variables for ``${NAME}``.

    Raises:
        ConfigError: The file cannot be read or has faults; all of them are in it, by line.
    """
    document = _document(path, environ)
    resolved = resolve(document.values, path.resolve().parent)
    early = [*document.faults, *resolved.faults]
    settings, late = _settings(resolved.values)
    explained = {one.path for one in early if one.path}
    faults = early + [one for one in late if not _follows(one.path, explained)]
    if faults or settings is None:
        raise ConfigError(_faults(faults, document, path))
    found = [*_own_mode(path, document), *resolved.warnings, *cautions(settings), *unborn_tenants(resolved.values)]
    warnings = {SettingsWarning(*_placed(one, document), path.name) for one in found}
    return Loaded(settings, tuple(sorted(warnings, key=lambda one: (one.line or 0, one.path, one.message))))


def _document(path: Path, environ: Mapping[str, str]) -> Document:
    try:
        with path.open("rb") as file:
            read = file.read(FILE_BYTES_MAX + 1)
        if len(read) > FILE_BYTES_MAX:
            raise Unreadable(f"is larger than {FILE_BYTES_MAX // 1024} KiB, the most")
        return read_document(_text(read), environ)
    except OSError as error:
        fault = Fault("", None, f"the settings file cannot be read: {reason(error)}", str(path))
    except Unreadable as error:
        fault = Fault("", error.line, f"the settings file {error.message}", path.name)
    # Outside the ``except`` blocks: what they caught may carry what is written in the file.
    raise ConfigError([fault])


def _text(read: bytes) -> str:
    try:
        return read.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = read.count(b"\n", 0, error.start) + 1
    raise Unreadable("is not text in UTF-8; save it as UTF-8", line)


def _settings(values: Mapping[str, object]) -> tuple[Settings | None, list[Finding]]:
    try:
        return Settings.model_validate(values), []
    except ValidationError as error:
        return None, [Finding(one["loc"], one["msg"]) for one in error.errors(include_url=False, include_input=False)]


def _follows(path: Place, explained: Set[Place]) -> bool:
    """Return whether a fault only follows from an earlier one at its place, such as an unset variable."""
    return any(path[:length] in explained for length in range(1, len(path) + 1))


def _placed(finding: Finding, document: Document) -> tuple[str, int | None, str]:
    written = document.written(finding.path)
    return path_text(written), document.line_of(written), finding.message


def _faults(findings: Iterable[Finding], document: Document, path: Path) -> list[Fault]:
    faults = {Fault(*_placed(one, document), path.name) for one in findings}
    ordered = sorted(faults, key=lambda one: (one.line or 0, one.path, one.message))
    more = len(ordered) - FAULTS_MAX
    rest = [Fault("", None, f"{more} more faults; mend these first", path.name)] if more > 0 else []
    return ordered[:FAULTS_MAX] + rest


def _own_mode(path: Path, document: Document) -> list[Finding]:
    """Return a finding where the settings file itself holds a secret and everybody may read it."""
    place = next((one for one in document.lines if one and one[-1] in SECRET_KEYS), None)
    if place is None or not path.stat().st_mode & stat.S_IROTH:
        return []
    message = "is written in a file that every user of this machine can read; take that right away (chmod o-r)"
    return [Finding(place, message)]
