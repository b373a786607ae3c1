"""Taking run records in: in any order, each run once, and of a slot's attempts one counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from prober.journal.body import holds, pack
from prober.journal.marks import Marks
from prober.journal.rollup import (
    FAILED,
    INCONCLUSIVE,
    PASSED,
    Change,
    Finding,
    Rollups,
    contribution,
)
from prober.journal.store import Store
from prober.model import Kind, Run

#: When two records claim the same run, the one further to the right is believed.
_MILDEST_FIRST = (INCONCLUSIVE, PASSED, FAILED)


class Fate(Enum):
    """What became of a run record."""

    NEW = "new"
    #: The same again: dropped.
    DUPLICATE = "duplicate"
    #: Another that claims the same run: the worse outcome is believed.
    CONFLICT = "conflict"


class Taken(NamedTuple):
    """What became of a run record, and whether it is the first verdict of its slot."""

    fate: Fate
    verdict: bool = False


class Attempt(NamedTuple):
    """A run of a slot."""

    finding: Finding
    #: 1 as its slot's first attempt, 2 as its final one, 3 as both, 0 not at all.
    counted: int
    seq: int


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes run records in, inside a transaction."""

    store: Store
    marks: Marks
    rollups: Rollups

    def take(self, series: int, run: Run, now_ms: int) -> Taken:
        """Take a run record in."""
        slot = {"series": series, "slot_ms": run.id.slot_ms, "kind": str(run.id.kind)}
        attempts = self._attempts(slot)
        finding, old = self.marks.find(run), attempts.get(run.id.attempt)
        if old:
            fate = Fate.DUPLICATE if self._holds(old.seq, run) else Fate.CONFLICT
            key = slot | {"attempt": run.id.attempt}
            conflict = fate is Fate.CONFLICT
            self.store.change("add_repeat", conflict=conflict, written_ms=now_ms, **key)
            if not (conflict and _worse(finding, old.finding)):
                return Taken(fate)
            self.store.change("supersede", replaced_ms=now_ms, **key)
        body = pack(run)
        seq = self.store.value("add_record", kind="run", written_ms=now_ms, body=body)
        self._put(slot, attempts, run, Attempt(finding, 0, int(seq)), now_ms)
        said = any(a.finding.outcome != INCONCLUSIVE for a in attempts.values())
        verdict = finding.outcome != INCONCLUSIVE and not said
        scheduled = run.id.kind is Kind.SCHEDULED
        return Taken(Fate.CONFLICT if old else Fate.NEW, verdict and scheduled)

    def _attempts(self, slot: Mapping[str, Any]) -> dict[int, Attempt]:
        return {
            number: Attempt(Finding(*finding), counted, seq)
            for number, *finding, counted, seq in self.store.all("list_attempts", **slot)
        }

    def _holds(self, seq: int, run: Run) -> bool:
        row = self.store.one("get_record", seq=seq)
        return row is not None and holds(row[3], run)

    def _put(
        self,
        slot: Mapping[str, Any],
        attempts: Mapping[int, Attempt],
        run: Run,
        new: Attempt,
        now_ms: int,
    ) -> None:
        """Add a run to its slot, or put it in another's place, and see anew which one counts."""
        after = _choose({**attempts, run.id.attempt: new}, run.id.kind)
        changes: Counter[Change] = Counter()
        for old in attempts.values():
            changes.subtract(contribution(old.finding, old.counted))
        for number, attempt in after.items():
            changes.update(contribution(attempt.finding, attempt.counted))
            if number != run.id.attempt and attempt != attempts[number]:
                self.store.change("set_counted", attempt=number, counted=attempt.counted, **slot)
        chosen = after[run.id.attempt]
        self.store.change(
            "put_run",
            **slot,
            **chosen.finding._asdict(),
            attempt=run.id.attempt,
            counted=chosen.counted,
            duration_us=run.duration_us,
            finished_ms=run.finished_ms,
            written_ms=now_ms,
            seq=chosen.seq,
        )
        self.rollups.add(slot["series"], run.id.slot_ms, changes)
        self.rollups.note(slot["series"], run.id.slot_ms, now_ms)


def _choose(attempts: Mapping[int, Attempt], kind: Kind) -> dict[int, Attempt]:
    """The attempts of a slot, each with what it counts as.

    Attempts that gave a verdict come before those that gave none; of these one counts as well,
    for the slot had a run.
    """
    ordered = sorted(attempts)
    verdicts = [n for n in ordered if attempts[n].finding.outcome != INCONCLUSIVE] or ordered
    first, final = (verdicts[0], verdicts[-1]) if kind is Kind.SCHEDULED else (None, None)
    return {
        number: attempt._replace(counted=(number == first) + 2 * (number == final))
        for number, attempt in attempts.items()
    }


def _worse(one: Finding, other: Finding) -> bool:
    return _MILDEST_FIRST.index(one.outcome) > _MILDEST_FIRST.index(other.outcome)
