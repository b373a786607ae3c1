"""The HTTP client: an exchange ends with the journey's time, and what became of it is known."""

from __future__ import annotations

import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
import trustme

from prober.agent.client import Client
from prober.agent.recorder import Recorder
from tests.faults.bench import Site

LATE_S = 0.3


@pytest.fixture
def recorder(site: Site) -> Recorder:
    told: list[dict[str, Any]] = []
    return Recorder(told.append, {}, [f"127.0.0.1:{site.port}"])


@pytest.fixture
def client(site: Site, recorder: Recorder) -> Iterator[Client]:
    with Client(recorder, base_url=site.url, trust_env=False) as made:
        made.ends = time.monotonic() + 60
        yield made


@pytest.mark.parametrize(
    "ask",
    [
        lambda http: http.get("/trickle"),
        lambda http: http.get("/trickle", timeout=None),
        lambda http: http.get("/hang", timeout=60),
        lambda http: http.post("/hang", timeout=None, json={}),
    ],
    ids=["it trickles", "it trickles for ever", "it hangs", "it hangs for ever"],
)
def test_an_exchange_ends_in_time(client: Client, ask: Callable[[Client], object]) -> None:
    began = time.monotonic()
    client.ends = began + 0.5
    with pytest.raises(httpx.ReadTimeout):
        ask(client)
    assert time.monotonic() - began < 2


def test_a_body_that_is_streamed_ends_in_time(client: Client) -> None:
    with client.stream("GET", "/trickle", timeout=None) as answer:
        next(parts := answer.iter_raw())
        began = time.monotonic()
        client.ends = began + 0.5
        with pytest.raises(httpx.ReadTimeout):
            list(parts)
    assert time.monotonic() - began < 2


def test_no_alarm_rings_while_the_journey_has_a_part_of_a_body(client: Client) -> None:
    with client.stream("GET", "/trickle") as answer:
        parts = answer.iter_raw()
        next(parts)
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
        assert client.get("/json").json() == {"ok": True}
        assert next(parts)


def test_a_body_that_is_streamed_is_whole_and_its_connection_is_used_again(
    client: Client, recorder: Recorder
) -> None:
    with serving() as url:
        for _ in range(2):
            with recorder.step("ask", None), client.stream("GET", url) as answer:
                assert answer.read() == b"ok"
        client.close()
    assert recorder.steps[1]["network"].keys() == {"wait", "transfer"}


def test_nothing_is_asked_when_the_time_is_up(client: Client, site: Site) -> None:
    client.ends = time.monotonic()
    site.asked.clear()
    with pytest.raises(httpx.ReadTimeout):
        client.get("/late")
    assert site.asked == []


def test_a_reset_is_told_from_a_status(client: Client, recorder: Recorder) -> None:
    with pytest.raises(httpx.TransportError):
        client.get("/cut")
    assert recorder.unreachable
    assert recorder.responses == {"none": 1}
    client.get("/status/500")
    assert recorder.refused == f"{str(client.base_url).rstrip('/')}/status/500 answered 500"
    assert recorder.responses == {"none": 1, "5xx": 1}
    assert recorder.requests == 2
    client.post("/status/422")
    assert [line.split(" ")[0] for line in recorder.failed_requests[1:]] == ["GET", "POST"]


def test_an_alarm_of_the_journeys_own_is_not_lost(client: Client) -> None:
    before = signal.getsignal(signal.SIGALRM)
    client.get("/")
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


class _Handler(BaseHTTPRequestHandler):
    """Keeps connections; `/late` is answered late."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer, late or at once."""
        if self.path == "/late":
            time.sleep(LATE_S)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The address of a server that runs meanwhile; by name, so that it is looked up."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        yield f"http{'s' if tls else ''}://localhost:{server.server_address[1]}"
        server.shutdown()


def test_a_step_knows_what_its_requests_spent_their_time_on(
    client: Client, recorder: Recorder
) -> None:
    with serving() as url:
        with recorder.step("first", None):
            client.get(f"{url}/late")
        with recorder.step("again", None):
            client.get(f"{url}/")
        client.close()
    first, again = (step["network"] for step in recorder.steps)
    assert first.keys() == {"dns", "connect", "wait", "transfer"}
    assert again.keys() == {"wait", "transfer"}, "its connection was there"
    assert sum(first.values()) <= recorder.steps[0]["duration_us"]
    assert first["wait"] > 0.9 * LATE_S * 1e6 > 3 * (first["connect"] + first["transfer"])


def test_a_name_that_is_slow_to_look_up_is_no_slow_connection(
    client: Client, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookup = socket.getaddrinfo

    def slow(*wanted: Any, **options: Any) -> Any:
        time.sleep(LATE_S)  # as a resolver far away
        return lookup(*wanted, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with serving() as url, recorder.step("ask", None):
        client.get(url)
        client.close()
    network = recorder.steps[0]["network"]
    assert network["dns"] > 0.9 * LATE_S * 1e6 > 3 * network["connect"]


def test_a_handshake_is_told_from_the_connection_under_it(recorder: Recorder) -> None:
    authority = trustme.CA()
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(theirs)
    authority.configure_trust(ours)
    with serving(theirs) as url, Client(recorder, verify=ours, trust_env=False) as http:
        http.ends = time.monotonic() + 60
        with recorder.step("ask", None):
            http.get(url)
    assert recorder.steps[0]["network"].keys() == {"dns", "connect", "tls", "wait", "transfer"}
