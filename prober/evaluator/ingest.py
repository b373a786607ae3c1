"""Receiving OTLP over HTTP: what is acknowledged here is committed.

How much of it is in memory is bounded: so many bodies at once, as they are sent, and of those only
a few unpacked.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from prober.errors import JournalError
from prober.evaluator.board import Claims
from prober.evaluator.door import pace
from prober.evaluator.door.door import Door
from prober.evaluator.door.request import Limits, check_type, receive, too_large
from prober.evaluator.door.tokens import Scope
from prober.journal.journal import Journal
from prober.telemetry import answer, decode

Value = TypeVar("Value")
GZIP = 31  # zlib's word for: a gzip header and nothing else
#: So many bodies are unpacked and read at once.
UNPACKED: Final = 2
LIMITS = Limits()
SPANS_REFUSED = "the evaluator keeps run records, not spans: send traces to a tracing backend"


@dataclass(slots=True)
class Ingest:
    """The three OTLP paths."""

    journal: Journal
    claims: Claims
    door: Door = field(default_factory=Door)
    limits: Limits = LIMITS
    #: Why the last records could not be kept; empty when they could.
    trouble: str = ""
    _turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(UNPACKED))

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            self._route("/v1/logs", self.logs),
            self._route("/v1/metrics", self.metrics),
            self._route("/v1/traces", self.traces),
        ]

    def logs(self, body: bytes) -> bytes:
        """Take records in, each once; the reply says how many were not taken."""
        decoded = _readable(decode.records, body)
        try:
            self.journal.write(decoded.records)
        except JournalError as error:
            self.trouble = str(error)
            raise
        self.trouble = ""
        refused = decoded.rejected + decoded.skipped
        return answer.logs(refused, decoded.first_error or "events other than prober's")

    def metrics(self, body: bytes) -> bytes:
        """Note how many runs each region says it has counted."""
        totals: Counter[tuple[str, str]] = Counter()
        for (journey, region, _, _), total in _readable(decode.run_counts, body).items():
            totals[journey, region] += total
        now_ms = time.time_ns() // 1_000_000
        for place, total in totals.items():
            self.claims.hear(place, total, now_ms)
        return answer.metrics()

    def traces(self, body: bytes) -> bytes:
        """Take no span, and say why."""
        return _readable(lambda body: answer.traces(body, SPANS_REFUSED), body)

    def _route(self, path: str, take: Callable[[bytes], bytes]) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                reply = await self._answer(request, take)
            except HTTPException as error:
                body = answer.refusal(error.detail)
                return Response(body, error.status_code, error.headers, answer.CONTENT_TYPE)
            return Response(reply, media_type=answer.CONTENT_TYPE)

        return Route(path, endpoint, methods=["POST"])

    async def _answer(self, request: Request, take: Callable[[bytes], bytes]) -> bytes:
        client = pace.client_of(request)
        self._admit(request)
        self.door.hold_back(pace.BYTES, client)
        with self.door.room.place(client):
            packed = await receive(request, self.limits)
            self.door.draw(pace.BYTES, client, len(packed))
            async with self._turn:
                return await run_in_threadpool(self._take, take, packed, _is_gzip(request))

    def _admit(self, request: Request) -> None:
        """Refuse before reading what is not for us."""
        self.door.admit(request, Scope.INGEST)
        check_type(request, answer.CONTENT_TYPE)
        if request.headers.get("content-encoding", "identity") not in ("identity", "gzip"):
            raise HTTPException(
                415, "the body is packed in an unknown way, send it as it is or gzip"
            )

    def _take(self, take: Callable[[bytes], bytes], packed: bytes, gzipped: bool) -> bytes:
        try:
            return take(unpack(packed, self.limits.plain_bytes) if gzipped else packed)
        except HTTPException as error:
            refusal = HTTPException(error.status_code, error.detail, error.headers)
        raise refusal  # the other's traceback holds the whole body, for as long as it is kept


def _readable(read: Callable[[bytes], Value], body: bytes) -> Value:
    try:
        return read(body)
    except ValueError as error:
        raise HTTPException(400, f"the body is {error}") from error


def unpack(packed: bytes, limit_bytes: int) -> bytes:
    """What a gzip body holds; stops at the limit, however much more there would be.

    Raises:
        HTTPException: 400, it is not gzip or is cut off; 413, it is over the limit.
    """
    stream = zlib.decompressobj(GZIP)
    try:
        plain = stream.decompress(packed, limit_bytes + 1)
    except zlib.error as error:
        raise HTTPException(400, f"the body is not gzip: {error}") from error
    if len(plain) > limit_bytes:
        raise too_large(limit_bytes, "unpacked")
    if not stream.eof or stream.unused_data:
        raise HTTPException(400, "the body is not one whole gzip stream, send it again")
    return plain


def _is_gzip(request: Request) -> bool:
    return request.headers.get("content-encoding") == "gzip"
