"""Where counts come from: the narrow door between the arithmetic and whatever holds runs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

from prober.journal.tally import Rule
from prober.model import Run
from prober.slo.attribution import Failure
from prober.slo.budget import Counts
from prober.slo.contract import Retry
from prober.slo.regime import Change
from prober.slo.window import Span


@dataclass(frozen=True, slots=True)
class Measure:
    """Which runs are good for an objective, which attempt counts, and what was known when."""

    rule: Rule
    retry: Retry = Retry.FIRST
    #: Only what had arrived by then; None: everything that is known now.
    known_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What arrived and was not counted, and why."""

    #: The same record again.
    duplicates: int = 0
    #: Another record of a run that is known; the worse outcome is believed.
    conflicts: int = 0
    #: Slot at or after the moment of judgement, within the tolerated skew.
    pending: int = 0
    #: Further ahead than any clock should be.
    quarantined: int = 0
    #: Slot before the window.
    out_of_window: int = 0
    #: Arrived after `known_ms`.
    unknown_yet: int = 0
    #: Asked for by hand or a pipeline.
    non_scheduled: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """What a region did not find out, and why."""

    #: Runs without a verdict, by cause.
    unclear: Mapping[str, int] = field(default_factory=dict)
    #: Due slots without a run, by state, and by reason where that is known.
    unfinished: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Confirmations:
    """Second attempts of slots whose first failed, by outcome."""

    passed: int = 0
    failed: int = 0
    inconclusive: int = 0

    def __add__(self, other: Confirmations) -> Confirmations:
        return Confirmations(
            self.passed + other.passed,
            self.failed + other.failed,
            self.inconclusive + other.inconclusive,
        )

    @property
    def flake_ratio(self) -> Fraction | None:
        """The share that passed, of those with a verdict; None: there are none.

        >>> Confirmations(passed=1, failed=3, inconclusive=2).flake_ratio
        Fraction(1, 4)
        """
        verdicts = self.passed + self.failed
        return Fraction(self.passed, verdicts) if verdicts else None


class Source(Protocol):
    """What judging asks for. Every answer is by region; spans are half-open, [start, end).

    A source that cannot answer raises `SourceUnavailable` with the reason; it never answers 0
    for what it does not know.
    """

    def counts(self, measure: Measure, span: Span, due: bool = True) -> Mapping[str, Counts]:
        """Good, bad and invalid runs of an objective, and the slots that were due.

        Args:
            measure: which runs, and which of them are good.
            span: their slots.
            due: without it the slots that were due are left at 0.
        """

    def slices(
        self, measure: Measure, span: Span, slice_ms: int
    ) -> Mapping[str, dict[int, Counts]]:
        """The same for each slice of a span, by its number from the start; silent ones left out.

        `due` is left at 0.
        """

    def planned(self, journey: str, span: Span) -> Mapping[str, int]:
        """Slots that the schedules plan for a span, those before the first and to come too.

        A part of a period is planned as a slot, wherever the span begins.
        """

    def slots(self, journey: str, span: Span) -> Mapping[str, int]:
        """Those that lie in a part of it: none may."""

    def periods(self, journey: str, end_ms: int) -> Mapping[str, int]:
        """Milliseconds from slot to slot, of the schedules in force."""

    def since(self, journey: str) -> int | None:
        """When the first schedule began, in ms; None before there is one."""

    def silent(self, journey: str, span: Span) -> Mapping[str, int]:
        """Runs that failed while the browser saw no first-party 5xx."""

    def lost(self, journey: str, span: Span) -> Mapping[str, Lost]:
        """Runs without a verdict and slots without a run; the reasons behind `counts`."""

    def confirmations(self, journey: str, span: Span) -> Mapping[str, Confirmations]:
        """What became of failures that were tried again; regions that cannot tell are left out."""

    def changes(self, journey: str, span: Span) -> tuple[Change, ...]:
        """When what measured changed, oldest first; empty where only counts are kept."""

    def newest(self, journey: str, end_ms: int) -> Mapping[str, int | None]:
        """The newest slot whose run gave a verdict."""

    def recent(self, journey: str, end_ms: int, limit: int) -> Mapping[str, tuple[Run, ...]]:
        """The last counted runs, newest first; empty where only counts are kept."""

    def bad_runs(self, measure: Measure, span: Span) -> tuple[Run, ...]:
        """The runs that `counts` calls bad, oldest first; empty where only counts are kept."""

    def failures(self, measure: Measure, span: Span) -> tuple[Failure, ...]:
        """The same runs as what spends a budget, for whoever counts them: quick when many."""

    def read_ahead(self, measure: Measure, span: Span) -> None:
        """Have ready what `failures` needs; nobody else waits for long meanwhile."""

    def received(self, measure: Measure, span: Span, skew_ms: int) -> Received | None:
        """What arrived and was not counted; None where only counts are kept."""

    def known_by(self, known_ms: int) -> Source:
        """The same, with the schedules and the newest verdicts that had arrived by a moment."""

    def at_one_moment(self) -> AbstractContextManager[None]:
        """Answer several questions from the same state of things."""
