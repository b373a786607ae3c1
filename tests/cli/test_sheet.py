"""Answers for people: tables that fit, and text that stays text."""

from __future__ import annotations

import doctest

import pytest

from prober.cli import sheet
from prober.cli.sheet import Sheet, duration, number, printable, share


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(sheet).failed == 0


@pytest.mark.parametrize(
    ("span_ms", "text"),
    [
        (None, "never"),
        (0, "0s"),
        (1, "1s"),
        (60_000, "1m"),
        (60_001, "1m 1s"),
        (119_500, "2m"),
        (3_600_000, "1h"),
        (86_399_999, "24h"),
        (90_000_000, "1d 1h"),
        (31 * 86_400_000, "31d"),
    ],
)
def test_a_time_has_two_units_and_is_never_shorter_than_it_is(
    span_ms: int | None, text: str
) -> None:
    assert duration(span_ms) == text


def test_what_is_undefined_is_a_dash() -> None:
    assert (share(None), number(None)) == ("–", "–")
    assert share({"exact": "1999/2000", "decimal": "0.9995"}, 2) == "99.95%"
    assert number({"exact": "216/5", "decimal": "43.2"}) == "43.2"


def test_text_moves_no_cursor() -> None:
    assert printable("a\x1b[2Jb\r\nc\u202e") == "a�[2Jb��c�"


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> object:
    """`table(width)`: two rows of three columns, printed so wide."""

    def print_table(width: int) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(width))
        Sheet().table(("name", "cost", ""), [["a [bold]", "", "x"], ["b", "12", ""]])
        return [line.rstrip() for line in capsys.readouterr().out.splitlines()]

    return print_table


def test_a_table_that_fits_is_one_and_its_text_is_no_markup(table: object) -> None:
    assert callable(table)
    assert table(19) == ["name      cost", "a [bold]        x", "b         12"]


def test_a_table_that_does_not_fit_is_a_paragraph_a_row(table: object) -> None:
    assert callable(table)
    assert table(18) == ["  a [bold]", "    x", "  b", "    cost: 12"]
