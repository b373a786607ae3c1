"""Journals as an evaluator's are after a month, made in seconds, and one being written.

`fill` writes rows as `Journal.write` would; a test compares the two. Only the lifetime
counters and histograms stay empty: no judgement reads them.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

from benchmarks.fleet import texts
from prober.journal.body import pack
from prober.journal.journal import Journal
from prober.journal.keeper import seals_of
from prober.journal.marks import Mark, find, marks_of
from prober.journal.rollup import LEVELS, OPEN_HOUR, Finding
from prober.journal.store import open_reader
from prober.journal.tally import rules_of
from prober.model import Cause, Kind, Outcome, Phase, Run, RunId, Schedule, Step
from prober.slo.contract import Contract
from prober.slo.format import load, parse
from prober.units import DAY_MS, HOUR_MS

REGIONS = tuple(f"region-{number}" for number in range(10))
WINDOW_MS = 30 * DAY_MS
CONTRACT = Path(__file__).parent.parent / "journeys" / "checkout.slo.yaml"
_STEPS = ("open shop", "sign in", "add to cart", "pay", "confirmation")
#: Of each thousand runs; the rest pass in time.
_FAILED, _SLOW, _INCONCLUSIVE = 5, 5, 2
_FATES = 1000
_ADD_RECORD = "INSERT INTO record (seq, kind, written_ms, body) VALUES (?, 'run', ?, ?)"
_ADD_RUN = """
INSERT INTO run (series, slot_ms, attempt, kind, outcome, silent, odd, unasked, counted,
                 duration_us, finished_ms, written_ms, seq)
