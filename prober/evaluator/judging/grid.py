"""A grid over time: steps of a round length, the same ones for everybody who looks.

Steps lie at whole multiples of their length, so what was counted of one is counted for good once
it is over, whenever somebody looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from prober.slo.window import Span
from prober.units import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS

#: At most so many steps: as many cells as fit side by side.
MOST: Final = 96
_ROUND_MS: Final = (
    *(SECOND_MS * n for n in (1, 2, 5, 10, 15, 30)),
    *(MINUTE_MS * n for n in (1, 2, 5, 10, 15, 30)),
    *(HOUR_MS * n for n in (1, 2, 3, 4, 6, 8, 12)),
    *(DAY_MS * n for n in (1, 2, 4, 7)),
)


@dataclass(frozen=True, slots=True)
class Grid:
    """Steps that together hold a span."""

    span: Span
    step_ms: int

    @classmethod
    def over(cls, span: Span, most: int = MOST) -> Grid:
        """The finest grid of a round length with at most so many steps, wherever the span lies.

        >>> Grid.over(Span(0, 30 * DAY_MS)).step_ms == 8 * HOUR_MS
        True
        """
        least_ms = -(-span.length_ms // (most - 1))  # one more, for both ends may be cut
        fits = (step_ms for step_ms in _ROUND_MS if step_ms >= least_ms)
        return cls(span, next(fits, -(-least_ms // DAY_MS) * DAY_MS))

    @property
    def outer(self) -> Span:
        """All steps together: the span, and what it takes to make the first and last whole."""
        start_ms = self.span.start_ms // self.step_ms * self.step_ms
        return Span(start_ms, -(-self.span.end_ms // self.step_ms) * self.step_ms)

    @property
    def steps(self) -> range:
        """Where each step begins."""
        return range(*self.outer, self.step_ms)

    @property
    def edges(self) -> Iterator[int]:
        """The span's beginning, every step within it, and its end."""
        yield self.span.start_ms
        yield from (at_ms for at_ms in self.steps if self.span.start_ms < at_ms)
        yield self.span.end_ms

    def place(self, at_ms: int) -> Fraction:
        """Where a moment lies in the steps: 0 at their beginning, 1 at their end."""
        return Fraction(at_ms - self.outer.start_ms, self.outer.length_ms)
