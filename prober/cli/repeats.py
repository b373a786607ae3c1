"""Runs of one journey, one after the other: whether it can be trusted, and where its time goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from prober.evaluator.judging.latencies import Durations, durations, label
from prober.model import Cause, Outcome, Run
from prober.slo.confidence import wilson

#: What is told of times: half, and 95 of 100, took at most.
RANKS: Final = (Fraction(50, 100), Fraction(95, 100), Fraction(1))
_BARS: Final = " ▁▂▃▄▅▆▇█"
#: So many runs are drawn; of more, the slowest of each neighbourhood.
_WIDTH: Final = 40
#: So many of the runs that ended alike are named.
_NAMED: Final = 8
#: Fewer runs give no reason to wonder about a step.
_ENOUGH: Final = 5
#: A step is slow that takes two thirds of its journey, and longer than this.
_SLOW_US: Final = 1_000_000
#: A step is uneven that sometimes takes twice as long, and by this much longer.
_UNEVEN_US: Final = 200_000
#: Times that differ by less, in a slow step, are not the times of a target.
_FIXED: Final = Fraction(2, 100)
#: Of the journey's limit.
_NEAR: Final = Fraction(80, 100)


class Standing(StrEnum):
    """What repeating a journey said about it."""

    STEADY = "steady"  #: every verdict was `passed`
    FLAKY = "flaky"  #: nothing changed, and the verdicts differ
    FAILING = "failing"  #: every verdict was `failed`
    UNKNOWN = "unknown"  #: there was no verdict


_COLOURS: Final = {
    Standing.STEADY: "green", Standing.FLAKY: "red", Standing.FAILING: "red",
    Standing.UNKNOWN: "yellow",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Repeats:
    """What several runs say together."""

    runs: Sequence[Run]
    #: How long one may take.
    timeout_ms: int
    #: What pages offer instead of weak locators; None: nobody asked.
    locators: Sequence[Mapping[str, Any]] | None = None

    @property
    def count(self) -> Counter[Outcome]:
        """How many there were of each outcome."""
        return Counter(run.outcome for run in self.runs)

    @property
    def standing(self) -> Standing:
        """Whether the verdicts agree."""
        passed, failed = self.count[Outcome.PASSED], self.count[Outcome.FAILED]
        if passed and failed:
            return Standing.FLAKY
        if failed:
            return Standing.FAILING
        return Standing.STEADY if passed else Standing.UNKNOWN

    @property
    def failures(self) -> dict[tuple[str, str], list[int]]:
        """Which runs, from 1, did not pass, by step and cause."""
        found: dict[tuple[str, str], list[int]] = {}
        for number, run in enumerate(self.runs, 1):
            if run.cause and run.cause is not Cause.CANCELLED:
                where = run.step or "outside of any step", str(run.cause)
                found.setdefault(where, []).append(number)
        return found

    def hints(self) -> Iterator[str]:
        """What of its times deserves a look, in sentences."""
        found = list(durations(self.runs))
        if not found or len(found[-1].ranked.times_us) < _ENOUGH:
            return
        *steps, whole = found
        for each in steps:
            yield from _step_hints(each, whole)
        share = Fraction(whole.ranked.at(Fraction(1)), self.timeout_ms * 1000)
        if share > _NEAR:
            yield f"the slowest took {_percent(share)} of the timeout: a little more is a failure"

    def to_dict(self) -> dict[str, Any]:
        """As `--json` has it; docs/authors.md describes it."""
        valid = self.count[Outcome.PASSED] + self.count[Outcome.FAILED]
        return {
            "standing": self.standing,
            **{str(outcome): self.count[outcome] for outcome in Outcome},
            "passed_share_95": [
                round(edge, 6) for edge in wilson(self.count[Outcome.FAILED], valid)
            ],
            "failures": [
                {"step": step, "cause": cause, "runs": numbers}
                for (step, cause), numbers in self.failures.items()
            ],
            "durations": [
                {
                    "step": each.step,
                    "runs": len(each.ranked.times_us),
                    **{f"{_name(rank)}_us": each.ranked.at(rank) for rank in RANKS},
                }
                for each in durations(self.runs)
            ],
            "hints": list(self.hints()),
            "locators": None if self.locators is None else list(self.locators),
        }

    def show(self, console: Console) -> None:
        """For people: the verdict on the journey, its failures, its times and what to look at."""
        counted = ", ".join(f"{self.count[outcome]} {outcome}" for outcome in Outcome)
        console.print(f"\n{len(self.runs)} runs: {counted}")
        console.print(Text(self._verdict(), f"bold {_COLOURS[self.standing]}"))
        for (step, cause), numbers in self.failures.items():
            which = ", ".join(map(str, numbers[:_NAMED])) + (", …" if numbers[_NAMED:] else "")
            console.print(Text(f"  {len(numbers)} × {step}: {cause} (run {which})"), soft_wrap=True)
        if any(durations(self.runs)):
            console.print(self._table())
        for hint in self.hints():
            console.print(Text(f"  {hint}", "yellow"), soft_wrap=True)

    def _verdict(self) -> str:
        passed, failed = self.count[Outcome.PASSED], self.count[Outcome.FAILED]
        low, high = wilson(failed, passed + failed)
        between = f"between {low:.1%} and {high:.1%} pass (95% confidence)"
        return {
            Standing.STEADY: f"steady: {passed} of {passed} verdicts passed, {between}",
            Standing.FLAKY: f"flaky: {failed} of {passed + failed} verdicts failed with nothing "
            f"changed, {between}",
            Standing.FAILING: f"failing: {failed} of {failed} verdicts failed",
            Standing.UNKNOWN: "no verdict: nothing is known of this journey",
        }[self.standing]

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        table.add_column("  step")
        for rank in RANKS:
            table.add_column(_name(rank), justify="right")
        table.add_column("run by run", no_wrap=True)
        drawn = self._in_order()
        for each in durations(self.runs):
            times = [f"{each.ranked.at(rank) / 1e6:.3f} s" for rank in RANKS]
            name = Text(f"  {each.step or 'whole run'}", "" if each.step else "bold")
            table.add_row(name, *times, spark(drawn[each.step]))
        return table

    def _in_order(self) -> Mapping[str | None, list[int]]:
        """Times in µs as they came, by step; None: the whole run. Of runs that passed."""
        found: dict[str | None, list[int]] = {None: []}
        for run in self.runs:
            if run.outcome is Outcome.PASSED:
                found[None].append(run.duration_us)
                for step in run.steps:
                    found.setdefault(step.name, []).append(step.duration_us)
        return found


def spark(times_us: Sequence[int]) -> str:
    """Times as bars from nothing to the longest of them.

    >>> spark([1, 2, 4, 8])
    '▁▂▄█'
    """
    each = -(-len(times_us) // _WIDTH) or 1
    kept = [max(times_us[at : at + each]) for at in range(0, len(times_us), each)]
    most = max(kept, default=0) or 1
    return "".join(_BARS[-(-took * (len(_BARS) - 1) // most)] for took in kept)


def _step_hints(each: Durations, whole: Durations) -> Iterator[str]:
    half, most, longest = (each.ranked.at(rank) for rank in RANKS)
    share = Fraction(half, max(1, whole.ranked.at(RANKS[0])))
    if half > _SLOW_US and longest - each.ranked.times_us[0] < _FIXED * half:
        yield (
            f"{each.step}: {half / 1e6:.3f} s every time, as a timer takes: "
            "look for a sleep here, or for one in the page"
        )
    elif half > _SLOW_US and 3 * share > 2:
        yield (
            f"{each.step}: {_percent(share)} of the time: "
            "--trace shows what it waits for; two steps would tell which part"
        )
    if most > 2 * half and most - half > _UNEVEN_US:
        yield (
            f"{each.step}: uneven, one in twenty takes {most / half:.1f} times as long as half of "
            "them: compare traces of a slow and a quick run"
        )


def _name(rank: Fraction) -> str:
    return "max" if rank == 1 else label(rank)


def _percent(share: Fraction) -> str:
    return f"{float(share):.0%}"
