"""Gate decisions: how the SLOs stand, what the gate says about it, and both in the audit log.

A decision's entry holds all that it was made from, so that it can be made again: the moment,
what had arrived by then, how long the log was, and the hashes of contracts and exclusions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, Literal

from prober.document import Strict, Text, did_you_mean
from prober.errors import InputError, ProberError, Problem, SourceUnavailable
from prober.evaluator.audit import Kind
from prober.evaluator.desk.desk import Answer, Desk, Verb, read
from prober.evaluator.door.tokens import Scope
from prober.evaluator.judging.result import Result
from prober.evaluator.judging.stands import Stands
from prober.evaluator.sources.source import Measure
from prober.journal.tally import rules_of
from prober.slo.contract import Contract
from prober.slo.gate import RECENT_MS, Change, Decision, Ruling, decide
from prober.slo.policy import ChangeClass, Verdict
from prober.slo.room import earliest_ms
from prober.slo.values import Share
from prober.slo.window import Span


class GateRequest(Strict):
    """What a pipeline asks."""

    slo: tuple[Text, ...] = ()
    journey: tuple[Text, ...] = ()
    change: Literal["feature", "config", "reliability", "security"]
    critical_path: bool = False
    risk: Literal["normal", "high"] = "normal"
    estimate: Share | None = None
    commit: Text | None = None
    advisory: bool = False

    def meant(self) -> Change:
        """The change."""
        return Change(
            kind=ChangeClass(self.change),
            critical_path=self.critical_path,
            high_risk=self.risk == "high",
            estimate=self.estimate,
            commit=self.commit,
        )


class ReplayRequest(Strict):
    """Which decision to make again."""

    decision: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What was known when a decision was made."""

    as_of_ms: int
    #: None: everything that is known now.
    known_ms: int | None
    #: Length of the audit log.
    log: int


