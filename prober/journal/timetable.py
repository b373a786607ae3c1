"""The schedules of a journey in a region, one after another: which slots were due, or will be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from prober.model import Schedule
from prober.slo.window import Span


@dataclass(frozen=True, slots=True)
class Timetable:
    """Schedules, at least one, oldest first; each is in force until the next one begins."""

    schedules: tuple[Schedule, ...]

    @property
    def from_ms(self) -> int:
        """When the first schedule began."""
        return self.schedules[0].from_ms

    def every_ms(self, end_ms: int) -> int | None:
        """From slot to slot, of the schedule in force just before a moment; None: no slots."""
        begun = [schedule.every_ms for schedule in self.schedules if schedule.from_ms < end_ms]
        return begun[-1] or None if begun else None

    def due(self, span: Span) -> int:
        """Slots in a span, none from before the first schedule."""
        start_ms, end_ms = span
        due, until_ms = 0, end_ms
        for schedule in reversed(self.schedules):  # the last ones are those asked for
            due += schedule.count(max(start_ms, schedule.from_ms), until_ms)
            if schedule.from_ms <= start_ms:
                break
            until_ms = min(until_ms, schedule.from_ms)
        return due

    def young(self, end_ms: int) -> Iterator[int]:
        """Slots less than a period before a moment: their runs may still be going."""
        for schedule, until_ms in self._until(end_ms):
            if schedule.count(schedule.from_ms, until_ms):
                newest_ms = schedule.first_at(until_ms) - schedule.every_ms
                if end_ms - newest_ms < schedule.every_ms:
                    yield newest_ms

    def planned(self, span: Span) -> int:
        """Slots planned for a span, as if the first schedule had always been in force.

        A span that is not a whole number of periods long has one slot more or less by where it
        begins; it is planned with the one more.

        >>> every = Schedule(journey="j", region="r", from_ms=0, every_ms=60, phase_ms=10)
        >>> Timetable((every,)).planned(Span(-600, 30))
        11
        """
        begins = [span.start_ms, *(schedule.from_ms for schedule in self.schedules[1:])]
        planned: int | Fraction = 0
        for begin_ms, (schedule, end_ms) in zip(begins, self._until(span.end_ms), strict=False):
            length_ms = end_ms - max(begin_ms, span.start_ms)
            if schedule.every_ms and length_ms > 0:
                planned += Fraction(length_ms, schedule.every_ms)
        return ceil(planned)

    def slots(self, span: Span) -> int:
        """Slots that lie in a span, as if the first schedule had always been in force.

        Parts of a span add up to it: time between two slots holds none.

        >>> every = Schedule(journey="j", region="r", from_ms=0, every_ms=60, phase_ms=10)
        >>> [Timetable((every,)).slots(span) for span in (Span(-600, 30), Span(11, 70))]
        [11, 0]
        """
        begins = (span.start_ms, *(schedule.from_ms for schedule in self.schedules[1:]))
        return sum(
            schedule.count(max(span.start_ms, begin_ms), until_ms)
            for begin_ms, (schedule, until_ms) in zip(begins, self._until(span.end_ms), strict=True)
        )

    def _until(self, end_ms: int) -> Iterator[tuple[Schedule, int]]:
        """Each schedule, and when it ended, at the latest at a moment."""
        nexts = [*(schedule.from_ms for schedule in self.schedules[1:]), end_ms]
        for schedule, next_ms in zip(self.schedules, nexts, strict=True):
            yield schedule, min(next_ms, end_ms)
