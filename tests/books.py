"""The books of processes that were stopped: whether they agree to the last record and slot."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from prober.journal.journal import Journal
from prober.model import Gap, Record, Run, Schedule

#: (metric, attributes as sorted pairs) and total.
Totals = dict[tuple[str, tuple[tuple[str, str], ...]], int]
LABELS = ("prober.journey", "prober.region", "prober.outcome", "error.type")
_EVERYTHING = 10**7


@dataclass(frozen=True)
class Books:
    """What one process wrote down."""

    records: tuple[Record, ...]
    totals: Totals
    #: When the journal was made, in milliseconds since 1970.
    birth_ms: int

    @classmethod
    def read(cls, directory: Path) -> Books:
        """Those in a data directory that nobody writes."""
        journal = Journal.open(directory / "journal.db")
        assert journal.set_aside is None
        entries = journal.outbox.entries(0, journal.outbox.newest(), _EVERYTHING)
        totals = {
            (metric, tuple(sorted(json.loads(attributes).items()))): value
            for metric, attributes, value in journal.counters()
            if not metric.startswith("prober.export.")  # sending them is what moves them
        }
        birth_ms = journal.birth_ms
        journal.close()
        return cls(tuple(entry.record for entry in entries), totals, birth_ms)

    @property
    def runs(self) -> list[Run]:
        """The runs that count."""
        return [each for each in self.records if isinstance(each, Run) and each.counts]

    @property
    def causes(self) -> Counter[tuple[str, str]]:
        """Why runs that count did not pass: cause and message."""
        return Counter((str(run.cause), str(run.message)) for run in self.runs if run.cause)

    def lines(self) -> Counter[str]:
        """Every record as its canonical line, and how often it is there."""
        return Counter(record.to_json() for record in self.records)


def rows(directory: Path, query: str) -> list[tuple[Any, ...]]:
    """What the journal of a process that runs says, looked at as an operator would."""
    with sqlite3.connect(f"file:{directory / 'journal.db'}?mode=ro", uri=True) as connection:
        return connection.execute(query).fetchall()


def delivered(directory: Path) -> bool:
    """Whether backend and evaluator have everything but what came in the last moments."""
    acked = dict(rows(directory, "SELECT destination, acked FROM cursor"))
    newest = rows(directory, "SELECT max(seq) FROM record")[0][0]
    snapshots = rows(directory, "SELECT count(*) FROM snapshot")[0][0]
    return bool(acked["evaluator"] >= newest - 3 and snapshots <= 3)


def assert_same_records(mine: Mapping[str, Books], theirs: Books) -> None:
    """The evaluator holds every record of every region, once."""
    sent = sum((books.lines() for books in mine.values()), Counter[str]())
    held = theirs.lines()
    assert set(sent.values()) == {1}, "a record is in a journal twice"
    assert held == sent, f"lost: {sent - held}, not sent: {held - sent}"


def assert_same_totals(mine: Books, backend: Any) -> None:
    """Every run counter at the backend equals the journal's, series by series."""
    wanted = {
        tuple(dict(attributes).get(label, "") for label in LABELS): value
        for (metric, attributes), value in mine.totals.items()
        if metric == "prober.runs"
    }
    found = backend.query('last_over_time({__name__="prober.runs"}[1h])')
    held = {
        tuple(series["metric"].get(label, "") for label in LABELS): int(series["value"][1])
        for series in found
    }
    assert len(held) == len(found), "a second series"
    assert held == wanted
    assert sum(wanted.values()) == len(mine.runs)


def assert_one_life(mine: Books, bodies: Iterable[tuple[str, bytes]]) -> None:
    """One start time for ever, and no total ever falls, in all that was sent."""
    starts = set()
    highest: dict[str, int] = {}
    for path, body in bodies:
        assert path.endswith("/v1/metrics")
        request = ExportMetricsServiceRequest.FromString(body)
        for found in request.resource_metrics[0].scope_metrics[0].metrics:
            for point in found.sum.data_points:
                starts.add(point.start_time_unix_nano)
                key = f"{found.name} {point.attributes}"
                assert point.as_int >= highest.get(key, 0), key
                highest[key] = point.as_int
    assert starts == {mine.birth_ms * 1_000_000}


def assert_every_slot_has_one_state(books: Books) -> None:
    """From the first schedule to the newest slot, each that was due is there once."""
    for journey in {each.journey for each in books.records if isinstance(each, Schedule)}:
        found = Counter(_slots(books, journey))
        due = _due(books, journey, max(found) + 1)
        assert found == Counter(due), (journey, (found - Counter(due)), Counter(due) - found)


def _slots(books: Books, journey: str) -> list[int]:
    """Every slot that has a state, once for each time it got one."""
    slots = [run.id.slot_ms for run in books.runs if run.id.journey == journey]
    for gap in (each for each in books.records if isinstance(each, Gap)):
        if gap.journey == journey:
            step = (gap.last_ms - gap.first_ms) // max(1, gap.count - 1)
            slots += [gap.first_ms + n * step for n in range(gap.count)]
    return slots


def _due(books: Books, journey: str, end_ms: int) -> list[int]:
    """Every slot that was due before a moment, by the schedules one after another."""
    schedules: list[Any] = [
        each for each in books.records if isinstance(each, Schedule) and each.journey == journey
    ]
    schedules.sort(key=lambda schedule: schedule.from_ms)
    slots: list[int] = []
    ends = [*(after.from_ms for _, after in pairwise(schedules)), end_ms]
    for schedule, until_ms in zip(schedules, ends, strict=True):
        if schedule.every_ms and until_ms > schedule.from_ms:
            slots += range(schedule.first_at(schedule.from_ms), until_ms, schedule.every_ms)
    return slots
