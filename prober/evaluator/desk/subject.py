"""A subject of reports: one objective of a contract, at a moment and over periods before it.

Shares are of the budget that alerts guard, as it was at the end of a period: so a report of a past
week says the same whenever it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from itertools import groupby
from typing import Any, Final
from zoneinfo import ZoneInfo

from prober.evaluator.desk.about import About, abouts
from prober.evaluator.desk.desk import Desk
from prober.evaluator.judging.counting import Counting
from prober.evaluator.judging.plain import exact
from prober.evaluator.judging.result import Result
from prober.evaluator.judging.wording import length, outlook, unit, why
from prober.evaluator.sources.once import Once
from prober.slo.alert import alert_window
from prober.slo.budget import Doubt, Number
from prober.slo.contract import Alerts, Contract, Objective
from prober.slo.moment import iso
from prober.slo.window import Calendar, Rolling, Span, Unit

Plain = dict[str, Any]
#: A week of a report is so many whole days.
WEEK_DAYS: Final = 7


@dataclass(frozen=True)
class Subject:
    """One objective, over each window of its contract."""

    #: In the order of the contract.
    abouts: tuple[About, ...]
    _then: dict[tuple[str, int], Result] = field(default_factory=dict, compare=False)
    _over: dict[Span, About] = field(default_factory=dict, compare=False)

    @property
    def contract(self) -> Contract:
        """Whose it is."""
        return self.abouts[0].contract

    @property
    def objective(self) -> Objective:
        """What it is about."""
        return self.abouts[0].objective

    @property
    def counting(self) -> Counting:
        """What counts its runs."""
        return self.abouts[0].counting

    @property
    def guarded(self) -> About:
        """Over the window whose budget its alerts guard."""
        window = alert_window(self.contract)
        return next(about for about in self.abouts if about.window == window)

    def then(self, about: About, as_of_ms: int) -> Result:
        """How it stood over a window at another moment."""
        key = (about.window.name, as_of_ms)
        if key not in self._then:
            self._then[key] = replace(about, as_of_ms=as_of_ms).result
        return self._then[key]

    def ended(self, about: About, span: Span) -> Result:
        """How it stood over a window as a period ended: of the calendar, the one that held it."""
        return self.then(about, span.end_ms - isinstance(about.window, Calendar))

    def budget(self, span: Span) -> Fraction | None:
        """Bad runs, or slices, that the guarded window allowed as a period ended.

        None or 0: there was no budget.
        """
        return self.ended(self.guarded, span).judgement.budget

    def over(self, span: Span) -> About:
        """The same over a period that is past: of that it is enough to know what ran in it."""
        if span not in self._over:
            contract = self.contract
            data = replace(contract.data, min_runs=1, max_staleness_ms=max(1, span.length_ms))
            alone = replace(contract, data=data, alerts=Alerts(rules=()))
            self._over[span] = replace(
                self.abouts[0],
                window=Rolling("period", span.length_ms),
                counting=replace(self.counting, contract=alone),
                as_of_ms=span.end_ms,
            )
        return self._over[span]


def subjects(desk: Desk, contract: Contract, once: Once, as_of_ms: int) -> tuple[Subject, ...]:
    """Every objective of a contract."""
    found = groupby(abouts(desk, contract, once, as_of_ms), lambda about: about.objective)
    return tuple(Subject(tuple(group)) for _, group in found)


def zone_of(contract: Contract) -> str:
    """Whose days and quarters its reports are about: those of its first calendar window, or UTC."""
    zones = (each.time_zone for each in contract.windows if isinstance(each, Calendar))
    return next(zones, "UTC")


def last_days(zone: str, as_of_ms: int, days: int) -> Span:
    """The last whole days of a place, each from midnight to midnight."""
    day = Calendar("day", Unit.DAY, zone)
    end_ms = start_ms = day.period(as_of_ms).start_ms
    for _ in range(days):
        start_ms = day.period(start_ms - 1).start_ms
    return Span(start_ms, end_ms)


def last_quarter(zone: str, as_of_ms: int) -> Span:
    """The last whole quarter of a place."""
    quarter = Calendar("quarter", Unit.QUARTER, zone)
    return quarter.period(quarter.period(as_of_ms).start_ms - 1)


def period(span: Span, zone: str) -> Plain:
    """A period as plain values, with the days of its place that it holds."""
    first, last = (
        datetime.fromtimestamp(ms // 1000, ZoneInfo(zone)).date().isoformat()
        for ms in (span.start_ms, span.end_ms - 1)
    )
    start, end = iso(span.start_ms), iso(span.end_ms)
    return {"first": first, "last": last, "start": start, "end": end, "time_zone": zone}


def part_of(bad: Number, budget: Fraction | None) -> Fraction | None:
    """The share of a budget; None: there was none."""
    return Fraction(bad) / budget if budget else None


def went(subject: Subject, span: Span) -> Plain:
    """How a period went; where too little is known of it, there is no share of good runs."""
    about = subject.over(span)
    found = about.result
    counts, runs = found.judgement.counts, found.judgement.runs
    known = found.reason is None
    return {
        "known": known,
        "why": _unknown(found, about.contract),
        "compliance": exact(found.judgement.compliance) if known else None,
        "raw_compliance": exact(found.raw.compliance) if found.raw.reason is None else None,
        "met": found.judgement.met if known else None,
        "good": str(counts.good),
        "bad": str(counts.bad),
        "valid": str(counts.valid),
        "due": str(runs.due),
        "excluded": runs.excluded,
        "coverage": exact(runs.coverage),
        "validity": exact(runs.validity),
        "silent_failures": found.silent,
        "consumed": exact(part_of(counts.bad, subject.budget(span))),
    }


def stands(about: About) -> Plain:
    """How an objective stands over a window; what is UNKNOWN has no number."""
    found, judgement = about.result, about.result.judgement
    known = found.reason is None
    return {
        "window": {"name": about.window.name, "label": length(about.window)},
        "gate": about.window.gate,
        "state": str(found.state),
        "why": why(found, about.contract),
        "compliance": exact(judgement.compliance) if known else None,
        "raw_compliance": exact(found.raw.compliance) if found.raw.reason is None else None,
        "consumed": exact(judgement.consumed) if known else None,
        "remaining": exact(judgement.remaining) if known else None,
        "left": exact(judgement.left) if known else None,
        "unit": unit(about.contract),
        "returned": exact(found.returned),
        "met": judgement.met if known else None,
        "on_track": found.on_track if known else None,
        "outlook": outlook(found, about.as_of_ms) if known else "",
        "burn_rate": exact(found.burn_rate),
        "coverage": exact(judgement.coverage),
        "valid": str(judgement.counts.valid),
    }


def trend(subject: Subject, about: About, span: Span) -> Plain:
    """What is left of a budget at the end of a period, against its beginning.

    A window of the calendar that began in the period began with all of its budget.
    """
    after = _remaining(subject.ended(about, span))
    before: Fraction | None = Fraction(1)
    if not _began(about, span):
        before = _remaining(subject.then(about, span.start_ms))
    change = None if before is None or after is None else after - before
    direction = "unknown"
    if change is not None:
        direction = "up" if change > 0 else "down" if change < 0 else "flat"
    return {
        "direction": direction,
        "before": exact(before),
        "after": exact(after),
        "change": exact(change),
    }


def _began(about: About, span: Span) -> bool:
    window = about.window
    return isinstance(window, Calendar) and span.holds(window.period(span.end_ms - 1).start_ms)


def _remaining(found: Result) -> Fraction | None:
    return None if found.reason else found.judgement.remaining


def _unknown(found: Result, contract: Contract) -> str:
    """Why nothing can be said of a period; empty when something can."""
    if found.reason is Doubt.NO_DATA and not found.judgement.runs.completed:
        return "no run"
    return why(found, contract)
