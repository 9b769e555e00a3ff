"""The file as a file: YAML, lines, variables, the files it names, and what comes out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import ConfigError
from config.document import VALUES_MAX
from config.loader import FAULTS_MAX, FILE_BYTES_MAX, load
from config.settings import Settings
from config.variables import VariableFault, expanded
from tests.unit.config.support import faults, loaded, point, settings, source, tenant, token, written

SOURCE = "sources: [{kind: nsxt, name: n, urls: [https://n], username: u, password: p}]\n"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "the settings file is empty; write at least a source, as in the example minimal.yaml"),
        ("# nothing\n", "the settings file is empty; write at least a source, as in the example minimal.yaml"),
        ("- a\n- b\n", "the settings file is not a block of keys such as sources: and tenants:"),
        ("sites: {a: }\n\tb: 1\n", "the settings file is not valid YAML at column 1: a tab stands where spaces must"),
        (
            "site: a: b\n",
            "the settings file is not valid YAML at column 8: a colon and a space stand where no key can be",
        ),
        (
            "site: [a, b\n",
            "the settings file is not valid YAML at column 1: a list [ ] or block { } lacks a comma or its",
        ),
        (
            "site: {a: ${B}}\n",
            "the settings file is not valid YAML at column 12: a list [ ] or block { } lacks a comma",
        ),
        ("site: *a\n", "the settings file is not valid YAML at column 7: a value begins with * but is no alias"),
        ("site: @a\n", "the settings file is not valid YAML at column 7: a value begins with a character that needs"),
        ('site: "a\n', "the settings file is not valid YAML at column 1: a quote is opened and never closed"),
        (
            "site: a\n---\nsite: b\n",
            "the settings file is not valid YAML at column 1: a second document begins with ---",
        ),
        ("site: a\x00b\n", "the settings file has a control character at position 8; remove it"),
        ("[" * 200_000, "the settings file is nested more than 24 deep"),
        ("a: &a [*a]\n", "the settings file has more than 200000 values or 24 levels with its aliases followed"),
    ],
)
def test_a_file_that_is_no_settings_says_why(tmp_path: Path, text: str, fault: str) -> None:
    (found,) = faults(tmp_path, text)
    assert found.startswith(fault)


def test_a_variable_in_brackets_gets_a_hint(tmp_path: Path) -> None:
    (found,) = faults(tmp_path, "sources: [{password: ${SECRET}}]\n")
    assert found.endswith("; a value with ${…} inside { } or [ ] needs quotes")


def test_a_file_that_is_not_utf8_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "northmeter.yaml"
    file.write_bytes(b"site: a\nname: caf\xe9\n")
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    message = "the settings file is not text in UTF-8; save it as UTF-8 (northmeter.yaml line 2)"
    assert str(caught.value) == message


@pytest.mark.parametrize(("name", "reason"), [("absent.yaml", "no such file or directory"), (".", "is a directory")])
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / name, {})
    assert str(caught.value) == f"the settings file cannot be read: {reason} ({tmp_path / name})"


def test_a_file_above_the_bound_is_not_parsed(tmp_path: Path) -> None:
    assert faults(tmp_path, "#" * (FILE_BYTES_MAX + 1)) == ["the settings file is larger than 1024 KiB, the most"]


def test_aliases_cannot_multiply_without_end(tmp_path: Path) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    (found,) = faults(tmp_path, "\n".join(levels))
    assert f"more than {VALUES_MAX} values" in found


def test_aliases_and_merges_are_followed(tmp_path: Path) -> None:
    text = f"""{SOURCE}
tenants:
  - &first {{id: a, timezone: Europe/Amsterdam}}
  - {{<<: *first, id: b}}
