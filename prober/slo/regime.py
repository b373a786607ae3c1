"""Regimes: what measured, and whether latency moved when that changed.

A new browser, machine or script can move every latency while the target is what it was. Nothing
is judged by this: it says where to look first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt
from statistics import median
from typing import Final, NamedTuple

from prober.slo.moment import iso
from prober.units import decimal, percent

#: What a regime is made of.
KEYS: Final = ("browser", "playwright", "prober", "journey", "machine")
#: So many runs on each side of a change are compared at most, and at least.
MOST: Final = 200
LEAST: Final = 30
#: Medians that are closer than this are alike, however sure the difference is.
ALIKE: Final = Fraction(1, 10)
#: Versions and digests are told by their beginning.
_SHOWN: Final = 20


class Median(NamedTuple):
    """The middle of some durations in µs, and between which of them the true one lies."""

    runs: int
    middle_us: Fraction
    low_us: int
    high_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What measured was replaced in a region."""

    region: str
    #: The slot of the first run afterwards.
    at_ms: int
    #: By key: what it was and what it is.
    what: Mapping[str, tuple[str, str]]
    #: Runs that passed in the regime before and in the one after; None: too few.
    before: Median | None = None
    after: Median | None = None

    @property
    def moved(self) -> Fraction | None:
        """By which share of it latency moved; None: it did not, or nobody can tell.

        It moved when the 95% intervals of both medians lie apart and the medians differ by a
        tenth.
        """
        before, after = self.before, self.after
        if before is None or after is None or not before.middle_us:
            return None
        apart = after.low_us > before.high_us or after.high_us < before.low_us
        share = (after.middle_us - before.middle_us) / before.middle_us
        return share if apart and abs(share) >= ALIKE else None

    @property
    def text(self) -> str:
        """In words; empty when latency did not move.

        It reads `latency moved by 35% (1.2 s to 1.62 s) at 2026-07-01T00:00:00Z in eu-west-1, when
        browser 141.0 became 142.0`.
        """
        if self.moved is None:
            return ""
        took = " to ".join(_seconds(each.middle_us) for each in (self.before, self.after) if each)
        what = ", ".join(
            f"{key} {old[:_SHOWN]} became {new[:_SHOWN]}" for key, (old, new) in self.what.items()
        )
        moved = f"latency moved by {percent(self.moved, 1)} ({took})"
        return f"{moved} at {iso(self.at_ms)} in {self.region}, when {what}"


def changed(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """What differs between two regimes; what one of them does not say is not known to.

    >>> changed({"browser": "141", "journey": "a"}, {"browser": "142", "machine": "b"})
    {'browser': ('141', '142')}
    """
    both = [key for key in KEYS if key in old and key in new]
    return {key: (old[key], new[key]) for key in both if old[key] != new[key]}


def middle(durations_us: Sequence[int]) -> Median | None:
    """The median of some durations, with its 95% interval by ranks; None when they are too few.

    The interval takes no shape of the distribution for granted: of n durations in order, the true
    median lies between the (n ∓ 1.96 √n) ÷ 2-th.

    >>> middle(range(100))
    Median(runs=100, middle_us=Fraction(99, 2), low_us=40, high_us=59)
    """
    n = len(durations_us)
    if n < LEAST:
        return None
    ordered = sorted(durations_us)
    reach = isqrt(196 * 196 * n) // 100  # 1.96 √n, cut
    low = (n - reach) // 2
    return Median(n, median(map(Fraction, ordered)), ordered[low], ordered[n - 1 - low])


def _seconds(us: Fraction) -> str:
    return f"{decimal(us / 1_000_000)} s"
