"""Counts from a PromQL backend that holds the metrics of the agents.

Counters know how many, not which: there are no runs to show, no other attempts than the first,
and nothing about when what was known. A run is in the span in which its totals were first
reported, shortly after it ended; a journal has it at its slot.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from prober import conventions as names
from prober.errors import SourceUnavailable
from prober.evaluator.sources.backend import connect
from prober.evaluator.sources.counters import EVER_MS, NEAR_MS, Counters, Key, Place, Values
from prober.evaluator.sources.freshness import newest
from prober.evaluator.sources.growth import Growth
from prober.evaluator.sources.schedules import Schedules
from prober.evaluator.sources.source import Confirmations, Lost, Measure, Received
from prober.journal.tally import Rule
from prober.journal.timetable import Timetable
from prober.model import Run, SlotState
from prober.slo.attribution import Failure
from prober.slo.budget import Counts
from prober.slo.contract import Retry
from prober.slo.moment import iso
from prober.slo.regime import Change
from prober.slo.window import Span


@dataclass(slots=True)
class PromSource:
    """Counts from a PromQL backend; safe to use from several threads."""

    counters: Counters
    schedules: Schedules = field(init=False)
    growth: Growth = field(init=False)

    def __post_init__(self) -> None:
        self.schedules = Schedules(self.counters)
        self.growth = Growth(self.counters, self.schedules)

    @classmethod
    def connect(
        cls, source: str, rules: Iterable[Rule], environ: Mapping[str, str] = os.environ
    ) -> PromSource:
        """Counts for some objectives from the backend at an address, see `backend.connect`.

        Raises:
            InputError: the address cannot be used.
        """
        slos: dict[str, set[str]] = {}
        for rule in rules:
            slos.setdefault(rule.journey, set()).add(rule.slo)
        return cls(Counters(connect(source, environ), slos))

    def close(self) -> None:
        """Close the connections."""
        self.counters.backend.close()

    def counts(self, measure: Measure, span: Span, due: bool = True) -> dict[str, Counts]:
        """See `Source`."""
        rule = _plain(measure)
        with self.at_one_moment():
            grown = self.growth.grown(rule.journey, span)
            regions = self._regions(rule, grown)
            if not due:
                return {region: _runs(rule, region, grown) for region in regions}
            return {region: self._count(rule, region, span, grown) for region in regions}

    def slices(self, measure: Measure, span: Span, slice_ms: int) -> dict[str, dict[int, Counts]]:
        """See `Source`."""
        rule = _plain(measure)
        with self.at_one_moment():
            regions = self._regions(rule, self.growth.grown(rule.journey, span))
            steps = self.growth.steps(rule.journey, span, slice_ms)
        found: dict[str, dict[int, Counts]] = {region: {} for region in regions}
        for region, slices in found.items():
            good, bad = (steps.get(key, ()) for key in _events(rule, region))
            unclear = [steps[k] for k in steps if k.inconclusive and k.region == region]
            for number, runs in enumerate(zip(good, bad, *unclear, strict=True)):
                if any(runs):
                    slices[number] = Counts(runs[0], runs[1], sum(runs[2:]))
        return found

    def planned(self, journey: str, span: Span) -> dict[str, int]:
        """See `Source`; empty where some region does not say what its schedules are."""
        return {region: table.planned(span) for region, table in self._timetables(journey).items()}

    def slots(self, journey: str, span: Span) -> dict[str, int]:
        """See `Source`; empty as `planned` is."""
        return {region: table.slots(span) for region, table in self._timetables(journey).items()}

    def periods(self, journey: str, end_ms: int) -> dict[str, int]:
        """See `Source`."""
        periods = {
            region: table.every_ms(end_ms) for region, table in self.schedules.of(journey).items()
        }
        return {region: every_ms for region, every_ms in periods.items() if every_ms}

    def since(self, journey: str) -> int | None:
        """See `Source`."""
        begun = [table.from_ms for table in self.schedules.of(journey).values()]
        return min((from_ms for from_ms in begun if from_ms is not None), default=None)

    def silent(self, journey: str, span: Span) -> dict[str, int]:
        """See `Source`."""
        grown = self.growth.grown(journey, span)
        return {key.region: n for key, n in grown.items() if key.metric is names.SILENT_FAILURES}

    def lost(self, journey: str, span: Span) -> dict[str, Lost]:
        """See `Source`; counters know no reasons of slots."""
        unclear: dict[str, Counter[str]] = defaultdict(Counter)
        unfinished: dict[str, Counter[str]] = defaultdict(Counter)
        for key, n in self.growth.grown(journey, span).items():
            if key.inconclusive:
                unclear[key.region][key.values[-1]] += n
            elif key.metric is names.SLOTS and key.values[-1] != SlotState.COMPLETED:
                unfinished[key.region][key.values[-1]] += n
        return {
            region: Lost(unclear=+unclear[region], unfinished=+unfinished[region])
            for region in unclear.keys() | unfinished.keys()
        }

    def confirmations(self, journey: str, span: Span) -> dict[str, Confirmations]:
        """See `Source`; agents of before do not count them."""
        found: dict[str, Counter[str]] = {}
        for key, n in self.growth.grown(journey, span).items():
            if key.metric is names.CONFIRMATIONS:
                found.setdefault(key.region, Counter())[key.values[1]] += n
        return {region: Confirmations(**outcomes) for region, outcomes in found.items()}

    def changes(self, journey: str, span: Span) -> tuple[Change, ...]:
        """See `Source`."""
        return ()

    def newest(self, journey: str, end_ms: int) -> dict[str, int | None]:
        """See `Source`; not the slot, but when its run had ended at the latest."""
        with self.at_one_moment():
            regions = self._reporting(journey, end_ms) | self.schedules.of(journey).keys()
            found = self._ended(tuple(self.counters.slos), NEAR_MS, end_ms)
            if regions - {place.region for place in found if place.journey == journey}:
                found = {**self._ended((journey,), EVER_MS, end_ms), **found}
            return {region: found.get(Place(journey, region)) for region in regions}

    def recent(self, journey: str, end_ms: int, limit: int) -> dict[str, tuple[Run, ...]]:
        """See `Source`."""
        return dict.fromkeys(self._reporting(journey, end_ms), ())

    def bad_runs(self, measure: Measure, span: Span) -> tuple[Run, ...]:
        """See `Source`."""
        return ()

    def failures(self, measure: Measure, span: Span) -> tuple[Failure, ...]:
        """See `Source`."""
        return ()

    def read_ahead(self, measure: Measure, span: Span) -> None:
        """See `Source`."""

    def received(self, measure: Measure, span: Span, skew_ms: int) -> Received | None:
        """See `Source`."""
        return None

    def known_by(self, known_ms: int) -> PromSource:
        """See `Source`; a backend keeps no arrivals, and refuses to count by them."""
        return self

    def at_one_moment(self) -> AbstractContextManager[None]:
        """See `Source`."""
        return self.counters.at_one_moment()

    def _regions(self, rule: Rule, keys: Collection[Key]) -> list[str]:
        """The regions of a journey, each of which counts the objective or is silent."""
        where = self.counters.backend.where
        reporting = {key.region for key in keys if key.metric is names.SLOTS}
        regions = sorted(reporting | self.schedules.of(rule.journey).keys())
        if not regions:
            raise SourceUnavailable(f"{where} holds no {names.SLOTS.name} of {rule.journey}")
        for region in sorted(reporting):
            counted = all(key in keys for key in _events(rule, region))
            unclear = any(key.inconclusive and key.region == region for key in keys)
            if not (counted and unclear):
                missing = names.SLI_EVENTS if unclear else names.RUNS
                raise SourceUnavailable(
                    f"{where} holds no {missing.name} of {rule.slo} {rule.objective} from {region}"
                    ": its agent does not know this contract, or does not send it there"
                )
        return regions

    def _count(self, rule: Rule, region: str, span: Span, grown: Values) -> Counts:
        counts = _runs(rule, region, grown)
        slots = [k for k in grown if k.metric is names.SLOTS and k.region == region]
        due = self._due(Place(rule.journey, region), span, slots, sum(grown[k] for k in slots))
        if rule.assertion is not None and self._asked(rule, region, span):
            # A run that did not come to the assertion leaves no gap.
            due -= _verdicts(region, grown) - int(counts.valid)
        return replace(counts, due=max(due, int(counts.completed)))

    def _asked(self, rule: Rule, region: str, span: Span) -> bool:
        """Whether an agent knew an objective since the span began, or as long as the journey."""
        event, _ = _events(rule, region)
        if self.growth.standing(rule.journey, [event], span.start_ms):
            return True
        slot = Key(names.SLOTS, region, (rule.journey, str(SlotState.COMPLETED)))
        samples = self.counters.samples(rule.journey)
        return samples.get(event, 0) >= samples.get(slot, 0)

    def _due(self, place: Place, span: Span, slots: Collection[Key], ended: int) -> int:
        """Slots that were due: by the schedule, or else those that ended.

        The schedule knows better: slots of an agent that is down are reported when it is back.
        """
        table = self.schedules.of(place.journey).get(place.region)
        if table is not None:
            due = table.due(span)
            going = sum(map(span.holds, table.young(span.end_ms))) if ended < due else 0
            return due - going
        silent = place.region not in self._reporting(place.journey, span.end_ms)
        if silent and self.growth.standing(place.journey, slots, span.end_ms):
            raise SourceUnavailable(
                f"{place.region} was silent for an hour at {iso(span.end_ms)}, and without "
                f"{names.SCHEDULE_PERIOD.name} nobody knows how many slots of {place.journey} "
                "were due there"
            )
        return ended

    def _timetables(self, journey: str) -> Mapping[str, Timetable]:
        """Of every region; empty where one that reports does not say its own."""
        with self.at_one_moment():
            timetables = self.schedules.of(journey)
            if self._reporting(journey, self.counters.now_ms) - timetables.keys():
                return {}
            return timetables

    def _reporting(self, journey: str, time_ms: int) -> set[str]:
        """The regions that reported a journey in the hour before a moment."""
        near = self.counters.at(time_ms)
        return {k.region for k in near if (k.metric, k.values[0]) == (names.SLOTS, journey)}

    def _ended(self, journeys: Collection[str], back_ms: int, end_ms: int) -> Mapping[Place, int]:
        def ask() -> Mapping[Place, int]:
            every = [ms for journey in journeys for ms in self.periods(journey, end_ms).values()]
            return newest(self.counters, journeys, max(every, default=0), back_ms, end_ms)

        return self.counters.once(("verdicts", journeys, back_ms, end_ms), ask)


def _plain(measure: Measure) -> Rule:
    """The rule of a measure that counters can answer; raises SourceUnavailable."""
    if measure.retry is not Retry.FIRST:
        raise SourceUnavailable(
            f"`retry: {measure.retry}` cannot be judged from counters: they count the first "
            "verdict of a slot and no other, so judge from a journal"
        )
    if measure.known_ms is not None:
        raise SourceUnavailable(
            "what was known at a moment cannot be told from counters, so judge from a journal"
        )
    return measure.rule


def _events(rule: Rule, region: str) -> tuple[Key, Key]:
    """The counters of good and of bad runs of an objective."""
    good, bad = (
        Key(names.SLI_EVENTS, region, (rule.slo, rule.objective, result))
        for result in ("good", "bad")
    )
    return good, bad


def _runs(rule: Rule, region: str, grown: Values) -> Counts:
    """Good, bad and inconclusive runs."""
    good, bad = (grown.get(key, 0) for key in _events(rule, region))
    unclear = sum(n for key, n in grown.items() if key.region == region and key.inconclusive)
    return Counts(good, bad, unclear)


def _verdicts(region: str, grown: Values) -> int:
    """Runs that passed or failed."""
    runs = (key for key in grown if key.metric is names.RUNS and key.region == region)
    return sum(grown[key] for key in runs if not key.inconclusive)
