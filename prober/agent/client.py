"""The HTTP client of journeys without a browser: a real `httpx.Client`, within the deadline."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import httpx

from prober.agent.question import in_thread
from prober.agent.recorder import Recorder

#: Has an exchange made, and may make another answer of it.
Tamper = Callable[[httpx.Request, Callable[[], httpx.Response]], httpx.Response]


class Client(httpx.Client):
    """An `httpx.Client` whose every exchange ends when the journey's time does.

    httpx times single reads: a target that trickles bytes would never meet its timeout. An
    alarm in the main thread ends the whole exchange as `httpx.ReadTimeout`.
    """

    def __init__(self, recorder: Recorder, **options: Any) -> None:
        super().__init__(**options)
        self._recorder = recorder
        #: On the monotonic clock.
        self.ends = time.monotonic()
        self.tamper: Tamper = lambda _, send: send()

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send a request and record what became of it."""
        url = str(request.url)
        self._recorder.requested(url)
        plain = super().send
        try:
            with _alarm(self.ends - time.monotonic(), request), _names_asked_aside():
                response = self.tamper(request, lambda: plain(request, **options))
        except httpx.RequestError as error:
            self._recorder.went_unanswered(url, type(error).__name__, decisive=True)
            raise
        for each in (*response.history, response):
            self._recorder.replied(str(each.url), each.status_code, decisive=each is response)
        return response


@contextmanager
def _names_asked_aside() -> Iterator[None]:
    """Have another thread wait for the resolver: the C library does not stop when an alarm rings.

    A resolver that says nothing would hold the journey beyond its time, and so till it is killed.
    """
    lookup = socket.getaddrinfo

    def aside(*wanted: Any, **options: Any) -> Any:
        return in_thread(lambda: lookup(*wanted, **options)).result()

    socket.getaddrinfo = aside
    try:
        yield
    finally:
        socket.getaddrinfo = lookup


@contextmanager
def _alarm(seconds: float, request: httpx.Request) -> Iterator[None]:
    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise httpx.ReadTimeout("the journey's time was up", request=request)

    if seconds <= 0:
        ring(0, None)
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
