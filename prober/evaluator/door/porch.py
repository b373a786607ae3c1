"""The porch: where every request passes, before any page or verb.

Whoever reads is asked for a token here, if reading takes one; so a page that is added later cannot
be left open. Writing is each endpoint's own to ask for, which knows the scope.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prober.evaluator.door import headers, tokens
from prober.evaluator.door.door import Door

#: For those who watch over the process, whom nobody gives a token.
FREE: Final = ("/healthz", "/readyz")
#: In the scope of a request: whether whoever asks may read.
READS: Final = "prober.reads"


@dataclass(frozen=True, slots=True)
class Porch:
    """Everything that is served, behind the door."""

    app: ASGIApp
    door: Door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        asked = HTTPConnection(scope)
        answer: ASGIApp = self.app
        if scope["method"] in ("GET", "HEAD"):
            try:
                if scope["path"] in FREE:
                    scope[READS] = self.door.reads(asked)
                else:
                    self.door.admit(asked, tokens.Scope.READ)
            except HTTPException as error:
                answer = _refusal(scope["path"], error)
        await answer(scope, receive, _always(send))


def _refusal(path: str, error: HTTPException) -> Response:
    """In the form in which the path would have answered."""
    if path.startswith("/api/"):
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)
    return PlainTextResponse(error.detail, error.status_code, error.headers)


def _always(send: Send) -> Send:
    """With what every answer says."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            said = MutableHeaders(scope=message)
            for name, value in headers.ALWAYS.items():
                said.setdefault(name, value)
        await send(message)

    return sending
