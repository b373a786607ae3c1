"""Vectors of kind `lint`: what is said about a plan before its first run."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from prober.slo.contract import AlertRule
from prober.slo.plan import Plan, findings


def answer(given: Mapping[str, Any]) -> dict[str, Any]:
    """The codes of what is found, each once, in alphabetical order."""
    interval_ms, regions = _ms(given["interval_s"]), _number(given.get("regions", 1))
    window_ms = _ms(given.get("window_h", 720), 3600)
    plan = Plan(
        target=Fraction(given["target"]),
        runs=int(given.get("runs_per_window", -(-window_ms // interval_ms) * regions)),
        window_ms=window_ms,
        interval_ms=interval_ms,
        regions=regions,
        k_min=int(given.get("k_min", 3)),
        alerts=tuple(_rule(index, raw) for index, raw in enumerate(given.get("alerts", []))),
        sla=Fraction(given["sla"]) if given.get("sla") is not None else None,
        depends_on=tuple(_target(each) for each in given.get("depends_on", [])),
        slice_ms=_ms(given["slice_s"]) if given.get("slice_s") is not None else None,
    )
    return {"codes": sorted({finding.code for finding in findings(plan)})}


def _rule(index: int, raw: Mapping[str, Any]) -> AlertRule:
    """Guards that a vector does not name are not there."""
    return AlertRule(
        name=str(raw.get("name", index)),
        severity="page",
        burn=Fraction(raw["burn"]),
        long_ms=_ms(raw["long_h"], 3600),
        short_ms=_ms(raw["short_h"], 3600),
        min_failures=int(raw.get("min_failures", 1)),
        min_regions=int(raw.get("min_regions", 1)),
    )


def _ms(value: str | int, seconds: int = 1) -> int:
    span = Fraction(value) * seconds * 1000
    assert span.denominator == 1, f"{value} is finer than a millisecond"
    return int(span)


def _number(regions: int | list[str]) -> int:
    return regions if isinstance(regions, int) else len(regions)


def _target(dependency: str | Mapping[str, str]) -> Fraction:
    return Fraction(dependency if isinstance(dependency, str) else dependency["target"])


ANSWERS = {"lint": answer}
