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
from prober.slo.slices import bad_of
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
    spent = zip(grid.edges, _bad(counting, grid), strict=True)
    return tuple(Left(at_ms, 1 - bad / budget) for at_ms, bad in spent)


def _bad(counting: Counting, grid: Grid) -> Iterator[Fraction]:
    """What was bad from the first edge of a grid to each."""
    edges, slice_ms = list(grid.edges), counting.contract.budgeting.slice_ms
    start_ms, whole = edges[0], dict[int, Fraction]()

    def bad(from_ms: int, to_ms: int) -> Fraction:
        span = Span(from_ms, to_ms)
        return (
            Fraction(counting.count(span, due=False).after.bad) if span.length_ms else Fraction(0)
        )

    if slice_ms is not None:
        edges = [at_ms - (at_ms - start_ms) % slice_ms for at_ms in edges]
    elif counting.contract.budgeting.rule.mode is Mode.WEIGHTED:
        # How much a run weighs depends on all the others: parts do not add up.
        yield from (bad(start_ms, at_ms) for at_ms in edges)
        return
    else:
        whole = _whole(counting, grid)
    total = Fraction(0)
    yield total
    for from_ms, to_ms in pairwise(edges):
        total += whole[from_ms] if from_ms in whole else bad(from_ms, to_ms)
        yield total


def _whole(counting: Counting, grid: Grid) -> dict[int, Fraction]:
    """How many runs were bad in each step that lies in the span, by when it begins."""
    start_ms, end_ms = grid.span
    begun = [at_ms for at_ms in grid.steps if start_ms <= at_ms <= end_ms - grid.step_ms]
    if not begun:
        return {}
    inner = Span(begun[0], begun[-1] + grid.step_ms)
    found = bad_of(counting.slices(inner, grid.step_ms), counting.contract.budgeting.rule)
    return {at_ms: Fraction(found.get(number, 0)) for number, at_ms in enumerate(begun)}
