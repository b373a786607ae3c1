"""The status page, the API, badges and health: everything about the evaluator that is read."""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from jinja2 import Environment, PackageLoader
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from prober import conventions as names
from prober.evaluator.board import Board, Status
from prober.evaluator.display import Display
from prober.evaluator.result import Result
from prober.evaluator.vitals import HEARTBEAT, STILL_S, Vitals
from prober.evaluator.wording import few, length, outlook, share, unit, why
from prober.journal.shown import MOST, Glimpse
from prober.slo.agreement import Accord, Difference, Servers, Users
from prober.slo.contract import Contract
from prober.slo.moment import iso
from prober.slo.state import State
from prober.telemetry.exposition import CONTENT_TYPE
from prober.telemetry.totals import Reading, by_metric
from prober.units import decimal, format_ms, percent, span

_COLOURS = {
    State.FULL: "#14713b",
    State.CAUTION: "#7d6200",
    State.WARNING: "#a84a00",
    State.CRITICAL: "#bf1f2e",
    State.EXHAUSTED: "#7a0a18",
    State.UNKNOWN: "#56606b",
}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_PACKAGE = importlib.resources.files(__package__) / "templates"


def app(
    board: Board, vitals: Vitals, writes: list[Route], display: Display | None = None
) -> Starlette:
    """Everything the evaluator serves.

    Args:
        board: what is shown.
        vitals: how the evaluator itself is.
        writes: the routes that take something in.
        display: of the board; None: nobody makes its page ahead.
    """
    pages = _Pages(board, vitals, display or display_of(board))
    reads = [
        Route("/", pages.page),
        Route("/page.css", _file("page.css", "text/css")),
        Route("/page.js", _file("page.js", "text/javascript")),
        Route("/api/v1/status", pages.api),
        Route("/badge/{slo}.svg", pages.badge),
        Route("/metrics", pages.metrics),
        Route("/healthz", pages.healthz),
        Route("/readyz", pages.readyz),
    ]
    return Starlette(routes=[*reads, *writes], exception_handlers={Exception: _unavailable})


def display_of(board: Board) -> Display:
    """The status page of a board."""
    return Display(lambda: _TEMPLATES.get_template("page.html").render(status=board.status()))


@dataclass(frozen=True, slots=True)
class _Pages:
    board: Board
    vitals: Vitals
    display: Display

    async def page(self, _: Request) -> Response:
        html = self.display.page() or await run_in_threadpool(self.display.make)
        return Response(html, media_type="text/html", headers=_HEADERS)

    async def api(self, _: Request) -> Response:
        status = await run_in_threadpool(self.board.status)
        return JSONResponse(status.to_dict(), headers=_HEADERS)

    async def badge(self, request: Request) -> Response:
        name = request.path_params["slo"]
        status = await run_in_threadpool(self.board.status)
        found = [each for each in status.evaluations if each.contract.name == name]
        if not found:
            return PlainTextResponse(f"there is no SLO {name!r}", 404, _HEADERS)
        return Response(badge(name, found[0].state), media_type="image/svg+xml", headers=_HEADERS)

    async def metrics(self, _: Request) -> Response:
        status = await run_in_threadpool(self.board.status)
        own = await run_in_threadpool(self.vitals.readings)
        text = exposition([*readings(status), *own])
        return Response(text, media_type=CONTENT_TYPE, headers=_HEADERS)

    async def healthz(self, _: Request) -> Response:
        ages_s = self.vitals.ages_s()
        code = 200 if all(ages_s[name] < STILL_S[name] for name in ages_s) else 503
        found = {name: round(age_s, 3) for name, age_s in ages_s.items()}
        heartbeat_s = found.pop(HEARTBEAT)
        return JSONResponse({"loop_age_s": heartbeat_s, "loops_s": found}, code, _HEADERS)

    async def readyz(self, _: Request) -> Response:
        status = await run_in_threadpool(self.board.status)
        found = self.vitals.readiness(status)
        return JSONResponse(found, 200 if found["ready"] else 503, _HEADERS)


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


def badge(name: str, state: State) -> str:
    """A small picture with a contract's state, for READMEs and dashboards."""
    return _TEMPLATES.get_template("badge.svg").render(
        name=name,
        state=state,
        colour=_COLOURS[state],
        left=_text_width(name),
        right=_text_width(state),
    )


