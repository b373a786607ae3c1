"""Recurrences, against a calendar: the clocks of a place, its months, and its odd nights."""

from __future__ import annotations

import doctest
import re
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.slo import recurrence
from prober.slo.moment import moment_ms
from prober.slo.recurrence import Frequency, Recurrence
from prober.slo.window import Span

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
EVER = Span(0, 4_102_444_800_000)  # to 2100


def starts(rule: str, zone: str, first: str, limit: int = 4, window: Span = EVER) -> list[str]:
    """The local beginnings of an hour that comes again."""
    start_ms = moment_ms(first)
    times = Recurrence.parse(rule, zone).times(Span(start_ms, start_ms + HOUR_MS), window)
    found = []
    for time in islice(times, limit):
        assert time.length_ms == HOUR_MS
        local = datetime.fromtimestamp(time.start_ms // 1000, ZoneInfo(zone))
        found.append(local.strftime("%Y-%m-%d %H:%M %z"))
    return found


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(recurrence).failed == 0


def test_it_comes_at_the_same_time_by_the_clocks_of_the_place() -> None:
    assert starts("FREQ=WEEKLY", "Europe/Berlin", "2026-03-22T01:00:00Z", 3) == [
        "2026-03-22 02:00 +0100",
        "2026-03-29 03:00 +0200",  # 02:00 was skipped
        "2026-04-05 02:00 +0200",
    ]


def test_of_a_time_that_clocks_show_twice_it_is_the_first() -> None:
    assert starts("FREQ=DAILY", "America/New_York", "2026-10-31T05:30:00Z", 3) == [
        "2026-10-31 01:30 -0400",
        "2026-11-01 01:30 -0400",
        "2026-11-02 01:30 -0500",
    ]


def test_the_first_time_is_followed_as_it_was_given() -> None:
    assert starts("FREQ=DAILY", "America/New_York", "2026-11-01T06:30:00Z", 2) == [
        "2026-11-01 01:30 -0500",
        "2026-11-02 01:30 -0500",
    ]


def test_a_first_time_that_was_the_second_of_two_does_not_make_the_others_so() -> None:
    rule = "FREQ=YEARLY;INTERVAL=6"
    assert starts(rule, "America/New_York", "2020-11-01T06:30:00Z", 2) == [
        "2020-11-01 01:30 -0500",
        "2026-11-01 01:30 -0400",
    ]


def test_a_month_without_the_day_is_left_out_and_not_counted() -> None:
    assert starts("FREQ=MONTHLY;COUNT=3", "UTC", "2026-01-31T02:00:00Z", 9) == [
        "2026-01-31 02:00 +0000",
        "2026-03-31 02:00 +0000",
        "2026-05-31 02:00 +0000",
    ]


def test_the_29th_of_february_comes_every_fourth_year() -> None:
    found = starts("FREQ=YEARLY;INTERVAL=1", "UTC", "2024-02-29T00:00:00Z", 3)
    assert [text[:4] for text in found] == ["2024", "2028", "2032"]


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("FREQ=DAILY;INTERVAL=3", [0, 3, 6, 9]),
        ("FREQ=WEEKLY;INTERVAL=2", [0, 14, 28, 42]),
        ("FREQ=DAILY;COUNT=2", [0, 1]),
        ("FREQ=DAILY;UNTIL=20260703T020000Z", [0, 1, 2]),
        ("FREQ=DAILY;UNTIL=20260703T015959Z", [0, 1]),
    ],
)
def test_a_rule_says_how_often_and_until_when(rule: str, days: list[int]) -> None:
    first = datetime(2026, 7, 1, 2, tzinfo=UTC)
    expected = [(first + timedelta(days=n)).strftime("%Y-%m-%d %H:%M +0000") for n in days]
    assert starts(rule, "UTC", "2026-07-01T02:00:00Z") == expected


def test_only_times_that_touch_the_window_are_told() -> None:
    first_ms = moment_ms("2016-07-01T02:00:00Z")
    first = Span(first_ms, first_ms + 2 * DAY_MS)
    window = Span(moment_ms("2026-07-01T02:00:00Z"), moment_ms("2026-07-02T02:00:00Z"))
    times = list(Recurrence.parse("FREQ=DAILY", "Europe/Berlin").times(first, window))
    assert times == [
        Span(window.start_ms - DAY_MS, window.start_ms + DAY_MS),
        Span(window.start_ms, window.start_ms + 2 * DAY_MS),
    ]


@pytest.mark.parametrize(
    ("rule", "days"),
    [("FREQ=DAILY;INTERVAL=3", 3), ("FREQ=WEEKLY;INTERVAL=2", 14), ("FREQ=DAILY;INTERVAL=40", 40)],
)
def test_a_window_years_later_holds_what_comes_then(rule: str, days: int) -> None:
    first = Span(0, HOUR_MS)
    window = Span(120 * days * DAY_MS, 121 * days * DAY_MS)
    found = list(Recurrence.parse(rule, "UTC").times(first, window))
    assert found == [Span(window.start_ms, window.start_ms + HOUR_MS)]


def test_a_time_that_begins_within_a_second_comes_again_to_the_millisecond() -> None:
    times = Recurrence.parse("FREQ=DAILY", "Europe/Berlin").times(Span(999, 1999), EVER)
    assert [repr(each) for each in islice(times, 2)] == [
        "Span(start_ms=999, end_ms=1999)",
        "Span(start_ms=86400999, end_ms=86401999)",
    ]


