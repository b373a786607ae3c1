"""Answers for people: lines and tables that stay readable in a narrow terminal."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from prober.units import DAY_MS, HOUR_MS, MINUTE_MS, decimal, percent

if TYPE_CHECKING:
    from rich.console import Console

#: Between two columns.
_GAP = 2


class Sheet:
    """Prints to the terminal; into a pipe or file nothing is too wide."""

    def __init__(self) -> None:
        from rich.console import Console

        console = Console(highlight=False)
        told = console.is_terminal or os.environ.get("COLUMNS")
        self._console: Console = console if told else Console(highlight=False, width=1000)

    def line(self, text: str = "", style: str = "") -> None:
        """One line, as it is; what looks like markup in it is none."""
        from rich.text import Text

        self._console.print(Text(printable(text), style), soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table; where it would break its words, a paragraph a row."""
        from rich.cells import cell_len
        from rich.table import Table
        from rich.text import Text

        cells = [[printable(cell) for cell in row] for row in rows]
        widths = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
        if sum(widths) + _GAP * len(widths) > self._console.width:
            for first, *rest in cells:
                self.line(f"  {first}")
                for name, cell in zip(columns[1:], rest, strict=True):
                    if cell:
                        self.line(f"    {name}: {cell}" if name else f"    {cell}")
            return
        table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
        for name in columns:
            table.add_column(name, no_wrap=True)
        for row in cells:
            table.add_row(*(Text(cell) for cell in row))
        self._console.print(table)


def printable(text: str) -> str:
    """Text without what would move the cursor or change colours."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def share(value: dict[str, str] | None, places: int = 3) -> str:
    """An exact share in percent; a dash when there is none."""
    return "–" if value is None else percent(Fraction(value["exact"]), places)


def number(value: dict[str, str] | None, places: int = 2) -> str:
    """An exact number; a dash when there is none."""
    return "–" if value is None else decimal(Fraction(value["exact"]), places)


def duration(span_ms: int | None) -> str:
    """A time by its two largest units, rounded up to the smaller; `never` when there is none.

    >>> duration(2_592_000), duration(300_000), duration(90_000_001)
    ('43m 12s', '5m', '1d 2h')
    """
    if span_ms is None:
        return "never"
    units = (("d", DAY_MS), ("h", HOUR_MS), ("m", MINUTE_MS), ("s", 1000))
    for (large, large_ms), (small, small_ms) in pairwise(units):
        if span_ms >= large_ms:
            whole, rest = divmod(-(-span_ms // small_ms), large_ms // small_ms)
            return f"{whole}{large} {rest}{small}" if rest else f"{whole}{large}"
    return f"{-(-span_ms // 1000)}s"


def results(answer: dict[str, Any]) -> Iterator[tuple[Sheet, str, dict[str, Any]]]:
    """Each result of an answer, with which objective it is over which window; a line between."""
    sheet = Sheet()
    found = [(slo, result) for slo in answer["slos"] for result in slo["results"]]
    for at, (slo, result) in enumerate(found):
        if at:
            sheet.line()
        over = result["window"]["label"]
        yield sheet, f"{slo['name']} {result['objective']} over {over}", result
