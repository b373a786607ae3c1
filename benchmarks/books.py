"""What a process that was stopped wrote down: its runs, its slots, and every record once."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from prober.agent.agent import JOURNAL
from prober.journal.journal import Journal
from prober.journal.timetable import Timetable
from prober.model import Cause, Gap, Outcome, Record, Run, Schedule
from prober.slo.window import Span

#: Records are read so many at a time: months of them do not fit into memory.
_SHEET = 1000
_DIGEST_BYTES = 16


@dataclass(slots=True)
class Books:
    """Of an agent, or of an evaluator."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    #: How often each record is there, by a digest of it.
    records: Counter[bytes] = field(default_factory=Counter)
    #: How often each slot got a state, by journey and time; runs completed theirs.
    slots: Counter[tuple[str, int]] = field(default_factory=Counter)
    completed: int = 0
    #: Runs that were set aside because other work kept the machine busy.
    saturated: int = 0
    schedules: dict[str, list[Schedule]] = field(default_factory=dict)
    #: Slots and runs before are left out, records are not; in ms since the epoch.
    since_ms: int = 0

    @classmethod
    def read(cls, data: Path, since_ms: int = 0) -> Books:
        """Those in a data directory that nobody writes, of slots from a moment on."""
        books = cls(since_ms=since_ms)
        for record in _records(data / JOURNAL):
            books.records[_digest(record)] += 1
            books._enter(record)
        return books

    @property
    def due(self) -> int:
        """Slots that were due from each journey's first schedule on to its newest slot."""
        return sum(self._due(journey) for journey in self.schedules)

    @property
    def settled(self) -> int:
        """Slots that have exactly one state."""
        return sum(times == 1 for times in self.slots.values())

    def _due(self, journey: str) -> int:
        newest_ms = max((at_ms for name, at_ms in self.slots if name == journey), default=-1)
        schedules = sorted(self.schedules[journey], key=lambda schedule: schedule.from_ms)
        return Timetable(tuple(schedules)).due(Span(self.since_ms, newest_ms + 1))

    def _enter(self, record: Record) -> None:
        match record:
            case Run() if record.counts and record.id.slot_ms >= self.since_ms:
                self.outcomes[record.outcome] += 1
                self.completed += 1
                self.saturated += record.cause is Cause.SATURATED
                self.slots[record.id.journey, record.id.slot_ms] += 1
            case Gap():
                step_ms = (record.last_ms - record.first_ms) // max(1, record.count - 1)
                for slot_ms in (record.first_ms + n * step_ms for n in range(record.count)):
                    if slot_ms >= self.since_ms:
                        self.slots[record.journey, slot_ms] += 1
            case Schedule():
                self.schedules.setdefault(record.journey, []).append(record)


def _records(path: Path) -> Iterator[Record]:
    journal = Journal.open(path)
    try:
        newest, after = journal.outbox.newest(), 0
        while entries := journal.outbox.entries(after, newest, _SHEET):
            yield from (entry.record for entry in entries)
            after = entries[-1].seq
    finally:
        journal.close()


def _digest(record: Record) -> bytes:
    return hashlib.blake2b(record.to_json().encode(), digest_size=_DIGEST_BYTES).digest()
