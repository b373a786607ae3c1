"""The run records of a fleet, offered to an evaluator as its agents would: by OTLP over HTTP.

One task an agent, one request in flight for each, and in it whatever is due by then: an
evaluator that is slow gets fewer and larger requests, as it would from real agents.
"""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import httpx

from benchmarks.fleet import names
from benchmarks.journals import run_at
from prober.journal.journal import Journal
from prober.journal.outbox import Entry
from prober.journal.tally import Rule
from prober.model import Schedule
from prober.telemetry import answer, encode
from prober.telemetry.queues import MOST_RECORDS
from prober.telemetry.resource import resource_of

EVERY_MS = 60_000
METRICS_EVERY_S = 15.0
#: What is not taken in so long after the last slot is given up.
_PATIENCE_S = 120.0
_HEADERS = {"content-type": answer.CONTENT_TYPE, "content-encoding": "gzip"}


class Shape(NamedTuple):
    """How large a fleet is; each journey runs once a minute in each region."""

    regions: int
    journeys: int

    @property
    def per_second(self) -> float:
        """How many runs it makes."""
        return self.regions * self.journeys * 1000 / EVERY_MS

    @property
    def names(self) -> tuple[str, ...]:
        """Of the regions, all of one length."""
        return tuple(f"region-{number:03d}" for number in range(self.regions))


@dataclass(slots=True)
class Offered:
    """What became of the records that were offered."""

    #: From a run's end until the evaluator had it, for each run, in seconds.
    lags_s: list[float] = field(default_factory=list)
    #: Runs that came due, taken in or not.
    due: int = 0
    requests: int = 0
    #: Of log requests, as sent.
    bytes: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Load:
    """A fleet that runs `factor` times as fast as it would, from a moment of its own on."""

    shape: Shape
    factor: float
    seconds: float
    start_ms: int

    @property
    def end_ms(self) -> int:
        """Up to where its own time goes."""
        return self.start_ms + round(1000 * self.seconds * self.factor)

    def schedules(self) -> list[Schedule]:
        """Of every journey in every region."""
        return [
            Schedule(
                journey=journey,
                region=region,
                from_ms=self.start_ms,
                every_ms=EVERY_MS,
                phase_ms=self._phase_ms(number, place),
            )
            for place, region in enumerate(self.shape.names)
            for number, journey in enumerate(names(self.shape.journeys))
        ]

    def due(self, place: int) -> list[tuple[float, Entry]]:
        """An agent's runs, each with when it is over in seconds from the beginning, in order."""
        region, found = self.shape.names[place], []
        for number, journey in enumerate(names(self.shape.journeys)):
            phase_ms = self._phase_ms(number, place)
            first_ms = self.start_ms + (phase_ms - self.start_ms) % EVERY_MS
            for slot_ms in range(first_ms, self.end_ms, EVERY_MS):
                run = run_at(region, slot_ms, slot_ms // EVERY_MS + number, journey)
                at_s = (slot_ms - self.start_ms) / 1000 / self.factor
                found.append((at_s, Entry(0, run.finished_ms, run)))
        return sorted(found, key=lambda each: each[0])

    def _phase_ms(self, number: int, place: int) -> int:
        """Journeys and regions interleave evenly."""
        share = number / self.shape.journeys + place / self.shape.regions / self.shape.journeys
        return round(share * EVERY_MS)


async def announce(url: str, load: Load) -> None:
    """Send the schedules, which come before the first run."""
    entries = [Entry(0, load.start_ms, schedule) for schedule in load.schedules()]
    async with _client(url, 1) as http:
        for index in range(0, len(entries), MOST_RECORDS):
            await _post(http, "logs", _packed(entries[index : index + MOST_RECORDS], "all"))


async def offer(url: str, load: Load, totals: bytes) -> Offered:
    """Offer everything that comes due, and wait for what is late.

    Args:
        url: of the evaluator.
        load: whose runs.
        totals: the metrics of one agent, as `totals_of` makes them.
    """
    found, due = Offered(), [load.due(place) for place in range(load.shape.regions)]
    found.due = sum(map(len, due))
    async with _client(url, load.shape.regions) as http:
        start_s = time.monotonic()
        agents = [
            asyncio.create_task(_agent(http, name, runs, start_s, found))
            for name, runs in zip(load.shape.names, due, strict=True)
        ]
        telling = [
            asyncio.create_task(_tell(http, of_region(totals, name), place, load))
            for place, name in enumerate(load.shape.names)
        ]
        _, late = await asyncio.wait(agents, timeout=load.seconds + _PATIENCE_S)
        for task in (*late, *telling):
            task.cancel()
        ended = await asyncio.gather(*agents, *telling, return_exceptions=True)
        found.seconds = time.monotonic() - start_s
    for result in ended:
        if isinstance(result, Exception):
            raise result
    return found


def totals_of(directory: Path, shape: Shape, rules: Sequence[Rule]) -> bytes:
    """The metrics of the first region's agent, whose journeys have passed and failed."""
    journal = Journal.open(directory / "totals.db", rules)
    region, journeys = shape.names[0], names(shape.journeys)
    journal.count_zeros(region, journeys)
    numbers = (0, 1)  # one failed, one passed
    journal.write([run_at(region, n * EVERY_MS, n, name) for name in journeys for n in numbers])
    body = encode.metrics(journal, time.time_ns() // 1_000_000, (), _resource(region))
    journal.close()
    return body


def of_region(totals: bytes, region: str) -> bytes:
    """The same totals, packed, of another region whose name is as long."""
    first = Shape(1, 1).names[0]
    return gzip.compress(totals.replace(first.encode(), region.encode()), mtime=0)


async def _agent(
    http: httpx.AsyncClient,
    region: str,
    runs: Sequence[tuple[float, Entry]],
    start_s: float,
    found: Offered,
) -> None:
    done = 0
    while done < len(runs):
        now_s = time.monotonic() - start_s
        batch = [run for run in runs[done : done + MOST_RECORDS] if run[0] <= now_s]
        if not batch:
            await asyncio.sleep(runs[done][0] - now_s)
            continue
        body = _packed([entry for _, entry in batch], region)
        await _post(http, "logs", body)
        now_s = time.monotonic() - start_s
        found.lags_s += [now_s - at_s for at_s, _ in batch]
        found.requests += 1
        found.bytes += len(body)
        done += len(batch)


async def _tell(http: httpx.AsyncClient, body: bytes, place: int, load: Load) -> None:
    """An agent's totals, again and again; the agents are not at it at the same time."""
    every_s = METRICS_EVERY_S / load.factor
    await asyncio.sleep(every_s * place / load.shape.regions)
    while True:
        await _post(http, "metrics", body)
        await asyncio.sleep(every_s)


async def _post(http: httpx.AsyncClient, signal: str, body: bytes) -> None:
    reply = await http.post(f"/v1/{signal}", content=body)
    reply.raise_for_status()
    if reply.content:
        raise RuntimeError(f"the evaluator does not take all of it: {reply.content!r}")


def _client(url: str, connections: int) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=2 * connections, max_keepalive_connections=None)
    return httpx.AsyncClient(
        base_url=url, headers=_HEADERS, limits=limits, timeout=_PATIENCE_S, trust_env=False
    )


def _packed(entries: Sequence[Entry], region: str) -> bytes:
    return encode.compress(encode.logs(entries, _resource(region)))


def _resource(region: str) -> dict[str, str]:
    return dict(resource_of(region, "0", "0", {}))
