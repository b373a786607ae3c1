"""The journal: what is acknowledged here is committed, and nothing else is true."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from prober.journal import backup, rescue
from prober.journal.additions import Additions
from prober.journal.body import pack
from prober.journal.effects import Effects
from prober.journal.intake import Fate, Intake
from prober.journal.keeper import Keeper
from prober.journal.marks import Marks
from prober.journal.outbox import Outbox
from prober.journal.pruning import Pruning
from prober.journal.rescue import Mishap
from prober.journal.rollup import RAW_FROM, Rollups
from prober.journal.store import COPIED, Store
from prober.journal.tally import Increment, Rule, Tally
from prober.journal.volume import Lock, make, refuse_network
from prober.journal.written import Written
from prober.model import Gap, Record, Run, RunId, Schedule

log = logging.getLogger(__name__)

#: In `meta`: when it began, and how many records are of an earlier life.
BIRTH, _WRITTEN_BEFORE = "birth_ms", "written_before"
_AT_ONCE = 200


class Claim(NamedTuple):
    """A run that has begun and has no record yet."""

    journey: str
    region: str
    slot_ms: int
    attempt: int
    started_ms: int


@dataclass(slots=True)
class Journal:
    """The writing side; one process has it at a time. Every method is one transaction."""

    path: Path
    keeper: Keeper
    lock: Lock
    tally: Tally
    #: What this opening found instead of a sound journal.
    mishap: Mishap | None = None
    store: Store = field(init=False)
    outbox: Outbox = field(init=False)
    effects: Effects = field(init=False)
    _rollups: Rollups = field(init=False)
    _marks: Marks = field(init=False)
    _intake: Intake = field(init=False)
    _pruning: Pruning = field(init=False)
    _additions: Additions = field(default_factory=Additions)
    _series: dict[tuple[str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = self.keeper.store
        self.outbox = Outbox(self.store)
        self.effects = Effects(self.store)
        self._rollups = Rollups(self.store)
        self._marks = Marks(self.store, self._rollups)
        self._intake = Intake(self.store, self._marks, self._rollups)
        self._pruning = Pruning(self.store, self.keeper.rest)

    @classmethod
    def open(
        cls,
        path: Path,
        rules: Iterable[Rule] = (),
        now_ms: int | None = None,
        *,
        whole: bool = False,
        histograms: bool = True,
    ) -> Journal:
        """Open or make the journal at a path.

        A damaged file is renamed, never emptied. The newest backup takes its place, with what
        was written since and can still be read, or else a new journal; either has a new birth.

        Args:
            path: of the journal.
            rules: what contracts ask of runs.
            now_ms: the time.
            whole: look every page over first, however many there are; else `keep_safe` does it.
            histograms: keep them; nobody needs those of a journal that is not delivered.

        Raises:
            JournalLocked: another process writes it.
            JournalError: the file cannot be opened or written, or lies on a network.
        """
        make(path.parent)
        refuse_network(path.parent)
        lock, now_ms = Lock(path.with_suffix(".lock")), now_ms or time.time_ns() // 1_000_000
        try:
            keeper, mishap = rescue.open_keeper(path, now_ms, whole=whole)
            tally = Tally(tuple(rules), histograms)
            return cls(path, keeper, lock, tally, mishap)._begin(now_ms)
        except BaseException:
            lock.release()
            raise

    def _begin(self, now_ms: int) -> Journal:
        try:
            if self.store.value("get_meta", key=COPIED):
                self._begin_anew(now_ms)
            with self.store.transaction():
                self.store.change("make_effects")
                self.store.change("begin_life", key=BIRTH, value=str(now_ms))
            self._marks.register(self.tally.rules)
            if self.mishap:
                rescue.end(self.path)
        except BaseException:
            self.keeper.close()
            raise
        return self

    def _begin_anew(self, now_ms: int) -> None:
        """A copy is behind what it was made of: what that counted since would be counted again.

        So rows stay, those that can be saved are added, and totals begin at 0 with a new birth.
        """
        if self.mishap and self.mishap.set_aside:
            saved = rescue.saved(self.mishap.set_aside, self.outbox.newest())
            while batch := list(islice(saved, _AT_ONCE)):
                written = self.write(batch, now_ms)
                log.warning("%d records were saved from the damaged journal", written.new)
        with self.store.transaction():
            for query in ("drop_counters", "drop_buckets"):
                self.store.change(query)
            self.store.change("drop_snapshots", upto=2**62)
            self.store.change("set_meta", key=BIRTH, value=str(now_ms))
            self.store.change("set_meta", key=_WRITTEN_BEFORE, value=str(self.outbox.newest()))
            self.store.change("drop_meta", key=COPIED)

    def judge_by(self, rules: Iterable[Rule]) -> None:
        """Go by other rules from now on, and mark earlier runs by them; see `Marks.register`.

        Raises:
            JournalError: the disk is full or fails; the rules are those of before.
        """
        wanted = tuple(rules)
        self._marks.register(wanted)
        self.tally = replace(self.tally, rules=wanted)

    def close(self) -> None:
        """Close the file and let the lock go."""
        self.keeper.close()
        self.lock.release()

    @property
    def set_aside(self) -> Path | None:
        """Under which name a damaged predecessor was set aside at this opening, if one was."""
        return self.mishap.set_aside if self.mishap else None

    @property
    def damage(self) -> str | None:
        """What damage was met since it was opened; the next opening deals with it."""
        return self.keeper.damage

    def condemn(self, what: str) -> None:
        """Say that damage was met, by somebody who reads it."""
        self.keeper.condemn(what)

    @property
    def written(self) -> int:
        """How many records were written since its birth."""
        before = int(self.store.value("get_meta", key=_WRITTEN_BEFORE) or 0)
        return self.outbox.newest() - before

    @property
    def backed_up_ms(self) -> int | None:
        """When the newest backup was taken."""
        return backup.newest_ms(self.path, time.time_ns() // 1_000_000)

    @property
    def damaged_ones(self) -> int:
        """How many damaged journals lie beside it, until somebody takes them away."""
        return len(rescue.kept(self.path))

    @property
    def birth_ms(self) -> int:
        """When the journal began: the start time of every counter."""
        return int(self.store.value("get_meta", key=BIRTH))

    # What an agent writes

    def write(self, records: Iterable[Record], now_ms: int | None = None) -> Written:
        """Take records in, each once: a run by its identity, a gap by its first slot.

        A repeat is dropped. Of two records that claim the same run and differ, the worse
        outcome is believed and the conflict counted.
        """
        now_ms = now_ms or time.time_ns() // 1_000_000
        written = Written()
        with self._transaction():
            oldest_ms = self._oldest_ms()
            for record in records:
                self._write(record, now_ms, oldest_ms, written)
        if written.expired:
            log.warning("%d records came too late to be counted", written.expired)
        return written

    def claim(self, run: RunId, now_ms: int) -> None:
        """Note that a run begins, so that it is accounted for even if this process dies."""
        with self._transaction():
            series = self._series_id(run.journey, run.region)
            self.store.change(
                "add_claim",
                series=series,
                slot_ms=run.slot_ms,
                attempt=run.attempt,
                started_ms=now_ms,
            )
            self.store.change("set_ledger", series=series, next_ms=run.slot_ms + 1)

    def claims(self) -> list[Claim]:
        """Runs without an end: after a start, those that died with the process before."""
        return [Claim(*row) for row in self.store.all("list_claims")]

    def next_due(self, journey: str, region: str) -> int | None:
        """The first moment whose slots have no state yet; None before the first record."""
        series = self.store.value("get_series", journey=journey, region=region)
        found = self.store.value("get_ledger", series=series)
        return None if found is None else int(found)

    def count_zeros(self, region: str, journeys: Iterable[str]) -> None:
        """Make every counter of these journeys present, at 0 where it is new."""
        self.add(self.tally.zeros(region, journeys))

    def add(self, increments: Iterable[Increment]) -> None:
        """Add to lifetime counters that no record stands behind."""
        with self._transaction():
            self._additions.increase(increments)

    # What was counted

    def counters(self) -> list[tuple[str, str, int]]:
        """Lifetime counters as (metric, attributes in canonical JSON, value)."""
        return [(row[0], row[1], row[2]) for row in self.store.all("list_counters")]

    def buckets(self) -> list[tuple[str, str, int, int, int]]:
        """Lifetime histograms as (metric, attributes, upper bound, values in it, their sum)."""
        return [(r[0], r[1], r[2], r[3], r[4]) for r in self.store.all("list_buckets")]

    # Keeping it small and safe

    def keep_small(self, now_ms: int) -> int:
        """Drop what is older than anybody is promised; how many rows. See `Pruning.keep_small`."""
        return self._pruning.keep_small(now_ms)

    def prune(self, raw_before_ms: int, rollups_before_ms: int) -> int:
        """Drop old rows that every destination has; see `Pruning`."""
        return self._pruning.drop(raw_before_ms, rollups_before_ms)

    def keep_safe(self, now_ms: int) -> Path | None:
        """Look every page over, and take a backup unless there is a young one: its path.

        Raises:
            JournalCorrupt: a page is not what was written. The next opening sets the journal
                aside; until then nothing that it says can be trusted.
        """
        with self.keeper.reading:
            return backup.take(self.keeper, now_ms)

    def _oldest_ms(self) -> int:
        """The slot from which on single runs are all there."""
        return int(self.store.value("get_meta", key=RAW_FROM) or 0)

    # Inside a transaction

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            with self.store.transaction(), self._adding():
                yield
        except BaseException:
            self._series.clear()  # ids made in the transaction are gone with it
            self._rollups.forget()
            raise

    @contextlib.contextmanager
    def _adding(self) -> Iterator[None]:
        try:
            yield
            self._additions.write(self.store)
        except BaseException:
            self._additions.forget()
            raise

    def _write(self, record: Record, now_ms: int, oldest_ms: int, written: Written) -> None:
        match record:
            case Run() if record.id.slot_ms < oldest_ms:
                written.expired += 1
            case Gap() if record.last_ms < oldest_ms:
                written.expired += 1
            case Run():
                self._write_run(record, now_ms, written)
            case Gap():
                self._write_gap(record, now_ms, written)
            case Schedule():
                self._write_schedule(record, now_ms, written)

    def _write_run(self, run: Run, now_ms: int, written: Written) -> None:
        series = self._series_id(run.id.journey, run.id.region)
        taken = self._intake.take(series, run, now_ms)
        match taken.fate:
            case Fate.NEW:
                self._count(run)
                written.new += 1
            case Fate.DUPLICATE:
                written.duplicates += 1
            case Fate.CONFLICT:
                written.conflicts += 1
        if taken.verdict:
            self._additions.increase(self.tally.events(run))
        claimed = self._end_claim(series, run.id.slot_ms, run.id.attempt)
        if run.counts and not claimed:
            self.store.change("set_ledger", series=series, next_ms=run.id.slot_ms + 1)

    def _write_gap(self, gap: Gap, now_ms: int, written: Written) -> None:
        series = self._series_id(gap.journey, gap.region)
        if self.store.one("get_gap", series=series, first_ms=gap.first_ms):
            written.duplicates += 1
            return
        seq = self._append("gap", gap, now_ms)
        self.store.change(
            "add_gap",
            series=series,
            first_ms=gap.first_ms,
            last_ms=gap.last_ms,
            n=gap.count,
            state=str(gap.state),
            reason=str(gap.reason),
            seq=seq,
        )
        if not self._end_claim(series, gap.first_ms, attempt=1):
            self.store.change("set_ledger", series=series, next_ms=gap.last_ms + 1)
        self._count(gap)
        written.new += 1

    def _write_schedule(self, schedule: Schedule, now_ms: int, written: Written) -> None:
        series = self._series_id(schedule.journey, schedule.region)
        if self.store.one("get_schedule", series=series, from_ms=schedule.from_ms):
            written.duplicates += 1
            return
        self.store.change(
            "add_schedule",
            series=series,
            from_ms=schedule.from_ms,
            every_ms=schedule.every_ms,
            phase_ms=schedule.phase_ms,
            seq=self._append("schedule", schedule, now_ms),
        )
        self.store.change("reset_ledger", series=series, next_ms=schedule.from_ms)
        written.new += 1

    def _append(self, kind: str, record: Record, now_ms: int) -> int:
        body = pack(record)
        return int(self.store.value("add_record", kind=kind, written_ms=now_ms, body=body))

    def _end_claim(self, series: int, slot_ms: int, attempt: int) -> bool:
        """Whether there was one: the ledger was moved on when it was made.

        It may have been set back since, with the clock; the end of an old run moves nothing.
        """
        values = {"series": series, "slot_ms": slot_ms, "attempt": attempt}
        return self.store.change("drop_claim", **values) > 0

    def _count(self, record: Record) -> None:
        self._additions.increase(self.tally.increments(record))
        self._additions.observe(self.tally.observations(record))

    def _series_id(self, journey: str, region: str) -> int:
        key = (journey, region)
        if key not in self._series:
            found = self.store.value("get_series", journey=journey, region=region)
            if found is None:
                found = self.store.value("add_series", journey=journey, region=region)
            self._series[key] = found
        return self._series[key]
