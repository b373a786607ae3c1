"""Nothing lost, nothing counted twice: an agent that dies, backends that lie, exact totals."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from tests.books import (
    Books,
    assert_one_life,
    assert_same_records,
    assert_same_totals,
    delivered,
    rows,
)
from tests.conftest import SHORT, wait_until
from tests.e2e.conftest import Liar, Place, Process

OUTAGE_S = 10.0 if SHORT else 60.0
#: As often an agent ends and is started again, each second time killed.
RESTARTS = 6 if SHORT else 100
#: How many runs a history must at least have to prove anything.
ENOUGH = 10 if SHORT else 50
COUNTED = "SELECT count(*) FROM run WHERE kind = 'scheduled' AND attempt = 1"
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
    until(lambda: stands_still_in_a_run(agent), 60)
    agent.kill()
    agent.start()
    evaluator.stop()
    evaluator.start()
    until(lambda: time.monotonic() > ends_s and has_run(agent) > ENOUGH, OUTAGE_S + 60)
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


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_a_hundred_restarts_leave_one_series_of_each_kind_that_never_falls(
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
    region = region_of(shop.url, metrics.url, logs.url, only="account_api")
    agent = place.agent("here", region)
    for number in range(RESTARTS):
        await_run(agent, metrics, until)
        if number % 2:
            assert agent.stop() == 0
        else:
            agent.kill()
    agent.start()
    until(lambda: delivered(agent.data), 60)
    assert agent.stop() == 0
    evaluator.stop()

    mine, theirs = (Books.read(place.directory / name) for name in ("here", "evaluator"))
    assert_same_records({"here": mine}, theirs)
    assert_same_totals(mine, backend)
    assert_one_life(mine, metrics.bodies)
    assert len(mine.runs) > RESTARTS


def await_run(agent: Process, metrics: Liar, until: Callable[..., Any]) -> None:
    """Start an agent, and wait until it has made a run and sent its totals."""
    made = has_run(agent) if agent.process else 0
    agent.start()
    until(lambda: has_run(agent) > made, 60)
    sent = len(metrics.bodies)
    until(lambda: len(metrics.bodies) > sent, 60)


def region_of(shop: str, metrics: str, logs: str, only: str = "checkout, account_api") -> str:
    return f"""
        base_url: {shop}
        journeys:
          checkout: {{every: 8s, timeout: 7s}}
          account_api: {{every: 1s, timeout: 900ms}}
        only: [{only}]
        otlp:
          - {{name: victoria, endpoint: "{metrics}", signals: [metrics], timeout: 2s}}
          - {{name: evaluator, endpoint: "{logs}", signals: [logs], timeout: 2s}}
        metrics_interval: 1s
        listen: 127.0.0.1:0
        """


def restart(agent: Process, until: Callable[..., Any]) -> None:
    """Stop it while a run is going on, and start it again."""
    until(lambda: run_is_going_on(agent), 60)
    assert agent.stop() == 0
    agent.start()


def run_is_going_on(agent: Process) -> bool:
    """Whether the agent's journal holds a claim right now."""
    return bool(rows(agent.data, "SELECT 1 FROM claim"))


def stands_still_in_a_run(agent: Process) -> bool:
    """Whether it was halted during a run, which so cannot end before its agent does."""
    if not run_is_going_on(agent):
        return False
    process = psutil.Process(agent.pid)
    process.suspend()
    wait_until(lambda: process.status() == psutil.STATUS_STOPPED)
    if run_is_going_on(agent):
        return True
    process.resume()
    return False


def has_run(agent: Process) -> int:
    """How many runs that count are in the agent's journal."""
    ((count,),) = rows(agent.data, COUNTED)
    return int(count)
