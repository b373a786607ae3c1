"""Trace Context for the target: its own traces and logs then name the run that asked.

The headers of https://www.w3.org/TR/trace-context/ go with what `http` asks of the origins that the
region lists, and of no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from prober import address

if TYPE_CHECKING:
    import httpx


def propagation(
    headers: Mapping[str, str], origins: Iterable[str]
) -> Callable[[httpx.Request], None]:
    """What gives requests the headers of a run, as a hook of `httpx.Client`.

    Args:
        headers: see `RunId.trace_context`.
        origins: scheme and host, with a port where it is not the scheme's own.
    """
    places = {_place(each) for each in origins}

    def mark(request: httpx.Request) -> None:
        if _place(str(request.url)) in places:
            if "traceparent" not in request.headers:  # a journey may have a trace of its own
                request.headers.update(headers)
        elif request.headers.get("traceparent") == headers["traceparent"]:
            for name in headers:  # a redirect has brought them along
                request.headers.pop(name, None)

    return mark


def _place(url: str) -> tuple[str, str | None, int | None]:
    return url.partition(":")[0].lower(), *address.server(url)
