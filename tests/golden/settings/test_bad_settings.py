"""Bad settings → the exact report: ``NAME.yaml`` and, beside it, ``NAME.txt`` as an operator reads it.

``NORTHMETER_WRITE_GOLDEN=1`` writes the reports anew; read the difference before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from collector.errors import ConfigError
from config.loader import load

FILES = sorted(Path(__file__).parent.glob("*.yaml"))


def test_there_are_files() -> None:
    assert [file.stem for file in FILES] == ["broken", "directors", "many", "twice", "unsourced"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_bad_settings_give_this_report(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    report = f"{caught.value}\n"
    golden = file.with_suffix(".txt")
    if os.environ.get("NORTHMETER_WRITE_GOLDEN") == "1":
        golden.write_text(report, encoding="utf-8")
    assert report == golden.read_text(encoding="utf-8")
    assert "made-up" not in report
    assert "12345" not in report
