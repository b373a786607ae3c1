"""Reviews on record: which were held, and which are due."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

from prober.document import Strict, Text, did_you_mean
from prober.errors import InputError, Problem
from prober.evaluator.audit import Entry, Kind
from prober.evaluator.desk.desk import AS_OF, Answer, Desk, Verb, read
from prober.evaluator.desk.subject import zone_of
from prober.evaluator.door.tokens import Scope
from prober.evaluator.judging.result import Evaluation
from prober.slo.contract import Contract
from prober.slo.moment import iso
from prober.slo.review import (
    Due,
    Entered,
    ReviewKind,
    budget_review,
    quarterly_review,
    reliability_review,
)
from prober.slo.state import State


class ReviewsRequest(Strict):
    """Whose reviews; without a name, everybody's."""

    slo: Text | None = None


class RecordRequest(Strict):
    """Which review was held, by which role, and what came of it."""

    slo: Text
    kind: Literal["budget", "quarterly", "reliability"]
    by: Text
    notes: Text


def listed(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """What is due, the soonest first, and what was held, the newest first."""
    asked, now_ms = read(request, ReviewsRequest), desk.clock()
    contracts = [desk.contract(asked.slo)] if asked.slo else list(desk.contracts)
    names = {contract.name for contract in contracts}
    due = [
        each for evaluation in desk.evaluate(contracts, now_ms) for each in due_of(desk, evaluation)
    ]
    held = [each for each in _held(desk, now_ms) if each.body["slo"] in names]
    return {
        "as_of": iso(now_ms),
        "as_of_ms": now_ms,
        "due": sorted(due, key=lambda each: (each["due_ms"], each["slo"])),
        "held": [review(each) for each in reversed(held)],
    }


def record(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """Note that a review was held."""
    asked = read(request, RecordRequest)
    roles = roles_of(desk.contract(asked.slo))
    if asked.by not in roles:
        what = f"{asked.by!r} is no role that reviews it"
        raise InputError([Problem("request", 0, "by", what, did_you_mean(asked.by, roles))])
    entry = desk.audit.append(Kind.REVIEW, asked.model_dump(), desk.clock())
    return {"review": review(entry)}


VERBS: Final = {
    "reviews": Verb(listed, ReviewsRequest, AS_OF | {"due": "array", "held": "array"}),
    "review-record": Verb(record, RecordRequest, {"review": "object"}, Scope.REVIEW),
}


def roles_of(contract: Contract) -> list[str]:
    """Who may hold its reviews: records name roles, never people."""
    return sorted({*contract.policy.ranks, *contract.required_roles})


def due_of(desk: Desk, evaluation: Evaluation) -> list[Answer]:
    """The reviews that a contract has to hold, as its judgement stands."""
    contract, as_of_ms = evaluation.contract, evaluation.as_of_ms
    return [
        {
            "slo": contract.name,
            "kind": str(due.kind),
            "due": iso(due.due_ms),
            "due_ms": due.due_ms,
            "last": None if due.last_ms is None else iso(due.last_ms),
            "overdue": due.overdue(as_of_ms),
        }
        for due in _due(desk, evaluation)
    ]


def review(entry: Entry) -> Answer:
    """A review as it was recorded."""
    return {"id": entry.id, "at": iso(entry.at_ms), **entry.body}


def _due(desk: Desk, evaluation: Evaluation) -> Iterator[Due]:
    contract, as_of_ms = evaluation.contract, evaluation.as_of_ms
    last_ms = {
        each.body["kind"]: each.at_ms
        for each in _held(desk, as_of_ms)
        if each.body["slo"] == contract.name
    }
    states = [result.state for result in evaluation.deciding]
    entered = list(_entered(desk, evaluation))
    for due in (
        budget_review(contract.policy, states, entered, last_ms.get(ReviewKind.BUDGET), as_of_ms),
        reliability_review(states, entered, last_ms.get(ReviewKind.RELIABILITY), as_of_ms),
        _quarterly(desk, contract, last_ms.get(ReviewKind.QUARTERLY)),
    ):
        if due is not None:
            yield due


def _quarterly(desk: Desk, contract: Contract, last_ms: int | None) -> Due | None:
    """None: it never ran, there is nothing to review."""
    since_ms = desk.source.since(contract.journey)
    if since_ms is None:
        return None
    if begins := contract.effective_from:
        midnight = datetime(begins.year, begins.month, begins.day, tzinfo=UTC)
        since_ms = max(since_ms, int(midnight.timestamp()) * 1000)
    return quarterly_review(zone_of(contract), since_ms, last_ms)


def _entered(desk: Desk, evaluation: Evaluation) -> Iterator[Entered]:
    """The states that the budgets which decide have entered, oldest first."""
    deciding = {
        (evaluation.contract.name, result.objective.name, result.window.name)
        for result in evaluation.deciding
    }
    for entry in desk.audit.entries(Kind.STATE, known_ms=evaluation.as_of_ms):
        body = entry.body
        budget = (body["slo"], body["objective"], body["window"])
        if budget in deciding:
            yield Entered(entry.at_ms, budget, State(body["to"]))


def _held(desk: Desk, as_of_ms: int) -> Iterable[Entry]:
    return desk.audit.entries(Kind.REVIEW, known_ms=as_of_ms)
