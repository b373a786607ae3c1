"""What became of each mutation, for people and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rich.console import Console
from rich.text import Text

from prober.agent.mutation import Mutation
from prober.cli.show import MARKS
from prober.model import Cause, Outcome, Run


class Standing(StrEnum):
    """What became of a mutation."""

    NOTICED = "noticed"  #: the run failed
    UNNOTICED = "unnoticed"  #: it passed, or the script broke and gave no verdict
    INCONCLUSIVE = "inconclusive"  #: nothing can be said


_MARKS = {
    Standing.NOTICED: MARKS[Outcome.PASSED],
    Standing.UNNOTICED: MARKS[Outcome.FAILED],
    Standing.INCONCLUSIVE: MARKS[Outcome.INCONCLUSIVE],
}
#: For a whole, the gravest first.
GRAVITY = (Standing.UNNOTICED, Standing.INCONCLUSIVE, Standing.NOTICED)


@dataclass(frozen=True, slots=True)
class Trial:
    """A mutation, and the run that met it."""

    mutation: Mutation
    standing: Standing
    run: Run
    #: What the run came to, in a few words.
    why: str


def judge(mutation: Mutation, run: Run, *, struck: bool) -> Trial:
    """What a run says about a mutation that it met, or did not meet.

    A script that broke is a journey that does not notice: such a run is inconclusive, so no
    SLI would ever hear of what the target did.
    """
    if run.outcome is not Outcome.INCONCLUSIVE and not struck:
        happened = "passed" if run.outcome is Outcome.PASSED else f"failed ({run.cause})"
        return Trial(mutation, Standing.INCONCLUSIVE, run, f"{happened} without meeting it")
    if run.outcome is Outcome.FAILED:
        return Trial(mutation, Standing.NOTICED, run, str(run.cause))
    if run.outcome is Outcome.PASSED:
        return Trial(mutation, Standing.UNNOTICED, run, "passed")
    if run.cause is Cause.SCRIPT and struck:
        return Trial(mutation, Standing.UNNOTICED, run, f"no verdict: {run.message}")
    return Trial(mutation, Standing.INCONCLUSIVE, run, f"{run.cause}: {run.message}")


def whole(trials: Iterable[Trial]) -> Standing:
    """The gravest of all; nothing can be said of none."""
    found = [trial.standing for trial in trials]
    return min(found, key=GRAVITY.index, default=Standing.INCONCLUSIVE)


def line(trial: Trial, redacted: Callable[[str], str]) -> Text:
    """One trial, when it is over."""
    mark, colour = _MARKS[trial.standing]
    name = redacted(trial.mutation.name)
    return Text.assemble("  ", (mark, colour), f" {name:<66} ", (redacted(trial.why), "dim"))


def conclude(trials: Sequence[Trial], console: Console, redacted: Callable[[str], str]) -> None:
    """The count, and what was not noticed under the assertion that would notice it."""
    noticed = sum(trial.standing is Standing.NOTICED for trial in trials)
    standing = whole(trials)
    _, colour = _MARKS[standing]
    count = f"{noticed} of {len(trials)} noticed"
    console.print(Text(f"\n{count}", f"bold {colour}"))
    missing: dict[str, dict[str, list[Trial]]] = {}
    for trial in trials:
        if trial.standing is Standing.UNNOTICED:
            step = missing.setdefault(trial.mutation.step or "before the first step", {})
            step.setdefault(trial.mutation.mend, []).append(trial)
    if missing:
        console.print("\nnot noticed, and at the end of which step an assertion would:")
    for name, mends in missing.items():
        console.print(Text.assemble("  ", (name, "bold")))
        for mend, those in mends.items():
            console.print(Text(f"    {redacted(mend)}", "green"), soft_wrap=True)
            for trial in those:
                why = f"      {trial.mutation.name}: {trial.why}"
                console.print(Text(redacted(why), "dim"), soft_wrap=True)


def plain(trial: Trial, redacted: Callable[[str], str]) -> Mapping[str, Any]:
    """A trial as JSON has it; docs/authors.md describes it."""
    mutation = trial.mutation
    found = {"name": mutation.name, "kind": mutation.kind, "step": mutation.step}
    found |= {"standing": trial.standing, "why": trial.why, "assertion": mutation.mend}
    clean = {key: redacted(value) if value else value for key, value in found.items()}
    return clean | {"cause": trial.run.cause}
