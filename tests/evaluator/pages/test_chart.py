"""A picture has room for all of its values, and what lies outside stands at its border."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from prober.evaluator.judging.grid import Grid
from prober.evaluator.pages.chart import HEIGHT, WIDTH, Plot
from prober.slo.window import Span
from prober.units import HOUR_MS

GRID = Grid.over(Span(0, HOUR_MS))
values = st.lists(st.fractions(-100, 100), min_size=1, max_size=20)


@given(values, st.lists(st.integers(-HOUR_MS, 2 * HOUR_MS), min_size=1, max_size=20))
def test_every_point_lies_in_the_picture(shares: list[Fraction], moments: list[int]) -> None:
    plot = Plot.of(GRID, shares)
    for share in shares:
        assert 0 <= float(plot.y(share)) <= HEIGHT
    for at_ms in moments:
        assert 0 <= float(plot.x(at_ms)) <= WIDTH
        assert 0 < float(plot.width(Span(at_ms, at_ms + 1))) <= WIDTH


def test_more_is_higher_and_later_is_further() -> None:
    plot = Plot.of(GRID, [Fraction(-1), Fraction(1)])
    assert [plot.y(Fraction(n)) for n in (1, 0, -1)] == ["0", "100", "200"]
    assert [plot.x(at_ms) for at_ms in (0, HOUR_MS // 2, HOUR_MS)] == ["0", "500", "1000"]


def test_of_one_value_there_is_a_picture_too() -> None:
    assert Plot.of(GRID, [Fraction(0)]).y(Fraction(0)) == str(HEIGHT)


def test_an_area_stands_on_nought() -> None:
    plot = Plot.of(GRID, [Fraction(1)])
    area = plot.area([(0, Fraction(1)), (HOUR_MS, Fraction(1))])
    assert area == "0,200 0,0 1000,0 1000,200"
    assert plot.area([]) == ""
