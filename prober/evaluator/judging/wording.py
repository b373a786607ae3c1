"""Judgements in words and figures for people."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import ceil

from prober.evaluator.judging.result import Evaluation, Priority, Result, urgency
from prober.slo.budget import Doubt, Number
from prober.slo.contract import Contract
from prober.slo.moment import iso
from prober.slo.state import URGENCY, State
from prober.slo.window import Rolling, Window
from prober.units import decimal, format_ms, percent, span


def summary(evaluations: Iterable[Evaluation]) -> str:
    """Which contracts need a person, the most urgent first, in one sentence.

    It reads `1 of 3 SLOs is EXHAUSTED: checkout`.
    """
    named: dict[State, list[str]] = {}
    for evaluation in evaluations:
        named.setdefault(evaluation.state, []).append(evaluation.contract.name)
    total = sum(map(len, named.values()))
    troubled = [state for state in URGENCY if state in named and state is not State.FULL]
    if not troubled:
        return "All budgets are FULL" if total else "There are no SLOs"
    first, *rest = (_clause(state, named[state], total) for state in troubled)
    return "; ".join([first, *(clause.replace(f" of {total} SLOs", "", 1) for clause in rest)])


def headline(evaluations: Iterable[Evaluation]) -> str:
    """Whether to work on features or on reliability, and the figure that says so.

    It reads `RELIABILITY: checkout availability has -25% of its error budget left over 30d`.
    """
    deciding = [(each, result) for each in evaluations for result in each.deciding]
    if not deciding:
        return f"{Priority.RELIABILITY}: no SLO says how things stand"
    evaluation, result = min(deciding, key=lambda pair: urgency(pair[1]))
    name = f"{result.priority}: {evaluation.contract.name} {result.objective.name}"
    remaining, over = result.judgement.remaining, f"over {length(result.window)}"
    if result.state is State.UNKNOWN or remaining is None:
        return f"{name} is {result.state} {over}"
    return f"{name} has {percent(remaining, 1)} of its error budget left {over}"


def paging(evaluations: Iterable[Evaluation]) -> str:
    """What somebody is paged for, though its budget may last for long; empty when nothing.

    It reads `Alerts page right now: checkout availability, login latency`.
    """
    named = [
        f"{evaluation.contract.name} {result.objective.name}"
        for evaluation in evaluations
        for result in evaluation.results
        if result.pages
    ]
    return f"Alerts page right now: {', '.join(dict.fromkeys(named))}" if named else ""


def why(result: Result, contract: Contract) -> str:
    """Why there is no judgement, in words; empty when there is one."""
    counts, runs, data = result.judgement.counts, result.judgement.runs, contract.data
    match result.reason:
        case None:
            return ""
        case Doubt.NO_DATA:
            return "no run yet" if not runs.completed else "too few regions gave a verdict"
        case Doubt.ALL_EXCLUDED:
            return f"exclusions hold all of its {runs.excluded} runs"
        case Doubt.ALL_INVALID:
            return f"none of {runs.completed} runs gave a verdict"
        case Doubt.INSUFFICIENT_RUNS:
            return f"{few(counts.valid)} of the {data.min_runs} {unit(contract)} it takes"
        case Doubt.LOW_COVERAGE:
            return f"coverage {share(runs.coverage)}, it takes {share(data.min_coverage)}"
        case Doubt.STALE:
            return f"no verdict for {span(result.staleness_ms or 0)}"
        case Doubt.SOURCE:
            return result.note


def outlook(result: Result, as_of_ms: int) -> str:
    """What becomes of the budget at the rate of late, in words; empty when nobody knows."""
    if (projection := result.projection) is None:
        return ""
    if projection.recovers_ms is not None:
        until = iso(as_of_ms + ceil(projection.recovers_ms))
        return f"is spent until {until}, if nothing fails from now on"
    if projection.exhausts_ms is not None:
        return f"is spent by {iso(as_of_ms + int(projection.exhausts_ms))}, at the recent rate"
    return "lasts, at the recent rate"


def unit(contract: Contract) -> str:
    """What is counted."""
    return "runs" if contract.budgeting.slice_ms is None else "slices"


def length(window: Window) -> str:
    """What a window covers: `30d`, or `this month in Europe/Berlin`."""
    if isinstance(window, Rolling):
        return format_ms(window.duration_ms)
    return f"this {window.unit} in {window.time_zone}"


def orphaned(journey: str, region: str, count: int) -> str:
    """How much runs left at the target for good.

    >>> orphaned("order", "eu-west-1", 1)
    'order in eu-west-1: 1 orphan, made at the target and not taken back'
    """
    orphans = "1 orphan" if count == 1 else f"{count} orphans"
    return f"{journey} in {region}: {orphans}, made at the target and not taken back"


def few(number: Number) -> str:
    """A number of runs or slices, to a tenth; a little is not nothing."""
    return "under 0.1" if 0 < number < Fraction(1, 10) else decimal(number, 1)


def share(value: Fraction | None) -> str:
    """A share for people; a dash when there is none."""
    return "–" if value is None else percent(value)


def _clause(state: State, names: list[str], total: int) -> str:
    verb = "is" if len(names) == 1 else "are"
    return f"{len(names)} of {total} SLOs {verb} {state}: {', '.join(names)}"
