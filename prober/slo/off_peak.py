"""Off-peak hours: when a team would rather take a risk, in its own time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: Two weeks, for clocks may jump over the hours of one, and the day they started on, whose hours
#: may have passed.
_AHEAD: Final = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """From one time of the day to just before another; over midnight when that is not later."""

    start: time
    end: time
    #: On which the hours begin: of `DAYS`.
    days: frozenset[str] = frozenset(DAYS)

    def hold(self, local: datetime) -> bool:
        """Whether a local time lies in them."""
        today, yesterday = DAYS[local.weekday()], DAYS[local.weekday() - 1]
        moment = local.time()
        if self.start < self.end:
            return today in self.days and self.start <= moment < self.end
        return (today in self.days and moment >= self.start) or (
            yesterday in self.days and moment < self.end
        )


@dataclass(frozen=True, slots=True)
class OffPeak:
    """The off-peak hours of a place."""

    #: An IANA name, such as `America/New_York`.
    time_zone: str
    hours: tuple[Hours, ...]

    def holds(self, time_ms: int) -> bool:
        """Whether a moment is off-peak."""
        local = self._local(time_ms)
        return any(hours.hold(local) for hours in self.hours)

    def next_ms(self, time_ms: int) -> int | None:
        """The first off-peak moment from one on; None: there are no such hours.

        >>> nights = OffPeak("Europe/Berlin", (Hours(start=time(22), end=time(6)),))
        >>> nights.next_ms(1_782_864_000_000) - 1_782_864_000_000  # from 02:00 in July
        0
        """
        if self.holds(time_ms):
            return time_ms
        local = self._local(time_ms)
        starts = (
            datetime.combine(local.date() + timedelta(days=n), hours.start, local.tzinfo)
            for n in range(_AHEAD)
            for hours in self.hours
            if DAYS[(local.weekday() + n) % 7] in hours.days
        )
        moments = [int(start.timestamp()) * 1000 for start in starts]
        # Clocks may jump over hours, which then begin and are none.
        begins = (each for each in moments if each >= time_ms and self.holds(each))
        return min(begins, default=None)

    def _local(self, time_ms: int) -> datetime:
        return datetime.fromtimestamp(time_ms // 1000, ZoneInfo(self.time_zone))
