"""`POST /api/v1/<verb>`: the desk over HTTP, JSON in and out, and the description of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from prober.errors import InputError, ProberError
from prober.evaluator.audit import by_token
from prober.evaluator.desk.desk import Answer, Desk, Verb
from prober.evaluator.desk.openapi import describe
from prober.evaluator.door import pace
from prober.evaluator.door.door import Door
from prober.evaluator.door.request import Limits, check_type, receive
from prober.evaluator.door.tokens import Scope

#: Nothing that is asked is longer.
LIMITS = Limits(packed_bytes=1 << 20)
#: Nor does it hold more values: each of them may be wrong, and why is found out for each.
VALUES: Final = 20_000
#: As many mistakes as are told.
TOLD: Final = 20
#: Where all that can be asked over HTTP is described.
DESCRIPTION: Final = "/api/v1/openapi.json"


@dataclass(frozen=True, slots=True)
class Api:
    """Every verb, each for whoever has a token of its scope, where one is needed."""

    desk: Desk
    door: Door = field(default_factory=Door)

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route(DESCRIPTION, self.description),
            Route("/api/v1/{verb}", self.endpoint, methods=["POST"]),
        ]

    async def description(self, _: Request) -> Response:
        """What can be asked, as OpenAPI."""
        return JSONResponse(describe(self.desk.verbs))

    async def endpoint(self, request: Request) -> Response:
        """An answer, or `{"error": …}` in one line."""
        try:
            answer = await self._answer(request)
        except HTTPException as error:
            return JSONResponse({"error": error.detail}, error.status_code, error.headers)
        except InputError as error:
            return JSONResponse({"error": _mistakes(error)}, 400)
        except ProberError as error:
            return JSONResponse({"error": str(error)}, 409)
        return JSONResponse(answer)

    async def _answer(self, request: Request) -> Answer:
        try:
            verb = self.desk.verb(request.path_params["verb"])
        except ProberError as error:
            raise HTTPException(404, str(error)) from error
        token = self.door.admit(request, verb.scope or Scope.READ)
        # Pages of other sites cannot send this type without asking first, and are refused then.
        check_type(request, "application/json")
        with self.door.room.place(pace.client_of(request)):
            asked = _object(await receive(request, LIMITS))
            return await run_in_threadpool(self._ask, verb, asked, token)

    def _ask(self, verb: Verb, asked: Mapping[str, Any], token: str | None) -> Answer:
        with by_token(token):
            try:
                return verb.answer(self.desk, asked)
            except RecursionError as error:
                raise HTTPException(400, "the body is nested too deep") from error


def _mistakes(error: InputError) -> str:
    told, more = error.problems[:TOLD], len(error.problems) - TOLD
    return "; ".join(map(str, told)) + (f"; and {more} more" if more > 0 else "")


def _object(body: bytes) -> Mapping[str, Any]:
    if body.count(b",") >= VALUES:
        raise HTTPException(413, f"the body holds more than {VALUES} values, send less at once")
    try:
        asked = json.loads(body)
        json.dumps(asked, ensure_ascii=False).encode()  # halves of characters cannot be said again
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "the body is not JSON, send one object") from error
    if not isinstance(asked, dict):
        raise HTTPException(400, "the body is not an object, send one")
    return asked
