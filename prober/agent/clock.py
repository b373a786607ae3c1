"""The agent's clock: wall time for labels, driven by the monotonic clock between steps.

Slots are named by wall time, and a name is used once. So this clock never runs backwards:
when the wall clock is set back by up to an hour, it keeps its own time and tells the skew;
when it is set forward, the slots in between are skipped in one go; and when it is set back
by more than an hour, the time before was wrong and the schedule begins anew.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from enum import StrEnum

from prober.units import HOUR_MS

#: Set back by more than this, the wall clock is believed and the past was not.
HELD_MS = HOUR_MS
#: Smaller differences are drift, followed at once and never backwards.
_STEP_MS = 1000


class Step(StrEnum):
    """What the wall clock did since it was last looked at."""

    NONE = "none"
    FORWARD = "forward"
    HELD = "held"  #: set back; this clock keeps its time
    RESTARTED = "restarted"  #: set back too far to keep time


class Clock:
    """Milliseconds since 1970 that never run backwards, but for a restart."""

    def __init__(
        self,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns
        self._offset_ms = self._difference()
        #: The skew that was told last.
        self._told_ms = 0
        #: How often the wall clock was set, by what that meant.
        self.steps: Counter[str] = Counter({step: 0 for step in Step if step is not Step.NONE})

    def now_ms(self) -> int:
        """The time for naming slots; call `follow` now and then."""
        return self._monotonic_ns() // 1_000_000 + self._offset_ms

    def not_before(self, time_ms: int) -> None:
        """Start no earlier than a time that was already used, if it is within the hold."""
        ahead_ms = time_ms - self.now_ms()
        if 0 < ahead_ms <= HELD_MS:
            self._offset_ms += ahead_ms

    def follow(self) -> Step:
        """Look at the wall clock and follow what it did."""
        step = self._follow()
        if step is not Step.NONE:
            self.steps[step] += 1
        return step

    def _follow(self) -> Step:
        behind_ms = self._difference() - self._offset_ms
        told_ms, self._told_ms = self._told_ms, min(0, behind_ms)
        if behind_ms > 0:
            self._offset_ms += behind_ms
            return Step.FORWARD if behind_ms > _STEP_MS else Step.NONE
        if behind_ms < -HELD_MS:
            self._offset_ms += behind_ms
            self._told_ms = 0
            return Step.RESTARTED
        return Step.HELD if abs(behind_ms - told_ms) > _STEP_MS else Step.NONE

    @property
    def skew_ms(self) -> int:
        """How far this clock is ahead of the wall clock."""
        return self._offset_ms - self._difference()

    def _difference(self) -> int:
        return self._wall_ns() // 1_000_000 - self._monotonic_ns() // 1_000_000
