"""Reading counts: the runs that count, summed up by region and by what was found in them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from prober.errors import SourceUnavailable
from prober.journal.body import unpack_run
from prober.journal.heaps import Heaps, Part
from prober.journal.hour import Hour
from prober.journal.lasting import Lasting
from prober.journal.marks import NEVER_MS, Mark, find, marks_of
from prober.journal.moment import Moment
from prober.journal.rollup import (
    LEVELS,
    OPEN_HOUR,
    RAW_FROM,
    ROLLUPS_FROM,
    Finding,
    Piece,
    cover,
)
from prober.slo.contract import Retry
from prober.slo.moment import iso
from prober.slo.window import Span
from prober.units import HOUR_MS

#: So many numbers of answers, 100 bytes each, and so many runs of single hours are remembered.
_MOST_NUMBERS, _MOST_RUNS = 1_000_000, 1_000_000
#: What an hour takes besides its runs, in runs.
_HOUR = 500
Answer = TypeVar("Answer")
_COUNTED = {Retry.FIRST: 1, Retry.FINAL: 2}


class Known(NamedTuple):
    """What was believed of a slot at a moment."""

    region: str
    slot_ms: int
    finding: Finding
    #: Of the record.
    seq: int


@dataclass(slots=True)
class Sums:
    """The reading side of rows and roll-ups."""

    moment: Moment
    #: What was said of hours that are over, and single runs of such hours.
    _over: Lasting[Any] = field(default_factory=lambda: Lasting(_MOST_NUMBERS))
    _hours_over: Lasting[Hour] = field(default_factory=lambda: Lasting(_MOST_RUNS))

    def between(self, journey: str, span: Span, retry: Retry = Retry.FIRST) -> Heaps:
        """Runs of a span; see `parts`."""
        return sum((part.heaps for part in self.parts(journey, span, retry)), Heaps())

    def parts(self, journey: str, span: Span, retry: Retry) -> tuple[Part, ...]:
        """Runs of a span in parts: whole hours from roll-ups, what is left of others from rows.

        Raises:
            SourceUnavailable: the rows that it takes are not kept any more.
        """
        return self.moment.once(
            (journey, span, retry), lambda: tuple(self._parts(journey, span, retry))
        )

    def sliced(self, journey: str, span: Span, slice_ms: int, retry: Retry) -> Heaps:
        """Runs of each slice of a span: from roll-ups if all begin on the hour, or from rows.

        Raises:
            SourceUnavailable: what it takes is not kept any more.
        """
        for level in (1, 0):
            bucket_ms = LEVELS[level] * HOUR_MS
            if not (span.start_ms % bucket_ms or slice_ms % bucket_ms):
                piece = Piece(level, span.start_ms // bucket_ms, span.end_ms // bucket_ms)
                rest = Span(max(span.start_ms, piece.last * bucket_ms), span.end_ms)
                heaps = self._buckets(journey, piece, span.start_ms, slice_ms, retry)
                heaps.update(self._rows(journey, rest, span.start_ms, slice_ms, retry))
                return heaps
        return self._rows(journey, span, span.start_ms, slice_ms, retry)

    def lasting(
        self,
        journey: str,
        span: Span,
        what: Hashable,
        ask: Callable[[], Answer],
        weigh: Callable[[Answer], int],
    ) -> Answer:
        """What there is to say of a span, from before if nothing in it has changed since.

        That can be told of hours that are over: see `rollup`. An answer weighs as many numbers
        as it holds.
        """
        if not self._is_over(span):
            return ask()
        question, state = (journey, span, what), self._state(journey)
        answer: Answer = self._over.get(question, state, ask, weigh)
        return answer

    def known(self, journey: str, span: Span, retry: Retry, known_ms: int | None) -> list[Known]:
        """The run of each slot that counts, as far as it was written by a moment.

        Raises:
            SourceUnavailable: rows that it takes are not kept any more.
        """
        self._demand(RAW_FROM, span.start_ms, "single runs")
        marks = marks_of(self.moment.store, journey)
        rows = self.moment.store.all(
            "list_known",
            journey=journey,
            start_ms=span.start_ms,
            end_ms=span.end_ms,
            known_ms=NEVER_MS if known_ms is None else known_ms,
            sign=1 if retry is Retry.FIRST else -1,
        )
        return [
            Known(region, slot_ms, self._find(seq, marks) if replaced else Finding(*found), seq)
            for region, slot_ms, *found, seq, replaced, _ in rows
        ]

    def arrivals(
        self, journey: str, span: Span, skew_ms: int, known_ms: int | None
    ) -> dict[str, int]:
        """Where what arrived ended up, by the names of `Received`.

        Runs that are their slot's first to count are among it only with `known_ms`.
        """
        rows = self.moment.store.all(
            "count_arrivals",
            journey=journey,
            start_ms=span.start_ms,
            end_ms=span.end_ms,
            skew_ms=skew_ms,
            known_ms=known_ms,
        )
        return {place: n for place, n in rows if place}

    def bad(self, journey: str, span: Span, bit: int, retry: Retry) -> list[int]:
        """The numbers of the records of runs that are bad by a mark, oldest first.

        Raises:
            SourceUnavailable: rows that it takes are not kept any more.
        """
        self._demand(RAW_FROM, span.start_ms, "single runs")
        rows = self.moment.store.all(
            "list_bad",
            journey=journey,
            start_ms=span.start_ms,
            end_ms=span.end_ms,
            bit=bit,
            counted=_COUNTED[retry],
        )
        return [seq for (seq,) in rows]

    def series(self, journey: str) -> list[tuple[Any, ...]]:
        """By region the id of its series, and how often an hour of it that was over changed."""
        return self.moment.once(
            ("series", journey), lambda: self.moment.store.all("list_regions", journey=journey)
        )

    def oldest_ms(self, of: str) -> int:
        """From when on single runs, or sums of them, are all there.

        Args:
            of: `RAW_FROM` or `ROLLUPS_FROM`.
        """
        return self._meta(of)

    def _demand(self, of: str, start_ms: int, what: str) -> None:
        if start_ms < (oldest_ms := self.oldest_ms(of)):
            raise SourceUnavailable(
                f"{what} are kept from {iso(oldest_ms)} on, and those from {iso(start_ms)} on "
                "are needed"
            )

    def _find(self, seq: int, marks: list[Mark]) -> Finding:
        """What was found in a run that another took the place of."""
        row = self.moment.store.one("get_record", seq=seq)
        if row is None:
            raise SourceUnavailable("a record that was believed then is not kept any more")
        return find(unpack_run(row[3]), marks)

    def _parts(self, journey: str, span: Span, retry: Retry) -> Iterator[Part]:
        first, last = -(-span.start_ms // HOUR_MS), span.end_ms // HOUR_MS
        if first > last:
            yield self._edge(journey, span, retry)
            return
        open_hour = min(last, max(first, self._meta(OPEN_HOUR)))
        over = Span(first * HOUR_MS, open_hour * HOUR_MS)
        yield self._edge(journey, Span(span.start_ms, first * HOUR_MS), retry)
        yield self.lasting(
            journey,
            over,
            retry,
            lambda: Part(self._hours(journey, first, open_hour, retry)),
            lambda part: 1 + len(part.heaps),
        )
        yield self.moment.once(
            ("late", journey, open_hour, span.end_ms, retry),
            lambda: self._late(journey, open_hour, span.end_ms, retry),
        )

    def _late(self, journey: str, first: int, end_ms: int, retry: Retry) -> Part:
        """Runs from an hour on; most spans that are asked for end at the same moment."""
        last = end_ms // HOUR_MS
        heaps = self._hours(journey, first, last, retry)
        heaps.update(self._edge(journey, Span(last * HOUR_MS, end_ms), retry).heaps)
        return Part(heaps)

    def _hours(self, journey: str, first: int, last: int, retry: Retry) -> Heaps:
        total = Heaps()
        for piece in cover(first, last):
            total.update(self._buckets(journey, piece, 0, NEVER_MS, retry))
        return total

    def _buckets(
        self, journey: str, piece: Piece, origin_ms: int, slice_ms: int, retry: Retry
    ) -> Heaps:
        """Sums of runs, in slices from an origin on."""
        if piece.first >= piece.last:
            return Heaps()
        bucket_ms = LEVELS[piece.level] * HOUR_MS
        self._demand(ROLLUPS_FROM, piece.first * bucket_ms, "sums of runs")
        return self._heaps(
            "sum_rollup",
            **piece._asdict(),
            journey=journey,
            bucket_ms=bucket_ms,
            origin_ms=origin_ms,
            slice_ms=slice_ms,
            final=retry is Retry.FINAL,
        )

    def _edge(self, journey: str, span: Span, retry: Retry) -> Part:
        """Runs of a part of an hour."""
        if span.start_ms >= span.end_ms:
            return Part(Heaps())
        self._demand(RAW_FROM, span.start_ms, "single runs")
        number = span.start_ms // HOUR_MS
        hour = self.moment.once(
            ("hour", journey, number, retry), lambda: self._hour(journey, number, retry)
        )
        return hour.between(span)

    def _hour(self, journey: str, number: int, retry: Retry) -> Hour:
        span = Span(number * HOUR_MS, (number + 1) * HOUR_MS)
        if not self._is_over(span):
            return self._read_hour(journey, span, retry)
        return self._hours_over.get(
            (journey, number, retry),
            self._state(journey),
            lambda: self._read_hour(journey, span, retry),
            lambda hour: _HOUR + len(hour),
        )

    def _read_hour(self, journey: str, span: Span, retry: Retry) -> Hour:
        counted = _COUNTED[retry]
        values = span._asdict() | {"journey": journey, "counted": counted}
        return Hour.of(self.moment.store.all("list_counted", **values))

    def _is_over(self, span: Span) -> bool:
        return span.end_ms <= self._meta(OPEN_HOUR) * HOUR_MS

    def _state(self, journey: str) -> Hashable:
        """What the series of a journey say of themselves: it changes with any hour that is over."""
        return tuple(self.series(journey))

    def _rows(self, journey: str, span: Span, origin_ms: int, slice_ms: int, retry: Retry) -> Heaps:
        """Single runs, summed in slices from an origin on."""
        if span.start_ms >= span.end_ms:
            return Heaps()
        self._demand(RAW_FROM, span.start_ms, "single runs")
        return self._heaps(
            "sum_runs",
            **span._asdict(),
            journey=journey,
            origin_ms=origin_ms,
            slice_ms=slice_ms,
            counted=_COUNTED[retry],
        )

    def _heaps(self, query: str, **values: Any) -> Heaps:
        return Heaps({row[:-1]: row[-1] for row in self.moment.store.all(query, **values)})

    def _meta(self, key: str) -> int:
        return self.moment.once(key, lambda: int(self.moment.store.value("get_meta", key=key) or 0))
