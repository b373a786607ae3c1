"""Vectors of suggested targets, attribution and intervals, asked of the public functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from prober.slo.attribution import Total, parts
from prober.slo.confidence import verdict, wilson
from prober.slo.state import state_of
from prober.slo.suggestion import LADDER, suggest

Given = Mapping[str, Any]
Answer = dict[str, Any]


def suggestion(given: Given) -> Answer:
    """The target that past windows speak for."""
    compliances = [Fraction(share) for share in given["window_compliances"]]
    ladder = [Fraction(rung) for rung in given["ladder"]] if "ladder" in given else LADDER
    return {"target": suggest(compliances, ladder)}


def attribution(given: Given) -> Answer:
    """What each name took of the budget, all of them together, and what that makes of it."""
    spent: dict[str, int | Fraction] = {}
    for name, bad in given["bad"]:
        spent[name] = spent.get(name, 0) + Fraction(bad)
    total = Total(sum(spent.values()), Fraction(given["budget"]))
    return {
        "shares": {part.name: part.share for part in parts(spent, total.budget)},
        "total": total.consumed,
        "consumed": total.consumed,
        "remaining": 1 - total.consumed,
        "state": str(state_of(total.consumed)),
    }


def statistics(case: Given) -> Answer:
    """What a case of `stats` asks for: the interval, and its verdict on each target it names.

    `verdict_vs_999` asks about a target of 0.999.
    """
    interval = wilson(int(case["bad"]), int(case["n"]))
    verdicts = {
        key: str(verdict(interval, Fraction(f"0.{key.removeprefix('verdict_vs_')}")))
        for key in case
        if key.startswith("verdict_vs_")
    }
    return {"wilson_low": interval.low, "wilson_high": interval.high, **verdicts}


ANSWERS: Mapping[str, Callable[[Given], Answer]] = {
    "suggest": suggestion,
    "attribution": attribution,
    "stats": statistics,
}
