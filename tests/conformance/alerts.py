"""Vectors of burn rates, projections, impact and composites, asked of the public functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from prober.slo.budget import Counts
from prober.slo.burn import (
    burn_rate,
    failures_to_trip,
    max_burn,
    pace,
    share_burned,
    threshold,
    whole,
)
from prober.slo.composite import ceiling, weighted
from prober.slo.impact import by_burn, users_hit
from prober.slo.moment import moment_ms
from prober.slo.projection import Aged, project_calendar, project_rolling

Given = Mapping[str, Any]
Answer = dict[str, Any]

HOUR_MS = 3_600_000


def projection(given: Given) -> Answer:
    """Naive and true time to exhaustion, recovery, and where it ends, in days."""
    budget, rate = Fraction(given["budget"]), Fraction(given["bad_per_day"])
    failures = [Aged(Fraction(age), Fraction(bad)) for age, bad in given.get("existing", [])]
    if given["type"] == "calendar":
        left = _days_left(given)
        bad = Fraction(given["bad"]) if "bad" in given else sum(bad for _, bad in failures)
        projected = project_calendar(left, budget, bad, rate)
    else:
        projected = project_rolling(Fraction(given["window_days"]), budget, failures, rate)
    return {
        "consumed": projected.consumed,
        "naive_days": projected.naive_ms,
        "rolloff_days": projected.exhausts_ms,
        "recovers_in_days": projected.recovers_ms,
        "consumed_at_end": projected.consumed_at_end,
        "on_track": projected.on_track,
    }


def burn(given: Given) -> Answer:
    """Whatever the given numbers say about a burn rate: each formula where its inputs are."""
    return {
        key: value
        for needed, formula in _BURNS
        if needed <= given.keys()
        for key, value in formula(given).items()
    }


def impact(given: Given) -> Answer:
    """Users and money."""
    if given["model"] == "per_percent_of_burn":
        amount = by_burn(Fraction(given["consumed"]), Fraction(given["amount_per_percent"]))
        return {"amount": amount}
    users = (
        Fraction(given["users"])
        if "users" in given
        else users_hit(_failed(given), Fraction(given["journeys_per_hour"]), _span_ms(given))
    )
    return {"users": users, "amount": users * Fraction(given["value_per_journey"])}


def composite(given: Given) -> Answer:
    """Journeys by weight, or a chain of dependencies."""
    parts = given.get("components") or given.get("serial") or given["dependencies"]
    if all(isinstance(part, (list, tuple)) for part in parts) and not _chained(given):
        return {"sli": weighted((Fraction(weight), Fraction(share)) for weight, share in parts)}
    shares = (part[-1] if isinstance(part, (list, tuple)) else part for part in parts)
    most = ceiling(Fraction(share) for share in shares)
    return {"sli": most, "ceiling": most}


ANSWERS: Mapping[str, Callable[[Given], Answer]] = {
    "projection": projection,
    "burn": burn,
    "impact": impact,
    "composite": composite,
}


def _rate(given: Given) -> Answer:
    bad, valid = Fraction(given["bad"]), Fraction(given["valid"])
    return {"burn": burn_rate(Counts(good=valid - bad, bad=bad), Fraction(given["target"]))}


def _pace(given: Given) -> Answer:
    elapsed, window = Fraction(given["elapsed_days"]), Fraction(given["window_days"])
    return {"burn": pace(Fraction(given["consumed"]), elapsed, window)}


def _threshold(given: Given) -> Answer:
    share = Fraction(given["percent"]) / 100
    return {"burn": threshold(share, Fraction(given["window_h"]), Fraction(given["long_h"]))}


def _share(given: Given) -> Answer:
    window, long = Fraction(given["window_h"]), Fraction(given["long_h"])
    share = share_burned(Fraction(given["burn"]), window, long)
    return {"share": share, "percent": 100 * share}


def _failures(given: Given) -> Answer:
    share = Fraction(given["percent"]) / 100
    failures = failures_to_trip(share, Fraction(given["runs"]), Fraction(given["target"]))
    return {"failures": failures, "min_whole": whole(failures)}


def _lasts(given: Given) -> Answer:
    """A full budget at a burn rate: the projection from nothing spent."""
    window = Fraction(given["window_days"])
    full = project_rolling(window, Fraction(1), [], Fraction(given["burn"]) / window)
    return {"days": full.naive_ms}


def _max(given: Given) -> Answer:
    highest = max_burn(Fraction(given["target"]))
    return {"burn": highest, "max_burn": highest}


#: What must be given, and the formula for it; a later one says it better.
_BURNS: tuple[tuple[set[str], Callable[[Given], Answer]], ...] = (
    ({"target"}, _max),
    ({"bad", "valid", "target"}, _rate),
    ({"consumed", "elapsed_days", "window_days"}, _pace),
    ({"percent", "long_h", "window_h"}, _threshold),
    ({"burn", "long_h", "window_h"}, _share),
    ({"percent", "runs", "target"}, _failures),
    ({"burn", "window_days"}, _lasts),
)


def _days_left(given: Given) -> Fraction:
    if "days_left" in given:
        return Fraction(given["days_left"])
    return Fraction(given["window_days"]) - Fraction(given["elapsed_days"])


def _failed(given: Given) -> Fraction:
    for share in ("failed", "failed_share", "failure_ratio", "bad_ratio"):
        if share in given:
            return Fraction(given[share])
    return Fraction(given["bad"]) / Fraction(given["valid"])


def _span_ms(given: Given) -> Fraction:
    if "start" in given:
        return Fraction(moment_ms(given["end"]) - moment_ms(given["start"]))
    for unit, unit_ms in (("hours", HOUR_MS), ("minutes", 60_000), ("duration_s", 1000)):
        if unit in given:
            return Fraction(given[unit]) * unit_ms
    return Fraction(HOUR_MS)


def _chained(given: Given) -> bool:
    return "serial" in {given.get("mode"), given.get("model"), given.get("type"), given.get("kind")}
