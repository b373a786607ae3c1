"""Cutting every Playwright call to the time a journey has left.

Playwright's timeouts live in its driver, and some calls (`title`, `evaluate`, `new_page`)
have none at all: with a hung page or a stopped driver they wait for ever. One place sees
every call, the client's connection; there each call gets at most what remains, and a timer
of our own in case nobody at the other end keeps time. The hook uses Playwright's internals:
its version is pinned, and tests/agent/test_deadline.py fails when they change.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from math import ceil, inf
from typing import Any

from playwright._impl.timeout_settings import TimeoutSettings
from playwright.sync_api import Playwright, TimeoutError

#: Whether a call is none of the journey's.
_aside: ContextVar[bool] = ContextVar("aside", default=False)
#: How long the driver may be late with a timeout before we stop waiting for it.
GRACE_S = 0.25


class Deadline:
    """The end of a journey's time, kept for every call of one Playwright connection."""

    def __init__(self, playwright: Playwright) -> None:
        connection: Any = playwright._impl_obj._connection
        self._loop: asyncio.AbstractEventLoop = connection._loop
        self._send = connection.send_message_to_server
        connection.send_message_to_server = self._cut
        self._cap_settings()
        self._ends: float | None = None
        self._whole_ms = 0.0
        self._patience_ms = inf
        #: A call was still open when the time was up.
        self.met = False
        #: Nobody answered even then: page, browser or driver hangs.
        self.unanswered = False
        #: How many `expect` matchers were asked.
        self.expectations = 0

    @contextmanager
    def of(self, seconds: float, patience_s: float = inf) -> Iterator[None]:
        """Cut all calls inside to the seconds from now, and each to the patience."""
        self.met = self.unanswered = False
        self.expectations = 0
        self._whole_ms = seconds * 1000
        self._patience_ms = patience_s * 1000
        self._ends = time.monotonic() + seconds
        try:
            yield
        finally:
            self._ends = None

    @contextmanager
    def aside(self) -> Iterator[Context]:
        """A context for a call of ours: what becomes of it says nothing about the journey."""
        context = copy_context()
        context.run(_aside.set, True)
        yield context

    def lift(self) -> None:
        """Cut nothing more: somebody stopped the journey to look at it."""
        self._ends = None

    @property
    def remaining_s(self) -> float:
        """Seconds left, at least 0; without a deadline, a day."""
        if self._ends is None:
            return 86_400.0
        return max(0.0, self._ends - time.monotonic())

    def _cap_settings(self) -> None:
        """Cap the timeouts that the client itself waits for, as in `expect_response`."""
        for name in ("_timeout", "_navigation_timeout"):
            setattr(TimeoutSettings, name, self._capped(getattr(TimeoutSettings, name)))

    def _capped(self, timeout: Callable[[Any, Any], float]) -> Callable[[Any, Any], float]:
        def cap(settings: Any, asked: Any) -> float:
            wanted = timeout(settings, asked)
            if self._ends is None:
                return wanted
            return min(wanted or inf, self._patience_ms, max(1.0, self.remaining_s * 1000))

        return cap

    def _cut(self, target: Any, method: str, params: Any, options: dict[str, Any]) -> Any:
        if self._ends is None or method == "__waitInfo__" or _aside.get():
            return self._send(target, method, params, options)
        if method == "expect":
            self.expectations += 1
        if method == "waitForTimeout" and params["waitTimeout"] > self._whole_ms:
            raise RuntimeError("it sleeps longer than the whole journey may take")
        left_ms = max(1.0, self.remaining_s * 1000)
        asked_ms = options.get("timeout") or left_ms
        # A sleep is as long as it is.
        patience_ms = inf if method == "waitForTimeout" else self._patience_ms
        if asked_ms >= (most_ms := min(left_ms, patience_ms)):
            options = {**options, "timeout": ceil(most_ms)}  # people read it
        future: asyncio.Future[Any] = self._send(target, method, params, options)
        timer = self._loop.call_later(left_ms / 1000 + GRACE_S, self._give_up, future, method)
        future.add_done_callback(lambda done: self._settle(done, timer, cut=asked_ms >= left_ms))
        return future

    def _give_up(self, future: asyncio.Future[Any], method: str) -> None:
        if future.done():  # answered in this very turn of the loop
            return
        self.unanswered = True
        future.set_exception(TimeoutError(f"no answer to {method} when the time was up"))

    def _settle(
        self, future: asyncio.Future[Any], timer: asyncio.TimerHandle, *, cut: bool
    ) -> None:
        timer.cancel()
        if cut and not future.cancelled() and future.exception() and not self.remaining_s:
            self.met = True
