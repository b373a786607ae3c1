"""A run for people, as it happens: a line a step, then what came of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.status import Status
from rich.text import Text

from prober.journey import Journey
from prober.model import Outcome, Run

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
        self._held: tuple[str, int, Outcome] | None = None
        self._console.print(Text.assemble((journey.name, "bold"), f"  {region}"))

    def event(self, event: dict[str, Any]) -> None:
        """What the supervisor hears from the worker."""
        if event["at"] == "step":
            self._spin(event["name"])
        elif event["at"] == "stepped":
            self._rest()
            self._held = event["name"], event["duration_us"], Outcome(event["outcome"])
            if self._held[2] is Outcome.PASSED:
                self._release()

    def end(self, run: Run, evidence: Path) -> None:
        """The verdict, and for a run that did not pass what is known about it."""
        self._rest()
        if run.steps and run.steps[-1].outcome is not Outcome.PASSED:
            last = run.steps[-1]
            self._held = last.name, last.duration_us, last.outcome
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
            self._line(*self._held)
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

    def _line(self, name: str, duration_us: int, outcome: Outcome) -> None:
        mark, colour = MARKS[outcome]
        took = f"{duration_us / 1e6:8.3f} s"
        self._console.print(Text.assemble("  ", (mark, colour), f" {name:<32}", (took, "dim")))


def _seconds(run: Run) -> str:
    return f"{run.duration_us / 1e6:.3f} s"


def _details(run: Run, evidence: Path) -> list[str]:
    files = [f"evidence: {evidence / name}" for name in run.artefacts]
    named = [f"{name}: {'held' if held else 'did not hold'}" for name, held in run.held.items()]
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
