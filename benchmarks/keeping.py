"""A pool that makes the same run with less and with more evidence."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path

from benchmarks import processes
from benchmarks.region import NAME as REGION
from benchmarks.terms import JOURNEYS, Made, Terms, order_of, pool_of
from prober.agent.copies import Copies
from prober.agent.pool import Pool
from prober.config import load_region
from prober.discovery import describe
from prober.journal.journal import Journal
from prober.journey import Journey
from prober.model import Outcome, Phase, Run

#: What no picture may show: an element of every page, and the orders' own.
_MASK = ("header", "main li", "output")
#: It does not hold, and says so at once.
_FAILS = """
    with step("count"):
        assert page.get_by_text("Thank you").count() == 2, "there is one"
"""


class Keeping:
    """A pool, and what an agent keeps evidence with."""

    def __init__(self, terms: Terms, home: Path) -> None:
        """Nothing is started yet.

        Args:
            terms: the `variants` among their options have, by name, what `_run` is to do.
            home: for its files.
        """
        self._variants = dict(terms.options["variants"])
        copies = f"artefacts: {{copy_to: 'file://{home}/copies'}}\n"
        settings, self._passes = pool_of(terms, home, copies)
        self._fails = _failing(home / "fails")
        self._evidence = settings.around.evidence
        self.pool = Pool(settings)
        self.journal = Journal.open(home / "journal.db")
        region = load_region(home / "regions" / f"{REGION}.yaml", {})
        self._copies = Copies(self.journal, lambda: region)
        self._newest: Run | None = None

    async def make(self) -> Made:
        """A run of every variant, one after the other."""
        start, more = time.perf_counter(), dict[str, float]()
        for name, options in self._variants.items():
            found = await self._run(**options)
            more |= {f"{name}: {what}": value for what, value in found.items()}
            await asyncio.to_thread(processes.settle, _below_s)
        self._variants = dict(reversed(self._variants.items()))
        return Made(time.perf_counter() - start, [], more)

    async def _run(self, *, fails: bool, kept: bool, trace: bool) -> dict[str, float]:
        journey = self._fails if fails else self._passes
        order = order_of(replace(journey, mask=_MASK) if kept else journey)
        copying = asyncio.create_task(asyncio.to_thread(self._copy, kept))
        start = time.perf_counter()
        run = await self.pool.run(replace(order, trace=trace))
        wall_s = time.perf_counter() - start
        await copying
        assert run.outcome is (Outcome.FAILED if fails else Outcome.PASSED), run
        self._newest = run if run.artefacts else self._newest
        sizes = [(self._evidence / name).stat().st_size for name in run.artefacts]
        after_s = run.phases.get(Phase.EVIDENCE, 0) / 1e6
        steps_s = {step.name: step.duration_us / 1e6 for step in run.steps}
        waited_s = run.host.get("cpu_wait", 0.0)
        more = {"wall": wall_s, "waited": waited_s, "evidence": after_s, "bytes": sum(sizes)}
        return steps_s | more

    def _copy(self, kept: bool) -> None:
        """As after a run whose files are copied beside the next one."""
        if kept and (run := self._newest):
            again = run.id._replace(slot_ms=time.time_ns() // 1_000_000)
            self.journal.write([replace(run, id=again)])
            self._copies.carry_on()


def _failing(directory: Path) -> Journey:
    """The example checkout with one more step, which fails."""
    directory.mkdir()
    source = (JOURNEYS / "checkout.py").read_text()
    (directory / "checkout.py").write_text(source + _FAILS)
    [journey] = describe(directory)
    return journey


def _below_s() -> float:
    """CPU time of all that this process started."""
    return processes.cpu_s(processes.tree(os.getpid())[1:])
