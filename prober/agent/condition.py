"""How an agent is: what keeps it from being ready, and what else a person should know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any, Final

from prober.agent.control import OFFSET_S, Look
from prober.telemetry.deliver import Health
from prober.units import MINUTE_MS, span

#: Due slots in a row without a run.
UNCOVERED: Final = 3
#: Runs in a row that were set aside.
SATURATED: Final = 3
#: A destination is late when its oldest record is older than this and than three intervals.
LATE_MS: Final = MINUTE_MS
#: Backends refuse what comes from further ahead than minutes.
SKEW_MS: Final = MINUTE_MS
#: What does not make an agent unready: the old files work, a journal is there, and runs that
#: meet a dead network, a busy machine or a clock that is a little off are recorded as such. What
#: lies at the target is for people to take away.
_TOLD_ONLY: Final = frozenset(
    {"reload", "set_aside", "egress", "clock_offset", "saturation", "evidence", "orphans"}
)
#: Lines about orphans; how many there are, is told all the same.
_FEW: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What was found, part by part."""

    #: Whether slots are being run: it has started, and does not end.
    running: bool
    unwritten: int
    set_aside: Path | None
    skew_ms: int
    #: The last look at its own network, None before the first.
    look: Look | None
    #: Slots in a row that were not completed, by journey.
    uncovered: Mapping[str, int]
    #: Runs in a row that a busy machine falsified, by journey.
    saturated: Mapping[str, int]
    deliveries: Iterable[Health]
    metrics_interval_ms: int
    #: Why the files as they are now are not in force.
    refused: tuple[str, ...]
    #: Why evidence cannot be copied now; empty when it can.
    uncopied: str
    #: What runs left at the target and could not take back, a line each.
    orphans: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether slots are run, kept and reported."""
        return not self.troubles.keys() - _TOLD_ONLY

    @property
    def troubles(self) -> dict[str, list[str]]:
        """What is wrong, by part; parts that are well are left out."""
        found = {
            "agent": [] if self.running else ["no slot is run: it begins, or it ends"],
            "journal": list(self._unwritten()),
            "set_aside": [f"damaged, now {self.set_aside}"] if self.set_aside else [],
            "coverage": list(self._uncovered()),
            "saturation": list(self._saturated()),
            "export": list(self._late()),
            "clock": [*self._skewed(), *self._off(SKEW_MS / 1000, inf)],
            "clock_offset": list(self._off(OFFSET_S, SKEW_MS / 1000)),
            "egress": [self.look.trouble] if self.look and self.look.trouble else [],
            "reload": list(self.refused),
            "evidence": [self.uncopied] if self.uncopied else [],
            "orphans": list(self.orphans[:_FEW]),
        }
        return {part: lines for part, lines in found.items() if lines}

    def _unwritten(self) -> Iterator[str]:
        if self.unwritten:
            yield f"{self.unwritten} records wait for the disk"

    def _uncovered(self) -> Iterator[str]:
        for journey, slots in sorted(self.uncovered.items()):
            if slots >= UNCOVERED:
                yield f"{journey}: its last {slots} slots were not completed"

    def _saturated(self) -> Iterator[str]:
        for journey, runs in sorted(self.saturated.items()):
            if runs >= SATURATED:
                yield f"{journey}: its last {runs} runs were set aside, this machine is too busy"

    def _late(self) -> Iterator[str]:
        limit_s = max(LATE_MS, 3 * self.metrics_interval_ms) / 1000
        for each in self.deliveries:
            if each.age_s > limit_s:
                error = f": {each.last_error}" if each.last_error else ""
                age = span(round(each.age_s * 1000))
                yield f"{each.signal} to {each.destination}: {age} behind{error}"

    def _skewed(self) -> Iterator[str]:
        if self.skew_ms > SKEW_MS:
            yield f"slots are {span(self.skew_ms)} ahead of the wall clock"

    def _off(self, above_s: float, to_s: float) -> Iterator[str]:
        ahead_s = self.offset_s
        if ahead_s is not None and above_s < abs(ahead_s) <= to_s:
            which = "ahead of" if ahead_s > 0 else "behind"
            yield f"this machine's clock is {span(abs(ahead_s) * 1000)} {which} its references"

    @property
    def offset_s(self) -> int | None:
        """By how much this machine's clock is ahead of its references'."""
        return self.look.ahead_s if self.look else None


def shown(condition: Condition, **more: Any) -> dict[str, Any]:
    """What `/readyz` shows; more of it beside."""
    return {
        "ready": condition.ready,
        "troubles": condition.troubles,
        "unwritten": condition.unwritten,
        "journal_set_aside": str(condition.set_aside) if condition.set_aside else None,
        "clock_skew_ms": condition.skew_ms,
        "clock_offset_s": condition.offset_s,
        "orphans": len(condition.orphans),
        **more,
    }
