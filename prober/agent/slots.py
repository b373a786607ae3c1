"""Which slots are due: arithmetic without clock, file or scheduler."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction

from prober.model import Gap, Schedule, SlotReason, SlotState


def phase_ms(journey: str, every_ms: int, position: Fraction) -> int:
    """Where in its period a journey starts in a region.

    A journey's own share of the period comes from its name, so that journeys do not start
    together; regions divide the period evenly, so that R regions sample it R times.

    >>> [phase_ms("checkout", 300_000, Fraction(n, 3)) for n in range(3)]
    [233743, 33743, 133743]
    """
    digest = hashlib.sha256(journey.encode()).digest()
    own = Fraction(int.from_bytes(digest[:8]), 2**64)
    return int((own + position) % 1 * every_ms)


@dataclass(frozen=True, slots=True)
class Due:
    """What a look at the schedule found."""

    #: Slots noticed more than half a period after they were due.
    missed: Gap | None
    #: The slot to run now.
    slot_ms: int | None
    #: Slots before this have been dealt with.
    next_ms: int


def due(schedule: Schedule, next_ms: int, now_ms: int, reason: SlotReason) -> Due:
    """The slots from `next_ms` up to now: missed ones as one range, and one to run.

    Args:
        schedule: which slots there are.
        next_ms: slots before this have been dealt with.
        now_ms: the time.
        reason: why missed ones were missed.
    """
    if not schedule.every_ms or now_ms < next_ms:
        return Due(None, None, next_ms)
    # Late by less than half a period is still worth running.
    runnable_ms = schedule.first_at(now_ms - (schedule.every_ms - 1) // 2)
    missed = span(schedule, next_ms, min(runnable_ms, now_ms + 1), SlotState.MISSED, reason)
    slot_ms = runnable_ms if next_ms <= runnable_ms <= now_ms else None
    return Due(missed, slot_ms, max(next_ms, now_ms + 1))


def span(
    schedule: Schedule, start_ms: int, end_ms: int, state: SlotState, reason: SlotReason
) -> Gap | None:
    """The slots in [start, end) as one gap; None when there are none."""
    count = schedule.count(start_ms, end_ms)
    if not count:
        return None
    first_ms = schedule.first_at(start_ms)
    return Gap(
        journey=schedule.journey,
        region=schedule.region,
        first_ms=first_ms,
        last_ms=first_ms + (count - 1) * schedule.every_ms,
        count=count,
        state=state,
        reason=reason,
    )


def same(one: Schedule, other: Schedule) -> bool:
    """Whether two schedules have the same slots."""
    return (one.every_ms, one.phase_ms) == (other.every_ms, other.phase_ms)
