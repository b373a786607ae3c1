"""What a journal answers equals a recount of everything it was told, however that arrived."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from prober.errors import SourceUnavailable
from prober.evaluator.sources.journal import JournalSource
from prober.evaluator.sources.source import Measure, Received
from prober.journal.journal import Journal
from prober.journal.rollup import RAW_FROM
from prober.journal.tally import Rule
from prober.journal.view import View
from prober.model import Kind, Outcome, Run, RunId, Step
from prober.slo.attribution import failure
from prober.slo.budget import Counts
from prober.slo.contract import Retry
from prober.slo.window import Span

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SLICES = st.sampled_from([HOUR_MS // 3, HOUR_MS, 2 * HOUR_MS, 24 * HOUR_MS])
SKEW_MS = 300_000
RULES = (
    Rule("slo", "availability", "checkout", None, None),
    Rule("slo", "fast", "checkout", 1000, None),
    Rule("slo", "pay", "checkout", 700, "pay"),
    Rule("slo", "total", "checkout", None, None, "order-total"),
)
SEVERITY = (Outcome.INCONCLUSIVE, Outcome.PASSED, Outcome.FAILED)
#: Few slots, so that attempts and repeats meet, around edges of hours and days.
SLOTS = st.sampled_from([hour * HOUR_MS + by for hour in (24, 48, 71) for by in (-1, HOUR_MS // 3)])
EDGES = st.builds(
    lambda hour, by: hour * HOUR_MS + by,
    st.sampled_from([20, 23, 24, 25, 47, 48, 49, 71, 72, 90]),
    st.sampled_from([0, 0, -1, 1, HOUR_MS // 2]),
)
WIDE = Span(0, 100 * HOUR_MS)


class Told(NamedTuple):
    """A run, in few words."""

    region: str
    slot_ms: int
    attempt: int
    outcome: Outcome
    took_us: int
    #: Whether the assertion held, if it was reached.
    held: bool | None
    #: Whether it came to the step, whether a server said 5xx, whether somebody asked for it.
    paid: bool
    loud: bool
    manual: bool

    @property
    def run(self) -> Run:
        """The whole record."""
        kind = Kind.MANUAL if self.manual else Kind.SCHEDULED
        pay_us = self.took_us * 2 // 3
        pay = Step(name="pay", offset_us=0, duration_us=pay_us, outcome=self.outcome)
        return Run(
            id=RunId("checkout", self.region, self.slot_ms, self.attempt, kind),
            outcome=self.outcome,
            started_ms=0,
            finished_ms=0,
            duration_us=self.took_us,
            steps=(pay,) if self.paid else (),
            responses={"5xx": 1} if self.loud else {},
            held={} if self.held is None else {"order-total": self.held},
        )


RUNS = st.builds(
    Told,
    region=st.sampled_from("ab"),
    slot_ms=SLOTS,
    attempt=st.sampled_from([1, 1, 2, 3]),
    outcome=st.sampled_from(Outcome),
    took_us=st.sampled_from([600, 1000, 1001, 2000]),
    held=st.sampled_from([None, True, False]),
    paid=st.booleans(),
    loud=st.booleans(),
    manual=st.sampled_from([False, False, False, True]),
)
SPANS = st.builds(lambda a, b: Span(min(a, b), max(a, b)), EDGES, EDGES)
ACTS = st.one_of(
    st.tuples(st.just("write"), st.lists(RUNS, min_size=5, max_size=15)),
    st.tuples(st.just("write"), st.lists(RUNS, min_size=5, max_size=15)),
    st.tuples(st.just("again"), st.lists(st.integers(0, 100), min_size=1, max_size=4)),
    st.tuples(st.just("later"), st.integers(1, 20).map(lambda halves: halves * HOUR_MS // 2)),
    st.tuples(st.just("register"), st.lists(st.sampled_from(RULES), max_size=4)),
)
PRUNE = st.tuples(st.just("prune"), EDGES)
QUESTIONS = st.tuples(SPANS, st.sampled_from(RULES), st.sampled_from(Retry), st.booleans(), SLICES)


@dataclass
class Recount:
    """Everything that a journal was told, counted from scratch whenever somebody asks."""

    told: list[tuple[int, Run]] = field(default_factory=list)

    def received(self, span: Span, known_ms: int | None) -> Received:
        """What was not counted, and why."""
        found: Counter[str] = Counter()
        believed: dict[RunId, Run] = {}
        for written_ms, run in self.told:
            slot_ms = run.id.slot_ms
            if known_ms is not None and written_ms > known_ms:
                found["unknown_yet"] += 1
            elif slot_ms > span.end_ms + SKEW_MS:
                found["quarantined"] += 1
            elif slot_ms >= span.end_ms:
                found["pending"] += 1
            elif slot_ms < span.start_ms:
                found["out_of_window"] += 1
            elif run.id in believed:
                found["duplicates" if run == believed[run.id] else "conflicts"] += 1
                believed[run.id] = worse(believed[run.id], run)
            else:
                believed[run.id] = run
                found["non_scheduled"] += run.id.kind is Kind.MANUAL
        return Received(**found)

    def counted(self, span: Span, retry: Retry, known_ms: int | None) -> list[Run]:
        """The run of each slot that counts."""
        believed: dict[RunId, Run] = {}
        for written_ms, run in self.told:
            if known_ms is None or written_ms <= known_ms:
                believed[run.id] = worse(believed.get(run.id, run), run)
        slots: dict[tuple[str, int], list[Run]] = {}
        for run in believed.values():
            if run.id.kind is Kind.SCHEDULED and span.holds(run.id.slot_ms):
                slots.setdefault((run.id.region, run.id.slot_ms), []).append(run)
        return [choose(attempts, retry) for attempts in slots.values()]


def worse(one: Run, other: Run) -> Run:
    """The one to believe: the first among equals."""
    return max(one, other, key=lambda run: SEVERITY.index(run.outcome))


def choose(attempts: list[Run], retry: Retry) -> Run:
    """The attempt that counts."""
    ordered = sorted(attempts, key=lambda run: run.id.attempt)
    verdicts = [run for run in ordered if run.outcome is not Outcome.INCONCLUSIVE] or ordered
    return verdicts[0 if retry is Retry.FIRST else -1]


def is_good(rule: Rule, run: Run) -> bool | None:
    """Whether a run is good; None: it says nothing about the objective."""
    if run.outcome is Outcome.INCONCLUSIVE:
        return None
    if rule.assertion:
        return run.held.get(rule.assertion)
    if run.outcome is Outcome.FAILED:
        return False
    took = [s.duration_us for s in run.steps] if rule.step else [run.duration_us]
    return rule.threshold_us is None or (took != [] and max(took) <= rule.threshold_us)


def counts(rule: Rule, runs: Iterable[Run]) -> Counts:
    """Without slots that were due: there is no schedule."""
    found = list(runs)
    said = [is_good(rule, run) for run in found]
    invalid = sum(run.outcome is Outcome.INCONCLUSIVE for run in found)
    good, bad = said.count(True), said.count(False)
    return Counts(good, bad, invalid, good + bad + invalid)


@dataclass
class Bench:
    """A journal, a reader that stays open, and the recount."""

    path: Path
    now_ms: int = 50 * HOUR_MS
    rules: tuple[Rule, ...] = ()
    recount: Recount = field(default_factory=Recount)

    def __post_init__(self) -> None:
        self.book = Journal.open(self.path, now_ms=self.now_ms)
        self.view = View.open(self.path)
        self.source = JournalSource(self.view)

    def close(self) -> None:
        """Close both."""
        self.view.close()
        self.book.close()

    @property
    def floor_ms(self) -> int:
        """Single runs are all there from then on."""
        return self.view.sums.oldest_ms(RAW_FROM)

    def write(self, told: list[Told]) -> None:
        """Some runs arrive."""
        self.take([each.run for each in told])

    def take(self, records: list[Run]) -> None:
        """Some records arrive."""
        floor_ms = self.floor_ms
        self.book.write(records, now_ms=self.now_ms)
        self.recount.told += [(self.now_ms, r) for r in records if r.id.slot_ms >= floor_ms]

    def again(self, numbers: list[int]) -> None:
        """Some arrive again."""
        told = [run for _, run in self.recount.told]
        self.take([told[number % len(told)] for number in numbers if told])

    def later(self, by_ms: int) -> None:
        """Time passes."""
        self.now_ms += by_ms

    def register(self, rules: list[Rule]) -> None:
        """The writer is started anew, with these contracts."""
        self.book.close()
        self.book = Journal.open(self.path, rules, self.now_ms)

    def prune(self, before_ms: int) -> None:
        """Single runs from before are dropped."""
        self.book.prune(min(before_ms, self.now_ms), 0)

    def ask(self, span: Span, rule: Rule, retry: Retry, back: bool, slice_ms: int) -> None:
        """Every question about a span, and the same of the recount."""
        known_ms = self.now_ms - 3 * HOUR_MS if back else None
        measure = Measure(rule, retry, known_ms)
        runs = self.recount.counted(span, retry, known_ms)
        self.ask_for_counts(measure, span)
        with self.unless_pruned(span):
            slices = self.source.slices(measure, span, slice_ms)
            cells = {(r, n): c for r, inside in slices.items() for n, c in inside.items()}
            assert cells == {
                key: replace(counts, due=0)
                for key, counts in by(rule, runs, lambda run: cell(run, span, slice_ms)).items()
            }
        with self.unless_pruned(span):
            bad = [run for run in runs if is_good(rule, run) is False]
            in_order = sorted(bad, key=lambda run: (run.id.slot_ms, run.id.region))
            assert self.source.bad_runs(measure, span) == tuple(in_order)
            self.source.read_ahead(measure, span)
            assert self.source.failures(measure, span) == tuple(map(failure, in_order))
        if not self.floor_ms:
            received = self.source.received(measure, span, SKEW_MS)
            assert received == self.recount.received(span, known_ms)
        with self.unless_pruned(span):
            first = self.recount.counted(span, Retry.FIRST, None)
            silent = Counter(run.id.region for run in first if run.silent)
            assert +Counter(self.source.silent("checkout", span)) == silent

    def ask_for_counts(self, measure: Measure, span: Span) -> None:
        """The counts of a span, and the same of the recount."""
        runs = self.recount.counted(span, measure.retry, measure.known_ms)
        with self.unless_pruned(span):
            found = self.source.counts(measure, span)
            assert {r: c for r, c in found.items() if c.completed} == by(measure.rule, runs, region)
            bare = self.source.counts(measure, span, due=False)
            assert bare == {name: replace(each, due=0) for name, each in found.items()}

    @contextmanager
    def unless_pruned(self, span: Span) -> Iterator[None]:
        """Only what is not kept any more may be refused."""
        try:
            yield
        except SourceUnavailable:
            assert span.start_ms < self.floor_ms


def region(run: Run) -> str:
    return run.id.region


def cell(run: Run, span: Span, slice_ms: int) -> tuple[str, int]:
    return run.id.region, (run.id.slot_ms - span.start_ms) // slice_ms


def by(rule: Rule, runs: list[Run], key: Callable[[Run], Any]) -> dict[Any, Counts]:
    """Counts of runs by something, empty ones left out."""
    found = {place: counts(rule, (r for r in runs if key(r) == place)) for place in map(key, runs)}
    return {place: each for place, each in found.items() if each.completed}


#: A run that failed and came eight times, from before whatever is asked about, which is pruned.
FAILED_AGAIN = Told("a", 24 * HOUR_MS - 1, 1, Outcome.FAILED, 600, None, True, False, False)
EMPTY = (Span(20 * HOUR_MS, 20 * HOUR_MS), RULES[0], Retry.FIRST, False, HOUR_MS)


@example([(("write", [FAILED_AGAIN] * 8), EMPTY), (("prune", 24 * HOUR_MS), EMPTY)])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.one_of(ACTS, ACTS, PRUNE), QUESTIONS), min_size=5, max_size=12))
def test_every_answer_equals_a_recount(story: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(Path(directory, "journal.db"))
        try:
            for (act, *what), question in story:
                getattr(bench, act)(*what)
                bench.ask(*question)
                for rule, retry in product(RULES, Retry):
                    bench.ask_for_counts(Measure(rule, retry), WIDE)
        finally:
            bench.close()
