"""The schedules of all regions, as agents report them to a PromQL backend."""

from __future__ import annotations

from dataclasses import dataclass

from prober import conventions as names
from prober.errors import SourceUnavailable
from prober.evaluator.sources.counters import EVER_MS, NEAR_MS, Counters, Key, Place
from prober.journal.timetable import Timetable
from prober.model import Schedule


@dataclass(slots=True)
class Schedules:
    """What was planned, where agents report it: those that do not are left out."""

    counters: Counters
    #: Of every place that was heard of, those that are silent by now among them.
    _known: dict[Place, Timetable] | None = None

    def of(self, journey: str) -> dict[str, Timetable]:
        """A journey's schedules, by region.

        Raises:
            SourceUnavailable: there is no whole answer.
        """
        found = self.counters.once(("schedules",), self._read)
        return {place.region: found[place] for place in found if place.journey == journey}

    def _read(self) -> dict[Place, Timetable]:
        """An agent reports all its schedules all the time: what it said last is all there is."""
        if self._known is None:
            self._known = self._last(EVER_MS)
        self._known |= self._last(NEAR_MS)
        return self._known

    def _last(self, back_ms: int) -> dict[Place, Timetable]:
        metric, wanted = names.SCHEDULE_PERIOD, {names.JOURNEY: tuple(self.counters.slos)}
        selectors = {metric: self.counters.selector(metric, wanted)}
        question = {"": lambda s: f"round(last_over_time({s}[{back_ms}ms]) * 1000)"}
        answers = self.counters.answers(selectors, question, self.counters.now_ms)
        found: dict[Place, list[Schedule]] = {}
        for key, every_ms in answers[""].items():
            schedule = _schedule(key, every_ms)
            found.setdefault(Place(schedule.journey, schedule.region), []).append(schedule)
        return {
            place: Timetable(tuple(sorted(schedules, key=lambda each: each.from_ms)))
            for place, schedules in found.items()
        }


def _schedule(key: Key, every_ms: int) -> Schedule:
    journey, from_ms, phase_ms = key.values
    try:
        return Schedule(
            journey=journey,
            region=key.region,
            from_ms=int(from_ms),
            every_ms=every_ms,
            phase_ms=int(phase_ms),
        )
    except ValueError as error:
        raise SourceUnavailable(f"{key} has labels that are no times") from error
