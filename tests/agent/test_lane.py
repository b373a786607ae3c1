"""A lane: whatever happens to a due slot, one record says how it ended."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from prober.agent.allowance import NoCapacity
from prober.agent.clock import Step
from prober.logged import fields_of
from prober.model import Cause, Outcome, SlotReason, SlotState
from tests.agent.rig import (
    DAY_MS,
    HOUR_MS,
    YEAR_MS,
    Rig,
    Time,
    assert_no_slot_twice,
    make_journey,
    spans,
)

EVERY_MS = 60_000
Play = Callable[[Rig], Coroutine[Any, Any, None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Play], None]:
    """`play(story)`: a started rig with one journey, then the story, then its end."""

    def start(story: Play) -> None:
        async def main() -> None:
            rig = Rig(tmp_path / "journal.db")
            await rig.start()
            rig.time.passes(rig.lane.schedule.first_at(rig.clock.now_ms()) - rig.clock.now_ms() - 1)
            await story(rig)
            rig.script.free.set()
            await rig.settle()
            assert rig.states() == rig.due()
            assert_no_slot_twice(rig.records(), "checkout")
            await rig.kill()

        asyncio.run(main())

    return start


def reasons(rig: Rig) -> Counter[SlotReason]:
    found: Counter[SlotReason] = Counter()
    for gap in rig.gaps():
        found[gap.reason] += gap.count
    return found


def test_a_slot_is_run_when_it_is_due_and_not_before(play: Any) -> None:
    async def story(rig: Rig) -> None:
        await rig.look()
        assert rig.runs() == []
        await rig.passes(1)
        (run,) = rig.runs()
        assert run.id.slot_ms == rig.clock.now_ms()
        assert rig.journal.claims() == []
        await rig.look()
        assert len(rig.runs()) == 1

    play(story)


def test_a_late_slot_is_run_with_its_delay(play: Any) -> None:
    async def story(rig: Rig) -> None:
        await rig.passes(1 + int(0.49 * EVERY_MS))
        (run,) = rig.runs()
        assert run.start_delay_us == int(0.49 * EVERY_MS) * 1000
        (order,) = rig.script.orders
        assert order.patience_s == pytest.approx(0.01 * EVERY_MS / 1000)

    play(story)


def test_a_slot_later_than_half_a_period_is_missed(play: Any) -> None:
    async def story(rig: Rig) -> None:
        await rig.passes(1 + int(0.51 * EVERY_MS))
        assert rig.runs() == []
        assert reasons(rig) == {SlotReason.LATE: 1}

    play(story)


def test_a_slot_that_meets_a_run_is_skipped(play: Any) -> None:
    async def story(rig: Rig) -> None:
        rig.script.free.clear()
        await rig.passes(1)
        await rig.passes(EVERY_MS)
        await rig.passes(EVERY_MS)
        assert reasons(rig) == {SlotReason.OVERLAP: 2}
        rig.script.free.set()
        await rig.settle()
        await rig.passes(EVERY_MS)
        assert [run.outcome for run in rig.runs()] == [Outcome.PASSED] * 2

    play(story)


def test_a_slot_that_no_worker_came_free_for_is_skipped(
    play: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(rig: Rig) -> None:
        rig.script.answers.append(NoCapacity("no account of shopper came free in time"))
        await rig.passes(1)
        assert reasons(rig) == {SlotReason.CAPACITY: 1}
        assert rig.gaps()[0].state is SlotState.SKIPPED
        assert rig.journal.claims() == []
        assert "skipped: capacity: no account of shopper came free in time" in caplog.messages

    play(story)


def test_slots_of_a_paused_journey_are_skipped(play: Any) -> None:
    async def story(rig: Rig) -> None:
        rig.lane.paused = True
        await rig.passes(1)
        await rig.passes(EVERY_MS)
        assert rig.script.orders == []
        assert reasons(rig) == {SlotReason.PAUSED: 2}

    play(story)


def test_a_run_that_breaks_the_pool_is_inconclusive(play: Any) -> None:
    async def story(rig: Rig) -> None:
        rig.script.answers.append(RuntimeError("no more pipes"))
        await rig.passes(1)
        (run,) = rig.runs()
        assert (run.outcome, run.cause) == (Outcome.INCONCLUSIVE, Cause.WORKER)
        assert run.message == "the agent's own RuntimeError"
        await rig.passes(EVERY_MS)
        assert len(rig.runs()) == 2, "the lane goes on"

    play(story)


def test_a_failure_is_confirmed_at_once_and_counted_once(play: Any) -> None:
    async def story(rig: Rig) -> None:
        rig.script.answers += [Outcome.FAILED, Outcome.PASSED]
        await rig.passes(1)
        first, again = rig.runs()
        assert (first.id.attempt, first.outcome) == (1, Outcome.FAILED)
        assert (again.id.attempt, again.outcome) == (2, Outcome.PASSED)
        assert [run.counts for run in rig.runs()] == [True, False]

    play(story)


def test_the_line_about_a_runs_end_leads_to_its_page_and_to_what_was_kept(
    play: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "prober.agent.lane")

    async def story(rig: Rig) -> None:
        rig.script.answers += [Outcome.FAILED, Outcome.PASSED]
        await rig.passes(1)
        lines = [fields_of(record) for record in caplog.records]
        assert [line["run"] for line in lines] == [run.id.key for run in rig.runs()]
        assert [line.get("artefacts") for line in lines] == [
            "AbCdEfGhIjKlMnOp/screenshot.png", None,
        ]  # fmt: skip

    play(story)


def test_runs_in_a_row_that_were_set_aside_are_counted(play: Any) -> None:
    async def story(rig: Rig) -> None:
        counted, wait_ms = [], 1
        for answer in (Cause.SATURATED, Cause.SATURATED, Outcome.FAILED, Cause.SATURATED):
            rig.script.answers.append(answer)
            await rig.passes(wait_ms)
            counted.append(rig.lane.saturated)
            wait_ms = EVERY_MS
        assert counted == [1, 2, 0, 1]
        assert [run.id.attempt for run in rig.runs()] == [1, 1, 1, 2, 1], "failures are confirmed"

    play(story)


def test_a_failure_is_not_confirmed_when_the_next_slot_would_wait_for_it(play: Any) -> None:
    async def story(rig: Rig) -> None:
        rig.script.free.clear()
        rig.script.answers.append(Outcome.FAILED)
        await rig.passes(1)
        rig.time.passes(EVERY_MS - rig.lane.journey.timeout_ms)
        rig.script.free.set()
        await rig.settle()
        assert [run.id.attempt for run in rig.runs()] == [1]

    play(story)


@pytest.mark.parametrize(
    ("again", "outcome", "cause"),
    [
        (Cause.PAGE_CRASH, Outcome.FAILED, Cause.PAGE_CRASH),
        (Outcome.PASSED, Outcome.INCONCLUSIVE, Cause.BROWSER),
        (Cause.TIMEOUT, Outcome.INCONCLUSIVE, Cause.BROWSER),
        (NoCapacity(), Outcome.INCONCLUSIVE, Cause.BROWSER),
    ],
)
def test_a_page_that_crashed_once_is_no_verdict(
    play: Any, again: Any, outcome: Outcome, cause: Cause
) -> None:
    async def story(rig: Rig) -> None:
        rig.script.answers += [Cause.PAGE_CRASH, again]
        await rig.passes(1)
        first = rig.runs()[0]
        assert (first.id.attempt, first.outcome, first.cause) == (1, outcome, cause)
        assert first.held["cart"]
        assert ("total" in first.held) is (outcome is Outcome.FAILED)

    play(story)


@pytest.mark.parametrize(
    ("first", "timed_again", "traced"),
    [
        (Cause.ASSERTION, False, True),
        (Cause.TIMEOUT, False, True),
        (Cause.PAGE_CRASH, False, False),
        (Cause.ASSERTION, True, False),
    ],
)
def test_an_attempt_whose_time_may_count_is_made_without_a_trace(
    play: Any, first: Cause, timed_again: bool, traced: bool
) -> None:
    async def story(rig: Rig) -> None:
        await rig.change(make_journey(parameters=("page",), timed_again=timed_again))
        rig.script.answers.append(first)
        await rig.passes(1)
        assert [(order.id.attempt, order.trace) for order in rig.script.orders] == [
            (1, False),
            (2, traced),
        ]

    play(story)


def test_a_blocked_event_loop_of_three_periods_loses_no_slot(play: Any) -> None:
    async def story(rig: Rig) -> None:
        await rig.passes(1)
        await rig.passes(3 * EVERY_MS + 20_000)
        assert reasons(rig) == {SlotReason.LATE: 2}
        assert len(rig.runs()) == 2

    play(story)


@pytest.mark.parametrize("ms", [-HOUR_MS, HOUR_MS, 30 * DAY_MS, YEAR_MS])
def test_after_a_step_of_the_clock_a_slot_is_run_within_a_period(play: Any, ms: int) -> None:
    async def story(rig: Rig) -> None:
        await rig.passes(1)
        rig.time.wall_ms += ms
        step = await rig.look()
        assert step is (Step.FORWARD if ms > 0 else Step.HELD)
        before = len(rig.runs())
        for _ in range(EVERY_MS // 1000):
            await rig.passes(1000)
        assert len(rig.runs()) > before
        assert (
            sum(run.id.slot_ms % EVERY_MS != rig.lane.schedule.phase_ms for run in rig.runs()) == 0
        )

    play(story)


def test_after_a_large_step_back_the_schedule_begins_anew_within_a_period(tmp_path: Path) -> None:
    async def story() -> None:
        rig = Rig(tmp_path / "journal.db")
        await rig.start()
        await rig.passes(EVERY_MS)
        rig.time.wall_ms += YEAR_MS
        await rig.look()
        rig.time.wall_ms -= YEAR_MS
        assert await rig.look() is Step.RESTARTED
        before = len(rig.runs())
        for _ in range(EVERY_MS // 1000):
            await rig.passes(1000)
        assert len(rig.runs()) == before + 1
        assert rig.schedules()[-1].from_ms < rig.clock.now_ms()
        await rig.kill()

    asyncio.run(story())


def test_a_look_in_progress_does_not_undo_a_restart_of_the_schedule(tmp_path: Path) -> None:
    async def story() -> None:
        rig = Rig(tmp_path / "journal.db", Time())
        await rig.start()
        lane, write, going = rig.lane, rig.pen.write, asyncio.Event()

        async def slow(records: Any) -> None:
            going.set()
            await asyncio.sleep(0.05)
            await write(records)

        lane.write = slow
        rig.time.passes(YEAR_MS)
        rig.clock.follow()
        look = asyncio.create_task(lane.look())
        await going.wait()
        rig.time.wall_ms -= YEAR_MS - 5
        assert rig.clock.follow() is Step.RESTARTED
        await lane.restart()
        await look
        assert lane.next_ms == lane.schedule.from_ms == rig.clock.now_ms()
        assert rig.journal.next_due("checkout", "eu-west-1") == lane.next_ms
        await rig.kill()

    asyncio.run(story())


def test_a_closed_lane_takes_no_slot(tmp_path: Path) -> None:
    async def story() -> None:
        rig = Rig(tmp_path / "journal.db")
        await rig.start()
        await rig.lane.close()
        await rig.passes(10 * EVERY_MS)
        assert spans(rig.records(), "checkout") == []
        await rig.kill()

    asyncio.run(story())


def test_a_month_of_ticks_with_steps_and_restarts_accounts_for_every_slot(tmp_path: Path) -> None:
    chance = random.Random(20260101)
    journey = make_journey(every_ms=30 * EVERY_MS)

    async def story() -> None:
        rig = Rig(tmp_path / "journal.db", Time(), journey)
        await rig.start()
        end_ms = rig.time.monotonic_ms + 30 * DAY_MS
        while rig.time.monotonic_ms < end_ms:
            what = chance.random()
            if what < 0.01:
                await rig.kill()
                rig.time.passes(chance.randrange(3 * HOUR_MS))
                await rig.start()
            elif what < 0.03:
                skew_ms = rig.clock.skew_ms
                rig.time.wall_ms += chance.randrange(-HOUR_MS + skew_ms, HOUR_MS)
            await rig.passes(chance.randrange(journey.every_ms))
        assert rig.due() == rig.states() > 30 * 48
        assert_no_slot_twice(rig.records(), "checkout")
        phases = {run.id.slot_ms % journey.every_ms for run in rig.runs()}
        assert phases == {rig.lane.schedule.phase_ms}
        assert len(rig.schedules()) == 1
        await rig.kill()

    asyncio.run(story())
