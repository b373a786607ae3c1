"""The runs of one hour, each at its slot: any part of it can be counted."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from prober.journal.heaps import Heap, Heaps, Part
from prober.slo.window import Span

#: So many parts of an hour are remembered before all are forgotten.
_MOST_PARTS: Final = 8


@dataclass(frozen=True, slots=True)
class Hour:
    """Runs in the order of their slots."""

    slots: array[int]
    #: Of each run the number of its heap.
    numbers: array[int]
    heaps: tuple[Heap, ...]
    #: By the places of their first run and of the one after their last.
    _parts: dict[tuple[int, int], Part] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, rows: Sequence[tuple[Any, ...]]) -> Hour:
        """From rows of a slot and a heap, in the order of their slots."""
        known: dict[Heap, int] = {}
        return cls(
            array("q", [row[0] for row in rows]),
            array("I", [known.setdefault(row[1:], len(known)) for row in rows]),
            tuple(known),
        )

    def between(self, span: Span) -> Part:
        """The runs of a part of it; the same object until another run is in it."""
        first, last = (bisect_left(self.slots, time_ms) for time_ms in span)
        part = self._parts.get((first, last))
        if part is None:
            found = Counter(self.numbers[first:last])
            part = Part(Heaps({self.heaps[number]: n for number, n in found.items()}))
            if len(self._parts) >= _MOST_PARTS:
                self._parts.clear()
            self._parts[first, last] = part
        return part

    def __len__(self) -> int:
        return len(self.slots)
