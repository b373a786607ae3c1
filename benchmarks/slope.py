"""The slope of something over time, and how sure it is, from samples that are no strangers.

What a process has now says much about what it has four seconds later, so neighbours cannot be
counted as so many witnesses. The samples are cut into twelve blocks, one after another: their
means hardly depend on each other once a block is much longer than what makes neighbours alike
(a run, a worker's life), and a line through twelve means has an exact interval by Student's t.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, linear_regression
from typing import NamedTuple

#: More would be shorter and more alike, fewer would widen the interval.
BLOCKS = 12
#: Student's t for ten degrees of freedom, two-sided 95 %.
_T = 2.2281
_HOUR_S = 3600


class Slope(NamedTuple):
    """Change an hour, with the ends of its 95 % confidence interval."""

    an_hour: float
    low: float
    high: float

    @property
    def grows(self) -> bool:
        """Whether it is above noise."""
        return self.low > 0


def slope_of(times_s: Sequence[float], values: Sequence[float]) -> Slope:
    """The slope of samples in the order of their times.

    Args:
        times_s: when each was taken; at least twelve, not all at once.
        values: what it was.
    """
    hours = _means([time_s / _HOUR_S for time_s in times_s])
    means = _means(values)
    slope, start = linear_regression(hours, means)
    left = sum((y - start - slope * x) ** 2 for x, y in zip(hours, means, strict=True))
    middle = fmean(hours)
    spread = sum((x - middle) ** 2 for x in hours)
    margin = _T * (left / (BLOCKS - 2) / spread) ** 0.5
    return Slope(slope, slope - margin, slope + margin)


def _means(values: Sequence[float]) -> list[float]:
    """Of blocks of as many samples each as can be."""
    ends = [len(values) * n // BLOCKS for n in range(BLOCKS + 1)]
    return [fmean(values[start:end]) for start, end in pairwise(ends)]
