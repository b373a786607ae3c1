"""What was seen when something began or ended, kept beside it in the audit log for its message.

So a message says how things were when it came about, however late it arrives and however often
it is sent.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

from prober.errors import SourceUnavailable
from prober.evaluator.judging.result import Evaluation, Result, urgency
from prober.evaluator.judging.wording import length
from prober.evaluator.sources.source import Measure, Source
from prober.model import Run
from prober.slo.advice import Advised
from prober.slo.alert import alert_window
from prober.slo.window import Span
from prober.units import DAY_MS, HOUR_MS

#: A run that failed longer ago tells nothing of what is the matter now.
RECENT_MS: Final = DAY_MS
#: Of text from a page, as much as a message wants.
_LONGEST: Final = 200


def scene(
    found: Evaluation,
    advised: Advised,
    objective: str,
    *,
    incident: str | None,
    cost: Fraction | None,
    run: Run | None,
) -> dict[str, Any]:
    """How a contract stood at a look, as plain values.

    Args:
        found: the judgement.
        advised: what to do.
        objective: what the news is about; empty: the contract as a whole.
        incident: what it did to users and the business, in a sentence.
        cost: share of the budget that it took so far.
        run: the newest that failed.
    """
    contract = found.contract
    result = _result(found, objective)
    judgement = result.judgement
    return {
        "journey": contract.journey,
        "name": contract.display_name,
        "description": contract.description,
        "state": str(result.state),
        "over": length(result.window),
        "consumed": _exact(judgement.consumed),
        "remaining": _exact(judgement.remaining),
        "deciding": str(found.deciding_state),
        "actions": list(found.actions),
        "advice": str(advised.advice),
        "reason": advised.reason,
        "incident": incident,
        "cost": _exact(cost),
        "run": run and _run(run),
    }


def newest_bad(source: Source, measure: Measure, span: Span) -> Run | None:
    """The newest run of a span that was bad; None: none, or none is kept."""
    lately = Span(max(span.start_ms, span.end_ms - HOUR_MS), span.end_ms)
    try:
        runs = source.bad_runs(measure, lately) or source.bad_runs(measure, span)
    except SourceUnavailable:
        return None
    return runs[-1] if runs else None


def clean(text: str, longest: int = _LONGEST) -> str:
    r"""Text from a page as data: on one line, without control characters, cut.

    >>> clean("expected\x1b[31m 42\n   got 43"), clean("a" * 9, longest=4)
    ('expected [31m 42 got 43', 'aaa…')
    """
    words = "".join(c if c.isprintable() else " " for c in text[: 4 * longest]).split()
    line = " ".join(words)
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def _result(found: Evaluation, objective: str) -> Result:
    """The result that alerts guard, of an objective or else of the worst one."""
    window = alert_window(found.contract)
    results = [each for each in found.results if each.window == window]
    named = [each for each in results if each.objective.name == objective]
    return min(named or results, key=urgency)


def _run(run: Run) -> dict[str, Any]:
    return {
        "id": run.id.key,
        "region": run.id.region,
        "slot_ms": run.id.slot_ms,
        "cause": run.cause and str(run.cause),
        "step": run.step and clean(run.step),
        "message": run.message and clean(run.message),
    }


def _exact(value: Fraction | None) -> str | None:
    return None if value is None else str(value)
