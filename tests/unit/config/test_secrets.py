"""No secret is shown, whatever else is wrong."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from collector.errors import ConfigError
from config.loader import load
from config.schema import json_schema
from config.secret import SECRET_KEYS, Secret
from tests.unit.config.support import Values, director, legacy, point, settings, source, tenant, token, written

SECRET = "Zq7hunter2Zq7"
"""Nothing else has these characters in a row, and ``in`` finds any output that has them."""


def everything_said(file: Path, environ: dict[str, str]) -> str:
    """Return all text that a program, a log or a traceback could make of loading ``file``."""
    try:
        result = load(file, environ)
    except ConfigError as error:
        chain: BaseException | None = error
        said = []
        while chain is not None:
            said += [str(chain), repr(chain), "".join(traceback.format_exception(chain))]
            said += [repr(vars(chain)), repr(chain.args)]
            chain = chain.__cause__ or chain.__context__
        return "\n".join(said)
    made = result.settings
    held = [secret for one in made.sources for secret in one.secrets]
    record = logging.LogRecord("x", logging.INFO, "x", 1, "%s %r", (made, made), None)
    warned = [str(one) + repr(one) for one in result.warnings]
    dumps = [repr(made.model_dump()), made.model_dump_json(), repr(made), str(made), record.getMessage()]
    return "\n".join([*dumps, *warned, repr(result), f"{held} {held[0]}"])


# Ways to break something beside the secret; each takes the settings as plain values and changes them.
BREAKS: dict[str, Callable[[Values], object]] = {
    "nothing": lambda values: None,
    "site": lambda values: values.update(site=[1]),
    "unknown": lambda values: values.update(replication={"password": SECRET}),
    "interval": lambda values: values.update(poll={"interval": 5, "token": SECRET}),
    "sources as text": lambda values: values.update(sources=f"password={SECRET}"),
    "tenants as block": lambda values: values.update(tenants={"password": SECRET}),
    "log as list": lambda values: values.update(log=[{"token": SECRET}]),
    "tokens as block": lambda values: values.update(http={"tokens": {"token": SECRET}}),
    "point": lambda values: values.update(tenants=[tenant(points=[{**point(tier0=5), "password": SECRET}])]),
    "unset variable": lambda values: values.update(site="${NORTHMETER_ABSENT}"),
    "ledger": lambda values: values.update(ledger={"url": f"postgresql://northmeter:{SECRET}@db/ledger"}),
    "ledger without a scheme": lambda values: values.update(ledger={"url": f"northmeter:{SECRET}@db/ledger"}),
    "sqlite": lambda values: values.update(ledger={"url": f"sqlite://{SECRET}"}),
    "influx": lambda values: values.update(
        exporters={"influxdb": {"url": f"http://u:{SECRET}@influx", "token": SECRET}}
    ),
    "influx query": lambda values: values.update(exporters={"influxdb": {"url": f"http://influx?token={SECRET}"}}),
    "key": lambda values: values.update({f"password:{SECRET}": None}),
}

# Ways to write the secret, right or wrong, where a secret goes.
SHAPES: dict[str, object] = {
    "text": SECRET,
    "with line break": f"{SECRET}\n{SECRET}",
    "with tail": f"{SECRET} has spaces",
    "in a list": [SECRET],
    "in a block": {SECRET: SECRET},
    "in a deep block": {"a": [{"b": {SECRET: [SECRET]}}]},
    "with a variable": f"{SECRET}${{NORTHMETER_ABSENT}}",
    "with a broken variable": f"{SECRET}${{{SECRET} x}}",
    "as a default": f"${{NORTHMETER_ABSENT:-{SECRET}}}",
    "from a variable": "${NORTHMETER_SECRET}",
    "name of a variable": f"x${{{SECRET}}}",
}


@effort(max_examples=100)
@given(
    breaks=st.lists(st.sampled_from(sorted(BREAKS)), max_size=4),
    password=st.sampled_from(sorted(SHAPES)),
    bearer=st.sampled_from(sorted(SHAPES)),
    auth=st.sampled_from(["session", "bearer", "certificate", "sesion", 5]),
    key=st.sampled_from(["password", "token"]),
)
def test_no_output_shows_a_secret_whatever_else_is_wrong(
    tmp_path_factory: pytest.TempPathFactory, *, breaks: list[str], password: str, bearer: str, auth: object, key: str
) -> None:
    values = settings(
        sources=[
            source(**{"auth": auth, "password": None, key: SHAPES[password]}),
            director(api_token=SHAPES[password]),
            *([director(name="other", api_token=None, service_account_token=SHAPES[bearer])] if auth == 5 else []),
            legacy(password=SHAPES[bearer]),
        ],
        http={"tokens": [token(token=SHAPES[bearer]), token(name="other", token=SHAPES[bearer])]},
    )
    for one in breaks:
        BREAKS[one](values)
    file = written(tmp_path_factory.mktemp("secrets"), values)
    assert SECRET not in everything_said(file, {"NORTHMETER_SECRET": SECRET})


@pytest.mark.parametrize(
    "line",
    [
        f"password: *{SECRET}",
        f"password: &{SECRET}",
        f"password: !{SECRET} x",
        f"password: @{SECRET}",
        f"password: %{SECRET}",
        f'password: "{SECRET}',
        f'password: "\\{SECRET}"',
        f"password: {SECRET}: x",
        f"password:{SECRET}",
        f"password: {{{SECRET}",
        f"password: [{SECRET}",
        f"password: {SECRET}\n    password: {SECRET}",
        f"password: {{{SECRET}: 1, {SECRET}: 2}}",
        f"? [{SECRET}]\n    : x",
        f"? {SECRET} x\n    : x",
        f"\tpassword: {SECRET}",
        f"password: |\n      {SECRET}\n   {SECRET}",
        f"password: {SECRET}\x07",
        f"passwort: {SECRET}",
        f"password: {'9' * 12}",
    ],
)
@pytest.mark.parametrize("flow", [False, True])
def test_no_fault_of_the_text_quotes_it(tmp_path: Path, line: str, flow: bool) -> None:
    if flow:
        text = f"sources: [{{kind: nsxt, name: n, {line}}}]\n"
    else:
        text = f"sources:\n  - kind: nsxt\n    name: n\n    urls: [https://n]\n    {line}\n"
    said = everything_said(written(tmp_path, text), {})
    assert SECRET not in said
    assert "9" * 12 not in said


def test_a_secret_file_is_named_and_never_quoted(tmp_path: Path) -> None:
    for name, content in {"lines": f"{SECRET}\n{SECRET}\n", "short": SECRET[:5], "good": SECRET}.items():
        (tmp_path / name).write_text(content)
    values = settings(
        sources=[source(password=None, password_file="lines")],
        http={
            "tokens": [
                token(token=None, token_file="short"),
                token(name="b", token=None, token_file="good"),
                token(name="c", token=None, token_file="good"),
            ]
        },
    )
    said = everything_said(written(tmp_path, values), {})
    assert SECRET not in said
    assert SECRET[:5] not in said
    assert "http.tokens[2].token_file: is the same token as http.tokens[1].token_file" in said


@given(text=st.text(min_size=1, max_size=40))
def test_any_password_is_taken_as_it_is_or_not_shown(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    assume("${" not in text)
    folder = tmp_path_factory.mktemp("any")
    accepted = everything_said(written(folder, settings(sources=[source(password="another")])), {})
    refused = everything_said(written(folder, settings(sources=[source(password="another\n")])), {})
    # What is said does not depend on the secret at all: with any other one, each word is the same.
    said = everything_said(written(folder, settings(sources=[source(password=text)])), {})
    assert said == (accepted if text.isprintable() else refused)
    if text.isprintable():
        password = load(folder / "northmeter.yaml", {}).settings.sources[0].password
        assert password is not None
        assert password.reveal() == text


def test_a_secret_hides_in_every_form() -> None:
    secret = Secret(SECRET)
    assert {str(secret), repr(secret), f"{secret}", f"{secret:>3}", "%s" % secret} == {"Secret(…)"}  # noqa: UP031
    assert SECRET not in repr([secret, {"a": secret}])
    assert not hasattr(secret, "__dict__")
    assert copy.deepcopy(secret) == copy.copy(secret) == secret
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)


def test_secrets_are_equal_by_what_they_hide() -> None:
    assert Secret("a") == Secret("a")
    assert hash(Secret("a")) == hash(Secret("a"))
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert Secret("a").reveal() == "a"


def test_the_schema_has_no_example_of_a_secret() -> None:
    for block in json_schema()["$defs"].values():
        for key in SECRET_KEYS & block.get("properties", {}).keys():
            secret = block["properties"][key]
            assert secret["writeOnly"] is True
            assert not {"default", "examples", "const"} & secret.keys()
