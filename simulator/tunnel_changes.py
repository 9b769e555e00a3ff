"""Changes of VPN sessions: down and up, a reset by a user, an edge node that they leave, deletion."""

from __future__ import annotations

from typing import Literal

from simulator.events import Fault
from simulator.objects import EdgeNode, Gateway
from simulator.provider import Provider
from simulator.truth import Truth
from simulator.tunnels import Session, Tunnel, open_session, tunnel_key
from simulator.units import Instant


class TunnelChanges:
    """Applies changes of VPN sessions at simulated instants.

    Args:
        provider: Whose sessions are changed.
        truth: Is told what is lost.
    """

    def __init__(self, provider: Provider, truth: Truth) -> None:
        self._provider = provider
        self._truth = truth
        self._removed: dict[str, Session] = {}

    def do_tunnel_down(self, fault: Fault, at: Instant) -> None:
        """Take a session down, or one tunnel of it: ``gateway/session`` or ``gateway/session/0``."""
        self._switch(fault.path or "", up=False)

    def do_tunnel_up(self, fault: Fault, at: Instant) -> None:
        """Bring a session or a tunnel up again."""
        self._switch(fault.path or "", up=True)

    def do_reset_session(self, fault: Fault, at: Instant) -> None:
        """Zero a session's counters, as any user may who can write."""
        self._restart(self._provider.session(fault.path or ""), at)

    def _switch(self, name: str, *, up: bool) -> None:
        for tunnel in self._tunnels(name):
            if tunnel.fixed is not None:
                tunnel.fixed.up = up

    def _tunnels(self, name: str) -> list[Tunnel]:
        parent, _, last = name.rpartition("/")
        try:
            return self._provider.session(name).tunnels
        except LookupError:
            if not last.isdecimal():
                raise
        tunnels = self._provider.session(parent).tunnels
        if int(last) >= len(tunnels):
            raise LookupError(f"{parent} has no tunnel {last}")
        return [tunnels[int(last)]]

    # Registers --------------------------------------------------------------------------------------------------

    def _restart(self, session: Session, at: Instant, reason: Literal["reset", "removed"] = "reset") -> None:
        for tunnel in session.tunnels:
            for name, counters in tunnel.counters.items():
                self._truth.lose(tunnel, name, at, reason)
                counters.reset(at)

    def restart_on(self, node: EdgeNode, at: Instant) -> None:
        """Zero the sessions of an edge node that restarts."""
        for session in self._provider.sessions.values():
            if session.active is node:
                self._restart(session, at)

    def follow(self, at: Instant) -> None:
        """Let sessions begin anew that have moved to another edge node."""
        for session in self._provider.sessions.values():
            place = session.place()
            if place is not None and place is not session.active:
                self._restart(session, at)
                session.active = place

    # Objects ----------------------------------------------------------------------------------------------------

    def delete(self, name: str, at: Instant) -> bool:
        """Delete a session; return whether the name is one's."""
        try:
            session = self._provider.session(name)
        except LookupError:
            return False
        self._removed[session.path] = session
        self._close(session, at)
        return True

    def delete_of(self, gateway: Gateway, at: Instant) -> None:
        """Delete the sessions of a gateway that goes."""
        for session in [one for one in self._provider.sessions.values() if one.gateway is gateway]:
            self._close(session, at)

    def _close(self, session: Session, at: Instant) -> None:
        for index, tunnel in enumerate(session.tunnels):
            self._provider.close_port(tunnel_key(session, index), at)
            for name in tunnel.counters:
                self._truth.lose(tunnel, name, at, "removed")
        mine = {id(tunnel) for tunnel in session.tunnels}
        self._provider.flows = [f for f in self._provider.flows if not mine & {id(port) for port in f.through}]
        del self._provider.sessions[session.path]

    def recreate(self, name: str, at: Instant) -> bool:
        """Make a session again that exists or was deleted; return whether the name is one's."""
        self.delete(name, at)
        for path, session in self._removed.items():
            if name in (path, f"{session.gateway.id}/{session.id}"):
                del self._removed[path]
                open_session(self._provider, session.gateway, session.spec, at)
                return True
        return False
