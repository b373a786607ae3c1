"""What SLO owners ask: what a number means, what another would mean, and what spent the budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from math import ceil
from typing import Any, Final

from prober.document import Duration, Text
from prober.evaluator.audit import Kind
from prober.evaluator.desk.about import TOLD, About, AboutRequest, tell
from prober.evaluator.desk.desk import Answer, Desk, Verb, read
from prober.evaluator.judging.history import History, Past
from prober.evaluator.judging.plain import exact
from prober.evaluator.judging.seeing import seeing
from prober.evaluator.judging.spending import Spending
from prober.evaluator.judging.wording import why
from prober.slo.attribution import Attribution, Deploy, Incident, Part
from prober.slo.budget import Counts
from prober.slo.burn import max_burn
from prober.slo.confidence import verdict
from prober.slo.impact import Episode
from prober.slo.lint import plan_of
from prober.slo.moment import iso
from prober.slo.plan import findings
from prober.slo.projection import available
from prober.slo.reservation import reserved
from prober.slo.sight import Sight
from prober.slo.state import State, state_of
from prober.slo.suggestion import Rung, fit, retarget, rungs, suggest
from prober.slo.values import Target
from prober.units import decimal, percent, share

#: A target missed in so many windows in a row is out of reach as things are.
STRUCTURAL: Final = 2
#: So long after a deploy a failure is held against it.
WITHIN_MS: Final = 7_200_000


class SuggestRequest(AboutRequest):
    """Which targets, and what they would cost in the owners' words."""

    cost: Mapping[Target, Text] = {}


class WhatIfRequest(AboutRequest):
    """Another target."""

    target: Target


class SpentRequest(AboutRequest):
    """What spent a budget."""

    #: In ms.
    within: Duration = WITHIN_MS


