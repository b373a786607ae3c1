"""The runs of one hour, each at its slot: any part of it can be counted."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prober.slo.window import Span

#: Runs that are alike to whoever counts: of a region, in a slice, and with a `Finding`.
Heap = tuple[str, int, int, int, int, int]
Heaps = Counter[Heap]


@dataclass(frozen=True, slots=True)
class Hour:
    """Runs in the order of their slots."""

    slots: array[int]
    #: Of each run the number of its heap.
    numbers: array[int]
    heaps: tuple[Heap, ...]

    @classmethod
    def of(cls, rows: Sequence[tuple[Any, ...]]) -> Hour:
        """From rows of a slot and a heap, in the order of their slots."""
        known: dict[Heap, int] = {}
        return cls(
            array("q", [row[0] for row in rows]),
            array("I", [known.setdefault(row[1:], len(known)) for row in rows]),
            tuple(known),
        )

    def between(self, span: Span) -> Heaps:
        """How many runs of a part of it are in each heap."""
        first, last = (bisect_left(self.slots, time_ms) for time_ms in span)
        found = Counter(self.numbers[first:last])
        return Heaps({self.heaps[number]: n for number, n in found.items()})

    def __len__(self) -> int:
        return len(self.slots)
