"""Going on by other files: no slot is lost, none has two states, whatever is changed and when."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from prober.agent.allowance import NoCapacity
from prober.agent.slots import phase_ms
from prober.journey import Journey
from prober.model import Cause, Outcome, Run, SlotReason
from tests.agent.rig import Rig, Time, assert_no_slot_twice, make_journey

EVERY_MS = 60_000
Until = Callable[..., object]


async def started(path: Path, *journeys: Journey) -> Rig:
    rig = Rig(path, Time(), *journeys)
    await rig.start()
    return rig


async def next_slot(rig: Rig, journey: str = "checkout") -> None:
    """Let time pass until a slot is due, and look at it."""
    now_ms = rig.clock.now_ms()
    await rig.passes(rig.lanes[journey].schedule.first_at(now_ms + 1) - now_ms)


async def end(rig: Rig, *journeys: str) -> None:
    """Let all runs end; each slot has one state, and every moment one schedule."""
    rig.script.free.set()
    await rig.settle()
    for journey in journeys or ("checkout",):
        assert rig.states(journey) == rig.due(journey), journey
        assert_no_slot_twice(rig.records(), journey)
    assert rig.journal.claims() == []
    await rig.kill()


def test_a_run_that_goes_on_ends_by_the_definition_it_began_with(tmp_path: Path) -> None:
    async def story() -> None:
        rig = await started(tmp_path / "journal.db", make_journey(hash="old"))
        old, new = rig.script, type(rig.script)()
        old.free.clear()
        await next_slot(rig)
        rig.script = new
        await rig.change(make_journey(hash="new", every_ms=EVERY_MS // 2))
        await next_slot(rig)
        assert [order.journey.hash for order in old.orders] == ["old"]
        assert new.orders == [], "one run at a time, by whichever definition"
        old.free.set()
        new.free.set()
        await asyncio.wait(rig.all_lanes.running or [asyncio.create_task(asyncio.sleep(0))])
        await next_slot(rig)
        assert [order.journey.hash for order in new.orders] == ["new"]
        assert len(rig.runs()) == 2
        await end(rig)

    asyncio.run(story())


def test_another_period_begins_where_the_one_before_ends(tmp_path: Path) -> None:
    async def story() -> None:
        rig = await started(tmp_path / "journal.db")
        await next_slot(rig)
        await rig.passes(1234)
        changed_ms = rig.clock.now_ms()
        await rig.change(make_journey(every_ms=7000))
        before, after = rig.schedules()
        assert (before.every_ms, after.every_ms) == (EVERY_MS, 7000)
        assert after.from_ms == changed_ms + 1
        assert after.phase_ms == phase_ms("checkout", 7000, Fraction(0))
        for _ in range(5):
            await next_slot(rig)
        assert len(rig.runs()) == 6
        await end(rig)

    asyncio.run(story())


def test_what_is_due_at_the_change_is_run_by_the_definition_before(tmp_path: Path) -> None:
    async def story() -> None:
        rig = await started(tmp_path / "journal.db", make_journey(hash="old"))
        now_ms = rig.clock.now_ms()
        rig.time.passes(rig.lane.schedule.first_at(now_ms + 1) - now_ms + 10)
        await rig.change(make_journey(every_ms=EVERY_MS // 3, hash="new"))
        await rig.settle()
        (order,) = rig.script.orders
        assert order.journey.hash == "old"
        await end(rig)

    asyncio.run(story())


def test_the_same_schedule_is_not_begun_anew(tmp_path: Path) -> None:
    async def story() -> None:
        rig = await started(tmp_path / "journal.db")
        await next_slot(rig)
        await rig.change(make_journey(timeout_ms=5000, hash="other"))
        assert len(rig.schedules()) == 1
        await next_slot(rig)
        assert rig.script.orders[-1].journey.timeout_ms == 5000
        await end(rig)

    asyncio.run(story())


def test_another_place_in_the_fleet_is_another_schedule(tmp_path: Path) -> None:
    async def story() -> None:
        rig = await started(tmp_path / "journal.db")
        rig.position = Fraction(1, 2)
        await rig.change(*rig.journeys)
        before, after = rig.schedules()
        assert after.phase_ms != before.phase_ms
        await next_slot(rig)
        await end(rig)

    asyncio.run(story())


def test_a_journey_that_is_taken_out_and_put_back_is_one_lane(tmp_path: Path) -> None:
    async def story() -> None:
        rig = await started(tmp_path / "journal.db", make_journey(), make_journey("login"))
        rig.script.free.clear()
        await next_slot(rig)
        await rig.change(make_journey("login"))
        assert sorted(rig.lanes) == ["login"]
        assert "checkout" in rig.all_lanes.names_running
        await rig.passes(10 * EVERY_MS)
        await rig.change(make_journey(), make_journey("login"))
        await next_slot(rig)
        overlaps = [gap for gap in rig.gaps() if gap.journey == "checkout"]
        assert {gap.reason for gap in overlaps} == {SlotReason.OVERLAP}
        assert [s.every_ms for s in rig.schedules()] == [EVERY_MS, 0, EVERY_MS]
        await end(rig, "checkout", "login")

    asyncio.run(story())


def test_pausing_and_going_on_need_no_other_schedule(tmp_path: Path) -> None:
    async def story() -> None:
        rig = await started(tmp_path / "journal.db")
        rig.paused = {"checkout"}
        await rig.change(*rig.journeys)
        await next_slot(rig)
        rig.paused = set()
        await rig.change(*rig.journeys)
        await next_slot(rig)
        assert [gap.reason for gap in rig.gaps()] == [SlotReason.PAUSED]
        assert len(rig.runs()) == 1
        assert len(rig.schedules()) == 1
        await end(rig)

    asyncio.run(story())


def test_a_slot_that_found_no_place_is_one_of_the_schedule_it_was_due_in(tmp_path: Path) -> None:
    async def story() -> None:
        rig = await started(tmp_path / "journal.db")
        rig.script.answers.append(NoCapacity())
        rig.script.free.clear()
        await next_slot(rig)
        await rig.change(make_journey(every_ms=7919))
        rig.script.free.set()
        await rig.settle()
        (gap,) = rig.gaps()
        assert (gap.reason, gap.count) == (SlotReason.CAPACITY, 1)
        await end(rig)

    asyncio.run(story())


def test_a_slot_that_waits_for_a_place_at_the_end_is_cancelled(tmp_path: Path) -> None:
    async def story() -> None:
        rig = await started(tmp_path / "journal.db")
        rig.script.answers.append(NoCapacity())
        rig.script.cancelled = True
        await next_slot(rig)
        (run,) = rig.runs()
        assert (run.outcome, run.cause) == (Outcome.INCONCLUSIVE, Cause.CANCELLED)
        assert rig.gaps() == []
        await end(rig)

    asyncio.run(story())


def test_nothing_is_confirmed_once_the_lane_is_closed(tmp_path: Path) -> None:
    async def story() -> None:
        rig = await started(tmp_path / "journal.db")
        rig.script.answers.append(Outcome.FAILED)
        rig.script.free.clear()
        await next_slot(rig)
        await rig.all_lanes.close()
        rig.script.free.set()
        await rig.settle()
        assert [run.id.attempt for run in rig.runs()] == [1]
        await end(rig)

    asyncio.run(story())


def test_a_change_survives_a_kill_right_after_it(tmp_path: Path) -> None:
    async def story() -> None:
        rig = await started(tmp_path / "journal.db")
        rig.script.free.clear()
        await next_slot(rig)
        await rig.change(make_journey(every_ms=9000))
        await rig.restart()
        assert [s.every_ms for s in rig.schedules()] == [EVERY_MS, 9000]
        await rig.passes(90_000)
        await end(rig)

    asyncio.run(story())


def test_slots_in_a_row_without_a_run_are_counted_until_one_is_completed(tmp_path: Path) -> None:
    async def story() -> None:
        rig = await started(tmp_path / "journal.db")
        rig.script.free.clear()
        for _ in range(4):
            await next_slot(rig)
        assert rig.lane.uncovered == 3
        rig.script.free.set()
        await rig.settle()
        assert rig.lane.uncovered == 0
        await end(rig)

    asyncio.run(story())


@pytest.mark.parametrize("seed", range(12))
def test_slots_stay_accounted_for_through_any_history_of_changes(tmp_path: Path, seed: int) -> None:
    """Files change at any moment, runs hang, the agent is killed, the clock is set."""
    dice = random.Random(seed)
    names = ("checkout", "login", "search")

    async def story() -> None:
        rig = await started(tmp_path / "journal.db", *map(make_journey, names))
        for _ in range(60):
            act = dice.choice(("passes", "passes", "passes", "change", "hang", "kill", "back"))
            if act == "passes":
                await rig.passes(dice.randrange(1, 3 * EVERY_MS))
            elif act == "change":
                chosen = [name for name in names if dice.random() < 0.8]
                periods = (EVERY_MS, EVERY_MS // 2, 45_000, 7919)
                rig.position = dice.choice((Fraction(0), Fraction(1, 3)))
                rig.paused = {name for name in names if dice.random() < 0.1}
                rig.time.passes(dice.randrange(EVERY_MS))
                await rig.change(*(make_journey(n, dice.choice(periods)) for n in chosen))
            elif act == "hang":
                (rig.script.free.clear if dice.random() < 0.5 else rig.script.free.set)()
                await rig.settle()
            elif act == "kill":
                await rig.restart()
            else:
                rig.time.wall_ms -= dice.randrange(EVERY_MS)
        seen = {series.journey for series in rig.view.series()}
        await end(rig, *seen)

    asyncio.run(story())


def test_a_run_is_told_with_its_identity(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> Run:
        rig = await started(tmp_path / "journal.db")
        with caplog.at_level("INFO", "prober"):
            await next_slot(rig)
        (run,) = rig.runs()
        await end(rig)
        return run

    run = asyncio.run(story())
    (line,) = [record for record in caplog.records if record.getMessage() == "passed"]
    fields = line.prober_fields  # type: ignore[attr-defined]
    assert {name: fields[name] for name in run.id._fields} == run.id._asdict()
    assert (fields["outcome"], fields["duration_ms"]) == ("passed", 5)
    assert replace(run, duration_us=5000) == run
