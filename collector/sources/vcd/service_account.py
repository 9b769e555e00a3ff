"""Log-ins of a service account: one at a time, and the next token is stored before the access token is used."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from collector.errors import AuthFailed, ResponseInvalid, SourceUnavailable
from collector.sources.vcd.options import ServiceAccountLogin
from collector.sources.vcd.token_file import TokenFile, TokenUse
from collector.sources.vcd.tokens import Grant

TURN_SECONDS = 20.0
"""So long another program that uses the token is waited for; a log-in takes two requests."""

TURN_POLL_SECONDS = 0.1
"""Between two looks whether it has ended."""

FINISH_SECONDS = 2.0
"""So long a log-in under way goes on when the daemon stops: its answer holds the only next token."""

Use = Callable[[str], Awaitable[Grant]]
"""Sends the refresh token and returns the answer."""


class ServiceAccount:
    """Uses the token of a file.

    Args:
        login: Names the file.
        seen: Is told of every token before it is used.
    """

    def __init__(self, login: ServiceAccountLogin, seen: Callable[[str], None]) -> None:
        self._path = login.token_file
        self._file = TokenFile(login.token_file)
        self._seen = seen
        self._unstored: tuple[TokenUse, str] | None = None

    async def access_token(self, use: Use) -> str:
        """Return a new access token; its successor is on stable storage by then.

        Whoever gives up waiting does not break it off: between the answer and the storing nothing may be lost.

        Raises:
            AuthFailed: The token was refused, or the file holds none.
            SourceUnavailable: The file cannot be written, which shows before the token is used, or another program uses
                it.
            SourceError: As ``use`` does.
        """
        work = asyncio.create_task(self._exchange(use), name="service account")
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait({work}, timeout=FINISH_SECONDS)
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            raise

    async def close(self) -> None:
        """Store the token that could not be stored before, if there is one."""
        if self._unstored is not None:
            use, token = self._unstored
            self._unstored = None
            with contextlib.suppress(OSError):
                await asyncio.to_thread(use.keep, token)
            await asyncio.to_thread(use.close)

    async def _exchange(self, use: Use) -> str:
        await self._store_late()
        turn = await self._turn()
        try:
            self._seen(turn.token)
            grant = await self._send(use, turn.token)
            if grant.refresh_token not in {"", turn.token}:
                self._seen(grant.refresh_token)
                await self._store(turn, grant.refresh_token)
        finally:
            if self._unstored is None:
                await asyncio.to_thread(turn.close)
        if not grant.access_token:
            raise ResponseInvalid("the service account's token was answered without a proper access_token")
        return grant.access_token

    async def _send(self, use: Use, token: str) -> Grant:
        try:
            return await use(token)
        except AuthFailed as error:
            raise AuthFailed(
                f"{error}; a service account's token is taken once, so another program may have used the one in "
                f"{self._path}, or an answer with the next one was lost: grant the account anew and put its token there"
            ) from error

    async def _store(self, turn: TokenUse, token: str) -> None:
        """Store the next token. Where that fails it is kept in memory, with the lock held, and tried again later."""
        self._unstored = (turn, token)
        storing = asyncio.ensure_future(asyncio.to_thread(turn.keep, token))
        try:
            await asyncio.shield(storing)
        except asyncio.CancelledError:
            await asyncio.gather(storing, return_exceptions=True)
            raise
        except OSError as error:
            raise SourceUnavailable(
                f"service account token file {self._path}: the next token cannot be stored: {error}; it is kept in "
                "memory: make the file writable before the daemon stops"
            ) from error
        self._unstored = None

    async def _store_late(self) -> None:
        if self._unstored is not None:
            turn, token = self._unstored
            await self._store(turn, token)
            await asyncio.to_thread(turn.close)

    async def _turn(self) -> TokenUse:
        """Return the token once nobody else uses it."""
        ends_at = asyncio.get_running_loop().time() + TURN_SECONDS
        while True:
            taking = asyncio.ensure_future(asyncio.to_thread(self._file.take))
            try:
                turn = await asyncio.shield(taking)
            except asyncio.CancelledError:
                taking.add_done_callback(_give_back)
                raise
            if turn is not None:
                return turn
            if asyncio.get_running_loop().time() >= ends_at:
                raise SourceUnavailable(
                    f"service account token file {self._path}: another program has used the token for more than "
                    f"{TURN_SECONDS:.0f} s; only one log-in at a time can use it"
                )
            await asyncio.sleep(TURN_POLL_SECONDS)


def _give_back(taking: asyncio.Future[TokenUse | None]) -> None:
    if not taking.cancelled() and taking.exception() is None:
        turn = taking.result()
        if turn is not None:
            turn.close()
