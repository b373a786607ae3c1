"""An hour and a week without a backend, at the figures of docs/operations.md."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise, product
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from prober.destination import Destination
from prober.journal.journal import Journal
from prober.model import Cause, Outcome, Record, Run, Step
from prober.telemetry import decode
from prober.telemetry.deliver import Shipping
from prober.telemetry.resource import resource_of
from prober.telemetry.snapshots import KEPT_BYTES, Snapshots, thin
from prober.telemetry.timing import Timing
from tests.conftest import SHORT
from tests.telemetry.conftest import NEW_YEAR_MS, REGION
from tests.telemetry.hours import Hours

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
PATHS = LOGS, METRICS, TRACES = "/v1/logs", "/v1/metrics", "/v1/traces"
#: As in the example fleet: minutes from run to run.
JOURNEYS = {"account_api": 1, "checkout": 5, "login": 5}
STEPS = ("open shop", "sign in", "add to cart", "pay", "sign out")


def steps(outcome: Outcome, took_us: Sequence[int]) -> tuple[Step, ...]:
    """The steps that took so long; the last one has the run's outcome."""
    ends = list(accumulate(took_us))
    return tuple(
        Step(
            name=name,
            offset_us=end - took,
            duration_us=took,
            outcome=outcome if end == ends[-1] else Outcome.PASSED,
        )
        for name, took, end in zip(STEPS, took_us, ends, strict=True)
    )


@dataclass
class Backend:
    """What came while it was down, by digest, and what was taken when it was up."""

    receiver: Any
    answer: Any
    refused: dict[str, set[str]] = field(default_factory=lambda: {path: set() for path in PATHS})
    attempts: int = 0
    taken: dict[str, list[bytes]] = field(default_factory=lambda: {path: [] for path in PATHS})

    def goes(self, up: bool) -> None:
        self.collect()
        self.receiver.rule = lambda path, body: self.answer(200 if up else 503)

    def collect(self) -> None:
        """Look through what came: a week of requests would not fit into memory."""
        came, self.receiver.requests = self.receiver.requests, []
        for each in came:
            if each.answer.status == 200:
                self.taken[each.path].append(each.body)
            else:
                self.attempts += 1
                self.refused[each.path].add(hashlib.sha256(each.body).hexdigest())

    def first_was_resent(self, path: str) -> bool:
        """Whether during the outage one request was tried, and it is what arrived first."""
        return self.refused[path] == {hashlib.sha256(self.taken[path][0]).hexdigest()}

    def records(self) -> list[Record]:
        return [r for body in self.taken[LOGS] for r in decode.records(body).records]

    def spans(self) -> list[Span]:
        """Every span, as it came."""
        requests = map(ExportTraceServiceRequest.FromString, self.taken[TRACES])
        scopes = (of.scope_spans[0] for each in requests for of in each.resource_spans)
        return [span for scope in scopes for span in scope.spans]

    def times_ms(self) -> list[int]:
        return [time_of(body) for body in self.taken[METRICS]]


def time_of(body: bytes) -> int:
    scope = ExportMetricsServiceRequest.FromString(body).resource_metrics[0].scope_metrics[0]
    (runs,) = (metric for metric in scope.metrics if metric.name == "prober.runs")
    return int(runs.sum.data_points[0].time_unix_nano) // 1_000_000


