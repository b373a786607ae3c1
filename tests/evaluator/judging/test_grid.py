"""A grid holds its span in round steps that are the same for everybody who looks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.evaluator.judging.grid import MOST, Grid
from prober.slo.window import Span
from prober.units import DAY_MS, HOUR_MS, MINUTE_MS

spans = st.builds(
    lambda start_ms, length_ms: Span(start_ms, start_ms + length_ms),
    st.integers(0, 2 * 10**12),
    st.integers(1, 800 * DAY_MS),
)


@given(spans)
def test_steps_hold_the_span_and_are_few(span: Span) -> None:
    grid = Grid.over(span)
    assert 1 <= len(grid.steps) <= MOST
    assert grid.outer.start_ms <= span.start_ms
    assert grid.outer.end_ms >= span.end_ms
    assert span.start_ms - grid.outer.start_ms < grid.step_ms
    assert grid.outer.end_ms - span.end_ms < grid.step_ms


@given(spans, st.integers(0, 10**10))
def test_a_step_is_the_same_one_whenever_somebody_looks(span: Span, later_ms: int) -> None:
    grid = Grid.over(span)
    later = Grid(Span(span.start_ms + later_ms, span.end_ms + later_ms), grid.step_ms)
    assert not later.steps.start % grid.step_ms
    assert not grid.steps.start % grid.step_ms


@given(spans)
def test_edges_go_from_the_spans_beginning_to_its_end(span: Span) -> None:
    edges = list(Grid.over(span).edges)
    assert (edges[0], edges[-1]) == span
    assert edges == sorted(set(edges))


@given(spans)
def test_what_is_in_the_span_has_a_place_in_the_picture(span: Span) -> None:
    grid = Grid.over(span)
    assert 0 <= grid.place(span.start_ms) < grid.place(span.end_ms) <= 1


@pytest.mark.parametrize(
    ("length_ms", "step_ms"),
    [
        (HOUR_MS, MINUTE_MS),
        (DAY_MS, 30 * MINUTE_MS),
        (30 * DAY_MS, 8 * HOUR_MS),
        (91 * DAY_MS, DAY_MS),
        (365 * DAY_MS, 4 * DAY_MS),
    ],
)
def test_steps_are_of_lengths_that_people_use(length_ms: int, step_ms: int) -> None:
    start_ms = 20_000 * DAY_MS
    assert Grid.over(Span(start_ms, start_ms + length_ms)).step_ms == step_ms
