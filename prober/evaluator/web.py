"""The status for programs, badges, metrics and health."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from prober import conventions as names
from prober.evaluator.board import Board, Status
from prober.evaluator.door.headers import PAGE
from prober.evaluator.door.porch import READS
from prober.evaluator.judging.result import Result
from prober.evaluator.pages.drawing import badge
from prober.evaluator.vitals import HEARTBEAT, STILL_S, Vitals
from prober.telemetry.exposition import CONTENT_TYPE
from prober.telemetry.totals import Reading, by_metric


def app(board: Board, vitals: Vitals, others: Iterable[Route]) -> Starlette:
    """Everything the evaluator serves.

    Args:
        board: what is told.
        vitals: how the evaluator itself is.
        others: the routes that take something in, and answers.
    """
    answers = _Answers(board, vitals)
    reads = [
        Route("/api/v1/status", answers.api),
        Route("/badge/{slo}.svg", answers.badge),
        Route("/metrics", answers.metrics),
        Route("/healthz", answers.healthz),
        Route("/readyz", answers.readyz),
    ]
    return Starlette(routes=[*reads, *others], exception_handlers={Exception: _unavailable})


@dataclass(frozen=True, slots=True)
class _Answers:
    board: Board
    vitals: Vitals

    async def api(self, _: Request) -> Response:
        status = await run_in_threadpool(self.board.status)
        return JSONResponse(status.to_dict(), headers=PAGE)

    async def badge(self, request: Request) -> Response:
        name = request.path_params["slo"]
        status = await run_in_threadpool(self.board.status)
        found = [each for each in status.evaluations if each.contract.name == name]
        if not found:
            return PlainTextResponse(f"there is no SLO {name!r}", 404, PAGE)
        return Response(badge(name, found[0].state), media_type="image/svg+xml", headers=PAGE)

    async def metrics(self, _: Request) -> Response:
        status = await run_in_threadpool(self.board.status)
        own = await run_in_threadpool(self.vitals.readings)
        text = exposition([*readings(status), *own])
        return Response(text, media_type=CONTENT_TYPE, headers=PAGE)

    async def healthz(self, _: Request) -> Response:
        ages_s = self.vitals.ages_s()
        code = 200 if all(ages_s[name] < STILL_S[name] for name in ages_s) else 503
        found = {name: round(age_s, 3) for name, age_s in ages_s.items()}
        heartbeat_s = found.pop(HEARTBEAT)
        return JSONResponse({"loop_age_s": heartbeat_s, "loops_s": found}, code, PAGE)

    async def readyz(self, request: Request) -> Response:
        status = await run_in_threadpool(self.board.status)
        found = self.vitals.readiness(status)
        code = 200 if found["ready"] else 503
        told = found if request.scope.get(READS, True) else {"ready": found["ready"]}
        return JSONResponse(told, code, PAGE)


def readings(status: Status) -> Iterator[Reading]:
    """The judgement as gauges; what is undefined is absent, never 0."""
    for evaluation in status.evaluations:
        for result in evaluation.results:
            attributes = {
                names.SLO: evaluation.contract.name,
                names.OBJECTIVE: result.objective.name,
                names.WINDOW: result.window.name,
            }
            for metric, value in _gauges(result):
                if value is not None:
                    yield Reading(metric, attributes, float(value))


def exposition(gauges: Iterable[Reading]) -> str:
    """Readings as Prometheus text; their labels are names, which need no escaping."""
    lines = []
    for metric, group in by_metric(gauges):
        name = names.prometheus_name(metric)
        lines += [f"# HELP {name} {metric.meaning}", f"# TYPE {name} {metric.kind}"]
        for each in group:
            labels = ",".join(f'{k.replace(".", "_")}="{v}"' for k, v in each.attributes.items())
            lines.append(f"{name}{f'{{{labels}}}' if labels else ''} {each.value!r}")
    return "".join(f"{line}\n" for line in lines)


def _gauges(result: Result) -> Iterator[tuple[names.Metric, Fraction | None]]:
    yield names.SLO_COMPLIANCE, result.judgement.compliance
    yield names.SLO_BUDGET, result.judgement.remaining
    yield names.SLO_BURN_RATE, result.burn_rate
    yield names.SLO_COVERAGE, result.judgement.coverage
    yield names.SLO_VALIDITY, result.judgement.validity


def _unavailable(_: Request, __: Exception) -> Response:
    """Trouble of ours: what was sent is to be sent again, for it is not committed."""
    return PlainTextResponse(
        "the evaluator cannot do this now, try again", 503, {"Retry-After": "5"}
    )
