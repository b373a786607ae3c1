"""What a report is drawn with: headings, lines, lists and tables of words, in no format yet."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from prober.units import decimal, percent


@dataclass(frozen=True, slots=True)
class Code:
    """Text of a page, a journey or a person: shown as it is, and acted upon by nothing."""

    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """The state of a budget, which may have a colour beside its name."""

    state: str


@dataclass(frozen=True, slots=True)
class Blank:
    """Room for what people write."""


Word = str | Code | Mark | Blank
Words = Word | tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """The name of what follows."""

    kind: ClassVar[str] = "heading"
    words: Words
    #: 2 or 3; the page's own is 1.
    level: int = 2


@dataclass(frozen=True, slots=True)
class Line:
    """A paragraph."""

    kind: ClassVar[str] = "line"
    words: Words


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    kind: ClassVar[str] = "items"
    items: tuple[Words, ...]
    #: Whether somebody ticks them off.
    tasks: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below their columns' names."""

    kind: ClassVar[str] = "table"
    columns: tuple[str, ...]
    rows: tuple[tuple[Words, ...], ...]


Block = Heading | Line | Items | Table


@dataclass(frozen=True, slots=True)
class Page:
    """A report, ready to be put into a format."""

    title: str
    blocks: tuple[Block, ...]


def share(value: dict[str, str] | None, places: int = 3) -> str:
    """An exact share in percent; a dash when there is none."""
    return "–" if value is None else percent(Fraction(value["exact"]), places)


def number(value: dict[str, str] | None, places: int = 1) -> str:
    """An exact number; a dash when there is none."""
    return "–" if value is None else decimal(Fraction(value["exact"]), places)


def joined(names: list[Any]) -> Words:
    """Names from outside, with commas between them."""
    found: list[Word] = []
    for name in names:
        found += [", ", Code(str(name))] if found else [Code(str(name))]
    return tuple(found)


def put(*parts: Words) -> Words:
    """Words one after the other."""
    found: list[Word] = []
    for part in parts:
        found += part if isinstance(part, tuple) else (part,)
    return tuple(found)
