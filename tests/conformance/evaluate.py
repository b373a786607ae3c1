"""Vectors of whole evaluations: their events go through a real journal, as runs do."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from prober.document import Document
from prober.evaluator.judging.evaluate import evaluate
from prober.evaluator.judging.result import Result
from prober.evaluator.sources.journal import JournalSource
from prober.journal.journal import Journal
from prober.journal.tally import rules_of
from prober.journal.view import View
from prober.model import Cause, Kind, Outcome, Record, Run, RunId, Schedule
from prober.slo.budget import Counts, Judgement, judge
from prober.slo.contract import (
    AlertRule,
    Alerts,
    BudgetBasis,
    Budgeting,
    Contract,
    Data,
    ExclusionMode,
    Latency,
    NoData,
    Objective,
    Owners,
    Retry,
    Success,
)
from prober.slo.exclusion import Category, Exclusion
from prober.slo.moment import moment_ms
from prober.slo.policy import SEED_5
from prober.slo.region import Mode, RegionRule
from prober.slo.window import Calendar, Rolling, Unit, Window
from prober.units import duration_ms

Given = Mapping[str, Any]
Answer = dict[str, Any]

JOURNEY = "checkout"
REGION = "r1"
SKEW_S = 300
NEARLY_ALL = 1 - Fraction(1, 10**30)
#: No vector lasts so long.
AGES_MS = 10**15
OUTCOMES = {
    "good": (Outcome.PASSED, None),
    "bad": (Outcome.FAILED, Cause.ASSERTION),
    "invalid": (Outcome.INCONCLUSIVE, Cause.BROWSER),
}
US = {"us": 1, "ms": 1000, "s": 1_000_000}


class Arrival(NamedTuple):
    """A run, and when it arrived."""

    at_ms: int
    run: Run


def evaluation(given: Given) -> Answer:
    """Everything that is told about one objective over one window."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "journal.db")
        book = Journal.open(path, rules_of([_contract(given)]), now_ms=1)
        view = View.open(path)
        try:
            return judged(given, book, view)
        finally:
            view.close()
            book.close()


def judged(given: Given, book: Journal, view: View) -> Answer:
    """The same, put into a journal that knows nothing of its journey."""
    slo, as_of_ms = given["slo"], moment_ms(given["as_of"])
    known_ms = moment_ms(given["known_at"]) if given.get("known_at") else as_of_ms
    book.write(_schedules(given, as_of_ms), now_ms=1)
    arrivals = sorted(_arrivals(given, known_ms), key=lambda arrival: arrival.at_ms)
    for at_ms, together in groupby(arrivals, key=lambda arrival: arrival.at_ms):
        book.write([arrival.run for arrival in together], now_ms=at_ms)
    late = any(arrival.at_ms > known_ms for arrival in arrivals)

    def found(slo: Given, known: int | None) -> Result:
        return evaluate(
            _contract({**given, "slo": slo}),
            JournalSource(view),
            as_of_ms,
            known_ms=known,
            exclusions=list(_exclusions(given)),
            skew_ms=1000 * slo.get("skew_tolerance_s", SKEW_S),
        ).results[0]

    then, now = _told(found(slo, known_ms)), _told(found(slo, None))
    # What has all arrived takes another way through the journal, to the same numbers.
    assert late or then == now
    if Fraction(slo["target"]) == 1:  # no contract may say so: at next to 100 % all burns are high
        then["alerts"] = _told(found({**slo, "target": NEARLY_ALL}, known_ms))["alerts"]
    return then


def counts(given: Given) -> Answer:
    """What counts alone say."""
    bad = Fraction(given["bad"])
    judgement = judge(
        Fraction(given["target"]),
        Counts(good=Fraction(given["valid"]) - bad, bad=bad, invalid=given.get("invalid", 0)),
        min_runs=given.get("min_runs", 1),
        planned=given.get("planned"),
    )
    return _judged(judgement)


ANSWERS: Mapping[str, Callable[[Given], Answer]] = {"evaluate": evaluation, "counts": counts}


def _told(result: Result) -> Answer:
    raw = {f"raw_{name}": value for name, value in _judged(result.raw).items()}
    return {
        **raw,
        **_judged(result.judgement),
        **(asdict(result.received) if result.received else {}),
        "returned": result.returned,
        "window_start": Fraction(result.span.start_ms, 1000),
        "window_end": Fraction(result.span.end_ms, 1000),
        "nominal_s": Fraction(result.period.length_ms, 1000),
        "elapsed_s": Fraction(result.span.length_ms, 1000),
        "pace": result.pace,
        "on_track": result.on_track,
        "burn": {
            str(Fraction(lookback_ms, 1000)): rate if rate is not None else _burned(result)
            for lookback_ms, rate in result.burn_rates.items()
        },
        "alerts": {reading.rule.name: reading.fires for reading in result.alerts},
    }


