"""Off-peak hours follow the clocks of their place."""

from __future__ import annotations

import doctest
from datetime import time

import pytest

from prober.slo import off_peak
from prober.slo.moment import iso, moment_ms
from prober.slo.off_peak import Hours, OffPeak

NIGHTS = Hours(start=time(22), end=time(6))
BERLIN = OffPeak("Europe/Berlin", (NIGHTS,))


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(off_peak).failed == 0


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        pytest.param("2026-07-01T21:59:59+02:00", False, id="just before they begin"),
        pytest.param("2026-07-01T22:00:00+02:00", True, id="as they begin"),
        pytest.param("2026-07-02T00:00:00+02:00", True, id="at midnight"),
        pytest.param("2026-07-02T05:59:59+02:00", True, id="just before they end"),
        pytest.param("2026-07-02T06:00:00+02:00", False, id="as they end"),
        pytest.param("2026-01-01T22:30:00+01:00", True, id="in winter, when UTC is an hour away"),
        pytest.param("2026-01-01T21:30:00+01:00", False, id="in winter, at that hour of summer"),
    ],
)
def test_hours_over_midnight(moment: str, holds: bool) -> None:
    assert BERLIN.holds(moment_ms(moment)) is holds


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        pytest.param("2026-07-03T23:00:00Z", True, id="the evening of their day"),
        pytest.param("2026-07-04T05:00:00Z", True, id="the morning after it"),
        pytest.param("2026-07-04T23:00:00Z", False, id="the evening after it"),
        pytest.param("2026-07-03T05:00:00Z", False, id="the morning of their day"),
    ],
)
def test_hours_belong_to_the_day_they_begin_on(moment: str, holds: bool) -> None:
    fridays = Hours(start=time(22), end=time(6), days=frozenset({"fri"}))
    assert OffPeak("UTC", (fridays,)).holds(moment_ms(moment)) is holds


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        pytest.param("2026-07-02T00:59:59Z", False, id="just before they begin"),
        pytest.param("2026-07-02T01:00:00Z", True, id="as they begin"),
        pytest.param("2026-07-02T02:00:00Z", False, id="as they end"),
        pytest.param("2026-07-03T01:00:00Z", False, id="on another day"),
    ],
)
def test_hours_of_one_day(moment: str, holds: bool) -> None:
    thursdays = Hours(start=time(1), end=time(2), days=frozenset({"thu"}))
    assert OffPeak("UTC", (thursdays,)).holds(moment_ms(moment)) is holds


def test_hours_that_end_as_they_begin_are_the_whole_day() -> None:
    sundays = OffPeak("UTC", (Hours(start=time(0), end=time(0), days=frozenset({"sun"})),))
    assert all(sundays.holds(moment_ms(f"2026-07-05T{hour:02}:00:00Z")) for hour in range(24))
    assert not sundays.holds(moment_ms("2026-07-06T00:00:00Z"))
    assert not sundays.holds(moment_ms("2026-07-04T23:59:59Z"))


def test_the_next_moment_is_now_within_them_and_their_beginning_else() -> None:
    assert BERLIN.next_ms(moment_ms("2026-07-02T01:00:00Z")) == moment_ms("2026-07-02T01:00:00Z")
    begins = BERLIN.next_ms(moment_ms("2026-07-02T12:00:00Z"))
    assert begins is not None
    assert iso(begins) == "2026-07-02T20:00:00Z"


def test_the_next_moment_may_be_a_week_away() -> None:
    thursdays = OffPeak("UTC", (Hours(start=time(1), end=time(2), days=frozenset({"thu"})),))
    begins = thursdays.next_ms(moment_ms("2026-07-02T02:00:00Z"))  # a Thursday
    assert begins == moment_ms("2026-07-09T01:00:00Z")
    assert thursdays.next_ms(moment_ms("2026-06-30T02:00:00Z")) == moment_ms("2026-07-02T01:00:00Z")


def test_hours_that_clocks_jump_over_do_not_begin() -> None:
    """In Berlin there was no 02:15 on 29 March, a Sunday."""
    sundays = Hours(start=time(2, 15), end=time(2, 45), days=frozenset({"sun"}))
    begins = OffPeak("Europe/Berlin", (sundays,)).next_ms(moment_ms("2026-03-28T12:00:00Z"))
    assert begins == moment_ms("2026-04-05T02:15:00+02:00")


def test_where_there_are_no_hours_no_moment_is_off_peak() -> None:
    never = OffPeak("UTC", ())
    assert not never.holds(0)
    assert never.next_ms(0) is None
