"""``python -m bench [name…]`` runs the modules of this folder that have a ``run``, and prints what they measured.

Exit code 1 when a target was missed.
"""

from __future__ import annotations

import importlib
import os
import platform
import sqlite3
import subprocess
import sys
from pathlib import Path

from bench.result import Result

HERE = Path(__file__).parent
_HEADINGS = ("", "value", "unit", "floor", "ratio", "target", "")


def names() -> list[str]:
    """Return the modules that measure something."""
    return sorted(file.stem for file in HERE.glob("*.py") if "\ndef run() -> list[Result]" in file.read_text("utf-8"))


def machine() -> str:
    """Return what it was measured on."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line for line in cpuinfo.read_text("utf-8").splitlines() if line.startswith("model name")]
        model = lines[0].partition(":")[2].strip() if lines else model
    return (
        f"{os.cpu_count()} × {model}, {platform.system()} {platform.release()}, Python {platform.python_version()},"
        f" SQLite {sqlite3.sqlite_version}"
    )


def commit() -> str:
    """Return the commit that was measured, marked where the checkout differs from it."""
    try:
        command = ["git", "-C", str(HERE), "describe", "--always", "--dirty", "--abbrev=12"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}".replace(",", " ") if abs(value) >= 1_000 else f"{value:.3g}"


def _line(result: Result) -> tuple[str, ...]:
    verdict = {None: "", True: "met", False: "MISSED"}[result.met]
    numbers = (_number(result.value), result.unit, _number(result.floor), _number(result.ratio))
    return (result.name, *numbers, result.target, verdict)


def _print_table(lines: list[tuple[str, ...]]) -> None:
    widths = [max(len(line[place]) for line in lines) for place in range(len(_HEADINGS))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def main(wanted: list[str]) -> int:
    """Measure and print; return the exit code."""
    known = names()
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        print(f"bench: {', '.join(unknown)}: there are {', '.join(known)}", file=sys.stderr)
        return 2
    print(f"machine: {machine()}\ncommit: {commit()}", flush=True)
    missed = False
    for name in wanted or known:
        print(f"\n{name}", flush=True)
        results: list[Result] = importlib.import_module(f"bench.{name}").run()
        _print_table([_HEADINGS, *map(_line, results)])
        missed = missed or any(result.met is False for result in results)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
