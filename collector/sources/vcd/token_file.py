"""The file with a service account's refresh token, which changes at each use.

A director takes each token once and answers it with the next one. So whoever uses the token must be alone, must know
beforehand that the next one can be stored, and must store it before anything else happens: what is lost then is lost
for good, and a person has to grant the service account anew.

Beside the file ``token`` lie ``.token.lock``, held while the token is in use, and for that time ``.token.….next``:
space for the next token, which becomes the file by renaming. A next token that was written and not renamed, since the
process was killed in between, is found there by the next use. Its name has the time of the file that it follows, so
that it counts for nothing once a person has put another token there.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import re
import stat
from pathlib import Path
from typing import Any

import msgspec

from collector.errors import AuthFailed, SourceUnavailable

TOKEN_BYTES_MAX = 16 * 1024
"""Of the file, and of the space for the next token; tokens have 32 characters, signed ones a few thousand."""

PRIVATE = 0o600
"""Mode of what we make beside the token file."""

_WHOLE = re.compile(rb"([^\0\n]+)\n\0*")
"""A next token that was written to its end; what follows is space that was not cut off yet."""

_VISIBLE = re.compile(r"[!-~]+")


class TokenFile:
    """A service account's refresh token in a file: the token alone, or JSON with the member ``refresh_token``.

    Every method blocks on the disk.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def take(self) -> TokenUse | None:
        """Return the token for one use, or ``None`` while somebody else uses it.

        By then the whole way of storing a token was gone once, with the present one: a folder that cannot be written, a
        mount that refuses renaming and a full disk show before the token is used up.

        Raises:
            SourceUnavailable: The file cannot be read or written back.
            AuthFailed: There is no token in it.
        """
        try:
            path = self._path.resolve(strict=True)
            use = TokenUse(path, _open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT))
        except (OSError, RuntimeError) as error:  # the latter for links that go round in a circle
            raise self._unusable(error) from error
        is_ready = False
        try:
            use.prepare()
            is_ready = True
        except BlockingIOError:
            return None
        except OSError as error:
            raise self._unusable(error) from error
        finally:
            if not is_ready:
                use.close()
        return use

    def _unusable(self, error: Exception) -> SourceUnavailable:
        return SourceUnavailable(
            f"service account token file {self._path}: {error}; the token changes at each use, so the file and its "
            "folder must be readable and writable, and the file no mount of its own; the token was not used"
        )


class TokenUse:
    """One use of the token, from its reading to the storing of the next one. Close it in the end.

    Attributes:
        token: The refresh token.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self.token = ""
        self._path = path
        self._lock = lock
        self._next = path
        self._space = -1
        self._form = b""
        self._written: str | None = None
        self._is_in_place = False

    def prepare(self) -> None:
        """Take the lock, read the token and make sure that another can be stored.

        Raises:
            BlockingIOError: Somebody else uses the token.
            OSError: The file cannot be read or written back.
            AuthFailed: There is no token in it.
        """
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _give_to_owner_of(self._path, self._lock)
        self._adopt_left_over()
        self._form = _read(self._path)
        self.token = _token_of(self._form, self._path)
        self._make_space()
        self.keep(self.token)
        self._make_space()

    def keep(self, token: str) -> None:
        """Store a token; it is on stable storage on return. Raises OSError; may be tried again then."""
        if self._written != token:
            self._write(token)
            self._written = token
            self._is_in_place = False
        if not self._is_in_place:
            self._next.replace(self._path)
            self._is_in_place = True
            os.utime(self._path)
            _sync(self._path)
        _sync(self._path.parent)

    def close(self) -> None:
        """Let others use the token."""
        if self._lock < 0:
            return
        if self._space >= 0:
            os.close(self._space)
            self._space = -1
            with contextlib.suppress(OSError):
                if not _read(self._next):
                    self._next.unlink()
        os.close(self._lock)
        self._lock = -1

    def _adopt_left_over(self) -> None:
        """Rename what a use that was killed had written, unless the file was replaced by another one since."""
        left = self._successor()
        if left.is_file() and _WHOLE.fullmatch(left.read_bytes()):
            left.replace(self._path)
            _sync(self._path.parent)

    def _make_space(self) -> None:
        """Make a file of zeros on stable storage, in which the next token surely finds room."""
        for left in self._path.parent.glob(f".{glob.escape(self._path.name)}.*.next"):
            left.unlink()
        self._next = self._successor()
        self._written = None
        self._space = _open(self._next, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        os.fchmod(self._space, stat.S_IMODE(self._path.stat().st_mode))
        _give_to_owner_of(self._path, self._space)
        _write_all(self._space, bytes(TOKEN_BYTES_MAX))
        os.fsync(self._space)
        _sync(self._path.parent)

    def _successor(self) -> Path:
        return self._path.with_name(f".{self._path.name}.{self._path.stat().st_mtime_ns}.next")

    def _write(self, token: str) -> None:
        text = _text_with(self._form, token)
        if len(text) > TOKEN_BYTES_MAX:
            raise OSError(f"a token of {len(text)} bytes is longer than {TOKEN_BYTES_MAX}")
        # The first call on its way: from here on it can be found again.
        _write_all(self._space, text)
        os.ftruncate(self._space, len(text))
        os.fsync(self._space)
        os.close(self._space)
        self._space = -1


def _give_to_owner_of(path: Path, file: int) -> None:
    """Give a file of ours to whom the token belongs: a check run by the superuser must not shut the daemon out."""
    was = path.stat()
    with contextlib.suppress(PermissionError):
        os.fchown(file, was.st_uid, was.st_gid)


def _open(path: Path, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE)


def _sync(path: Path) -> None:
    """Bring a file's times, or a folder's names, to stable storage."""
    opened = _open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _write_all(file: int, data: bytes) -> None:
    written = 0
    while written < len(data):
        written += os.pwrite(file, data[written:], written)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(2 * TOKEN_BYTES_MAX).strip(b"\0")


def _token_of(text: bytes, path: Path) -> str:
    """Return the token in a file. Raises AuthFailed where there is none; the words hold nothing of the file."""
    document = _document(text)
    found = document.get("refresh_token") if document is not None else text.decode("ascii", "replace").strip()
    if not isinstance(found, str) or not _VISIBLE.fullmatch(found) or len(found) > TOKEN_BYTES_MAX // 2:
        raise AuthFailed(
            f"service account token file {path}: expected the refresh token alone on one line, or JSON with the member "
            "refresh_token"
        )
    return found


def _document(text: bytes) -> dict[str, Any] | None:
    """Return the members of a file that is a JSON object, as other tools of Cloud Director write it."""
    if not text.lstrip().startswith(b"{"):
        return None
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _text_with(form: bytes, token: str) -> bytes:
    """Return a file's content with another token, in the form that it has."""
    document = _document(form)
    if document is None:
        return token.encode("ascii") + b"\n"
    return msgspec.json.encode(document | {"refresh_token": token}) + b"\n"