def _gauges(result: Result) -> Iterator[tuple[names.Metric, Fraction | None]]:
    yield names.SLO_COMPLIANCE, result.judgement.compliance
    yield names.SLO_BUDGET, result.judgement.remaining
    yield names.SLO_BURN_RATE, result.burn_rate
    yield names.SLO_COVERAGE, result.judgement.coverage
    yield names.SLO_VALIDITY, result.judgement.validity


def _file(name: str, media_type: str) -> Callable[[Request], Response]:
    content = (_PACKAGE / name).read_bytes()

    def endpoint(_: Request) -> Response:
        return Response(content, media_type=media_type, headers=_HEADERS)

    return endpoint


def _unavailable(_: Request, __: Exception) -> Response:
    """Trouble of ours: what was sent is to be sent again, for it is not committed."""
    return PlainTextResponse(
        "the evaluator cannot do this now, try again", 503, {"Retry-After": "5"}
    )


def _text_width(text: str) -> int:
    """In pixels, with room around it; letters are about 7 wide."""
    return 7 * len(text) + 12


def _rough(value: Fraction | None) -> str:
    """A share to one decimal; a dash when there is none."""
    return "–" if value is None else percent(value, 1)


def _bar(remaining: Fraction | None) -> str:
    """The width of what is left: nothing when overspent."""
    return percent(max(Fraction(0), remaining or Fraction(0)))


def _left(result: Result, contract: Contract) -> str:
    """The error budget in words."""
    named = unit(contract)
    judgement, runs = result.judgement, result.judgement.left
    if judgement.budget is None or runs is None:
        return f"No error budget yet: it is a share of the {named}"
    if runs < 0:
        bad = few(judgement.counts.bad)
        return f"Overspent: {bad} bad {named}, {few(judgement.budget)} allowed"
    left = f"{_rough(judgement.remaining)} of the error budget left"
    return f"{left}: {few(runs)} of {few(judgement.budget)} {named} may still be bad"


def _times(rate: Fraction | None) -> str:
    return "–" if rate is None else f"{decimal(rate, 1)}×"


def _ago(age_ms: int | None) -> str:
    return "never" if age_ms is None else f"{span(age_ms)} ago"


def _strip(runs: Iterable[Glimpse]) -> Markup:
    """A cell for each run."""
    return Markup("").join(map(_cell, runs))


@lru_cache(maxsize=MOST)  # from one page to the next few of them change
def _cell(run: Glimpse) -> Markup:
    cell = Markup('<li class="{0}" title="{1}"><span>{0}</span></li>')
    return cell.format(run.outcome, _told(run))


def _told(run: Glimpse) -> str:
    """A run in one line of text."""
    cause = f" ({run.cause})" if run.cause else ""
    step = f" in step “{run.step}”" if run.step else ""
    message = f": {run.message}" if run.message else ""
    return f"{iso(run.slot_ms)} {run.outcome}{cause}{step}{message}"


def _users(met: Users) -> str:
    return "No verdict" if met is Users.NO_VERDICT else f"Users {met}"


def _difference(found: Difference) -> str:
    """When users and servers differed, in one line of text."""
    who = "only users" if found.accord is Accord.ONLY_USERS else "only servers"
    where = f", failures in {', '.join(sorted(found.failed))}" if found.failed else ""
    said = f"the servers' highest error rate was {percent(found.highest, 2)}"
    return f"{iso(found.span.start_ms)} to {iso(found.span.end_ms)} {who}{where}; {said}"


_TEMPLATES = Environment(
    loader=PackageLoader("prober.evaluator"), autoescape=True, trim_blocks=True
)
_TEMPLATES.filters.update(
    ago=_ago,
    bar=_bar,
    difference=_difference,
    few=few,
    iso=iso,
    label=length,
    left=_left,
    length_of=format_ms,
    outlook=outlook,
    rough=_rough,
    share=share,
    strip=_strip,
    times=_times,
    told=_told,
    unit=unit,
    users=_users,
    why=why,
)
_TEMPLATES.globals.update(met_by_users=list(Users), said_of_servers=list(Servers))
