"""What a browser context tells a recorder: replies, failed requests, and what pages complain of."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    Request,
    SourceLocation,
    WebError,
)

from prober.agent.recorder import Recorder
from prober.agent.verdict import Trouble

Event = TypeVar("Event")

#: Where code is, in the trace of an uncaught error; its message may name other addresses.
_SOURCE = re.compile(r"^ +at .*?(https?://[^\s)]+)", re.MULTILINE)
#: Chromium's names of what gives way here and nowhere else. One that a target can bring about is
#: none of them: `INTERNET_DISCONNECTED` is also said of a name that nobody has, where the only
#: way out is a tunnel, and where a journey takes its browser offline.
_OURS: Final = {
    "net::ERR_NETWORK_CHANGED": Trouble.OUR_NETWORK,
    "net::ERR_NETWORK_ACCESS_DENIED": Trouble.OUR_NETWORK,
    "net::ERR_NETWORK_IO_SUSPENDED": Trouble.OUR_NETWORK,
    "net::ERR_PROXY_CONNECTION_FAILED": Trouble.OUR_NETWORK,
    "net::ERR_OUT_OF_MEMORY": Trouble.OUR_RESOURCES,
    "net::ERR_FILE_NO_SPACE": Trouble.OUR_RESOURCES,
    "net::ERR_NO_BUFFER_SPACE": Trouble.OUR_RESOURCES,
}
#: Of a page itself only: one that floods its own target with requests is told this of them.
_OURS_OF_PAGES: Final = {"net::ERR_INSUFFICIENT_RESOURCES": Trouble.OUR_RESOURCES}


def hear(context: BrowserContext, recorder: Recorder, crashed: Callable[[], object]) -> None:
    """Have a context report to a recorder, and a page that crashes its renderer to `crashed`."""

    # A listener for requests would cost 2 % of a run's CPU: see `awaited`. That for replies is
    # put on what Playwright's public classes wrap, which saves another; Playwright's version is
    # pinned, and were this not called no run could pass: it would have asked for nothing.
    def replied(response: Any) -> None:
        url, request = response.url, response.request
        recorder.requested(url)
        decisive = _is_main_document(request)
        recorder.replied(url, response.status, decisive=decisive, method=request.method)

    def unanswered(request: Request) -> None:
        url, failure = request.url, request.failure or "no reply"
        is_page = _is_main_document(request)
        if ours := _OURS.get(failure) or (is_page and _OURS_OF_PAGES.get(failure)):
            recorder.gave_way(ours, url, failure, decisive=is_page)
        if request.existing_response:  # but for that, its body was not wanted to the end
            return
        # The browser itself aborts a navigation for another one, or for a download.
        decisive = is_page and failure != "net::ERR_ABORTED"
        recorder.requested(url)
        recorder.went_unanswered(url, failure, decisive=decisive)

    def gone(_: Page) -> None:
        crashed()

    def watch_page(page: Page) -> None:
        page.on("crash", _safe(gone, recorder))

    context._impl_obj.on("response", _safe(replied, recorder))
    context.on("requestfailed", _safe(unanswered, recorder))
    context.on("page", _safe(watch_page, recorder))
    for page in context.pages:
        watch_page(page)
    _listen(context, recorder)


def awaited(context: BrowserContext, recorder: Recorder) -> None:
    """Record the newest requests that have neither been answered nor failed."""
    try:
        for page in context.pages:
            for request in page.requests():
                if not request.existing_response and not request.failure:
                    recorder.requested(request.url)
                    recorder.awaited(request.url)
    except Error:
        return  # a browser that is gone awaits nothing


def _listen(context: BrowserContext, recorder: Recorder) -> None:
    """Hear what pages complain of: on the console, and errors that nobody caught."""

    def said(message: ConsoleMessage) -> None:
        kind = message.type
        if kind not in ("error", "warning"):
            return
        at = message.location
        line = _placed(f"{kind}: {message.text}", _place(at))
        if kind == "error":
            recorder.erred(line, at["url"])
        else:
            recorder.said(line)

    def uncaught(error: WebError) -> None:
        source = _SOURCE.search(error.error.stack or "")
        place = source[1] if source else ""
        recorder.erred(_placed(f"uncaught: {error.error}", place), place)

    context.on("console", _safe(said, recorder))
    context.on("weberror", _safe(uncaught, recorder))


def _safe(listener: Callable[[Event], object], recorder: Recorder) -> Callable[[Event], None]:
    """A listener that raises nothing: the journey's next call of Playwright would raise it."""

    def listen(event: Event) -> None:
        try:
            listener(event)
        except Exception as error:  # noqa: BLE001  # whatever it was, the journey did not do it
            recorder.said(f"prober could not make out what the browser told: {error!r}")

    return listen


def _place(at: SourceLocation) -> str:
    """As traces of errors write it; of what did not load there is no line, only the address."""
    line, column = at["lineNumber"], at["columnNumber"]  # from 0
    return f"{at['url']}:{line + 1}:{column + 1}" if line or column else at["url"]


def _placed(line: str, place: str) -> str:
    return f"{line} ({place})" if place else line


def _is_main_document(request: Any) -> bool:
    if not request.is_navigation_request():
        return False
    try:
        return request.frame.parent_frame is None
    except Error:  # a popup whose page is not there yet: its first request is its document's
        return True
