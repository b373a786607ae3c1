"""Schedules one after another: what was due, what is planned, what may still be going."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from prober.journal.timetable import Timetable
from prober.model import Schedule
from prober.slo.window import Span

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


def table(*schedules: tuple[int, int]) -> Timetable:
    """Schedules as (from, every), slots at multiples of the period."""
    return Timetable(
        tuple(
            Schedule(journey="j", region="r", from_ms=from_ms, every_ms=every_ms, phase_ms=0)
            for from_ms, every_ms in schedules
        )
    )


def test_slots_are_due_from_the_first_schedule_on() -> None:
    assert table((10 * MINUTE_MS, MINUTE_MS)).due(Span(0, HOUR_MS)) == 50


def test_each_schedule_holds_until_the_next_and_a_period_of_0_ends_it() -> None:
    ended = table((0, MINUTE_MS), (10 * MINUTE_MS, 2 * MINUTE_MS), (20 * MINUTE_MS, 0))
    assert ended.due(Span(0, HOUR_MS)) == 10 + 5
    assert ended.planned(Span(0, HOUR_MS)) == 10 + 5
    found = [ended.every_ms(minute * MINUTE_MS) for minute in (0, 1, 10, 11, 21)]
    assert found == [None, MINUTE_MS, MINUTE_MS, 2 * MINUTE_MS, None]


def test_the_first_schedule_is_planned_as_if_it_had_always_been_in_force() -> None:
    late = table((HOUR_MS, MINUTE_MS), (2 * HOUR_MS, 2 * MINUTE_MS))
    assert late.planned(Span(0, 3 * HOUR_MS)) == 60 + 60 + 30
    assert late.planned(Span(0, HOUR_MS // 2)) == 30
    assert late.planned(Span(5 * HOUR_MS, 6 * HOUR_MS)) == 30
    assert late.planned(Span(6 * HOUR_MS, 5 * HOUR_MS)) == 0


def test_a_part_of_a_period_is_planned_as_a_slot() -> None:
    assert table((0, 7 * MINUTE_MS)).planned(Span(0, HOUR_MS)) == 9


def test_a_part_of_a_span_holds_the_slots_that_lie_in_it() -> None:
    sevenths = table((0, 7 * MINUTE_MS))
    assert sevenths.slots(Span(0, HOUR_MS)) == 9
    assert sevenths.slots(Span(MINUTE_MS, HOUR_MS)) == 8
    assert sevenths.slots(Span(MINUTE_MS, 7 * MINUTE_MS)) == 0
    assert sevenths.slots(Span(-HOUR_MS, 0)) == 8


def test_a_slot_less_than_a_period_old_may_still_be_going() -> None:
    each_minute = table((0, MINUTE_MS))
    assert list(each_minute.young(HOUR_MS)) == []
    assert list(each_minute.young(HOUR_MS + 1)) == [HOUR_MS]
    assert list(each_minute.young(HOUR_MS + MINUTE_MS - 1)) == [HOUR_MS]
    assert list(table((HOUR_MS, MINUTE_MS)).young(HOUR_MS)) == []


def test_the_last_slot_of_a_schedule_that_just_ended_may_still_be_going() -> None:
    changed = table((0, HOUR_MS), (HOUR_MS + 1, 10 * MINUTE_MS))
    assert list(changed.young(HOUR_MS + 2)) == [HOUR_MS]
    assert list(changed.young(HOUR_MS + 11 * MINUTE_MS)) == [HOUR_MS, HOUR_MS + 10 * MINUTE_MS]


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 50)), min_size=1, max_size=4),
    st.lists(st.integers(0, 600), min_size=3, max_size=3),
)
def test_what_is_due_in_two_halves_is_due_in_the_whole(
    schedules: list[tuple[int, int]], cuts: list[int]
) -> None:
    held = table(*dict(sorted(schedules)).items())
    first, middle, last = sorted(cuts)
    halves = held.due(Span(first, middle)) + held.due(Span(middle, last))
    assert halves == held.due(Span(first, last))
    halves = held.slots(Span(first, middle)) + held.slots(Span(middle, last))
    assert halves == held.slots(Span(first, last)) >= held.due(Span(first, last))
    planned = held.planned(Span(first, middle)) + held.planned(Span(middle, last))
    assert 0 <= planned - held.planned(Span(first, last)) <= 1
