"""What a transaction adds to lifetime counters and histograms: added up before it is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from prober.journal.store import Store
from prober.journal.tally import Increment, Observation


@dataclass(slots=True)
class Additions:
    """Inside a transaction: of a hundred runs most add to the same counters."""

    #: By metric and attributes.
    _counters: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: By metric, attributes and upper bound: how many values, and their sum.
    _buckets: dict[tuple[str, str, int], tuple[int, int]] = field(default_factory=dict)

    def increase(self, increments: Iterable[Increment]) -> None:
        """Add to counters; those that grow by 0 come to be."""
        for metric, attributes, value in increments:
            self._counters[metric, attributes] += value

    def observe(self, observations: Iterable[Observation]) -> None:
        """Add values to histograms."""
        for metric, attributes, le, value in observations:
            n, total = self._buckets.get((metric, attributes, le), (0, 0))
            self._buckets[metric, attributes, le] = n + 1, total + value

    def write(self, store: Store) -> None:
        """Write them, and begin anew."""
        for (metric, attributes), value in self._counters.items():
            store.change("add_counter", metric=metric, attributes=attributes, value=value)
        for (metric, attributes, le), (n, total) in self._buckets.items():
            store.change(
                "add_bucket", metric=metric, attributes=attributes, le=le, n=n, total=total
            )
        self.forget()

    def forget(self) -> None:
        """The transaction is undone."""
        self._counters.clear()
        self._buckets.clear()
