"""By how much counters grew in a span: differences that are exact, or a reason why not.

A span adds what a counter stands at when it ends less what it stood at when it began, so that
adjacent spans lose nothing and share nothing. `rate` and `increase` are no help: both
extrapolate, and both take a counter that fell for one that began again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prober import conventions as names
from prober.errors import SourceUnavailable
from prober.evaluator.sources.backend import seconds
from prober.evaluator.sources.counters import NEAR_MS, Counters, Key, Values
from prober.evaluator.sources.schedules import Schedules
from prober.slo.window import Span


@dataclass(frozen=True, slots=True)
class _Watch:
    """A span in which no counter of a journey ever fell."""

    span: Span
    #: When a region was last seen to report.
    seen: Mapping[str, int]
    #: The first value of each counter in the span, or shortly before.
    first: Values


@dataclass(slots=True)
class Growth:
    """Growth of the counters of some journeys."""

    counters: Counters
    schedules: Schedules
    _watches: dict[str, _Watch] = field(default_factory=dict)

    def grown(self, journey: str, span: Span) -> Values:
        """By how much each counter of a journey grew in a span.

        Raises:
            SourceUnavailable: one of them cannot be trusted; with the reason.
        """
        with self.counters.at_one_moment():
            before = self._before(journey, span)
            after = self.standing(journey, before, span.end_ms)
        return {key: _grown(key, value, after.get(key, value)) for key, value in before.items()}

    def steps(self, journey: str, span: Span, step_ms: int) -> dict[Key, tuple[int, ...]]:
        """By how much the counters of SLIs and inconclusive runs grew in each step of a span.

        A step at its end that is not whole is left out.

        Raises:
            SourceUnavailable: one of them cannot be trusted; with the reason.
        """
        with self.counters.at_one_moment():
            return self.counters.once(
                ("steps", journey, span, step_ms), lambda: self._stepped(journey, span, step_ms)
            )

    def _stepped(self, journey: str, span: Span, step_ms: int) -> dict[Key, tuple[int, ...]]:
        edges = range(span.start_ms + step_ms, span.end_ms + 1, step_ms)
        before = self._before(journey, span)
        wanted = [key for key in before if key.metric is names.SLI_EVENTS or key.inconclusive]
        reach = f"[{max(NEAR_MS, step_ms)}ms]"  # so that every sample is seen from some edge
        held = self.counters.grid(wanted, lambda s: f"last_over_time({s}{reach})", edges)
        return {key: tuple(_steps(key, before[key], held.get(key, {}), edges)) for key in wanted}

    def _before(self, journey: str, span: Span) -> Values:
        """What each counter of a journey stood at when a span began: 0 before it was born."""
        first = self._watched(journey, span)
        standing = self.standing(journey, first, span.start_ms)
        unborn = self._unborn(journey, span.start_ms)
        for key, value in first.items():
            if value and key not in standing and key.region not in unborn:
                raise SourceUnavailable(
                    f"{key} is {value} where it is seen first, not 0: what was counted before "
                    "that is not there"
                )
        return {key: standing.get(key, 0) for key in first}

    def standing(self, journey: str, keys: Iterable[Key], time_ms: int) -> Values:
        """What a journey's counters stood at at a moment; those not born yet are left out."""
        unborn = self._unborn(journey, time_ms)
        return self.counters.standing((k for k in keys if k.region not in unborn), time_ms)

    def _unborn(self, journey: str, time_ms: int) -> set[str]:
        """The regions that had counted nothing of a journey: it had no schedule there yet."""
        begun = {region: table.from_ms for region, table in self.schedules.of(journey).items()}
        return {r for r, from_ms in begun.items() if from_ms is not None and from_ms >= time_ms}

    def _watched(self, journey: str, span: Span) -> Values:
        """The first values of a journey's counters from a span's start until now.

        What was found not to fall is not looked at again, but where a region is back that had
        not been heard of since.
        """
        end_ms = max(span.end_ms, self.counters.now_ms)
        watch = self._watches.get(journey)
        if watch is None or span.start_ms < watch.span.start_ms:
            watch = _Watch(Span(span.start_ms, span.start_ms), {}, {})
        start_ms = watch.span.start_ms
        if watch.span.end_ms < end_ms:
            near = self.counters.at(end_ms)
            alive = {k.region for k in near if (k.metric, k.values[0]) == (names.SLOTS, journey)}
            from_ms = min((watch.seen.get(region, start_ms) for region in alive), default=start_ms)
            self._watches.pop(journey, None)  # until this has gone well
            first = {**self._rising(journey, Span(from_ms, end_ms)), **watch.first}
            seen = {**watch.seen, **dict.fromkeys(alive, end_ms)}
            watch = self._watches[journey] = _Watch(Span(start_ms, end_ms), seen, first)
        return watch.first

    def _rising(self, journey: str, span: Span) -> Values:
        """The least value of each counter in a span and shortly before; none of them fell."""
        reach, at = f"[{span.length_ms + NEAR_MS}ms]", seconds(span.end_ms)
        answers = self.counters.answers(
            self.counters.of([journey]),
            {
                "falls": lambda selector: f"resets({selector}{reach} @ {at})",
                "least": lambda selector: f"min_over_time({selector}{reach} @ {at})",
            },
            span.end_ms,
        )
        falls, least = answers["falls"], answers["least"]
        before = self.standing(journey, least, span.start_ms)
        near = self.counters.at(span.start_ms)
        for key, value in least.items():
            # Of one that was quiet for long, the sample before the span lies out of reach.
            if falls.get(key) or (key not in near and value < before.get(key, 0)):
                raise _backwards(key)
        return least


def _steps(key: Key, value: int, held: Mapping[int, int], edges: Iterable[int]) -> Iterator[int]:
    """From edge to edge; where nothing was reported a counter stays."""
    for edge in edges:
        now = held.get(edge, value)
        yield _grown(key, value, now)
        value = now


def _grown(key: Key, before: int, after: int) -> int:
    if after < before:
        raise _backwards(key)
    return after - before


def _backwards(key: Key) -> SourceUnavailable:
    return SourceUnavailable(
        f"{key} went backwards: its agent began another journal, or two agents report as one"
    )
