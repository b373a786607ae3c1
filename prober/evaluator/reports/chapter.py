"""A chapter of a report: one contract, at the moment of the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from prober.errors import SourceUnavailable
from prober.evaluator.audit import Entry, Kind
from prober.evaluator.desk.desk import Desk
from prober.evaluator.desk.misses import Recorded, recorded
from prober.evaluator.desk.ownership import owners_of
from prober.evaluator.desk.reviews import due_of
from prober.evaluator.desk.subject import Subject, subjects, zone_of
from prober.evaluator.judging.losses import Losses
from prober.evaluator.judging.result import Evaluation
from prober.evaluator.reports.episodes import divisions, incidents, spent
from prober.evaluator.sources.once import Once
from prober.lazy import lazy
from prober.slo.attribution import Deploy
from prober.slo.contract import Contract
from prober.slo.signoff import standing
from prober.slo.state import State
from prober.slo.window import Span

Plain = dict[str, Any]


@dataclass(frozen=True)
class Chapter:
    """One contract."""

    #: Its clock stands at the moment of the report.
    desk: Desk
    contract: Contract
    once: Once

    @property
    def as_of_ms(self) -> int:
        """The moment of the report."""
        return self.desk.clock()

    @property
    def name(self) -> str:
        """The contract's."""
        return self.contract.name

    @property
    def zone(self) -> str:
        """Whose days it is about."""
        return zone_of(self.contract)

    @lazy
    def subjects(self) -> tuple[Subject, ...]:
        """Its objectives."""
        return subjects(self.desk, self.contract, self.once, self.as_of_ms)

    @lazy
    def evaluation(self) -> Evaluation:
        """How it stands."""
        concerned = (
            each for each in self.desk.exclusions() if each.concerns(self.contract.journey)
        )
        return Evaluation(
            contract=self.contract,
            as_of_ms=self.as_of_ms,
            known_ms=None,
            exclusions=tuple(concerned),
            results=tuple(about.result for each in self.subjects for about in each.abouts),
        )

    @lazy
    def deploys(self) -> tuple[Deploy, ...]:
        """What went out that may have changed its journey, as far as it was noted then."""
        return self.desk.deploys(self.contract.journey, self.as_of_ms)

    @lazy
    def states(self) -> tuple[Entry, ...]:
        """Every state that one of its budgets entered, oldest first."""
        entries = self.desk.audit.entries(Kind.STATE, known_ms=self.as_of_ms)
        return tuple(entry for entry in entries if entry.body["slo"] == self.name)

    def head(self) -> Plain:
        """What every report says of it."""
        contract, found = self.contract, self.evaluation
        return {
            "name": self.name,
            "display_name": contract.display_name,
            "journey": contract.journey,
            "owners": owners_of(contract),
            "state": str(found.state),
            "draft": not standing(contract, self.as_of_ms).in_force,
            "actions": list(found.actions),
        }

    def happened(self, subject: Subject, span: Span) -> Plain:
        """What spent the budget of an objective in a period, and its incidents.

        `review` says of an incident that it came while the budget was spent already, so that the
        policy asks for a review of it; `note` says why the source knows nothing of all that.
        """
        told: Plain = {"spent": None, "incidents": [], "note": ""}
        try:
            found = spent(subject.over(span), self.deploys)
            if found is None:
                return told
            budget = subject.budget(span)
            every = incidents(subject, span, found, self.deploys)
        except SourceUnavailable as error:
            return {**told, "note": str(error)}
        for each in every:
            each["review"] = self._spent_at(subject, each["start_ms"])
        return {**told, "spent": divisions(found, budget), "incidents": every}

    def own(self, span: Span) -> Plain:
        """What the prober itself did not see in a period, and why."""
        counting = self.subjects[0].counting
        try:
            regions = self.once.counts(counting.measure, span)
            lost = self.once.lost(self.contract.journey, span)
        except SourceUnavailable as error:
            return {**Losses(span=span, regions={}, lost={}).to_dict(), "note": str(error)}
        return {**Losses(span=span, regions=regions, lost=lost).to_dict(), "note": ""}

    def reviews(self) -> list[Plain]:
        """Those that it has to hold."""
        return due_of(self.desk, self.evaluation)

    def misses(self) -> list[Recorded]:
        """Its misses, oldest first."""
        return recorded(self.desk, [self.contract], self.as_of_ms)

    def _spent_at(self, subject: Subject, time_ms: int) -> bool:
        """Whether the budget that alerts guard was told to be spent at a moment."""
        name = (subject.objective.name, subject.guarded.window.name)
        told = [
            entry.body["to"]
            for entry in self.states
            if entry.at_ms <= time_ms and (entry.body["objective"], entry.body["window"]) == name
        ]
        return told[-1:] == [str(State.EXHAUSTED)]
