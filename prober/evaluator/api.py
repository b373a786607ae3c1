"""`POST /api/v1/<verb>`: the desk over HTTP, JSON in and out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from prober.errors import InputError, ProberError
from prober.evaluator.desk import Desk
from prober.evaluator.request import Limits, check_token, check_type, receive

#: Nothing that is asked is longer.
LIMITS = Limits(packed_bytes=1 << 20)


@dataclass(frozen=True, slots=True)
class Api:
    """Every verb; those that write ask for the token, where there is one."""

    desk: Desk
    #: None: everybody may write, which only a loopback address allows.
    token: str | None = None

    def routes(self) -> list[Route]:
        """Where they are."""
        return [Route("/api/v1/{verb}", self.endpoint, methods=["POST"])]

    async def endpoint(self, request: Request) -> Response:
        """An answer, or `{"error": …}` in one line."""
        try:
            body = await self._admit(request)
            answer = await run_in_threadpool(self.desk.answer, request.path_params["verb"], body)
        except HTTPException as error:
            return JSONResponse({"error": error.detail}, error.status_code, error.headers)
        except InputError as error:
            return JSONResponse({"error": "; ".join(map(str, error.problems))}, 400)
        except ProberError as error:
            return JSONResponse({"error": str(error)}, 409)
        return JSONResponse(answer)

    async def _admit(self, request: Request) -> Mapping[str, Any]:
        try:
            verb = self.desk.verb(request.path_params["verb"])
        except ProberError as error:
            raise HTTPException(404, str(error)) from error
        check_token(request, self.token if verb.writes else None)
        # Pages of other sites cannot send this type without asking first, and are refused then.
        check_type(request, "application/json")
        try:
            body = json.loads(await receive(request, LIMITS))
        except (ValueError, RecursionError) as error:
            raise HTTPException(400, "the body is not JSON, send one object") from error
        if not isinstance(body, dict):
            raise HTTPException(400, "the body is not an object, send one")
        return body