def gate(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """Decide, and write the decision down."""
    with desk.source.at_one_moment():  # the clock is read after it was waited for
        moment = Moment(as_of_ms=desk.clock(), known_ms=None, log=desk.audit.length)
        answer, _ = _decide(desk, request, moment)
    body = {**answer, "request": dict(request)}
    entry = desk.audit.append(Kind.DECISION, body, moment.as_of_ms)
    return {"decision": entry.id, **answer}


def replay(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """Make a decision again from what was known then, and say whether it is the same."""
    asked = read(request, ReplayRequest).decision
    entry = desk.audit.find(asked, Kind.DECISION)
    if entry is None:
        raise ProberError(f"there is no decision {asked!r} in the audit log, name one from it")
    then = dict(entry.body)
    question = then.pop("request")
    moment = Moment(as_of_ms=then["as_of_ms"], known_ms=then["known_ms"], log=then["log"])
    now, found = _decide(desk, question, moment)
    differences = list(_differences(_decisive(then), _decisive(now)))
    gone = _gone(desk, found) if differences else ""
    if gone:
        differences.insert(0, f"it cannot be made again: {gone}")
    return {
        "decision": entry.id,
        "same": not differences,
        "gone": gone,
        "differences": differences,
        "then": then,
        "now": now,
    }


_DECIDED: Final = {
    "decision": "string",
    "verdict": "string",
    "exit": "integer",
    "text": "string",
    "advisory": "boolean",
    "change": "string",
    "missing": "array",
    "conditions": "array",
    "earliest_ms": "integer null",
    "as_of_ms": "integer",
    "known_ms": "integer",
    "log": "integer",
    "rulings": "array",
    "slos": "array",
}
_REPLAYED: Final = {
    "decision": "string",
    "same": "boolean",
    "gone": "string",
    "differences": "array",
    "then": "object",
    "now": "object",
}
VERBS: Final = {
    "gate": Verb(gate, GateRequest, _DECIDED, Scope.GATE),
    "gate-replay": Verb(replay, ReplayRequest, _REPLAYED),
}


def _decide(desk: Desk, request: Mapping[str, Any], moment: Moment) -> tuple[Answer, list[Stands]]:
    """A decision, and what it was made from."""
    asked = read(request, GateRequest)
    contracts, missing = _meant(desk.contracts, asked)
    missing += map(str, desk.unread(moment.log))  # so nobody knows what is excluded
    found = [
        Stands(evaluation, desk.source, desk.reservations(evaluation.contract.name, moment.log))
        for evaluation in desk.evaluate(
            contracts, moment.as_of_ms, moment.known_ms, until=moment.log
        )
    ]
    change = asked.meant()
    decision = decide(
        (stand for each in found for stand in each.stands()),
        change,
        moment.as_of_ms,
        desk.overrides(moment.log),
        missing=missing,
        advisory=asked.advisory,
    )
    stopped = decision.answer in (Verdict.APPROVAL, Verdict.BLOCK)
    answer = {
        "verdict": decision.verdict,
        "exit": decision.exit,
        "text": decision.text,
        "advisory": asked.advisory,
        "change": asked.change,
        "missing": list(missing),
        "conditions": list(decision.conditions),
        "earliest_ms": _earliest(found, decision, moment.as_of_ms) if stopped else None,
        "as_of_ms": moment.as_of_ms,
        "known_ms": moment.as_of_ms if moment.known_ms is None else moment.known_ms,
        "log": moment.log,
        "rulings": [_ruling(ruling) for ruling in decision.rulings],
        "slos": [_slo(each) for each in found],
    }
    return answer, found


def _meant(contracts: Iterable[Contract], asked: GateRequest) -> tuple[list[Contract], list[str]]:
    """The contracts that a request is about, and in sentences what it names and is not there."""
    if not (asked.slo or asked.journey):
        what, mend = "neither slo nor journey is there", "name what the change touches"
        raise InputError([Problem("request", 0, "", what, mend)])
    known = list(contracts)
    meant = [each for each in known if each.name in asked.slo or each.journey in asked.journey]
    names, journeys = [each.name for each in known], {each.journey for each in known}
    missing = [
        f"there is no SLO {name}, {did_you_mean(name, names)}"
        for name in asked.slo
        if name not in names
    ]
    missing += [
        f"there is no SLO for journey {name}, {did_you_mean(name, sorted(journeys))}"
        for name in asked.journey
        if name not in journeys
    ]
    return meant, missing


def _earliest(found: Iterable[Stands], decision: Decision, now_ms: int) -> int | None:
    """When budgets will have room, should nothing else fail.

    None: never, nobody knows, or it is not for want of room that the change is stopped.
    """
    asked = {ruling.slo for ruling in decision.rulings if _needs_room(ruling, decision.change)}
    courses = [each.courses() for each in found if each.evaluation.contract.name in asked]
    known = [course for each in courses if each is not None for course in each]
    if not known or None in courses:
        return None
    moment_ms = earliest_ms(known, decision.change, now_ms)
    return None if moment_ms == now_ms else moment_ms


def _needs_room(ruling: Ruling, change: Change) -> bool:
    """Whether a change must wait for its budgets.

    One of high risk may pass now because the hours are off-peak, and they end.
    """
    passes = ruling.verdict is Verdict.ALLOW and not ruling.draft
    return ruling.stops or (passes and change.high_risk)


def _ruling(ruling: Ruling) -> Answer:
    return {
        "slo": ruling.slo,
        "policy": ruling.policy.name,
        "state": str(ruling.state),
        "verdict": str(ruling.verdict),
        "actions": list(ruling.actions),
        "roles": list(ruling.roles),
        "reasons": list(ruling.reasons),
        "draft": ruling.draft,
        "overrides": [override.id for override in ruling.overrides],
        "ignored": list(ruling.ignored),
    }


def _slo(each: Stands) -> Answer:
    evaluation, contract = each.evaluation, each.evaluation.contract
    return {
        "slo": contract.name,
        "journey": contract.journey,
        "hash": contract.hash,
        "exclusions": evaluation.exclusions_hash,
        "reserved": str(each.reserved),
        "results": [_result(result) for result in evaluation.results],
    }


def _result(result: Result) -> Answer:
    judgement = result.judgement
    return {
        "objective": result.objective.name,
        "window": result.window.name,
        "gate": result.window.gate,
        "state": str(result.state),
        "reason": None if result.reason is None else str(result.reason),
        "target": str(result.objective.target),
        "counts": {
            name: str(getattr(judgement.counts, name)) for name in ("good", "bad", "invalid", "due")
        },
        "consumed": _exact(judgement.consumed),
        "raw_consumed": _exact(result.raw.consumed),
        "coverage": _exact(judgement.coverage),
        "staleness_ms": result.staleness_ms,
    }


def _exact(value: Fraction | None) -> str | None:
    return None if value is None else str(value)


def _decisive(answer: Answer) -> Answer:
    """An answer without what is shown of windows that do not gate."""
    return {**answer, "slos": [_gating(slo) for slo in answer["slos"]]}


def _gating(slo: Answer) -> Answer:
    results = slo["results"]
    if any(result["gate"] for result in results):
        named = ("objective", "window", "gate")
        results = [
            result if result["gate"] else {key: result[key] for key in named} for result in results
        ]
    return {**slo, "results": results}


def _gone(desk: Desk, found: Iterable[Stands]) -> str:
    """Why runs that a decision takes cannot be had any more; empty when they can.

    It takes those of windows that gate, and of the last day how many there are.
    """
    for evaluation in (each.evaluation for each in found):
        contract, end_ms = evaluation.contract, evaluation.as_of_ms
        notes = [result.note for result in evaluation.deciding if result.note]
        if notes:
            return notes[0]
        measure = Measure(rules_of([contract])[0], contract.data.retry, evaluation.known_ms)
        try:
            desk.source.counts(measure, Span(end_ms - RECENT_MS, end_ms), due=False)
        except SourceUnavailable as error:
            return str(error)
    return ""


def _differences(then: Any, now: Any, place: str = "") -> Iterator[str]:
    """Where two answers differ, one line each."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*then, *now]):
            yield from _differences(then.get(key), now.get(key), f"{place}.{key}".lstrip("."))
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for number, (before, after) in enumerate(zip(then, now, strict=True)):
            yield from _differences(before, after, f"{place}[{number}]")
    elif then != now:
        yield f"{place} was {then}, now {now}"
