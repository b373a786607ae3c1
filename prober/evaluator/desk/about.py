"""What owners ask about: objectives over windows, with all that is needed to answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from prober.document import Strict, Text, did_you_mean
from prober.errors import ProberError
from prober.evaluator.desk.desk import AS_OF, Answer, Desk
from prober.evaluator.judging.counting import Counting
from prober.evaluator.judging.evaluate import evaluate
from prober.evaluator.judging.history import History, history
from prober.evaluator.judging.result import Result
from prober.evaluator.judging.wording import length
from prober.evaluator.sources.once import Once
from prober.evaluator.sources.source import Measure
from prober.journal.tally import rules_of
from prober.lazy import lazy
from prober.slo.contract import Contract, Objective
from prober.slo.moment import iso
from prober.slo.sight import Sight, sight
from prober.slo.window import Window

#: What `tell` says, see `Verb.says`.
TOLD: Final = {**AS_OF, "slos": "array"}


class AboutRequest(Strict):
    """What is meant; without names, everything there is."""

    slo: Text | None = None
    objective: Text | None = None
    window: Text | None = None


@dataclass(frozen=True)
class About:
    """One objective over one window, at a moment."""

    objective: Objective
    window: Window
    counting: Counting
    as_of_ms: int

    @property
    def contract(self) -> Contract:
        """Whose it is."""
        return self.counting.contract

    @property
    def periods(self) -> Mapping[str, int]:
        """By region, from slot to slot, in ms."""
        return self.counting.source.periods(self.contract.journey, self.as_of_ms)

    @lazy
    def result(self) -> Result:
        """How it stands."""
        alone = replace(self.contract, objectives=(self.objective,), windows=(self.window,))
        source, exclusions = self.counting.source, self.counting.exclusions
        (result,) = evaluate(alone, source, self.as_of_ms, exclusions=exclusions).results
        return result

    @lazy
    def history(self) -> History:
        """How it stood."""
        return history(self.counting, self.objective, self.window, self.as_of_ms)

    def sight(self, objective: Objective | None = None) -> Sight:
        """What its schedule can see of it, or of what might be there instead."""
        return sight(self.contract, objective or self.objective, self.window, self.periods)


def tell(desk: Desk, asked: AboutRequest, answer: Callable[[About], Answer]) -> Answer:
    """An answer for every objective over every window that is meant.

    Raises:
        ProberError: there is nothing of that name, or a source cannot answer.
    """
    as_of_ms = desk.clock()
    with desk.source.at_one_moment():
        slos = [slo for slo in _slos(desk, asked, as_of_ms, answer) if slo["results"]]
    if not slos:
        raise ProberError(_unknown(desk, asked))
    return {"as_of": iso(as_of_ms), "as_of_ms": as_of_ms, "slos": slos}


def abouts(desk: Desk, contract: Contract, once: Once, as_of_ms: int) -> Iterator[About]:
    """Every objective of a contract over every window, as `Evaluation.results` are ordered."""
    exclusions = tuple(each for each in desk.exclusions() if each.concerns(contract.journey))
    for objective, rule in zip(contract.objectives, rules_of([contract]), strict=True):
        counting = Counting(contract, Measure(rule, contract.data.retry), once, exclusions)
        for window in contract.windows:
            yield About(objective, window, counting, as_of_ms)


def _slos(
    desk: Desk, asked: AboutRequest, as_of_ms: int, answer: Callable[[About], Answer]
) -> Iterator[Answer]:
    once = Once(desk.source)
    for contract in [desk.contract(asked.slo)] if asked.slo else desk.contracts:
        yield {
            "name": contract.name,
            "display_name": contract.display_name,
            "journey": contract.journey,
            "regions": dict(once.periods(contract.journey, as_of_ms)),
            "results": [
                {
                    "objective": about.objective.name,
                    "window": {"name": about.window.name, "label": length(about.window)},
                    **answer(about),
                }
                for about in abouts(desk, contract, once, as_of_ms)
                if asked.objective in (None, about.objective.name)
                if asked.window in (None, about.window.name)
            ],
        }


def _unknown(desk: Desk, asked: AboutRequest) -> str:
    """Which of the names is not known."""
    contracts = [each for each in desk.contracts if asked.slo in (None, each.name)]
    objectives = sorted({objective.name for each in contracts for objective in each.objectives})
    if asked.objective and asked.objective not in objectives:
        mend = did_you_mean(asked.objective, objectives)
        return f"there is no objective {asked.objective!r}, {mend}"
    windows = sorted({window.name for each in contracts for window in each.windows})
    name = asked.window or ""
    return f"there is no window {name!r}, {did_you_mean(name, windows)}"