class Agent:
    """The delivery of an agent that runs its journeys, and is started again now and then."""

    def __init__(
        self, backend: Backend, reopen: Callable[[], Journal], run: Callable[..., Run], path: Path
    ) -> None:
        self.backend, self.reopen, self.run, self.path = backend, reopen, run, path
        self.clock = Hours(NEW_YEAR_MS, self.passed)
        self.written: list[Record] = []
        self.minute = self.measured = 0
        self.most_bytes = self.most_payloads = self.largest_file = 0
        self.over: Callable[[], bool] = lambda: True
        self.alive = asyncio.Event()
        self.shipping: Shipping | None = None
        self.journal: Journal | None = None

    def live(self, to: Destination, interval_ms: int, longest_s: float, over: Any) -> None:
        """From a start to a stop: until `over` says so, asked whenever time has passed."""
        self.journal, self.over = self.reopen(), over
        self.journal.count_zeros(REGION, list(JOURNEYS))
        timing = Timing(
            longest_s=longest_s, poll_s=24 * 3600, jitter=lambda: 1.0, wait=self.clock.wait
        )
        self.shipping = Shipping(
            self.journal,
            [to],
            resource_of(REGION, "0", "1", {}),
            REGION,
            metrics_interval_ms=interval_ms,
            timing=timing,
            now_ms=self.clock.now_ms,
        )
        self.clock.parties = 1 + len(self.shipping.deliveries)
        asyncio.run(self._main())

    async def _main(self) -> None:
        assert self.shipping
        self.alive = asyncio.Event()
        await self.shipping.start()
        await self.alive.wait()
        await self.shipping.stop(60)

    def passed(self) -> None:
        """Write the runs of the minutes that are over, unless the agent is."""
        assert self.shipping
        assert self.journal
        self.backend.collect()
        if self.over():
            self.alive.set()
            return
        found: list[Record] = []
        while NEW_YEAR_MS + self.minute * MINUTE_MS < self.clock.ms:
            due = [name for name, every in JOURNEYS.items() if self.minute % every == 0]
            found += [self.made(journey) for journey in due]
            self.minute += 1
        if found:
            self.journal.write(found, now_ms=self.clock.ms)
            self.written += found
        if self.minute >= self.measured + 60:
            self.measured = self.minute
            self.measure()
        self.shipping.wake()

    def made(self, journey: str) -> Run:
        outcome, cause = Outcome.PASSED, None
        if self.minute % 50 == 0:
            outcome, cause = Outcome.FAILED, Cause.ASSERTION
        took_us = [80_000 + (7919 + 977 * n) * self.minute % 600_000 for n in range(len(STEPS))]
        return self.run(
            6 * self.minute,
            journey,
            outcome,
            cause,
            duration_us=sum(took_us),
            steps=steps(outcome, took_us),
        )

    def measure(self) -> None:
        assert self.journal
        sizes = [size for _, _, size in self.journal.outbox.snapshots()]
        self.most_bytes = max(self.most_bytes, sum(sizes))
        self.most_payloads = max(self.most_payloads, len(sizes))
        files = sum(file.stat().st_size for file in self.path.glob("journal.db*"))
        self.largest_file = max(self.largest_file, files)

    def delivered(self) -> bool:
        assert self.journal
        outbox = self.journal.outbox
        waiting = len(outbox.snapshots()) > 1
        ends = {outbox.cursor("main", signal).acked for signal in ("logs", "traces")}
        return not waiting and ends == {outbox.newest()}


@pytest.fixture
def backend(receiver: Any, answer: Any) -> Backend:
    return Backend(receiver(), answer)


@pytest.fixture
def agent(backend: Backend, journal: Any, run: Any, tmp_path: Path) -> Agent:
    return Agent(backend, journal, run, tmp_path)


@pytest.fixture
def main(backend: Backend, to: Any) -> Destination:
    found: Destination = to(backend.receiver.url, "main", signals=("logs", "metrics", "traces"))
    return found


def check_totals(agent: Agent, backend: Backend) -> None:
    """Every run arrived once and in order, and the newest totals are those of the runs."""
    assert backend.records() == agent.written
    runs = [each for each in agent.written if isinstance(each, Run)]
    spans = backend.spans()
    assert [each.trace_id for each in spans if not each.parent_span_id] == [
        each.id.trace_id for each in runs
    ]
    assert len({(each.trace_id, each.span_id) for each in spans}) == len(spans)
    assert len(spans) == sum(1 + len(each.steps) for each in runs)
    assert Counter(
        (each.id.journey, REGION, str(each.outcome), each.cause and str(each.cause))
        for each in runs
    ) == {key: n for key, n in decode.claims(backend.taken[METRICS][-1]).runs.items() if n}
    totals = [sum(decode.claims(body).runs.values()) for body in backend.taken[METRICS]]
    assert totals == sorted(totals), "a counter never falls"


