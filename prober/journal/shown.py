"""Runs that people look at again and again, unpacked once: none ever changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prober.model import Run

#: So many of all series are kept.
MOST = 10_000


class Shown:
    """The newest runs of each series, as many as were ever asked for at once."""

    def __init__(self, read: Callable[[int], Run | None]) -> None:
        """Nothing is kept yet.

        Args:
            read: the run of a record, by its number; None when there is none any more.
        """
        self._read = read
        #: By series and number of the record; the series that changed last is the last one.
        self._kept: dict[int, dict[int, Run]] = {}
        self._count = self._asked = 0

    def __len__(self) -> int:
        return self._count

    def runs(self, series: int, seqs: Sequence[int]) -> list[Run]:
        """The runs of records of a series, in their order, without those that are gone."""
        kept = self._kept.get(series, {})
        found = {seq: run for seq in seqs if (run := kept.get(seq) or self._read(seq))}
        self._asked = max(self._asked, len(seqs))
        if not found.keys() <= kept.keys():
            self._keep(series, kept | found)
        return list(found.values())

    def _keep(self, series: int, runs: dict[int, Run]) -> None:
        self._count -= len(self._kept.pop(series, ()))
        self._kept[series] = {seq: runs[seq] for seq in sorted(runs)[-self._asked :]}
        self._count += len(self._kept[series])
        while self._count > MOST and len(self._kept) > 1:
            self._count -= len(self._kept.pop(next(iter(self._kept))))