def explain(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """What the schedule can see and what it cannot."""
    return tell(desk, read(request, AboutRequest), lambda about: seeing(about.sight()))


def suggestion(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """A target from history, with a margin, and whether today's suits the journey."""
    asked = read(request, SuggestRequest)
    return tell(desk, asked, lambda about: _suggestion(about, asked.cost))


def whatif(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """What another target would mean, and would have meant."""
    asked = read(request, WhatIfRequest)
    return tell(desk, asked, lambda about: _whatif(about, asked.target))


def spent(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """What spent the budget."""
    asked, estimates = read(request, SpentRequest), _estimates(desk)

    def answer(about: About) -> Answer:
        deploys = desk.deploys(about.contract.journey)
        kept = reserved(desk.reservations(about.contract.name), about.as_of_ms)
        return {**_spent(about, deploys, estimates, asked.within), **_room(about, kept)}

    return {"within_ms": asked.within, **tell(desk, asked, answer)}


VERBS: Final = {
    "slo-explain": Verb(explain, AboutRequest, TOLD),
    "slo-suggest": Verb(suggestion, SuggestRequest, TOLD),
    "slo-whatif": Verb(whatif, WhatIfRequest, TOLD),
    "budget-explain": Verb(spent, SpentRequest, {"within_ms": "integer", **TOLD}),
}


def _suggestion(about: About, costs: Mapping[Fraction, str]) -> Answer:
    past, seen, target = about.history, about.sight(), about.objective.target
    ladder = rungs(past.compliances, seen.judged, seen.window_ms, costs)
    measurable = [rung.target for rung in ladder if rung.measurable]
    found = suggest(past.compliances, measurable, past.interval.low)
    missed = past.missed_in_a_row(target)
    return {
        "target": exact(target),
        "unit": "slices" if seen.slice_ms else "runs",
        "suggested": exact(found),
        "why": _why(past, found),
        "fit": str(fit(past.consumed(target))),
        "missed_in_a_row": missed,
        "structural": missed >= STRUCTURAL,
        "partial": past.partial,
        "windows": [_past(each, target) for each in past.windows],
        "bad": str(past.bad),
        "valid": str(past.valid),
        "interval": {
            "low": past.interval.low,
            "high": past.interval.high,
            "independent": exact(past.independent),
            "correlation": exact(past.rho),
        },
        "verdict": str(verdict(past.interval, target)),
        "ladder": [_rung(rung) for rung in ladder],
    }


def _why(past: History, found: Fraction | None) -> str:
    """What the suggestion rests on."""
    if not past.known:
        return "too little is known of the past"
    number = len(past.known)
    seen = "what there is of a first window" if past.partial else f"the worst of {number} windows"
    kept = percent(min(past.compliances))
    low = percent(Fraction(past.interval.low))
    bounds = f"{seen} kept {kept}, and the interval of all runs begins at {low}"
    return bounds if found else f"no target that can be measured lies below it: {bounds}"


def _whatif(about: About, target: Fraction) -> Answer:
    today, history = about.objective.target, about.history
    judgement, bands = about.result.judgement, about.contract.policy.bands
    consumed, state, would = judgement.consumed, judgement.state, None
    if consumed is not None:
        would = retarget(consumed, today, target)
        state = state if state is State.UNKNOWN else state_of(would, bands)
    then = about.sight(replace(about.objective, target=target))
    return {
        "now": {**seeing(about.sight()), "consumed": exact(consumed), "state": judgement.state},
        "then": {**seeing(then), "consumed": exact(would), "state": state},
        "partial": history.partial,
        "windows": [
            {**_past(each, today), "would_meet": _meets(each.judgement.compliance, target)}
            for each in history.windows
        ],
        "missed_now": _missed(history, today),
        "missed_then": _missed(history, target),
        "unreachable": _unreachable(about, then),
        "findings": _findings(about, target),
    }


def _unreachable(about: About, then: Sight) -> list[Answer]:
    """Alerts that could fire today and could not with another target."""
    still = {watch.rule.name: watch.unreachable for watch in then.watches}
    highest = decimal(max_burn(then.target), 2)
    gone = f"its burn rate is above {highest}, that of every run failing"
    return [
        {"name": watch.rule.name, "why": still.get(watch.rule.name, gone)}
        for watch in about.sight().watches
        if not watch.unreachable and still.get(watch.rule.name, gone)
    ]


def _findings(about: About, target: Fraction) -> list[Answer]:
    """What `prober check` would say of another target and does not say of today's."""
    if not about.periods:
        return []
    today, then = (
        findings(plan_of(about.contract, each, about.window, about.periods))
        for each in (about.objective, replace(about.objective, target=target))
    )
    known = {finding.code for finding in today}
    return [
        {"code": finding.code, "severity": str(finding.severity), "what": finding.what}
        for finding in then
        if finding.code not in known
    ]


def _missed(past: History, target: Fraction) -> int:
    return sum(share < target for share in past.compliances)


def _meets(compliance: Fraction | None, target: Fraction) -> bool | None:
    return None if compliance is None else compliance >= target


def _past(each: Past, target: Fraction) -> Answer:
    judgement = each.judgement
    return {
        "start": iso(each.span.start_ms),
        "end": iso(each.span.end_ms),
        "known": each.known,
        "reason": judgement.reason and str(judgement.reason),
        "compliance": exact(judgement.compliance),
        "consumed": exact(judgement.consumed),
        "met": _meets(judgement.compliance, target),
        "bad": str(judgement.counts.bad),
        "valid": str(judgement.counts.valid),
        "coverage": exact(judgement.coverage),
    }


def _rung(rung: Rung) -> Answer:
    return {
        "target": exact(rung.target),
        "budget": exact(rung.budget),
        "budget_ms": ceil(rung.budget_ms),
        "one_failure": exact(rung.quantum),
        "measurable": rung.measurable,
        "missed": rung.missed,
        "tell_from_below": rung.trial and rung.trial.runs,
        "cost": rung.cost,
    }


def _estimates(desk: Desk) -> dict[str, Fraction]:
    """By commit, what the gate was last told that it would burn."""
    asked = [entry.body["request"] for entry in desk.audit.entries(Kind.DECISION)]
    return {
        each["commit"]: share(each["estimate"])
        for each in asked
        if each.get("commit") and each.get("estimate")
    }


def _spent(
    about: About, deploys: Sequence[Deploy], estimates: Mapping[str, Fraction], within_ms: int
) -> Answer:
    result, spending = about.result, Spending(about.counting, about.result)
    found = spending.attribution(deploys, within_ms)
    shipped = [each for each in deploys if result.span.holds(each.at_ms)]
    flaky, guard = spending.flaky(), about.contract.alerts.min_failures
    return {
        "unit": "slices" if about.contract.budgeting.slice_ms else "runs",
        "state": str(result.state),
        "why": why(result, about.contract),
        "start": iso(result.span.start_ms),
        "end": iso(result.span.end_ms),
        "bad": str(result.judgement.counts.bad),
        "budget": exact(result.judgement.budget),
        "consumed": exact(result.judgement.consumed),
        "divisions": _divisions(found) if found else {},
        "deploys": _deploys(found, shipped, estimates),
        "incidents": [_incident(each, guard) for each in found.incidents] if found else [],
        "unrecorded": [_part(part) for part in found.unrecorded] if found else [],
        "silent": _part(found.silent) if found else None,
        "flaky": {"runs": flaky.runs, "share": exact(flaky.share), "counted": flaky.counted},
    }


def _room(about: About, kept: Fraction) -> Answer:
    """What is left to spend when some of the budget is kept back."""
    remaining = about.result.judgement.remaining
    left = None if remaining is None else available(remaining, [kept])
    return {"remaining": exact(remaining), "reserved": exact(kept), "available": exact(left)}


def _divisions(found: Attribution) -> Answer:
    """Each adds up to what is consumed."""
    return {
        "origin": [_part(part) for part in found.origins],
        "cause": [_part(part) for part in found.causes],
        "step": [_part(part) for part in found.steps],
        "region": [_part(part) for part in found.regions],
        "deploy": [_part(part) for part in found.deploys],
    }


def _deploys(
    found: Attribution | None, shipped: Sequence[Deploy], estimates: Mapping[str, Fraction]
) -> list[Answer]:
    """What each deploy cost, those that cost nothing too, newest first."""
    parts = {part.name: part for part in found.deploys} if found else {}
    nothing = Part("", 0, Fraction(0))
    return [
        {
            **_part(parts.get(each.name, nothing)),
            "name": each.name,
            "at": iso(each.at_ms),
            "estimate": exact(estimates.get(each.name)),
        }
        for each in sorted(shipped, reverse=True)
    ]


def _incident(each: Incident, guard: int) -> Answer:
    """One with fewer failures than alerts wait for has no severity: it may be chance."""
    episode = Episode(span=each.span, counts=Counts(), consumed=each.part.share)
    return {
        **_part(each.part),
        "start": iso(each.span.start_ms),
        "end": iso(each.span.end_ms),
        "severity": str(episode.severity) if len(each.failures) >= guard else None,
        "needs_postmortem": episode.needs_postmortem,
        "regions": sorted({failure.region for failure in each.failures}),
        "causes": sorted({failure.cause for failure in each.failures}),
        "steps": sorted({failure.step for failure in each.failures}),
    }


def _part(part: Part) -> Answer:
    return {"name": part.name, "bad": exact(part.bad), "share": exact(part.share)}
