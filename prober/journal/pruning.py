"""Dropping what is older than anybody is promised, in steps that writers hardly notice."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from prober.journal.rollup import LEVELS, RAW_FROM, ROLLUPS_FROM
from prober.journal.store import Store
from prober.units import DAY_MS, HOUR_MS

#: How long single runs are kept: a quarter of 92 days whose first hour is cut needs them,
RAW_MS = 93 * DAY_MS
#: and how long their sums are, and those runs that failed.
ROLLUPS_MS = 400 * DAY_MS
#: Rows in a transaction, some milliseconds,
_CHUNK = 500
#: and how long writers have before the next: a lock gives no turns.
_REST_S = 0.005


@dataclass(frozen=True, slots=True)
class Pruning:
    """Drops old rows; lifetime counters stay."""

    store: Store
    #: Waits; raises JournalClosing when the journal is being closed.
    rest: Callable[[float], None]

    def keep_small(self, now_ms: int) -> int:
        """Drop what is older than anybody is promised; how many rows.

        A clock may be a year ahead for some hours, and what is dropped does not come back: so it
        is no later than the newest run, and a pass drops one day of runs, the oldest. Clocks that
        are right leave no more than an hour to drop; after a long rest, some passes catch up.
        """
        newest_ms = self.store.value("latest_slot")
        if newest_ms is None:
            return 0
        reached_ms = min(now_ms, newest_ms)
        raw_from_ms = int(self.store.value("get_meta", key=RAW_FROM) or 0)
        oldest_ms = self.store.value("oldest_raw", from_ms=raw_from_ms)
        if oldest_ms is not None:
            reached_ms = min(reached_ms, oldest_ms + DAY_MS + RAW_MS)
        return self.drop(reached_ms - RAW_MS, reached_ms - ROLLUPS_MS)

    def drop(self, raw_before_ms: int, rollups_before_ms: int) -> int:
        """Drop old rows that every destination has; how many.

        Runs that failed are kept as long as sums are, and so is what they saw: they are few, and
        the ones somebody asks for after a quarter. Whole hours of runs and whole days of sums are
        dropped, so that no sum of what is left is of a part.
        """
        upto = self._shipped()
        raw_ms = raw_before_ms - raw_before_ms % HOUR_MS
        failed_ms = min(raw_ms, rollups_before_ms - rollups_before_ms % HOUR_MS)
        dropped = 0
        for series, _, _ in self.store.all("list_series"):
            for query, before_ms in (
                ("prune_runs", raw_ms),
                ("prune_superseded", raw_ms),
                ("prune_gaps", raw_ms),
                ("prune_failures", failed_ms),
            ):
                while gone := self._drop(query, series, before_ms, upto):
                    dropped += gone
            with self.store.transaction():
                self.store.change("prune_repeats", series=series, before_ms=raw_ms)
            self._drop_rollups(series, rollups_before_ms // DAY_MS)
        return dropped

    def _shipped(self) -> int:
        """The newest record that every destination has, of those that are sent records."""
        cursors = [acked for _, s, acked in self.store.all("list_cursors") if s != "metrics"]
        return min(cursors, default=int(self.store.value("newest_seq")))

    def _drop(self, query: str, series: int, before_ms: int, upto: int) -> int:
        values = {"series": series, "before_ms": before_ms, "upto": upto, "limit": _CHUNK}
        with self.store.transaction():
            rows = self.store.all(query, **values)
            self.store.change("prune_records", seqs=json.dumps([seq for seq, _ in rows]))
            if rows:  # no later than needed: a clock that is ahead must not refuse what comes
                newest_ms = max(slot_ms for _, slot_ms in rows)
                self.store.change("raise_meta", key=RAW_FROM, value=newest_ms + 1)
        self.rest(_REST_S)
        return len(rows)

    def _drop_rollups(self, series: int, day: int) -> None:
        with self.store.transaction():
            for level, hours in enumerate(LEVELS):
                bucket = day * LEVELS[-1] // hours
                if self.store.change("prune_rollups", series=series, level=level, bucket=bucket):
                    self.store.change("raise_meta", key=ROLLUPS_FROM, value=day * DAY_MS)
                    self.store.change("touch_series", series=series)
