"""The page about one contract: how its budget went, when, where, and what took it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NamedTuple

from prober.errors import AuditBroken, SourceUnavailable
from prober.evaluator.alerts.alerts import Group
from prober.evaluator.asides import Aside
from prober.evaluator.board import STRIP, Board, Status
from prober.evaluator.desk.about import About, abouts
from prober.evaluator.desk.desk import Desk
from prober.evaluator.desk.owners import WITHIN_MS
from prober.evaluator.judging.burndown import Left, burndown
from prober.evaluator.judging.grid import Grid
from prober.evaluator.judging.history import Past
from prober.evaluator.judging.result import Evaluation, Result
from prober.evaluator.judging.spending import Spending
from prober.evaluator.judging.timeline import Happened, Timeline, timeline
from prober.evaluator.pages.chart import Plot
from prober.evaluator.pages.timing import Timing, timing
from prober.evaluator.sources.journal import JournalSource
from prober.evaluator.sources.once import Once
from prober.evaluator.sources.source import Source
from prober.journal.shown import Glimpse
from prober.model import Outcome
from prober.slo.attribution import Attribution, Incident
from prober.slo.contract import Contract
from prober.slo.impact import sentence
from prober.slo.window import Span

#: So many incidents, runs and parts are told.
TOLD: Final = 10


class Trouble(NamedTuple):
    """A run that did not pass."""

    region: str
    run: Glimpse


class Told(NamedTuple):
    """An incident, in a sentence."""

    incident: Incident
    text: str


@dataclass(frozen=True, slots=True)
class Burning:
    """A result, and what was left of its budget along its window."""

    result: Result
    plot: Plot
    left: tuple[Left, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What takes counting along time and reading records."""

    burning: tuple[Burning, ...]
    #: Of the result that decides.
    timeline: Timeline
    #: None: there is no budget.
    spent: Attribution | None
    incidents: tuple[Told, ...]
    #: None: nothing can be told of it.
    timing: Timing | None
    troubles: tuple[Trouble, ...]
    #: Windows that are over, newest first.
    past: tuple[Past, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SloPage:
    """What the page shows."""

    as_of_ms: int
    evaluation: Evaluation
    #: None: nobody has looked yet.
    group: Group | None
    aside: Aside
    #: None: they cannot be had now.
    details: Details | None
    #: Why not, or what of them is left out; empty when nothing is.
    note: str = ""

    @property
    def contract(self) -> Contract:
        """Whose it is."""
        return self.evaluation.contract


def gather(board: Board, desk: Desk, name: str) -> SloPage | None:
    """What there is to show of a contract; None: there is none of that name."""
    status = board.lately()
    found = [each for each in status.evaluations if each.contract.name == name]
    if not found:
        return None
    with desk.source.at_one_moment():
        return _page(status, found[0], desk)


def _page(status: Status, evaluation: Evaluation, desk: Desk) -> SloPage:
    contract, details, note = evaluation.contract, None, ""
    try:
        details = _details(evaluation, desk)
        note = "; ".join(map(str, desk.unread()))
    except (AuditBroken, SourceUnavailable) as error:
        note = str(error)
    return SloPage(
        as_of_ms=status.as_of_ms,
        evaluation=evaluation,
        group=next((each for each in status.alerts if each.slo == contract.name), None),
        aside=status.aside(contract.name),
        details=details,
        note=note,
    )


def _details(evaluation: Evaluation, desk: Desk) -> Details:
    contract, deploys = evaluation.contract, desk.deploys(evaluation.contract.journey)
    found = abouts(desk, contract, Once(desk.source), evaluation.as_of_ms)
    pairs = list(zip(found, evaluation.results, strict=True))
    about, result = next(pair for pair in pairs if pair[1] is evaluation.deciding[0])
    spending = Spending(about.counting, result)
    spent = spending.attribution(deploys, WITHIN_MS)
    incidents = tuple(_told(spending, spent.incidents if spent else ()))
    happened = [Happened("incident", each.incident.span, each.text) for each in incidents]
    return Details(
        burning=tuple(_burning(each, its) for each, its in pairs),
        timeline=timeline(about.counting, Grid.over(result.span), deploys, happened),
        spent=spent,
        incidents=incidents,
        timing=timing(contract, desk.source, result.span),
        troubles=tuple(_troubles(contract.journey, desk.source, result.span)),
        past=() if about.history.partial else about.history.windows,
    )


def _burning(about: About, result: Result) -> Burning:
    grid = Grid.over(result.span)
    left = burndown(about.counting, result, grid)
    return Burning(result, Plot.of(grid, (each.remaining for each in left), Fraction(1)), left)


def _told(spending: Spending, incidents: Iterable[Incident]) -> Iterator[Told]:
    """The dearest incidents."""
    contract = spending.counting.contract
    for each in [*incidents][:TOLD]:
        episode = spending.episode(each, spending.result.judgement.budget)
        yield Told(each, sentence(contract.journey, contract.impact, episode))


def _troubles(journey: str, source: Source, span: Span) -> list[Trouble]:
    """The newest runs that did not pass; nothing where only counts are kept.

    Those without a verdict are looked for among the newest runs only.
    """
    if not isinstance(source, JournalSource):
        return []
    found = set[Trouble]()
    for region, series in source.view.regions(journey).items():
        bad = source.view.newest_bad(series, span, TOLD)
        recent = source.view.glimpses(series, span.end_ms, STRIP)
        unclear = [run for run in recent if run.outcome is Outcome.INCONCLUSIVE]
        found |= {Trouble(region, run) for run in (*bad, *unclear)}
    return sorted(found, key=lambda each: (-each.run.slot_ms, each.region))[:TOLD]
