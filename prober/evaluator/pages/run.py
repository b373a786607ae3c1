"""The page about one run: what it did, how long that took, and what is known of why it failed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from prober.evaluator.pages.artefacts import Artefact, Artefacts
from prober.journal.view import View
from prober.model import Outcome, Run, RunId, Step
from prober.slo.contract import Contract


@dataclass(frozen=True, slots=True)
class Bar:
    """A step beside the others."""

    step: Step
    #: Where it begins and how long it is, of the whole, in thousandths.
    start: Fraction
    width: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """What the page shows."""

    run: Run
    #: Other attempts of the same slot.
    others: tuple[Run, ...]
    #: The counted runs before and after it, of its journey and region.
    before: RunId | None
    after: RunId | None
    #: Those about its journey.
    contracts: tuple[Contract, ...]
    artefacts: tuple[Artefact, ...]

    @property
    def bars(self) -> list[Bar]:
        """The steps along time."""
        ends = [step.offset_us + step.duration_us for step in self.run.steps]
        whole = max([1, *ends])
        return [
            Bar(
                step,
                Fraction(1000 * step.offset_us, whole),
                max(Fraction(2), Fraction(1000 * step.duration_us, whole)),
            )
            for step in self.run.steps
        ]

    @property
    def counted(self) -> str:
        """Whether it enters an SLI, in words."""
        run = self.run
        if run.outcome is Outcome.INCONCLUSIVE:
            return "It gave no verdict, so no SLO counts it."
        if run.counts:
            return "It counts."
        if run.confirms:
            return "It tried again what had failed: evidence, and never counted by itself."
        return "Somebody asked for it by hand, so no SLO counts it."


def gather(
    view: View, contracts: Iterable[Contract], artefacts: Artefacts, key: str
) -> RunPage | None:
    """What there is to show of a run; None: there is none of that key, or not any more."""
    with view.at_one_moment():
        attempts = view.attempts(key)
        found = [run for run in attempts if run.id.key == key]
        if not found:
            return None
        run = found[0]
        before, after = view.beside(run.id)
    return RunPage(
        run=run,
        others=tuple(each for each in attempts if each is not run),
        before=before,
        after=after,
        contracts=tuple(each for each in contracts if each.journey == run.id.journey),
        artefacts=tuple(artefacts.of(run.artefacts)),
    )
