"""The journal's lifetime counters and histograms, gathered into whole metrics."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Final, NamedTuple

from prober import conventions as names
from prober.journal.journal import Journal
from prober.journal.tally import UNBOUNDED

#: Histogram values and bounds are stored as integers: bytes, µs, or millionths for
#: `prober.page.cls`; so many of the latter make one of the unit.
PER_UNIT: Final = 1_000_000
_METRICS = {metric.name: metric for metric in names.METRICS}
_THRESHOLDS_COUNT = {names.RUN_DURATION.name, names.STEP_DURATION.name}


class Reading(NamedTuple):
    """A value that no journal row stands behind: a gauge, or a counter kept elsewhere."""

    metric: names.Metric
    #: All of them, `prober.region` too.
    attributes: Mapping[str, str]
    value: float


class Distribution(NamedTuple):
    """One series of a histogram."""

    #: Canonical JSON, as the journal keeps them.
    attributes: str
    #: How many values lie in each bucket, the unbounded one last; not cumulative.
    counts: tuple[int, ...]
    #: Sum of the values, in the unit of the bounds.
    total: int


@dataclass(frozen=True, slots=True)
class Histogram:
    """A histogram metric with the same bounds in all of its series."""

    metric: names.Metric
    bounds: tuple[int, ...]
    series: tuple[Distribution, ...]

    @property
    def per_unit(self) -> int:
        """How many of what is stored make one of the metric's unit."""
        return 1 if self.metric.unit == "By" else PER_UNIT


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter metric: its series as (attributes in canonical JSON, value)."""

    metric: names.Metric
    series: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Totals:
    """Everything the journal has counted since its birth, seen at one moment."""

    birth_ms: int
    counters: tuple[Counter, ...]
    histograms: tuple[Histogram, ...]

    @classmethod
    def read(cls, journal: Journal) -> Totals:
        """What the journal has counted until now."""
        with journal.store.reading():
            counted, observed = journal.counters(), journal.buckets()
            birth_ms = journal.birth_ms
        counters = [
            Counter(_metric(name, "counter"), tuple((row[1], row[2]) for row in rows))
            for name, rows in groupby(counted, lambda row: row[0])
        ]
        contract_bounds = _contract_bounds(journal)
        histograms = [
            _histogram(_metric(name, "histogram"), list(rows), contract_bounds)
            for name, rows in groupby(observed, lambda row: row[0])
        ]
        return cls(birth_ms, tuple(counters), tuple(histograms))


def attributes_of(stored: str) -> dict[str, str]:
    """The attributes of a stored series."""
    attributes: dict[str, str] = json.loads(stored)
    return attributes


def by_metric(readings: Iterable[Reading]) -> list[tuple[names.Metric, list[Reading]]]:
    """Readings put together by metric, in an order that depends on nothing but them."""
    ordered = sorted(readings, key=lambda each: (each.metric.name, sorted(each.attributes.items())))
    return [(metric, list(group)) for metric, group in groupby(ordered, lambda each: each.metric)]


def _metric(name: str, kind: str) -> names.Metric:
    """Its definition; a journal may still count what only an older version defined."""
    return _METRICS.get(name) or names.Metric(name, kind, "", "", ())


def _contract_bounds(journal: Journal) -> set[int]:
    journeys = {rule.journey for rule in journal.tally.rules}
    return {bound for journey in journeys for bound in journal.tally.ladder(journey)}


def _histogram(
    metric: names.Metric, rows: list[tuple[str, str, int, int, int]], contract_bounds: set[int]
) -> Histogram:
    named = contract_bounds if metric.name in _THRESHOLDS_COUNT else set()
    stored = {row[2] for row in rows} - {UNBOUNDED}
    bounds = tuple(sorted(stored | named | set(names.ladder(metric))))
    series = [
        _distribution(attributes, bounds, list(buckets))
        for attributes, buckets in groupby(rows, lambda row: row[1])
    ]
    return Histogram(metric, bounds, tuple(series))


def _distribution(
    attributes: str, bounds: tuple[int, ...], rows: list[tuple[str, str, int, int, int]]
) -> Distribution:
    found = {row[2]: row[3] for row in rows}
    counts = tuple(found.get(bound, 0) for bound in (*bounds, UNBOUNDED))
    return Distribution(attributes, counts, sum(row[4] for row in rows))
