"""Counts from a journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import NamedTuple, TypeVar

from prober.errors import SourceUnavailable
from prober.evaluator.sources.source import Confirmations, Lost, Measure, Received
from prober.journal.heaps import NOTHING, Cell, Heaps, added, sort
from prober.journal.marks import NEVER_MS, PLAIN, Mark, find, unnamed
from prober.journal.reasons import AT_ONCE
from prober.journal.rollup import OUTCOMES, RAW_FROM, ROLLUPS_FROM
from prober.journal.shown import Glimpse
from prober.journal.sums import Known
from prober.journal.tally import Rule
from prober.journal.view import View
from prober.model import Run
from prober.slo.attribution import Failure
from prober.slo.budget import Counts
from prober.slo.contract import Retry
from prober.slo.moment import iso
from prober.slo.regime import Change
from prober.slo.window import Span

Seen = TypeVar("Seen")


class _Asked(NamedTuple):
    """How an objective is asked of runs."""

    bit: int
    #: Whether rows and sums have the bit; otherwise it takes the records themselves.
    kept: bool


#: Answers of more slices than this are not remembered.
_FEW = 1000
_GONE = "the record of a run is not kept any more"


@dataclass(frozen=True, slots=True)
class JournalSource:
    """Counts from a journal."""

    view: View
    #: Schedules and newest verdicts are those that had arrived by then; None: all.
    known_ms: int | None = None

    def counts(self, measure: Measure, span: Span, due: bool = True) -> dict[str, Counts]:
        """See `Source`."""
        journey = measure.rule.journey
        with self.at_one_moment():
            cells = self._cells(measure, span)
            slots = self._due(journey, span, measure.known_ms) if due else {}
            return {
                region: _counts(*cells.get(region, NOTHING), slots.get(region))
                for region in self.view.regions(journey)
            }

    def slices(self, measure: Measure, span: Span, slice_ms: int) -> dict[str, dict[int, Counts]]:
        """See `Source`."""
        with self.at_one_moment():
            if measure.known_ms is not None or span.length_ms > _FEW * slice_ms:
                return self._slices(measure, span, slice_ms)
            return self.view.sums.lasting(
                measure.rule.journey,
                span,
                (measure.retry, unnamed(measure.rule), slice_ms),
                lambda: self._slices(measure, span, slice_ms),
                lambda found: 1 + sum(map(len, found.values())),
            )

    def planned(self, journey: str, span: Span) -> dict[str, int]:
        """See `Source`."""
        tables = self.view.timetables(journey, self.known_ms)
        return {region: table.planned(span) for region, table in tables.items()}

    def slots(self, journey: str, span: Span) -> dict[str, int]:
        """See `Source`."""
        tables = self.view.timetables(journey, self.known_ms)
        return {region: table.slots(span) for region, table in tables.items()}

    def periods(self, journey: str, end_ms: int) -> dict[str, int]:
        """See `Source`."""
        tables = self.view.timetables(journey, self.known_ms)
        found = {region: table.every_ms(end_ms) for region, table in tables.items()}
        return {region: every_ms for region, every_ms in found.items() if every_ms}

    def since(self, journey: str) -> int | None:
        """See `Source`."""
        tables = self.view.timetables(journey, self.known_ms).values()
        return min((table.from_ms for table in tables), default=None)

    def silent(self, journey: str, span: Span) -> dict[str, int]:
        """See `Source`."""
        with self.at_one_moment():
            found = dict.fromkeys(self.view.regions(journey), 0)
            parts = self.view.sums.parts(journey, span, Retry.FIRST)
            for (region, _, _, silent, *_), n in chain(*(part.heaps.items() for part in parts)):
                found[region] += silent * n
            return found

    def lost(self, journey: str, span: Span) -> dict[str, Lost]:
        """See `Source`."""
        with self.at_one_moment():
            unclear = self.view.unclear(journey, span)
            unfinished = self.view.unfinished(journey, span)
            return {
                region: Lost(unclear=unclear[region], unfinished=unfinished[region])
                for region in self.view.regions(journey)
            }

    def confirmations(self, journey: str, span: Span) -> dict[str, Confirmations]:
        """See `Source`."""
        with self.at_one_moment():
            if span.start_ms < (oldest_ms := self.view.sums.oldest_ms(RAW_FROM)):
                raise SourceUnavailable(f"single runs are kept from {iso(oldest_ms)} on")
            found = self.view.confirmations(journey, span.start_ms, span.end_ms)
            return {
                region: Confirmations(*(found.get((region, n), 0) for n in range(len(OUTCOMES))))
                for region in self.view.regions(journey)
            }

    def changes(self, journey: str, span: Span) -> tuple[Change, ...]:
        """See `Source`."""
        with self.at_one_moment():
            return tuple(self.view.regimes.changes(journey, span))

    def newest(self, journey: str, end_ms: int) -> dict[str, int | None]:
        """See `Source`."""
        return self.view.newest_verdicts(journey, end_ms, self.known_ms)

    def recent(self, journey: str, end_ms: int, limit: int) -> dict[str, tuple[Run, ...]]:
        """See `Source`."""
        return self._each(journey, lambda series: self.view.recent(series, end_ms, limit))

    def glimpses(self, journey: str, end_ms: int, limit: int) -> dict[str, tuple[Glimpse, ...]]:
        """The newest counted runs of each region before a moment, newest first, for a page."""
        return self._each(journey, lambda series: self.view.glimpses(series, end_ms, limit))

    def bad_runs(self, measure: Measure, span: Span) -> tuple[Run, ...]:
        """See `Source`."""
        with self.at_one_moment():
            return tuple(map(self._run, self._bad(measure, span)))

    def failures(self, measure: Measure, span: Span) -> tuple[Failure, ...]:
        """See `Source`."""
        with self.at_one_moment():
            seqs = self._bad(measure, span)
            found = self.view.reasons.of(seqs)
            if len(found) < len(seqs):
                raise SourceUnavailable(_GONE)
            return tuple(found)

    def read_ahead(self, measure: Measure, span: Span) -> None:
        """See `Source`; of more than are kept none is read."""
        reasons = self.view.reasons
        with self.at_one_moment():
            unread = reasons.unread(self._bad(measure, span))
        for first in range(0, len(unread), AT_ONCE):
            with self.at_one_moment():
                reasons.of(unread[first : first + AT_ONCE])

    def received(self, measure: Measure, span: Span, skew_ms: int) -> Received:
        """See `Source`."""
        journey, known_ms, sums = measure.rule.journey, measure.known_ms, self.view.sums
        with self.at_one_moment():
            found = Counter(sums.arrivals(journey, span, skew_ms, known_ms))
            if known_ms is None:  # runs that count are many: of these sums will do
                far_ms, oldest_ms = span.end_ms + skew_ms + 1, sums.oldest_ms(ROLLUPS_FROM)
                for place, beside in (
                    ("out_of_window", Span(oldest_ms, span.start_ms)),
                    ("pending", Span(span.end_ms, far_ms)),
                    ("quarantined", Span(far_ms, NEVER_MS)),
                ):
                    found[place] += sums.between(journey, beside).total()
            return Received(**found)

    def known_by(self, known_ms: int) -> JournalSource:
        """See `Source`."""
        return JournalSource(self.view, known_ms)

    def at_one_moment(self) -> AbstractContextManager[None]:
        """See `Source`."""
        return self.view.at_one_moment()

    def _slices(self, measure: Measure, span: Span, slice_ms: int) -> dict[str, dict[int, Counts]]:
        found: dict[str, dict[int, Counts]] = {
            region: {} for region in self.view.regions(measure.rule.journey)
        }
        for number, cells in self._sorted(measure, span, slice_ms).items():
            for region, (good, bad, invalid, _) in cells.items():
                if good or bad or invalid:
                    found[region][number] = _counts(good, bad, invalid, 0, None)
        return found

    def _cells(self, measure: Measure, span: Span) -> Mapping[str, Cell]:
        """Runs of a span by region."""
        asked = self._asked(measure.rule, span)
        if measure.known_ms is not None or not asked.kept:
            return sort(self._one_by_one(measure, span, NEVER_MS, asked), asked.bit).get(0, {})
        parts = self.view.sums.parts(measure.rule.journey, span, measure.retry)
        return added(parts, asked.bit, self.view.regions(measure.rule.journey))

    def _sorted(self, measure: Measure, span: Span, slice_ms: int) -> dict[int, dict[str, Cell]]:
        """Runs of a span by slice and region."""
        asked = self._asked(measure.rule, span)
        if measure.known_ms is not None or not asked.kept:
            return sort(self._one_by_one(measure, span, slice_ms, asked), asked.bit)
        sums, journey = self.view.sums, measure.rule.journey
        return sort(sums.sliced(journey, span, slice_ms, measure.retry), asked.bit)

    def _one_by_one(self, measure: Measure, span: Span, slice_ms: int, asked: _Asked) -> Heaps:
        """Runs as single rows or records know them."""
        known = self._known(measure, span, asked)
        return Counter(
            (k.region, (k.slot_ms - span.start_ms) // slice_ms, *k.finding) for k in known
        )

    def _each(
        self, journey: str, look: Callable[[int], Iterable[Seen]]
    ) -> dict[str, tuple[Seen, ...]]:
        """What a look at the series of each region finds."""
        with self.at_one_moment():
            regions = self.view.regions(journey)
            return {region: tuple(look(series)) for region, series in regions.items()}

    def _asked(self, rule: Rule, span: Span) -> _Asked:
        if rule.threshold_us is None and rule.assertion is None:
            return _Asked(PLAIN, kept=True)
        rule = unnamed(rule)
        for mark in self.view.marks(rule.journey):
            if mark.rule == rule:
                if span.start_ms < mark.from_ms:
                    since = iso(mark.from_ms)
                    raise SourceUnavailable(f"runs are measured for this objective since {since}")
                return _Asked(mark.bit, kept=True)
        return _Asked(0, kept=False)

    def _bad(self, measure: Measure, span: Span) -> list[int]:
        """The numbers of the records of bad runs, oldest first."""
        asked = self._asked(measure.rule, span)
        if asked.kept and measure.known_ms is None:
            journey = measure.rule.journey
            return self.view.sums.bad(journey, span, asked.bit, measure.retry)
        known = sorted(self._known(measure, span, asked), key=lambda k: (k.slot_ms, k.region))
        return [k.seq for k in known if k.finding.good(asked.bit) is False]

    def _known(self, measure: Measure, span: Span, asked: _Asked) -> list[Known]:
        """The run of each slot that counts, one by one."""
        journey, known_ms = measure.rule.journey, measure.known_ms
        known = self.view.sums.known(journey, span, measure.retry, known_ms)
        if asked.kept:
            return known
        marks = [Mark(asked.bit, measure.rule, 0)]
        return [each._replace(finding=find(self._run(each.seq), marks)) for each in known]

    def _run(self, seq: int) -> Run:
        if run := self.view.run(seq):
            return run
        raise SourceUnavailable(_GONE)

    def _due(self, journey: str, span: Span, known_ms: int | None) -> dict[str, int]:
        """Slots by region; one whose run may still be going is not due yet."""
        return self.view.moment.once(
            ("due", journey, span, known_ms), lambda: self._slots(journey, span, known_ms)
        )

    def _slots(self, journey: str, span: Span, known_ms: int | None) -> dict[str, int]:
        found = dict.fromkeys(self.view.regions(journey), 0)
        going = self.view.going(journey, span.end_ms, known_ms)
        for region, table in self.view.timetables(journey, known_ms).items():
            found[region] = table.due(span)
            if region in going:
                found[region] -= sum(span.holds(slot_ms) for slot_ms in going[region])
        return found


@lru_cache(maxsize=20_000)  # from one moment to the next few of them change
def _counts(good: int, bad: int, invalid: int, unasked: int, due: int | None) -> Counts:
    """A run whose schedule has not arrived yet was due all the same.

    One that did not come to the assertion leaves no gap: its slot was not due for this.
    """
    slots = 0 if due is None else max(due - unasked, good + bad + invalid)
    return Counts(good, bad, invalid, slots)
