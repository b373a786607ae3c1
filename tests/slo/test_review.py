"""Reviews: due by the policy's cadence, counted from the last or from when they began to matter."""

from __future__ import annotations

from prober.slo.moment import moment_ms
from prober.slo.policy import SEED_5
from prober.slo.review import (
    Due,
    Entered,
    ReviewKind,
    budget_review,
    quarterly_review,
    reliability_review,
    stretch_ms,
)
from prober.slo.state import State

DAY_MS = 86_400_000
A, B = ("checkout", "availability", "rolling"), ("checkout", "latency", "rolling")
FULL, CAUTION, WARNING = State.FULL, State.CAUTION, State.WARNING
CRITICAL, EXHAUSTED, UNKNOWN = State.CRITICAL, State.EXHAUSTED, State.UNKNOWN


def entered(*states: State) -> list[Entered]:
    """One budget, a state a day."""
    return [Entered(day * DAY_MS, A, state) for day, state in enumerate(states)]


def test_a_stretch_begins_with_the_first_of_its_states() -> None:
    assert stretch_ms(entered(FULL, CAUTION, WARNING), (CAUTION, WARNING)) == DAY_MS
    assert stretch_ms(entered(FULL), (CAUTION,)) is None
    assert stretch_ms([], (CAUTION,)) is None


def test_a_better_state_breaks_it_and_not_to_know_does_not() -> None:
    assert stretch_ms(entered(CAUTION, FULL, CAUTION), (CAUTION,)) == 2 * DAY_MS
    assert stretch_ms(entered(CAUTION, UNKNOWN, CAUTION), (CAUTION,)) == 0
    assert stretch_ms(entered(CAUTION, UNKNOWN), (CAUTION,)) == 0
    assert stretch_ms(entered(UNKNOWN), (CAUTION,)) is None


def test_one_of_several_budgets_is_enough() -> None:
    told = [Entered(0, A, CAUTION), Entered(1, B, CAUTION), Entered(2, A, FULL)]
    assert stretch_ms(told, (CAUTION,)) == 0
    assert stretch_ms([*told, Entered(3, B, FULL)], (CAUTION,)) is None


def test_a_budget_is_reviewed_weekly_in_caution_and_daily_in_warning() -> None:
    told = entered(CAUTION)
    assert budget_review(SEED_5, [CAUTION], told, None, DAY_MS) == Due(
        ReviewKind.BUDGET, 7 * DAY_MS, None
    )
    told = entered(CAUTION, WARNING)
    assert budget_review(SEED_5, [FULL, WARNING], told, None, DAY_MS) == Due(
        ReviewKind.BUDGET, DAY_MS, None
    )


def test_the_shortest_cadence_of_its_budgets_counts() -> None:
    found = budget_review(SEED_5, [CAUTION, WARNING], entered(CAUTION), None, 0)
    assert found is not None
    assert found.due_ms == DAY_MS


def test_the_next_review_is_due_after_the_last() -> None:
    found = budget_review(SEED_5, [CAUTION], entered(CAUTION), 3 * DAY_MS, 4 * DAY_MS)
    assert found == Due(ReviewKind.BUDGET, 10 * DAY_MS, 3 * DAY_MS)
    assert not found.overdue(10 * DAY_MS - 1)
    assert found.overdue(10 * DAY_MS)


def test_a_review_of_an_earlier_stretch_does_not_count_for_this_one() -> None:
    found = budget_review(SEED_5, [CAUTION], entered(FULL, FULL, CAUTION), DAY_MS, 3 * DAY_MS)
    assert found == Due(ReviewKind.BUDGET, 9 * DAY_MS, DAY_MS)


def test_a_state_that_nobody_noted_begins_now() -> None:
    found = budget_review(SEED_5, [CAUTION], [], None, 5 * DAY_MS)
    assert found == Due(ReviewKind.BUDGET, 12 * DAY_MS, None)


def test_a_full_budget_or_an_unknown_one_asks_for_no_review() -> None:
    assert budget_review(SEED_5, [FULL, UNKNOWN], entered(CAUTION), None, 0) is None
    assert reliability_review([CRITICAL, UNKNOWN], entered(EXHAUSTED), None, 0) is None


def test_a_spent_budget_asks_for_a_reliability_review_at_once_and_once() -> None:
    told = entered(FULL, EXHAUSTED)
    due = Due(ReviewKind.RELIABILITY, DAY_MS, None)
    assert reliability_review([EXHAUSTED], told, None, 3 * DAY_MS) == due
    assert reliability_review([EXHAUSTED], told, 0, 3 * DAY_MS) == due._replace(last_ms=0)
    assert reliability_review([EXHAUSTED], told, DAY_MS, 3 * DAY_MS) is None
    assert reliability_review([EXHAUSTED], [], None, 3 * DAY_MS) == due._replace(due_ms=3 * DAY_MS)


def test_a_quarter_is_reviewed_before_the_one_after_the_last_review_is_over() -> None:
    begun_ms, last_ms = (moment_ms(f"2026-{day}T00:00:00Z") for day in ("02-10", "04-15"))
    first = quarterly_review("Europe/Berlin", begun_ms, None)
    assert first == Due(ReviewKind.QUARTERLY, moment_ms("2026-06-30T22:00:00Z"), None)
    following = quarterly_review("UTC", begun_ms, last_ms)
    assert following == Due(ReviewKind.QUARTERLY, moment_ms("2026-10-01T00:00:00Z"), last_ms)


def test_a_review_before_the_contract_began_is_none_of_its_own() -> None:
    begun_ms, last_ms = (moment_ms(f"2026-{day}T00:00:00Z") for day in ("04-15", "02-10"))
    found = quarterly_review("UTC", begun_ms, last_ms)
    assert found.due_ms == moment_ms("2026-10-01T00:00:00Z")
