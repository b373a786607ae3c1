"""What a browser context tells a recorder: replies, failed requests, and what pages complain of."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

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

#: Where code is, in the trace of an uncaught error.
_SOURCE = re.compile(r"https?://[^\s)]+")


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
        if request.existing_response:  # only its body was not wanted to the end
            return
        # The browser itself aborts a navigation for another one, or for a download.
        decisive = _is_main_document(request) and request.failure != "net::ERR_ABORTED"
        recorder.requested(request.url)
        recorder.went_unanswered(request.url, request.failure or "no reply", decisive=decisive)

    def gone(_: Page) -> None:
        crashed()

    def watch_page(page: Page) -> None:
        page.on("crash", gone)

    context._impl_obj.on("response", replied)
    context.on("requestfailed", unanswered)
    context.on("page", watch_page)
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
        place = source[0] if source else ""
        recorder.erred(_placed(f"uncaught: {error.error}", place), place)

    context.on("console", said)
    context.on("weberror", uncaught)


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
