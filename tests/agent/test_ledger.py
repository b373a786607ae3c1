"""Taking up where the agent before left off: nothing forgotten, nothing named twice."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Coroutine
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from prober import conventions as names
from prober.agent.allowance import NoCapacity
from prober.journal.view import View
from prober.model import Cause, Kind, Outcome, RunId, Schedule, SlotReason
from tests.agent.rig import (
    DAY_MS,
    HOUR_MS,
    REGION,
    YEAR_MS,
    Rig,
    Time,
    assert_no_slot_twice,
    make_journey,
    spans,
)

EVERY_MS = 60_000


def stopped(path: Path, *journeys: Any) -> Rig:
    """A rig whose first agent ran two slots of each journey and was killed."""
    rig = Rig(path, Time(), *journeys)

    async def story() -> None:
        await rig.start()
        for _ in range(2):
            await rig.passes(EVERY_MS)
        await rig.kill()

    asyncio.run(story())
    return rig


def downs(rig: Rig) -> list[tuple[int, int]]:
    return [(g.first_ms, g.count) for g in rig.gaps() if g.reason is SlotReason.DOWN]


def test_downtime_is_one_range_that_costs_a_moment(tmp_path: Path) -> None:
    rig = stopped(tmp_path / "journal.db")
    rig.time.passes(30 * DAY_MS)

    async def story() -> None:
        began_s = time.process_time()  # what others do meanwhile is not in it
        await rig.start()
        took_s = time.process_time() - began_s
        (gap,) = rig.gaps()
        assert gap.reason is SlotReason.DOWN
        assert gap.count in (30 * 1440 - 1, 30 * 1440)
        assert rig.due() == rig.states()
        assert took_s < 1, "with opening and checking the file"
        await rig.kill()

    asyncio.run(story())


def test_a_short_restart_misses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    rig = stopped(tmp_path / "journal.db")

    async def story() -> None:
        for _ in range(20):
            await rig.start()
            await rig.passes(4000)
            await rig.kill()
        await rig.start()
        assert rig.gaps() == []
        assert rig.due() == rig.states()
        assert len(rig.schedules()) == 1
        await rig.kill()

    asyncio.run(story())


def test_a_run_that_died_with_its_agent_is_inconclusive_once(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "journal.db")

    async def story() -> None:
        await rig.start()
        rig.script.free.clear()
        await rig.passes(EVERY_MS)
        slot_ms = rig.script.orders[0].id.slot_ms
        assert rig.runs() == []
        await rig.restart()
        await rig.restart()
        (run,) = rig.runs()
        assert run.id == RunId("checkout", REGION, slot_ms, 1, Kind.SCHEDULED)
        assert (run.outcome, run.cause) == (Outcome.INCONCLUSIVE, Cause.WORKER)
        assert rig.journal.claims() == []
        assert rig.due() == rig.states()
        await rig.kill()

    asyncio.run(story())


@pytest.mark.parametrize("back_ms", [5 * EVERY_MS, HOUR_MS - 2 * EVERY_MS])
def test_no_slot_is_named_twice_when_the_clock_was_set_back_while_down(
    tmp_path: Path, back_ms: int
) -> None:
    rig = stopped(tmp_path / "journal.db")
    rig.time.wall_ms -= back_ms

    async def story() -> None:
        await rig.start()
        before = len(rig.runs())
        for _ in range(3):
            await rig.passes(EVERY_MS)
        assert len(rig.runs()) == before + 3, "and measuring goes on at once"
        assert_no_slot_twice(rig.records(), "checkout")
        assert rig.due() == rig.states()
        await rig.kill()

    asyncio.run(story())


def test_a_clock_set_back_far_while_down_begins_a_new_schedule(tmp_path: Path) -> None:
    rig = stopped(tmp_path / "journal.db")
    rig.time.wall_ms -= YEAR_MS

    async def story() -> None:
        await rig.start()
        before = len(rig.runs())
        await rig.passes(EVERY_MS)
        assert len(rig.runs()) == before + 1
        await rig.restart()
        await rig.restart()
        assert len(rig.schedules()) == 1, "the one of the time that never came does not hold"
        assert rig.due() == 1
        await rig.kill()

    asyncio.run(story())


def test_one_journey_named_far_ahead_does_not_hide_the_others(tmp_path: Path) -> None:
    rig = stopped(tmp_path / "journal.db", make_journey(), make_journey("gone"))
    far = Schedule(
        journey="gone",
        region=REGION,
        from_ms=rig.time.wall_ms + YEAR_MS,
        every_ms=0,
        phase_ms=0,
    )

    async def story() -> None:
        rig.journeys = rig.journeys[:1]
        await rig.start()
        await rig.pen.write([far])
        await rig.kill()
        rig.time.wall_ms -= HOUR_MS // 2
        await rig.start()
        before = len(rig.runs())
        await rig.passes(EVERY_MS)
        assert len(rig.runs()) == before + 1
        assert_no_slot_twice(rig.records(), "checkout")
        await rig.kill()

    asyncio.run(story())


def test_a_period_changed_while_down_ends_one_schedule_and_begins_another(tmp_path: Path) -> None:
    rig = stopped(tmp_path / "journal.db")
    rig.time.passes(10 * EVERY_MS)
    rig.journeys = [make_journey(every_ms=7000)]

    async def story() -> None:
        await rig.start()
        old, new = rig.schedules()
        assert (old.every_ms, new.every_ms) == (EVERY_MS, 7000)
        assert new.from_ms == rig.clock.now_ms()
        assert downs(rig)[0][1] in (9, 10)
        for _ in range(5):
            await rig.passes(7000)
        assert rig.due() == rig.states()
        await rig.restart()
        assert len(rig.schedules()) == 2
        await rig.kill()

    asyncio.run(story())


def test_a_journey_removed_while_down_is_accounted_for_until_then(tmp_path: Path) -> None:
    rig = stopped(tmp_path / "journal.db", make_journey(), make_journey("gone"))
    rig.time.passes(10 * EVERY_MS)
    rig.journeys = rig.journeys[:1]

    async def story() -> None:
        await rig.start()
        assert rig.schedules("gone")[-1].every_ms == 0
        states = rig.states("gone")
        assert states == rig.due("gone") > 10
        await rig.kill()
        rig.time.passes(DAY_MS)
        await rig.start()
        assert rig.states("gone") == states, "what is gone is not missed"
        assert len(rig.schedules("gone")) == 2
        await rig.kill()

    asyncio.run(story())


def test_a_journey_that_comes_back_has_slots_from_then_on(tmp_path: Path) -> None:
    rig = stopped(tmp_path / "journal.db", make_journey(), make_journey("gone"))
    both = rig.journeys

    async def story() -> None:
        rig.journeys = both[:1]
        await rig.start()
        await rig.kill()
        rig.time.passes(DAY_MS)
        rig.journeys = both
        await rig.start()
        await rig.passes(EVERY_MS)
        assert len(rig.schedules("gone")) == 3
        assert rig.states("gone") == rig.due("gone") < 10
        await rig.kill()

    asyncio.run(story())


def test_a_journey_that_comes_back_in_the_moment_it_left_has_its_slots(tmp_path: Path) -> None:
    both = [make_journey(), make_journey("login", EVERY_MS)]
    rig = Rig(tmp_path / "journal.db", Time(), *both)

    async def story() -> None:
        await rig.start()
        await rig.passes(1)
        for journeys in (both[:1], both):  # and no time passes
            rig.journeys = list(journeys)
            await rig.restart()
        for _ in range(5):
            await rig.passes(EVERY_MS)
        assert rig.states("login") == rig.due("login") >= 4
        await rig.kill()

    asyncio.run(story())


class Months(RuleBasedStateMachine):
    """An agent's life: time passes, clocks are set, agents die, schedules change."""

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.directory = Path(tempfile.mkdtemp())
        self.rig = Rig(self.directory / "journal.db", Time(), make_journey(), self.other(45_000))
        self.rig.position = Fraction(1, 3)
        #: Names were used again: a slot may then have two states, but never none.
        self.anew = False
        self.do(self.rig.start())

    @staticmethod
    def other(every_ms: int) -> Any:
        return make_journey("login", every_ms)

    def do(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(coroutine)

    @rule(ms=st.one_of(st.integers(1, 100_000), st.integers(1, DAY_MS)))
    def time_passes(self, ms: int) -> None:
        self.do(self.rig.passes(ms))

    @rule(ticks=st.integers(1, 5), ms=st.sampled_from([1000, 20_000, 60_000]))
    def ticks_come(self, ticks: int, ms: int) -> None:
        for _ in range(ticks):
            self.do(self.rig.passes(ms))

    @rule(ms=st.one_of(st.integers(-HOUR_MS, HOUR_MS), st.integers(0, 3 * YEAR_MS)))
    def the_wall_clock_is_set(self, ms: int) -> None:
        if self.rig.clock.skew_ms - ms <= HOUR_MS:
            self.rig.time.wall_ms += ms
            self.do(self.rig.look())

    @rule(ms=st.integers(HOUR_MS + 1, YEAR_MS))
    def the_wall_clock_is_set_far_back(self, ms: int) -> None:
        self.rig.time.wall_ms -= ms
        self.do(self.rig.look())
        self.anew = True

    @rule()
    def runs_take_long(self) -> None:
        self.rig.script.free.clear()

    @rule(
        answer=st.sampled_from(
            [Outcome.PASSED, Outcome.FAILED, Cause.PAGE_CRASH, NoCapacity(), RuntimeError("broken")]
        )
    )
    def runs_end(self, answer: Any) -> None:
        self.rig.script.answers.append(answer)
        self.rig.script.free.set()
        self.do(self.rig.settle())

    @rule(name=st.sampled_from(["checkout", "login"]))
    def a_journey_is_paused_or_goes_on(self, name: str) -> None:
        self.rig.paused ^= {name}
        self.do(self.rig.restart())

    @rule(down_ms=st.integers(0, 30 * DAY_MS), back_ms=st.integers(0, HOUR_MS))
    def the_agent_is_killed(self, down_ms: int, back_ms: int) -> None:
        skew_ms = self.rig.clock.skew_ms
        self.do(self.rig.kill())
        self.rig.time.passes(down_ms)
        # However far it is set back within the hold, counted from the names already used.
        self.rig.time.wall_ms -= min(back_ms, max(0, HOUR_MS - skew_ms - 1 + down_ms))
        self.do(self.rig.start())

    @rule(every_ms=st.sampled_from([0, 7000, 45_000, 300_000]))
    def another_journey_changes(self, every_ms: int) -> None:
        self.do(self.rig.kill())
        self.rig.time.passes(1)
        kept = [journey for journey in self.rig.journeys if journey.name == "checkout"]
        self.rig.journeys = [*kept, *([self.other(every_ms)] if every_ms else [])]
        self.do(self.rig.start())

    @invariant()
    def no_two_runs_are_one_slot(self) -> None:
        ids = [run.id for run in self.rig.runs()]
        assert len(ids) == len(set(ids))

    @invariant()
    @precondition(lambda self: not self.anew)
    def no_slot_has_two_states(self) -> None:
        for name in ("checkout", "login"):
            assert_no_slot_twice(self.rig.records(), name)

    @invariant()
    def every_slot_is_on_its_beat(self) -> None:
        beats = {lane.journey.name: lane.schedule for lane in self.rig.lanes.values()}
        run = self.rig.runs()[-1:]
        if run and run[0].id.journey == "checkout":
            beat = beats["checkout"]
            assert run[0].id.slot_ms % beat.every_ms == beat.phase_ms

    def teardown(self) -> None:
        if not hasattr(self, "rig"):
            return
        self.do(self.rig.restart())  # answers for what was going on
        self.rig.script.free.set()
        self.do(self.rig.settle())
        for name in ("checkout", "login"):
            if self.anew:
                self.check_every_slot_has_a_state(name)
            else:
                assert self.rig.states(name) == self.rig.due(name)
                assert self.counted(name) == self.rig.due(name)
        self.do(self.rig.kill())
        self.loop.close()
        shutil.rmtree(self.directory)

    def check_every_slot_has_a_state(self, name: str) -> None:
        (series,) = [each for each in self.rig.view.series() if each.journey == name]
        schedules = self.rig.schedules(name)
        ends = [*(schedule.from_ms for schedule in schedules[1:]), self.rig.clock.now_ms() + 1]
        for schedule, end_ms in zip(schedules, ends, strict=True):
            count = schedule.count(schedule.from_ms, end_ms)
            for k in {0, 1, count // 3, count // 2, count - 2, count - 1} & set(range(count)):
                slot_ms = schedule.first_at(schedule.from_ms) + k * schedule.every_ms
                assert has_state(self.rig.view, series.id, slot_ms), (name, k, count)

    def counted(self, name: str) -> int:
        """The lifetime counter of slots, over all states."""
        found: Counter[str] = Counter()
        for metric, attributes, value in self.rig.journal.counters():
            if metric == names.SLOTS.name:
                found[json.loads(attributes)[names.JOURNEY]] += value
        return found[name]


TestMonths = Months.TestCase
TestMonths.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)


def test_a_million_slots_have_one_state_each_whatever_the_clock_does(tmp_path: Path) -> None:
    chance = Random(11)
    rig = Rig(tmp_path / "journal.db", Time(), make_journey(), make_journey("login", 45_000))

    async def turn() -> None:
        kind = chance.randrange(8)
        step_ms = chance.randint(-HOUR_MS, HOUR_MS)
        if kind < 4:
            for _ in range(5):
                await rig.passes(chance.randint(1, EVERY_MS))
        elif kind < 6:
            await rig.passes(chance.randint(1, DAY_MS))
        elif kind == 6:
            if rig.clock.skew_ms - step_ms <= HOUR_MS:  # further, and names are used again
                rig.time.wall_ms += step_ms
            await rig.look()
        else:
            await rig.kill()
            rig.time.passes(chance.randint(0, 10 * DAY_MS))
            await rig.start()

    async def story() -> None:
        await rig.start()
        while sum(map(rig.due, ("checkout", "login"))) < 1_000_000:
            await turn()
        for name in ("checkout", "login"):
            assert rig.states(name) == rig.due(name)
            assert_no_slot_twice(rig.records(), name)
        assert len(rig.runs()) > 1000
        await rig.kill()

    asyncio.run(story())


def test_spans_see_a_slot_with_two_states(tmp_path: Path) -> None:
    rig = stopped(tmp_path / "journal.db")

    async def story() -> None:
        await rig.start()
        records = [*rig.records(), rig.runs()[0]]
        assert len(spans(records, "checkout")) == 3
        with pytest.raises(AssertionError):
            assert_no_slot_twice(records, "checkout")
        await rig.kill()

    asyncio.run(story())


def has_state(view: View, series: int, slot_ms: int) -> bool:
    """Whether it is known how a slot ended."""
    ran = "SELECT 1 FROM run WHERE series = ? AND slot_ms = ?"
    lost = "SELECT 1 FROM gap WHERE series = ? AND first_ms <= ? AND last_ms >= ?"
    ask = view.store._connection.execute
    return bool(ask(ran, (series, slot_ms)).fetchone()) or bool(
        ask(lost, (series, slot_ms, slot_ms)).fetchone()
    )
