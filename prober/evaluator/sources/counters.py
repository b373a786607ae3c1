"""Prober's counters in a PromQL backend: whole numbers, each from one series, or a refusal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple, TypeVar

from prober import conventions as names
from prober.errors import SourceUnavailable
from prober.evaluator.sources.backend import POINTS, Backend, Labels, Point, seconds
from prober.evaluator.sources.naming import Naming, discover
from prober.model import Outcome
from prober.units import DAY_MS, HOUR_MS

COUNTERS: Final = (
    names.SLI_EVENTS, names.RUNS, names.SLOTS, names.SILENT_FAILURES, names.CONFIRMATIONS
)  # fmt: skip
#: How far back a last sample is looked for first: further than an export interval and most
#: outages. An older one is found as well, by a dearer question.
NEAR_MS: Final = HOUR_MS
#: As far back as anything is looked for.
EVER_MS: Final = 400 * DAY_MS
#: A label of our own in answers: which of several questions a row answers.
_PART: Final = "prober_part"

_METRICS: Final = {metric.name: metric for metric in names.METRICS}

Answer = TypeVar("Answer")
Content = TypeVar("Content")


class Place(NamedTuple):
    """A journey in a region."""

    journey: str
    region: str


class Key(NamedTuple):
    """One counter."""

    metric: names.Metric
    region: str
    #: Of the metric's other attributes, in their order.
    values: tuple[str, ...]

    @property
    def inconclusive(self) -> bool:
        """Whether it counts runs without a verdict."""
        return self.metric is names.RUNS and str(Outcome.INCONCLUSIVE) in self.values

    def __str__(self) -> str:
        held = ", ".join(value for value in self.values if value)
        return f"{self.metric.name} ({held}) of {self.region}"


Values = Mapping[Key, int]
#: By metric, a selector of its series.
Selectors = Mapping[names.Metric, str]
#: From a selector to an expression.
Question = Callable[[str], str]


@dataclass(slots=True)
class Counters:
    """The counters of some journeys; safe to use from several threads."""

    backend: Backend
    #: By journey, the SLOs that judge it.
    slos: dict[str, set[str]]
    clock: Callable[[], int] = field(default=lambda: time.time_ns() // 1_000_000)
    _naming: Naming | None = None
    #: What was answered at the moment that is being looked at; None: none is.
    _said: dict[tuple[Any, ...], Any] | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @contextmanager
    def at_one_moment(self) -> Iterator[None]:
        """Let several questions see the same moment, and ask each once."""
        with self._lock:
            outer = self._said
            self._said = {} if outer is None else outer
            try:
                yield
            finally:
                self._said = outer

    def once(self, question: tuple[Any, ...], ask: Callable[[], Answer]) -> Answer:
        """An answer, at one moment always the same."""
        with self.at_one_moment():
            assert self._said is not None
            if question not in self._said:
                self._said[question] = ask()
            answer: Answer = self._said[question]
            return answer

    @property
    def now_ms(self) -> int:
        """The moment that is being looked at, in real time."""
        return self.once(("now",), self.clock)

    @property
    def naming(self) -> Naming:
        """What the backend calls things; raises SourceUnavailable."""
        if self._naming is None:
            self._naming = discover(self.backend, self.now_ms - EVER_MS, self.now_ms)
        return self._naming

    def selector(self, metric: names.Metric, wanted: Mapping[str, Collection[str]]) -> str:
        """A selector of a metric's series, by the values of attributes."""
        return self.naming.selector(metric, wanted, self.backend.match)

    def of(self, journeys: Iterable[str]) -> Selectors:
        """Every counter of some journeys."""
        named: dict[str, Collection[str]] = {names.JOURNEY: tuple(journeys)}
        judging = {names.SLO: {slo for name in named[names.JOURNEY] for slo in self.slos[name]}}
        return {
            metric: self.selector(metric, judging if metric is names.SLI_EVENTS else named)
            for metric in COUNTERS
        }

    def at(self, time_ms: int) -> Values:
        """The counters that were reported in the hour before a moment."""
        return self.once(("at", time_ms), lambda: self._last(self.of(self.slos), time_ms, NEAR_MS))

    def standing(self, keys: Iterable[Key], time_ms: int) -> Values:
        """What counters stood at at a moment; those that were not born yet are left out.

        That is their last sample before it, however old: they never start again, so between two
        samples nothing was reported.
        """
        near, wanted = self.at(time_ms), frozenset(keys)
        found = {key: near[key] for key in wanted if key in near}
        quiet = frozenset(wanted - found.keys())
        if not quiet:
            return found
        return found | self.once(
            ("ever", time_ms, quiet),
            lambda: dict(self._last(self._exactly(quiet), time_ms, EVER_MS)),
        )

    def samples(self, journey: str) -> Values:
        """How many samples there are of a journey's counters: the older, the more."""
        question = {"": lambda selector: f"count_over_time({selector}[{EVER_MS}ms])"}
        of = self.of([journey])
        selectors = {metric: of[metric] for metric in (names.SLI_EVENTS, names.SLOTS)}
        return self.once(
            ("samples", journey), lambda: self.answers(selectors, question, self.now_ms)[""]
        )

    def answers(
        self, selectors: Selectors, questions: Mapping[str, Question], time_ms: int
    ) -> dict[str, dict[Key, int]]:
        """Several questions about counters, in one request: by question, then by counter.

        Raises:
            SourceUnavailable: there is no whole answer, or one that is no count.
        """
        found: dict[str, dict[Key, int]] = {name: {} for name in questions}
        rows = self.backend.instant(_union(selectors, questions), time_ms)
        for name, key, point in self._read(rows):
            found[name][key] = _count(key, point)
        return found

    def grid(
        self, keys: Iterable[Key], question: Question, edges: range
    ) -> dict[Key, dict[int, int]]:
        """A question's answers at evenly spaced moments: by counter, then by moment.

        Raises:
            SourceUnavailable: there is no whole answer, or one that is no count.
        """
        found: dict[Key, dict[int, int]] = {}
        query = _union(self._exactly(keys), {"": question})
        for index in range(0, len(edges), POINTS):
            part = edges[index : index + POINTS]
            series = self.backend.grid(query, part[0], part[-1], part.step)
            for _, key, points in self._read(series):
                counts = {point.time_ms: _count(key, point) for point in points}
                found.setdefault(key, {}).update(counts)
        return found

    def _exactly(self, keys: Iterable[Key]) -> Selectors:
        """These counters, and few others."""
        wanted: dict[names.Metric, dict[str, set[str]]] = {}
        for key in keys:
            attributes = (names.REGION, *key.metric.attributes)
            for attribute, value in zip(attributes, (key.region, *key.values), strict=True):
                wanted.setdefault(key.metric, {}).setdefault(attribute, set()).add(value)
        return {metric: self.selector(metric, values) for metric, values in wanted.items()}

    def _last(self, selectors: Selectors, time_ms: int, back_ms: int) -> dict[Key, int]:
        """The last values before a moment."""
        reach, at = f"[{back_ms}ms]", seconds(time_ms)
        question = {"last": lambda selector: f"last_over_time({selector}{reach} @ {at})"}
        return self.answers(selectors, question, time_ms)["last"]

    def _read(self, rows: Iterable[tuple[Labels, Content]]) -> Iterator[tuple[str, Key, Content]]:
        """Rows of a union, by question and counter, each of which has one."""
        seen: dict[tuple[str, Key], Labels] = {}
        for labels, content in rows:
            name, _, metric = labels.get(_PART, "").partition(" ")
            key = self._key(_METRICS[metric], labels)
            if other := seen.get((name, key)):
                differing = sorted(dict(labels.items() ^ other.items()).keys())
                raise SourceUnavailable(
                    f"{self.backend.where} holds {key} twice, with different {', '.join(differing)}"
                    ": choose one with PROBER_SOURCE_MATCH"
                )
            seen[name, key] = labels
            yield name, key, content

    def _key(self, metric: names.Metric, labels: Labels) -> Key:
        region, *values = (
            labels.get(self.naming.label(attribute), "")
            for attribute in (names.REGION, *metric.attributes)
        )
        return Key(metric, region, tuple(values))


def _union(selectors: Selectors, questions: Mapping[str, Question]) -> str:
    """One expression for several questions about several metrics."""
    return " or ".join(
        f'label_replace({question(selector)},"{_PART}","{name} {metric.name}","","")'
        for name, question in questions.items()
        for metric, selector in selectors.items()
    )


def _count(key: Key, point: Point) -> int:
    """A whole number that is not negative."""
    if point.text.isdecimal():
        return int(point.text)
    try:
        value = Decimal(point.text)
        if value.is_finite() and value == value.to_integral_value() and value >= 0:
            return int(value)
    except InvalidOperation:
        pass
    raise SourceUnavailable(f"{key} is {point.text}, which is no count")
