"""Evaluations as plain values, for JSON: fractions as exact text, beside a decimal for people."""

from __future__ import annotations

from dataclasses import asdict
from fractions import Fraction
from typing import Any

from prober.evaluator.judging.result import LOOKBACK_MS, Evaluation, Regional, Result
from prober.evaluator.judging.wording import length, outlook, unit, why
from prober.slo.alert import Reading
from prober.slo.budget import Counts, Judgement, Number
from prober.slo.burn import against
from prober.slo.contract import Contract
from prober.slo.moment import iso
from prober.slo.projection import Projection
from prober.slo.window import Rolling, Window
from prober.units import decimal


def evaluation(found: Evaluation) -> dict[str, Any]:
    """An evaluation."""
    contract = found.contract
    return {
        "name": contract.name,
        "display_name": contract.display_name,
        "journey": contract.journey,
        "hash": contract.hash,
        "as_of": iso(found.as_of_ms),
        "as_of_ms": found.as_of_ms,
        "known_ms": found.known_ms,
        "exclusions": [exclusion.id for exclusion in found.exclusions],
        "exclusions_hash": found.exclusions_hash,
        "state": str(found.state),
        "actions": list(found.actions),
        "results": [result(each, contract, found.as_of_ms) for each in found.results],
    }


def result(found: Result, contract: Contract, as_of_ms: int) -> dict[str, Any]:
    """How one objective stands over one window."""
    judgement = _judgement(found.judgement)
    return {
        "objective": found.objective.name,
        "window": _window(found.window),
        "start": iso(found.span.start_ms),
        "end": iso(found.period.end_ms),
        "nominal_ms": found.period.length_ms,
        "state": str(found.state),
        "reason": found.reason and str(found.reason),
        "why": why(found, contract),
        "priority": str(found.priority),
        "target": exact(found.objective.target),
        "unit": unit(contract),
        "region_rule": str(contract.budgeting.rule.mode),
        **judgement,
        "raw": judgement if found.raw is found.judgement else _judgement(found.raw),
        "excluded": found.judgement.runs.excluded,
        "returned": exact(found.returned),
        "sla": _sla(found, contract.sla_of(found.objective)),
        "on_track": found.on_track,
        "outlook": outlook(found, as_of_ms),
        "pace": exact(found.pace),
        "burn_rate": exact(found.burn_rate),
        "burn_lookback_ms": LOOKBACK_MS,
        "burn_rates": {str(ms): exact(rate) for ms, rate in found.burn_rates.items()},
        "alerts": [_alert(reading) for reading in found.alerts],
        "projection": found.projection and _projection(found.projection, as_of_ms),
        "silent_failures": found.silent,
        "staleness_ms": found.staleness_ms,
        "max_staleness_ms": found.max_staleness_ms,
        "flags": list(found.flags),
        "received": found.received and asdict(found.received),
        "regions": [_regional(regional) for regional in found.regions],
    }


def exact(value: Number | None) -> dict[str, str] | None:
    """A fraction: exact, and cut to six places."""
    if value is None:
        return None
    return {"exact": str(value), "decimal": decimal(value, 6)}


def _judgement(found: Judgement) -> dict[str, Any]:
    return {
        "compliance": exact(found.compliance),
        "met": found.met,
        "basis": str(found.basis),
        "planned": found.planned,
        "budget": exact(found.budget),
        "consumed": exact(found.consumed),
        "remaining": exact(found.remaining),
        "runs_left": exact(found.left),
        "coverage": exact(found.coverage),
        "validity": exact(found.validity),
        "counts": _counts(found.counts),
    }


def _sla(found: Result, promised: Fraction | None) -> dict[str, Any] | None:
    """The same runs against what customers were promised; None: nothing."""
    if promised is None:
        return None

    def theirs(ours: Fraction | None) -> dict[str, str] | None:
        return None if ours is None else exact(against(ours, found.objective.target, promised))

    return {
        "target": exact(promised),
        "consumed": theirs(found.judgement.consumed),
        "burn_rate": theirs(found.burn_rate),
    }


def _counts(found: Counts) -> dict[str, Any]:
    """Whole numbers; text where weights or slices make fractions of them."""
    return {
        name: int(number) if number == int(number) else str(number)
        for name, number in asdict(found).items()
    }


def _window(found: Window) -> dict[str, Any]:
    named = {"name": found.name, "label": length(found), "gate": found.gate}
    if isinstance(found, Rolling):
        return named | {"duration_ms": found.duration_ms}
    return named | {"unit": str(found.unit), "time_zone": found.time_zone}


def _alert(found: Reading) -> dict[str, Any]:
    rule = found.rule
    return {
        "name": rule.name,
        "severity": rule.severity,
        "standing": str(found.standing),
        "threshold": exact(rule.burn),
        "burn": exact(found.burn),
        "burn_short": exact(found.burn_short),
        "long_ms": rule.long_ms,
        "short_ms": rule.short_ms,
        "failures": dict(found.failures),
    }


def _projection(found: Projection, as_of_ms: int) -> dict[str, Any]:
    """Moments in time; null is never."""

    def at(later_ms: Number | None) -> str | None:
        return None if later_ms is None else iso(as_of_ms + int(later_ms))

    return {
        "trend": str(found.trend),
        "exhausts": at(found.exhausts_ms),
        "exhausts_naive": at(found.naive_ms),
        "exhausts_between": found.between_ms and [at(moment) for moment in found.between_ms],
        "recovers": at(found.recovers_ms),
        "consumed_at_end": exact(found.consumed_at_end),
    }


def _regional(found: Regional) -> dict[str, Any]:
    newest_ms = found.newest_ms
    return {
        "region": found.region,
        "counts": _counts(found.counts),
        "coverage": exact(found.counts.coverage),
        "validity": exact(found.counts.validity),
        "silent_failures": found.silent,
        "newest": None if newest_ms is None else iso(newest_ms),
        "newest_ms": newest_ms,
    }
