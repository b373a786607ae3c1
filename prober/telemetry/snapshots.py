"""Metric payloads, taken at aligned moments and kept until every destination has them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from prober.journal.journal import Journal
from prober.telemetry.encode import compress, exemplars, metrics
from prober.telemetry.resource import Resource
from prober.telemetry.totals import Reading
from prober.units import DAY_MS, HOUR_MS, MINUTE_MS

KEPT_BYTES: Final = 256_000_000
#: An outage of an hour, and the pause before its end is noticed, cost no point.
_WHOLE_MS: Final = 2 * HOUR_MS
#: Each a multiple of the one before, up to 23 days.
_GRIDS_MS: Final = (MINUTE_MS, *(8 * MINUTE_MS << doubled for doubled in range(13)))
#: Set back by more than this, the clock is believed and the stamps before were not, as with slots.
_HELD_MS: Final = HOUR_MS
#: How much too early a wait may end: a stamp is never further ahead.
_EARLY_MS: Final = 1000
#: Exemplars come from at most so many of the newest records.
_EXEMPLARS_FROM: Final = 512


@dataclass(slots=True)
class Snapshots:
    """Takes payloads for the metric destinations; every method touches the disk."""

    journal: Journal
    resource: Resource
    #: What no journal row stands behind, asked for at each payload.
    readings: Callable[[], Iterable[Reading]]
    destinations: Sequence[str]
    limit_bytes: int = KEPT_BYTES
    #: Newest record that exemplars were taken from.
    _seen: int = 0
    #: One at a time: who is stamped later has read later.
    _taking: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> None:
        """Take exemplars from records written from now on."""
        self._seen = self.journal.outbox.newest()

    def take(self, now_ms: int) -> None:
        """Freeze the totals as they are, and drop the payloads that nobody needs.

        The stamp is the time given, or just after the payload before, where the clock was set back.
        """
        with self._taking:
            self._take(max(now_ms, self._last_ms(now_ms) + 1))

    def take_aligned(self, now_ms: int, interval_ms: int) -> None:
        """The same with a multiple of the interval as its stamp, unless that is not a new one.

        In the order of their stamps no counter falls. Totals lose nothing by a payload less.
        """
        early_ms = min(_EARLY_MS, interval_ms // 2)
        stamp_ms = (now_ms + early_ms) // interval_ms * interval_ms
        with self._taking:
            if stamp_ms > self._last_ms(now_ms):
                self._take(stamp_ms)

    def _last_ms(self, now_ms: int) -> int:
        """What the newest payload is stamped, by whichever process; -1 when that is no matter."""
        taken = self.journal.outbox.snapshots()
        last_ms = taken[-1][1] if taken else -1
        return last_ms if last_ms - now_ms <= _HELD_MS else -1

    def _take(self, stamp_ms: int) -> None:
        newest = self.journal.outbox.newest()
        after = max(self._seen, newest - _EXEMPLARS_FROM)
        entries = self.journal.outbox.entries(after, newest, _EXEMPLARS_FROM)
        shown = exemplars(entries, self.journal.tally)
        body = metrics(self.journal, stamp_ms, self.readings(), self.resource, shown)
        self.journal.outbox.freeze(compress(body), stamp_ms)
        self._seen = newest
        self.tidy(stamp_ms)

    def tidy(self, now_ms: int) -> None:
        """Forget what every destination has, and thin what waits for one.

        The newest stays: the next one is stamped after it, also after a restart.
        """
        cursors = [self.journal.outbox.cursor(name, "metrics") for name in self.destinations]
        taken = self.journal.outbox.snapshots()
        before_newest = taken[-1][0] - 1 if taken else 0
        had = min(before_newest, *(cursor.acked for cursor in cursors))
        self.journal.outbox.forget_snapshots(had)
        waiting = [each for each in taken if each[0] > had]
        dropped = thin(waiting, now_ms, self.limit_bytes)
        inflight = {cursor.inflight for cursor in cursors}
        self.journal.outbox.thin_snapshots(sorted(set(dropped) - inflight))


def thin(taken: Sequence[tuple[int, int, int]], now_ms: int, limit_bytes: int) -> list[int]:
    """Which payloads to drop of (id, taken_ms, bytes), oldest first.

    Everything of the last two hours stays, then one a minute for a day, then one in 8 minutes, the
    newest of each. Past the limit resolution goes before reach: first those between the minutes,
    then those between 8 minutes, 16, 32 and so on, of each the oldest first. The newest payload
    of all always stays.
    """
    newest = {_slot(id_, taken_ms, now_ms - taken_ms): id_ for id_, taken_ms, _ in taken}
    dropped = {id_ for id_, _, _ in taken} - set(newest.values())
    kept = [each for each in taken if each[0] not in dropped]
    over = sum(size for _, _, size in kept) - limit_bytes
    for id_, _, size in _finest_first(kept)[:-1] if over > 0 else ():
        if over <= 0:
            break
        dropped.add(id_)
        over -= size
    return sorted(dropped)


def _finest_first(taken: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """By the widest grid on which a payload is the newest of its cell, then by age."""
    rank = dict.fromkeys((id_ for id_, _, _ in taken), 0)
    for width_ms in _GRIDS_MS:
        for id_ in {taken_ms // width_ms: id_ for id_, taken_ms, _ in taken}.values():
            rank[id_] += 1
    last = taken[-1][0]
    return sorted(taken, key=lambda each: (each[0] == last, rank[each[0]], each[0]))


def _slot(id_: int, taken_ms: int, age_ms: int) -> tuple[int, int]:
    """Of payloads with the same slot one stays."""
    if age_ms < _WHOLE_MS:
        return 0, id_
    width_ms = MINUTE_MS if age_ms < DAY_MS else 8 * MINUTE_MS
    return width_ms, taken_ms // width_ms
