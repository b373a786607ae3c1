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

from prober.agent.exchange import Stopwatch
from prober.agent.question import in_thread
from prober.agent.recorder import Recorder

#: Has an exchange made, and may make another answer of it.
Tamper = Callable[[httpx.Request, Callable[[], httpx.Response]], httpx.Response]


class Client(httpx.Client):
    """An `httpx.Client` whose every exchange ends when the journey's time does.

    httpx times single reads: a target that trickles bytes would never meet its timeout. An
    alarm in the main thread ends the whole exchange as `httpx.ReadTimeout`, and so the reading of
    a body that the journey streams.
    """

    def __init__(self, recorder: Recorder, **options: Any) -> None:
        super().__init__(**options)
        self._recorder = recorder
        #: On the monotonic clock.
        self.ends = time.monotonic()
        self.tamper: Tamper = lambda _, send: send()
        #: Answers that may still be read, and the numbers of the steps that asked for them.
        self._open: list[tuple[int, httpx.Response]] = []

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send a request and record what became of it."""
        url = str(request.url)
        self._recorder.requested(url)
        plain, watch = super().send, Stopwatch(self._recorder.spent)
        request.extensions = {**request.extensions, "trace": watch}
        try:
            with _alarm(self.ends - time.monotonic(), request), _names_asked_aside(watch):
                response = self.tamper(request, lambda: plain(request, **options))
        except httpx.RequestError as error:
            self._recorder.went_unanswered(url, type(error).__name__, decisive=True)
            if not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
                self._recorder.scale.forget([self._recorder.scale.latest])
            raise
        for each in (*response.history, response):
            self._recorder.replied(
                str(each.url),
                each.status_code,
                decisive=each is response,
                method=each.request.method,
            )
            self._open.append((self._recorder.scale.latest, each))
        self.weigh()
        if not response.is_closed:
            response.stream = _Stream(response, lambda: self.ends)
        return response

    def weigh(self, *, over: bool = False) -> None:
        """Tell how large the answers were that have ended; `over`: of others nobody will know."""
        reading = []
        for number, answer in self._open:
            if answer.is_closed or over:
                size = _size(answer) if answer.is_closed else None
                self._recorder.scale.add(number, str(answer.url), size)
            else:
                reading.append((number, answer))
        self._open = reading


class _Stream(httpx.SyncByteStream):
    """A body that is read while the journey goes on; each part must come before its time is up."""

    def __init__(self, response: httpx.Response, ends: Callable[[], float]) -> None:
        assert isinstance(response.stream, httpx.SyncByteStream)
        self._body, self._request, self._ends = response.stream, response.request, ends

    def __iter__(self) -> Iterator[bytes]:
        parts = iter(self._body)
        while True:
            # No alarm is set while the journey has a part: it may be asking something else.
            with _alarm(self._ends() - time.monotonic(), self._request):
                part = next(parts, None)
            if part is None:
                return
            yield part

    def close(self) -> None:
        self._body.close()


def _size(answer: httpx.Response) -> int:
    """Its bytes on the way: those of the head, and of the body as it was packed."""
    status = f"{answer.http_version} {answer.status_code} {answer.reason_phrase}\r\n"
    lines = sum(len(name) + len(value) + 4 for name, value in answer.headers.raw)
    return len(status) + lines + 2 + answer.num_bytes_downloaded


@contextmanager
def _names_asked_aside(watch: Stopwatch) -> Iterator[None]:
    """Have another thread wait for the resolver: the C library does not stop when an alarm rings.

    A resolver that says nothing would hold the journey beyond its time, and so till it is killed.
    """
    lookup = socket.getaddrinfo

    def aside(*wanted: Any, **options: Any) -> Any:
        began = time.perf_counter()
        try:
            return in_thread(lambda: lookup(*wanted, **options)).result()
        finally:
            watch.looked_up(time.perf_counter() - began)

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
