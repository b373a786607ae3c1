"""Trace Context for the target: its own traces and logs then name the run that asked.

The headers of https://www.w3.org/TR/trace-context/ go to the origins that the region lists and to
no other. A browser is held up at the requests to those alone: Playwright's own routes would hold
up all of them, turn its cache off, and answer a page's preflights in the target's place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from playwright.sync_api import BrowserContext, CDPSession, Error, Page

from prober import address

if TYPE_CHECKING:
    import httpx


class Propagation:
    """What one run gives its requests to some origins."""

    def __init__(self, headers: Mapping[str, str], origins: Iterable[str]) -> None:
        self._headers = dict(headers)
        self._origins = tuple(origins)
        self._places = {_place(each) for each in self._origins}

    def into_client(self, client: httpx.Client) -> None:
        """Have what `http` asks carry the headers."""
        client.event_hooks["request"].append(self._mark)

    def into_browser(self, context: BrowserContext) -> None:
        """Have what pages ask carry the headers; their workers and foreign frames do not."""
        if self._origins:
            for page in context.pages:
                self._listen(page)
            context.on("page", self._listen)

    def _mark(self, request: httpx.Request) -> None:
        if _place(str(request.url)) in self._places:
            if "traceparent" not in request.headers:  # a journey may have a trace of its own
                request.headers.update(self._headers)
        elif request.headers.get("traceparent") == self._headers["traceparent"]:
            for name in self._headers:  # a redirect has brought them along
                del request.headers[name]

    def _listen(self, page: Page) -> None:
        with suppress(Error):  # a page that is gone asks for nothing
            session = page.context.new_cdp_session(page)
            session.on("Fetch.requestPaused", lambda paused: self._resume(session, paused))
            patterns = [{"urlPattern": f"{_written(origin)}/*"} for origin in self._origins]
            session.send("Fetch.enable", {"patterns": patterns})

    def _resume(self, session: CDPSession, paused: dict[str, Any]) -> None:
        request = paused["request"]
        told: dict[str, Any] = {"requestId": paused["requestId"]}
        own = any(name.lower() == "traceparent" for name in request["headers"])
        if not own and request["method"] != "OPTIONS":  # a preflight has nothing but its questions
            headers = request["headers"] | self._headers
            told["headers"] = [{"name": name, "value": headers[name]} for name in headers]
        with suppress(Error):  # or its page is gone
            session.send("Fetch.continueRequest", told)


def _place(url: str) -> tuple[str, str | None, int | None]:
    return url.partition(":")[0].lower(), *address.server(url)


def _written(origin: str) -> str:
    """An origin as browsers write it.

    >>> _written("https://Shop.example:443")
    'https://shop.example'
    """
    scheme, _, rest = origin.lower().partition("://")
    return f"{scheme}://{rest.removesuffix(':443' if scheme == 'https' else ':80')}"
