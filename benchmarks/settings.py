"""What every benchmark is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What to measure with, and how often."""

    #: Of the shop.
    url: str
    #: The executable that everybody uses.
    browser: str
    #: How many runs a figure is made of.
    runs: int
    #: Pids whose CPU is part of the measurement and nobody's: the shop, and who measures.
    others: Sequence[int] = ()
    #: How long to wait for a quiet machine, each time.
    patience_s: float = 30.0
    #: How many runs the journals hold that are judged.
    journals: Sequence[int] = (432_000, 1_000_000, 3_000_000, 10_000_000)
    #: Regions and journeys of the fleet that is simulated.
    fleet: tuple[int, int] = (50, 100)
    #: How long a soak watches, after it has warmed up; and how long a machine stays loaded.
    soak_s: float = 3600.0
    #: Where it keeps each look.
    samples: Path | None = None
