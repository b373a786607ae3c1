"""What contestants are given, and what they give back."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.region import write_region
from prober.agent.pool import PoolSettings
from prober.agent.setting import pool_settings
from prober.agent.watch import Order
from prober.config import load_region
from prober.discovery import describe
from prober.journey import Journey
from prober.model import Kind, RunId

JOURNEYS = Path(__file__).parent.parent / "journeys"


@dataclass(frozen=True, slots=True)
class Made:
    """A run that was made; times in seconds."""

    wall_s: float
    #: Empty where nothing times them.
    steps_s: list[float] = field(default_factory=list)
    #: Other numbers, by name.
    more: Mapping[str, float] = field(default_factory=dict)


Make = Callable[[], Made]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a contestant is given."""

    url: str
    browser: str
    #: Of its own, by name.
    options: Mapping[str, Any] = field(default_factory=dict)


def pool_of(terms: Terms, directory: Path, more: str = "") -> tuple[PoolSettings, Journey]:
    """A pool's settings for the shop, and the example checkout.

    Args:
        terms: `isolation` is one of their options.
        directory: for its files.
        more: lines of YAML for the region.
    """
    isolation = terms.options.get("isolation", "context")
    lines = f"isolation: {isolation}\nsaturation: off\n{more}"
    file = write_region(directory, terms.url, lines)
    journey = next(found for found in describe(JOURNEYS) if found.name == "checkout")
    settings = pool_settings(load_region(file, {}), [journey])
    return replace(settings, allowance=directory / "allowance"), journey


def order_of(journey: Journey) -> Order:
    """A run of a journey, now."""
    return Order(
        id=RunId(journey.name, "bench", time.time_ns() // 1_000_000, 1, Kind.MANUAL),
        journey=journey,
    )
