"""Series made by hand, for what no agent would ever report."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prober.evaluator.sources.promql import PromSource
from prober.journal.tally import Rule
from tests.conftest import Victoria

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
#: When hand-made histories begin.
START_MS = 1_772_395_200_000

Value = float | str | None


def rule(journey: str, **fields: Any) -> Rule:
    """An objective of a journey, of an SLO with the same name."""
    plain = {"slo": journey, "objective": "availability", "threshold_us": None, "step": None}
    return Rule(**plain | {"journey": journey} | fields)


class Told:
    """What an agent told about one journey, every minute."""

    def __init__(self, victoria: Victoria, journey: str, clock_ms: int) -> None:
        self.victoria, self.journey, self.clock_ms = victoria, journey, clock_ms

    def source(self, *rules: Rule, **environ: str) -> PromSource:
        """Counts of it, and of nothing else."""
        judged = rules or (rule(self.journey),)
        found = PromSource.connect(self.victoria.url, judged, environ)
        found.counters.clock = lambda: self.clock_ms
        return found

    def all(self, number: int, start_ms: int = START_MS, /, **values: Iterable[Value]) -> None:
        """Every counter, 0 throughout where no values are given."""
        given = {name: list(those) for name, those in values.items()}
        for name in ("good", "bad", "passed", "unclear", "completed", "missed", "silent"):
            self.one(name, given.get(name, [0] * number), start_ms)

    def one(
        self,
        name: str,
        values: Sequence[Value],
        start_ms: int = START_MS,
        region: str = "eu",
        **labels: str,
    ) -> None:
        """One counter, a value each minute; None: no sample."""
        points = [
            (start_ms + n * MINUTE_MS, value) for n, value in enumerate(values) if value is not None
        ]
        metric, own = self._series(name)
        self._put({"__name__": metric, "prober_region": region, **own, **labels}, points)

    def schedule(self, every_ms: int, number: int, from_ms: int = START_MS, **more: Any) -> None:
        """A schedule, told every minute."""
        labels = {"prober_schedule_from": str(from_ms), "prober_schedule_phase": "0"}
        self._put(
            {
                "__name__": "prober_schedule_period_seconds",
                "prober_region": more.get("region", "eu"),
                "prober_journey": self.journey,
                **labels,
            },
            [(START_MS + n * MINUTE_MS, every_ms / 1000) for n in range(number)],
        )

    def _series(self, name: str) -> tuple[str, dict[str, str]]:
        journey = {"prober_journey": self.journey}
        judged = {"prober_slo": self.journey, "prober_objective": "availability"}
        return {
            "good": ("prober_sli_events_total", judged | {"prober_result": "good"}),
            "bad": ("prober_sli_events_total", judged | {"prober_result": "bad"}),
            "passed": ("prober_runs_total", journey | {"prober_outcome": "passed"}),
            "unclear": (
                "prober_runs_total",
                journey | {"prober_outcome": "inconclusive", "error_type": "browser"},
            ),
            "completed": ("prober_slots_total", journey | {"prober_slot_state": "completed"}),
            "missed": ("prober_slots_total", journey | {"prober_slot_state": "missed"}),
            "silent": ("prober_failures_silent_total", journey),
            "flaky": ("prober_confirmations_total", journey | {"prober_outcome": "passed"}),
            "real": ("prober_confirmations_total", journey | {"prober_outcome": "failed"}),
            "last": ("prober_run_last_seconds", journey),
        }[name]

    def _put(self, labels: Mapping[str, str], points: Sequence[tuple[int, Value]]) -> None:
        line = {
            "metric": labels,
            "values": [value for _, value in points],
            "timestamps": [time_ms for time_ms, _ in points],
        }
        reply = self.victoria.http.post("/api/v1/import", content=json.dumps(line))
        reply.raise_for_status()
        self.victoria.http.get("/internal/force_flush").raise_for_status()
