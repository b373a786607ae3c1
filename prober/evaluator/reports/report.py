"""`report`: daily, weekly, for a sprint, and for the review of a quarter.

What is known now of a moment, which may be past. Plain values are the truth; Markdown and HTML are
drawn from them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, Literal

from prober.document import Strict, Text
from prober.errors import InputError, Problem
from prober.evaluator.desk.desk import AS_OF, Answer, Desk, Verb, read
from prober.evaluator.desk.feedback import moment_of
from prober.evaluator.judging.wording import headline, summary
from prober.evaluator.reports.chapter import Chapter
from prober.evaluator.reports.daily import daily, to_do, topic
from prober.evaluator.reports.quarterly import quarterly
from prober.evaluator.reports.rendering import render
from prober.evaluator.reports.sprint import ranked, sprint
from prober.evaluator.reports.weekly import weekly
from prober.evaluator.sources.once import Once
from prober.slo.moment import iso


class ReportRequest(Strict):
    """Which report, of what, and as of when."""

    kind: Literal["daily", "weekly", "sprint", "quarterly"]
    slo: Text | None = None
    at: Text | None = None
    format: Literal["json", "md", "html"] = "json"


#: By kind, what is said of one contract.
_CHAPTERS: Final[Mapping[str, Callable[[Chapter], Answer]]] = {
    "daily": daily,
    "weekly": weekly,
    "sprint": sprint,
    "quarterly": quarterly,
}


def report(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """A report; as text too, where one is asked for."""
    asked = read(request, ReportRequest)
    as_of_ms = _moment(desk, asked.at)
    answer = _report(replace(desk, clock=lambda: as_of_ms), asked)
    return answer if asked.format == "json" else {**answer, "text": render(answer, asked.format)}


_SAYS: Final = {
    "report": "string",
    **AS_OF,
    "summary": "string",
    "headline": "string",
    "slos": "array",
}
VERBS: Final = {"report": Verb(report, ReportRequest, _SAYS)}


def _report(desk: Desk, asked: ReportRequest) -> Answer:
    contracts = [desk.contract(asked.slo)] if asked.slo else desk.contracts
    once = Once(desk.source)
    with desk.source.at_one_moment():
        chapters = [Chapter(desk, contract, once) for contract in contracts]
        slos = [_CHAPTERS[asked.kind](chapter) for chapter in chapters]
    evaluations = [chapter.evaluation for chapter in chapters]
    answer: Answer = {
        "report": asked.kind,
        "as_of": iso(desk.clock()),
        "as_of_ms": desk.clock(),
        "summary": summary(evaluations),
        "headline": headline(evaluations),
        "slos": slos,
    }
    if asked.kind == "daily":
        answer |= {"topic": topic(slos), "to_do": to_do(slos)}
    if asked.kind == "sprint":
        answer |= {"work": ranked(slos)}
    return answer


def _moment(desk: Desk, text: str | None) -> int:
    now_ms = desk.clock()
    if text is None:
        return now_ms
    as_of_ms = moment_of("at", text)
    if as_of_ms > now_ms:
        what, mend = f"{text!r} is to come", "write a moment that is past"
    elif as_of_ms < 0:
        what, mend = f"{text!r} is before 1970", "write a later moment"
    else:
        return as_of_ms
    raise InputError([Problem("request", 0, "at", what, mend)])
