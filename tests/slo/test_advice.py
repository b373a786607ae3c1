"""When to act, when not to, and why."""

from __future__ import annotations

import doctest
from fractions import Fraction

import pytest

from prober.slo import advice
from prober.slo.advice import Advice, Firing, advise, urgency
from prober.slo.alert import PAGE, TICKET
from prober.slo.state import State

MONTH_MS = 30 * 86_400_000
PAGED, TICKETED = Firing(PAGE, "an outage"), Firing(TICKET, "a leak")


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(advice).failed == 0


@pytest.mark.parametrize(
    ("told", "state", "expected", "reason"),
    [
        ([TICKETED, PAGED], State.FULL, Advice.ACT_NOW, "an outage"),
        ([TICKETED], State.EXHAUSTED, Advice.TICKET, "a leak"),
        ([], State.UNKNOWN, Advice.TICKET, "nobody knows how it stands: no run yet"),
        (
            [],
            State.EXHAUSTED,
            Advice.TICKET,
            "the budget is spent: what the policy says for it holds",
        ),
        ([], State.CRITICAL, Advice.NO_ACTION, "burns at 5x: a full budget would last 6d"),
        ([], State.FULL, Advice.NO_ACTION, "burns at 5x: a full budget would last 6d"),
    ],
)
def test_the_gravest_thing_decides(
    told: list[Firing], state: State, expected: Advice, reason: str
) -> None:
    assert advise(told, state, "no run yet", Fraction(5), MONTH_MS) == (expected, reason)


@pytest.mark.parametrize(
    ("burn", "said"),
    [
        (Fraction(5), "burns at 5x: a full budget would last 6d"),
        (Fraction(1000), "burns at 1000x: a full budget would last 43m"),
        (Fraction(3, 2), "burns at 1.5x: a full budget would last 20d"),
        (Fraction(1), "burns at 1x: no faster than the budget allows"),
        (Fraction(1, 2), "burns at 0.5x: no faster than the budget allows"),
        (Fraction(0), "is not burning"),
        (None, "no verdict of late"),
    ],
)
def test_urgency_is_how_long_a_budget_lasts(burn: Fraction | None, said: str) -> None:
    assert urgency(burn, MONTH_MS) == said
