"""When a budget has room again: failures leave a rolling window as they came."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from prober.slo.gate import Change
from prober.slo.policy import SEED_5, ChangeClass
from prober.slo.reservation import Reservation
from prober.slo.room import Course, earliest_ms
from prober.slo.state import State

HOUR_MS = 3_600_000
NOON_MS = 12 * HOUR_MS


def course(*hours: int, budget: int = 10) -> Course:
    """Failures that leave so many hours from noon on."""
    leaves = sorted(NOON_MS + hour * HOUR_MS for hour in hours)
    return Course(policy=SEED_5, budget=Fraction(budget), leaves=leaves)


def feature(estimate: str | None = None, *, high_risk: bool = False) -> Change:
    return Change(
        kind=ChangeClass.FEATURE,
        high_risk=high_risk,
        estimate=None if estimate is None else Fraction(estimate),
    )


def test_a_failure_counts_until_it_leaves() -> None:
    spent = course(1, 1, 3)
    assert [spent.consumed(NOON_MS + n) for n in (0, HOUR_MS - 1, HOUR_MS, 3 * HOUR_MS)] == [
        Fraction(3, 10),
        Fraction(3, 10),
        Fraction(1, 10),
        Fraction(0),
    ]


@pytest.mark.parametrize(
    ("courses", "change", "hours"),
    [
        pytest.param([course()], feature(), 0, id="now, where nothing is spent"),
        pytest.param(
            [course(*range(1, 8))], feature(), 3, id="when a frozen budget is CAUTION again"
        ),
        pytest.param(
            [course(*range(1, 4))], feature("1/5"), 3, id="when the estimate stays in its band"
        ),
        pytest.param(
            [course(1, 2, 3, 4, 5, 6), course(*range(3, 10))],
            feature(),
            5,
            id="when the last of several budgets has room",
        ),
    ],
)
def test_the_earliest_moment_is(courses: list[Course], change: Change, hours: int) -> None:
    found = earliest_ms(courses, change, NOON_MS)
    assert found is not None
    assert (found - NOON_MS) / HOUR_MS == hours


@pytest.mark.parametrize(
    ("until_hours", "hours"),
    [
        pytest.param(None, 3, id="as if what is kept back were consumed"),
        pytest.param(2, 2, id="when nothing is kept back any more"),
    ],
)
def test_what_is_kept_back_leaves_less_room(until_hours: int | None, hours: int) -> None:
    until_ms = None if until_hours is None else NOON_MS + until_hours * HOUR_MS
    launch = Reservation(
        id="r1", slo="s", share=Fraction(1, 10), reason="the launch", reserved_ms=0,
        until_ms=until_ms,
    )  # fmt: skip
    kept = replace(course(3, 4, 5, 6), reservations=(launch,))
    found = earliest_ms([kept], feature("1/20"), NOON_MS)
    assert found == NOON_MS + hours * HOUR_MS


def test_how_much_room_there_is_is_the_policys_word() -> None:
    strict = replace(SEED_5, bands=((Fraction(0), State.FULL), (Fraction(1, 10), State.EXHAUSTED)))
    assert earliest_ms([replace(course(2, 5), policy=strict)], feature(), NOON_MS) == (
        NOON_MS + 5 * HOUR_MS
    )


def test_an_estimate_larger_than_a_band_never_fits() -> None:
    assert earliest_ms([course(1, 2)], feature("1/4"), NOON_MS) is None


def test_high_risk_waits_for_the_night_unless_the_budget_is_full_before() -> None:
    risky = feature(high_risk=True)
    assert earliest_ms([course(20, 20, 20)], risky, NOON_MS) == NOON_MS + 10 * HOUR_MS
    assert earliest_ms([course(2, 20, 20)], risky, NOON_MS) == NOON_MS + 2 * HOUR_MS
