"""What was left of a budget along its window ends at what remains by the judgement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.evaluator.desk.about import abouts
from prober.evaluator.judging.burndown import Left, burndown
from prober.evaluator.judging.evaluate import evaluate
from prober.evaluator.judging.grid import Grid
from prober.evaluator.judging.result import Result
from prober.evaluator.sources.once import Once
from tests.evaluator.office import MINUTE_MS, NOW_MS, Office, contract

WEIGHTED = """\
  budgeting: {occurrences: {rule: {weighted: {eu-west-1: "60%", us-east-1: "40%"}}}}
"""
SLICED = "  budgeting: {timeslices: {slice: 2m, rule: all}}\n"


@contextmanager
def office(*texts: str) -> Iterator[Office]:
    with TemporaryDirectory() as directory:
        found = Office(Path(directory), *texts)
        try:
            yield found
        finally:
            found.close()


def burned(office: Office, most: int = 96) -> tuple[Result, tuple[Left, ...]]:
    desk, once = office.desk, Once(office.desk.source)
    (about,) = abouts(desk, desk.contracts[0], once, office.now_ms)
    (result,) = evaluate(
        desk.contracts[0], once, office.now_ms, exclusions=desk.exclusions()
    ).results
    return result, burndown(about.counting, result, Grid.over(result.span, most))


bad = st.sets(st.integers(1, 100), max_size=40)


@pytest.mark.parametrize("more", ["", WEIGHTED, SLICED], ids=["runs", "weighted", "slices"])
@settings(max_examples=25)
@given(one=bad, two=bad, most=st.integers(2, 60))
def test_it_ends_at_what_remains(more: str, one: set[int], two: set[int], most: int) -> None:
    with office(contract(more=more)) as there:
        there.live(one)
        there.live(two, region="us-east-1")
        result, left = burned(there, most)
        assert left[0] == (result.span.start_ms, 1)
        assert left[-1] == (result.span.end_ms, result.judgement.remaining)


@settings(max_examples=25)
@given(one=bad)
def test_it_never_rises_where_runs_are_counted(one: set[int]) -> None:
    with office() as there:
        there.live(one)
        _, left = burned(there)
        remaining = [each.remaining for each in left]
        assert remaining == sorted(remaining, reverse=True)


def test_it_falls_where_a_run_was_bad() -> None:
    with office() as there:
        there.live([50])
        _, left = burned(there)
        falls = [
            (before.at_ms, after.at_ms)
            for before, after in pairwise(left)
            if after.remaining < before.remaining
        ]
        slot_ms = NOW_MS - 50 * MINUTE_MS
        assert len(falls) == 1
        assert falls[0][0] <= slot_ms < falls[0][1]
        assert left[-1].remaining == Fraction(9, 10)


def test_what_is_excluded_burned_nothing() -> None:
    with office() as there:
        there.live([50, 20])
        there.ask(
            "exclude-add",
            start="2026-07-01T13:05:00Z",
            end="2026-07-01T13:15:00Z",
            category="provider_outage",
            reason="the provider was down",
            requested_by="sre",
            approved_by="pm",
        )
        result, left = burned(there)
        assert left[-1].remaining == result.judgement.remaining
        assert [each.remaining for each in left].count(Fraction(1)) > len(left) // 2


def test_without_a_budget_there_is_nothing_to_burn() -> None:
    with office() as there:
        result, left = burned(there)
        assert (result.judgement.budget or 0, left) == (0, ())
