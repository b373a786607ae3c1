"""Misses: opened once, due when their window is over, the same whenever they are asked for."""

from __future__ import annotations

from fractions import Fraction

import pytest

from prober.slo.miss import Budget, Ended, How, Miss, Told, misses
from prober.slo.moment import moment_ms
from prober.slo.state import State
from prober.slo.window import Calendar, Rolling, Span, Unit

DAY_MS = 86_400_000
MONTH = Calendar("month", Unit.MONTH, "America/New_York")
ROLLING = Rolling("rolling", 30 * DAY_MS)
SPENT = Fraction(5, 4)


def budget(window: Calendar | Rolling) -> Budget:
    return Budget("checkout", "availability", window)


def exhausted(*moments: int) -> list[Told]:
    return [Told(at_ms, State.EXHAUSTED, SPENT) for at_ms in moments]


def at(text: str) -> int:
    return moment_ms(text)


def test_a_spent_budget_opens_a_miss_that_is_due_when_its_window_is_over() -> None:
    (found,) = misses(budget(ROLLING), exhausted(5 * DAY_MS), [])
    assert found == Miss(
        slo="checkout",
        objective="availability",
        window="rolling",
        how=How.EXHAUSTED,
        opened_ms=5 * DAY_MS,
        due_ms=35 * DAY_MS,
        consumed=SPENT,
        key_ms=5 * DAY_MS,
    )


def test_only_a_spent_budget_opens_one() -> None:
    told = [Told(n, state, Fraction(0)) for n, state in enumerate(State)]
    (found,) = misses(budget(ROLLING), told, [])
    assert found.opened_ms == list(State).index(State.EXHAUSTED)


def test_a_budget_that_flaps_opens_no_second_miss_before_the_first_is_due() -> None:
    moments = (0, 1, 30 * DAY_MS - 1, 30 * DAY_MS, 60 * DAY_MS - 1)
    found = misses(budget(ROLLING), exhausted(*moments), [])
    assert [each.opened_ms for each in found] == [0, 30 * DAY_MS]


def test_a_period_has_one_miss_at_most() -> None:
    march = MONTH.period(at("2026-03-20T12:00:00Z"))
    told = exhausted(at("2026-03-20T12:00:00Z"), at("2026-03-25T12:00:00Z"))
    (found,) = misses(budget(MONTH), told, [Ended(march, False, Fraction(2))])
    assert (found.how, found.opened_ms) == (How.EXHAUSTED, told[0].at_ms)
    assert found.consumed == SPENT
    assert found.due_ms == march.end_ms == at("2026-04-01T04:00:00Z")


def test_a_period_that_ended_below_its_target_is_due_when_the_next_one_ends() -> None:
    february = MONTH.period(at("2026-02-10T00:00:00Z"))
    (found,) = misses(budget(MONTH), [], [Ended(february, False, Fraction(2))])
    assert (found.how, found.consumed) == (How.ENDED, 2)
    assert found.opened_ms == at("2026-03-01T05:00:00Z")  # winter there
    assert found.due_ms == at("2026-04-01T04:00:00Z")  # and summer


@pytest.mark.parametrize("met", [True, None])
def test_a_period_that_was_met_or_of_which_too_little_is_known_is_no_miss(
    met: bool | None,
) -> None:
    assert misses(budget(MONTH), [], [Ended(Span(0, DAY_MS), met, None)]) == ()


def test_misses_of_the_calendar_come_in_order() -> None:
    periods = [MONTH.period(at(f"2026-0{month}-10T00:00:00Z")) for month in (5, 3, 4)]
    told = exhausted(at("2026-06-02T00:00:00Z"), at("2026-04-20T00:00:00Z"))
    found = misses(budget(MONTH), told, [Ended(each, False, None) for each in periods])
    assert [(each.how, each.key_ms) for each in found] == [
        (How.ENDED, at("2026-03-01T05:00:00Z")),
        (How.EXHAUSTED, at("2026-04-01T04:00:00Z")),
        (How.ENDED, at("2026-05-01T04:00:00Z")),
        (How.EXHAUSTED, at("2026-06-01T04:00:00Z")),
    ]


def test_a_miss_has_the_same_id_however_it_is_found() -> None:
    march = MONTH.period(at("2026-03-20T12:00:00Z"))
    (spent,) = misses(budget(MONTH), exhausted(at("2026-03-20T12:00:00Z")), [])
    (ended,) = misses(budget(MONTH), [], [Ended(march, False, None)])
    assert spent.id == ended.id == "052bf557e715"
    (other,) = misses(budget(Calendar("m", Unit.MONTH, MONTH.time_zone)), exhausted(0), [])
    assert other.id != spent.id
