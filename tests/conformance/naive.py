"""A second evaluator, straight from the vectors' conventions: a list of events, and no hurry.

It shares nothing with the real one but the meaning of a vector's keys. Times are whole numbers
of one unit, whatever that is, and every key has a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import ceil
from typing import Any

Given = Mapping[str, Any]
Event = dict[str, Any]

WORSE = {"invalid": 0, "good": 1, "bad": 2}
BANDS = (
    (Fraction(1), "EXHAUSTED"),
    (Fraction(3, 4), "CRITICAL"),
    (Fraction(1, 2), "WARNING"),
    (Fraction(1, 4), "CAUTION"),
    (Fraction(0), "FULL"),
)


def evaluate(given: Given, as_of: int, known: int) -> dict[str, Any]:
    """Everything that the conventions tell of a rolling window."""
    slo = given["slo"]
    start, end = as_of - slo["window"]["duration_s"], as_of
    if slice_s := _slice_s(slo):
        end -= end % slice_s
        start = end - slo["window"]["duration_s"]
    told = dict.fromkeys(("unknown_yet", "pending", "quarantined", "out_of_window"), 0)
    believed: dict[tuple[Any, ...], Event] = {}
    told |= {"duplicates": 0, "conflicts": 0, "non_scheduled": 0}
    arrived = [event for event in given["events"] if event["ingested"] <= known]
    told["unknown_yet"] = len(given["events"]) - len(arrived)
    for event in sorted(arrived, key=lambda event: event["ingested"]):
        if event["t"] >= as_of:
            early = event["t"] - as_of <= slo["skew_tolerance_s"]
            told["pending" if early else "quarantined"] += 1
        elif event["t"] < start:
            told["out_of_window"] += 1
        else:
            _believe(event, believed, told)
    told["non_scheduled"] = sum(event["kind"] != "scheduled" for event in believed.values())
    counted = [event for event in _collapse(believed.values(), slo) if event["t"] < end]
    for event in counted:
        event["excluded"] = _is_excluded(event, given)
    return told | _judge(counted, given, start, end, as_of)


def _believe(event: Event, believed: dict[tuple[Any, ...], Event], told: dict[str, int]) -> None:
    """Identical repeats are dropped; of two that differ the worse outcome wins."""
    key = (event["region"], event["t"], event["attempt"], event["kind"])
    if (before := believed.get(key)) is None:
        believed[key] = dict(event)
    elif all(before[name] == event[name] for name in ("outcome", "duration_s")):
        told["duplicates"] += 1
    else:
        told["conflicts"] += 1
        if WORSE[event["outcome"]] > WORSE[before["outcome"]]:
            believed[key] = dict(event)


def _collapse(believed: Iterable[Event], slo: Given) -> list[Event]:
    """Of each region and slot the attempt that counts, good only within the threshold."""
    slots: dict[tuple[str, int], list[Event]] = {}
    for event in believed:
        if event["kind"] == "scheduled":
            slots.setdefault((event["region"], event["t"]), []).append(event)
    counted = []
    for attempts in slots.values():
        attempts.sort(key=lambda event: event["attempt"], reverse=slo.get("retry") == "final")
        valid = [event for event in attempts if event["outcome"] != "invalid"]
        chosen = dict((valid or attempts)[0])
        threshold = slo.get("latency_threshold_s")
        if chosen["outcome"] == "good" and threshold and chosen["duration_s"] > threshold:
            chosen["outcome"] = "bad"
        counted.append(chosen)
    return counted


def _is_excluded(event: Event, given: Given) -> bool:
    return any(_holds(each, event["region"], event["t"]) for each in given["exclusions"])


def _holds(exclusion: Given, region: str, time: int) -> bool:
    regions = exclusion.get("regions")
    return exclusion["start"] <= time < exclusion["end"] and (not regions or region in regions)


def _slice_s(slo: Given) -> int:
    found: int = slo["slice_s"] if slo.get("budgeting") == "timeslices" else 0
    return found


def _judge(counted: list[Event], given: Given, start: int, end: int, as_of: int) -> dict[str, Any]:
    slo = given["slo"]
    as_good = slo["exclusion_mode"] == "as_good"
    left = [event for event in counted if as_good or not event["excluded"]]
    valid = [event for event in left if event["outcome"] != "invalid"]
    if slice_s := _slice_s(slo):
        good, bad, silent, planned = _slices(counted, valid, given, start, end, slice_s)
    else:
        good, bad = _runs(valid, slo, as_good)
        silent, planned = 0, _planned(given, start, end, as_good)
    told = {
        "good": good,
        "bad": bad,
        "valid": good + bad,
        "invalid": len(left) - len(valid),
        "excluded": sum(event["excluded"] for event in counted),
        "no_data_slices": silent,
        "planned": planned,
        "coverage": _coverage(counted, given, start, end, as_of),
    }
    return told | _verdict(told, slo, bool(left), bool(valid))


def _verdict(told: dict[str, Any], slo: Given, any_run: bool, any_verdict: bool) -> dict[str, Any]:
    good, bad, planned = told["good"], told["bad"], told["planned"]
    valid, error = Fraction(good + bad), 1 - Fraction(slo["target"])
    reason = None
    if not any_run:
        reason = "all_excluded" if told["excluded"] else "no_data"
    elif not any_verdict:
        reason = "all_invalid"
    elif not valid:
        reason = "no_data"
    elif valid < slo["min_runs"]:
        reason = "insufficient_runs"
    elif told["coverage"] is not None and told["coverage"] < Fraction(slo["min_coverage"]):
        reason = "low_coverage"
    if bad and planned is not None and bad >= error * planned:
        reason = None
    by_plan = slo.get("budget_basis") == "planned" and planned is not None
    if not valid and not by_plan:
        nothing = ("compliance", "met", "budget", "consumed", "remaining")
        return dict.fromkeys(nothing, None) | {"state": "UNKNOWN", "reason": reason}
    budget = error * (planned if by_plan else valid)
    consumed = bad / budget if budget else Fraction(0) if not bad else None
    state = "EXHAUSTED" if consumed is None else next(s for e, s in BANDS if consumed >= e)
    return {
        "compliance": good / valid if valid else None,
        "met": good / valid >= Fraction(slo["target"]) if valid else None,
        "budget": budget,
        "consumed": "inf" if consumed is None else consumed,
        "remaining": "-inf" if consumed is None else 1 - consumed,
        "state": "UNKNOWN" if reason else state,
        "reason": reason,
    }


def _is_good(event: Event, as_good: bool) -> bool:
    return event["outcome"] == "good" or (as_good and event["excluded"])


def _runs(valid: list[Event], slo: Given, as_good: bool) -> tuple[Fraction, Fraction]:
    good = Fraction(sum(_is_good(event, as_good) for event in valid))
    rule = slo.get("slice_rule", {})
    if rule.get("mode") == "weighted":
        share = _weighed(_by_region(valid), rule["weights"], as_good)
        if share is None:
            return Fraction(0), Fraction(0)
        good = share * len(valid)
    return good, len(valid) - good


def _by_region(events: Iterable[Event]) -> dict[str, list[Event]]:
    regions: dict[str, list[Event]] = {}
    for event in events:
        regions.setdefault(event["region"], []).append(event)
    return regions


def _weighed(
    regions: dict[str, list[Event]], weights: Mapping[str, str], as_good: bool
) -> Fraction | None:
    total, found = Fraction(0), Fraction(0)
    for region, events in regions.items():
        weight = Fraction(weights.get(region, 0))
        total += weight
        found += weight * sum(_is_good(e, as_good) for e in events) / len(events)
    return found / total if total else None


def _slices(
    counted: list[Event], valid: list[Event], given: Given, start: int, end: int, slice_s: int
) -> tuple[Fraction, Fraction, int, int]:
    slo = given["slo"]
    as_good = slo["exclusion_mode"] == "as_good"
    good, bad, silent, planned = Fraction(0), Fraction(0), 0, 0
    for begin in range(start, end, slice_s):
        times = range(begin, begin + slice_s)
        inside = [event for event in valid if event["t"] in times]
        share = _share(_by_region(inside), slo["slice_rule"], as_good)
        covered = given["known_regions"] and all(
            any(_holds(each, region, time) for each in given["exclusions"])
            for region in given["known_regions"]
            for time in times
        )
        covered = covered and not as_good
        planned += not covered
        taken = not as_good and any(e["excluded"] for e in counted if e["t"] in times)
        if share is None and (covered or taken):
            continue
        if share is None:
            silent += 1
            share = {"good": Fraction(1), "bad": Fraction(0)}.get(slo.get("no_data", ""))
        if share is not None:
            good, bad = good + share, bad + 1 - share
    return good, bad, silent, planned


def _share(regions: dict[str, list[Event]], rule: Given, as_good: bool) -> Fraction | None:
    if len(regions) < max(1, rule.get("min_reporting", 1)):
        return None
    healthy = sum(all(_is_good(e, as_good) for e in events) for events in regions.values())
    runs = [event for events in regions.values() for event in events]
    if rule["mode"] == "weighted":
        return _weighed(regions, rule["weights"], as_good)
    if rule["mode"] == "pooled":
        return Fraction(sum(_is_good(event, as_good) for event in runs), len(runs))
    needed = {
        "any": 1,
        "all": len(regions),
        "majority": len(regions) // 2 + 1,
        "quorum": rule.get("quorum", 0),
    }
    return Fraction(int(healthy >= needed[rule["mode"]]))


def _planned(given: Given, start: int, end: int, as_good: bool) -> int | None:
    """As many slots a region as begin in the period, without those that exclusions hold."""
    slo = given["slo"]
    every, regions = slo["interval_s"], slo["regions"]
    planned = len(regions) * ceil(Fraction(end - start, every))
    slots = range(end - every, start - 1, -every)
    held = sum(
        any(_holds(each, region, time) for each in given["exclusions"])
        for region in regions
        for time in slots
    )
    return max(0, planned - (0 if as_good else held)) or None


def _coverage(
    counted: list[Event], given: Given, start: int, end: int, as_of: int
) -> Fraction | None:
    """Completed over due slots; a slot in the last interval is due only if something ran."""
    slo, due = given["slo"], 0
    as_good = slo["exclusion_mode"] == "as_good"
    left = [event for event in counted if as_good or not event["excluded"]]
    every = slo["interval_s"]
    for region in given["known_regions"]:
        ran = {event["t"] for event in counted if event["region"] == region}
        slots = sum(
            (as_of - time) % every == 0
            and (time <= end - every or time in ran)
            and (as_good or not any(_holds(each, region, time) for each in given["exclusions"]))
            for time in range(start, end)
        )
        completed = sum(event["region"] == region for event in left)
        due += max(slots if region in slo["regions"] else 0, completed)
    return Fraction(len(left), due) if due else None