def _judged(judgement: Judgement) -> Answer:
    found = judgement.counts
    overspent = judgement.budget == 0 and found.bad  # which no number says
    return {
        "good": found.good,
        "bad": found.bad,
        "valid": found.valid,
        "invalid": judgement.runs.invalid,
        "excluded": judgement.runs.excluded,
        "no_data_slices": found.no_data_slices,
        "completed": judgement.runs.completed,
        "due": judgement.runs.due,
        "planned": judgement.planned,
        "compliance": judgement.compliance,
        "met": judgement.met,
        "budget": judgement.budget,
        "consumed": "inf" if overspent else judgement.consumed,
        "remaining": "-inf" if overspent else judgement.remaining,
        "coverage": judgement.coverage,
        "validity": judgement.validity,
        "state": judgement.state,
        "reason": judgement.reason,
    }


def _burned(result: Result) -> str | None:
    """What no number says: failures at a target of 100 %."""
    return "inf" if result.objective.target == 1 and result.judgement.counts.bad else None


def _contract(given: Given) -> Contract:
    slo = given["slo"]
    threshold_us = _threshold_us(slo)
    sli = Success() if threshold_us is None else Latency(threshold_us)
    return Contract(
        name="slo",
        display_name="slo",
        labels={},
        description="",
        journey=_journey(given),
        owners=Owners("product", "sre"),
        rationale="a vector",
        effective_from=None,
        objectives=(Objective("objective", sli, Fraction(slo["target"])),),
        windows=(_window(slo["window"]),),
        data=Data(
            min_runs=slo.get("min_runs", 1),
            min_coverage=Fraction(slo.get("min_coverage", 0)),
            max_staleness_ms=1000 * slo["max_staleness_s"] if "max_staleness_s" in slo else AGES_MS,
            retry=Retry(slo.get("retry", "first")),
            no_data=NoData(slo.get("no_data", "exclude")),
            exclusion_mode=ExclusionMode(_first((slo, given), ("exclusion_mode",), "remove")),
            basis=BudgetBasis(_first((slo,), ("budget_basis", "basis"), "observed")),
        ),
        policy=SEED_5,
        budgeting=_budgeting(slo),
        alerts=Alerts(rules=tuple(_alerts(slo))),
        source=Document("vector", {}),
    )


def _window(given: Given) -> Window:
    if given["type"] == "rolling":
        return Rolling("window", int(Fraction(given["duration_s"]) * 1000))
    zone = _first((given,), ("tz", "time_zone", "timezone", "zone"), "UTC")
    return Calendar("window", Unit(given["unit"]), zone)


def _budgeting(slo: Given) -> Budgeting:
    rule = _first((slo,), ("slice_rule", "region_rule", "rule"), {})
    rule = {"mode": rule} if isinstance(rule, str) else rule
    weights = _first((rule, slo), ("weights",), {})
    numbers = {name: value for name, value in rule.items() if isinstance(value, int)}
    reporting = [numbers.pop(name) for name in list(numbers) if "report" in name]
    sliced = slo.get("budgeting") == "timeslices"
    return Budgeting(
        slice_ms=1000 * slo["slice_s"] if sliced else None,
        rule=RegionRule(
            mode=Mode(rule.get("mode", "weighted" if weights else "pooled")),
            quorum=next(iter(numbers.values()), 0),
            min_reporting=reporting[0] if reporting else slo.get("min_reporting", 1),
            weights={region: Fraction(weight) for region, weight in weights.items()},
        ),
    )


def _alerts(slo: Given) -> Iterator[AlertRule]:
    """Its rules, without guards where it names none, and one for each lookback it asks about."""
    for number, rule in enumerate(slo.get("alerts", ())):
        yield AlertRule(
            name=rule.get("name", str(number)),
            severity=rule.get("severity", "page"),
            burn=Fraction(rule["burn"]),
            long_ms=1000 * rule["long_s"],
            short_ms=1000 * rule["short_s"],
            min_failures=rule.get("min_failures", 0),
            min_regions=rule.get("min_regions", 0),
        )
    for lookback_s in slo.get("burn_lookbacks_s", ()):
        yield AlertRule(
            name=f"lookback of {lookback_s} s",
            severity="ticket",
            burn=Fraction(1),
            long_ms=1000 * lookback_s,
            short_ms=1000 * lookback_s,
        )


