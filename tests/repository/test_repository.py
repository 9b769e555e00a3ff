"""The checkout holds for everybody: no path of one machine, no index, locked versions, a wheel that says who it is."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.checkout

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-test.lock", "requirements-dev.lock")
PACKAGES = ("collector", "exporters", "config", "simulator")

# Letters in brackets, so that this file passes as well.
MACHINE_PATHS = re.compile(r"(?<![\w.$}/<-])/(?:[r]oot|[h]ome/\w+|[U]sers/\w+|[w]ork|[o]pt)(?:/|\b)")
INDEXES = re.compile(
    r"[p]ypi\.org|[p]ythonhosted\.org|[n]pmjs\.org|[d]eb\.debian\.org"
    r"|--(?:extra-)?[i]ndex-url|--[f]ind-links|--[t]rusted-host|PIP_[I]NDEX|UV_[I]NDEX"
)


@cache
def tracked() -> tuple[Path, ...]:
    """Return the tracked files that exist, relative to the checkout."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return tuple(Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file())


def _text(file: Path) -> str | None:
    try:
        return (ROOT / file).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def _hits(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{file}:{number}: {line.strip()[:100]}"
        for file in tracked()
        for number, line in enumerate((_text(file) or "").splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_tracked_file_has_a_path_of_a_machine() -> None:
    assert _hits(MACHINE_PATHS) == []


def test_no_tracked_file_names_a_package_index() -> None:
    assert _hits(INDEXES) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("cd /ro" + "ot", True),
        ('"/ho' + 'me/ann/x"', True),
        ("/wo" + "rk/main", True),
        ("a/work/b", False),
        ("/metrics", False),
    ],
)
def test_the_search_for_machine_paths_finds_them(text: str, found: bool) -> None:
    assert bool(MACHINE_PATHS.search(text)) is found


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_requirement_has_an_exact_version_and_a_hash(name: str) -> None:
    logical = (ROOT / name).read_text().replace("\\\n", " ").splitlines()
    requirements = [line for line in logical if line.strip() and not line.startswith("#")]
    assert len(requirements) > 10
    form = re.compile(r"[a-z0-9][a-z0-9._-]*==[0-9][^\s;]*( ; [^\\]+?)?( +--hash=sha256:[0-9a-f]{64})+")
    assert [line[:80] for line in requirements if not form.fullmatch(line.strip())] == []


def _names(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", (ROOT / lock).read_text(), re.MULTILINE))


def _canonical(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match, requirement
    return re.sub(r"[-_.]+", "-", match.group()).lower()


def test_the_locks_agree_and_hold_what_the_project_asks_for() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    run, test, dev = (_names(lock) for lock in LOCKS)
    assert run.items() <= test.items() <= dev.items()
    assert {_canonical(one) for one in settings["project"]["dependencies"]} <= run.keys()
    groups = settings["dependency-groups"]
    assert {_canonical(one) for one in groups["test"]} <= test.keys()
    assert {_canonical(one) for one in groups["dev"] if isinstance(one, str)} <= dev.keys()


def test_every_dependency_has_its_reason() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [*settings["project"]["dependencies"], *settings["project"]["optional-dependencies"]["parquet"]]
    asked += [one for group in settings["dependency-groups"].values() for one in group if isinstance(one, str)]
    reasons = (ROOT / "docs/adr/0001-dependencies.md").read_text().lower()
    first_cells = re.sub(r"[-_.]+", "-", "\n".join(re.findall(r"^\| ([^|]+) \|", reasons, re.MULTILINE)))
    assert [name for one in asked if (name := _canonical(one)) not in first_cells] == []


@pytest.mark.parametrize(
    "target", ["demo", "test", "check", "bench", "lock", "pytest", "wheel", "servers", "test-python"]
)
def test_the_makefile_has_the_daily_tasks(target: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(rf"^{target}:.*## \w", makefile, re.MULTILINE), f"make {target} is missing or has no help"


PURE = ("collector/core/", "collector/model/", "collector/errors.py")


def _imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or ".")
    return found


def test_the_pure_packages_import_the_standard_library_only() -> None:
    pure = [file for file in tracked() if file.suffix == ".py" and file.as_posix().startswith(PURE)]
    assert len(pure) > 5
    foreign = {
        f"{file}: {name}"
        for file in pure
        for name in _imports(file)
        if name.split(".")[0] not in sys.stdlib_module_names | {"collector"}
    }
    assert foreign == set()


def test_ci_runs_make_test() -> None:
    script = ROOT / ".ci/run"
    assert script.stat().st_mode & 0o111
    assert "exec make test" in script.read_text()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout without asking any index."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return built


def _member(wheel: Path, ending: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(ending)]
        return archive.read(name).decode()


def test_the_wheel_says_who_it_is(wheel: Path) -> None:
    metadata: Message = Parser().parsestr(_member(wheel, ".dist-info/METADATA"))
    assert metadata["Name"] == "northmeter"
    assert metadata["Version"] == "0.1.0"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert "Apache License" in _member(wheel, ".dist-info/licenses/LICENSE")
    assert "northmeter = collector.cli:main" in _member(wheel, ".dist-info/entry_points.txt")


def test_the_wheel_has_every_tracked_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {file.as_posix() for file in tracked() if file.parts[0] in PACKAGES}
    assert expected - packed == set()
    untracked = packed - expected
    assert {name.split("/")[0] for name in untracked} <= set(PACKAGES)
    assert [name for name in untracked if name.endswith((".pyc", ".db", ".pem", ".key"))] == []


def test_no_file_of_code_is_over_five_hundred_lines() -> None:
    lengths = {file: len((_text(file) or "").splitlines()) for file in tracked() if file.suffix == ".py"}
    assert {str(file): lines for file, lines in lengths.items() if lines > 500} == {}
