"""A client of the simulated Cloud Director."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from simulator import Simulator
from simulator.scenario import Scenario, load_scenario
from tests.simulator.conftest import Answer, Client, Start

ROOT = "/cloudapi/1.0.0"
PROVIDER = f"{ROOT}/sessions/provider"
TOKEN = "X-VMWARE-VCLOUD-ACCESS-TOKEN"
MINUTE = 60_000
HOUR = 60 * MINUTE


def basic(user: str, password: str) -> dict[str, str]:
    """Return the header of a name and a password."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def with_director(scenario: str = "vcd-small", **vcd: Any) -> Scenario:
    """Return a shipped scenario with another director."""
    loaded = load_scenario(scenario)
    assert loaded.vcd is not None
    return loaded.model_copy(update={"vcd": loaded.vcd.model_copy(update=vcd)})


@dataclass(slots=True)
class Director:
    """Asks a director.

    Attributes:
        access: Token of the session.
        version: Version that is spoken.
    """

    client: Client
    access: str = ""
    version: str = "38.1"

    @property
    def sim(self) -> Simulator:
        """The simulator."""
        return self.client.sim

    def accept(self, kind: str = "application/json") -> dict[str, str]:
        """Return the header of the version that is spoken."""
        return {"Accept": f"{kind};version={self.version}"}

    async def send(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, data: Any = None, **query: object
    ) -> Answer:
        """Send a request with exactly these headers."""
        params = {name: str(value) for name, value in query.items()}
        url = self.sim.vcd_url + path
        async with self.client.http.request(
            method, url, params=params, headers=headers, data=data, allow_redirects=False
        ) as response:
            raw = await response.read()
            text = raw.decode(errors="replace")
            body = json.loads(text) if response.content_type == "application/json" and _is_json(text) else None
            return Answer(response.status, response.headers, text, body)

    async def get(self, path: str, accept: str | None = None, **query: object) -> Answer:
        """Ask for a path under the OpenAPI's root, or for another one that begins with a slash."""
        headers = self.accept() if accept is None else {"Accept": accept}
        headers |= {"Authorization": f"Bearer {self.access}"}
        return await self.send("GET", path if path.startswith("/") else f"{ROOT}/{path}", headers=headers, **query)

    async def login(self, user: str | None = None, password: str | None = None, *, path: str = PROVIDER) -> Answer:
        """Log in with a password, and use the session from now on."""
        name = user or f"{self.sim.vcd_username}@System"
        headers = self.accept("application/*") | basic(name, password or self.sim.vcd_password)
        answer = await self.send("POST", path, headers=headers)
        self.access = answer.headers.get(TOKEN, "")
        return answer

    async def redeem(self, token: str, org: str | None = None) -> Answer:
        """Log in with a refresh token."""
        path = "/oauth/provider/token" if org is None else f"/oauth/tenant/{org}/token"
        form = {"grant_type": "refresh_token", "refresh_token": token}
        answer = await self.send("POST", path, headers=self.accept(), data=form)
        self.access = answer.body.get("access_token", "") if answer.body else ""
        return answer

    async def every(self, name: str, size: int = 128, **query: Any) -> list[dict[str, Any]]:
        """Return all rows of a list, page by page until the total is reached."""
        rows: list[dict[str, Any]] = []
        for page in range(1, 100):
            answer = await self.get(name, page=page, pageSize=size, **query)
            assert answer.status == 200, answer.text
            rows += answer.body["values"]
            if len(rows) >= answer.body["resultTotal"]:
                return rows
        raise AssertionError(f"{name} does not end")

    async def one(self, name: str, wanted: str) -> dict[str, Any]:
        """Return the row of a name."""
        found = [row for row in await self.every(name) if row["name"] == wanted]
        assert len(found) == 1, wanted
        return found[0]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


async def director(
    start: Start, scenario: str | Scenario = "vcd-small", *, login: bool = True, **changes: Any
) -> Director:
    """Start a scenario and return a client of its director that has logged in."""
    made = Director(await start(scenario, login=False, **changes))
    if login:
        assert (await made.login()).status == 200
    return made


def link(answer: Answer, relation: str) -> str | None:
    """Return the target of a link, whichever of the headers it stands in."""
    for line in answer.headers.getall("Link", []):
        for part in line.split(", "):
            if f'rel="{relation}"' in part:
                return str(part.partition("<")[2].partition(">")[0])
    return None
