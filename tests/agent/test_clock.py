"""The clock that names slots: it never names a time twice, unless that time was wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.agent.clock import HELD_MS, Clock, Step
from tests.agent.rig import DAY_MS, HOUR_MS, NEW_YEAR_MS, YEAR_MS, Time


def test_it_begins_at_wall_time_and_runs_with_the_monotonic_clock() -> None:
    time = Time()
    clock = time.clock()
    assert clock.now_ms() == NEW_YEAR_MS
    time.monotonic_ms += 1234
    assert clock.now_ms() == NEW_YEAR_MS + 1234


def test_it_does_not_look_at_the_wall_clock_by_itself() -> None:
    time = Time()
    clock = time.clock()
    time.wall_ms -= YEAR_MS
    assert clock.now_ms() == NEW_YEAR_MS


@pytest.mark.parametrize("ms", [1001, HOUR_MS, 30 * DAY_MS, 50 * YEAR_MS])
def test_a_wall_clock_set_forward_is_followed(ms: int) -> None:
    time = Time()
    clock = time.clock()
    time.wall_ms += ms
    assert clock.follow() is Step.FORWARD
    assert clock.now_ms() == time.wall_ms
    assert clock.skew_ms == 0
    assert clock.follow() is Step.NONE


@pytest.mark.parametrize("ms", [1001, HOUR_MS - 1, HELD_MS])
def test_a_wall_clock_set_back_a_little_is_not_followed_and_the_skew_is_told_once(ms: int) -> None:
    time = Time()
    clock = time.clock()
    time.wall_ms -= ms
    assert clock.follow() is Step.HELD
    assert clock.now_ms() == NEW_YEAR_MS
    assert clock.skew_ms == ms
    time.passes(60_000)
    assert clock.follow() is Step.NONE
    assert clock.now_ms() == NEW_YEAR_MS + 60_000


@pytest.mark.parametrize("ms", [HELD_MS + 1, DAY_MS, 50 * YEAR_MS])
def test_a_wall_clock_set_back_far_is_believed(ms: int) -> None:
    time = Time()
    clock = time.clock()
    time.wall_ms -= ms
    assert clock.follow() is Step.RESTARTED
    assert clock.now_ms() == time.wall_ms
    assert clock.skew_ms == 0


def test_several_small_steps_back_make_a_large_one() -> None:
    time = Time()
    clock = time.clock()
    steps = []
    for _ in range(7):
        time.wall_ms -= 10 * 60_000
        steps.append(clock.follow())
    assert steps == [Step.HELD] * 6 + [Step.RESTARTED]


def test_a_step_back_and_forth_leaves_no_skew() -> None:
    time = Time()
    clock = time.clock()
    time.wall_ms -= HOUR_MS
    clock.follow()
    time.wall_ms += HOUR_MS
    clock.follow()
    assert clock.skew_ms == 0
    assert clock.now_ms() == NEW_YEAR_MS


def test_drift_is_followed_without_a_word() -> None:
    time = Time()
    clock = time.clock()
    for _ in range(1000):
        time.passes(1000)
        time.wall_ms += 3
        assert clock.follow() is Step.NONE
    assert clock.now_ms() == time.wall_ms


@pytest.mark.parametrize(
    ("ahead_ms", "begins_at_ms"),
    [(0, 0), (-5, 0), (30_000, 30_000), (HELD_MS, HELD_MS), (HELD_MS + 1, 0), (YEAR_MS, 0)],
)
def test_it_begins_no_earlier_than_a_time_already_used_within_the_hold(
    ahead_ms: int, begins_at_ms: int
) -> None:
    clock = Time().clock()
    clock.not_before(NEW_YEAR_MS + ahead_ms)
    assert clock.now_ms() == NEW_YEAR_MS + begins_at_ms


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("passes"), st.integers(0, DAY_MS)),
            st.tuples(st.just("set"), st.integers(-YEAR_MS, YEAR_MS)),
            st.tuples(st.just("set"), st.integers(-HELD_MS, HELD_MS)),
        )
    )
)
def test_it_never_runs_backwards_but_for_a_restart(moves: list[tuple[str, int]]) -> None:
    time = Time(wall_ms=NEW_YEAR_MS + 1000 * YEAR_MS)
    clock = time.clock()
    before_ms = clock.now_ms()
    for move, ms in moves:
        if move == "passes":
            time.passes(ms)
        else:
            time.wall_ms += ms
        assert clock.now_ms() >= before_ms
        if clock.follow() is Step.RESTARTED:
            before_ms = time.wall_ms
        assert clock.now_ms() >= before_ms
        assert 0 <= clock.skew_ms <= HELD_MS
        before_ms = clock.now_ms()


def test_the_real_one_is_now() -> None:
    clock = Clock()
    assert clock.follow() is Step.NONE
    assert abs(clock.skew_ms) <= 5
