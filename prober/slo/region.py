"""Region rules: how what several regions saw becomes one number.

The rule stands beside the number wherever it is shown: one data set can read 25 % to 75 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction


class Mode(StrEnum):
    """How regions are put together."""

    POOLED = "pooled"  #: every run counts the same
    WEIGHTED = "weighted"  #: each region's share of good runs counts by its weight
    ANY = "any"  #: good when any region is; hides regional outages
    ALL = "all"  #: good when every region is
    MAJORITY = "majority"  #: good when more than half of the regions are
    QUORUM = "quorum"  #: good when so many regions are


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionRule:
    """How regions are put together; only regions that reported are asked."""

    mode: Mode = Mode.POOLED
    #: With `QUORUM`: so many regions must be good.
    quorum: int = 0
    #: With fewer regions reporting a slice has no data.
    min_reporting: int = 1
    #: With `WEIGHTED`: by region; a region that is not named weighs nothing.
    weights: Mapping[str, Fraction] = field(default_factory=dict)
