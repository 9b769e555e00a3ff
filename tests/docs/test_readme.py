"""The README tells the truth: its settings load, and its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from collector.cli import app
from config.loader import load

pytestmark = pytest.mark.checkout

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_settings_of_the_readme_load(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)
    for number, named in enumerate(sorted(set(re.findall(r"/(?:run/secrets|etc/northmeter)/[a-z.-]+", example)))):
        path = tmp_path / Path(named).name
        path.write_text(f"a-secret-of-the-example-{number}", encoding="utf-8")
        path.chmod(0o600)
        example = example.replace(named, str(path))
    file = tmp_path / "northmeter.yaml"
    file.write_text(example, encoding="utf-8")
    loaded = load(file, {})
    assert loaded.warnings == ()
    assert [tenant.id for tenant in loaded.settings.tenants] == ["acme", "globex"]
    assert loaded.settings.exporters.influxdb[0].bucket == "usage"


def test_every_command_of_the_readme_exists_and_none_is_missing() -> None:
    told = set(re.findall(r"^\| `northmeter (\w+)", README, flags=re.MULTILINE))
    assert told == set(get_command(app).commands)  # type: ignore[attr-defined]  # a group has commands