"""
    result = loaded(tmp_path, text)
    assert [(one.id, one.timezone) for one in result.settings.tenants] == [
        ("a", "Europe/Amsterdam"),
        ("b", "Europe/Amsterdam"),
    ]


def test_a_key_written_twice_names_both_lines(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, f"site: a\n{SOURCE}site: b\n")
    assert (
        str(caught.value) == "site: is written twice, here and in line 3; keep one of the two (northmeter.yaml line 1)"
    )


def test_a_tag_is_refused(tmp_path: Path) -> None:
    (found,) = faults(tmp_path, f"{SOURCE}site: !!python/name:os.system x\n")
    assert found.startswith("site: has a tag (!)")


def test_a_fault_begins_with_its_path_and_ends_with_its_line(tmp_path: Path) -> None:
    text = f"{SOURCE}tenants:\n  - id: a\n    timezone: UTC\n  - id: b\n    timezone: Europe/Amsterdm\n"
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    assert str(caught.value) == (
        'tenants[1].timezone: "Europe/Amsterdm" is not a time zone; did you mean "Europe/Amsterdam"? '
        "(northmeter.yaml line 6)"
    )


def test_a_report_has_a_bound(tmp_path: Path) -> None:
    many = settings(tenants=[tenant(id=f"t{n}", timezone="Nowhere") for n in range(FAULTS_MAX + 5)])
    found = faults(tmp_path, many)
    assert len(found) == FAULTS_MAX + 1
    assert found[-1] == "5 more faults; mend these first"


@pytest.mark.parametrize("text", ["1:30", "0123", "0x1F", "2026-10-01", "1_000", ".inf", "1e5"])
def test_what_yaml_reads_as_an_odd_number_stays_text(tmp_path: Path, text: str) -> None:
    assert loaded(tmp_path, f"{SOURCE}site: {text}\n").settings.site == text


def test_an_empty_section_is_as_if_not_written_and_an_empty_value_is_a_fault(tmp_path: Path) -> None:
    result = loaded(tmp_path, f"{SOURCE}tenants:\nexporters:\n  prometheus:\n  influxdb:\nhttp:\n  tokens:\npoll:\n")
    assert result.settings.poll.interval_ms == 60_000
    assert result.settings.http.tokens == ()
    empty = f"{SOURCE}site:\nhttp:\n  listen:\n  open:\n"
    assert faults(tmp_path, empty) == [
        f"{key}: has no value; write one, or remove the key" for key in ("site", "http.listen", "http.open")
    ]


def test_defaults_are_those_of_the_reference(tmp_path: Path) -> None:
    result = loaded(tmp_path, settings())
    made = result.settings
    assert result.warnings == ()
    assert (made.poll.interval_ms, made.poll.gap_after_ms, made.poll.max_rate_bits) == (60_000, 180_000, 10**11)
    assert made.discovery.interval_ms == 600_000
    assert (made.http.listen.host, made.http.listen.port) == ("127.0.0.1", 9470)
    assert made.http.open == ("health", "metrics")
    assert made.ledger.path == Path("/var/lib/northmeter/ledger.db")
    assert made.nsxt_sources[0].enforcement_point is None
    assert (made.poll.compare_ends_ms, made.poll.imbalance_ppm, made.poll.remainder_ppm) == (1_800_000, 20_000, 50_000)
    assert made.attribution.order == ("config", "vcd", "nsx_tag", "nsx_project")
    assert (made.attribution.nsx_tag_scope, made.attribution.auto_tenants) == ("tenant", True)
    assert made.exporters.prometheus.points is True
    assert made.exporters.influxdb == ()


@pytest.mark.parametrize(("interval", "gap_after_ms"), [("10s", 180_000), ("60s", 180_000), ("5m", 900_000)])
def test_without_gap_after_one_lost_answer_is_no_gap(tmp_path: Path, interval: str, gap_after_ms: int) -> None:
    assert loaded(tmp_path, settings(poll={"interval": interval})).settings.poll.gap_after_ms == gap_after_ms


def test_an_enforcement_point_can_be_named(tmp_path: Path) -> None:
    path = "/global-infra/sites/ams/enforcement-points/default"
    told = loaded(tmp_path, settings(sources=[source(federation=True, enforcement_point=path)])).settings
    assert told.nsxt_sources[0].enforcement_point == path


def test_one_destination_may_stand_for_a_list(tmp_path: Path) -> None:
    one = {"url": "http://influx:8086/", "org": "provider", "bucket": "usage"}
    single = loaded(tmp_path, settings(exporters={"influxdb": one})).settings.exporters.influxdb
    assert single == loaded(tmp_path, settings(exporters={"influxdb": [one]})).settings.exporters.influxdb
    assert [(each.name, each.url) for each in single] == [("influxdb", "http://influx:8086")]


@pytest.mark.parametrize("off", ["off", False, "Off"])
def test_a_comparison_is_switched_off(tmp_path: Path, off: object) -> None:
    assert loaded(tmp_path, settings(poll={"compare_ends": off})).settings.poll.compare_ends_ms == 0


def test_off_without_quotes_is_off(tmp_path: Path) -> None:
    text = "sources: [{kind: nsxt, name: n, urls: [https://n], username: u, password: p}]\npoll: {compare_ends: off}\n"
    made = loaded(tmp_path, text).settings
    assert made.poll.compare_ends_ms == 0
    assert '"compare_ends":"off"' in made.model_dump_json()


@pytest.mark.parametrize("digits", ["AB" * 32, "ab" * 32, ":".join(["Ab"] * 32)])
def test_a_fingerprint_may_have_colons_and_either_case(tmp_path: Path, digits: str) -> None:
    made = loaded(tmp_path, settings(sources=[source(tls={"fingerprint": digits})])).settings
    assert made.sources[0].tls.fingerprint == "ab" * 32


@pytest.mark.parametrize(
    ("text", "host", "port", "loopback"),
    [
        ("127.0.0.1:9470", "127.0.0.1", 9470, True),
        ("[::1]:0", "::1", 0, True),
        ("localhost:80", "localhost", 80, True),
        ("[::]:9470", "::", 9470, False),
        ("0.0.0.0:9470", "0.0.0.0", 9470, False),  # noqa: S104  # only read, nothing listens
        ("meter.example.net:9470", "meter.example.net", 9470, False),
    ],
)
def test_the_listener_is_a_host_and_a_port(tmp_path: Path, text: str, host: str, port: int, loopback: bool) -> None:
    listen = loaded(tmp_path, settings(http={"listen": text})).settings.http.listen
    assert (listen.host, listen.port, listen.is_loopback, str(listen)) == (host, port, loopback, text)


def test_what_is_loaded_does_not_change(tmp_path: Path) -> None:
    made = loaded(tmp_path, settings()).settings
    with pytest.raises(ValueError, match="frozen"):
        made.site = "other"  # type: ignore[misc]  # that it cannot be done is what is tested


def test_a_dump_loads_again(tmp_path: Path) -> None:
    values = settings(tenants=[tenant(points=[point(max_rate="10Gbit/s")])], poll={"gap_after": "5m"})
    made = loaded(tmp_path, values).settings
    dumped = json.loads(made.model_dump_json(exclude_none=True))
    for block in (*dumped["sources"], *dumped["http"]["tokens"]):
        for key in {"password", "token"} & block.keys():
            assert block[key] == "…"
            block[key] = "written-here" if key == "password" else "0123456789abcdef"
    assert Settings.model_validate(dumped) == made


# --- variables -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "environ", "value"),
    [
        ("${A}", {"A": "x"}, "x"),
        ("a${A}b${B}", {"A": "1", "B": "2"}, "a1b2"),
        ("${A:-other}", {}, "other"),
        ("${A:-other}", {"A": ""}, "other"),
        ("${A:-}", {}, ""),
        ("${A}", {"A": ""}, ""),
        ("$${A}", {"A": "x"}, "${A}"),
        ("$A $ 5$", {"A": "x"}, "$A $ 5$"),
        ("${A}", {"A": "${B}", "B": "x"}, "${B}"),
    ],
)
def test_variables_are_put_in_once(text: str, environ: dict[str, str], value: str) -> None:
    assert expanded(text, environ) == value


@pytest.mark.parametrize("text", ["${}", "${a b}", "${A", "${1}", "${A:x}"])
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(VariableFault, match=r"write \$\$\{ for the two characters themselves"):
        expanded(text, {"A": "x"})


@given(value=st.text(alphabet=st.characters(codec="utf-8"), min_size=1))
def test_a_value_of_the_environment_is_never_read_again(value: str) -> None:
    assert expanded("${A}", {"A": value}) == value


def test_a_value_of_the_environment_adds_no_keys(tmp_path: Path) -> None:
    sneaky = "a\nlog: {level: debug}"
    found = faults(tmp_path, f"{SOURCE}site: ${{SITE}}\n", {"SITE": sneaky})
    assert found == ['site: "${SITE}" has line breaks or other control characters in it']
    made = loaded(tmp_path, f"{SOURCE}site: ${{SITE}}\n", {"SITE": "{x: 1}"}).settings
    assert made.site == "{x: 1}"


def test_numbers_words_and_flags_may_come_from_the_environment(tmp_path: Path) -> None:
    names = {"concurrency": "${C}", "federation": "${F}", "auth": "${A}", "timeout": "${T}", "kind": "${K}"}
    environ = {"C": "7", "F": "True", "A": "basic", "T": "5s", "K": "nsxt"}
    (made,) = loaded(tmp_path, settings(sources=[source(**names)]), environ).settings.nsxt_sources
    assert (made.concurrency, made.federation, made.auth, made.timeout_ms) == (7, True, "basic", 5_000)


def test_an_unset_variable_is_one_fault_at_its_key(tmp_path: Path) -> None:
    values = settings(sources=[source(name="${NAME}", password="${PW}")], tenants=[tenant(id="${ID}")])
    assert faults(tmp_path, values) == [
        "sources[0].name: the environment variable NAME is not set; set it, or write ${NAME:-default}",
        "sources[0].password: the environment variable PW is not set; set it, or write ${PW:-default}",
        "tenants[0].id: the environment variable ID is not set; set it, or write ${ID:-default}",
    ]


def test_a_fault_shows_no_value_of_the_environment(tmp_path: Path) -> None:
    values = settings(
        site="${V}\n",
        poll={"interval": "${V}", "link_end": "${V}"},
        sources=[source(name="${V}", urls=["https://${V}/path", "${V}"], concurrency="${V}", auth="${V}")],
        tenants=[tenant(id="${V}", timezone="${V}", points=[point(source="${V}x", kind="${V}")])],
        http={"listen": "${V}", "tokens": [token(tenants=["${V}y"])], "open": ["${V}"]},
        ledger={"url": "${V}:x"},
        log={"level": "${V}"},
    )
    found = "\n".join(faults(tmp_path, values, {"V": "zebra&"}))
    assert "zebra" not in found
    assert found.count("${V}") >= 10


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_secret_is_read_from_its_file_without_the_last_line_break(tmp_path: Path, ending: str) -> None:
    file = tmp_path / "nsx"
    file.write_bytes(b" with spaces " + ending.encode())
    file.chmod(0o600)
    result = loaded(tmp_path, settings(sources=[source(password=None, password_file=str(file))]))
    (made,) = result.settings.nsxt_sources
    assert made.password is not None
    assert made.password.reveal() == " with spaces "
    assert result.warnings == ()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"a\nb\n", "has line breaks or other control characters in it; a secret is one line"),
        (b"\xff\xfe", "is not text in UTF-8"),
        (b"x" * 70_000, "is longer than 65536 characters"),
        (None, "cannot be read: no such file or directory"),
    ],
)
def test_a_secret_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None, fault: str) -> None:
    if content is not None:
        (tmp_path / "nsx").write_bytes(content)
    values = settings(sources=[source(password=None, password_file="nsx")])
    assert faults(tmp_path, values) == [f'sources[0].password_file: "nsx" {fault}']


def test_every_file_that_is_named_must_be_readable(tmp_path: Path) -> None:
    values = settings(
        sources=[source(tls={"ca_file": "ca.pem"})],
        http={"tls": {"cert_file": "cert.pem", "key_file": ".", "client_ca_file": "${DIR}/clients.pem"}},
    )
    absent = "cannot be read: no such file or directory"
    assert faults(tmp_path, values, {"DIR": "/hidden-folder"}) == [
        f'sources[0].tls.ca_file: "ca.pem" {absent}',
        f'http.tls.cert_file: "cert.pem" {absent}',
        'http.tls.key_file: "." cannot be read: is a directory',
        f'http.tls.client_ca_file: "${{DIR}}/clients.pem" {absent}',
    ]


def test_paths_begin_at_the_folder_of_the_settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, elsewhere = tmp_path / "etc", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (folder / "ca.pem").write_text("certificate")
    file = written(folder, settings(sources=[source(tls={"ca_file": "ca.pem"})], ledger={"url": "sqlite:///x/l.db"}))
    monkeypatch.chdir(elsewhere)
    made = load(Path("../etc") / file.name, {}).settings
    assert made.sources[0].tls.ca_file == str(folder / "ca.pem")
    assert made.ledger.path == folder / "x/l.db"


def test_a_secret_and_its_file_exclude_each_other(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("0123456789abcdef")
    values = settings(
        sources=[source(password_file="secret")],
        http={"tokens": [token(token_file="secret")]},
        exporters={"influxdb": {"url": "https://i", "org": "o", "bucket": "b", "token": "t", "token_file": "secret"}},
    )
    assert faults(tmp_path, values) == [
        "sources[0].password_file: is written beside password; keep one of the two",
        "http.tokens[0].token_file: is written beside token; keep one of the two",
        "exporters.influxdb.token_file: is written beside token; keep one of the two",
    ]


# --- warnings --------------------------------------------------------------------------------------------------------


def test_warnings_are_in_order_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "nsx").write_text("made-up")
    (tmp_path / "nsx").chmod(0o644)
    text = """\
