"""Windows of time that an objective is judged over.

All spans are half-open, [start, end): adjacent spans share no slot and lose none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo


class Span(NamedTuple):
    """From a moment to just before another, in milliseconds since 1970."""

    start_ms: int
    end_ms: int

    @property
    def length_ms(self) -> int:
        """Milliseconds in it."""
        return self.end_ms - self.start_ms

    def holds(self, time_ms: int) -> bool:
        """Whether a moment lies in the span: its start does, its end does not."""
        return self.start_ms <= time_ms < self.end_ms

    def within(self, other: Span) -> Span:
        """The part of it that lies in another span; of length 0 when none does.

        >>> Span(0, 10).within(Span(5, 30))
        Span(start_ms=5, end_ms=10)
        """
        start_ms = max(self.start_ms, other.start_ms)
        return Span(start_ms, max(start_ms, min(self.end_ms, other.end_ms)))


class Unit(StrEnum):
    """Periods of the calendar; a week begins on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Rolling:
    """Always the last `duration_ms`."""

    name: str
    duration_ms: int
    #: Whether deploy gates look at it.
    gate: bool = True

    def period(self, as_of_ms: int) -> Span:
        """The whole window as it stands at a moment.

        >>> Rolling("rolling", 3_600_000).period(as_of_ms=10_000_000)
        Span(start_ms=6400000, end_ms=10000000)
        """
        return Span(as_of_ms - self.duration_ms, as_of_ms)

    def span(self, as_of_ms: int) -> Span:
        """The part of it that has passed: all."""
        return self.period(as_of_ms)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The day, week, month, quarter or year of a place: it begins anew with nothing burned."""

    name: str
    unit: Unit
    #: An IANA name, such as `America/New_York`.
    time_zone: str
    gate: bool = False

    def period(self, as_of_ms: int) -> Span:
        """The whole window as it stands at a moment: local midnights, real hours between them.

        >>> march = Calendar("month", Unit.MONTH, "America/New_York").period(1_774_000_000_000)
        >>> march.length_ms // 3_600_000  # the clocks went forward
        743
        """
        zone = ZoneInfo(self.time_zone)
        local = datetime.fromtimestamp(as_of_ms // 1000, zone)
        first = first_day(self.unit, local.date())
        following = _next(self.unit, first)
        if _begin_ms(following, zone) <= as_of_ms:  # clocks went back to the day before it
            first, following = following, _next(self.unit, following)
        return Span(_begin_ms(first, zone), _begin_ms(following, zone))

    def span(self, as_of_ms: int) -> Span:
        """The part of it that has passed."""
        start_ms, end_ms = self.period(as_of_ms)
        return Span(start_ms, min(as_of_ms, end_ms))


Window = Rolling | Calendar

#: So many days after the first of a period lies in the one after it, in each of them.
_LONGER = {Unit.DAY: 1, Unit.WEEK: 7, Unit.MONTH: 31, Unit.QUARTER: 92, Unit.YEAR: 366}


def first_day(unit: Unit, day: date) -> date:
    """The day on which the period begins that a day lies in.

    >>> first_day(Unit.QUARTER, date(2026, 6, 30)).isoformat()
    '2026-04-01'
    """
    match unit:
        case Unit.DAY:
            return day
        case Unit.WEEK:
            return day - timedelta(days=day.weekday())
        case Unit.MONTH:
            return day.replace(day=1)
        case Unit.QUARTER:
            return day.replace(month=day.month - (day.month - 1) % 3, day=1)
    return day.replace(month=1, day=1)


def _next(unit: Unit, first: date) -> date:
    return first_day(unit, first + timedelta(days=_LONGER[unit]))


def _begin_ms(day: date, zone: ZoneInfo) -> int:
    """The first instant of a day: not every day of every place has a midnight."""
    # By the clocks before a jump, which begins at midnight wherever it leaves none since 1970.
    return int(datetime.combine(day, time(), zone).timestamp()) * 1000
