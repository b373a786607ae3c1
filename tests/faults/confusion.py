"""The confusion table: the true origin of faults against what was recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from prober.model import Outcome
from tests.faults.matrix import Fault, Origin
from tests.faults.measurer import Said

OURS = "prober"
PEER = "pytest-playwright"
Runs = dict[Fault, list[Said]]


@dataclass
class Confusion:
    """What was said of each fault, by us and by the peer."""

    ours: Runs = field(default_factory=dict)
    theirs: Runs = field(default_factory=dict)

    def text(self) -> str:
        """For people: the table of each, every fault, and what must hold."""
        return "\n".join([*self._tables(), *self._faults(), *self._promises()])

    def _tables(self) -> Iterator[str]:
        for who, said in ((OURS, self.ours), (PEER, self.theirs)):
            if runs := sum(map(len, said.values())):
                yield f"{who}: {runs} runs, true origin by what was recorded"
                yield from _table(said)
                yield ""

    def _faults(self) -> Iterator[str]:
        for fault, said in self.ours.items():
            theirs = _summary(self.theirs.get(fault, ()))
            beside = f"; {PEER}: {theirs}" if theirs else ""
            yield f"{fault.origin}: {fault.name}: {_summary(said)}{beside}"
        yield ""

    def _promises(self) -> Iterator[str]:
        own = [fault for fault in self.ours if fault.origin is not Origin.TARGET]
        target = [fault for fault in self.ours if fault.origin is Origin.TARGET]
        asked = sum(len(self.ours[fault]) for fault in target)
        undecided = _count(self.ours, target, Outcome.INCONCLUSIVE)
        yield f"own faults recorded as failed: {_count(self.ours, own, Outcome.FAILED)}"
        yield f"target's faults recorded as passed: {_count(self.ours, target, Outcome.PASSED)}"
        yield f"target's faults recorded as inconclusive: {undecided} of {asked}"
        for fault in target:
            for said in self.ours[fault]:
                if said.outcome == Outcome.INCONCLUSIVE:
                    yield f"  {fault.name}: {said.cause}: {said.message}"
        if runs := sum(len(self.theirs.get(fault, ())) for fault in own):
            failed = _count(self.theirs, own, Outcome.FAILED)
            yield f"own faults that {PEER} calls failed: {failed} of {runs}"


def _table(said: Runs) -> Iterator[str]:
    rows = {origin: Counter[str]() for origin in Origin}
    for fault, runs in said.items():
        rows[fault.origin].update(map(_name, runs))
    names = sorted({name for counts in rows.values() for name in counts})
    width = max(map(len, names)) + 2
    yield " " * width + "".join(f"{origin:>9}" for origin in rows)
    for name in names:
        yield f"{name:{width}}" + "".join(f"{rows[o][name] or '·':>9}" for o in rows)


def _summary(said: Iterable[Said]) -> str:
    counts = Counter(map(_name, said))
    return ", ".join(f"{name} {number}" for name, number in counts.most_common())


def _name(said: Said) -> str:
    return f"{said.outcome} ({said.cause})" if said.cause else said.outcome


def _count(said: Runs, faults: Iterable[Fault], outcome: str) -> int:
    return sum(each.outcome == outcome for fault in faults for each in said.get(fault, ()))
