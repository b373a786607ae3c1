"""The ticker: on time by APScheduler, and on time enough whatever APScheduler does."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from prober.agent import schedule as module
from prober.agent.clock import Clock
from prober.agent.schedule import Ticker
from prober.model import Schedule

EVERY_MS = 500
PATIENCE_S = 30.0


def schedule(journey: str = "checkout", every_ms: int = EVERY_MS, phase_ms: int = 0) -> Schedule:
    return Schedule(journey=journey, region="r", from_ms=0, every_ms=every_ms, phase_ms=phase_ms)


class Looks:
    """Notes when each journey was looked at; raises when told to."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.ticker = Ticker(self.clock, self.look)
        self.at_ms: list[int] = []
        self.journeys: Counter[str] = Counter()
        self.raises = 0

    async def look(self, journey: str) -> None:
        self.at_ms.append(self.clock.now_ms())
        self.journeys[journey] += 1
        if self.raises:
            self.raises -= 1
            raise RuntimeError("a look that fails")

    async def until(self, true: Callable[[], Any]) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while not true():
            assert time.monotonic() < end_s, "never came true"
            await asyncio.sleep(0.02)

    async def until_the_scheduler_ticks(self) -> None:
        """Wait for a look that is not the watchdog's."""
        before = len(self.at_ms) - self.ticker.rescued
        await self.until(lambda: len(self.at_ms) - self.ticker.rescued > before + 1)

    def play(self, story: Callable[[], Awaitable[None]]) -> None:
        """Start ticking and watching, then the story."""

        async def main() -> None:
            watch = asyncio.create_task(self.ticker.watch())
            self.ticker.start({"checkout": schedule()})
            try:
                await story()
                assert not watch.done(), "the watchdog lives"
            finally:
                watch.cancel()
                self.ticker.stop()

        asyncio.run(main())


@pytest.fixture
def looks() -> Looks:
    return Looks()


def test_every_slot_is_looked_at_and_nothing_in_between(looks: Looks) -> None:
    async def story() -> None:
        # A busy machine may be late for a slot; looks in between would never be so far apart.
        await looks.until(lambda: len({at_ms // EVERY_MS for at_ms in looks.at_ms[-3:]}) == 3)

    looks.play(story)


def test_many_journeys_tick_each_in_its_own_phase(looks: Looks) -> None:
    async def story() -> None:
        looks.ticker.start({f"j{n}": schedule(f"j{n}", phase_ms=n * 100) for n in range(10)})
        await looks.until(lambda: len(looks.journeys) == 10)
        assert "checkout" not in looks.journeys

    looks.play(story)


def test_a_look_that_raises_does_not_end_the_ticking(looks: Looks) -> None:
    looks.raises = 2

    async def story() -> None:
        await looks.until(lambda: len(looks.at_ms) >= 4)

    looks.play(story)


def test_a_look_that_raises_does_not_end_the_watchdog(
    looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("the scheduler fails as well")

    async def story() -> None:
        await looks.until(lambda: looks.at_ms)
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        monkeypatch.setattr(AsyncIOScheduler, "_process_jobs", fail)
        looks.raises = 2
        await looks.until(lambda: not looks.raises and looks.ticker.rescued >= 3)

    looks.play(story)


@pytest.mark.parametrize(
    ("owner", "hook"),
    [
        (module._Aligned, "get_next_fire_time"),
        (MemoryJobStore, "update_job"),
        (AsyncIOScheduler, "_process_jobs"),
        (AsyncIOScheduler, "_start_timer"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_an_exception_in_a_hook_of_the_scheduler_delays_a_look_and_no_more(
    looks: Looks, monkeypatch: pytest.MonkeyPatch, owner: type, hook: str
) -> None:
    raised: list[str] = []

    def fail(*_: Any, **__: Any) -> None:
        raised.append(hook)
        raise RuntimeError(f"{hook} fails")

    async def story() -> None:
        await looks.until(lambda: looks.at_ms)
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        with monkeypatch.context() as patch:
            patch.setattr(owner, hook, fail)
            before = len(looks.at_ms)
            await looks.until(lambda: raised and len(looks.at_ms) >= before + 2)
        assert looks.ticker.rescued >= 1, "and it is counted"
        await looks.until_the_scheduler_ticks()

    looks.play(story)


def test_a_scheduler_that_was_shut_down_is_replaced(looks: Looks) -> None:
    async def story() -> None:
        await looks.until(lambda: looks.at_ms)
        assert looks.ticker._scheduler
        looks.ticker._scheduler.shutdown(wait=False)
        await looks.until(lambda: looks.ticker.rescued)
        await looks.until_the_scheduler_ticks()

    looks.play(story)


def test_a_blocked_event_loop_is_followed_by_a_look(looks: Looks) -> None:
    async def story() -> None:
        await looks.until(lambda: looks.at_ms)
        time.sleep(3 * EVERY_MS / 1000)
        before = len(looks.at_ms)
        await looks.until(lambda: len(looks.at_ms) > before)

    looks.play(story)


def test_a_ticker_that_is_started_anew_does_not_cancel_a_look(looks: Looks) -> None:
    done: list[str] = []

    async def slow(journey: str) -> None:
        await asyncio.sleep(0.3)
        done.append(journey)

    async def story() -> None:
        looks.ticker.look = slow
        tick = asyncio.create_task(looks.ticker.tick("login"))  # nothing else looks at it
        await asyncio.sleep(0.05)
        tick.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await tick
        await looks.until(lambda: "login" in done)

    looks.play(story)


def test_a_look_that_outlives_its_scheduler_is_no_error(
    looks: Looks, caplog: pytest.LogCaptureFixture
) -> None:
    begun, done = asyncio.Event(), asyncio.Event()

    async def slow(journey: str) -> None:
        begun.set()
        await asyncio.sleep(0.3)
        done.set()

    async def story() -> None:
        looks.ticker.look = slow
        await asyncio.wait_for(begun.wait(), 30)
        looks.ticker.start({})
        await asyncio.wait_for(done.wait(), 30)

    looks.play(story)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_a_stopped_ticker_is_silent(looks: Looks) -> None:
    async def story() -> None:
        await looks.until(lambda: looks.at_ms)
        looks.ticker.start({})
        before = len(looks.at_ms)
        await asyncio.sleep(1.5 * EVERY_MS / 1000)
        assert len(looks.at_ms) == before

    looks.play(story)
