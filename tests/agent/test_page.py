"""The agent's page: what a fleet operator's probes see."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from prober.agent.page import SLOW_S, STILL_S, Vitals, serving
from prober.config import Address
from prober.errors import ProberError
from prober.reload import Answer


@dataclass
class Agent:
    """What the page asks, as a test wants it answered."""

    age_s: float = 0.1
    found: Mapping[str, Any] = field(default_factory=lambda: {"ready": True})
    turn_age_s: float = 0.2
    token: str | None = None
    answers: list[Answer] = field(default_factory=list)

    def vitals(self) -> Vitals:
        return Vitals(
            beat_age_s=lambda: self.age_s,
            ages_s=lambda: {"turn": self.turn_age_s},
            readiness=self.readiness,
            exposition=lambda: "prober_info 1\n",
            reload=self.reload,
            token=self.token,
        )

    async def readiness(self) -> Mapping[str, Any]:
        return self.found

    async def reload(self) -> Answer:
        return self.answers.pop(0)


def ask(agent: Agent, port: int, *paths: str) -> list[httpx.Response]:
    return converse(agent, port, *(("GET", path, {}) for path in paths))


def converse(
    agent: Agent, port: int, *requests: tuple[str, str, dict[str, str]], host: str = "127.0.0.1"
) -> list[httpx.Response]:
    async def main() -> list[httpx.Response]:
        async with (
            serving(Address(host, port), agent.vitals()),
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False
            ) as http,
        ):
            return [await http.request(how, path, headers=more) for how, path, more in requests]

    return asyncio.run(main())


@pytest.mark.parametrize(("age_s", "status"), [(0.0, 200), (STILL_S - 0.01, 200), (STILL_S, 503)])
def test_healthz_says_whether_the_loop_goes_round(
    free_port: Callable[[], int], age_s: float, status: int
) -> None:
    (reply,) = ask(Agent(age_s=age_s), free_port(), "/healthz")
    assert reply.status_code == status
    assert reply.json() == {"loop_age_s": age_s, "loops_s": {"turn": 0.2}}


def test_healthz_says_that_one_of_the_loops_stands(free_port: Callable[[], int]) -> None:
    (reply,) = ask(Agent(turn_age_s=SLOW_S), free_port(), "/healthz")
    assert reply.status_code == 503


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
def test_readyz_says_what_is_wrong(free_port: Callable[[], int], ready: bool, status: int) -> None:
    found = {"ready": ready, "unwritten": 7}
    (reply,) = ask(Agent(found=found), free_port(), "/readyz")
    assert reply.status_code == status
    assert reply.json() == found


def test_metrics_are_prometheus_text_and_other_pages_are_not_there(
    free_port: Callable[[], int],
) -> None:
    metrics, root, docs = ask(Agent(), free_port(), "/metrics", "/", "/docs")
    assert metrics.text == "prober_info 1\n"
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert (root.status_code, docs.status_code) == (404, 404)


def test_the_files_are_read_again_on_request_and_the_answer_says_what_came_of_it(
    free_port: Callable[[], int],
) -> None:
    taken = Answer(at_ms=1, changed=("journey checkout: added",))
    refused = Answer(at_ms=2, status=422, problems=("a.py:1: no", "b.yaml:2: neither"))
    agent = Agent(answers=[taken, refused])
    asked = [("POST", "/-/reload", {})] * 2
    done, not_done, read = converse(agent, free_port(), *asked, ("GET", "/-/reload", {}))
    assert done.status_code == 200
    assert done.json() == {"reloaded": True, "at_ms": 1, "changed": ["journey checkout: added"]}
    assert not_done.status_code == 422
    assert not_done.json()["problems"] == ["a.py:1: no", "b.yaml:2: neither"]
    assert read.status_code == 405


def test_the_files_are_read_again_for_who_shows_the_token(free_port: Callable[[], int]) -> None:
    agent = Agent(token="correct-horse", answers=[Answer(at_ms=1)])
    wrong = [{}, {"authorization": "Bearer wrong"}, {"authorization": "correct-horse"}]
    requests = [("POST", "/-/reload", headers) for headers in wrong]
    right = ("POST", "/-/reload", {"authorization": "Bearer correct-horse"})
    *refused, done = converse(agent, free_port(), *requests, right)
    assert [reply.status_code for reply in refused] == [401] * 3
    assert "PROBER_TOKEN" in refused[0].json()["error"]
    assert done.status_code == 200


def test_without_a_token_neither_other_machines_nor_other_pages_have_the_files_read(
    free_port: Callable[[], int],
) -> None:
    (reply,) = converse(Agent(), free_port(), ("POST", "/-/reload", {}), host="0.0.0.0")
    assert reply.status_code == 403
    assert "set PROBER_TOKEN" in reply.json()["error"]
    page = {"origin": "https://elsewhere.example"}
    (reply,) = converse(Agent(), free_port(), ("POST", "/-/reload", page))
    assert reply.status_code == 403


def test_a_taken_address_is_an_error_with_the_mend(free_port: Callable[[], int]) -> None:
    port = free_port()

    async def twice() -> None:
        address = Address("127.0.0.1", port)
        async with serving(address, Agent().vitals()), serving(address, Agent().vitals()):
            pass

    with pytest.raises(ProberError, match=rf"127\.0\.0\.1:{port}: .*give another"):
        asyncio.run(twice())


def test_the_port_is_free_again_afterwards(free_port: Callable[[], int]) -> None:
    port = free_port()
    for _ in range(2):
        assert ask(Agent(), port, "/healthz")[0].status_code == 200
