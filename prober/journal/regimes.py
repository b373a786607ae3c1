"""Changes of what measured: found by looking at few runs, and closer where two differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

from prober.journal.body import unpack_run
from prober.journal.store import Store
from prober.slo.regime import KEYS, MOST, Change, Median, changed, middle
from prober.slo.window import Span
from prober.units import HOUR_MS

#: From one look to the next.
_EVERY_MS = 6 * HOUR_MS
#: So many runs are remembered before all are forgotten.
_MOST_LOOKS = 100_000


class Look(NamedTuple):
    """What measured a run."""

    slot_ms: int
    regime: Mapping[str, str]


@dataclass(slots=True)
class Regimes:
    """What measured the runs that gave a verdict, in a journal that may grow meanwhile."""

    store: Store
    #: By series, slot and record of the runs that were looked at.
    _known: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    #: By record: no record ever changes. Equal regimes are one object.
    _regimes: dict[int, Mapping[str, str]] = field(default_factory=dict)
    _alike: dict[tuple[tuple[str, str], ...], Mapping[str, str]] = field(default_factory=dict)

    def changes(self, journey: str, span: Span) -> list[Change]:
        """Every change in a span, in every region, oldest first, with latency around it.

        One that was undone within hours may go unseen.
        """
        found: list[Change] = []
        for region, series, _ in self.store.all("list_regions", journey=journey):
            found += self._around(series, list(self._changes(region, series, span)), span)
        return sorted(found, key=lambda change: (change.at_ms, change.region))

    def _changes(self, region: str, series: int, span: Span) -> Iterator[Change]:
        looks = (Look(slot_ms, self._regime(seq)) for slot_ms, seq in self._few(series, span))
        for before, after in pairwise(looks):
            here = before
            while changed(here.regime, after.regime):
                there = self._first_other(series, here, after)
                what = changed(here.regime, there.regime)
                if span.holds(there.slot_ms):
                    yield Change(region=region, at_ms=there.slot_ms, what=what)
                here = there

    def _first_other(self, series: int, before: Look, after: Look) -> Look:
        """The first run between two that another regime measured than the first of them."""
        rows = self._rows("counted_runs", series, Span(before.slot_ms + 1, after.slot_ms))
        low, high = 0, len(rows)
        while low < high:
            at = (low + high) // 2
            if changed(before.regime, self._regime(rows[at][1])):
                high = at
            else:
                low = at + 1
        if high == len(rows):
            return after
        slot_ms, seq = rows[high]
        return Look(slot_ms, self._regime(seq))

    def _around(self, series: int, changes: list[Change], span: Span) -> Iterator[Change]:
        """Changes with the latency of the regimes before and after each."""
        edges = [span.start_ms, *(change.at_ms for change in changes), span.end_ms]
        for number, change in enumerate(changes):
            yield replace(
                change,
                before=self._median("last_durations", series, Span(edges[number], change.at_ms)),
                after=self._median(
                    "first_durations", series, Span(change.at_ms, edges[number + 2])
                ),
            )

    def _median(self, query: str, series: int, span: Span) -> Median | None:
        rows = self.store.all(query, series=series, limit=MOST, **span._asdict())
        return middle([duration_us for (duration_us,) in rows])

    def _few(self, series: int, span: Span) -> list[tuple[int, int]]:
        """The first run of every few hours and the newest, and the last one before the span."""
        known, from_ms = self._known.get(series, []), span.start_ms
        if known and known[0][0] <= from_ms + _EVERY_MS:
            from_ms = max(from_ms, known[-1][0])
        else:
            known = []
        rest = Span(from_ms, span.end_ms)
        firsts = [look for look in known if look[0] < from_ms]
        firsts += self._rows("few_runs", series, rest, every_ms=_EVERY_MS)
        self._known[series] = firsts
        newest = self._rows("newest_counted", series, rest)
        within = sorted({look for look in (*firsts, *newest) if span.holds(look[0])})
        before = [look for look in firsts if look[0] < span.start_ms]
        return before[-1:] + within

    def _rows(self, query: str, series: int, span: Span, **more: int) -> list[tuple[int, int]]:
        rows = self.store.all(query, series=series, **span._asdict(), **more)
        return [(slot_ms, seq) for slot_ms, seq in rows]

    def _regime(self, seq: int) -> Mapping[str, str]:
        """What measured the run of a record; nothing is known of one that was dropped."""
        if seq not in self._regimes:
            if len(self._regimes) >= _MOST_LOOKS:
                self._regimes.clear()
            row = self.store.one("get_record", seq=seq)
            told = unpack_run(row[3]).regime if row else {}
            regime = {key: str(told[key]) for key in KEYS if key in told}
            self._regimes[seq] = self._alike.setdefault(tuple(regime.items()), regime)
        return self._regimes[seq]
