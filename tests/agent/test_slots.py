"""Which slots are due: each in exactly one look, none drifting, none together."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.agent.slots import due, phase_ms, span
from prober.model import Schedule, SlotReason, SlotState

EVERY_MS = 60_000
LATE = SlotReason.LATE
SCHEDULE = Schedule(journey="j", region="r", from_ms=0, every_ms=EVERY_MS, phase_ms=10_000)


def test_before_a_slot_nothing_is_due() -> None:
    found = due(SCHEDULE, 0, 9_999, LATE)
    assert (found.missed, found.slot_ms, found.next_ms) == (None, None, 10_000)


@pytest.mark.parametrize("late_ms", [0, 1, int(0.49 * EVERY_MS), EVERY_MS // 2 - 1])
def test_a_slot_noticed_before_half_a_period_is_run(late_ms: int) -> None:
    found = due(SCHEDULE, 0, 10_000 + late_ms, LATE)
    assert found.missed is None
    assert found.slot_ms == 10_000


@pytest.mark.parametrize("late_ms", [EVERY_MS // 2, int(0.51 * EVERY_MS), EVERY_MS - 1])
def test_a_slot_noticed_from_half_a_period_on_is_missed(late_ms: int) -> None:
    found = due(SCHEDULE, 0, 10_000 + late_ms, LATE)
    assert found.slot_ms is None
    assert found.missed
    assert found.missed.count == 1
    assert (found.missed.state, found.missed.reason) == (SlotState.MISSED, LATE)


def test_after_a_long_time_all_but_the_last_slot_are_one_gap() -> None:
    found = due(SCHEDULE, 0, 10_000 + 5 * EVERY_MS + 3, LATE)
    assert found.slot_ms == 10_000 + 5 * EVERY_MS
    assert found.missed
    assert (found.missed.first_ms, found.missed.last_ms) == (10_000, 10_000 + 4 * EVERY_MS)
    assert found.missed.count == 5


def test_looking_twice_finds_nothing_new() -> None:
    first = due(SCHEDULE, 0, 70_500, LATE)
    again = due(SCHEDULE, first.next_ms, 70_500, LATE)
    assert (again.missed, again.slot_ms) == (None, None)


def test_a_journey_that_was_removed_has_no_slots() -> None:
    ended = Schedule(journey="j", region="r", from_ms=0, every_ms=0, phase_ms=0)
    found = due(ended, 0, 10**12, LATE)
    assert (found.missed, found.slot_ms) == (None, None)


def test_thirty_days_and_thirty_years_cost_the_same_moment() -> None:
    every_second = Schedule(journey="j", region="r", from_ms=0, every_ms=10_000, phase_ms=0)
    began_s = time.process_time()  # what others do meanwhile is not in it
    for days in (30, 30 * 365):
        found = due(every_second, 1, days * 86_400_000, LATE)
        assert found.missed
        assert found.missed.count == days * 8640 - 1
    assert time.process_time() - began_s < 0.01


@given(
    every_ms=st.integers(1, 10**6),
    phase=st.integers(0, 10**6),
    start_ms=st.integers(0, 10**9),
    looks=st.lists(st.integers(0, 3 * 10**6), max_size=40),
)
def test_whenever_it_is_looked_each_slot_is_found_once_and_on_its_beat(
    every_ms: int, phase: int, start_ms: int, looks: list[int]
) -> None:
    schedule = Schedule(
        journey="j", region="r", from_ms=start_ms, every_ms=every_ms, phase_ms=phase % every_ms
    )
    now_ms = next_ms = start_ms
    expected = schedule.first_at(start_ms)
    for wait_ms in looks:
        now_ms += wait_ms
        found = due(schedule, next_ms, now_ms, LATE)
        if found.missed:
            assert found.missed.first_ms == expected
            assert found.missed.last_ms - expected == (found.missed.count - 1) * every_ms
            expected = found.missed.last_ms + every_ms
        if found.slot_ms is not None:
            assert found.slot_ms == expected
            assert 0 <= now_ms - found.slot_ms < max(1, every_ms / 2)
            expected += every_ms
        assert expected > now_ms, "every slot up to now was found"
        next_ms = found.next_ms


@given(
    every_ms=st.integers(1, 5000),
    phase=st.integers(0, 5000),
    start_ms=st.integers(-20_000, 20_000),
    width_ms=st.integers(-10, 20_000),
)
def test_a_schedule_counts_what_a_loop_counts(
    every_ms: int, phase: int, start_ms: int, width_ms: int
) -> None:
    schedule = Schedule(
        journey="j", region="r", from_ms=0, every_ms=every_ms, phase_ms=phase % every_ms
    )
    counted = sum((t - phase) % every_ms == 0 for t in range(start_ms, start_ms + width_ms))
    assert schedule.count(start_ms, start_ms + width_ms) == counted
    gap = span(schedule, start_ms, start_ms + width_ms, SlotState.MISSED, LATE)
    assert (gap.count if gap else 0) == counted


@pytest.mark.parametrize("regions", [1, 2, 3, 5, 7])
def test_regions_share_a_period_evenly(regions: int) -> None:
    every_ms = 300_000
    phases = sorted(phase_ms("checkout", every_ms, Fraction(n, regions)) for n in range(regions))
    apart = [(b - a) % every_ms for a, b in zip(phases, [*phases[1:], phases[0]], strict=True)]
    if regions > 1:
        assert all(abs(ms - every_ms / regions) <= 1 for ms in apart)
    assert all(0 <= phase < every_ms for phase in phases)


def test_two_hundred_journeys_do_not_start_together() -> None:
    phases = [phase_ms(f"journey_{n}", 200_000, Fraction(0)) for n in range(200)]
    a_second = Counter(phase // 1000 for phase in phases)
    assert max(a_second.values()) <= 6, "one a second on average"
    a_tenth = Counter(phase // 20_000 for phase in phases)
    assert max(a_tenth.values()) <= 2 * 20


def test_a_phase_is_the_same_in_every_process() -> None:
    program = (
        "from fractions import Fraction; from prober.agent.slots import phase_ms;"
        "print(phase_ms('checkout', 300000, Fraction(1, 3)))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert said == {"33743\n"}
