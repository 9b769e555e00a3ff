"""The JSON Schema, the examples and the reference say what the loader does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

import config
from config.loader import load
from config.part import Part, key_of
from config.reference import settings_reference
from config.schema import DIALECT, json_schema
from config.settings import Settings
from tests.unit.config.support import (
    credentials,
    director,
    faults,
    legacy,
    loaded,
    point,
    settings,
    source,
    tenant,
    token,
)

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = sorted((Path(config.__file__).parent / "examples").glob("*.yaml"))


def validator() -> Draft202012Validator:
    """Return another implementation's view of the schema."""
    return Draft202012Validator(json_schema())


def parts(model: type[Part] = Part) -> Iterator[type[Part]]:
    """Return every model of the settings."""
    for one in model.__subclasses__():
        yield one
        yield from parts(one)


def leaves(value: object, path: str = "") -> Iterator[str]:
    """Return the path of every value, with ``[]`` for any position."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from leaves(one, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        for one in value:
            yield from leaves(one, f"{path}[]")
    else:
        yield path


def test_there_are_examples() -> None:
    assert [file.name for file in EXAMPLES] == ["minimal.yaml", "provider.yaml", "vcd.yaml"]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_an_example_loads_with_nothing_unsafe_in_it(file: Path, tmp_path: Path) -> None:
    folder = str(credentials(tmp_path / "credentials"))
    result = load(file, {"CREDENTIALS_DIRECTORY": folder, "STATE_DIRECTORY": folder})
    assert any(one.points for one in result.settings.tenants)
    unsafe = [str(one) for one in result.warnings if one.path != "http.tokens"]
    assert unsafe == []
    held = [secret.reveal() for one in result.settings.sources for secret in one.secrets]
    assert held
    assert all(secret.startswith("made-up-secret-of-") for secret in held)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_an_example_fits_the_schema(file: Path) -> None:
    validator().validate(yaml.safe_load(file.read_text()))


def test_the_examples_show_every_setting() -> None:
    shown = {path for file in EXAMPLES for path in leaves(yaml.safe_load(file.read_text()))}
    # Keys of the operator's own choice are no settings.
    shown = {re.sub(r"(\[\]\.(?:managers|backings))\..*", r"\1", path) for path in shown}
    alternatives = {
        "sources[].password",
        "sources[].token",
        "sources[].token_file",
        "sources[].api_token",
        "exporters.influxdb[].token",
        "exporters.influxdb[].tls.ca_file",
        "exporters.influxdb[].tls.fingerprint",
        "sources[].tls.verify",
        "http.tokens[].token",
        "billing",
        "replication",
        "tenants[].billing",
        "http.console",
    }
    known = set(_known(json_schema(), json_schema()))
    assert known - shown == alternatives
    assert shown <= known


def _known(schema: Mapping[str, Any], block: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for key, value in block["properties"].items():
        here = f"{path}.{key}".lstrip(".")
        for choice in (*reversed(value.get("anyOf", [])), value):
            items = choice.get("items", {})
            blocks = [_definition(schema, one) for one in (*items.get("anyOf", []), items, choice)]
            blocks = [one for one in blocks if "properties" in one]
            for inner in blocks:
                yield from _known(schema, inner, here + ("[]" if items else ""))
            if blocks:
                break
        else:
            yield here


def _definition(schema: Mapping[str, Any], choice: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = schema["$defs"].get(choice.get("$ref", "").rsplit("/", 1)[-1], {})
    return found


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(json_schema())
    assert json_schema()["$schema"] == DIALECT


@pytest.mark.parametrize(
    "values",
    [
        settings(),
        settings(tenants=[tenant(points=[point(max_rate="1.5Tbit/s")])], poll={"interval": "1500ms"}),
        settings(http={"listen": "[::1]:9470", "tokens": [token(tenants=["acme"])]}, tenants=[tenant()]),
        settings(exporters={"influxdb": {"url": "http://influx:8086", "org": "o", "bucket": "b"}}),
        settings(exporters={"influxdb": [{"url": "http://influx:8086/x", "org": "o", "bucket": "b"}]}),
        settings(sources=[source(tls={"fingerprint": ":".join(["aB"] * 32)}, projects=["a", "b"])]),
        settings(poll={"interval": "${I:-60s}", "link_end": "${L:-auto}"}, sources=[source(concurrency="${C:-5}")]),
        settings(sources=[source(vpn=False, vpcs=False, l2vpn_counters="segments", l2vpn_in="egress"), director()]),
        settings(sources=[source(), director(api_version=38.1, managers={"a b": "nsx-ams1"}, ip_spaces=False)]),
        settings(sources=[source(), director(api_version="${V:-38.0}", backings={"id": "${T:-/infra/tier-1s/t}"})]),
        settings(sources=[legacy(kilo=1024, edges=["edge-1"], format="xml", time_unit="seconds", catch_up="12h")]),
        settings(sources=[director(), {"kind": "nsxv", "name": "nsxv", "via_vcd": "vcd"}]),
        settings(poll={"compare_ends": "off", "imbalance": "0.5%", "remainder": "100%"}),
        settings(poll={"compare_ends": False}),
        settings(attribution={"order": ["nsx_tag", "vcd"], "nsx_tag_scope": "customer", "auto_tenants": False}),
        settings(
            sources=[source(), legacy()],
            tenants=[
                tenant(
                    vcd_org="acme",
                    points=[
                        {"source": "nsxv", "kind": "edge_interface", "edge": "edge-1", "interface": 0},
                        {"source": "nsx-ams1", "kind": "vpc_internal", "project": "p", "vpc": "v"},
                    ],
                )
            ],
        ),
    ],
)
def test_what_loads_fits_the_schema(tmp_path: Path, values: dict[str, object]) -> None:
    loaded(tmp_path, values)
    validator().validate(values)


@pytest.mark.parametrize(
    "values",
    [
        {},
        settings(sources=[]),
        settings(sites="a"),
        settings(poll={"interval": 60}),
        settings(poll={"interval": "60"}),
        settings(poll={"max_rate": "10 MB/s"}),
        settings(sources=[source(kind="vcda")]),
        settings(sources=[source(), director(token="x")]),
        settings(sources=[source(), director(service_account_token="x")]),
        settings(sources=[source(), director(api_version="39")]),
        settings(sources=[source(), director(backings={"x": "t1-acme"})]),
        settings(sources=[source(), legacy(kilo=1000.5)]),
        settings(sources=[source(via_vcd="vcd"), director()]),
        settings(poll={"compare_ends": "never"}),
        settings(poll={"imbalance": 0.02}),
        settings(attribution={"order": []}),
        settings(attribution={"order": ["vcd", "vcd"]}),
        settings(tenants=[tenant(points=[point(kind="ipsec_vpn")])]),
        settings(sources=[source(urls=["https://a/b"])]),
        settings(sources=[source(concurrency=41)]),
        settings(tenants=[tenant(id="unattributed")]),
        settings(tenants=[tenant(points=[point(kind="uplink")])]),
        settings(http={"open": ["everything"]}),
        settings(ledger={"url": "postgresql://db/ledger"}),
    ],
)
def test_what_the_schema_refuses_the_loader_refuses(tmp_path: Path, values: dict[str, object]) -> None:
    assert not validator().is_valid(values)
    assert faults(tmp_path, values)


def test_every_setting_has_a_description() -> None:
    bare = [
        f"{model.__name__}.{key_of(name, field.alias)}"
        for model in parts()
        for name, field in model.model_fields.items()
        if not (field.description or "").endswith(".")
    ]
    assert bare == []
    assert Settings in set(parts())


def test_defaults_in_the_schema_are_written_as_in_a_file(tmp_path: Path) -> None:
    schema = json_schema()
    blocks = {"poll": "Poll", "discovery": "Discovery", "log": "Log", "attribution": "Attribution"}
    for key, name in blocks.items():
        properties = schema["$defs"][name]["properties"]
        defaults = {one: value["default"] for one, value in properties.items() if "default" in value}
        assert defaults
        written = loaded(tmp_path, settings(**{key: defaults})).settings
        assert written == loaded(tmp_path, settings()).settings


@pytest.mark.checkout
def test_the_reference_is_current() -> None:
    page = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    assert page == settings_reference(), "run python -m config.reference docs/reference/settings.md"


def test_the_reference_names_every_setting() -> None:
    page = settings_reference()
    for path in _known(json_schema(), json_schema()):
        assert f"| `{path.rsplit('.', 1)[-1]}` |" in page
