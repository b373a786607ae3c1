"""Exclusions that come again: the part of iCalendar's RRULE that maintenance windows need."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from prober.slo.window import Span
from prober.units import DAY_MS

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNTIL: Final = re.compile(r"\d{8}T\d{6}Z")


class Frequency(StrEnum):
    """From one time to the next, once or several times."""

    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
    YEARLY = "YEARLY"


_DAYS: Final = {Frequency.DAILY: 1, Frequency.WEEKLY: 7}
_MONTHS: Final = {Frequency.MONTHLY: 1, Frequency.YEARLY: 12}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """When something comes again, at the same time of day by the clocks of a place.

    A month without the day is left out. A time that clocks jump over is as much later as they
    jump; of a time that they show twice it is the first.

    Raises:
        ValueError: nobody could follow it; the message says what to write.
    """

    frequency: Frequency
    interval: int = 1
    #: So many times in all; None: no end by number.
    count: int | None = None
    #: Not after this moment; None: no end by time.
    until_ms: int | None = None
    #: An IANA name.
    time_zone: str = "UTC"

    def __post_init__(self) -> None:
        if not 1 <= self.interval <= 366:
            raise ValueError("INTERVAL is not in 1 to 366, write another")
        if self.count is not None and self.count < 1:
            raise ValueError("COUNT is below 1, write more")
        if self.count is not None and self.until_ms is not None:
            raise ValueError("COUNT and UNTIL are two ends, write one of them")
        if self.until_ms is not None and self.until_ms < 0:  # such years may lose their zeros
            raise ValueError("UNTIL lies before 1970, write UNTIL=20260801T000000Z")
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            what = f"{self.time_zone!r} is no time zone"
            raise ValueError(f"{what}, write an IANA name such as Europe/Berlin") from error

    def check(self, start_ms: int) -> None:
        """Refuse an end before the first time begins: it would never come; raises ValueError."""
        if self.until_ms is not None and self.until_ms < start_ms:
            raise ValueError("UNTIL lies before the start, write a later one")

    def to_dict(self) -> dict[str, str]:
        """As it stands in entries of the log."""
        return {"rule": self.rule, "time_zone": self.time_zone}

    @classmethod
    def from_dict(cls, body: Mapping[str, str] | None) -> Recurrence | None:
        """Inverse of `to_dict`; None of None."""
        return cls.parse(body["rule"], body["time_zone"]) if body else None

    @classmethod
    def parse(cls, rule: str, time_zone: str) -> Recurrence:
        """A rule as iCalendar writes it, such as `FREQ=WEEKLY;INTERVAL=2;COUNT=10`.

        Raises:
            ValueError: it says something else than FREQ, INTERVAL, COUNT and UNTIL.

        >>> Recurrence.parse("FREQ=DAILY;UNTIL=20260801T000000Z", "UTC").until_ms
        1785542400000
        """
        parts = dict(part.partition("=")[::2] for part in rule.split(";"))
        if unknown := sorted(parts.keys() - {"FREQ", "INTERVAL", "COUNT", "UNTIL"}):
            raise ValueError(f"{unknown[0]!r} is not known, write FREQ, INTERVAL, COUNT or UNTIL")
        if parts.get("FREQ") not in list(Frequency):
            raise ValueError("FREQ is not known, write DAILY, WEEKLY, MONTHLY or YEARLY")
        return cls(
            frequency=Frequency(parts["FREQ"]),
            interval=_whole("INTERVAL", parts.get("INTERVAL", "1")),
            count=_whole("COUNT", parts["COUNT"]) if "COUNT" in parts else None,
            until_ms=_until_ms(parts["UNTIL"]) if "UNTIL" in parts else None,
            time_zone=time_zone,
        )

    @property
    def rule(self) -> str:
        """Inverse of `parse`."""
        parts = [f"FREQ={self.frequency}", f"INTERVAL={self.interval}"]
        if self.count is not None:
            parts.append(f"COUNT={self.count}")
        if self.until_ms is not None:
            moment = _EPOCH + timedelta(milliseconds=self.until_ms)
            parts.append(f"UNTIL={moment:%Y%m%dT%H%M%SZ}")
        return ";".join(parts)

    def times(self, first: Span, window: Span) -> Iterator[Span]:
        """Every time that touches a window, oldest first, each as long as the first one.

        Args:
            first: the first time, which sets the time of day.
            window: what is asked for.
        """
        step = number = self._long_over(first, window)
        while True:
            start_ms = self._start_ms(first.start_ms, step * self.interval)
            step += 1
            if start_ms is None:
                continue
            number += 1
            if start_ms >= window.end_ms or self._ended(number, start_ms):
                return
            if start_ms + first.length_ms > window.start_ms:
                yield Span(start_ms, start_ms + first.length_ms)

    def _ended(self, number: int, start_ms: int) -> bool:
        by_number = self.count is not None and number > self.count
        return by_number or (self.until_ms is not None and start_ms > self.until_ms)

    def _long_over(self, first: Span, window: Span) -> int:
        """So many times that were over before the window need no look: days are never left out."""
        if self.frequency not in _DAYS:
            return 0
        over_ms = window.start_ms - first.end_ms - DAY_MS  # clocks may have gone back
        return max(0, over_ms // (_DAYS[self.frequency] * self.interval * DAY_MS))

    def _start_ms(self, first_ms: int, steps: int) -> int | None:
        """So many days, weeks, months or years later by the clocks; None: no such day."""
        if not steps:
            return first_ms
        first = _EPOCH + timedelta(milliseconds=first_ms)
        local = first.astimezone(ZoneInfo(self.time_zone)).replace(fold=0)
        if self.frequency in _DAYS:
            later: datetime | None = local + timedelta(days=_DAYS[self.frequency] * steps)
        else:
            later = _months_later(local, _MONTHS[self.frequency] * steps)
        if later is None:
            return None
        return (later - _EPOCH) // timedelta(milliseconds=1)


def _months_later(local: datetime, months: int) -> datetime | None:
    years, month = divmod(local.month - 1 + months, 12)
    try:
        return local.replace(year=local.year + years, month=month + 1)
    except ValueError:
        return None


def _whole(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{name} is not a whole number, write {name}=2")
    return int(text)


def _until_ms(text: str) -> int:
    try:
        if not _UNTIL.fullmatch(text):
            raise ValueError
        moment = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError("UNTIL is not a moment in UTC, write UNTIL=20260801T000000Z") from None
    return (moment - _EPOCH) // timedelta(milliseconds=1)
