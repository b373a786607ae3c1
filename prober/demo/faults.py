"""What stands between the network and the shop: its faults, and the count of its requests.

Both know the shop by its places only, so that the shop's pages stay free of them.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

#: The parts of the shop by the first word of their path; what is not here has no faults.
_PLACES: Final = {
    "": "products",
    "cart": "cart",
    "login": "login",
    "logout": "login",
    "checkout": "checkout",
    "confirmation": "checkout",
    "api": "api",
    "static": "static",
}
PLACES: Final = (*dict.fromkeys(_PLACES.values()), "other")
EVERYWHERE: Final = "everywhere"
#: Classes of reply; `none` is for requests that got no answer.
STATUSES: Final = ("2xx", "3xx", "4xx", "5xx", "none")
_CONTROL: Final = ("/metrics", "/_faults")
_PAGES: Final = frozenset({"products", "cart", "login", "checkout", "api"})


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to go wrong."""

    meaning: str
    #: Where it can strike; `everywhere` is all of these at once.
    places: frozenset[str]


FAULTS: Final[Mapping[str, Fault]] = {
    "slow": Fault("Every page answers, seconds too late.", _PAGES),
    "error": Fault("The server answers 500 with an HTML page.", _PAGES),
    "error_empty": Fault("The server answers 500 with an empty body.", _PAGES),
    "wrong_total": Fault(
        "All answers are 200, but the amount is not the sum of its parts: the silent failure.",
        frozenset({"checkout", "api"}),
    ),
    "missing_button": Fault(
        "The page is there with 200, the button to go on is not.",
        frozenset({"checkout", "login"}),
    ),
    "hang": Fault("The server accepts the request and never answers.", _PAGES),
    "reset": Fault("The server cuts the TCP connection with a reset.", _PAGES),
    "expired_session": Fault(
        "The sign-in is forgotten between cart and checkout; the sign-in page comes with 200.",
        frozenset({"checkout", "api"}),
    ),
}
_BROKEN_PAGE: Final = (
    '<!doctype html><html lang="en"><title>Error</title>'
    "<h1>Something went wrong</h1><p>We are looking into it. Please try again later.</p></html>"
)
#: Makes `close` send a reset: linger is on, for zero seconds.
_LINGER_ZERO: Final = struct.pack("ii", 1, 0)


def place_of(path: str) -> str:
    """The part of the shop that a path belongs to, one of `PLACES`.

    >>> place_of("/checkout"), place_of("/api/token"), place_of("/favicon.ico")
    ('checkout', 'api', 'other')
    """
    return _PLACES.get(path.lstrip("/").partition("/")[0], "other")


class Faults:
    """The switch: at most one fault is on."""

    def __init__(self) -> None:
        self.fault: str | None = None
        self.where = "checkout"
        #: How late `slow` answers.
        self.delay_s = 10.0

    def switch(self, fault: object, where: object = "checkout", seconds: object = 10) -> None:
        """Turn a fault on, in place of any other; None heals.

        Args:
            fault: a name in `FAULTS`, or None.
            where: one of its places, or `everywhere`.
            seconds: how late `slow` answers.

        Raises:
            ValueError: a value is wrong; nothing changes.
        """
        if fault is not None and fault not in FAULTS:
            raise ValueError(f"fault {fault!r} is not known, write one of {', '.join(FAULTS)}")
        places = FAULTS[str(fault)].places if fault else _PAGES
        if where != EVERYWHERE and where not in places:
            options = ", ".join((*sorted(places), EVERYWHERE))
            raise ValueError(f"{fault} cannot be at {where!r}, write one of {options}")
        if not isinstance(seconds, int | float) or not 0 < seconds <= 3600:
            raise ValueError(f"seconds {seconds!r} is not a delay, write a number up to 3600")
        self.fault = str(fault) if fault else None
        self.where, self.delay_s = str(where), float(seconds)

    def state(self) -> dict[str, Any]:
        """What is on, and all that could be."""
        return {
            "fault": self.fault,
            "where": self.where if self.fault else None,
            "seconds": self.delay_s if self.fault == "slow" else None,
            "faults": {name: fault.meaning for name, fault in FAULTS.items()},
        }

    def at(self, place: str) -> str | None:
        """The fault that strikes a place now."""
        if self.fault is None or place not in FAULTS[self.fault].places:
            return None
        return self.fault if self.where in (place, EVERYWHERE) else None


class Breaking:
    """ASGI middleware for the faults that need no page: they replace or delay the answer."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self.app = app
        self.faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the fault at this place says, or let the shop answer."""
        fault = self.faults.at(place_of(scope["path"])) if scope["type"] == "http" else None
        if fault == "error":
            await HTMLResponse(_BROKEN_PAGE, 500)(scope, receive, send)
        elif fault == "error_empty":
            await Response(status_code=500)(scope, receive, send)
        elif fault == "reset":
            _reset(scope["state"]["transport"])
            await _gone(receive)
        elif fault == "hang":
            await _gone(receive)
        else:
            if fault == "slow":
                await asyncio.sleep(self.faults.delay_s)
            await self.app(scope, receive, send)


class Traffic:
    """What the shop says of its requests: those answered, and those that wait."""

    def __init__(self) -> None:
        #: By place and class of reply, every pair there at zero.
        self.replies = Counter({(place, status): 0 for place in PLACES for status in STATUSES})
        #: Requests without a reply yet, by place.
        self.waiting = Counter(dict.fromkeys(PLACES, 0))

    def exposition(self) -> str:
        """The counts in Prometheus text."""
        errors = sum(self.replies[place, "5xx"] for place in PLACES)
        lines = [
            "# HELP shop_requests_total Requests by part of the shop and class of reply.",
            "# TYPE shop_requests_total counter",
            *(
                f'shop_requests_total{{route="{place}",status="{status}"}} {count}'
                for (place, status), count in self.replies.items()
            ),
            "# HELP shop_requests_waiting Requests without a reply yet, by part of the shop.",
            "# TYPE shop_requests_waiting gauge",
            *(
                f'shop_requests_waiting{{route="{place}"}} {count}'
                for place, count in self.waiting.items()
            ),
            "# HELP shop_responses_5xx_total Replies with a status of 500 or more.",
            "# TYPE shop_responses_5xx_total counter",
            f"shop_responses_5xx_total {errors}",
        ]
        return "\n".join(lines) + "\n"


class Counting:
    """ASGI middleware that counts the shop's requests, its control and metrics left out."""

    def __init__(self, app: ASGIApp, traffic: Traffic) -> None:
        self.app = app
        self.traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and count what comes back, or that nothing does."""
        if scope["type"] != "http" or scope["path"] in _CONTROL:
            return await self.app(scope, receive, send)
        place, status = place_of(scope["path"]), "none"

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = f"{message['status'] // 100}xx"
            await send(message)

        self.traffic.waiting[place] += 1
        try:
            await self.app(scope, receive, noted)
        except Exception:
            status = "5xx"  # Starlette answers for us, outside of here
            raise
        finally:
            self.traffic.waiting[place] -= 1
            self.traffic.replies[place, status] += 1
        return None


class ConnectionShown(H11Protocol):
    """Shows every request its connection, for the fault that cuts it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the connection where requests find it."""
        assert isinstance(transport, asyncio.Transport)
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


def _reset(transport: asyncio.Transport) -> None:
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    transport.abort()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
