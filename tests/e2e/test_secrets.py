"""Every way to log in, in good and in bad times, and no word of a secret anywhere but in its own file."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from simulator import Simulator
from simulator.tls import write_tls
from tests.e2e.conftest import BEARER, PASSWORD, StartDaemon, StartSimulator
from tests.e2e.harness import SOURCE, Place, Settings, daemon_settings
from tests.e2e.secrecy import Sessions, leaks, private_key_words
from tests.e2e.truth import require_truth

pytestmark = pytest.mark.e2e

EXPORT_TOKEN = "export-t0ken/of+the=destination"
PORTAL_TOKEN = "portal-t0ken/of+one~tenant"


def login(place: Place, sim: Simulator, auth: str) -> dict[str, Any]:
    """Return the keys of a source that logs in this way."""
    assert sim.tls is not None
    no_password = {"username": None, "password_file": None}
    ways: dict[str, dict[str, Any]] = {
        "session": {},
        "basic": {"auth": "basic"},
        "bearer": no_password | {"auth": "bearer", "token_file": place.secret("nsx-bearer", BEARER)},
        "certificate": no_password
        | {
            "auth": "certificate",
            "cert_file": str(sim.tls.client_cert_file),
            "key_file": str(sim.tls.client_key_file),
        },
    }
    return ways[auth]


def with_secrets(place: Place, sim: Simulator, auth: str) -> Settings:
    """Return settings that use a secret wherever there is one: source, destination, listener and its tokens."""
    listener = write_tls(place.folder / "secrets")
    settings = daemon_settings(place, sim, login(place, sim, auth))
    settings["http"]["tls"] = {"cert_file": str(listener.cert_file), "key_file": str(listener.key_file)}
    settings["http"]["tokens"].append(
        {"name": "portal", "token_file": place.secret("portal-token", PORTAL_TOKEN), "tenants": ["acme"]}
    )
    settings["exporters"] = {
        "influxdb": {
            # Nobody listens at port 9, so each sending fails and says so.
            "url": "http://127.0.0.1:9",
            "org": "provider",
            "bucket": "usage",
            "token_file": place.secret("export-token", EXPORT_TOKEN),
        }
    }
    place.words |= private_key_words("listener key", listener.key_file)
    assert sim.tls is not None
    place.words |= private_key_words("client key", sim.tls.client_key_file)
    return settings


@pytest.mark.parametrize("auth", ["session", "basic", "bearer", "certificate"])
async def test_no_secret_is_seen_outside_its_file(
    auth: str,
    place: Place,
    start_simulator: StartSimulator,
    start_daemon: StartDaemon,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given a daemon that has a secret of every kind
    sim = await start_simulator(speed=600)
    sessions = Sessions(sim, monkeypatch)
    settings = with_secrets(place, sim, auth)
    tls = ssl.create_default_context(cafile=place.folder / "secrets" / "ca.pem")
    daemon = await start_daemon(settings, tls=tls)
    ok = f'northmeter_polls_total{{source="{SOURCE}",outcome="ok"}}'

    async def polled() -> bool:
        return (await daemon.metric(ok) or 0) >= 30

    await daemon.until(polled, "polls go on")

    # When everything fails that can fail, then every failure is said
    for fault in (
        {"do": "html", "count": 3},
        {"do": "truncated", "count": 3},
        {"do": "error", "status": 500, "count": 3},
        {"do": "redirect", "status": 307, "count": 3},
        {"do": "unauthorized", "count": 1, "endpoint": "statistics"},
        {"do": "connection_reset", "count": 3},
        {"do": "expire_sessions"},
    ):
        sim.fault(**fault)

    async def met() -> bool:
        uses = sim.stats()["faults"]
        return all(uses.get(word, 0) >= 1 for word in ("html", "truncated", "redirect", "connection_reset"))

    await daemon.until(met, "every fault was met")

    async def said() -> bool:
        return any("cannot be reached" in str(line) for line in daemon.log())

    await daemon.until(said, "the failing destination is said")
    for token in (PORTAL_TOKEN, f"{PORTAL_TOKEN}x", None):
        for path in ("/api/v1/usage", "/api/v1/tenants", "/api/v1/events", "/metrics", "/-/ready"):
            await daemon.ask(path, token=token)
    wrong = settings | {"poll": {"interval": "soon"}}
    place.write(wrong)
    assert (await daemon.ask("/-/reload", method="POST")).status == 400
    await place.command("check")
    place.write(daemon.settings)
    for words in (("check", "--online"), ("discover", "--format", "json"), ("usage", "--format", "csv")):
        await place.command(*words)
    assert (await daemon.ask("/-/reload", method="POST")).status == 200
    await daemon.kill()
    await daemon.start()
    code, _ = await daemon.terminate()
    assert code == 0, f"expected exit 0, got {code}:\n{daemon.log_tail()}"

    # Then no word of a secret is anywhere but in its own file
    if auth == "session":
        assert len(sessions.words) >= 4, f"expected the words of two sessions or more, got {sessions.words.keys()}"
    found = leaks(place, sessions.words)
    assert not found, "secrets in sight:\n" + "\n".join(found)
    await require_truth(place.ledger, sim)


async def test_the_scan_finds_what_it_looks_for(place: Place) -> None:
    """A scan that finds nothing proves nothing unless it can find something."""
    place.secret("nsx-password", PASSWORD)
    (place.folder / "state" / "notes.txt").write_text(f"the password is {PASSWORD}")
    place.said.append(("GET /metrics", "j_password=pass-w0rd%2Fof%20the%2Bprovider%3D%2527"))
    place.said.append(("GET /-/ready", "nothing"))
    assert leaks(place, {}) == ["nsx-password in GET /metrics", "nsx-password in state/notes.txt"]