sources:
  - kind: nsxt
    name: nsx-ams1
    urls: [https://nsx-a.example.net, http://nsx-b.example.net]
    username: northmeter
    password_file: nsx
    tls: {verify: false}
exporters:
  influxdb: {url: http://influx:8086, org: provider, bucket: usage, token: made-up, tls: {verify: false}}
http:
  listen: 0.0.0.0:9470
  open: [health, metrics, api]
"""
    result = loaded(tmp_path, text)
    assert [(one.path, one.line) for one in result.warnings] == [
        ("sources[0].urls[1]", 4),
        ("sources[0].password_file", 6),
        ("sources[0].tls.verify", 7),
        ("exporters.influxdb.tls.verify", 9),
        ("exporters.influxdb.url", 9),
        ("http.listen", 11),
        ("http.open", 12),
        ("http.open", 12),
    ]
    assert str(result.warnings[0]) == (
        "sources[0].urls[1]: is plain http, so anybody on the way can read the credentials and change the counters; "
        "use https (northmeter.yaml line 4)"
    )
    assert "the token and the usage" in result.warnings[4].message


def test_an_api_that_nobody_can_use_warns(tmp_path: Path) -> None:
    (warning,) = loaded(tmp_path, settings(http={})).warnings
    assert str(warning).startswith("http.tokens: has no token, so nobody can use the API")


def test_a_secret_in_a_file_that_everybody_can_read_warns(tmp_path: Path) -> None:
    file = written(tmp_path, settings())
    assert load(file, {}).warnings == ()
    file.chmod(0o644)
    (warning,) = load(file, {}).warnings
    assert warning.path == "sources[0].password"
    assert warning.message.startswith("is written in a file that every user of this machine can read")


def test_keys_of_later_versions_are_taken_with_a_warning(tmp_path: Path) -> None:
    later = {"billing": {"day": 1}, "replication": {"interval": "60s"}}
    file = settings(**later, tenants=[tenant(billing={"percentile": 95})], http={"console": True, "tokens": [token()]})
    warned = loaded(tmp_path, file).warnings
    assert {one.path for one in warned} == {"billing", "replication", "tenants[0].billing", "http.console"}
    assert {one.message for one in warned} == {"is not used by this version"}
