"""Several journeys as one number."""

from __future__ import annotations

import doctest
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from prober.slo import composite
from prober.slo.composite import ceiling, weighted

shares = st.fractions(0, 1, max_denominator=1000)
weights = st.fractions(0, 10, max_denominator=10)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(composite).failed == 0


def test_what_weighs_nothing_says_nothing() -> None:
    assert weighted([]) is None
    assert weighted([(Fraction(0), Fraction(1))]) is None
    assert weighted([(Fraction(0), Fraction(1)), (Fraction(2), Fraction(1, 3))]) == Fraction(1, 3)


def test_five_dependencies_at_three_nines_leave_no_room_for_three_nines() -> None:
    assert ceiling([Fraction("0.999")] * 5) == Fraction(999**5, 1000**5) < Fraction("0.9951")
    assert ceiling([]) == 1


@given(st.lists(st.tuples(weights, shares)))
def test_a_weighted_number_lies_between_the_best_and_the_worst(
    components: list[tuple[Fraction, Fraction]],
) -> None:
    whole = weighted(components)
    counted = [share for weight, share in components if weight]
    assert (whole is None) is (not counted)
    assert whole is None or min(counted) <= whole <= max(counted)


@given(st.lists(shares, min_size=1))
def test_a_chain_is_no_better_than_its_weakest_link(targets: list[Fraction]) -> None:
    assert ceiling(targets) <= min(targets)
