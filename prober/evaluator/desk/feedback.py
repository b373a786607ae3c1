"""Feedback: what users complained of, so that reviews see what no SLO saw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from prober.document import Strict, Text, did_you_mean, split_message
from prober.errors import InputError, Problem
from prober.evaluator.audit import Entry, Kind
from prober.evaluator.desk.desk import Answer, Desk, Verb, read
from prober.evaluator.desk.notes import EmptyRequest
from prober.evaluator.desk.subject import Subject, went
from prober.evaluator.door.tokens import Scope
from prober.slo.contract import Contract
from prober.slo.moment import iso, moment_ms
from prober.slo.window import Span


class FeedbackRequest(Strict):
    """What was complained of, and when."""

    text: Text
    start: Text
    end: Text
    journey: Text | None = None


def add(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """Note a complaint, and the time that it is about."""
    asked, now_ms = read(request, FeedbackRequest), desk.clock()
    journeys = [each.journey for each in desk.contracts]
    if asked.journey is not None and asked.journey not in journeys:
        what = f"{asked.journey!r} is not known"
        mend = did_you_mean(asked.journey, journeys)
        raise InputError([Problem("request", 0, "journey", what, mend)])
    start_ms, end_ms = (moment_of(key, getattr(asked, key)) for key in ("start", "end"))
    if end_ms <= start_ms:
        what, mend = "it ends no later than it begins", "write a later end"
        raise InputError([Problem("request", 0, "end", what, mend)])
    body = {
        "text": asked.text,
        "start_ms": start_ms,
        "end_ms": end_ms,
        "journey": asked.journey,
    }
    return {"feedback": feedback(desk.audit.append(Kind.FEEDBACK, body, now_ms))}


def listed(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """Every complaint that was noted."""
    read(request, EmptyRequest)
    return {"feedback": [feedback(each) for each in desk.audit.entries(Kind.FEEDBACK)]}


VERBS: Final = {
    "feedback-add": Verb(add, FeedbackRequest, {"feedback": "object"}, Scope.REVIEW),
    "feedback-list": Verb(listed, EmptyRequest, {"feedback": "array"}),
}


def feedback(entry: Entry) -> Answer:
    """A complaint as it was noted."""
    body = entry.body
    return {
        "id": entry.id,
        "text": body["text"],
        "start": iso(body["start_ms"]),
        "end": iso(body["end_ms"]),
        "journey": body["journey"],
    }


def complaints(
    desk: Desk, contract: Contract, subjects: Sequence[Subject], span: Span, known_ms: int
) -> Iterator[Answer]:
    """The complaints of a period, each with whether the SLO saw what users complained of.

    `unseen` is true when every objective kept its target meanwhile, false when one did not, and
    null when too little is known.
    """
    for entry in desk.audit.entries(Kind.FEEDBACK, known_ms=known_ms):
        body = entry.body
        meant = Span(body["start_ms"], body["end_ms"])
        if body["journey"] not in (None, contract.journey) or not meant.within(span).length_ms:
            continue
        meant = meant.within(Span(meant.start_ms, known_ms))
        found = [{"name": each.objective.name, **went(each, meant)} for each in subjects]
        yield {**feedback(entry), "unseen": _unseen(found), "objectives": found}


def _unseen(found: Sequence[Answer]) -> bool | None:
    met = [each["met"] for each in found]
    if False in met:
        return False
    return None if None in met else True


def moment_of(key: str, text: str) -> int:
    """What a key of a request says as a moment, in ms; raises InputError when it is none."""
    try:
        return moment_ms(text)
    except ValueError as error:
        raise InputError([Problem("request", 0, key, *split_message(str(error)))]) from error
