"""A simulated provider in one object: managers over HTTP(S), the clock, faults and the truth."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from aiohttp import web

from simulator.auth import Accounts
from simulator.changes import Changes
from simulator.clock import SPEED_MAX, SimClock
from simulator.control import control_app
from simulator.director import Director, Hook
from simulator.edge_samples import EdgeTruth
from simulator.events import HOOKS, Fault
from simulator.faults import Active, FaultBook
from simulator.limits import Limits
from simulator.listener import Listener
from simulator.nsxt import Manager
from simulator.nsxv import EdgePart, NsxvManager
from simulator.provider import Provider
from simulator.scenario import Scenario, ScenarioError, load_scenario
from simulator.summary import summary
from simulator.tls import TlsFiles, server_context, write_tls
from simulator.truth import Truth
from simulator.units import Instant
from simulator.vcd.cell import CloudCell
from simulator.vcd.specs import VcdSpec

LOOPBACK: Final = "127.0.0.1"


def check_events(scenario: Scenario) -> None:
    """Play a scenario's changes on a provider of its own, without listeners.

    Raises:
        ScenarioError: One line for each event that cannot be played.
    """
    changes = [fault for fault in scenario.events if fault.is_action]
    if not changes:
        return
    clock = SimClock(scenario.clock.start_ms, 0)
    provider = Provider(scenario, clock)
    truth = Truth(provider, 0)
    hooks: dict[str, Hook] = dict.fromkeys(HOOKS, lambda _: None)
    limits = Limits(0, 0, 0)
    faults: list[str] = []
    listeners = (*scenario.managers, scenario.nsxv, scenario.vcd)
    names = {listener.name for listener in listeners if listener is not None}
    director = Director(
        clock=clock, events=[], changes=Changes(provider, truth), faults=FaultBook(0), limits=limits, hooks=hooks
    )
    for fault in sorted(changes, key=lambda one: one.at or 0):
        if fault.manager is not None and fault.manager not in names:
            faults.append(f"{scenario.name}: events: {fault.do}: no manager {fault.manager!r}")
        clock.advance(max(0, clock.start + (fault.at or 0) - clock.now()))
        try:
            director.command(fault.model_copy(update={"at": None, "after_requests": 0}))
        except (LookupError, ValueError) as error:
            faults.append(f"{scenario.name}: events: {fault.do}: {error.args[0]}")
    if faults:
        raise ScenarioError("\n".join(faults))


class Simulator:
    """A provider to test against; ``async with`` starts and stops it.

    Args:
        scenario: A scenario, a file, or the name of one that is shipped.
        speed: Overrides the scenario's; 0 is manual mode.
        listen: Host and port of the first manager; the others take the next ports, or free ones for port 0.
        control_port: Port of the control listener on the loopback; 0 takes a free one, none starts none.
        folder: Where certificates are written; a temporary folder of its own, if absent.
    Attributes:
        clock: The simulated clock.
        provider: The state, for tests that look deeper.
        accounts: Log-ins, failures, lockouts.
        limits: Load that was seen.
        managers: By name.
        edges: Answers and truth about NSX-V edges, if the scenario has an NSX-V manager.
        nsxv: That manager, once it was started.
        vcd: The Cloud Director, if the scenario has one, once it was started.
    """

    def __init__(
        self,
        scenario: Scenario | str | Path,
        *,
        speed: int | None = None,
        listen: tuple[str, int] = (LOOPBACK, 0),
        control_port: int | None = 0,
        folder: Path | None = None,
    ) -> None:
        self.scenario = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
        check_events(self.scenario)
        self._speed = self.scenario.clock.speed if speed is None else speed
        if not 0 <= self._speed <= SPEED_MAX:
            raise ValueError(f"speed {self._speed} is outside 0..{SPEED_MAX}")
        # The clock stands still until the managers listen, so that nothing happens before the first request can.
        self.clock = SimClock(self.scenario.clock.start_ms, 0)
        self.provider = Provider(self.scenario, self.clock)
        self._truth = Truth(self.provider, self.scenario.served_max)
        self._faults = FaultBook(self.scenario.seed)
        self.edges = EdgePart(self.provider, self._truth, self._faults) if self.provider.edges is not None else None
        auth, limits = self.scenario.auth, self.scenario.limits
        self.accounts = Accounts(
            {user.name: user.password.get_secret_value() for user in auth.users},
            {auth.token.get_secret_value(): auth.users[0].name if auth.users else "token"},
            failures_max=auth.failures_max, lockout_seconds=auth.lockout_seconds, reset_seconds=auth.reset_seconds,
            basic=auth.basic, cookies=auth.cookies,
        )  # fmt: skip
        self.limits = Limits(limits.requests_per_second, limits.concurrency, limits.global_concurrency)
        hooks: dict[str, Hook] = {
            "expire_sessions": self._expire_sessions,
            "manager_down": self._manager_down,
            "manager_up": self._manager_up,
            "vcd_down": lambda _: self._down([self._cell()]),
            "vcd_up": lambda _: self._up([self._cell()]),
            "vcd_rotate_token": lambda fault: self._cell().sessions.replace_api_token(fault.to),
        }
        changes = Changes(self.provider, self._truth)
        self._director = Director(
            clock=self.clock,
            events=list(self.scenario.events),
            changes=changes,
            faults=self._faults,
            limits=self.limits,
            hooks=hooks,
        )
        self._listen = listen
        self._control_port = control_port
        self._folder = folder
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._control: web.AppRunner | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed: list[BaseException] = []
        self.tls: TlsFiles | None = None
        self.managers: dict[str, Manager] = {}
        self.nsxv: NsxvManager | None = None
        self.vcd: CloudCell | None = None
        self.control_url = ""

    # Life -------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Simulator:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Write certificates, listen, and let the clock run.

        Raises:
            OSError: An address is taken, or the folder cannot be written.
        """
        try:
            await self._start_all()
        except BaseException:
            await self.stop()
            raise

    async def _start_all(self) -> None:
        context = None
        if self.scenario.tls:
            self.tls = await asyncio.to_thread(self._write_tls)
            self.accounts.certificates[self.tls.client_fingerprint] = next(iter(self.accounts.users), "northmeter")
            context = server_context(self.tls)
        for index, spec in enumerate(self.scenario.managers):
            manager = Manager(
                spec,
                provider=self.provider,
                director=self._director,
                faults=self._faults,
                truth=self._truth,
                accounts=self.accounts,
                limits=self.limits,
                tls=context,
            )
            host, port = self._listen
            await manager.start(host, port + index if port else 0)
            self.managers[spec.name] = manager
        if self.edges is not None:
            self.nsxv = NsxvManager(
                self.edges.name,
                provider=self.provider,
                director=self._director,
                faults=self._faults,
                api=self.edges.api,
                accounts=self.accounts,
                tls=context,
            )
            host, port = self._listen
            await self.nsxv.start(host, port + len(self.managers) if port else 0)
        if self.provider.cloud is not None:
            self.vcd = CloudCell(
                self.provider.cloud,
                provider=self.provider,
                director=self._director,
                faults=self._faults,
                edges=self.edges.api if self.edges is not None else None,
                nsx_url=lambda: self.urls[0] if self.urls else "",
                tls=context,
            )
            host, port = self._listen
            await self.vcd.start(host, port + len(self._listeners()) - 1 if port else 0)
        if self._control_port is not None:
            await self._start_control(self._control_port)
        self.clock.set_speed(self._speed)
        self._own(asyncio.create_task(self._tick(), name="simulator events"))

    def _write_tls(self) -> TlsFiles:
        if self._folder is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="simulator-")
            return write_tls(Path(self._temporary.name))
        self._folder.mkdir(parents=True, exist_ok=True)
        return write_tls(self._folder)

    async def _start_control(self, port: int) -> None:
        runner = web.AppRunner(control_app(self), access_log=None, shutdown_timeout=1)
        await runner.setup()
        self._control = runner
        await web.TCPSite(runner, LOOPBACK, port).start()
        self.control_url = f"http://{LOOPBACK}:{runner.addresses[0][1]}"

    async def _tick(self) -> None:
        """Play events also while nobody asks: a manager that is to go down must go down in silence too."""
        while True:
            await asyncio.sleep(0.2)
            self._director.catch_up()

    async def stop(self) -> None:
        """Stop everything and remove what was written to a temporary folder.

        Raises:
            Exception: What ended a task before its time, such as an event that could not be played.
        """
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for listener in self._listeners():
            await listener.stop()
        if self._control is not None:
            await self._control.cleanup()
            self._control = None
        if self._temporary is not None:
            await asyncio.to_thread(self._temporary.cleanup)
            self._temporary = None
        if self._failed:
            raise self._failed.pop()

    # Addresses --------------------------------------------------------------------------------------------------

    @property
    def urls(self) -> list[str]:
        """The managers' addresses, in the order of the scenario."""
        return [manager.url for manager in self.managers.values()]

    @property
    def nsxv_url(self) -> str:
        """The NSX-V manager's address; empty without one."""
        return "" if self.nsxv is None else self.nsxv.url

    @property
    def vcd_url(self) -> str:
        """The Cloud Director's address; empty without one."""
        return "" if self.vcd is None else self.vcd.url

    @property
    def vcd_username(self) -> str:
        """The first user of the Cloud Director, without its organisation."""
        return self._vcd_spec().users[0].name

    @property
    def vcd_org(self) -> str:
        """The organisation of that user; ``System`` is the provider's."""
        return self._vcd_spec().users[0].org

    @property
    def vcd_password(self) -> str:
        """The password of that user."""
        return self._vcd_spec().users[0].password.get_secret_value()

    @property
    def vcd_token(self) -> str:
        """The API token in force."""
        return self._cell().sessions.api_token

    @property
    def vcd_service_token(self) -> str:
        """The next token of the service account; each use gives another."""
        return self._cell().sessions.service_token

    def _vcd_spec(self) -> VcdSpec:
        if self.scenario.vcd is None:
            raise LookupError("the scenario has no Cloud Director")
        return self.scenario.vcd

    def _cell(self) -> CloudCell:
        if self.vcd is None:
            raise LookupError("the scenario has no Cloud Director, or it was not started")
        return self.vcd

    @property
    def ca_file(self) -> Path | None:
        """The CA that signed the managers' certificate; none over plain HTTP."""
        return None if self.tls is None else self.tls.ca_file

    @property
    def fingerprint(self) -> str | None:
        """SHA-256 of the managers' certificate as hex; none over plain HTTP."""
        return None if self.tls is None else self.tls.fingerprint

    @property
    def username(self) -> str:
        """The first account's name."""
        return next(iter(self.accounts.users))

    @property
    def password(self) -> str:
        """The first account's password."""
        return self.accounts.users[self.username]

    @property
    def token(self) -> str:
        """The bearer token."""
        return next(iter(self.accounts.tokens))

    # Time, faults, truth ----------------------------------------------------------------------------------------

    def now(self) -> Instant:
        """Return the simulated instant, with every event up to it played."""
        return self._director.catch_up()

    def device_time(self) -> Instant:
        """Return what the edge nodes' clock shows."""
        now = self.now()
        return now + self.provider.offsets_at(now).device

    def advance(self, milliseconds: int) -> Instant:
        """Move the clock forward, play what is due, and return the simulated instant."""
        self.clock.advance(milliseconds)
        return self.now()

    def play(self, fault: Fault) -> Active | None:
        """Play a fault.

        Raises:
            LookupError: It names an object that does not exist.
            ValueError: It cannot be played.
        """
        for name in [fault.manager] if fault.manager is not None else []:
            known = [listener.name for listener in self._listeners()]
            if name not in known:
                raise LookupError(f"no manager {name!r}; known: {', '.join(known)}")
        return self._director.command(fault)

    def fault(self, do: str, **members: Any) -> Active | None:
        """Play a fault; members as in a scenario's ``events`` (``for_`` for ``for``).

        Args:
            do: What happens.
            members: Anything that ``Fault`` has; durations as ``"90s"`` or in seconds.
        """
        return self.play(Fault.model_validate({"do": do, **members}))

    def in_force(self, active: Active) -> bool:
        """Return whether an effect is neither cleared nor used up."""
        return self._faults.in_force(active)

    def clear(self, label: str | None = None) -> None:
        """End all effects, or those of a label; changes stay."""
        self._faults.clear(label)

    def truth(self) -> Truth:
        """Return the truth, with every event up to now played."""
        self.now()
        return self._truth

    def edge_truth(self) -> EdgeTruth:
        """Return what can be billed of NSX-V edges, with every event up to now played.

        Raises:
            LookupError: The scenario has no NSX-V manager.
        """
        self.now()
        if self.edges is None:
            raise LookupError("the scenario has no NSX-V manager")
        return self.edges.truth

    def truth_summary(self, start: Instant, end: Instant, *, slots: bool = False) -> dict[str, object]:
        """Return the truth of [start, end) in device time as plain data; counts are strings, they outgrow a double."""
        edges = None if self.edges is None else self.edges.truth
        return summary(self.truth(), self.provider, edges, start, end, slots=slots)

    def stats(self) -> dict[str, Any]:
        """Return requests, load, log-ins and used faults; the members differ in type."""
        statuses: Counter[str] = Counter()
        for listener in self._listeners():
            statuses.update(listener.statuses)
        counts = self.accounts.counts
        return {
            "load": self.limits.summary(),
            "statuses": dict(statuses),
            "statistics_requests": self._director.statistics_requests,
            "managers": {
                name: {"url": m.url, "running": m.running, "sessions": len(m.sessions), "statuses": dict(m.statuses)}
                for name, m in self.managers.items()
            },
            "logins": {
                "made": counts.logins, "refused": counts.refused, "lockouts": counts.lockouts,
                "while_locked": counts.while_locked,
            },
            "faults": dict(self._faults.uses),
        } | self._cloud_stats()  # fmt: skip

    def _cloud_stats(self) -> dict[str, Any]:
        if self.vcd is None:
            return {}
        counts = self.vcd.sessions.counts
        logins = {"made": counts.logins, "redeemed": counts.redeemed, "refused": counts.refused}
        summary = {"url": self.vcd.url, "running": self.vcd.running, "sessions": len(self.vcd.sessions)}
        return {"vcd": summary | {"statuses": dict(self.vcd.statuses), "logins": logins}}

    # Managers ---------------------------------------------------------------------------------------------------

    def _listeners(self) -> list[Listener]:
        listeners = (*self.managers.values(), self.nsxv, self.vcd)
        return [listener for listener in listeners if listener is not None]

    def _chosen(self, fault: Fault) -> list[Listener]:
        return [listener for listener in self._listeners() if fault.manager in (None, listener.name)]

    def _expire_sessions(self, fault: Fault) -> None:
        for listener in self._chosen(fault):
            listener.forget()

    def _manager_down(self, fault: Fault) -> None:
        self._down(self._chosen(fault))

    def _manager_up(self, fault: Fault) -> None:
        self._up(self._chosen(fault))

    def _down(self, listeners: Sequence[Listener]) -> None:
        for listener in listeners:
            self._own(asyncio.create_task(listener.stop(), name=f"stop {listener.name}"))

    def _up(self, listeners: Sequence[Listener]) -> None:
        for listener in listeners:
            self._own(asyncio.create_task(listener.start(), name=f"start {listener.name}"))

    def _own(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._failed.append(error)
