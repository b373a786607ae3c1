"""Reading a journal: counts for judgement, runs for people. Never writes, never blocks."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from prober.journal.body import unpack_run
from prober.journal.marks import NEVER_MS, Mark, marks_of
from prober.journal.moment import Moment
from prober.journal.reasons import Reasons
from prober.journal.regimes import Regimes
from prober.journal.rollup import OUTCOMES
from prober.journal.shown import Glimpse, Shown
from prober.journal.store import Store, open_reader
from prober.journal.sums import Sums
from prober.journal.timetable import Timetable
from prober.model import Kind, Outcome, Run, RunId, Schedule
from prober.slo.window import Span

#: So many causes are remembered before all are forgotten.
_MOST_CAUSES = 100_000


class Series(NamedTuple):
    """A journey in a region."""

    id: int
    journey: str
    region: str


class Took(NamedTuple):
    """How long a run with a verdict took."""

    slot_ms: int
    outcome: Outcome
    duration_us: int


class Newest(NamedTuple):
    """The newest scheduled run of a series."""

    slot_ms: int
    finished_ms: int


@dataclass(slots=True)
class View:
    """A read-only journal."""

    store: Store
    moment: Moment = field(init=False)
    #: The runs that count, for judgement.
    sums: Sums = field(init=False)
    regimes: Regimes = field(init=False)
    reasons: Reasons = field(init=False)
    #: Two, for neither is to push the other's runs out.
    _newest: Shown = field(init=False)
    _newest_bad: Shown = field(init=False)
    #: Causes of runs, by the number of their record.
    _causes: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.moment = Moment(self.store)
        self.sums = Sums(self.moment)
        self.regimes = Regimes(self.store)
        self.reasons = Reasons(self.store)
        self._newest, self._newest_bad = Shown(self._runs), Shown(self._runs)

    @classmethod
    def open(cls, path: Path, damaged: Callable[[str], None] = lambda _: None) -> View:
        """Open a journal for reading; raises JournalError when there is none.

        Args:
            path: of the journal.
            damaged: told when reading meets damage, beside `JournalCorrupt`.
        """
        store = open_reader(path)
        store.damaged = damaged
        return cls(store)

    def close(self) -> None:
        """Close the file."""
        self.store.close()

    def at_one_moment(self) -> AbstractContextManager[None]:
        """Let several questions see the same journal."""
        return self.moment

    def series(self) -> list[Series]:
        """Every journey in every region that has a record."""
        return [Series(*row) for row in self.store.all("list_series")]

    def regions(self, journey: str) -> dict[str, int]:
        """The ids of a journey's series, by region."""
        return self.moment.once(
            ("regions", journey),
            lambda: {region: series for region, series, _ in self.sums.series(journey)},
        )

    def marks(self, journey: str) -> list[Mark]:
        """What the journal keeps of a journey's runs beyond their outcome."""
        return self.moment.once(("marks", journey), lambda: marks_of(self.store, journey))

    def timetables(self, journey: str, known_ms: int | None = None) -> dict[str, Timetable]:
        """The schedules of a journey, by region, as far as they were written by a moment."""
        return self.moment.once(
            ("timetables", journey, known_ms), lambda: self._timetables(journey, known_ms)
        )

    def schedules(self, series: Series) -> list[Schedule]:
        """The schedules of a series, oldest first."""
        found = self.timetables(series.journey).get(series.region)
        return list(found.schedules) if found else []

    def gaps(self, series: int, start_ms: int, end_ms: int) -> dict[tuple[str, str], int]:
        """Slots not completed by (state, reason), of ranges that begin in [start, end)."""
        rows = self.store.all("count_gaps", series=series, start_ms=start_ms, end_ms=end_ms)
        return {(state, reason): n for state, reason, n in rows}

    def unclear(self, journey: str, span: Span) -> dict[str, Counter[str]]:
        """Runs that count and gave no verdict, by region and cause."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for region, seq in self.store.all("list_unclear", journey=journey, **span._asdict()):
            found[region][self._cause(seq)] += 1
        return found

    def unfinished(self, journey: str, span: Span) -> dict[str, Counter[str]]:
        """Slots without a run, by region and how they ended, as `missed (down)`."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        rows = self.store.all("list_gaps", journey=journey, **span._asdict())
        for region, first_ms, last_ms, n, state, reason in rows:
            every_ms = (last_ms - first_ms) // (n - 1) if n > 1 else 1
            slots = range(first_ms, last_ms + 1, every_ms)
            within = slots[_index(slots, span.start_ms) : _index(slots, span.end_ms)]
            found[region][f"{state} ({reason})"] += len(within)
        return found

    def confirmations(self, journey: str, start_ms: int, end_ms: int) -> dict[tuple[str, int], int]:
        """Later attempts of slots whose first gave a verdict, by region and place in `OUTCOMES`."""
        values = {"journey": journey, "start_ms": start_ms, "end_ms": end_ms}
        rows = self.store.all("count_confirmations", **values)
        return {(region, outcome): n for region, outcome, n in rows}

    def newest(self, series: int) -> Newest | None:
        """The newest scheduled run of a series."""
        row = self.store.one("newest_run", series=series)
        return Newest(row[0], row[1]) if row else None

    def newest_seq(self) -> int:
        """Sequence number of the newest record, 0 when there is none."""
        return int(self.store.value("newest_seq"))

    def counters(self) -> list[tuple[str, str, int]]:
        """Lifetime counters as (metric, attributes in canonical JSON, value)."""
        return [(row[0], row[1], row[2]) for row in self.store.all("list_counters")]

    def newest_verdicts(
        self, journey: str, before_ms: int, known_ms: int | None = None
    ) -> dict[str, int | None]:
        """The newest slot before a moment whose run passed or failed, by region."""
        known_ms = NEVER_MS if known_ms is None else known_ms
        values = {"journey": journey, "before_ms": before_ms, "known_ms": known_ms}
        return dict(self.store.all("newest_verdicts", **values))

    def unended(
        self, slots: Iterable[tuple[int, int]], known_ms: int | None = None
    ) -> list[tuple[int, int]]:
        """Of slots, each of a series at a time, those whose end is not known, or was not then."""
        known_ms = NEVER_MS if known_ms is None else known_ms
        rows = self.store.all("list_unended", slots=json.dumps(list(slots)), known_ms=known_ms)
        return [(series, slot_ms) for series, slot_ms in rows]

    def going(self, journey: str, end_ms: int, known_ms: int | None) -> dict[str, list[int]]:
        """Slots less than a period before a moment that have no state yet, by region."""
        return self.moment.once(
            ("going", journey, end_ms, known_ms), lambda: self._going(journey, end_ms, known_ms)
        )

    def recent(self, series: int, before_ms: int, limit: int) -> list[Run]:
        """The last counted runs whose slot lies before a moment, newest first."""
        values = {"series": series, "before_ms": before_ms, "limit": limit}
        return [unpack_run(body) for (body,) in self.store.all("recent_bodies", **values)]

    def glimpses(self, series: int, before_ms: int, limit: int) -> list[Glimpse]:
        """The same, of each only what is seen of it among others: quick when asked for again."""
        rows = self.store.all("recent_runs", series=series, before_ms=before_ms, limit=limit)
        return self._newest.glimpses(series, [seq for (seq,) in rows])

    def newest_bad(self, series: int, span: Span, limit: int) -> list[Glimpse]:
        """The newest counted runs of a span that failed or were odd by a mark, newest first."""
        rows = self.store.all("newest_bad", series=series, limit=limit, **span._asdict())
        return self._newest_bad.glimpses(series, [seq for (seq,) in rows])

    def attempts(self, key: str) -> list[Run]:
        """Every attempt of the slot whose run has this key, see `RunId.key`; empty: none has."""
        slot_ms = key.partition("-")[0]
        if not re.fullmatch(r"\d{1,16}", slot_ms, re.ASCII):
            return []
        runs = [unpack_run(body) for (body,) in self.store.all("runs_at", slot_ms=int(slot_ms))]
        places = {(run.id.journey, run.id.region) for run in runs if run.id.key == key}
        return [run for run in runs if (run.id.journey, run.id.region) in places]

    def beside(self, id: RunId) -> tuple[RunId | None, RunId | None]:
        """The counted first attempts before and after a run, of its journey and region."""
        series = self.regions(id.journey).get(id.region)
        if series is None:
            return None, None
        before, after = (
            self.store.one(query, series=series, slot_ms=id.slot_ms)
            for query in ("slot_before", "slot_after")
        )
        return _counted(id, before), _counted(id, after)

    def durations(self, series: int, span: Span, limit: int) -> list[Took]:
        """How long the newest runs of a span with a verdict took, newest first."""
        rows = self.store.all("newest_durations", series=series, limit=limit, **span._asdict())
        return [Took(slot_ms, OUTCOMES[outcome], took_us) for slot_ms, outcome, took_us in rows]

    def run(self, seq: int) -> Run | None:
        """The run of a record, or None when it was pruned."""
        row = self.store.one("get_record", seq=seq)
        return unpack_run(row[3]) if row else None

    def runs(self, series: int, start_ms: int, end_ms: int, limit: int) -> list[Run]:
        """Run records of a window, newest first."""
        rows = self.store.all(
            "list_runs", series=series, start_ms=start_ms, end_ms=end_ms, limit=limit
        )
        return [unpack_run(row[0]) for row in rows]

    def _runs(self, seqs: Iterable[int]) -> dict[int, Run]:
        """The runs of records, by their numbers, without those that were pruned."""
        rows = self.store.all("list_bodies", seqs=json.dumps(list(seqs)))
        return {seq: unpack_run(body) for seq, body in rows}

    def _cause(self, seq: int) -> str:
        """Why a run gave no verdict."""
        if seq not in self._causes:
            if len(self._causes) >= _MOST_CAUSES:
                self._causes.clear()
            run = self.run(seq)
            self._causes[seq] = str(run.cause) if run else "unknown"
        return self._causes[seq]

    def _going(self, journey: str, end_ms: int, known_ms: int | None) -> dict[str, list[int]]:
        tables, regions = self.timetables(journey, known_ms), self.regions(journey)
        young = [(regions[r], slot_ms) for r in tables for slot_ms in tables[r].young(end_ms)]
        unended = self.unended(young, known_ms)
        found = {region: [at for id_, at in unended if id_ == regions[region]] for region in tables}
        return {region: slots for region, slots in found.items() if slots}

    def _timetables(self, journey: str, known_ms: int | None) -> dict[str, Timetable]:
        known_ms = NEVER_MS if known_ms is None else known_ms
        found: dict[str, list[Schedule]] = {}
        for region, *times in self.store.all("list_schedules", journey=journey, known_ms=known_ms):
            found.setdefault(region, []).append(_schedule(journey, region, *times))
        return {region: Timetable(tuple(schedules)) for region, schedules in found.items()}


def _counted(near: RunId, row: tuple[int, int] | None) -> RunId | None:
    """A run that counts, of the same journey and region, by slot and attempt."""
    return row and RunId(near.journey, near.region, row[0], row[1], Kind.SCHEDULED)


def _index(slots: range, time_ms: int) -> int:
    """How many of some slots lie before a moment."""
    return max(0, -((slots.start - time_ms) // slots.step))


def _schedule(journey: str, region: str, from_ms: int, every_ms: int, phase_ms: int) -> Schedule:
    return Schedule(
        journey=journey, region=region, from_ms=from_ms, every_ms=every_ms, phase_ms=phase_ms
    )
