from __future__ import annotations

import doctest
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.slo import moment
from prober.slo.moment import iso, moment_ms


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(moment).failed == 0


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-06-30T23:59:60Z", "2026-07-01T00:00:00Z"),
        ("2026-06-30T19:59:60.5-04:00", "2026-07-01T00:00:00.500Z"),
    ],
)
def test_a_leap_second_is_the_first_of_the_next_day(text: str, same: str) -> None:
    assert moment_ms(text) == moment_ms(same)


def test_two_local_times_that_read_the_same_are_an_hour_apart() -> None:
    first, second = "2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00"
    assert moment_ms(second) - moment_ms(first) == 3_600_000


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("2026-07-01T02:00:00", "with its offset"),
        ("2026-07-01", "with its offset"),
        ("yesterday", "is not a moment"),
        ("", "is not a moment"),
        ("2026-07-01T00:00:61Z", "is not a moment"),
        ("2026-07-01T00:00:00.0001Z", "is finer than a millisecond"),
    ],
)
def test_what_is_no_exact_moment_is_refused(text: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        moment_ms(text)


@given(
    st.integers(0, 253_402_300_799_999),
    st.integers(-14 * 60, 14 * 60),
)
def test_a_moment_survives_being_written(time_ms: int, offset_min: int) -> None:
    zone = timezone(timedelta(minutes=offset_min))
    written = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)
    try:
        text = written.astimezone(zone).isoformat()
    except OverflowError:  # the first hours of the year 10000 somewhere
        return
    assert moment_ms(text) == time_ms


def test_a_moment_that_cannot_be_written_is_the_nearest_that_can() -> None:
    assert iso(-1) == "1970-01-01T00:00:00Z"
    assert iso(1_999) == "1970-01-01T00:00:01Z"
    assert iso(10**17) == "9999-12-31T23:59:59Z"


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_a_moment_is_written_in_utc_wherever_it_is_asked(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", zone)
        time.tzset()
        written = iso(0)
    time.tzset()
    assert written == "1970-01-01T00:00:00Z"
