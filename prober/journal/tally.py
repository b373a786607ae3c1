"""What a record adds to the lifetime counters: the bridge from rows to metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from prober import conventions as names
from prober.model import (
    TARGET_CAUSES,
    Cause,
    EffectState,
    Gap,
    Outcome,
    Phase,
    Record,
    Run,
    SlotState,
    canonical,
)
from prober.slo.contract import Contract, Correctness, Latency, Sli, Success

#: Above every bound.
UNBOUNDED = 2**63 - 1


class Rule(NamedTuple):
    """An objective as the journal needs it: which runs of a journey are good."""

    slo: str
    objective: str
    journey: str
    #: None: passing is enough. Otherwise the run, or the step, within this time.
    threshold_us: int | None
    step: str | None
    #: Only runs that came to this named assertion are valid, good ones are those it held in.
    assertion: str | None = None

    def valid(self, run: Run) -> bool:
        """Whether a run says something about this objective."""
        asked = self.assertion is None or self.assertion in run.held
        return asked and run.outcome is not Outcome.INCONCLUSIVE

    def good(self, run: Run) -> bool:
        """Whether a valid run is good for this objective."""
        if self.assertion is not None:
            return run.held.get(self.assertion, False)
        return run.outcome is Outcome.PASSED and within(run, self.step, self.threshold_us)


def rules_of(contracts: Iterable[Contract]) -> tuple[Rule, ...]:
    """The objectives of contracts as a journal needs them."""
    return tuple(
        Rule(contract.name, objective.name, contract.journey, *_asked(objective.sli))
        for contract in contracts
        for objective in contract.objectives
    )


def _asked(sli: Sli) -> tuple[int | None, str | None, str | None]:
    """Threshold, step and assertion."""
    match sli:
        case Success():
            return None, None, None
        case Latency():
            return sli.threshold_us, sli.step, None
        case Correctness():
            return None, None, sli.assertion


def within(run: Run, step: str | None, threshold_us: int | None) -> bool:
    """Whether a run, or its step of that name, took at most so long."""
    if step is None:
        return in_time([run.duration_us], threshold_us)
    return in_time((part.duration_us for part in run.steps if part.name == step), threshold_us)


def in_time(took_us: Iterable[int], threshold_us: int | None) -> bool:
    """Whether something happened, and took at most so long each time."""
    slowest_us = max(took_us, default=None)
    return threshold_us is None or (slowest_us is not None and slowest_us <= threshold_us)


class Increment(NamedTuple):
    """So much more of a counter."""

    metric: str
    attributes: str
    value: int


class Observation(NamedTuple):
    """One value in a histogram."""

    metric: str
    attributes: str
    le: int
    value: int


@dataclass(frozen=True, slots=True)
class Tally:
    """Turns records into increments, given the contracts' rules."""

    rules: tuple[Rule, ...] = ()
    #: Whether there are any.
    histograms: bool = True

    def increments(self, record: Record) -> Iterator[Increment]:
        """What a record adds to counters."""
        if isinstance(record, Gap):
            yield _slots(record.region, record.journey, record.state, record.count)
        elif isinstance(record, Run) and record.counts:
            run, region, journey = record, record.id.region, record.id.journey
            yield _runs(region, journey, run.outcome, run.cause)
            yield _slots(region, journey, SlotState.COMPLETED, 1)
            if run.silent:
                yield _counter(names.SILENT_FAILURES, region, {names.JOURNEY: journey}, 1)
        elif isinstance(record, Run) and record.confirms:
            yield _confirmation(record.id.region, record.id.journey, record.outcome, 1)

    def events(self, run: Run) -> Iterator[Increment]:
        """What a run adds as the first of its slot that gave a verdict: a slot counts once."""
        for rule in self.rules:
            if rule.journey == run.id.journey and rule.valid(run):
                yield _sli(run.id.region, rule, rule.good(run))

    def observations(self, record: Record) -> Iterator[Observation]:
        """What a record adds to histograms."""
        if not (self.histograms and isinstance(record, Run) and record.counts):
            return
        run, region = record, record.id.region
        journey = {names.JOURNEY: run.id.journey}
        ladder = self.ladder(run.id.journey)
        if run.outcome is not Outcome.INCONCLUSIVE:
            attributes = journey | {names.OUTCOME: str(run.outcome)}
            yield _observe(names.RUN_DURATION, region, attributes, ladder, run.duration_us)
            yield from self._steps(run, journey, ladder)
        if (waited_s := run.host.get("cpu_wait")) is not None:
            waited_us = round(waited_s * 1e6)
            yield _observe(names.RUN_CPU_WAIT, region, journey, names.LADDER_US, waited_us)
        for phase, took_us in run.phases.items():
            attributes = {names.PHASE: str(Phase(phase))}
            yield _observe(names.PHASE_DURATION, region, attributes, names.LADDER_US, took_us)

    def _steps(
        self, run: Run, journey: Mapping[str, str], ladder: tuple[int, ...]
    ) -> Iterator[Observation]:
        """Of runs with a verdict only: what a busy machine did to a step is no target's."""
        for step in run.steps:
            named = {**journey, names.STEP: step.name}
            if step.outcome is not Outcome.INCONCLUSIVE:
                attributes = named | {names.OUTCOME: str(step.outcome)}
                yield _observe(
                    names.STEP_DURATION, run.id.region, attributes, ladder, step.duration_us
                )
                for part, value in step.network.items():
                    spent = named | {names.NETWORK_PHASE: part}
                    yield _observe(
                        names.NETWORK_DURATION, run.id.region, spent, names.LADDER_US, value
                    )
                for party, size in step.weight.items():
                    whose = named | {names.PARTY: party}
                    yield _observe(
                        names.PAGE_WEIGHT, run.id.region, whose, names.WEIGHT_LADDER, size
                    )
            for vital, value in step.vitals.items():
                metric = VITALS[vital]
                yield _observe(metric, run.id.region, named, names.ladder(metric), value)

    def ladder(self, journey: str) -> tuple[int, ...]:
        """Histogram bounds in microseconds: the fixed ones and the contracts' thresholds."""
        named = {r.threshold_us for r in self.rules if r.journey == journey and r.threshold_us}
        return tuple(sorted(named | set(names.LADDER_US)))

    def zeros(self, region: str, journeys: Iterable[str]) -> Iterator[Increment]:
        """Every counter a region can ever count, at 0: a first failure must be an increase."""
        for journey in journeys:
            for outcome, cause in _verdicts():
                yield _runs(region, journey, outcome, cause)._replace(value=0)
            for state in SlotState:
                yield _slots(region, journey, state, 0)
            yield _counter(names.SILENT_FAILURES, region, {names.JOURNEY: journey}, 0)
            yield from (_confirmation(region, journey, outcome, 0) for outcome in Outcome)
            yield from (effect(region, journey, state, 0) for state in EffectState)
            for rule in self.rules:
                if rule.journey == journey:
                    yield from (
                        _sli(region, rule, good)._replace(value=0) for good in (True, False)
                    )


