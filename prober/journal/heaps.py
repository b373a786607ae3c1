"""Runs in heaps of those that are alike to whoever counts, and how a mark sorts them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import chain

from prober.journal.rollup import INCONCLUSIVE, PASSED

#: Runs that are alike: of a region, in a slice, and with a `Finding`.
Heap = tuple[str, int, int, int, int, int]
Heaps = Counter[Heap]
#: Runs of a region that are good by a mark, bad, without a verdict, and not asked by it.
Cell = tuple[int, int, int, int]
_GOOD, _BAD, _INVALID, _UNASKED = range(4)
NOTHING: Cell = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Part:
    """Runs of a part of a window; who counts them again finds them sorted."""

    heaps: Heaps
    #: By bit.
    _flat: dict[int, tuple[int, ...]] = field(default_factory=dict, compare=False)

    def flat(self, bit: int, regions: Collection[str]) -> tuple[int, ...]:
        """The cells of all regions, one after the other; those are the same each time."""
        if bit not in self._flat:
            cells = sort(self.heaps, bit).get(0, {})
            self._flat[bit] = tuple(chain(*(cells.get(region, NOTHING) for region in regions)))
        return self._flat[bit]


def sort(heaps: Heaps, bit: int) -> dict[int, dict[str, Cell]]:
    """Runs by slice and region."""
    found: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0, 0, 0]))
    for (region, number, outcome, _, odd, unasked), n in heaps.items():
        if outcome == INCONCLUSIVE:
            kind = _INVALID
        elif unasked >> bit & 1:
            kind = _UNASKED
        else:
            kind = _GOOD if (outcome == PASSED) != (odd >> bit & 1) else _BAD
        found[number][region][kind] += n
    return {
        number: {region: (cell[0], cell[1], cell[2], cell[3]) for region, cell in regions.items()}
        for number, regions in found.items()
    }


def added(parts: Iterable[Part], bit: int, regions: Collection[str]) -> dict[str, Cell]:
    """Runs of several parts by region."""
    # A status of a fleet asks this a thousand times: whole rows of numbers are added up.
    numbers = map(sum, zip(*(part.flat(bit, regions) for part in parts), strict=True))
    return dict(zip(regions, zip(*[numbers] * len(NOTHING), strict=True), strict=True))
