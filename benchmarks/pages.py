"""How soon an evaluator shows its pages, with a journal of many runs that more arrive at.

A real evaluator takes runs in over HTTP while somebody in a process of its own,
`python -m benchmarks.pages URL COUNT RUN`, looks at its pages and answers with one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx
import psutil

from benchmarks import fleet
from benchmarks.contest import wait_for_quiet
from benchmarks.evaluate import BYTES_A_RUN, QUARTER_MS
from benchmarks.gate import serving
from benchmarks.journals import Plan, contracts, fill
from benchmarks.offer import Load, Offered, Shape, announce, offer, totals_of
from benchmarks.report import Figure, Result, Skipped, percentile
from benchmarks.settings import Settings
from prober import conventions as names
from prober.conventions import prometheus_name
from prober.evaluator.board import FRESH_MS
from prober.journal.tally import rules_of
from prober.model import Run

NAME = "pages"
_CONTRACTS = 20
#: So many of them have somebody who looks at their page, again and again.
_LOOKED = 10
#: Who the runs come from that arrive: as many as the fleet of docs/operations.md makes, at six
#: times its rate; of few regions, for from one address no more than 32 requests are taken at once.
_SHAPE = Shape(10, 500)
#: A p95 takes more looks than a median.
_LOOKS = 4
#: Runs that arrive a second.
_PER_SECOND = 500
#: Who looks first waits until it is made.
_FIRST = "a contract, the first look"
#: What p95 is to be at most, by what is asked, in ms.
_ALLOWED_MS = {"page": 100.0, "a contract": 100.0, "a run": 50.0}
#: How long after its end a run may be taken in.
_ALLOWED_LAG_S = 1.0
#: Until a status that was asked for is too old to be shown again.
_BETWEEN_S = FRESH_MS / 1000 + 0.1
_PATIENCE_S = 120.0


def measure(settings: Settings) -> list[Result]:
    """Looks at the page, with the largest of the journals that are judged."""
    total = max(settings.journals)
    name = f"{_CONTRACTS} contracts, {total:,} runs"
    with tempfile.TemporaryDirectory() as directory:
        if shutil.disk_usage(directory).free < total * BYTES_A_RUN:
            why = f"it takes {total * BYTES_A_RUN / 1e9:.1f} GB of disk, there is less"
            return [Skipped(benchmark=NAME, name=name, why=why)]
        home, now_ms = Path(directory), time.time_ns() // 1_000_000
        plan = Plan(total, now_ms, fleet.names(_CONTRACTS), QUARTER_MS)
        fill(home / "data" / "journal.db", plan, now_ms, _CONTRACTS)
        agreed = home / "contracts"
        agreed.mkdir()
        for file, text in fleet.texts(_CONTRACTS):
            (agreed / file).write_text(text)
        with serving(agreed, home / "data") as (url, pid):
            wait_for_quiet(settings.patience_s)
            took_ms, offered, arrived = asyncio.run(_watch(url, home, _LOOKS * settings.runs))
            memory_mb = _memory_mb(psutil.Process(pid))
    return [*_looks(name, took_ms), *_taken_in(name, offered, arrived, memory_mb)]


def _memory_mb(evaluator: psutil.Process) -> float:
    """Of the evaluator, and of its process that writes the journal."""
    tree = [evaluator, *evaluator.children()]
    return sum(each.memory_info().rss for each in tree) / 1e6


async def _watch(
    url: str, home: Path, count: int
) -> tuple[Mapping[str, list[float]], Offered, int]:
    """Look at the pages while runs arrive, and how many did."""
    seconds = count * _BETWEEN_S + 1
    factor = _PER_SECOND / _SHAPE.per_second
    start_ms = time.time_ns() // 1_000_000 - round(1000 * seconds * factor)
    load = Load(_SHAPE, factor, seconds, start_ms)
    totals = totals_of(home, _SHAPE, rules_of(contracts(_CONTRACTS)))
    await announce(url, load)
    held = _held(url)
    command = [sys.executable, "-m", "benchmarks.pages", url, str(count), _first(load)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    (said, _), offered = await asyncio.gather(process.communicate(), offer(url, load, totals))
    if process.returncode:
        raise RuntimeError("nobody could look at the pages: the lines above say why")
    return json.loads(said), offered, _held(url) - held


def _first(load: Load) -> str:
    """Where the page of the first run that arrives will be.

    Of those that the journal was filled with many share a record, which names one of them.
    """
    run = load.due(0)[0][1].record
    assert isinstance(run, Run)
    return f"/run/{run.id.key}"


def look(url: str, count: int, run: str) -> Mapping[str, Sequence[float]]:
    """Ask for each page so many times: how long each took, in ms, by what was asked."""
    took_ms: dict[str, list[float]] = {
        each: []
        for each in ("first page", "page", "the same page again", _FIRST, "a contract", "a run")
    }
    with httpx.Client(base_url=url, timeout=_PATIENCE_S, trust_env=False) as http:
        first_ms, _ = _ask(http, "/")
        took_ms["first page"].append(first_ms)
        _await(http, run)  # its page is made anew each time
        for number in range(count):
            time.sleep(_BETWEEN_S)
            contract = f"/slo/{fleet.names(_CONTRACTS)[number % _LOOKED]}"
            seen = "a contract" if number >= _LOOKED else _FIRST
            for what, path in (
                (seen, contract),
                ("page", "/"),
                ("the same page again", "/"),
                ("a run", run),
            ):
                asked_ms, _ = _ask(http, path)
                took_ms[what].append(asked_ms)
    return took_ms


def _await(http: httpx.Client, path: str) -> None:
    """Until a page is there."""
    end_s = time.monotonic() + _PATIENCE_S
    while not http.get(path).is_success:
        if time.monotonic() > end_s:
            raise RuntimeError(f"{path} did not arrive")
        time.sleep(_BETWEEN_S)


def _ask(http: httpx.Client, path: str) -> tuple[float, str]:
    """How long a page took, in ms, and the page."""
    start = time.perf_counter()
    text = http.get(path).raise_for_status().text
    return 1000 * (time.perf_counter() - start), text


def _held(url: str) -> int:
    """How many records an evaluator has."""
    told = httpx.get(f"{url}/metrics", timeout=_PATIENCE_S).raise_for_status().text
    name = prometheus_name(names.JOURNAL_RECORDS)
    (line,) = (line for line in told.splitlines() if line.startswith(name))
    return round(float(line.split()[-1]))


def _looks(name: str, took_ms: Mapping[str, Sequence[float]]) -> Iterator[Figure]:
    for what, times_ms in took_ms.items():
        if not times_ms:  # nobody looked a second time
            continue
        p95, allowed_ms = percentile(times_ms, 95), _ALLOWED_MS.get(what)
        yield Figure.of(
            NAME,
            f"{name}: {what}",
            "ms",
            times_ms,
            target=f"p95 below {allowed_ms:g}" if allowed_ms else "",
            note=f"p95 {p95:.0f}",
            held=allowed_ms is None or p95 < allowed_ms,
        )


def _taken_in(name: str, offered: Offered, arrived: int, memory_mb: float) -> Iterator[Figure]:
    rate = len(offered.lags_s) / offered.seconds
    yield Figure.of(
        NAME,
        f"{name}: taken in meanwhile",
        "runs/s",
        [rate],
        target="all",
        note=f"{arrived} of {offered.due} runs",
        held=arrived == offered.due,
    )
    late_s = percentile(offered.lags_s, 95)
    yield Figure.of(
        NAME,
        f"{name}: from a run's end until it is there",
        "s",
        offered.lags_s,
        target=f"p95 below {_ALLOWED_LAG_S:g}",
        note=f"p95 {late_s:.2f}",
        held=late_s < _ALLOWED_LAG_S,
    )
    yield Figure.of(NAME, f"{name}: memory of the evaluator", "MB", [memory_mb])


if __name__ == "__main__":
    print(json.dumps(look(sys.argv[1], int(sys.argv[2]), sys.argv[3])))
