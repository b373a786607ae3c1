"""Runs that people look at again and again, unpacked once: none ever changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from prober.model import Cause, Outcome, Run

#: So many of all series are kept: as many as a page shows of a large fleet, 300 bytes each.
MOST = 100_000


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False)
class Glimpse:
    """What is seen of a run among others; who draws it may keep that as long as there is it."""

    slot_ms: int
    outcome: Outcome
    cause: Cause | None
    step: str | None
    message: str | None
    #: What pages call it, see `RunId.key`.
    key: str

    @classmethod
    def of(cls, run: Run) -> Glimpse:
        """Of a whole run."""
        return cls(run.id.slot_ms, run.outcome, run.cause, run.step, run.message, run.id.key)


class Shown:
    """The newest runs of each series, as many as were ever asked for at once."""

    def __init__(self, read: Callable[[Sequence[int]], Mapping[int, Run]]) -> None:
        """Nothing is kept yet.

        Args:
            read: the runs of records, by their numbers, without those that are gone.
        """
        self._read = read
        #: By series and number of the record; the series that changed last is the last one.
        self._kept: dict[int, dict[int, Glimpse]] = {}
        self._count = self._asked = 0

    def __len__(self) -> int:
        return self._count

    def glimpses(self, series: int, seqs: Sequence[int]) -> list[Glimpse]:
        """The runs of records of a series, in their order, without those that are gone."""
        kept = self._kept.get(series, {})
        read = self._read_new([seq for seq in seqs if seq not in kept])
        found = {seq: seen for seq in seqs if (seen := kept.get(seq) or read.get(seq))}
        self._asked = max(self._asked, len(seqs))
        if not found.keys() <= kept.keys():
            others = {seq: seen for seq, seen in kept.items() if seq not in found}
            self._keep(series, found | others)
        return list(found.values())

    def _read_new(self, seqs: Sequence[int]) -> dict[int, Glimpse]:
        runs = self._read(seqs) if seqs else {}
        return {seq: Glimpse.of(run) for seq, run in runs.items()}

    def _keep(self, series: int, runs: dict[int, Glimpse]) -> None:
        """Those first that were asked for just now: a record may be newer than its run."""
        self._count -= len(self._kept.pop(series, ()))
        self._kept[series] = dict(islice(runs.items(), self._asked))
        self._count += len(self._kept[series])
        while self._count > MOST and len(self._kept) > 1:
            self._count -= len(self._kept.pop(next(iter(self._kept))))
