"""Hourly and daily sums of the runs that count, so that a long window is read in a moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from prober.journal.store import Store
from prober.model import Outcome
from prober.units import HOUR_MS

_DAY = 24
#: Hours in a bucket, by level.
LEVELS = (1, _DAY)
#: In `meta`: the hour that runs are written to now; who changes an earlier one says so.
OPEN_HOUR = "open_hour"
#: In `meta`: from when on single runs, and sums of them, are all there.
RAW_FROM, ROLLUPS_FROM = "raw_from_ms", "rollups_from_ms"


#: As rows hold them.
OUTCOMES = (Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE)
PASSED, FAILED, INCONCLUSIVE = range(3)


class Finding(NamedTuple):
    """What counting needs to know of a run; runs with equal findings are summed up."""

    #: The place in `OUTCOMES`.
    outcome: int
    #: 1: failed while the browser saw no first-party 5xx.
    silent: int = 0
    #: Bit n: by mark n it is bad though it passed, or good though it failed.
    odd: int = 0
    #: Bit n: it did not come to the assertion of mark n.
    unasked: int = 0

    def good(self, bit: int) -> bool | None:
        """Whether a run is good by a mark; None: it says nothing about it."""
        if self.outcome == INCONCLUSIVE or self.unasked >> bit & 1:
            return None
        return (self.outcome == PASSED) != (self.odd >> bit & 1)


class Change(NamedTuple):
    """A sum that changes: that of the first attempts (0), or what final ones add to it (1)."""

    final: int
    finding: Finding


def contribution(finding: Finding, counted: int) -> dict[Change, int]:
    """What a run adds to sums.

    Args:
        finding: of the run.
        counted: 1 as its slot's first attempt, 2 as its final one, 3 as both, 0 not at all.
    """
    first, final = counted & 1, counted >> 1
    return {Change(0, finding): first, Change(1, finding): final - first}


@dataclass(slots=True)
class Rollups:
    """The writing side of the sums."""

    store: Store
    _open_hour: int | None = None

    def add(self, series: int, slot_ms: int, changes: Mapping[Change, int]) -> None:
        """Change the sums that a slot is in."""
        for ((final, finding), n), (level, hours) in product(changes.items(), enumerate(LEVELS)):
            if n:
                self.store.change(
                    "add_rollup",
                    series=series,
                    level=level,
                    bucket=slot_ms // (hours * HOUR_MS),
                    final=final,
                    n=n,
                    **finding._asdict(),
                )

    def note(self, series: int, slot_ms: int, now_ms: int) -> None:
        """Say that a slot's hour changes, unless that is to be expected now."""
        hour, open_hour = slot_ms // HOUR_MS, self._open()
        if hour < open_hour:
            self.store.change("touch_series", series=series)
        elif open_hour < (newest := min(hour, now_ms // HOUR_MS)):
            self.store.change("raise_meta", key=OPEN_HOUR, value=newest)
            self._open_hour = newest

    def forget(self) -> None:
        """A transaction was undone: what was noted in it may not have happened."""
        self._open_hour = None

    def _open(self) -> int:
        if self._open_hour is None:
            self._open_hour = int(self.store.value("get_meta", key=OPEN_HOUR) or 0)
        return self._open_hour


class Piece(NamedTuple):
    """Consecutive buckets of one level, [first, last)."""

    level: int
    first: int
    last: int


def cover(first_hour: int, last_hour: int) -> Iterator[Piece]:
    """The fewest buckets that hold the hours [first, last): days, and hours beside them."""
    first_day, last_day = -(-first_hour // _DAY), last_hour // _DAY
    if first_day >= last_day:
        yield Piece(0, first_hour, last_hour)
        return
    yield Piece(0, first_hour, first_day * _DAY)
    yield Piece(1, first_day, last_day)
    yield Piece(0, last_day * _DAY, last_hour)
