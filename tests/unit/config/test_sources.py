"""Sources of kind vcd and nsxv, and what sources say of each other's names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.config.support import Values, director, faults, legacy, loaded, settings, source

TOKEN = {"service_account_token_file": "vcd-token"}
VIA: Values = {"kind": "nsxv", "name": "nsxv", "via_vcd": "vcd"}


def token_file(folder: Path, text: str = "made-up-token") -> Path:
    """Return a file that holds the token of a service account."""
    file = folder / "vcd-token"
    file.write_text(text)
    file.chmod(0o600)
    return file


# --- VMware Cloud Director -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        (
            {"api_token": None},
            "api_token: is missing; write api_token or api_token_file, or username and password, or service_account_",
        ),
        ({"api_token": ""}, "api_token: is empty"),
        ({"api_token": 5}, "api_token: expected text, came a number; put it in quotes"),
        ({"api_token": None, "username": "u"}, "password: is missing; the log-in of a user needs password or"),
        ({"api_token": None, "password": "p"}, "username: is missing; the log-in of a user needs username"),
        ({"username": "u"}, "username: is written beside api_token; keep one way to log in"),
        ({"password": "p"}, "password: is written beside api_token; keep one way to log in"),
        (
            {"api_token": None, "service_account_token": "made-up"},
            "service_account_token: is never written here, since it changes at each use; put it in a file and name",
        ),
        ({"urls": []}, "urls: is empty; write the address of a manager, or of the VIP"),
        ({"urls": None}, "urls: is missing; write it, for example urls: [https://nsx-a.example.net, "),
        ({"urls": ["https://vcd/cloudapi"]}, 'urls[0]: "https://vcd" has a path; write the address only'),
        ({"requests_per_second": 101}, "requests_per_second: 101 is above 100, the most"),
        ({"concurrency": 41}, "concurrency: 41 is above 40, the most"),
        ({"api_version": "38"}, 'api_version: "38" is not an API version such as 38.1'),
        ({"api_version": 38}, "api_version: 38 is not an API version such as 38.1"),
        ({"api_version": "v38.1"}, 'api_version: "v38.1" is not an API version such as 38.1'),
        ({"api_version": True}, "api_version: expected an API version such as 38.1, came true or false"),
        ({"api_version": 32.0}, "api_version: 32.0 is not spoken here; write a version from 33.0 to 39.x"),
        ({"api_version": 40.0}, "api_version: 40.0 is not spoken here; write a version from 33.0 to 39.x"),
        ({"ip_spaces": 1}, "ip_spaces: expected true or false, came 1"),
        ({"managers": ["a"]}, "managers: expected a block of keys, each with the name of a source, came a list"),
        ({"managers": {"nsx-a": 5}}, "managers.nsx-a: expected text, came a number; put it in quotes"),
        (
            {"managers": {"nsx-a": "nsx-ams2"}},
            'managers.nsx-a: "nsx-ams2" is not the name of a source; did you mean "nsx-ams1"?',
        ),
        (
            {"managers": {"nsx-a": "vcd"}},
            'managers.nsx-a: "vcd" is a source of kind vcd; a network provider needs one of kind nsxt or nsxv (known: ',
        ),
        (
            {"backings": {"edge-id": "t1-acme"}},
            'backings.edge-id: "t1-acme" is not a policy path such as /infra/',
        ),
        (
            {"backings": {"edge-id": "/infra/tier-0s/t0"}},
            'backings.edge-id: "/infra/tier-0s/t0" is not the policy path of a Tier-1 such as /infra/tier-1s/t1-acme',
        ),
        ({"backings": {"edge-id": "/t1"}}, 'backings.edge-id: "/t1" is not the policy path of a Tier-1 such as'),
        ({"manager": {"a": "b"}}, 'manager: is not a known key here; did you mean "managers"?'),
        ({"service_account_token": "made-up"}, "service_account_token: is never written here, since it changes at"),
    ],
)
def test_a_fault_of_a_director_names_its_place(tmp_path: Path, keys: Values, fault: str) -> None:
    found = faults(tmp_path, settings(sources=[source(), director(**keys)]))
    assert found[0].startswith(f"sources[1].{fault}")
    assert len({one.split(": ", 1)[0] for one in found}) == 1


def test_every_entry_of_a_mapping_that_is_wrong_is_told(tmp_path: Path) -> None:
    mapped = {"a": "/infra/tier-1s/t1", "b": "t1", "urn:vcloud:gateway:1": "t2"}
    assert [
        one.split(": ", 1)[0] for one in faults(tmp_path, settings(sources=[source(), director(backings=mapped)]))
    ] == [
        "sources[1].backings.b",
        "sources[1].backings.…",
    ]


@pytest.mark.parametrize(
    ("keys", "login", "secret"),
    [
        ({"api_token": "made-up"}, "api_token", "made-up"),
        ({"api_token_file": "vcd-token"}, "api_token", "made-up-token"),
        ({"username": "u", "password": "made-up"}, "password", "made-up"),
        ({"username": "u", "password_file": "vcd-token"}, "password", "made-up-token"),
        (TOKEN, "service_account", "made-up-token"),
    ],
)
def test_a_director_has_one_way_to_log_in(tmp_path: Path, keys: Values, login: str, secret: str) -> None:
    token_file(tmp_path)
    result = loaded(tmp_path, settings(sources=[source(), director(**{"api_token": None, **keys})]))
    (made,) = result.settings.vcd_sources
    assert made.login == login
    assert [one.reveal() for one in made.secrets] == [secret]
    assert made.org == "System"
    assert result.warnings == ()


def test_two_ways_to_log_in_are_told_apart_from_one_in_a_file(tmp_path: Path) -> None:
    token_file(tmp_path)
    both = director(**TOKEN)
    assert faults(tmp_path, settings(sources=[source(), both])) == [
        "sources[1].service_account_token_file: is written beside api_token; keep one way to log in"
    ]
    doubled = director(api_token_file="vcd-token")
    assert faults(tmp_path, settings(sources=[source(), doubled])) == [
        "sources[1].api_token_file: is written beside api_token; keep one of the two"
    ]


def test_defaults_of_a_director_spare_it(tmp_path: Path) -> None:
    (made,) = loaded(tmp_path, settings(sources=[source(), director()])).settings.vcd_sources
    assert (made.requests_per_second, made.concurrency, made.timeout_ms) == (10, 4, 30_000)
    assert (made.api_version, made.managers, made.backings, made.ip_spaces) == (None, (), (), True)


@pytest.mark.parametrize("version", [38.1, "38.1"])
def test_an_api_version_may_look_like_a_number(tmp_path: Path, version: object) -> None:
    (made,) = loaded(tmp_path, settings(sources=[source(), director(api_version=version)])).settings.vcd_sources
    assert made.api_version == "38.1"


def test_mappings_keep_their_entries_in_order(tmp_path: Path) -> None:
    urn = "urn:vcloud:nsxtmanager:85aa2514-6a6f-4a32-8904-9695dc0f0298"
    project = "/orgs/default/projects/p1/infra/tier-1s/t1"
    keys: Values = {"managers": {urn: "nsx-ams1", "NSX 1": "nsxv"}, "backings": {"b": project, "a": "/infra/tier-1s/t"}}
    (made,) = loaded(tmp_path, settings(sources=[source(), director(**keys), legacy()])).settings.vcd_sources
    assert made.managers == ((urn, "nsx-ams1"), ("NSX 1", "nsxv"))
    assert made.backings == (("b", project), ("a", "/infra/tier-1s/t"))


# --- a token that changes at each use --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refused", "fault"),
    [
        ("file", "cannot be written, and the token in it changes at each use; give us the right to write it"),
        ("folder", "lies in a folder that we may not write to, and the token in it changes at each use"),
    ],
)
def test_a_changing_token_needs_a_file_that_can_be_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str, fault: str
) -> None:
    file = token_file(tmp_path)
    closed = file if refused == "file" else tmp_path
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != closed or not mode & os.W_OK)
    values = settings(sources=[source(), director(api_token=None, **TOKEN)])
    assert faults(tmp_path, values) == [f'sources[1].service_account_token_file: "vcd-token" {fault}']


def test_a_changing_token_is_looked_for_where_a_link_leads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "vcd-token").symlink_to(token_file(tmp_path / "elsewhere"))
    values = settings(sources=[source(), director(api_token=None, **TOKEN)])
    assert loaded(tmp_path, values).settings.vcd_sources[0].login == "service_account"
    closed = tmp_path / "elsewhere"
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != closed or not mode & os.W_OK)
    (found,) = faults(tmp_path, values)
    assert "lies in a folder that we may not write to" in found


def test_a_changing_token_is_no_device(tmp_path: Path) -> None:
    values = settings(sources=[source(), director(api_token=None, service_account_token_file="/dev/null")])
    assert (
        'sources[1].service_account_token_file: "/dev/null" is not a file that can be replaced by a new one'
        in faults(tmp_path, values)
    )


def test_a_changing_token_is_no_key_and_in_no_dump(tmp_path: Path) -> None:
    token_file(tmp_path)
    made = loaded(tmp_path, settings(sources=[source(), director(api_token=None, **TOKEN)])).settings
    assert '"service_account_token_file"' in made.model_dump_json()
    assert '"service_account_token"' not in made.model_dump_json()
    (found,) = faults(tmp_path, settings(sources=[source(), director(service_account_tokn="x")]))
    assert found.endswith('is not a known key here; did you mean "service_account_token_file"?')


def test_two_sources_do_not_use_up_one_token(tmp_path: Path) -> None:
    token_file(tmp_path)
    twice = [director(api_token=None, **TOKEN), director(name="vcd-two", api_token=None, **TOKEN)]
    (found,) = faults(tmp_path, settings(sources=[source(), *twice]))
    assert found.startswith("sources[2].service_account_token_file: ")
    assert found.endswith("is taken by sources[1].service_account_token_file; choose another")


def test_a_changing_token_that_others_may_read_warns(tmp_path: Path) -> None:
    token_file(tmp_path).chmod(0o644)
    result = loaded(tmp_path, settings(sources=[source(), director(api_token=None, **TOKEN)]))
    assert [one.path for one in result.warnings] == ["sources[1].service_account_token_file"]


# --- NSX-V -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"urls": None}, "urls: is missing; write the address of the manager, or via_vcd"),
        ({"urls": []}, "urls: is empty; write the address of a manager, or of the VIP"),
        ({"username": None}, "username: is missing; an NSX-V manager needs username"),
        ({"password": None}, "password: is missing; an NSX-V manager needs password or password_file"),
        ({"format": "csv"}, 'format: "csv" is not known here; known: json and xml'),
        ({"time_unit": "second"}, 'time_unit: "second" is not known here; did you mean "seconds"?'),
        ({"kilo": 1001}, "kilo: 1001 is not a kilo; write 1000 or 1024"),
        ({"kilo": True}, "kilo: true is not a kilo; write 1000 or 1024"),
        ({"edges": "edge-1"}, 'edges: expected all or a list of names, came "edge-1"; a list is written'),
        ({"edges": ["edge-1/.."]}, 'edges: "edge-1/.." may have letters, digits, . _ - only'),
        ({"edges": [".."]}, 'edges: ".." has dots only, which is a folder in an address; add a letter or a digit'),
        ({"edges": []}, "edges: is an empty list; name one at least, or write all"),
        ({"catch_up": "1m"}, 'catch_up: "1m" is below 5m, the least; write 5m or more'),
        ({"auth": "basic"}, "auth: is not a known key here; "),
    ],
)
def test_a_fault_of_an_nsxv_source_names_its_place(tmp_path: Path, keys: Values, fault: str) -> None:
    (found,) = faults(tmp_path, settings(sources=[legacy(**keys)]))
    assert found.startswith(f"sources[0].{fault}")


def test_defaults_of_nsxv_are_those_of_the_product(tmp_path: Path) -> None:
    (made,) = loaded(tmp_path, settings(sources=[legacy()])).settings.nsxv_sources
    assert (made.format, made.time_unit, made.kilo, made.edges) == ("json", "milliseconds", 1000, "all")
    assert (made.catch_up_ms, made.requests_per_second, made.concurrency) == (86_400_000, 10, 4)


@pytest.mark.parametrize("written", ["1024", 1024])
def test_a_kilo_may_come_from_the_environment(tmp_path: Path, written: object) -> None:
    values = settings(sources=[legacy(kilo="${K}")])
    (made,) = loaded(tmp_path, values, {"K": str(written)}).settings.nsxv_sources
    assert made.kilo == 1024


def test_nsxv_through_a_director_uses_its_connection(tmp_path: Path) -> None:
    made = loaded(tmp_path, settings(sources=[director(), VIA, legacy(name="direct")])).settings
    through, direct = made.nsxv_sources
    assert made.director_of(through) is made.vcd_sources[0]
    assert made.director_of(direct) is None
    assert through.urls == ()


@pytest.mark.parametrize(
    ("key", "value"),
    [("urls", ["https://nsxv"]), ("username", "u"), ("password", "p"), ("tls", {"verify": False}), ("concurrency", 5)],
)
def test_nsxv_through_a_director_has_no_connection_of_its_own(tmp_path: Path, key: str, value: object) -> None:
    assert faults(tmp_path, settings(sources=[director(), {**VIA, key: value}])) == [
        f"sources[1].{key}: does not belong beside via_vcd, since the connection of that source is used; remove it"
    ]


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("vcd-two", '"vcd-two" is not the name of a source; did you mean "vcd"?'),
        ("nsx-ams1", '"nsx-ams1" is a source of kind nsxt; via_vcd needs one of kind vcd (known: vcd)'),
    ],
)
def test_a_director_that_is_none_is_a_fault(tmp_path: Path, name: str, fault: str) -> None:
    values = settings(sources=[source(), director(), {**VIA, "via_vcd": name}])
    assert faults(tmp_path, values) == [f"sources[2].via_vcd: {fault}"]


def test_the_edges_of_a_director_are_metered_once(tmp_path: Path) -> None:
    values = settings(sources=[director(), VIA, {**VIA, "name": "again"}])
    assert faults(tmp_path, values) == ['sources[2].via_vcd: "vcd" is taken by sources[1].via_vcd; choose another']


# --- all of them -----------------------------------------------------------------------------------------------------


def test_sources_are_given_by_kind_in_their_order(tmp_path: Path) -> None:
    made = loaded(tmp_path, settings(sources=[director(), source(), legacy(), source(name="nsx-ams2")])).settings
    assert [one.name for one in made.sources] == ["vcd", "nsx-ams1", "nsxv", "nsx-ams2"]
    assert [one.name for one in made.nsxt_sources] == ["nsx-ams1", "nsx-ams2"]
    assert [one.name for one in made.vcd_sources] == ["vcd"]
    assert [one.name for one in made.nsxv_sources] == ["nsxv"]


def test_a_director_alone_meters_nothing(tmp_path: Path) -> None:
    (found,) = faults(tmp_path, settings(sources=[director()]))
    assert found == (
        "sources: has only sources of kind vcd, which count nothing, so there is nothing to meter; "
        "write one at least, of kind: nsxt or nsxv"
    )


def test_a_kind_from_the_environment_is_not_guessed_at(tmp_path: Path) -> None:
    values = settings(sources=[source(kind="${K}")])
    assert faults(tmp_path, values, {"K": "nsxtt"}) == [
        'sources[0].kind: "${K}" is not known here; known: nsxt, vcd and nsxv'
    ]


def test_names_are_unique_over_kinds(tmp_path: Path) -> None:
    assert faults(tmp_path, settings(sources=[source(), director(name="nsx-ams1")])) == [
        'sources[1].name: "nsx-ams1" is taken by sources[0].name; choose another'
    ]


@pytest.mark.parametrize(
    ("made", "who", "what"),
    [
        (source, "manager", "the counters"),
        (legacy, "manager", "the counters"),
        (director, "director", "who is billed"),
    ],
)
def test_a_connection_that_others_can_read_warns(tmp_path: Path, made: type, who: str, what: str) -> None:
    odd = made(name="odd", urls=["http://odd.example.net", "https://odd.example.net"], tls={"verify": False})
    warned = [(one.path, one.message) for one in loaded(tmp_path, settings(sources=[source(), odd])).warnings]
    assert warned == [
        (
            "sources[1].urls[0]",
            f"is plain http, so anybody on the way can read the credentials and change {what}; use https",
        ),
        (
            "sources[1].tls.verify",
            f"is false, so anybody on the way can pose as the {who}; use ca_file or fingerprint",
        ),
    ]


@pytest.mark.parametrize(
    ("keys", "warns"),
    [({"username": "northmeter@System"}, True), ({"username": "a@b", "org": "B"}, True), ({"username": "a@b"}, False)],
)
def test_a_user_with_the_organisation_in_it_warns(tmp_path: Path, keys: Values, warns: bool) -> None:
    values = settings(sources=[source(), director(**{"api_token": None, "password": "p", **keys})])
    assert [one.path for one in loaded(tmp_path, values).warnings] == (["sources[1].username"] if warns else [])
