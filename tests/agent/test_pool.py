"""Workers come and go: what is new for a run, and when another worker takes over."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from prober.agent.allowance import Allowance, NoCapacity
from prober.agent.pool import Renewal
from prober.agent.redact import Redactor
from prober.agent.scrub import scrub
from prober.model import Cause, Outcome, Phase, Run
from tests.agent.test_worker import GOOD
from tests.faults.bench import Bench, ours
from tests.faults.family import browser, driver

pytestmark = pytest.mark.browser

MakeBench = Callable[..., Bench]
LIGHT = """
    def light(http: httpx.Client):
        with step("ask"):
            assert http.get("/json").json()["ok"]
"""
COOKIE = """
    def remembers(page: Page):
        with step("open"):
            page.goto("/cookie")
            expect(page.locator("#c")).to_have_text("fresh")
"""


def crew(bench: Bench) -> tuple[int, int, int]:
    """The processes of the next run: worker, driver and browser."""
    bench.rest()
    [hand] = bench.hands
    root = psutil.Process(hand.pid)
    [node], [chromium] = driver(root), browser(root)
    return hand.pid, node.pid, chromium.pid


@pytest.mark.parametrize(
    ("isolation", "fresh"),
    [
        pytest.param("context", (False, False, False), id="context shares a browser"),
        pytest.param("browser", (False, False, True), id="browser renews the browser"),
        pytest.param("process", (True, True, True), id="process renews everything"),
    ],
)
def test_isolation(make_bench: MakeBench, isolation: str, fresh: tuple[bool, ...]) -> None:
    bench = make_bench(f"isolation: {isolation}")
    assert bench.run(COOKIE).outcome is Outcome.PASSED
    before = crew(bench)
    assert bench.run(COOKIE).outcome is Outcome.PASSED  # no cookie came with us
    after = crew(bench)
    assert tuple(old != new for old, new in zip(before, after, strict=True)) == fresh


@pytest.mark.parametrize(
    ("renewal", "source", "why"),
    [
        (Renewal(runs=2), LIGHT, "runs"),
        (Renewal(age_s=0), LIGHT, "age"),
        (Renewal(slow_close_us=-1), LIGHT, "slow_close"),
        (Renewal(), LIGHT.replace("assert", "raise KeyError  #"), "inconclusive"),
        (Renewal(), LIGHT.replace("assert", "os._exit(1)  #"), "died"),
    ],
    ids=["runs", "age", "slow_close", "inconclusive", "died"],
)
def test_a_worker_is_renewed_by(
    make_bench: MakeBench, renewal: Renewal, source: str, why: str
) -> None:
    bench = make_bench(renewal=renewal)
    bench.run(source)
    bench.rest()
    [before] = bench.hands
    bench.run(source)
    bench.rest()
    [after] = bench.hands
    assert set(bench.pool.renewed) == {why}
    assert after.pid != before.pid
    assert not psutil.pid_exists(before.pid)
    assert bench.pool.killed == 0
    assert bench.run(LIGHT).outcome is Outcome.PASSED


def test_a_worker_that_grew_too_big_is_renewed(make_bench: MakeBench) -> None:
    bench = make_bench(renewal=Renewal(memory_bytes=1))
    light = bench.journey(LIGHT)
    for _ in range(12):
        bench.do(bench.play(light))
    bench.rest()
    assert bench.pool.renewed == {"memory": 1}


def test_the_other_worker_is_warm_before_the_old_one_goes(make_bench: MakeBench) -> None:
    bench = make_bench(renewal=Renewal(runs=1))
    bench.run(GOOD)
    most = 0
    ends = time.monotonic() + 30
    while bench.pool._tending and time.monotonic() < ends:
        most = max(most, bench.pool.live)
        time.sleep(0.01)
    assert most == 2
    assert bench.pool.live == 1
    run = bench.run(GOOD)
    assert run.outcome is Outcome.PASSED


def test_a_worker_that_does_not_stop_is_counted_as_killed(make_bench: MakeBench) -> None:
    bench = make_bench()
    run = bench.run("def stuck(http: httpx.Client):\n    time.sleep(600)", timeout="300ms")
    bench.rest()
    assert ours(run) == Cause.SCRIPT
    assert bench.pool.killed == 1
    assert bench.pool.live == 1


def test_a_full_browser_alone_is_staged_like_any_other(make_bench: MakeBench) -> None:
    bench = make_bench()
    executables = dict(bench.settings.browser["executables"])
    executables["chromium"] = executables.pop("headless-shell")
    bench.settings.browser["executables"].clear()
    bench.settings.browser["executables"].update(executables)
    for _ in range(2):
        assert bench.run(GOOD, options="browser='chromium'").outcome is Outcome.PASSED
    bench.rest()
    assert not bench.pool.renewed


def test_one_run_at_a_time_goes_on_in_a_place(make_bench: MakeBench) -> None:
    bench = make_bench()
    journey = bench.journey(GOOD.replace("page.goto", "page.wait_for_timeout(300); page.goto"))

    async def both() -> list[float]:
        runs = await asyncio.gather(bench.play(journey), bench.play(journey))
        return sorted(run.phases[Phase.QUEUE] / 1e6 for run in runs)

    first, second = bench.do(both())
    assert first < second
    assert second >= 0.3


@pytest.mark.parametrize("end", ["kept", "broken", "given up"])
def test_a_place_is_held_until_the_trace_of_a_run_is_scrubbed_whatever_becomes_of_that(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    bench, began, go_on = make_bench(), threading.Event(), threading.Event()
    journey, places = bench.journey(GOOD), Allowance(1, bench.settings.allowance)

    def scrub_when_told(path: Path, redactor: Redactor) -> str | None:
        began.set()
        go_on.wait(60)
        if end == "broken":
            raise PermissionError(1, "Operation not permitted", str(path))
        return scrub(path, redactor)

    async def story() -> None:
        running = asyncio.ensure_future(bench.play(journey, trace=True))
        async with asyncio.timeout(60):
            while not (began.is_set() and bench.pool._idle[True].qsize()):
                await asyncio.sleep(0.01)
        if end == "given up":
            running.cancel()
        with pytest.raises(NoCapacity):
            async with places.place(0.3):
                pass
        go_on.set()
        [found] = await asyncio.gather(running, return_exceptions=True)
        assert isinstance(found, {"broken": PermissionError, "kept": Run}.get(end, BaseException))
        async with places.place(30):
            pass

    monkeypatch.setattr("prober.agent.pool.scrub", scrub_when_told)
    try:
        bench.do(story())
    finally:
        go_on.set()
    assert bench.run(GOOD).outcome is Outcome.PASSED


def test_a_place_that_cannot_be_had_costs_no_worker(make_bench: MakeBench) -> None:
    bench = make_bench()
    assert bench.run(GOOD).outcome is Outcome.PASSED
    places = bench.settings.allowance
    assert places
    moved = places.rename(places.with_name("moved"))
    places.write_text("a file lies where they were")
    with pytest.raises(FileExistsError):
        bench.run(GOOD)
    places.unlink()
    moved.rename(places)
    assert bench.run(GOOD).outcome is Outcome.PASSED


def test_a_worker_that_cannot_be_made_ready_is_given_up_for_another(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make_bench()
    assert bench.run(GOOD).outcome is Outcome.PASSED
    bench.rest()
    [lost] = [hand.pid for hand in bench.hands]

    async def stage(_: object) -> None:
        raise OSError("too many open files")

    with monkeypatch.context() as full:
        full.setattr(bench.pool, "_stage", stage)
        assert bench.run(GOOD).outcome is Outcome.PASSED
        bench.rest()
    assert bench.run(GOOD).outcome is Outcome.PASSED
    assert not psutil.pid_exists(lost)


def test_who_waits_for_a_place_is_turned_away_at_once_when_runs_are_cancelled(
    make_bench: MakeBench,
) -> None:
    bench = make_bench()
    journey = bench.journey(GOOD)

    async def story() -> None:
        async with Allowance(1, bench.settings.allowance).place(30):  # another agent's run
            waiting = asyncio.ensure_future(bench.play(journey))
            await asyncio.wait([waiting], timeout=2)
            assert not waiting.done()
            bench.pool.cancel()
            with pytest.raises(NoCapacity):
                await asyncio.wait_for(waiting, 30)

    bench.do(story())


def test_stopping_cancels_what_goes_on_and_leaves_nothing(make_bench: MakeBench) -> None:
    bench = make_bench()

    def cancel(event: dict[str, object]) -> None:
        if event["at"] == "step":
            bench.pool.cancel()

    run = bench.run(GOOD.replace("page.goto", "time.sleep(60); page.goto"), listener=cancel)
    assert ours(run) == Cause.CANCELLED
    pids = [hand.pid for hand in bench.hands]
    began = time.monotonic()
    bench.do(bench.pool.stop())
    assert time.monotonic() - began < 5
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not bench.pool._root.exists()
