"""The control listener: truth, faults, time and load over plain HTTP on the loopback, for tests in other processes.

GET  /sim/truth?start=&end=&slots=1   points, tenants, losses; milliseconds of device time
GET  /sim/served?after=               readings that were answered, after a sequence number
GET  /sim/stats                       requests, limits, log-ins
POST /sim/fault                       one fault as JSON
POST /sim/advance                     {"milliseconds": …} or {"speed": …}
POST /sim/clear                       {"label": …} or nothing
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

import msgspec
from aiohttp import web
from pydantic import ValidationError

from simulator.answers import json_answer
from simulator.events import Fault

if TYPE_CHECKING:
    from simulator.simulator import Simulator

SERVED_PAGE: Final = 10_000

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def control_app(sim: Simulator) -> web.Application:
    """Return the application of the control listener."""
    app = web.Application(middlewares=[_faults_are_answers])

    async def truth(request: web.Request) -> web.StreamResponse:
        start = _instant(request, "start", sim.clock.start)
        end = _instant(request, "end", sim.device_time())
        return json_answer(sim.truth_summary(start, end, slots="slots" in request.query))

    async def served(request: web.Request) -> web.StreamResponse:
        after = _instant(request, "after", 0)
        rows = [row._asdict() for row in sim.truth().served if row.seq > after][:SERVED_PAGE]
        return json_answer({"rows": rows, "total": sim.truth().served_total})

    async def stats(_: web.Request) -> web.StreamResponse:
        return json_answer(sim.stats())

    async def fault(request: web.Request) -> web.StreamResponse:
        sim.play(Fault.model_validate_json(await request.read()))
        return json_answer({"played": True})

    async def advance(request: web.Request) -> web.StreamResponse:
        asked = msgspec.json.decode(await request.read(), type=dict[str, int])
        if "speed" in asked:
            sim.clock.set_speed(asked["speed"])
        now = sim.advance(asked.get("milliseconds", 0))
        return json_answer({"now": now, "device_time": sim.device_time()})

    async def clear(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        asked = msgspec.json.decode(body, type=dict[str, str]) if body else {}
        sim.clear(asked.get("label"))
        return json_answer({"cleared": True})

    app.router.add_get("/sim/truth", truth)
    app.router.add_get("/sim/served", served)
    app.router.add_get("/sim/stats", stats)
    app.router.add_post("/sim/fault", fault)
    app.router.add_post("/sim/advance", advance)
    app.router.add_post("/sim/clear", clear)
    return app


def _instant(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name)
    return default if text is None else int(text)


@web.middleware
async def _faults_are_answers(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except (ValidationError, LookupError, ValueError, msgspec.DecodeError) as error:
        return json_answer({"error": str(error)}, 400)
