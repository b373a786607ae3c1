"""Taking a request in: of what kind, how much, and for how long we listen."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one request may be."""

    #: As sent, and after decompression.
    packed_bytes: int = 4 << 20
    plain_bytes: int = 32 << 20
    #: For the body to arrive.
    patience_s: float = 30.0


def check_type(request: Request, wanted: str) -> None:
    """Refuse, with 415, a body of another kind."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != wanted:
        raise HTTPException(415, f"the body is {kind or 'nothing known'}, send {wanted}")


async def receive(request: Request, limits: Limits) -> bytes:
    """The body as sent.

    Raises:
        HTTPException: 413, it is over the limit; 408, 400 or 503, it did not arrive whole.
    """
    packed = bytearray()
    try:
        async with asyncio.timeout(limits.patience_s):
            async for chunk in request.stream():
                packed += chunk
                if len(packed) > limits.packed_bytes:
                    raise too_large(limits.packed_bytes, "as sent")
    except TimeoutError as error:
        raise HTTPException(408, "the body did not arrive in time, send it again") from error
    except asyncio.CancelledError as error:  # the server ends, and this is still on its way
        raise HTTPException(503, "the evaluator is ending, send it again") from error
    except ClientDisconnect as error:
        raise HTTPException(400, "the body ended early, send it again") from error
    return bytes(packed)


def too_large(limit_bytes: int, how: str) -> HTTPException:
    """The refusal of a body over a limit."""
    return HTTPException(413, f"the body is over {limit_bytes} bytes {how}, send less at once")
