"""The same totals and gauges as Prometheus text, for the agent's own page.

Names are those that Prometheus makes of our OTLP metrics, so a dashboard does not care by
which way a number came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Final

from prober import conventions as names
from prober.conventions import prometheus_label, prometheus_name
from prober.journal.journal import Journal
from prober.telemetry.totals import (
    Counter,
    Histogram,
    Reading,
    Totals,
    attributes_of,
    by_metric,
)

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def exposition(journal: Journal, readings: Iterable[Reading]) -> str:
    """The journal's lifetime totals and the readings; touches the disk."""
    totals = Totals.read(journal)
    families = [_counter(counter) for counter in totals.counters]
    families += [_histogram(histogram) for histogram in totals.histograms]
    families += [_read(metric, group) for metric, group in by_metric(readings)]
    return "".join(f"{line}\n" for family in families for line in family)


def _counter(counter: Counter) -> Iterator[str]:
    name = prometheus_name(counter.metric)
    yield from _head(name, counter.metric)
    for stored, value in counter.series:
        yield f"{name}{_labels(attributes_of(stored))} {value}"


def _histogram(histogram: Histogram) -> Iterator[str]:
    name = prometheus_name(histogram.metric)
    bounds = [*(_number(bound / histogram.per_unit) for bound in histogram.bounds), "+Inf"]
    yield from _head(name, histogram.metric)
    for series in histogram.series:
        attributes = attributes_of(series.attributes)
        for bound, count in zip(bounds, accumulate(series.counts), strict=True):
            yield f"{name}_bucket{_labels(attributes, le=bound)} {count}"
        yield f"{name}_sum{_labels(attributes)} {_number(series.total / histogram.per_unit)}"
        yield f"{name}_count{_labels(attributes)} {sum(series.counts)}"


def _read(metric: names.Metric, readings: Iterable[Reading]) -> Iterator[str]:
    name = prometheus_name(metric)
    yield from _head(name, metric)
    for each in readings:
        yield f"{name}{_labels(each.attributes)} {_number(each.value)}"


def _head(name: str, metric: names.Metric) -> Iterator[str]:
    meaning = metric.meaning.replace("\\", r"\\").replace("\n", r"\n")
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {metric.kind}"


def _labels(attributes: Mapping[str, str], **more: str) -> str:
    pairs = {prometheus_label(key): value for key, value in attributes.items()} | more
    written = ",".join(f'{key}="{_escaped(value)}"' for key, value in sorted(pairs.items()))
    return f"{{{written}}}" if written else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    """As few digits as tell the number; whole ones without a point."""
    return repr(value).removesuffix(".0")
