"""Nothing lost, nothing counted twice: an agent that dies, backends that lie, exact totals."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.books import (
    Books,
    assert_one_life,
    assert_same_records,
    assert_same_totals,
    delivered,
    rows,
)
from tests.conftest import SHORT
from tests.e2e.conftest import Liar, Place, Process

OUTAGE_S = 10.0 if SHORT else 60.0
#: How many runs a history must at least have to prove anything.
ENOUGH = 10 if SHORT else 50
#: Every way to answer that DESIGN.md §9 names; each stands once in the script.
LIES = (
    *("302", "pass", "400", "pass", "413", "pass", "429", "pass"),
    *("503", "pass", "drop", "pass", "partial", "pass", "401"),
)


@pytest.mark.browser
@pytest.mark.long
@pytest.mark.timeout(400)
def test_totals_and_records_are_exact_after_restarts_kills_outages_and_lies(
    place: Place,
    liar: Callable[[str], Liar],
    victoria: Callable[..., Any],
    shop: Any,
    free_port: Callable[[], int],
    until: Callable[..., Any],
) -> None:
    backend, port = victoria(), free_port()
    evaluator = place.evaluator(port)
    evaluator.start()
    metrics, logs = liar(f"{backend.url}/opentelemetry"), liar(f"http://127.0.0.1:{port}")
    agent = place.agent("here", region_of(shop.url, metrics.url, logs.url))

    agent.start()
    until(lambda: len(metrics.bodies) > 1 and len(logs.bodies) > 1, 60)
    metrics.script.extend(LIES)
    logs.script.extend(LIES)
    for _ in range(2):
        restart(agent, until)
    until(lambda: not metrics.script and not logs.script, 90)
    shop.fault("wrong_total")
    metrics.outage.set()
    logs.outage.set()
    ends_s = time.monotonic() + OUTAGE_S
    for _ in range(3):
        restart(agent, until)
    until(lambda: run_is_going_on(agent), 30)
    agent.kill()
    agent.start()
    evaluator.stop()
    evaluator.start()
    until(lambda: time.monotonic() > ends_s, OUTAGE_S)
    metrics.outage.clear()
    logs.outage.clear()
    until(lambda: delivered(agent.data), 150)
    assert agent.stop() == 0
    evaluator.stop()

    mine, theirs = (Books.read(place.directory / name) for name in ("here", "evaluator"))
    assert_same_records({"here": mine}, theirs)
    assert_same_totals(mine, backend)
    assert_one_life(mine, metrics.bodies)
    assert len(mine.runs) > ENOUGH
    assert ("worker", "the agent ended during this run") in mine.causes


def region_of(shop: str, metrics: str, logs: str) -> str:
    return f"""
        base_url: {shop}
        journeys:
          checkout: {{every: 8s, timeout: 7s}}
          account_api: {{every: 1s, timeout: 900ms}}
        only: [checkout, account_api]
        otlp:
          - {{name: victoria, endpoint: "{metrics}", signals: [metrics], timeout: 2s}}
          - {{name: evaluator, endpoint: "{logs}", signals: [logs], timeout: 2s}}
        metrics_interval: 1s
        listen: 127.0.0.1:0
        """


def restart(agent: Process, until: Callable[..., Any]) -> None:
    """Stop it while a run is going on, and start it again."""
    until(lambda: run_is_going_on(agent), 30)
    assert agent.stop() == 0
    agent.start()


def run_is_going_on(agent: Process) -> bool:
    """Whether the agent's journal holds a claim right now."""
    return bool(rows(agent.data, "SELECT 1 FROM claim"))
