"""A contract's journey beside what its servers say of themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

from prober.errors import SourceUnavailable
from prober.evaluator.judging.plain import exact
from prober.evaluator.judging.rates import Rates
from prober.evaluator.judging.wording import length
from prober.evaluator.sources.source import Measure, Source
from prober.journal.tally import rules_of
from prober.slo.agreement import (
    Accord,
    Agreement,
    Cell,
    Difference,
    Servers,
    Users,
    compare,
    step_ms,
    steps_within,
)
from prober.slo.alert import alert_window
from prober.slo.budget import Counts
from prober.slo.contract import Contract, Objective, ServerView, Success
from prober.slo.moment import iso
from prober.slo.window import Span, Window
from prober.units import DAY_MS

#: Runs and samples have so long to arrive.
_SETTLED_MS: Final = 120_000
#: A window's newest part is compared: for more of it backends give no points at once.
_MOST_MS: Final = 30 * DAY_MS
#: Steps that are asked for at once: a journal remembers what it said of so few.
_PIECE: Final = 720
#: Of differences the newest are told.
SHOWN: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How a journey and its servers agree."""

    view: ServerView
    #: Whose bad runs are what users met.
    objective: Objective
    window: Window
    agreement: Agreement
    #: Failures that no first-party 5xx gave away; None: nothing tells it of this objective.
    silent: int | None
    #: When the servers were last asked and answered, in ms since 1970; None: never.
    asked_ms: int | None
    #: Why something is not known; empty when nothing is wrong.
    note: str

    @property
    def failed(self) -> int:
        """Runs that failed."""
        return sum(self.agreement.failed.values())

    @property
    def silent_share(self) -> Fraction | None:
        """The share of failures that were silent; None: there are none, or nothing tells it."""
        return (
            Fraction(self.silent, self.failed) if self.failed and self.silent is not None else None
        )

    def age_ms(self, as_of_ms: int) -> int | None:
        """How long ago the servers answered; None: never."""
        return None if self.asked_ms is None else max(0, as_of_ms - self.asked_ms)

    @property
    def newest(self) -> tuple[Difference, ...]:
        """The differences that are told, newest first."""
        return self.agreement.differences[: -SHOWN - 1 : -1]

    def to_dict(self, as_of_ms: int) -> dict[str, Any]:
        """Plain values."""
        found, told = self.agreement, self.newest
        return {
            "objective": self.objective.name,
            "window": {"name": self.window.name, "label": length(self.window)},
            "query": self.view.query,
            "bad_above": exact(self.view.bad_above),
            "start": iso(found.span.start_ms),
            "end": iso(found.span.end_ms),
            "step_ms": found.step_ms,
            **{str(accord): found.steps(accord) for accord in Accord},
            "steps": {
                str(users): {str(said): found.cells[Cell(users, said)] for said in Servers}
                for users in Users
            },
            "differed": [_difference(each) for each in told],
            "differed_more": len(found.differences) - len(told),
            "failed": self.failed,
            "silent": self.silent,
            "silent_share": exact(self.silent_share),
            "asked": None if self.asked_ms is None else iso(self.asked_ms),
            "age_ms": self.age_ms(as_of_ms),
            "note": self.note,
        }


class Comparing:
    """Compares one contract's journey with its servers, again with every step that is over."""

    def __init__(self, contract: Contract, view: ServerView, source: Source, rates: Rates) -> None:
        """Compare a contract.

        Args:
            contract: whose journey.
            view: what servers say of themselves.
            source: what knows the runs.
            rates: asks the servers.
        """
        self.contract, self.view, self.source, self.rates = contract, view, source, rates
        successes = [each for each in contract.objectives if isinstance(each.sli, Success)]
        self.objective = (successes or contract.objectives)[0]
        rule = rules_of([contract])[contract.objectives.index(self.objective)]
        #: What a user lived through, whatever attempt the contract counts.
        self._measure = Measure(rule)
        self._last: Comparison | None = None
        #: Whether the runs could not be had.
        self._deaf = False

    def look(self, now_ms: int) -> Comparison:
        """How they agree at a moment; slow, because it may ask a backend."""
        span, step, note = self._steps(now_ms)
        last, before = self._last, (self.rates.known, self.rates.note)
        same = last is not None and last.agreement.span == span
        if last and same and not last.note:
            return last
        self.rates.look(span, now_ms)
        if last and same and not self._deaf and before == (self.rates.known, self.rates.note):
            self._last = replace(last, asked_ms=self.rates.asked_ms)  # nothing else is new
        else:
            self._last = self._compare(span, step, note)
        return self._last

    def _steps(self, now_ms: int) -> tuple[Span, int, str]:
        """The steps to compare, how long each is, and what is wrong."""
        window, journey = alert_window(self.contract), self.contract.journey
        passed = window.span(now_ms - _SETTLED_MS)
        start_ms, slowest_ms, note = max(passed.start_ms, passed.end_ms - _MOST_MS), None, ""
        try:
            slowest_ms = max(self.source.periods(journey, now_ms).values(), default=None)
            start_ms = max(start_ms, self.source.since(journey) or start_ms)
        except SourceUnavailable as error:
            note = str(error)
        step = step_ms(slowest_ms)
        return steps_within(Span(start_ms, max(start_ms, passed.end_ms)), step), step, note

    def _compare(self, span: Span, step: int, note: str) -> Comparison:
        seen: dict[str, dict[int, Counts]] = {}
        silent = None
        try:
            seen = self._seen(span, step)
            if isinstance(self.objective.sli, Success):
                silent = sum(self.source.silent(self.contract.journey, span).values())
        except SourceUnavailable as error:
            note = str(error)
        self._deaf = bool(note)
        return Comparison(
            view=self.view,
            objective=self.objective,
            window=alert_window(self.contract),
            agreement=compare(self.view, span, step, seen, self.rates.known),
            silent=silent,
            asked_ms=self.rates.asked_ms,
            note="; ".join(filter(None, (note, self.rates.note))),
        )

    def _seen(self, span: Span, step: int) -> dict[str, dict[int, Counts]]:
        """Runs by region and step, a piece at a time: meanwhile others ask the source, too."""
        piece_ms = _PIECE * step
        found: dict[str, dict[int, Counts]] = {}
        for start_ms in range(span.start_ms - span.start_ms % piece_ms, span.end_ms, piece_ms):
            piece = Span(start_ms, start_ms + piece_ms).within(span)
            for region, slices in self.source.slices(self._measure, piece, step).items():
                steps = {piece.start_ms + n * step: counts for n, counts in slices.items()}
                found.setdefault(region, {}).update(steps)
        return found


def _difference(found: Difference) -> dict[str, Any]:
    return {
        "who": str(found.accord),
        "start": iso(found.span.start_ms),
        "end": iso(found.span.end_ms),
        "failed": dict(sorted(found.failed.items())),
        "highest": exact(found.highest),
    }