def _exclusions(given: Given) -> Iterator[Exclusion]:
    for number, each in enumerate(given.get("exclusions", ())):
        start_ms, end_ms = moment_ms(each["start"]), moment_ms(each["end"])
        if each.get("approved", True) and not each.get("revoked") and start_ms < end_ms:
            yield Exclusion(
                id=each.get("id", str(number)),
                start_ms=start_ms,
                end_ms=end_ms,
                regions=frozenset(each["regions"]) if each.get("regions") else None,
                journeys=frozenset(each["journeys"]) if each.get("journeys") else None,
                category=Category(each.get("category", "other")),
                reason=each.get("reason", "a vector says so"),
                requested_by="one",
                approved_by="another",
                created_ms=start_ms,
            )


def _schedules(given: Given, as_of_ms: int) -> Iterator[Record]:
    """The plan, in force long before the window; the first slot is at its start."""
    slo = given["slo"]
    start_ms = _window(slo["window"]).period(as_of_ms).start_ms
    if "interval_s" in slo:
        every_ms = int(Fraction(slo["interval_s"]) * 1000)
        regions = slo.get("regions", [REGION])
        names = [f"r{n + 1}" for n in range(regions)] if isinstance(regions, int) else regions
        for region in names:
            yield Schedule(
                journey=_journey(given),
                region=region,
                from_ms=0,
                every_ms=every_ms,
                phase_ms=start_ms % every_ms,
            )


def _arrivals(given: Given, known_ms: int) -> Iterator[Arrival]:
    """Each run, and when it is said to have arrived; else in time for the judgement."""
    for event in [*given.get("events", ()), *_expanded(given)]:
        slot_ms = event.get("slot_ms") or moment_ms(event["t"])
        at_ms = moment_ms(event["ingested"]) if "ingested" in event else known_ms
        kind = event.get("kind", "scheduled")
        outcome, cause = OUTCOMES.get(event.get("outcome", "good"), OUTCOMES["invalid"])
        identity = RunId(
            journey=event.get("journey", _journey(given)),
            region=event.get("region", REGION),
            slot_ms=slot_ms,
            # other kinds are one kind here, and yet other runs
            attempt=event.get("attempt", 1) + 1000 * (kind not in ("scheduled", "manual")),
            kind=Kind.SCHEDULED if kind == "scheduled" else Kind.MANUAL,
        )
        run = Run(
            id=identity,
            outcome=outcome,
            cause=cause,
            started_ms=slot_ms,
            finished_ms=slot_ms,
            duration_us=_duration_us(event),
        )
        yield Arrival(at_ms, run)


def _expanded(given: Given) -> Iterator[Given]:
    """The events of rows, evenly spaced."""
    for row in given.get("runs", ()):
        start_ms, step_ms = moment_ms(row["start"]), int(Fraction(row["step_s"]) * 1000)
        for index in range(row["count"]):
            if index in row.get("missing_at", ()):
                continue
            named = {"bad": row.get("bad_at", ()), "invalid": row.get("invalid_at", ())}
            own = [outcome for outcome, indices in named.items() if index in indices]
            yield {
                **row,
                "slot_ms": start_ms + index * step_ms,
                "outcome": own[0] if own else row.get("outcome", "good"),
            }


def _threshold_us(slo: Given) -> int | None:
    """The strictest of the thresholds that it names, in whatever unit and however deep."""
    named = []
    for name, value in slo.items():
        if isinstance(value, Mapping):
            named.append(_threshold_us(value))
        elif _is_threshold(name):
            named.append(_us(name, value))
    return min((each for each in named if each is not None), default=None)


def _is_threshold(name: str) -> bool:
    return "threshold" in name or "latency" in name or name.startswith("max_duration")


def _duration_us(event: Given) -> int:
    """How long a run took: nothing, when nothing is said."""
    for name, value in event.items():
        if name.partition("_")[0] in ("duration", "latency", "took", "elapsed"):
            return _us(name, value)
    return 0


def _us(name: str, value: Any) -> int:
    """A time in microseconds, by the unit that its name ends in; seconds when it does not."""
    if isinstance(value, str) and value[-1:].isalpha():
        return 1000 * duration_ms(value)
    span = Fraction(str(value)) * US.get(name.rpartition("_")[2], US["s"])
    assert span.denominator == 1, f"{name} is finer than a microsecond"
    return int(span)


def _journey(given: Given) -> str:
    journey: str = _first((given["slo"], given), ("journey",), JOURNEY)
    return journey


def _first(places: tuple[Given, ...], names: tuple[str, ...], default: Any) -> Any:
    """The first that is given, of several names for it."""
    found = (place[name] for place in places for name in names if place.get(name) is not None)
    return next(found, default)
