"""Figures as coordinates: what a picture is made of, exact until it is written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from prober.evaluator.judging.grid import Grid
from prober.slo.window import Span
from prober.units import decimal

#: Of every picture; it is stretched to the room there is.
WIDTH: Final = 1000
HEIGHT: Final = 200


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture of values over time."""

    grid: Grid
    #: Values at the bottom and at the top; the top is the larger one.
    low: Fraction
    high: Fraction

    @classmethod
    def of(cls, grid: Grid, values: Iterable[Fraction], *also: Fraction) -> Plot:
        """A picture in which all of some values have room, with nought and others."""
        every = [Fraction(0), *values, *also]
        low, high = min(every), max(every)
        return cls(grid, low, high if high > low else low + 1)

    def x(self, at_ms: int) -> str:
        """Where a moment is; what lies outside stands at the border."""
        place = min(max(self.grid.place(at_ms), Fraction(0)), Fraction(1))
        return decimal(place * WIDTH, 1)

    def y(self, value: Fraction) -> str:
        """Where a value is, from the top down."""
        return decimal((self.high - value) / (self.high - self.low) * HEIGHT, 1)

    def width(self, span: Span) -> str:
        """How wide a span is: never so narrow that nobody sees it."""
        ends = (min(max(self.grid.place(at_ms), Fraction(0)), Fraction(1)) for at_ms in span)
        start, end = ends
        return decimal(max((end - start) * WIDTH, Fraction(2)), 1)

    def line(self, points: Iterable[tuple[int, Fraction]]) -> str:
        """Points of a line."""
        return " ".join(f"{self.x(at_ms)},{self.y(value)}" for at_ms, value in points)

    def area(self, points: Iterable[tuple[int, Fraction]]) -> str:
        """Corners of what lies between a line and nought."""
        known = list(points)
        if not known:
            return ""
        ground = self.y(Fraction(0))
        first, last = self.x(known[0][0]), self.x(known[-1][0])
        return f"{first},{ground} {self.line(known)} {last},{ground}"
