"""When verdicts were last reported to a PromQL backend."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from prober import conventions as names
from prober.evaluator.sources.backend import seconds
from prober.evaluator.sources.counters import NEAR_MS, Counters, Key, Place
from prober.model import Outcome
from prober.units import DAY_MS, MINUTE_MS

_VERDICTS: Final = (str(Outcome.PASSED), str(Outcome.FAILED))


@dataclass(frozen=True, slots=True)
class Looks:
    """Evenly spaced moments at which counters are compared with the one before."""

    step_ms: int
    number: int

    @property
    def span_ms(self) -> int:
        """From before the first of them to the last."""
        return self.step_ms * self.number

    def moved(self, selector: str, end_ms: int) -> str:
        """The last of them at which a counter had grown, in seconds since 1970; 0: none."""
        step, at, reach = f"{self.step_ms}ms", seconds(end_ms), f"[{NEAR_MS}ms]"
        now = f"last_over_time({selector}{reach})"
        before = f"(last_over_time({selector}{reach} offset {step}) or {now} * 0)"
        return f"max_over_time((time() * ({now} > bool {before}))[{self.span_ms}ms:{step}] @ {at})"


def newest(
    counters: Counters, journeys: Collection[str], period_ms: int, back_ms: int, end_ms: int
) -> Mapping[Place, int]:
    """When the newest run with a verdict had ended at the latest, where there is one, in ms.

    That is the end of the newest run, or when a verdict was last reported if that was earlier:
    the newest run may be inconclusive.

    Args:
        counters: where to look.
        journeys: which journeys.
        period_ms: from slot to slot, of the slowest of them.
        back_ms: how long a place may have been silent.
        end_ms: the moment before which to look.
    """
    fine = Looks(max(1000, period_ms // MINUTE_MS * 1000), 360)
    coarse = Looks(max(DAY_MS, 72 * period_ms) // 288_000 * 1000, 288)
    wanted = {names.JOURNEY: journeys, names.OUTCOME: _VERDICTS}
    reach, at = f"[{back_ms}ms]", seconds(end_ms)
    runs = counters.answers(
        {names.RUNS: counters.selector(names.RUNS, wanted)},
        {
            "total": lambda selector: f"last_over_time({selector}{reach} @ {at})",
            "fine": lambda selector: fine.moved(selector, end_ms),
            "coarse": lambda selector: coarse.moved(selector, end_ms),
        },
        end_ms,
    )
    selector = counters.selector(names.RUN_LAST, {names.JOURNEY: journeys})
    question = {"": lambda selector: f"round(last_over_time({selector}{reach} @ {at}) * 1000)"}
    ended = _latest(counters.answers({names.RUN_LAST: selector}, question, end_ms)[""])
    moved = {**_latest(runs["coarse"]), **_latest(runs["fine"])}
    return {
        place: min(ended.get(place, end_ms), moved.get(place, 0) * 1000 or end_ms - coarse.span_ms)
        for place in _latest(runs["total"])
    }


def _latest(found: Mapping[Key, int]) -> dict[Place, int]:
    """The largest value of each place; where all are 0 there is none."""
    latest: dict[Place, int] = {}
    for key, value in found.items():
        place = Place(key.values[0], key.region)
        latest[place] = max(value, latest.get(place, 0))
    return {place: value for place, value in latest.items() if value}
