"""Windows are half-open: adjacent ones share no slot and lose none, whatever the clocks do."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.slo import window
from prober.slo.moment import iso, moment_ms
from prober.slo.window import Calendar, Rolling, Span, Unit

HOUR_MS = 3_600_000
#: Clocks that jump over midnight, go back over it, or lost a day.
ZONES = (
    "UTC",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Havana",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
)
MOMENTS = st.integers(0, 4_102_444_800_000)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(window).failed == 0


def test_a_window_holds_its_start_and_not_its_end() -> None:
    span = Rolling("hour", 3_600_000).span(as_of_ms=7_200_000)
    assert span == Span(3_600_000, 7_200_000)
    assert [span.holds(ms) for ms in (3_599_999, 3_600_000, 7_199_999, 7_200_000)] == [
        False,
        True,
        True,
        False,
    ]


def test_what_two_spans_share_is_empty_where_they_share_nothing() -> None:
    assert Span(0, 10).within(Span(20, 30)).length_ms == 0
    assert Span(20, 30).within(Span(0, 10)).length_ms == 0
    assert Span(5, 8).within(Span(0, 10)) == Span(5, 8)


@settings(deadline=None)
@given(st.integers(), st.integers(min_value=1), st.integers())
def test_a_moment_lies_in_exactly_one_of_two_adjacent_windows(
    as_of_ms: int, duration_ms: int, time_ms: int
) -> None:
    rolling = Rolling("rolling", duration_ms)
    now = rolling.span(as_of_ms)
    before = rolling.span(now.start_ms)
    both = Span(before.start_ms, now.end_ms)
    assert before.holds(time_ms) + now.holds(time_ms) == both.holds(time_ms)


@pytest.mark.parametrize(
    ("unit", "zone", "as_of", "start", "hours"),
    [
        (Unit.MONTH, "America/New_York", "2026-03-20T00:00:00Z", "2026-03-01T05:00:00Z", 743),
        (Unit.MONTH, "America/New_York", "2026-11-20T00:00:00Z", "2026-11-01T04:00:00Z", 721),
        (Unit.QUARTER, "America/New_York", "2026-02-20T00:00:00Z", "2026-01-01T05:00:00Z", 2159),
        (Unit.QUARTER, "America/New_York", "2026-12-20T00:00:00Z", "2026-10-01T04:00:00Z", 2209),
        (Unit.MONTH, "Europe/Berlin", "2026-10-20T00:00:00Z", "2026-09-30T22:00:00Z", 745),
        (Unit.MONTH, "America/Sao_Paulo", "2018-11-20T00:00:00Z", "2018-11-01T03:00:00Z", 719),
        (Unit.YEAR, "UTC", "2028-02-29T00:00:00Z", "2028-01-01T00:00:00Z", 366 * 24),
        (Unit.WEEK, "UTC", "2026-07-05T23:59:59Z", "2026-06-29T00:00:00Z", 168),
    ],
)
def test_a_calendar_window_is_as_long_as_its_hours_were(
    unit: Unit, zone: str, as_of: str, start: str, hours: int
) -> None:
    period = Calendar("window", unit, zone).period(moment_ms(as_of))
    assert (iso(period.start_ms), period.length_ms) == (start, hours * HOUR_MS)


def test_a_day_without_midnight_begins_with_its_first_instant() -> None:
    """On 4 November 2018 the clocks of São Paulo went from 23:59:59 to 01:00."""
    day = Calendar("day", Unit.DAY, "America/Sao_Paulo")
    period = day.period(moment_ms("2018-11-04T12:00:00Z"))
    assert (iso(period.start_ms), period.length_ms) == ("2018-11-04T03:00:00Z", 23 * HOUR_MS)


def test_days_begin_with_their_first_instant_wherever_clocks_change() -> None:
    """Whatever a place may decide: one whose clocks jump from before midnight would show here."""
    weeks = [datetime(2026, 1, 5, 12, tzinfo=UTC) + timedelta(weeks=n) for n in range(105)]
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        changes = [
            week
            for week, following in pairwise(weeks)
            if week.astimezone(zone).utcoffset() != following.astimezone(zone).utcoffset()
        ]
        for week, number in product(changes, range(8)):
            noon = (week + timedelta(days=number)).replace(tzinfo=zone)
            start_ms, _ = Calendar("day", Unit.DAY, name).period(int(noon.timestamp()) * 1000)
            first = datetime.fromtimestamp(start_ms // 1000, zone)
            last = datetime.fromtimestamp(start_ms // 1000 - 1, zone)
            assert last.date() < first.date() == noon.date(), (name, noon)


def test_a_day_with_two_midnights_begins_with_the_first() -> None:
    """On 1 November 2026 the clocks of Havana go from 01:00 back to 00:00."""
    day = Calendar("day", Unit.DAY, "America/Havana")
    for moment in ("2026-11-01T04:30:00Z", "2026-11-01T05:30:00Z"):
        period = day.period(moment_ms(moment))
        assert (iso(period.start_ms), period.length_ms) == ("2026-11-01T04:00:00Z", 25 * HOUR_MS)


def test_clocks_that_go_back_to_the_day_before_do_not_begin_it_again() -> None:
    """On 7 November 2010 the clocks of St. John's went from 00:01 back to 23:01."""
    day = Calendar("day", Unit.DAY, "America/St_Johns")
    for moment in ("2010-11-07T02:30:00Z", "2010-11-07T02:45:00Z", "2010-11-07T03:30:00Z"):
        period = day.period(moment_ms(moment))
        assert (iso(period.start_ms), period.length_ms) == ("2010-11-07T02:30:00Z", 25 * HOUR_MS)


def test_of_a_calendar_window_the_part_that_has_passed_is_counted() -> None:
    month = Calendar("month", Unit.MONTH, "UTC")
    as_of_ms = moment_ms("2026-06-02T00:00:00Z")
    assert month.span(as_of_ms) == Span(moment_ms("2026-06-01T00:00:00Z"), as_of_ms)
    assert month.period(as_of_ms).end_ms == moment_ms("2026-07-01T00:00:00Z")


@settings(deadline=None)
@given(st.sampled_from(Unit), st.sampled_from(ZONES), MOMENTS)
def test_calendar_windows_follow_one_another_without_gap(
    unit: Unit, zone: str, as_of_ms: int
) -> None:
    calendar = Calendar("window", unit, zone)
    period = calendar.period(as_of_ms)
    assert period.holds(as_of_ms)
    assert calendar.period(period.start_ms) == period == calendar.period(period.end_ms - 1)
    assert calendar.period(period.end_ms).start_ms == period.end_ms
    assert calendar.period(period.start_ms - 1).end_ms == period.start_ms
