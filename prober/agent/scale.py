"""What the answers to each step of a run weigh, first and third party apart."""

from __future__ import annotations

import time
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from prober.model import Party

#: More than a clock that is kept right by little and little gains on a run.
_CLOCK_S: Final = 0.1


class Scale:
    """Adds up bytes by step and party; of what is not known as a whole it tells nothing."""

    def __init__(self, is_first_party: Callable[[str], bool]) -> None:
        self._is_first_party = is_first_party
        #: When each step began, in seconds since 1970: as browsers say when a request was sent.
        self._begun: list[float] = []
        #: When the first did, on the monotonic clock.
        self._first = 0.0
        #: By number of a step and party, the bytes that came, and those of which it is not known.
        self._came: Counter[tuple[int, Party]] = Counter()
        self._unknown: set[tuple[int, Party]] = set()

    def begin(self) -> None:
        """The next step begins."""
        self._begun.append(time.time())
        self._first = self._first or time.perf_counter()

    @property
    def latest(self) -> int:
        """The number of the step that is open, or was last; -1: none began."""
        return len(self._begun) - 1

    def step_at(self, seconds: float) -> int:
        """The number of the last step that began by then, -1: none; in seconds since 1970."""
        return bisect(self._begun, seconds) - 1

    @property
    def clock_was_set(self) -> bool:
        """Whether the wall clock has jumped since the first step began."""
        if not self._begun:
            return False
        lasted_s = time.perf_counter() - self._first
        return abs(time.time() - self._begun[0] - lasted_s) > _CLOCK_S

    def add(self, number: int, url: str, size: int | None) -> None:
        """An answer to what a step asked for was so many bytes; None: that is not known."""
        party = Party.FIRST if self._is_first_party(url) else Party.THIRD
        if size is None:
            self._unknown.add((number, party))
        else:
            self._came[number, party] += size

    def forget(self, numbers: Iterable[int]) -> None:
        """Of all that came for some steps nobody knows how much it was."""
        self._unknown |= {(number, party) for number in numbers for party in Party}

    @property
    def weights(self) -> dict[int, dict[str, int]]:
        """By number of a step, the bytes that came from each party; left out where not known."""
        return {
            number: {
                str(party): self._came[number, party]
                for party in Party
                if (number, party) not in self._unknown
            }
            for number in range(len(self._begun))
        }