def test_an_hour_without_a_backend_costs_no_point(
    agent: Agent, backend: Backend, main: Destination
) -> None:
    down_ms, up_ms = NEW_YEAR_MS + 5 * MINUTE_MS, NEW_YEAR_MS + 65 * MINUTE_MS
    backend.goes(up=True)
    agent.live(main, 15_000, 60, lambda: agent.clock.ms >= down_ms)
    backend.goes(up=False)
    acknowledged = {path: len(taken) for path, taken in backend.taken.items()}
    agent.live(main, 15_000, 60, lambda: agent.clock.ms >= up_ms)
    backend.goes(up=True)
    agent.live(main, 15_000, 60, lambda: agent.clock.ms > up_ms + MINUTE_MS and agent.delivered())
    backend.collect()

    check_totals(agent, backend)
    ticks = range(NEW_YEAR_MS + 15_000, agent.clock.ms, 15_000)
    assert set(ticks) <= set(backend.times_ms())
    for path, before in acknowledged.items():
        backend.taken[path] = backend.taken[path][before:]
        assert backend.first_was_resent(path)
    assert backend.attempts > 100


@pytest.mark.parametrize("journeys", [3, 10, 30, 100])
def test_a_week_of_a_region_with_many_journeys_fits(
    journeys: int, journal: Any, run: Callable[..., Run]
) -> None:
    """Sizes are real, the days are only counted; `-s` prints them."""
    opened, chance = journal(), random.Random(4711)
    opened.count_zeros(REGION, [f"journey_{n}" for n in range(journeys)])
    found: list[Record] = []
    for minute, n in product(range(12), range(journeys)):
        outcome = Outcome.FAILED if minute % 6 == 5 else Outcome.PASSED
        took_us = [int(chance.lognormvariate(12.5, 0.8)) for _ in STEPS]
        found.append(
            run(
                6 * minute,
                f"journey_{n}",
                outcome,
                Cause.TIMEOUT if outcome is Outcome.FAILED else None,
                duration_us=sum(took_us),
                steps=steps(outcome, took_us),
            )
        )
    opened.write(found)
    Snapshots(opened, resource_of(REGION, "0", "1", {}), tuple, ["main"]).take(NEW_YEAR_MS)
    ((_, _, size),) = opened.outbox.snapshots()
    week = [(n, at, size) for n, at in enumerate(range(0, 7 * DAY_MS, 15_000), 1)]
    dropped = set(thin(week, 7 * DAY_MS, KEPT_BYTES))
    kept = [at for n, at, _ in week if n not in dropped]
    print(f"{journeys} journeys: payload {size} B, a week {len(kept) * size / 1e6:.0f} MB")
    assert len(kept) * size <= 256_000_000
    assert max(after - at for at, after in pairwise([0, *kept])) <= 8 * MINUTE_MS


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_week_without_a_backend_costs_resolution_and_nothing_else(
    agent: Agent, backend: Backend, main: Destination, show: Callable[[str], None]
) -> None:
    interval_ms, longest_s = 4 * MINUTE_MS if SHORT else 15_000, 600
    up_ms = NEW_YEAR_MS + 7 * DAY_MS
    backend.goes(up=False)
    for day in (3, 7):  # two lives: a restart in the middle of it
        until_ms = NEW_YEAR_MS + day * DAY_MS
        agent.live(
            main, interval_ms, longest_s, lambda until_ms=until_ms: agent.clock.ms >= until_ms
        )
    backend.goes(up=True)
    agent.live(
        main,
        interval_ms,
        longest_s,
        lambda: agent.clock.ms > up_ms + 20 * MINUTE_MS and agent.delivered(),
    )
    backend.collect()

    check_totals(agent, backend)
    assert all(map(backend.first_was_resent, PATHS))
    times = sorted(set(backend.times_ms()))
    gaps = {at: after - at for at, after in pairwise(times)}
    assert times[0] <= NEW_YEAR_MS + 8 * MINUTE_MS, "it goes back to the beginning"
    assert max(gaps.values()) <= 8 * MINUTE_MS
    recent = [gap for at, gap in gaps.items() if at > up_ms - DAY_MS + HOUR_MS]
    assert max(recent) <= max(MINUTE_MS, interval_ms)
    assert agent.most_bytes <= 256_000_000
    show(
        f"runs {len(agent.written)}, attempts {backend.attempts}, "
        f"payloads {len(backend.taken[METRICS])} of at most {agent.most_payloads} kept, "
        f"spool {agent.most_bytes / 1e6:.1f} MB, journal {agent.largest_file / 1e6:.1f} MB, "
        f"largest gap {max(gaps.values()) / MINUTE_MS:g} min, "
        f"payload {len(gzip.compress(backend.taken[METRICS][-1], mtime=0))} B"
    )
