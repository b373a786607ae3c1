"""Whatever is stopped or killed, and when: the right record, and nothing left of it."""

from __future__ import annotations

import itertools
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from prober.agent import process
from prober.agent.hand import Hand
from prober.model import Cause, Outcome
from tests.conftest import SHORT, wait_until
from tests.faults.bench import Bench, failed, ours, relatives, temporary_entries
from tests.faults.family import Find, browser, driver, of_type, worker

pytestmark = pytest.mark.browser

STEPS = """
    def steps(page: Page):
        for number in range(100):
            with step(str(number)):
                if not number:
                    page.goto("/")
                expect(page).to_have_title("Welcome")
                page.wait_for_timeout(100)
"""


def found(hand: Hand, find: Find) -> list[psutil.Process]:
    """A worker's processes of one sort."""
    with suppress(psutil.NoSuchProcess):
        return find(psutil.Process(hand.pid))
    return []


VICTIMS: dict[str, tuple[Find, set[Cause]]] = {
    "worker": (worker, {Cause.WORKER}),
    "driver": (driver, {Cause.WORKER}),
    "browser": (browser, {Cause.BROWSER}),
}
SIGNALS = {"killed": signal.SIGKILL, "stopped": signal.SIGSTOP}


def strike(
    bench: Bench, find: Find, number: signal.Signals, at_step: int, *, drives: bool = True
) -> Callable[..., None]:
    """A listener that sends a signal to a process of the worker when a step begins.

    Only workers that drive a browser are struck, or only those that do not.
    """
    seen = itertools.count()

    def listener(event: dict[str, Any]) -> None:
        if event["at"] == "step" and next(seen) == at_step:
            for hand in (hand for hand in bench.hands if bool(found(hand, driver)) is drives):
                for victim in found(hand, find):
                    with suppress(psutil.NoSuchProcess):
                        victim.send_signal(number)

    return listener


@pytest.mark.parametrize(
    ("how", "victim"),
    [
        *(("killed", victim) for victim in VICTIMS),
        ("stopped", "driver"),
        *(pytest.param("stopped", each, marks=pytest.mark.long) for each in ("worker", "browser")),
    ],
)
def test_the_target_is_not_blamed_when_ours_is(bench: Bench, victim: str, how: str) -> None:
    find, causes = VICTIMS[victim]
    bench.rest()  # the worker that the last one cost is not in the time of this one
    began = time.monotonic()
    run = bench.run(STEPS, timeout="8s", listener=strike(bench, find, SIGNALS[how], 2))
    took_s = time.monotonic() - began
    assert ours(run) in causes, run.message
    assert int(run.step or 0) >= 2  # the signal may take a step or two on a busy machine
    assert all(step.outcome is not Outcome.FAILED for step in run.steps)
    assert took_s < 8 + 2 + 8  # the deadline, the promise, a worker renewed on a busy machine


def test_a_page_that_crashes_is_told_from_a_browser_that_does(bench: Bench) -> None:
    run = bench.run(
        STEPS, timeout="8s", listener=strike(bench, of_type("renderer"), signal.SIGKILL, 2)
    )
    assert failed(run) == Cause.PAGE_CRASH  # the lane runs it again to be sure


ASKING = """
    def asking(page: Page):
        with step("open"):
            page.goto("/")
            with assertion("title"):
                expect(page).to_have_title("Welcome")
            try:
                with assertion("heading"):
                    expect(page.get_by_role("heading")).to_have_text("Goodbye")
            except Exception:
                pass
"""


@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("how", ["killed", pytest.param("stopped", marks=pytest.mark.long)])
def test_an_assertion_is_not_blamed_for_ours_even_when_caught(
    bench: Bench, victim: str, how: str
) -> None:
    find, causes = VICTIMS[victim]

    def listener(event: dict[str, Any]) -> None:
        if event["at"] == "assertion" and event["name"] == "heading" and event["held"] is None:
            hands = [hand for hand in bench.hands if found(hand, driver)]
            for process_of_ours in [child for hand in hands for child in found(hand, find)]:
                with suppress(psutil.NoSuchProcess):
                    process_of_ours.send_signal(SIGNALS[how])

    run = bench.run(ASKING, timeout="8s", listener=listener)
    assert ours(run) in causes, run.message
    assert run.held == {"title": True}


def leavings(home: Path) -> list[psutil.Process]:
    """Zombies, and processes whose temporary files were in a pool's directory."""
    process.reap()  # as after every run
    return [
        child
        for child in relatives()
        if process._is_zombie(child) or process._is_within(child, home)
    ]


LIGHT = """
    def light(http: httpx.Client):
        with step("open"):
            http.get("/")
            if os.fork() == 0:
                os.setsid()
                time.sleep(600)
        while True:
            time.sleep(0.01)
"""


@pytest.mark.long
def test_fifty_kills_leave_nothing(make_bench: Callable[..., Bench]) -> None:
    entries = temporary_entries()
    bench = make_bench()
    chance = random.Random(4711)
    light = bench.journey(LIGHT, timeout="400ms")
    heavy = bench.journey(STEPS, timeout="2s")
    for number in range(9 if SHORT else 50):
        name = chance.choice(sorted(VICTIMS)) if number % 3 == 0 else "worker"
        find, causes = VICTIMS[name]
        how = SIGNALS[chance.choice(sorted(SIGNALS))]
        drives = number % 3 == 0
        listener = strike(bench, find, how, 0, drives=drives)
        run = bench.do(bench.play(heavy if drives else light, listener=listener))
        assert run.outcome is Outcome.INCONCLUSIVE, run.message
        assert run.cause in causes | {Cause.SCRIPT}, run.message
        bench.rest()  # or the next signal would meet the worker that takes over
    home = bench.pool._root
    assert len(list(home.iterdir())) == 2  # the workers that are warm
    bench.do(bench.pool.stop())
    assert not home.exists()
    wait_until(lambda: not leavings(home))
    assert temporary_entries() == entries
