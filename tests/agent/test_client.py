"""The HTTP client: an exchange ends with the journey's time, and what became of it is known."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from prober.agent.client import Client
from prober.agent.recorder import Recorder
from tests.faults.bench import Site


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


def test_an_alarm_of_the_journeys_own_is_not_lost(client: Client) -> None:
    before = signal.getsignal(signal.SIGALRM)
    client.get("/")
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
