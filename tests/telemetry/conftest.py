"""A scripted OTLP receiver on a real port, journals in real files, and quick patience."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from prober.destination import Destination
from prober.journal.journal import Journal
from prober.model import Cause, Kind, Outcome, Run, RunId, Step
from prober.telemetry.deliver import Shipping
from prober.telemetry.resource import resource_of
from prober.telemetry.timing import Timing

REGION = "eu-west-1"
#: 2026-01-01, a time at which tests write.
NEW_YEAR_MS = 1_767_225_600_000


@dataclass(frozen=True)
class Answer:
    """What the receiver does with a request."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Close the connection instead of answering; what came was taken.
    drops: bool = False
    #: Say nothing until the receiver is closed.
    hangs: bool = False
    #: Written as they are instead of a reply, then the connection is closed.
    raw: bytes = b""
    #: Begin a reply and go on for ever, a byte at a time.
    drips: bool = False


@dataclass(frozen=True)
class Request:
    """What came in."""

    path: str
    headers: Mapping[str, str]
    raw: bytes
    answer: Answer

    @property
    def body(self) -> bytes:
        return gzip.decompress(self.raw) if self.headers.get("content-encoding") else self.raw


class Receiver:
    """An OTLP/HTTP endpoint that answers by script, then by rule; 200 without one."""

    def __init__(self, port: int = 0) -> None:
        self.requests: list[Request] = []
        self.script: deque[Answer] = deque()
        self.rule: Callable[[str, bytes], Answer] = lambda path, body: Answer()
        self.closing = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def say(self, *answers: Answer) -> None:
        self.script.extend(answers)

    def taken(self, path: str) -> list[bytes]:
        """Bodies of requests that the receiver kept, whether or not the sender knows."""
        return [
            request.body
            for request in list(self.requests)
            if request.path == path and request.answer.status < 300 and not request.answer.hangs
        ]

    def statuses(self) -> list[int]:
        return [request.answer.status for request in list(self.requests)]

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def answer(self, path: str, headers: Mapping[str, str], raw: bytes) -> Answer:
        body = gzip.decompress(raw) if headers.get("content-encoding") else raw
        answer = self.script.popleft() if self.script else self.rule(path, body)
        self.requests.append(Request(path, headers, raw, answer))
        return answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"] or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = receiver.answer(self.path, headers, raw)
                if answer.hangs:
                    receiver.closing.wait()
                if answer.drips:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n")
                    with contextlib.suppress(ConnectionError):
                        while not receiver.closing.wait(0.05):
                            self.wfile.write(b"\n")
                if answer.raw:
                    self.wfile.write(answer.raw)
                if answer.drops or answer.hangs or answer.raw or answer.drips:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(answer.body)

            def do_GET(self) -> None:
                self.do_POST()

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        return Handler


@pytest.fixture
def answer() -> type[Answer]:
    """`answer(status, body, headers, drops, hangs, raw, drips)`: one line of a script."""
    return Answer


@pytest.fixture
def receiver() -> Iterator[Callable[..., Receiver]]:
    """`receiver(port)`: a running scripted receiver; each call starts another one."""
    with contextlib.ExitStack() as running:

        def start(port: int = 0) -> Receiver:
            server = Receiver(port)
            running.callback(server.close)
            return server

        yield start


@pytest.fixture
def to() -> Callable[..., Destination]:
    """`to(url, **settings)`: a destination as a region file names it."""

    def make(url: str, name: str = "main", **settings: Any) -> Destination:
        return Destination.model_validate({"name": name, "endpoint": url, **settings})

    return make


@pytest.fixture
def run() -> Callable[..., Run]:
    """`run(n, **changes)`: the run of slot n, ten seconds after the one before."""

    def make(
        n: int = 0,
        journey: str = "checkout",
        outcome: Outcome = Outcome.PASSED,
        cause: Cause | None = None,
        took_ms: int = 1200,
        **changes: Any,
    ) -> Run:
        slot_ms = NEW_YEAR_MS + n * 10_000
        step = Step(name="pay", offset_us=0, duration_us=took_ms * 1000, outcome=outcome)
        values: dict[str, Any] = {
            "id": RunId(journey, REGION, slot_ms, 1, Kind.SCHEDULED),
            "outcome": outcome,
            "cause": cause,
            "started_ms": slot_ms + 5,
            "finished_ms": slot_ms + 5 + took_ms,
            "duration_us": took_ms * 1000,
            "steps": (step,),
        }
        return Run(**values | changes)

    return make


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Callable[[], Journal]]:
    """`journal()`: the journal of this test, opened; again after it was closed."""
    opened: list[Journal] = []

    def reopen() -> Journal:
        if opened:
            opened.pop().close()
        opened.append(Journal.open(tmp_path / "journal.db", now_ms=NEW_YEAR_MS))
        return opened[0]

    yield reopen
    for one in opened:
        one.close()


@pytest.fixture
def quick() -> Timing:
    """Patience for tests: the same steps, a hundred times as fast."""
    return Timing(first_s=0.01, longest_s=0.05, poll_s=0.02, jitter=lambda: 1.0)


@pytest.fixture
def shipping(quick: Timing) -> Callable[..., Shipping]:
    """`shipping(journal, *destinations)`: not started; metrics every 50 ms."""

    def make(journal: Journal, *destinations: Destination, **changes: Any) -> Shipping:
        settings = {"timing": quick, "metrics_interval_ms": 50, **changes}
        resource = resource_of(REGION, "0", settings.pop("version", "1.2.3"), {})
        return Shipping(journal, destinations, resource, REGION, **settings)

    return make


@pytest.fixture
def ship() -> Callable[..., None]:
    """`ship(shipping, until)`: run it until something is true, then stop it."""

    def drive(shipping: Shipping, until: Callable[[], Any], stop_s: float = 30.0) -> None:
        async def main() -> None:
            await shipping.start()
            try:
                end_s = time.monotonic() + 60
                while not until():
                    assert time.monotonic() < end_s, "never came true"
                    await asyncio.sleep(0.01)
            finally:
                await shipping.stop(stop_s)

        asyncio.run(main())

    return drive
