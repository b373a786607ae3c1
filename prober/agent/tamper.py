"""What `http` is answered, noted in a plain run, and spoilt in one place in another."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx

from prober.agent.mutation import Kind, Place, masked
from prober.agent.recorder import Recorder

Send = Callable[[], httpx.Response]

_AMOUNT = re.compile(r"-?\d+[.,]\d{2}")
_MOST_FIELDS = 40
_LONG_S = 86_400.0
_EMPTY: dict[type, Any] = {str: "", list: [], dict: {}}
_BROKEN = '{"error": "something went wrong"}'


class Exchanges:
    """Notes what is asked and which fields the answers have."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._counts = _Counts()
        self.places: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request, send: Send) -> httpx.Response:
        """Have it sent, and note it."""
        response = send()
        if self._recorder.is_first_party(str(request.url)):
            self._note(request, response)
        return response

    def _note(self, request: httpx.Request, response: httpx.Response) -> None:
        step = self._recorder.step_name
        place = {
            "sort": "reply",
            "step": step,
            "nth": self._counts.next(request),
            "host": _host(request),
            "method": request.method,
            "path": masked(request.url.path),
            "media": response.headers.get("Content-Type", "text/plain"),
        }
        if any(
            (each["step"], _asked(each)) == (step, _asked(place))
            for each in self.places
            if each["sort"] == "reply"
        ):
            return  # once a step is enough for what is asked again and again
        self.places.append(place)
        if (said := _json(response)) is not None:
            for field, value in _fields(said):
                holds = _holds(value)
                about = {"field": field, "holds": holds}
                if holds == "amount":  # other values may be anything, a token too
                    about["value"] = value
                self.places.append(place | about | {"sort": "field"})


class Spoilt:
    """Spoils one answer, from the time it is due."""

    def __init__(self, kind: Kind, place: Place, struck: Callable[[], None]) -> None:
        self._kind, self._place = kind, place
        self._counts = _Counts()
        self._struck = struck

    def __call__(self, request: httpx.Request, send: Send) -> httpx.Response:
        """The answer, which may not be the target's."""
        place = self._place
        asked = (_host(request), request.method, masked(request.url.path))
        if asked != (place["host"], place["method"], place["path"]):
            return send()
        if self._counts.next(request) < place["nth"]:
            return send()
        return self._spoil(request, send)

    def _spoil(self, request: httpx.Request, send: Send) -> httpx.Response:
        if self._place["sort"] == "field":
            return self._other_field(send())
        self._struck()
        if self._kind is Kind.ABORT:
            raise httpx.ReadError("the connection was reset", request=request)
        if self._kind is Kind.SLOW:
            time.sleep(_LONG_S)  # the client's alarm rings when the journey's time is up
        headers = {"Content-Type": self._place["media"]}
        status, body = (500, _BROKEN) if self._kind is Kind.ERROR else (200, "")
        return _answer(status, request, headers, body.encode())

    def _other_field(self, response: httpx.Response) -> httpx.Response:
        said = _json(response)
        if said is None or not _change(said, self._place["field"].split("."), self._kind):
            return response
        self._struck()
        body = httpx.Response(200, json=said).content
        headers = httpx.Headers(response.headers)
        for name in ("Content-Length", "Content-Encoding", "Transfer-Encoding"):
            headers.pop(name, None)
        spoilt = _answer(response.status_code, response.request, headers, body)
        spoilt.history = response.history
        return spoilt


class _Counts:
    """How often each thing was asked."""

    def __init__(self) -> None:
        self._found: Counter[tuple[str, str, str]] = Counter()

    def next(self, request: httpx.Request) -> int:
        key = (_host(request), request.method, masked(request.url.path))
        self._found[key] += 1
        return self._found[key]


def _host(request: httpx.Request) -> str:
    return request.url.netloc.decode()


def _asked(place: Place) -> tuple[str, str, str]:
    return place["host"], place["method"], place["path"]


def _answer(
    status: int, request: httpx.Request, headers: httpx.Headers | dict[str, str], body: bytes
) -> httpx.Response:
    response = httpx.Response(status, headers=headers, content=body, request=request)
    response.elapsed = timedelta()
    return response


def _json(response: httpx.Response) -> Any:
    """The JSON object or list that was answered; None when it is none, or is not read yet."""
    try:
        said = response.json()
    except (ValueError, httpx.StreamError):
        return None
    return said if isinstance(said, dict | list) else None


def _fields(said: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Fields with a value, by their way down; of a list, those of its first item."""
    if isinstance(said, list):
        said, above = (said[0] if said else None), f"{above}[]"
    if not isinstance(said, dict):
        return
    for name, value in list(said.items())[:_MOST_FIELDS]:
        if value in (None, "", [], {}) or "." in name or not name:
            continue
        field = f"{above}.{name}".removeprefix(".")
        yield field, value
        yield from _fields(value, field)


def _holds(value: Any) -> str:
    """`amount`, `content` that can be emptied, or anything `other`."""
    if isinstance(value, float) or (isinstance(value, str) and _AMOUNT.fullmatch(value)):
        return "amount"
    return "content" if isinstance(value, str | list | dict) else "other"


def _change(said: Any, way: list[str], kind: Kind) -> bool:
    """Change a field wherever it is; whether it was there."""
    name, *below = way
    key = name.removesuffix("[]")
    inside = said.get(key) if key and isinstance(said, dict) else said
    if below:
        each = inside if name.endswith("[]") and isinstance(inside, list) else [inside]
        return sum(_change(item, below, kind) for item in each) > 0  # all of them, not the first
    if not isinstance(said, dict) or key not in said:
        return False
    if kind is Kind.REMOVED:
        del said[key]
    else:
        said[key] = _raised(inside) if kind is Kind.AMOUNT else _EMPTY[type(inside)]
    return True


def _raised(amount: Any) -> Any:
    """Another amount: the last digit before the point is another.

    >>> _raised("41.90"), _raised(9.5)
    ('42.90', 10.5)
    """
    if not isinstance(amount, str):
        return amount + 1
    return re.sub(r"\d(?=[.,])", lambda d: "8" if d[0] == "9" else str(int(d[0]) + 1), amount)