def effect(region: str, journey: str, state: EffectState, count: int = 1) -> Increment:
    """So many more effects of a journey came to a state."""
    attributes = {names.JOURNEY: journey, names.EFFECT_STATE: str(state)}
    return _counter(names.EFFECTS, region, attributes, count)


VITALS: Mapping[str, names.Metric] = {
    "ttfb": names.PAGE_TTFB,
    "fcp": names.PAGE_FCP,
    "lcp": names.PAGE_LCP,
    "cls": names.PAGE_CLS,
}


def _verdicts() -> Iterator[tuple[Outcome, Cause | None]]:
    yield Outcome.PASSED, None
    for cause in Cause:
        yield (Outcome.FAILED if cause in TARGET_CAUSES else Outcome.INCONCLUSIVE), cause


def _runs(region: str, journey: str, outcome: Outcome, cause: Cause | None) -> Increment:
    attributes = {names.JOURNEY: journey, names.OUTCOME: str(outcome)}
    if cause:
        attributes[names.ERROR_TYPE] = str(cause)
    return _counter(names.RUNS, region, attributes, 1)


def _slots(region: str, journey: str, state: SlotState, count: int) -> Increment:
    attributes = {names.JOURNEY: journey, names.SLOT_STATE: str(state)}
    return _counter(names.SLOTS, region, attributes, count)


def _confirmation(region: str, journey: str, outcome: Outcome, count: int) -> Increment:
    attributes = {names.JOURNEY: journey, names.OUTCOME: str(outcome)}
    return _counter(names.CONFIRMATIONS, region, attributes, count)


def _sli(region: str, rule: Rule, good: bool) -> Increment:
    attributes = {
        names.SLO: rule.slo,
        names.OBJECTIVE: rule.objective,
        names.RESULT: "good" if good else "bad",
    }
    return _counter(names.SLI_EVENTS, region, attributes, 1)


def _counter(
    metric: names.Metric, region: str, attributes: Mapping[str, str], value: int
) -> Increment:
    return Increment(metric.name, canonical({names.REGION: region, **attributes}), value)


def _observe(
    metric: names.Metric,
    region: str,
    attributes: Mapping[str, str],
    bounds: Iterable[int],
    value: int,
) -> Observation:
    le = next((bound for bound in bounds if value <= bound), UNBOUNDED)
    return Observation(metric.name, canonical({names.REGION: region, **attributes}), le, value)
