"""What a schedule can see, as plain values for JSON; times are whole milliseconds, rounded up."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Any

from prober.evaluator.judging.plain import exact
from prober.slo.sight import Sight, Watch

Plain = dict[str, Any]


def seeing(found: Sight) -> Plain:
    """One objective over one window."""
    return {
        "target": exact(found.target),
        "unit": "slices" if found.slice_ms else "runs",
        "runs": found.runs,
        "judged": found.judged,
        "allowed": exact(found.allowed),
        "budget": exact(found.budget),
        "budget_ms": _ms(found.budget_ms),
        "one_failure": exact(found.quantum),
        "measurable": not found.doubts,
        "doubts": list(found.doubts),
        "outage_seen_ms": _ms(found.seen_ms),
        "outage_seen_in_step_ms": found.seen_in_step_ms,
        "proof": {"runs": found.proof_runs, "ms": _ms(found.lasts_ms(found.proof_runs))},
        "tell_apart": _trial(found),
        "false_pages": _odds(found.false_pages),
        "false_pages_better": _odds(found.false_pages_better),
        "detects": _detects(found),
        "alerts": [_alert(watch) for watch in found.watches],
    }


def _trial(found: Sight) -> Plain | None:
    """How long it takes to tell the target from twice as many failures."""
    trial = found.doubled
    return trial and {
        "from": exact(found.worse),
        "runs": trial.runs,
        "bad": trial.bad,
        "ms": _ms(found.lasts_ms(trial.runs)),
    }


def _detects(found: Sight) -> Plain:
    """When the first alert tells of a fault; null: none does."""
    after = [watch.after for watch in found.watches if watch.after]
    alone = [faults.one_region for faults in after if faults.one_region is not None]
    some = [faults.some_errors for faults in after if faults.some_errors is not None]
    return {
        "outage_ms": _ms(min((faults.everywhere for faults in after), default=None)),
        "outage_in_step_ms": min((faults.in_step for faults in after), default=None),
        "one_region_ms": min(alone, default=None),
        "some_errors_ms": _ms(min(some, default=None)),
    }


def _alert(watch: Watch) -> Plain:
    rule, after = watch.rule, watch.after
    return {
        "name": rule.name,
        "severity": rule.severity,
        "each_region": rule.each_region,
        "burn": exact(rule.burn),
        "long_ms": rule.long_ms,
        "short_ms": rule.short_ms,
        "failures": watch.trip.failures,
        "recent": watch.trip.recent,
        "regions": watch.trip.regions,
        "consumes": exact(watch.consumes),
        "unreachable": watch.unreachable,
        "outage_ms": _ms(after.everywhere) if after else None,
        "outage_in_step_ms": after.in_step if after else None,
        "one_region_ms": after.one_region if after else None,
        "some_errors_ms": _ms(after.some_errors) if after else None,
        "false_alarms": _odds(watch.false_alarms),
        "false_alarms_better": _odds(watch.false_alarms_better),
    }


def _ms(span_ms: Fraction | None) -> int | None:
    return None if span_ms is None else ceil(span_ms)


def _odds(value: float) -> float:
    """To three digits: more would look as if it were known."""
    return float(f"{value:.3g}")
