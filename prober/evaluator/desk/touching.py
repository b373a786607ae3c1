"""`prcheck`: what a change touches, and what its reviewers should ask before it is merged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, Final

from prober.document import Strict, Text
from prober.evaluator.desk.desk import Answer, Desk, Verb, read
from prober.evaluator.judging.latencies import P99, durations
from prober.evaluator.judging.plain import exact
from prober.evaluator.judging.result import Evaluation, Result
from prober.evaluator.judging.wording import length
from prober.model import Outcome, Run
from prober.slo.contract import Contract, Latency
from prober.slo.state import State
from prober.slo.touched import Touched, touched
from prober.units import decimal, percent

#: So many of a region's newest runs tell how long steps take.
RECENT: Final = 300
#: Nothing but these means something in Markdown where it is used here.
_MARKUP = re.compile(r"([\\`*_\[\]<>|#])")


class TouchRequest(Strict):
    """The paths that a change touches, from the top of the repository."""

    paths: tuple[Text, ...]


def prcheck(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """The SLOs that a change touches, how they stand, and what to ask."""
    asked, now_ms = read(request, TouchRequest), desk.clock()
    found = touched(desk.contracts, asked.paths)
    evaluations = desk.evaluate([each.contract for each in found], now_ms)
    slos = [
        _slo(each, evaluation, desk.source.recent(each.contract.journey, now_ms, RECENT))
        for each, evaluation in zip(found, evaluations, strict=True)
    ]
    labels = [label for slo in slos for label in slo["labels"]]
    answer = {"paths": list(asked.paths), "labels": list(dict.fromkeys(labels)), "slos": slos}
    return {**answer, "markdown": "\n".join(_markdown(answer)) + "\n"}


_SAYS: Final = {"paths": "array", "labels": "array", "slos": "array", "markdown": "string"}
VERBS: Final = {"prcheck": Verb(prcheck, TouchRequest, _SAYS)}


def _slo(found: Touched, evaluation: Evaluation, recent: Mapping[str, tuple[Run, ...]]) -> Answer:
    contract = found.contract
    runs = [run for each in recent.values() for run in each]
    failed = [run for run in runs if run.outcome is Outcome.FAILED]
    slo: Answer = {
        "name": contract.name,
        "display_name": contract.display_name,
        "journey": contract.journey,
        "paths": list(found.paths),
        "state": str(evaluation.state),
        "labels": [f"slo/{contract.name}", f"budget/{str(evaluation.state).lower()}"],
        "results": [_result(result) for result in evaluation.results],
        "steps": list(_steps(contract, runs)),
        "recent": {
            "runs": len(runs),
            "failed": len(failed),
            "silent": sum(run.silent for run in failed),
        },
        "depends_on": [each.name for each in contract.depends_on],
    }
    return {**slo, "checklist": list(_checklist(slo))}


def _result(result: Result) -> Answer:
    return {
        "objective": result.objective.name,
        "window": {"name": result.window.name, "label": length(result.window)},
        "state": str(result.state),
        "target": exact(result.objective.target),
        "remaining": exact(result.judgement.remaining),
    }


def _steps(contract: Contract, runs: Iterable[Run]) -> Iterator[Answer]:
    """How long each step takes, and the whole run: 99 of 100 passed ones no longer than that."""
    took = {each.step: each.ranked for each in durations(runs)}
    limits: dict[str | None, int] = {}
    for objective in contract.objectives:
        if isinstance(sli := objective.sli, Latency):
            limits[sli.step] = min(sli.threshold_us, limits.get(sli.step, sli.threshold_us))
    for name in dict.fromkeys([*took, *limits]):
        ranked, limit_us = took.get(name), limits.get(name)
        p99_us = ranked.at(P99) if ranked else None
        yield {
            "step": name,
            "runs": len(ranked.times_us) if ranked else 0,
            "p99_us": p99_us,
            "threshold_us": limit_us,
            "headroom_us": None if p99_us is None or limit_us is None else limit_us - p99_us,
        }


def _checklist(slo: Answer) -> Iterator[str]:
    """What reviewers should ask."""
    yield "Timeout: what happens when a call that it makes times out? Is there a fallback?"
    for step in slo["steps"]:
        if step["headroom_us"] is not None:
            yield f"Latency: {_latency(step)}. Does it make that longer?"
    recent = slo["recent"]
    seen = f" ({recent['silent']} of the last {recent['failed']} failures were silent.)"
    yield (
        "Partial failure: can it fail partially? Is the failure loud or silent?"
        f"{seen if recent['failed'] else ''}"
    )
    yield "Failure mode: is it written down how it fails, and how one would see that?"
    for name in slo["depends_on"]:
        yield f"Dependency: does it lean more on {name} than before?"
    if slo["state"] not in (State.FULL, State.CAUTION):
        yield f"Budget: it is {slo['state']}. Must this go out now, and who agreed to it?"


def _latency(step: Answer) -> str:
    name = "the whole run" if step["step"] is None else f"step {step['step']}"
    margin = Fraction(step["headroom_us"])
    side = "below" if margin >= 0 else "above"
    return (
        f"{name} takes {_seconds(step['p99_us'])} at p99, {_seconds(abs(margin))} {side} "
        f"its threshold of {_seconds(step['threshold_us'])}"
    )


def _markdown(answer: Answer) -> Iterator[str]:
    """For a comment: names from outside are text in it, whatever they hold."""
    yield "## SLO impact"
    yield ""
    if not answer["slos"]:
        yield "This change touches no journey that has an SLO."
        return
    yield "Labels: " + ", ".join(_code(label) for label in answer["labels"])
    for slo in answer["slos"]:
        yield ""
        yield f"### {_text(slo['name'])}: {_text(slo['display_name'])}"
        yield ""
        yield f"Touched by {', '.join(_code(path) for path in slo['paths'])}."
        yield ""
        yield "| objective | over | state | target | budget left |"
        yield "|---|---|---|---|---|"
        for row in slo["results"]:
            over, left = row["window"]["label"], _share(row["remaining"])
            cells = [row["objective"], over, row["state"], _share(row["target"]), left]
            yield f"| {' | '.join(map(_text, cells))} |"
        yield ""
        yield from _durations(slo["steps"])
        yield from (f"- [ ] {_text(item)}" for item in slo["checklist"])


def _durations(steps: list[Answer]) -> Iterator[str]:
    if not steps:
        return
    yield "| step | p99 | threshold | headroom |"
    yield "|---|---|---|---|"
    for step in steps:
        times = (_seconds(step[f"{key}_us"]) for key in ("p99", "threshold", "headroom"))
        name = "whole run" if step["step"] is None else step["step"]
        yield f"| {' | '.join([_text(name), *times])} |"
    yield ""


def _seconds(took_us: int | Fraction | None) -> str:
    return "–" if took_us is None else f"{decimal(Fraction(took_us) / 1_000_000)} s"


def _share(value: Answer | None) -> str:
    return "–" if value is None else percent(Fraction(value["exact"]), 2)


def _text(text: str) -> str:
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    """In a span of code, which nothing in it ends."""
    plain = " ".join(text.split())
    fence = "`" * (max(map(len, re.findall("`+", plain)), default=0) + 1)
    pad = " " if "`" in plain else ""
    return f"{fence}{pad}{plain}{pad}{fence}"
