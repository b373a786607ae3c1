"""Burn-down: what was left of an error budget at moments of its window."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from prober.evaluator.judging.counting import Counting
from prober.evaluator.judging.grid import Grid
from prober.evaluator.judging.result import Result
from prober.slo.region import Mode
from prober.slo.window import Span


class Left(NamedTuple):
    """What was left at a moment."""

    at_ms: int
    #: Share of the budget: 1 at the window's beginning, below 0 when overspent.
    remaining: Fraction


def burndown(counting: Counting, result: Result, grid: Grid) -> tuple[Left, ...]:
    """What was left of a result's budget, from its window's beginning to now.

    It is counted as the judgement is, so the last value is what remains by it; of slices of time
    those count that were over. Empty when there is no budget to burn.

    Args:
        counting: counts as the result was counted.
        result: over which window.
        grid: over the result's span.

    Raises:
        SourceUnavailable: counts cannot be had now.
    """
    budget = result.judgement.budget
    if not budget:
        return ()
    edges = list(grid.edges)
    spent = zip(edges, _bad(counting, edges), strict=True)
    return tuple(Left(at_ms, 1 - bad / budget) for at_ms, bad in spent)


def _bad(counting: Counting, edges: list[int]) -> Iterator[Fraction]:
    """What was bad from the first edge to each."""
    start_ms, slice_ms = edges[0], counting.contract.budgeting.slice_ms

    def bad(from_ms: int, to_ms: int) -> Fraction:
        span = Span(from_ms, to_ms)
        return (
            Fraction(counting.count(span, due=False).after.bad) if span.length_ms else Fraction(0)
        )

    if slice_ms is None and counting.contract.budgeting.rule.mode is Mode.WEIGHTED:
        # How much a run weighs depends on all the others: parts do not add up.
        yield from (bad(start_ms, at_ms) for at_ms in edges)
        return
    if slice_ms is not None:
        edges = [at_ms - (at_ms - start_ms) % slice_ms for at_ms in edges]
    total = Fraction(0)
    yield total
    for from_ms, to_ms in pairwise(edges):
        total += bad(from_ms, to_ms)
        yield total
