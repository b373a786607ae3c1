"""Asking a source: each question once in an evaluation, whoever needs the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from prober.errors import SourceUnavailable
from prober.evaluator.sources.source import Lost, Measure, Received, Source
from prober.slo.budget import Counts
from prober.slo.window import Span

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Once:
    """A source that remembers what it said; see `Source` for the questions.

    Several contracts may share one, as long as they are judged at the same moment.
    """

    source: Source
    _said: dict[tuple[object, ...], Any] = field(default_factory=dict)

    def counts(self, measure: Measure, span: Span, due: bool = True) -> Mapping[str, Counts]:
        """See `Source`."""
        return self._once(self.source.counts, measure, span, due)

    def slices(
        self, measure: Measure, span: Span, slice_ms: int
    ) -> Mapping[str, dict[int, Counts]]:
        """See `Source`."""
        return self._once(self.source.slices, measure, span, slice_ms)

    def planned(self, journey: str, span: Span) -> Mapping[str, int]:
        """See `Source`."""
        return self._once(self.source.planned, journey, span)

    def slots(self, journey: str, span: Span) -> Mapping[str, int]:
        """See `Source`."""
        return self._once(self.source.slots, journey, span)

    def periods(self, journey: str, end_ms: int) -> Mapping[str, int]:
        """See `Source`."""
        return self._once(self.source.periods, journey, end_ms)

    def since(self, journey: str) -> int | None:
        """See `Source`."""
        return self._once(self.source.since, journey)

    def silent(self, journey: str, span: Span) -> Mapping[str, int]:
        """See `Source`."""
        return self._once(self.source.silent, journey, span)

    def lost(self, journey: str, span: Span) -> Mapping[str, Lost]:
        """See `Source`."""
        return self._once(self.source.lost, journey, span)

    def newest(self, journey: str, end_ms: int) -> Mapping[str, int | None]:
        """See `Source`."""
        return self._once(self.source.newest, journey, end_ms)

    def received(self, measure: Measure, span: Span, skew_ms: int) -> Received | None:
        """See `Source`."""
        return self._once(self.source.received, measure, span, skew_ms)

    def _once(self, ask: Callable[..., Answer], *question: object) -> Answer:
        """What was said is said again, also that there is no answer: that may take long to find."""
        key = (ask.__name__, *question)
        if key not in self._said:
            try:
                self._said[key] = ask(*question)
            except SourceUnavailable as error:
                self._said[key] = error
        if isinstance(answer := self._said[key], SourceUnavailable):
            raise answer
        said: Answer = answer
        return said
