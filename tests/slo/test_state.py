"""Band edges belong to the stricter side, exactly."""

from __future__ import annotations

import doctest
from fractions import Fraction

import pytest

from prober.slo import state
from prober.slo.state import SEED_5_BANDS, State, state_of

#: Smaller than any step a real count could make.
LITTLE = Fraction(1, 10**30)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(state).failed == 0


@pytest.mark.parametrize(("edge", "state"), SEED_5_BANDS, ids=str)
def test_an_edge_belongs_to_the_band_above_it(edge: Fraction, state: State) -> None:
    assert state_of(edge) is state
    assert state_of(edge + LITTLE) is state


@pytest.mark.parametrize(
    ("edge", "below"),
    [
        ("1/4", State.FULL),
        ("1/2", State.CAUTION),
        ("3/4", State.WARNING),
        ("1", State.CRITICAL),
    ],
)
def test_just_below_an_edge_the_milder_band_holds(edge: str, below: State) -> None:
    assert state_of(Fraction(edge) - LITTLE) is below


def test_an_overspent_budget_stays_exhausted() -> None:
    assert state_of(Fraction(100)) is State.EXHAUSTED


def test_bands_can_be_others() -> None:
    bands = ((Fraction(0), State.FULL), (Fraction(1, 10), State.EXHAUSTED))
    assert [state_of(Fraction(n, 20), bands) for n in (1, 2)] == [State.FULL, State.EXHAUSTED]
