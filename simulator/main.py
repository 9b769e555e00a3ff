"""The simulated provider as a command."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from simulator.scenario import ScenarioError
from simulator.simulator import LOOPBACK, Simulator

EXIT_OK = 0
EXIT_SETTINGS = 2
EXIT_UNREACHABLE = 3


def _address(text: str) -> tuple[str, int]:
    host, separator, port = text.rpartition(":")
    if not separator or not port.isdecimal() or int(port) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST:PORT")
    return host.strip("[]") or LOOPBACK, int(port)


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="simulator", description="A simulated cloud provider that knows the true bytes."
    )
    parser.add_argument(
        "-c",
        "--scenario",
        required=True,
        help="a YAML file, or a name: demo, small, day, large, federation, sites, tunnels, vpcs, nsxv, vcd, vcd-small",
    )
    parser.add_argument("--listen", type=_address, default=(LOOPBACK, 0), metavar="HOST:PORT", help="first manager")
    parser.add_argument("--control", type=int, default=0, metavar="PORT", help="control listener on the loopback")
    parser.add_argument("--speed", type=int, default=None, help="simulated seconds in a real one; 0 stands still")
    parser.add_argument("--folder", type=Path, default=None, help="where certificates are written")
    return parser.parse_args(argv)


def _describe(sim: Simulator) -> str:
    lines = [f"scenario   {sim.scenario.name}, speed {sim.clock.speed}"]
    lines += [f"manager    {name} {manager.url}" for name, manager in sim.managers.items()]
    if sim.nsxv is not None:
        lines.append(f"nsx-v      {sim.nsxv.name} {sim.nsxv.url}")
    if sim.vcd is not None:
        lines.append(f"vcd        {sim.vcd.name} {sim.vcd.url}")
        lines.append(f"vcd-user   {sim.vcd_username}@{sim.vcd_org}")
        lines.append(f"vcd-pass   {sim.vcd_password}")
        lines.append(f"vcd-token  {sim.vcd_token}")
        lines.append(f"vcd-svc    {sim.vcd_service_token}")
    lines.append(f"control    {sim.control_url}")
    lines.append(f"username   {sim.username}")
    lines.append(f"password   {sim.password}")
    lines.append(f"token      {sim.token}")
    if sim.tls is not None:
        lines.append(f"ca         {sim.tls.ca_file}")
        lines.append(f"client     {sim.tls.client_cert_file} {sim.tls.client_key_file}")
        lines.append(f"sha256     {sim.tls.fingerprint}")
    return "\n".join(lines) + "\nready\n"


async def _run(arguments: argparse.Namespace) -> int:
    sim = Simulator(
        arguments.scenario, speed=arguments.speed, listen=arguments.listen, control_port=arguments.control,
        folder=arguments.folder,
    )  # fmt: skip
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with sim:
        # The log-ins are printed on purpose: they belong to a provider that does not exist.
        sys.stdout.write(_describe(sim))
        sys.stdout.flush()
        await stopped.wait()
    return EXIT_OK


def main(argv: Sequence[str] | None = None) -> int:
    """Run a simulated provider until SIGTERM or SIGINT; return the exit code.

    Args:
        argv: Arguments without the program's name; the process's own, if absent.
    """
    try:
        arguments = _arguments(sys.argv[1:] if argv is None else argv)
    except SystemExit as ended:  # the parser has said why
        return int(ended.code or 0)
    try:
        return asyncio.run(_run(arguments))
    except (ScenarioError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_SETTINGS
    except OSError as error:
        sys.stderr.write(f"{arguments.listen[0]}:{arguments.listen[1]}: cannot listen: {error.strerror or error}\n")
        return EXIT_UNREACHABLE