VALUES (?, ?, 1, 'scheduled', ?, ?, ?, ?, 3, ?, ?, ?, ?)"""
_ROLL = """
INSERT INTO rollup (series, level, bucket, final, outcome, silent, odd, unasked, n)
SELECT series, ?, slot_ms / ?, 0, outcome, silent, odd, unasked, count(*)
FROM run GROUP BY 1, 3, 5, 6, 7, 8"""


class Plan(NamedTuple):
    """Which runs a journal holds: those of a window that ends at a moment."""

    total: int
    end_ms: int
    journeys: tuple[str, ...] = ("checkout",)
    window_ms: int = WINDOW_MS

    @property
    def every_ms(self) -> int:
        """From slot to slot of each series."""
        return self.window_ms * len(self.places) // self.total

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """Journeys and regions."""
        return tuple(product(self.journeys, REGIONS))

    def slots(self) -> Iterator[int]:
        """Of each series."""
        for number in range(self.total // len(self.places)):
            yield self.end_ms - self.window_ms + number * self.every_ms

    def schedules(self) -> Iterator[Schedule]:
        """In force since the window began."""
        start_ms = self.end_ms - self.window_ms
        for journey, region in self.places:
            yield Schedule(
                journey=journey,
                region=region,
                from_ms=start_ms,
                every_ms=self.every_ms,
                phase_ms=start_ms % self.every_ms,
            )

    def runs(self) -> Iterator[Run]:
        """All runs, place by place."""
        for journey, region in self.places:
            for number, slot_ms in enumerate(self.slots()):
                yield run_at(region, slot_ms, number, journey)


def contract() -> Contract:
    """The one that is judged alone."""
    return load(CONTRACT)


def contracts(number: int) -> tuple[Contract, ...]:
    """So many contracts of a fleet; 0: the one that is judged alone."""
    fleet = tuple(parse(text, file) for file, text in texts(number))
    return fleet or (contract(),)


def run_at(region: str, slot_ms: int, number: int, journey: str = "checkout") -> Run:
    """The run of a slot; its number decides what became of it."""
    outcome, duration_us = _fate(number)
    failed = outcome is Outcome.FAILED
    each_us = duration_us // len(_STEPS)
    return Run(
        id=RunId(journey, region, slot_ms, 1, Kind.SCHEDULED),
        outcome=outcome,
        cause=_CAUSES[outcome],
        step=_STEPS[-1] if failed else None,
        message="Locator expected to have text '€18.90', it was '€23.80'" if failed else None,
        started_ms=slot_ms + 200,
        finished_ms=slot_ms + 200 + duration_us // 1000,
        start_delay_us=3000,
        duration_us=duration_us,
        steps=tuple(
            Step(name=name, offset_us=index * each_us, duration_us=each_us, outcome=outcome)
            for index, name in enumerate(_STEPS)
        ),
        phases={Phase.QUEUE: 120, Phase.LAUNCH: 190_000, Phase.CONTEXT: 160_000},
        responses={"2xx": 70, "3xx": 3},
        assertions=9,
        held={} if outcome is Outcome.INCONCLUSIVE else {"order-total": not failed},
        regime={"prober": "0", "playwright": "0", "browser": "0", "journey": "0" * 16},
        host={"cpu_pressure": 1.5},
    )


_CAUSES = {
    Outcome.PASSED: None,
    Outcome.FAILED: Cause.ASSERTION,
    Outcome.INCONCLUSIVE: Cause.SATURATED,
}


def fill(path: Path, plan: Plan, now_ms: int, number: int = 0) -> None:
    """Make a journal that holds a plan's runs, with bodies of the right kind and size.

    A body tells the right outcome, but the same slot in all runs of one fate and series.
    For `number` see `contracts`.
    """
    journal = Journal.open(path, rules_of(contracts(number)), now_ms)
    journal.write(plan.schedules(), now_ms)
    journal.close()
    reader = open_reader(path)
    marks = {journey: marks_of(reader, journey) for journey in plan.journeys}
    reader.close()
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.executescript("PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY;")
        series = dict(connection.execute("SELECT journey || ' ' || region, id FROM series"))
        connection.execute("BEGIN")
        for journey, region in plan.places:
            fates = [
                _Fate.of(run_at(region, plan.end_ms, n, journey), marks[journey])
                for n in range(min(_FATES, plan.total // len(plan.places)))
            ]
            _fill_series(connection, fates, series[f"{journey} {region}"], plan, now_ms)
        for level, hours in enumerate(LEVELS):
            connection.execute(_ROLL, (level, hours * HOUR_MS))
        newest_ms = min(max(plan.slots()), now_ms)
        connection.execute("INSERT INTO meta VALUES (?, ?)", (OPEN_HOUR, str(newest_ms // HOUR_MS)))
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    seals_of(path).unlink()  # they are of what it held before
    Journal.open(path, rules_of(contracts(number)), now_ms).close()


def _fill_series(
    connection: sqlite3.Connection, fates: Sequence[_Fate], series: int, plan: Plan, now_ms: int
) -> None:
    (newest,) = connection.execute("SELECT max(seq) FROM record").fetchone()
    told = [
        (newest + n, slot_ms, fates[(n - 1) % _FATES]) for n, slot_ms in enumerate(plan.slots(), 1)
    ]
    connection.executemany(_ADD_RECORD, ((seq, now_ms, fate.body) for seq, _, fate in told))
    connection.executemany(
        _ADD_RUN, (fate.row(series, slot_ms, now_ms, seq) for seq, slot_ms, fate in told)
    )


class _Fate(NamedTuple):
    """What runs with the same number, modulo 1000, have in common."""

    run: Run
    finding: Finding
    body: bytes

    @classmethod
    def of(cls, run: Run, marks: Iterable[Mark]) -> _Fate:
        return cls(run, find(run, marks), pack(run))

    def row(self, series: int, slot_ms: int, now_ms: int, seq: int) -> tuple[int, ...]:
        """The row of a run of this fate."""
        finished_ms = slot_ms + self.run.finished_ms - self.run.id.slot_ms
        times = (self.run.duration_us, finished_ms, now_ms)
        return (series, slot_ms, *self.finding, *times, seq)


def _fate(number: int) -> tuple[Outcome, int]:
    """Outcome and duration in µs; spread so that every hour has some of each."""
    place = number * 617 % _FATES  # 617 and 1000 have no common factor: each place once
    if place < _FAILED:
        return Outcome.FAILED, 1_400_000
    if place < _FAILED + _SLOW:
        return Outcome.PASSED, 9_000_000
    if place < _FAILED + _SLOW + _INCONCLUSIVE:
        return Outcome.INCONCLUSIVE, 700_000
    return Outcome.PASSED, 1_000_000 + place * 100


def write_live(path: Path, per_second: int, ahead_ms: int, number: int) -> None:
    """Take runs in as they would arrive, so many a second, until ended.

    It is `ahead_ms` later there than here; for `number` see `contracts`.
    """
    agreed = contracts(number)
    journal = Journal.open(path, rules_of(agreed))
    print("ready", flush=True)
    batch, wait_s = 0, len(REGIONS) / per_second
    due = time.monotonic()
    while True:
        now_ms = time.time_ns() // 1_000_000 + ahead_ms
        journal.write(_arrived(batch, now_ms, agreed[batch % len(agreed)].journey), now_ms)
        batch += 1
        due += wait_s
        time.sleep(max(0.0, due - time.monotonic()))


def _arrived(batch: int, now_ms: int, journey: str) -> Iterator[Run]:
    """One run of each region."""
    for offset, region in enumerate(REGIONS):
        yield run_at(region, now_ms, batch * len(REGIONS) + offset, journey)


if __name__ == "__main__":
    where, *numbers = sys.argv[1:]
    write_live(Path(where), *map(int, numbers))
