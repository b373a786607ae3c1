"""Room in a budget: the earliest moment at which a change fits, should nothing else fail."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from prober.slo.gate import Change, fits
from prober.slo.policy import Policy
from prober.slo.reservation import Reservation, reserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What becomes of a budget that nothing is added to."""

    policy: Policy
    #: Runs that may be bad, above 0.
    budget: Fraction
    #: When each bad run leaves the window, ascending, in ms since 1970.
    leaves: Sequence[int]
    #: What is kept back of it.
    reservations: Sequence[Reservation] = ()

    def consumed(self, time_ms: int) -> Fraction:
        """Share of the budget that is consumed at a moment from now on."""
        return (len(self.leaves) - bisect_right(self.leaves, time_ms)) / self.budget

    def fits(self, change: Change, time_ms: int) -> bool:
        """Whether it lets a change pass without approval at a moment from now on."""
        kept = reserved(self.reservations, time_ms)
        return fits(self.policy, self.consumed(time_ms), change, time_ms, reserved=kept)

    @property
    def moments(self) -> list[int]:
        """When there is more room than before."""
        ends = (each.until_ms for each in self.reservations)
        return [*self.leaves, *(end_ms for end_ms in ends if end_ms is not None)]


def earliest_ms(courses: Sequence[Course], change: Change, now_ms: int) -> int | None:
    """The first moment from now on at which every budget lets a change pass without approval.

    Returns:
        None when there is none: the policy asks for approval even of a full budget.
    """
    moments = {now_ms, *(time_ms for course in courses for time_ms in course.moments)}
    if change.high_risk:
        begins = {
            course.policy.off_peak.next_ms(time_ms) for course in courses for time_ms in moments
        }
        moments |= {time_ms for time_ms in begins if time_ms is not None}
    return next(
        (
            time_ms
            for time_ms in sorted(moments)
            if time_ms >= now_ms and all(course.fits(change, time_ms) for course in courses)
        ),
        None,
    )
