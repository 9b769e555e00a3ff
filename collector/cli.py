"""The commands and their exit codes.

0 done; 1 a check found something; 2 wrong settings or arguments; 3 a source, store or port is out of reach. Faults go
to standard error, one a line.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import structlog
import typer
from rich.console import Console

from collector import __version__
from collector.api.faults import ParameterFault, TenantUnknown
from collector.api.request import UsageParameters
from collector.api.server import ListenFailed
from collector.clock import SystemClock
from collector.errors import ConfigError, LedgerError, MeteringError, SourceError
from config.loader import Loaded, load

DONE, FOUND, WRONG, OUT_OF_REACH = 0, 1, 2, 3

INTERRUPTED = 130
"""What shells expect of a command that Ctrl-C ended."""

log = structlog.stdlib.get_logger("northmeter")

app = typer.Typer(
    name="northmeter",
    help="Meter the external traffic of VMware Cloud Director tenants on NSX, to the byte.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback with local variables would show secrets
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigOption = Annotated[
    Path, typer.Option("-c", "--config", metavar="FILE", help="Settings file (YAML).", envvar="NORTHMETER_CONFIG")
]


class ListForm(StrEnum):
    """How ``discover`` prints."""

    TABLE = "table"
    JSON = "json"


class UsageForm(StrEnum):
    """How ``usage`` prints."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def main() -> NoReturn:
    """Run a command and leave with its exit code."""
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Run a command and return its exit code; every error of ours is a line on standard error, never a traceback."""
    try:
        app(args=arguments, prog_name="northmeter")
    except SystemExit as left:  # how typer ends: 2 after a wrong argument, else the command's own code
        return left.code if isinstance(left.code, int) else DONE
    except (ConfigError, ParameterFault, TenantUnknown) as error:
        return _say(str(error), WRONG)
    except (LedgerError, SourceError, ListenFailed) as error:
        return _say(str(error), OUT_OF_REACH)
    except MeteringError as error:
        return _say(str(error), FOUND)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has seen enough; what is left in the buffer must not fail at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE


def _say(text: str, code: int) -> int:
    print(text, file=sys.stderr)  # noqa: T201 - the last word of a command
    return code


def _load(path: Path) -> Loaded:
    """Return the settings, with their warnings on standard error."""
    loaded = load(path, os.environ)
    for warning in loaded.warnings:
        _say(f"warning: {warning}", DONE)
    return loaded


@app.callback(invoke_without_command=True)
def _northmeter(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(f"northmeter {__version__}")
        raise typer.Exit(DONE)


@app.command()
def run(config: ConfigOption) -> None:
    """Run the daemon until SIGTERM; SIGHUP reads the settings again."""
    from collector.tuning import tune_memory

    loaded = load(config, os.environ)
    tune_memory()
    asyncio.run(_run(loaded, config))


async def _run(loaded: Loaded, path: Path) -> None:
    from collector.app import App, set_up_logs
    from collector.telemetry.redaction import Redactor

    redactor = Redactor()
    set_up_logs(loaded.settings, redactor)
    for warning in loaded.warnings:
        log.warning("settings", warning=str(warning))
    stop = asyncio.Event()
    daemon = App(loaded.settings, lambda: load(path, os.environ).settings, redactor)
    reloads: set[asyncio.Task[str | None]] = set()

    def reload() -> None:
        task = asyncio.ensure_future(daemon.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload)
    await daemon.run(stop)


@app.command()
def check(
    config: ConfigOption,
    online: Annotated[
        bool, typer.Option("--online", help="Also log in everywhere: rights, versions, request budget, overlaps.")
    ] = False,
) -> None:
    """Say every fault of the settings at once."""
    from collector.commands.check import check_online, say_offline

    loaded, out = _load(config), Console()
    say_offline(loaded, config.name, out)
    if online:
        raise typer.Exit(asyncio.run(check_online(loaded, SystemClock(), out)))


@app.command()
def discover(
    config: ConfigOption,
    form: Annotated[ListForm, typer.Option("--format", help="Table for people, JSON for programs.")] = ListForm.TABLE,
    history: Annotated[
        str | None,
        typer.Option(metavar="POINT", help="Instead: who owned a point (source:path, or its path) and what happened."),
    ] = None,
    balance: Annotated[
        bool, typer.Option("--balance", help="Instead: the last full hour of every Tier-0, uplinks against links.")
    ] = False,
) -> None:
    """Show every metering point, whose it is and why, and what belongs to nobody."""
    from collector.commands.discover import discover as show

    if history is not None and balance:
        raise typer.BadParameter("--history and --balance are two questions; ask one of them")
    loaded = _load(config)
    out, errors = _console(), Console(stderr=True)
    if history is not None or balance:
        raise typer.Exit(asyncio.run(_discover_in_ledger(loaded, history, form, out, errors)))
    raise typer.Exit(asyncio.run(show(loaded.settings, SystemClock(), out, errors, form=form.value)))


async def _discover_in_ledger(loaded: Loaded, point: str | None, form: ListForm, out: Console, errors: Console) -> int:
    """Answer from the ledger: the history of a point, or without one the balances."""
    from collector.commands.balance import balance
    from collector.commands.history import history
    from collector.ledger.sqlite import SqliteReader

    reader = SqliteReader(loaded.settings.ledger.path)
    await reader.start()
    try:
        if point is not None:
            return await history(reader, point, out, errors, form=form.value)
        return await balance(loaded.settings, reader, SystemClock(), out, errors, form=form.value)
    finally:
        await reader.stop()


@app.command()
def usage(  # noqa: PLR0917 - typer reads options from the arguments of a function
    config: ConfigOption,
    tenant: Annotated[str | None, typer.Option(help="Id of a tenant; without it every one.")] = None,
    start: Annotated[
        str | None, typer.Option(help="RFC 3339, or a date: midnight in the tenant's time zone. Default: this month.")
    ] = None,
    end: Annotated[str | None, typer.Option(help="As --start; default: the end of the open slot.")] = None,
    granularity: Annotated[str | None, typer.Option(help="slot, hour, day, month or total (the default).")] = None,
    by: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated: tenant, kind, point, direction. Default: tenant,kind,direction. Without kind a row "
            "is external traffic only: tunnels and the inside of VPCs have kinds of their own."
        ),
    ] = None,
    form: Annotated[UsageForm, typer.Option("--format", help="How to print.")] = UsageForm.TABLE,
    plot: Annotated[bool, typer.Option("--plot", help="Draw the rate over time instead.")] = False,
) -> None:
    """Print usage from the ledger, beside a running daemon or without one."""
    loaded = _load(config)
    parameters = UsageParameters(
        tenant=tenant,
        start=start,
        end=end,
        granularity=granularity or ("hour" if plot else None),
        by=[part.strip() for part in by.split(",")] if by is not None else None,
    )
    asyncio.run(_usage(loaded, parameters, form, plot))


async def _usage(loaded: Loaded, parameters: UsageParameters, form: UsageForm, plot: bool) -> None:
    from collector.assembly import tenants
    from collector.commands.usage import usage as print_usage
    from collector.ledger.sqlite import SqliteReader

    reader = SqliteReader(loaded.settings.ledger.path)
    await reader.start()
    try:
        await print_usage(
            reader,
            tenants(loaded.settings),
            SystemClock(),
            parameters,
            form=form.value,
            plot=plot,
            out=_console(),
        )
    finally:
        await reader.stop()


@app.command()
def schema() -> None:
    """Print the JSON Schema of the settings."""
    from config.schema import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def simulate(context: typer.Context) -> None:
    """Run the simulated provider alone: northmeter simulate -c SCENARIO."""
    from simulator import main as simulate_main

    raise typer.Exit(simulate_main(context.args))


@app.command()
def demo(
    seconds: Annotated[
        str | None, typer.Option("--for", metavar="DURATION", help="End by itself after so long, with a summary.")
    ] = None,
) -> None:
    """Run a simulated provider and the daemon on it, and watch usage grow."""
    from collector.commands.demo import demo as run_demo

    raise typer.Exit(run_demo(seconds, _console()))


def _console() -> Console:
    """Return a console as wide as the terminal, or wide enough for every column where there is none."""
    return Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH, soft_wrap=False)


PLAIN_WIDTH = 240
"""Columns of a table that goes to a file or a pipe."""


if __name__ == "__main__":
    main()
