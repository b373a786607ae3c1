"""A run for people, as it happens: a line a step, then what came of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.status import Status
from rich.text import Text

from prober.journey import Journey
from prober.model import Exchange, Outcome, Run, Step
from prober.units import weight

MARKS = {
    Outcome.PASSED: ("✓", "green"),
    Outcome.FAILED: ("✗", "red"),
    Outcome.INCONCLUSIVE: ("?", "yellow"),
}


class Show:
    """Prints the steps of one run."""

    def __init__(self, journey: Journey, region: str, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._spinner: Status | None = None
        #: A step that did not pass: what became of it, the verdict says.
        self._held: Step | None = None
        self._console.print(Text.assemble((journey.name, "bold"), f"  {region}"))

    def event(self, event: dict[str, Any]) -> None:
        """What the supervisor hears from the worker."""
        if event["at"] == "step":
            self._spin(event["name"])
        elif event["at"] == "stepped":
            self._rest()
            self._held = Step(
                name=event["name"],
                offset_us=event["offset_us"],
                duration_us=event["duration_us"],
                outcome=Outcome(event["outcome"]),
                network=event["network"],
            )
            if self._held.outcome is Outcome.PASSED:
                self._release()

    def end(self, run: Run, evidence: Path) -> None:
        """The verdict, and for a run that did not pass what is known about it."""
        self._rest()
        if run.steps and run.steps[-1].outcome is not Outcome.PASSED:
            self._held = run.steps[-1]
        self._release()
        _, colour = MARKS[run.outcome]
        why = f" ({run.cause})" if run.cause else ""
        self._console.print(
            Text.assemble((f"{run.outcome}{why}", f"bold {colour}"), f" in {_seconds(run)}")
        )
        for line in _details(run, evidence):
            self._console.print(Text(f"  {line}"), soft_wrap=True)

    def _release(self) -> None:
        if self._held:
            self._line(self._held)
        self._held = None

    def _spin(self, name: str) -> None:
        self._release()
        if self._console.is_terminal and not os.environ.get("CI"):
            self._spinner = self._console.status(Text(name))
            self._spinner.start()

    def _rest(self) -> None:
        if self._spinner:
            self._spinner.stop()
            self._spinner = None

    def _line(self, step: Step) -> None:
        mark, colour = MARKS[step.outcome]
        took = f"{step.duration_us / 1e6:8.3f} s{_network(step)}"
        line = Text.assemble("  ", (mark, colour), f" {step.name:<32}", (took, "dim"))
        self._console.print(line, soft_wrap=True)


def _network(step: Step) -> str:
    """What the requests of an HTTP journey's step spent their time on, in ms."""
    parts = [f"{part} {step.network[part] / 1e3:.0f}" for part in Exchange if part in step.network]
    return f"  ({', '.join(parts)} ms)" if parts else ""


def _weight(run: Run) -> list[str]:
    """What came for each step of which that is known: when its line was printed it was not."""
    told = [f"{step.name} {weight(step.weight)}" for step in run.steps if step.weight]
    return [f"weight: {' · '.join(told)}"] if told else []


def _seconds(run: Run) -> str:
    return f"{run.duration_us / 1e6:.3f} s"


def _details(run: Run, evidence: Path) -> list[str]:
    files = [f"evidence: {evidence / name}" for name in run.artefacts]
    named = [f"{name}: {'held' if held else 'did not hold'}" for name, held in run.held.items()]
    named = _weight(run) + named
    if run.outcome is Outcome.PASSED:
        requests = sum(run.responses.values())
        return [f"{run.assertions} assertions, {requests} first-party requests", *named, *files]
    lines = [f"step: {run.step}"] if run.step else []
    lines += [run.message] if run.message else []
    lines += named
    if run.silent:
        lines.append("silent: the browser saw no first-party 5xx")
    lines += [f"{kind}: {line}" for kind, kept in run.evidence.items() for line in kept[:5]]
    return lines + files
