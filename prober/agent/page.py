"""The agent's own page: alive, ready, and its metrics, on a path that does not need OTLP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from prober.access import CHALLENGE, TOKEN_NEEDED, is_loopback, listen, shows
from prober.config import Address
from prober.reload import Answer
from prober.telemetry.exposition import CONTENT_TYPE

#: The event loop turns every second; after this long without, the agent is not well.
STILL_S = 10.0
#: The same for loops that now and then wait for the disk.
SLOW_S = 120.0
_GRACE_S = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """What the page asks the agent for."""

    #: How long ago the event loop last turned, in seconds.
    beat_age_s: Callable[[], float]
    #: By name, how long ago each loop that runs in it last came round.
    ages_s: Callable[[], Mapping[str, float]]
    #: What `/readyz` shows; ready when its `ready` is true.
    readiness: Callable[[], Awaitable[Mapping[str, Any]]]
    #: Prometheus text, asked for in a thread.
    exposition: Callable[[], str]
    #: Reads the files again.
    reload: Callable[[], Awaitable[Answer]]
    #: What must be shown to have them read; None: nothing, on a loopback address.
    token: str | None = None


@asynccontextmanager
async def serving(address: Address, vitals: Vitals) -> AsyncIterator[None]:
    """Serve the page for the length of a block.

    Raises:
        ProberError: the address cannot be had.
    """
    config = uvicorn.Config(
        _app(vitals, is_open=vitals.token is None and is_loopback(address.host)),
        log_level="warning",
        log_config=None,  # its lines go where ours do
        lifespan="off",
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = _Server(config)
    with listen(*address, "`listen`") as listener:
        task = asyncio.create_task(server.serve([listener]))
        try:
            yield
        finally:
            server.should_exit = True
            await task


class _Server(uvicorn.Server):
    """Leaves signals to the agent."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        """Take none."""
        yield


def _app(vitals: Vitals, *, is_open: bool) -> Starlette:
    async def healthz(_: Request) -> Response:
        beat_s = round(vitals.beat_age_s(), 3)
        loops_s = {name: round(age_s, 3) for name, age_s in vitals.ages_s().items()}
        well = beat_s < STILL_S and all(age_s < SLOW_S for age_s in loops_s.values())
        found = {"loop_age_s": beat_s, "loops_s": loops_s}
        return JSONResponse(found, 200 if well else 503)

    async def readyz(_: Request) -> Response:
        found = await vitals.readiness()
        return JSONResponse(found, 200 if found["ready"] else 503)

    async def metrics(_: Request) -> Response:
        text = await run_in_threadpool(vitals.exposition)
        return PlainTextResponse(text, media_type=CONTENT_TYPE)

    async def reload(request: Request) -> Response:
        if refusal := _refusal(request, vitals.token, is_open=is_open):
            return refusal
        answer = await vitals.reload()
        return JSONResponse(answer.to_dict(), answer.status)

    pages = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}
    reads = [Route(path, page) for path, page in pages.items()]
    return Starlette(routes=[*reads, Route("/-/reload", reload, methods=["POST"])])


def _refusal(request: Request, token: str | None, *, is_open: bool) -> Response | None:
    """The reply to who may not write."""
    if token is None:
        if not is_open:
            why = "others reach this address: set PROBER_TOKEN, or send SIGHUP"
            return JSONResponse({"error": why}, 403)
        if "origin" in request.headers:  # a page of some other site, in a browser of this machine
            return JSONResponse({"error": "pages may not ask for this"}, 403)
        return None
    if shows(request.headers.get("authorization"), token):
        return None
    return JSONResponse({"error": TOKEN_NEEDED}, 401, CHALLENGE)
