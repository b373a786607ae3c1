"""Durations and shares are exact, and what is not one is refused with the mend."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober import units
from prober.units import duration_ms, format_ms, percent, share


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(units).failed == 0


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("1ms", 1),
        ("90s", 90_000),
        ("1.5m", 90_000),
        ("6h", 21_600_000),
        ("30d", 2_592_000_000),
        ("2w", 1_209_600_000),
        ("0.1s", 100),
    ],
)
def test_a_duration_is_milliseconds(text: str, expected_ms: int) -> None:
    assert duration_ms(text) == expected_ms


@pytest.mark.parametrize(
    "text",
    ["", "5", "5 m", "m", "-5m", "1e3s", "5M", "1h30m", "5 minutes", 300, 5.0, None, True],
)
def test_what_is_no_duration_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match="is not a duration, write a number and ms, s"):
        duration_ms(text)


@pytest.mark.parametrize("text", ["0s", "0.5ms", "0.0001s"])
def test_a_duration_is_a_whole_number_of_milliseconds_above_zero(text: str) -> None:
    with pytest.raises(ValueError, match="is not a whole number of milliseconds above 0"):
        duration_ms(text)


@settings(deadline=None)
@given(st.integers(min_value=1, max_value=10**12))
def test_a_formatted_duration_reads_back_as_itself(span_ms: int) -> None:
    assert duration_ms(format_ms(span_ms)) == span_ms


@pytest.mark.parametrize("text", ["1001000d", "99999999999999999999w"])
def test_a_duration_is_shorter_than_a_thousand_years(text: str) -> None:
    assert duration_ms("365000d") == 365_000 * units.DAY_MS
    with pytest.raises(ValueError, match="is more than a thousand years, write less"):
        duration_ms(text)


@pytest.mark.parametrize("read", [duration_ms, share])
def test_digits_without_end_are_refused_at_once(read: Callable[[object], object]) -> None:
    for text in ("9" * 100_000 + "w", "0." + "0" * 100_000 + "1%"):
        with pytest.raises(ValueError, match=r"is not a (duration|share)"):
            read(text)


def test_no_time_at_all_is_written_in_milliseconds() -> None:
    assert format_ms(0) == "0ms"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("99.5%", Fraction(199, 200)),
        ("0.995", Fraction(199, 200)),
        (" 99.5% ", Fraction(199, 200)),
        ("100%", Fraction(1)),
        ("1", Fraction(1)),
        ("0%", Fraction(0)),
        ("99.999999999999999999%", 1 - Fraction(1, 10**20)),
    ],
)
def test_a_share_is_an_exact_fraction(text: str, expected: Fraction) -> None:
    assert share(text) == expected


@pytest.mark.parametrize("text", [99.5, 1, None, "", "half", "-1%", "50 %", "1/2", "nan"])
def test_what_is_no_share_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match=r'is not a share, write a string such as "99\.5%"'):
        share(text)


def test_a_number_that_could_be_a_percentage_is_refused() -> None:
    with pytest.raises(ValueError, match=r'is more than everything, write "99\.9%"'):
        share("99.9")


def test_more_than_everything_is_no_share() -> None:
    with pytest.raises(ValueError, match="is more than everything, write at most 100%"):
        share("100.1%")


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        pytest.param(Fraction(1), 3, "100%", id="everything"),
        pytest.param(Fraction(0), 3, "0%", id="nothing"),
        pytest.param(Fraction(999_999, 1_000_000), 3, "99.999%", id="just below everything"),
        pytest.param(Fraction(-1, 3), 2, "-33.33%", id="overspent"),
        pytest.param(Fraction(1, 2), 0, "50%", id="without decimals"),
        pytest.param(Fraction(5, 2), 1, "250%", id="more than everything"),
    ],
)
def test_a_percentage_is_cut_towards_zero(value: Fraction, places: int, text: str) -> None:
    assert percent(value, places) == text


@settings(deadline=None)
@given(st.fractions(min_value=0, max_value=1).filter(lambda value: value < 1))
def test_nothing_short_of_everything_reads_as_everything(value: Fraction) -> None:
    assert percent(value) != "100%"
