"""A settings file that is right, to be broken in one place at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from collector.errors import ConfigError
from config.loader import Loaded, load

Values = dict[str, object]

CREDENTIALS = (
    "nsx",
    "nsx-ca.pem",
    "nsx-client.pem",
    "nsx-client.key",
    "influx",
    "api.pem",
    "api.key",
    "clients-ca.pem",
    "billing",
    "acme",
    "vcd",
    "vcd-ca.pem",
    "vcd-partner",
    "vcd-lab-token",
    "nsxv",
    "nsxv-ca.pem",
)
"""The files that the examples name."""


def source(**keys: object) -> Values:
    """Return a source without a fault, with ``keys`` instead of its own; ``None`` takes one away."""
    return _with(
        {
            "kind": "nsxt",
            "name": "nsx-ams1",
            "urls": ["https://nsx.example.net"],
            "username": "northmeter",
            "password": "written-here",
        },
        keys,
    )


def director(**keys: object) -> Values:
    """Return a source of kind vcd without a fault, with ``keys`` instead of its own."""
    return _with(
        {"kind": "vcd", "name": "vcd", "urls": ["https://vcd.example.net"], "api_token": "written-here"},
        keys,
    )


def legacy(**keys: object) -> Values:
    """Return a source of kind nsxv without a fault, with ``keys`` instead of its own."""
    return _with(
        {
            "kind": "nsxv",
            "name": "nsxv",
            "urls": ["https://nsxv.example.net"],
            "username": "northmeter",
            "password": "written-here",
        },
        keys,
    )


def tenant(**keys: object) -> Values:
    """Return a tenant without a fault, with ``keys`` instead of its own."""
    return _with({"id": "acme", "name": "Acme Corp", "timezone": "Europe/Amsterdam"}, keys)


def point(**keys: object) -> Values:
    """Return a point without a fault, with ``keys`` instead of its own."""
    return _with({"source": "nsx-ams1", "kind": "tier0_uplink", "tier0": "t0-acme"}, keys)


def token(**keys: object) -> Values:
    """Return a token without a fault, with ``keys`` instead of its own."""
    return _with({"name": "billing", "token": "0123456789abcdef", "tenants": "all"}, keys)


def settings(**keys: object) -> Values:
    """Return settings without a fault or a warning, with ``keys`` beside them."""
    return _with({"sources": [source()], "http": {"tokens": [token()]}}, keys)


def _with(values: Values, keys: Mapping[str, object]) -> Values:
    return {key: value for key, value in {**values, **keys}.items() if value is not None}


def written(folder: Path, values: object) -> Path:
    """Return a file that only its owner may read, with ``values`` as YAML, or as they are if they are text."""
    file = folder / "northmeter.yaml"
    text = values if isinstance(values, str) else yaml.safe_dump(values, sort_keys=False)
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    return file


def loaded(folder: Path, values: object, environ: Mapping[str, str] | None = None) -> Loaded:
    """Return what ``values`` are when loaded from a file."""
    return load(written(folder, values), environ or {})


def faults(folder: Path, values: object, environ: Mapping[str, str] | None = None) -> list[str]:
    """Return the faults of ``values``, each as ``path: message``; there is one at least."""
    with pytest.raises(ConfigError) as caught:
        loaded(folder, values, environ)
    found = caught.value.faults
    assert str(caught.value).splitlines() == [str(one) for one in found]
    assert all(one.file.endswith("northmeter.yaml") for one in found)
    return [f"{one.path}: {one.message}" if one.path else one.message for one in found]


def credentials(folder: Path) -> Path:
    """Return a folder with every file that the examples name, readable by their owner only."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in CREDENTIALS:
        file = folder / name
        file.write_text(f"made-up-secret-of-{name}\n")
        file.chmod(0o600)
    return folder
