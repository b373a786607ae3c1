"""What a large fleet costs, stage by stage, and an evaluator that is offered its runs.

First what one agent of the fleet pays for a run and for its metrics, besides the browser; then a
real evaluator process that takes in the run records of the whole fleet, as fast as they come and
several times as fast.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import fleet, samples
from benchmarks.gate import serving
from benchmarks.journals import REGIONS, Plan, contracts, fill, run_at
from benchmarks.offer import EVERY_MS, Load, Offered, Shape, announce, offer, totals_of
from benchmarks.processes import cpu_s, peak_mb, tree
from benchmarks.report import Figure, Result, Skipped
from benchmarks.settings import Settings
from prober.evaluator.alerts.alerts import Alerts
from prober.evaluator.audit import AuditLog
from prober.evaluator.sources.journal import JournalSource
from prober.journal.journal import Journal
from prober.journal.outbox import Entry
from prober.journal.tally import rules_of
from prober.journal.view import View
from prober.model import Run
from prober.telemetry import encode
from prober.telemetry.exposition import exposition
from prober.telemetry.queues import MOST_RECORDS
from prober.telemetry.resource import resource_of

NAME = "scale"
#: How many times as fast as the fleet would be.
FACTORS = (1, 5, 10)
#: Long enough for two looks at all contracts, short enough for a machine that others use.
_SECONDS = 30
_RUNS_EACH = 100
#: As many agents, and as many times, as a backend is fed with.
_AGENTS, _TIMES = 2, 40
#: Of the smallest of the journals that are judged elsewhere: filling one for so many contracts
#: takes long.
_SHARES = (10, 2)
#: An evaluator looks every 15 s.
_LOOKS, _BETWEEN_MS = 4, 15_000


def measure(settings: Settings) -> list[Result]:
    """Unit costs of an agent, then the evaluator under the fleet's load."""
    shape = Shape(*settings.fleet)
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        found: list[Result] = [
            *_writing(home, shape, _RUNS_EACH * settings.runs),
            *_sending(shape),
            *_totals(home, shape),
            *_storing(home, shape, min(_TIMES, 2 * settings.runs)),
        ]
        seconds = max(min(_SECONDS, settings.runs), 2 / shape.per_second)  # in which runs end
        found += _taking_in(home, shape, seconds)
        least = shape.journeys * len(REGIONS)  # a run in each place
        totals = {max(least, settings.journals[0] // share) for share in _SHARES}
        for total in sorted(totals):
            found += _looking(home, shape, total)
        return found


# An agent


def _writing(home: Path, shape: Shape, count: int) -> Iterator[Figure]:
    """What the journal of one region takes for a run."""
    path, rules = home / "agent" / "journal.db", rules_of(contracts(shape.journeys))
    journal = Journal.open(path, rules)
    journal.count_zeros(*_region(shape))
    journal.close()  # what is in its log moves to the file
    empty, journal, runs = _size(path.parent), Journal.open(path, rules), _runs(shape, count)
    start = time.process_time()
    for run in runs:
        journal.claim(run.id, run.started_ms)
        journal.write([run], run.finished_ms)
    took_ms = 1000 * (time.process_time() - start)
    journal.close()
    yield _figure("agent: CPU to write a run", "ms", took_ms / count)
    yield _figure("agent: journal", "bytes a run", (_size(path.parent) - empty) / count)


def _sending(shape: Shape) -> Iterator[Figure]:
    """What goes over the wire for a run, alone or with others."""
    resource = resource_of(shape.names[0], "0", "0", {})
    entries = [Entry(n, run.finished_ms, run) for n, run in enumerate(_runs(shape, MOST_RECORDS))]
    for signal, as_otlp in (("logs", encode.logs), ("traces", encode.traces)):
        start = time.process_time()
        alone = [len(encode.compress(as_otlp([entry], resource))) for entry in entries]
        took_ms = 1000 * (time.process_time() - start)
        together = len(encode.compress(as_otlp(entries, resource))) / len(entries)
        yield Figure.of(NAME, f"OTLP {signal}: one run a request", "bytes a run", alone)
        yield _figure(f"OTLP {signal}: {MOST_RECORDS} runs a request", "bytes a run", together)
        yield _figure(f"agent: CPU to encode {signal} of a run", "ms", took_ms / len(entries))


def _totals(home: Path, shape: Shape) -> Iterator[Figure]:
    """What an agent's metrics cost each time, and how many series they are."""
    for journeys in (1, shape.journeys):
        directory = home / f"totals-{journeys}"
        rules = rules_of(contracts(journeys))
        plain = totals_of(directory, shape._replace(journeys=journeys), rules)
        journal = Journal.open(directory / "totals.db", rules)
        start = time.process_time()
        packed = encode.compress(encode.metrics(journal, 0, (), {}))
        took_ms = 1000 * (time.process_time() - start)
        page = exposition(journal, ())
        journal.close()
        name = f"metrics of {journeys} journeys"
        yield _figure(
            f"{name}: series", "series", sum(not x.startswith("#") for x in page.split("\n") if x)
        )
        yield _figure(f"{name}: CPU to take them", "ms", took_ms)
        yield _figure(f"{name}: as sent", "kB", len(packed) / 1000)
        yield _figure(f"{name}: unpacked", "kB", len(plain) / 1000)


def _storing(home: Path, shape: Shape, times: int) -> Iterator[Result]:
    """What a backend takes for these metrics."""
    name = "metric backend"
    if why := samples.missing():
        yield Skipped(benchmark=NAME, name=name, why=why)
        return
    fed = shape._replace(regions=min(_AGENTS, shape.regions))
    stored = samples.store(home / "backend", fed, times)
    yield _figure(f"{name}: series", "series", stored.series)
    yield _figure(f"{name}: CPU", "µs a sample", 1e6 * stored.cpu_s / stored.samples)
    yield _figure(f"{name}: disk", "bytes a sample", stored.disk_bytes / stored.samples)
    yield _figure(f"{name}: memory, peak", "MB", stored.peak_mb)


def _runs(shape: Shape, count: int) -> list[Run]:
    """Runs of one region, its journeys in turn."""
    region, journeys = _region(shape)
    first_ms = time.time_ns() // 1_000_000 // EVERY_MS * EVERY_MS - count * EVERY_MS
    return [
        run_at(region, first_ms + n // len(journeys) * EVERY_MS, n, journeys[n % len(journeys)])
        for n in range(count)
    ]


def _region(shape: Shape) -> tuple[str, tuple[str, ...]]:
    return shape.names[0], fleet.names(shape.journeys)


# The evaluator


@dataclass(frozen=True, slots=True)
class Spent:
    """What an evaluator has used since it began."""

    cpu_s: float
    #: The most memory it ever had.
    peak_mb: float

    @classmethod
    def by(cls, pid: int) -> Spent:
        """As it stands."""
        return cls(cpu_s(tree(pid)), peak_mb(pid))


def _taking_in(home: Path, shape: Shape, seconds: float) -> Iterator[Figure]:
    agreed, data = _agreed(home, shape), home / "evaluator"
    totals = totals_of(home / "load", shape, rules_of(contracts(shape.journeys)))
    now_ms = time.time_ns() // 1_000_000
    start_ms = now_ms - round(1000 * seconds * (sum(FACTORS) + 1)) - EVERY_MS
    runs = 0
    with serving(agreed, data) as (url, pid):
        asyncio.run(announce(url, Load(shape, 1, seconds, start_ms)))
        for factor in FACTORS:
            load = Load(shape, factor, seconds, start_ms)
            before = Spent.by(pid)
            offered = asyncio.run(offer(url, load, totals))
            yield from _offered(load, offered, before, Spent.by(pid))
            start_ms, runs = load.end_ms, runs + offered.due
        log = data / "journal.db-wal"
        yield _figure("evaluator: log of its journal, at most", "MB", log.stat().st_size / 1e6)
    yield _figure(f"evaluator: journal of {runs:,} runs", "bytes a run", _size(data) / runs)


def _looking(home: Path, shape: Shape, total: int) -> Iterator[Figure]:
    """CPU of a look at the alerts of all contracts, by how many runs there are."""
    path, judged = home / f"looking-{total}" / "journal.db", contracts(shape.journeys)
    now_ms, journeys = time.time_ns() // 1_000_000, fleet.names(shape.journeys)
    window_ms = total * EVERY_MS // len(journeys) // len(REGIONS)
    fill(path, Plan(total, now_ms, journeys, window_ms), now_ms, shape.journeys)
    view = View.open(path)
    alerts = Alerts.restore(judged, JournalSource(view), AuditLog(path.parent / "audit.jsonl"))
    took_s = []
    for number in range(_LOOKS):
        start = time.process_time()
        alerts.look(now_ms + number * _BETWEEN_MS)
        took_s.append(time.process_time() - start)
    view.close()
    name = f"{shape.journeys} contracts, {total:,} runs"
    yield _figure(f"{name}: CPU of the first look", "s", took_s[0])
    yield Figure.of(NAME, f"{name}: CPU of a look", "s", took_s[1:])


def _agreed(home: Path, shape: Shape) -> Path:
    """A directory with a contract for each journey."""
    agreed = home / "contracts"
    agreed.mkdir(exist_ok=True)
    for file, text in fleet.texts(shape.journeys):
        (agreed / file).write_text(text)
    return agreed


def _offered(load: Load, offered: Offered, before: Spent, after: Spent) -> Iterator[Figure]:
    name = f"×{load.factor:g}"
    used_s, due = after.cpu_s - before.cpu_s, offered.due
    each = f"{len(offered.lags_s) / offered.requests:.1f} runs a request"
    yield _figure(f"{name}: offered", "runs/s", load.factor * load.shape.per_second)
    yield _figure(f"{name}: taken in", "runs/s", len(offered.lags_s) / offered.seconds)
    yield _figure(f"{name}: taken in of what was offered", "%", 100 * len(offered.lags_s) / due)
    yield Figure.of(NAME, f"{name}: run's end to taken in", "s", offered.lags_s, note=each)
    yield _figure(f"{name}: received", "bytes a run", offered.bytes / due)
    yield _figure(f"{name}: evaluator's CPU", "% of a core", 100 * used_s / offered.seconds)
    yield _figure(f"{name}: evaluator's CPU a run", "ms", 1000 * used_s / due)
    yield _figure(f"{name}: evaluator's memory, peak", "MB", after.peak_mb)


def _figure(name: str, unit: str, value: float) -> Figure:
    """One measurement, with how busy the machine was."""
    return Figure.of(NAME, name, unit, [value], note=f"load average {os.getloadavg()[0]:.1f}")


def _size(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.iterdir())
