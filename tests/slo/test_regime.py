"""What measured changed, and whether latency moved with it."""

from __future__ import annotations

import doctest
import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.slo import regime
from prober.slo.regime import LEAST, Change, Median, changed, middle

WHAT = {"browser": ("141.0", "142.0")}


def change(before: list[int], after: list[int]) -> Change:
    return Change(
        region="eu-west-1", at_ms=0, what=WHAT, before=middle(before), after=middle(after)
    )


def around(middle_us: int, n: int = 100, seed: int = 1) -> list[int]:
    """Durations that vary by a fifth."""
    dice = random.Random(seed)
    return [round(middle_us * dice.uniform(0.8, 1.2)) for _ in range(n)]


def test_a_step_in_latency_is_told_with_what_changed() -> None:
    found = change([1_200_000] * 40, [1_620_000] * 40)
    assert found.moved == Fraction(35, 100)
    assert found.text == (
        "latency moved by 35% (1.2 s to 1.62 s) at 1970-01-01T00:00:00Z in eu-west-1, "
        "when browser 141.0 became 142.0"
    )


def test_a_step_down_is_one_too() -> None:
    assert change([1000] * 40, [500] * 40).moved == Fraction(-1, 2)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([1000] * 40, [1099] * 40, id="less than a tenth"),
        pytest.param([1000] * 40, [2000] * (LEAST - 1), id="too few runs after it"),
        pytest.param([1000] * (LEAST - 1), [2000] * 40, id="too few runs before it"),
        pytest.param([0] * 40, [2000] * 40, id="nothing to be a share of"),
        pytest.param([1] * 19 + [9] * 21, [1] * 21 + [9] * 19, id="the intervals overlap"),
    ],
)
def test_a_difference_that_may_be_chance_or_is_small_is_not_told(
    before: list[int], after: list[int]
) -> None:
    found = change(before, after)
    assert (found.moved, found.text) == (None, "")


def test_a_tenth_is_enough_where_the_intervals_lie_apart() -> None:
    assert change([1000] * 40, [1100] * 40).moved == Fraction(1, 10)


@pytest.mark.parametrize(
    "after",
    [Median(40, Fraction(2000), 1100, 2100), Median(40, Fraction(500), 400, 900)],
    ids=["above", "below"],
)
def test_intervals_that_touch_are_not_apart(after: Median) -> None:
    before = Median(40, Fraction(1000), 900, 1100)
    found = Change(region="eu-west-1", at_ms=0, what=WHAT, before=before, after=after)
    assert found.moved is None
    nearly = after._replace(low_us=after.low_us + 1, high_us=after.high_us - 1)
    assert Change(region="eu", at_ms=0, what=WHAT, before=before, after=nearly).moved


def test_all_that_changed_is_told_and_numbers_are_cut() -> None:
    found = Change(
        region="eu-west-1",
        at_ms=0,
        what={"browser": ("141.0", "142.0"), "machine": ("a" * 64, "b" * 64)},
        before=middle([1_234_567] * 40),
        after=middle([1_502_345] * 40),
    )
    assert found.text == (
        "latency moved by 21.6% (1.234 s to 1.502 s) at 1970-01-01T00:00:00Z in eu-west-1, "
        f"when browser 141.0 became 142.0, machine {'a' * 20} became {'b' * 20}"
    )


def test_an_interval_reaches_196_hundredths_of_a_root_to_both_sides() -> None:
    assert doctest.testmod(regime).failed == 0
    for n, low in ((32, 10), (51, 19)):
        assert middle(range(n)) == Median(n, Fraction(n - 1, 2), low, n - 1 - low)


def test_noise_alone_is_seldom_taken_for_a_step() -> None:
    told = [
        change(around(1_000_000, seed=seed), around(1_000_000, seed=-1 - seed)).moved
        for seed in range(200)
    ]
    assert sum(share is not None for share in told) == 0


def test_a_real_step_is_seen_through_the_noise() -> None:
    told = [
        change(around(1_000_000, seed=seed), around(1_250_000, seed=-1 - seed)).moved
        for seed in range(200)
    ]
    assert all(share is not None for share in told)


def test_only_what_both_regimes_say_can_differ() -> None:
    old = {"browser": "141", "prober": "1", "journey": "a"}
    assert changed(old, {"browser": "141", "prober": "2", "machine": "m"}) == {"prober": ("1", "2")}
    assert changed(old, {**old, "mood": "new"}) == {}
    assert changed(old, {}) == {}


def test_a_long_digest_is_told_by_its_beginning() -> None:
    found = Change(
        region="eu",
        at_ms=0,
        what={"journey": ("a" * 64, "b" * 64)},
        before=middle([1000] * 40),
        after=middle([2000] * 40),
    )
    assert found.text.endswith(f"when journey {'a' * 20} became {'b' * 20}")


@given(st.lists(st.integers(0, 10**9), min_size=LEAST, max_size=300))
def test_a_median_lies_in_its_interval(durations: list[int]) -> None:
    found = middle(durations)
    assert isinstance(found, Median)
    assert found.low_us <= found.middle_us <= found.high_us
    assert found.runs == len(durations)
