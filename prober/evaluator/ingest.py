"""Receiving OTLP over HTTP: what is acknowledged here is committed.

How much of it is in memory is bounded: so many bodies at once, as they are sent, and of those only
a few unpacked.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from prober.errors import JournalError
from prober.evaluator.board import Claims
from prober.evaluator.clerk.clerk import Signal, Taken, Unfit, Writing
from prober.evaluator.door import pace
from prober.evaluator.door.door import Door
from prober.evaluator.door.request import Limits, check_type, receive
from prober.evaluator.door.tokens import Scope
from prober.telemetry import answer

#: So many bodies are unpacked and read at once.
UNPACKED: Final = 2
LIMITS = Limits()
_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Ingest:
    """The three OTLP paths."""

    writing: Writing
    claims: Claims
    door: Door = field(default_factory=Door)
    limits: Limits = LIMITS
    #: Why the last records could not be kept; empty when they could.
    trouble: str = ""
    _turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(UNPACKED))

    def routes(self) -> list[Route]:
        """Where they are."""
        return [self._route(signal) for signal in Signal]

    def _route(self, signal: Signal) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                reply = await self._answer(request, signal)
            except HTTPException as error:
                body = answer.refusal(error.detail)
                return Response(body, error.status_code, error.headers, answer.CONTENT_TYPE)
            return Response(reply, media_type=answer.CONTENT_TYPE)

        return Route(f"/v1/{signal}", endpoint, methods=["POST"])

    async def _answer(self, request: Request, signal: Signal) -> bytes:
        client = pace.client_of(request)
        self._admit(request)
        self.door.hold_back(pace.BYTES, client)
        with self.door.room.place(client):
            packed = await receive(request, self.limits)
            self.door.draw(pace.BYTES, client, len(packed))
            async with self._turn:
                taken = await run_in_threadpool(self._take, signal, packed, _is_gzip(request))
        self._hear(taken)
        return taken.reply

    def _admit(self, request: Request) -> None:
        """Refuse before reading what is not for us."""
        self.door.admit(request, Scope.INGEST)
        check_type(request, answer.CONTENT_TYPE)
        if request.headers.get("content-encoding", "identity") not in ("identity", "gzip"):
            raise HTTPException(
                415, "the body is packed in an unknown way, send it as it is or gzip"
            )

    def _take(self, signal: Signal, packed: bytes, gzipped: bool) -> Taken:
        try:
            taken = self.writing.take(signal, packed, gzipped, self.limits.plain_bytes)
        except Unfit as error:
            refusal = HTTPException(error.status, error.reason)
        except JournalError as error:
            refusal = HTTPException(503, self._told(str(error)), {"Retry-After": "5"})
        else:
            if signal is Signal.LOGS:
                self.trouble = ""
            return taken
        raise refusal  # the other's traceback holds the whole body, for as long as it is kept

    def _told(self, trouble: str) -> str:
        """Why records cannot be kept, once in the log and then in every answer."""
        if trouble != self.trouble:
            _logger.error("records cannot be kept, their senders keep them: %s", trouble)
        self.trouble = trouble
        return trouble

    def _hear(self, taken: Taken) -> None:
        now_ms = time.time_ns() // 1_000_000
        for place, total in taken.claims.items():
            self.claims.hear(place, total, now_ms)
        for place, (at_ms, count) in taken.orphans.items():
            self.claims.hear_orphans(place, count, at_ms, now_ms)


def _is_gzip(request: Request) -> bool:
    return request.headers.get("content-encoding") == "gzip"