def test_a_time_that_is_an_hour_later_than_days_make_it_is_not_over() -> None:
    """Berlin's clocks went back in the night to 25 October."""
    start_ms = moment_ms("2026-10-27T01:30:00Z")
    window = Span(start_ms, start_ms + HOUR_MS)
    found = starts("FREQ=DAILY", "Europe/Berlin", "2026-10-20T00:00:00Z", window=window)
    assert found == ["2026-10-27 02:00 +0100"]


@settings(deadline=None)
@given(
    st.builds(
        Recurrence,
        frequency=st.sampled_from(Frequency),
        interval=st.integers(1, 40),
        count=st.none() | st.integers(1, 60),
        time_zone=st.sampled_from(["UTC", "America/New_York", "Europe/Berlin"]),
    ),
    st.integers(0, 10**12),
    st.integers(1, 3 * DAY_MS),
    st.integers(0, 2 * 10**12),
    st.integers(0, 400 * DAY_MS),
)
def test_what_a_window_holds_is_a_part_of_all_times(
    every: Recurrence, first_ms: int, length_ms: int, start_ms: int, span_ms: int
) -> None:
    """Whatever is skipped for speed was over."""
    first, window = Span(first_ms, first_ms + length_ms), Span(start_ms, start_ms + span_ms)
    touching = [
        time
        for time in every.times(first, Span(first_ms, window.end_ms))
        if time.end_ms > window.start_ms
    ]
    assert list(every.times(first, window)) == touching


@given(
    st.builds(
        Recurrence,
        frequency=st.sampled_from(Frequency),
        interval=st.integers(1, 366),
        count=st.none() | st.integers(1, 99),
    )
    | st.builds(
        Recurrence,
        frequency=st.sampled_from(Frequency),
        until_ms=st.integers(0, 4 * 10**9).map(lambda seconds: seconds * 1000),
        time_zone=st.just("Asia/Kathmandu"),
    )
)
def test_a_rule_survives_being_written(every: Recurrence) -> None:
    assert Recurrence.parse(every.rule, every.time_zone) == every


KEYS = "write FREQ, INTERVAL, COUNT or UNTIL"
OFTEN = "FREQ is not known, write DAILY, WEEKLY, MONTHLY or YEARLY"
RANGE = "INTERVAL is not in 1 to 366, write another"
UNTIL = "write UNTIL=20260801T000000Z"
MOMENT = f"UNTIL is not a moment in UTC, {UNTIL}"
PLACE = "write an IANA name such as Europe/Berlin"


@pytest.mark.parametrize(
    ("rule", "zone", "what"),
    [
        ("", "UTC", f"'' is not known, {KEYS}"),
        ("FREQ", "UTC", OFTEN),
        ("FREQ=DAILY=", "UTC", OFTEN),
        ("FREQ=HOURLY", "UTC", OFTEN),
        ("INTERVAL=2", "UTC", OFTEN),
        ("FREQ=DAILY;BYDAY=MO", "UTC", f"'BYDAY' is not known, {KEYS}"),
        ("FREQ=DAILY;INTERVAL=0", "UTC", RANGE),
        ("FREQ=DAILY;INTERVAL=367", "UTC", RANGE),
        ("FREQ=DAILY;INTERVAL=x", "UTC", "INTERVAL is not a whole number, write INTERVAL=2"),
        ("FREQ=DAILY;COUNT=0", "UTC", "COUNT is below 1, write more"),
        ("FREQ=DAILY;COUNT=٣", "UTC", "COUNT is not a whole number, write COUNT=2"),
        (
            "FREQ=DAILY;COUNT=1;UNTIL=20260801T000000Z",
            "UTC",
            "COUNT and UNTIL are two ends, write one of them",
        ),
        ("FREQ=DAILY;UNTIL=20260801", "UTC", MOMENT),
        ("FREQ=DAILY;UNTIL=20260832T000000Z", "UTC", MOMENT),
        ("FREQ=WEEKLY;UNTIL=02260801T000000Z", "UTC", f"UNTIL lies before 1970, {UNTIL}"),
        ("FREQ=WEEKLY;UNTIL=19691231T235959Z", "UTC", f"UNTIL lies before 1970, {UNTIL}"),
        ("FREQ=DAILY", "Mars/Olympus", f"'Mars/Olympus' is no time zone, {PLACE}"),
        ("FREQ=DAILY", "", f"'' is no time zone, {PLACE}"),
        ("FREQ=DAILY", "../UTC", f"'../UTC' is no time zone, {PLACE}"),
    ],
)
def test_what_nobody_could_follow_is_refused(rule: str, zone: str, what: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(what)}$"):
        Recurrence.parse(rule, zone)


def test_an_end_before_the_first_time_is_refused() -> None:
    daily = Recurrence.parse("FREQ=DAILY;UNTIL=20260801T000000Z", "UTC")
    ends_ms = moment_ms("2026-08-01T00:00:00Z")
    daily.check(ends_ms)
    with pytest.raises(ValueError, match=r"^UNTIL lies before the start, write a later one$"):
        daily.check(ends_ms + 1)
    Recurrence.parse("FREQ=DAILY", "UTC").check(ends_ms + 1)


def test_an_end_at_the_beginning_of_1970_is_written_and_read_again() -> None:
    first = Recurrence(frequency=Frequency.DAILY, until_ms=0)
    assert Recurrence.parse(first.rule, "UTC") == first


def test_an_interval_of_a_leap_year_of_days_is_the_longest() -> None:
    assert Recurrence.parse("FREQ=DAILY;INTERVAL=366", "UTC").interval == 366
