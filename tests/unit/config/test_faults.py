"""One setting wrong at a time: the place and the words of the fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.support import faults, loaded, point, settings, source, tenant, token

SHA1 = "ab" * 20


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"kind": "nsx"}, 'kind: "nsx" is not known here; did you mean "nsxt"? Known: nsxt, vcd and nsxv'),
        ({"kind": "vcda"}, 'kind: "vcda" is not known here; known: nsxt, vcd and nsxv'),
        ({"kind": "extender"}, 'kind: "extender" is not known here; known: nsxt, vcd and nsxv'),
        ({"kind": None}, "kind: is missing; write one of nsxt, vcd and nsxv"),
        ({"kind": 5}, "kind: 5 is not known here; known: nsxt, vcd and nsxv"),
        ({"kind": ["nsxt"]}, "kind: a list is not known here; known: nsxt, vcd and nsxv"),
        ({"l2vpn_counters": "both"}, 'l2vpn_counters: "both" is not known here; known: taps and segments'),
        ({"l2vpn_in": "in"}, 'l2vpn_in: "in" is not known here; known: ingress and egress'),
        ({"vpn": "perhaps"}, 'vpn: expected true or false, came "perhaps"'),
        ({"api_token": "x"}, 'api_token: is not a known key here; did you mean "token"?'),
        ({"name": "a b"}, 'name: "a b" may have letters, digits, . _ - only'),
        ({"name": ".."}, 'name: ".." has dots only, which is a folder in an address; add a letter or a digit'),
        ({"urls": []}, "urls: is empty; write the address of a manager, or of the VIP"),
        (
            {"urls": "https://nsx"},
            "urls: expected a list, came text; write [one, another] or a line with - for each",
        ),
        ({"urls": ["https://nsx", "https://nsx"]}, 'urls[1]: "https://nsx" is taken by urls[0]; choose another'),
        (
            {"urls": ["nsx.example.net"]},
            "urls[0]: is not an address such as https://nsx.example.net; it begins with https:// or http://",
        ),
        (
            {"urls": ["https://nsx.example.net/policy/api"]},
            'urls[0]: "https://nsx.example.net" has a path; write the address only, such as https://nsx.example.net',
        ),
        (
            {"urls": ["https://nsx.example.net?x=1"]},
            'urls[0]: "https://nsx.example.net" has a query or fragment after it; remove what follows ? or #',
        ),
        (
            {"urls": ["https://admin:made-up@nsx"]},
            "urls[0]: has a user or password in it; write them under keys of their own, and the address without them",
        ),
        (
            {"urls": ["https://nsx:99999"]},
            "urls[0]: is not an address such as https://nsx.example.net",
        ),
        ({"password": None}, "password: is missing; auth: session needs password or password_file"),
        ({"username": None}, "username: is missing; auth: session needs username"),
        ({"password": 12345}, "password: expected text, came a number; put it in quotes"),
        ({"password": ""}, "password: is empty"),
        (
            {"token": "x"},
            "token: does not belong to auth: session, which needs username and password; remove it",
        ),
        (
            {"auth": "certificate", "username": None, "password": None, "key_file": "northmeter.yaml"},
            "cert_file: is missing; auth: certificate needs cert_file",
        ),
        (
            {"auth": "bearer", "token": "abc", "password": None},
            "username: does not belong to auth: bearer, which needs token; remove it",
        ),
        ({"auth": "sesion"}, 'auth: "sesion" is not known here; did you mean "session"? '),
        ({"requests_per_second": 400}, "requests_per_second: 400 is above the manager's limit of 100"),
        ({"requests_per_second": 0}, "requests_per_second: 0 is below 1, the least"),
        ({"concurrency": 400}, "concurrency: 400 is above the manager's limit of 40"),
        ({"concurrency": True}, "concurrency: expected a whole number, came true or false"),
        ({"concurrency": 2.5}, "concurrency: expected a whole number, came 2.5"),
        ({"timeout": 10}, "timeout: 10 has no unit; write a duration such as 60s"),
        ({"timeout": "10m"}, 'timeout: "10m" is above 5m, the most; write 5m or less'),
        ({"federation": "maybe"}, 'federation: expected true or false, came "maybe"'),
        (
            {"projects": "some"},
            'projects: expected none, all or a list of names, came "some"; a list is written [name, name]',
        ),
        ({"projects": []}, "projects: is an empty list; name one at least, or write none, all"),
        (
            {"enforcement_point": "default"},
            'enforcement_point: "default" is not a policy path such as /infra/sites/default/enforcement-points/default',
        ),
        (
            {"tls": {"fingerprint": SHA1}},
            "tls.fingerprint: has 40 hexadecimal digits (40 are SHA-1, which is too weak)",
        ),
        ({"tls": {"fingerprint": "xyz"}}, 'tls.fingerprint: "xyz" is not a fingerprint: hexadecimal digits'),
        (
            {"tls": {"verify": False, "fingerprint": "ab" * 32}},
            "tls.verify: is false beside fingerprint, which would not be looked at; remove one of the two",
        ),
        (
            {"tls": {"ca_file": "northmeter.yaml", "fingerprint": "ab" * 32}},
            "tls.fingerprint: is written beside ca_file; keep one of the two",
        ),
        ({"tls": True}, "tls: expected a block of keys (ca_file, fingerprint and verify), came true or false"),
        ({"pasword_file": "x"}, 'pasword_file: is not a known key here; did you mean "password_file"?'),
    ],
)
def test_a_fault_of_a_source_names_its_place(tmp_path: Path, keys: dict[str, object], fault: str) -> None:
    (found,) = faults(tmp_path, settings(sources=[source(**keys)]))
    place, message = fault.split(": ", 1)
    assert found.replace("sources[0].", "").startswith(f"{place}: {message}")


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"id": "unattributed"}, 'id: "unattributed" is reserved for what belongs to nobody; choose another id'),
        ({"id": "acme corp"}, 'id: "acme corp" may have letters, digits, . _ - only'),
        ({"id": 7}, "id: expected text, came a number; put it in quotes"),
        ({"id": None}, "id: is missing; write it, for example id: acme"),
        (
            {"timezone": "Europe/Amsterdm"},
            'timezone: "Europe/Amsterdm" is not a time zone; did you mean "Europe/Amsterdam"?',
        ),
        (
            {"timezone": "europe/amsterdam"},
            'timezone: "europe/amsterdam" is not a time zone; did you mean "Europe/Amsterdam"?',
        ),
        ({"timezone": "Mars"}, 'timezone: "Mars" is not a time zone; write an IANA name such as "Europe/Amsterdam"'),
        ({"vcd_orgs": "acme"}, 'vcd_orgs: is not a known key here; did you mean "vcd_org"?'),
    ],
)
def test_a_fault_of_a_tenant_names_its_place(tmp_path: Path, keys: dict[str, object], fault: str) -> None:
    assert faults(tmp_path, settings(tenants=[tenant(**keys)])) == [f"tenants[0].{fault}"]


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"source": "nsx-ams2"}, 'source: "nsx-ams2" is not the name of a source; did you mean "nsx-ams1"?'),
        ({"source": "vcd"}, 'source: "vcd" is not the name of a source; known: nsx-ams1'),
        ({"kind": "tier0_uplinks"}, 'kind: "tier0_uplinks" is not known here; did you mean "tier0_uplink"? Known: '),
        ({"tier0": None}, "tier0: is missing; a tier0_uplink needs tier0"),
        ({"tier1": "t1"}, "tier1: does not belong to a tier0_uplink, which takes tier0 and interface; remove it"),
        (
            {"kind": "tier1_downlink", "tier0": None},
            "tier1: is missing; a tier1_downlink needs tier1",
        ),
        (
            {"kind": "tier1_downlink", "tier1": "t1", "interface": "up1"},
            "interface: does not belong to a tier1_downlink, which takes tier1, tier0 and project; remove it",
        ),
        ({"kind": "service_interface"}, "interface: is missing; a service_interface needs interface"),
        (
            {"kind": "service_interface", "tier0": None, "interface": "csp"},
            "tier1: is missing; a service_interface needs the gateway that it lies on, tier1 or tier0",
        ),
        (
            {"kind": "service_interface", "tier1": "t1", "interface": "csp"},
            "tier1: is written beside tier0; an interface lies on one gateway, so keep one of the two",
        ),
        (
            {"kind": "service_interface", "interface": "csp", "project": "p1"},
            "project: does not belong to an interface of a Tier-0, since Projects have none; remove it",
        ),
        (
            {"kind": "l2vpn"},
            'kind: "l2vpn" cannot be an explicit point, since it belongs to the tenant of its gateway; remove it',
        ),
        (
            {"kind": "transit_gateway_external"},
            'kind: "transit_gateway_external" cannot be an explicit point, since it belongs to the tenant of its Proj',
        ),
        (
            {"kind": "vpc", "tier0": None, "project": "retail"},
            "vpc: is missing; a vpc needs project and vpc",
        ),
        (
            {"kind": "vpc_external", "project": "retail", "vpc": "shop"},
            "tier0: does not belong to a vpc_external, which takes project and vpc; remove it",
        ),
        ({"edge": "edge-1"}, "edge: does not belong to a tier0_uplink, which takes tier0 and interface; remove it"),
        ({"interface": True}, "interface: expected text, came true or false; put it in quotes"),
        ({"interface": -1}, "interface: expected text, came a number; put it in quotes"),
        ({"max_rate": "10"}, 'max_rate: "10" has no unit; write a rate such as 10Gbit/s'),
        ({"max_rate": "0bit/s"}, 'max_rate: "0bit/s" is below 1bit/s, the least; write 1bit/s or more'),
    ],
)
def test_a_fault_of_a_point_names_its_place(tmp_path: Path, keys: dict[str, object], fault: str) -> None:
    (found,) = faults(tmp_path, settings(tenants=[tenant(points=[point(**keys)])]))
    assert found.startswith(f"tenants[0].points[0].{fault}")


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"poll": {"interval": "500ms"}}, 'poll.interval: "500ms" is below 1s, the least; write 1s or more'),
        (
            {"poll": {"interval": "5m", "gap_after": "180s"}},
            'poll.gap_after: "180s" is below the interval of "5m", so that every reading would be a gap',
        ),
        (
            {"poll": {"gap_after": "30s"}},
            'poll.gap_after: "30s" is below the interval of "60s", so that every reading would be a gap',
        ),
        ({"poll": {"link_end": "both"}}, 'poll.link_end: "both" is not known here; known: auto, tier0 and tier1'),
        ({"site": 5}, "site: expected text, came a number; put it in quotes"),
        ({"site": "a\nb"}, 'site: "a\\nb" has line breaks or other control characters in it'),
        (
            {"sources": []},
            "sources: has no source, so there is nothing to meter; write one at least, of kind: nsxt or nsxv",
        ),
        (
            {"poll": {"compare_ends": "10s"}},
            'poll.compare_ends: "10s" is below 1m, the least; write 1m or more',
        ),
        ({"poll": {"compare_ends": True}}, "poll.compare_ends: expected a duration such as 60s, came true or false"),
        ({"poll": {"imbalance": "0%"}}, 'poll.imbalance: "0%" is below 0.01%, the least; write 0.01% or more'),
        ({"poll": {"imbalance": 0.02}}, "poll.imbalance: 0.02 has no unit; write a share such as 2%"),
        ({"poll": {"remainder": "101%"}}, 'poll.remainder: "101%" is above 100%, the most; write 100% or less'),
        (
            {"poll": {"remainder": "1.00001%"}},
            'poll.remainder: "1.00001%" is finer than a share can be; the smallest step is 1ppm',
        ),
        ({"sources": None}, "sources: has no source, so there is nothing to meter; write one at least, of kind: nsxt"),
        (
            {"ledger": {"url": "postgresql://northmeter:made-up@db/ledger"}},
            'ledger.url: "postgresql" is not a store that this version keeps its ledger in; write one such as sqlite:',
        ),
        ({"ledger": {"url": "sqlite://ledger.db"}}, "ledger.url: sqlite: is followed by three slashes and a path"),
        ({"ledger": {"url": "sqlite:///:memory:"}}, "ledger.url: names no file; a ledger lasts, so it needs one"),
        ({"ledger": {"url": "/var/lib/ledger.db"}}, "ledger.url: is not the address of a ledger; write one such as"),
        (
            {"ledger": {"retention": {"slots": "1h"}}},
            'ledger.retention.slots: "1h" is below 1d, the least; write 1d or more',
        ),
        ({"log": {"level": "warn"}}, 'log.level: "warn" is not known here; did you mean "warning"? Known: debug, '),
        ({"poll": [1]}, "poll: expected a block of keys (interval, gap_after, link_end, max_rate, compare_ends, "),
        ({"exporter": {}}, 'exporter: is not a known key here; did you mean "exporters"?'),
        (
            {"exporters": {"influxdb": {"url": "http://influx:8086", "bucket": "usage"}}},
            "exporters.influxdb.org: is missing; write it, for example org: provider",
        ),
        (
            {"exporters": {"influxdb": [{"url": "http://i?token=x", "org": "o", "bucket": "b"}]}},
            'exporters.influxdb[0].url: "http://i" has a query or fragment after it; remove what follows ? or #',
        ),
        ({"exporters": {"prometheus": {"points": 1}}}, "exporters.prometheus.points: expected true or false, came 1"),
    ],
)
def test_a_fault_of_another_block_names_its_place(tmp_path: Path, values: dict[str, object], fault: str) -> None:
    broken = {key: value for key, value in {**settings(), **values}.items() if value is not None}
    (found,) = faults(tmp_path, broken)
    assert found.startswith(fault)


@pytest.mark.parametrize(
    ("http", "fault"),
    [
        ({"listen": 9470}, "listen: 9470 has no host; write 127.0.0.1:9470 for this machine, 0.0.0.0:9470 for all"),
        ({"listen": "9470"}, 'listen: "9470" is not host:port; write one such as 127.0.0.1:9470'),
        (
            {"listen": ":9470"},
            'listen: ":9470" has no host; write 127.0.0.1:9470 for this machine, 0.0.0.0:9470 for all',
        ),
        ({"listen": "::1:9470"}, 'listen: "::1:9470" is not host:port; an IPv6 address is written in brackets'),
        ({"listen": "127.0.0.1:70000"}, 'listen: "127.0.0.1:70000" has a port above 65535, the most'),
        ({"listen": "a_b!:80"}, 'listen: "a_b!:80" has no valid host; write a name or an IP address'),
        ({"open": ["metric"]}, 'open[0]: "metric" is not known here; did you mean "metrics"? Known: health, '),
        ({"tls": {"cert_file": "northmeter.yaml"}}, "tls.key_file: is missing; write it, for example key_file: "),
        (
            {"tokens": [token(token="short")]},
            "tokens[0].token: the token has 5 characters; at least 16 keep it from being guessed",
        ),
        (
            {"tokens": [token(token="sixteen characters")]},
            "tokens[0].token: the token has characters that a header cannot carry",
        ),
        ({"tokens": [token(token=None)]}, "tokens[0].token: is missing; write token or token_file"),
        ({"tokens": [token(tenants=["acne"])]}, 'tokens[0].tenants[0]: "acne" is not the id of a tenant; did you mean'),
        ({"tokens": [token(tenants=[])]}, "tokens[0].tenants: is an empty list; name one at least, or write all"),
        ({"tokens": [token(tenants=None)]}, "tokens[0].tenants: is missing; write it, for example tenants: all"),
        (
            {"tokens": [token(), token(token="fedcba9876543210")]},
            'tokens[1].name: "billing" is taken by http.tokens[0].name; choose another',
        ),
        (
            {"tokens": [token(), token(name="other")]},
            "tokens[1].token: is the same token as http.tokens[0].token; each name needs its own",
        ),
    ],
)
def test_a_fault_of_the_listener_names_its_place(tmp_path: Path, http: dict[str, object], fault: str) -> None:
    written_only = {"auto_tenants": False}
    broken = settings(http={"tokens": [token()], **http}, tenants=[tenant()], attribution=written_only)
    (found,) = faults(tmp_path, broken)
    assert found.startswith(f"http.{fault}")


UPLINKS = point()
SAME = 'is the same as tenants[0].points[0] of tenant "acme", so its bytes would be billed twice; remove one of the two'
UNDER = 'lies under the gateway of tenants[0].points[0] of tenant "acme": the same bytes twice; remove one of the two'
LINK = {"source": "nsx-ams1", "kind": "tier1_downlink", "tier1": "t1"}
PORT = {"source": "nsx-ams1", "kind": "service_interface", "tier1": "t1", "interface": "csp"}


@pytest.mark.parametrize(
    ("first", "second", "fault"),
    [
        (UPLINKS, UPLINKS, SAME),
        (UPLINKS, {**UPLINKS, "interface": "up1"}, SAME),
        (UPLINKS, {**UPLINKS, "tier0": "/infra/tier-0s/t0-acme"}, SAME),
        (LINK, {**LINK, "tier0": "t0"}, SAME),
        (LINK, {**LINK, "max_rate": "1Gbit/s"}, SAME),
        (PORT, {**PORT, "interface": "/infra/tier-1s/t1/locale-services/default/interfaces/csp"}, SAME),
        (UPLINKS, {**LINK, "tier0": "t0-acme"}, UNDER),
        (UPLINKS, {**LINK, "tier0": "/infra/tier-0s/t0-acme"}, UNDER),
        ({**UPLINKS, "interface": "up1"}, {**LINK, "tier0": "t0-acme"}, UNDER),
    ],
)
@pytest.mark.parametrize("tenants", [1, 2])
def test_the_same_bytes_twice_are_a_fault(
    tmp_path: Path, first: dict[str, object], second: dict[str, object], fault: str, tenants: int
) -> None:
    if tenants == 1:
        place, billed = "tenants[0].points[1]", [tenant(points=[first, second])]
    else:
        place, billed = "tenants[1].points[0]", [tenant(points=[first]), tenant(id="globex", points=[second])]
    assert faults(tmp_path, settings(tenants=billed)) == [f"{place}: {fault}"]


@pytest.mark.parametrize(
    "points",
    [
        [{**UPLINKS, "interface": "up1"}, {**UPLINKS, "interface": "up2"}],
        [UPLINKS, {**UPLINKS, "tier0": "t0-other"}],
        [UPLINKS, LINK],
        [UPLINKS, {**LINK, "tier0": "t0-shared"}],
        [LINK, PORT],
        [PORT, {**PORT, "interface": "csp2"}],
        [{**LINK, "project": "p1"}, {**LINK, "project": "p2"}],
        [LINK, {**LINK, "tier1": "/orgs/default/projects/p1/infra/tier-1s/t1"}],
        [PORT, {"source": "nsx-ams1", "kind": "service_interface", "tier0": "t1", "interface": "csp"}],
    ],
)
def test_different_bytes_are_none(tmp_path: Path, points: list[dict[str, object]]) -> None:
    result = loaded(tmp_path, settings(tenants=[tenant(points=points)]))
    assert len(result.settings.tenants[0].points) == 2


def test_names_are_unique(tmp_path: Path) -> None:
    twice = settings(
        sources=[source(), source(urls=["https://other.example.net"])],
        tenants=[tenant(), tenant()],
        exporters={"influxdb": [{"url": "https://a", "org": "o", "bucket": "b"}] * 2},
    )
    assert faults(tmp_path, twice) == [
        'sources[1].name: "nsx-ams1" is taken by sources[0].name; choose another',
        'tenants[1].id: "acme" is taken by tenants[0].id; choose another',
        'exporters.influxdb[1].name: "influxdb" is taken by exporters.influxdb[0].name; choose another',
    ]


def test_a_wrong_kind_is_the_only_thing_said_about_its_block(tmp_path: Path) -> None:
    vcda = {"kind": "vcda", "name": "vcda", "urls": ["vcda.example.net"], "login": "local", "timeout": 5}
    assert faults(tmp_path, settings(sources=[source(), vcda])) == [
        'sources[1].kind: "vcda" is not known here; known: nsxt, vcd and nsxv'
    ]


def test_faults_of_every_block_are_in_one_report_by_line(tmp_path: Path) -> None:
    broken = {
        "poll": {"interval": 60, "gap_after": "10", "max_rte": "1Gbit/s"},
        "sources": [source(concurrency=41, password=None)],
        "tenants": [tenant(timezone="Nowhere", points=[point(source="x", tier1="y")]), tenant()],
        "http": {"listen": "here", "tokens": [token(token="short", tenants=["acmee"])]},
        "attribution": {"auto_tenants": False},
        "replikation": {"interval": "60s"},
    }
    places = [fault.split(": ", 1)[0] for fault in faults(tmp_path, broken)]
    assert places == [
        "poll.interval",
        "poll.gap_after",
        "poll.max_rte",
        "sources[0].password",
        "sources[0].concurrency",
        "tenants[0].timezone",
        "tenants[0].points[0].source",
        "tenants[0].points[0].tier1",
        "tenants[1].id",
        "http.listen",
        "http.tokens[0].token",
        "http.tokens[0].tenants[0]",
        "replikation",
    ]
