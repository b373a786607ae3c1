"""How soon an evaluator shows its status page, with a journal of many runs that more arrive at.

A real evaluator takes runs in over HTTP while somebody in a process of its own,
`python -m benchmarks.pages URL COUNT`, looks at the page and answers with one JSON object.
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
from statistics import median

import httpx

from benchmarks import fleet
from benchmarks.contest import wait_for_quiet
from benchmarks.evaluate import BYTES_A_RUN, PER_SECOND, QUARTER_MS
from benchmarks.gate import serving
from benchmarks.journals import Plan, contracts, fill
from benchmarks.offer import Load, Offered, Shape, announce, offer, totals_of
from benchmarks.report import Figure, Result, Skipped, percentile
from benchmarks.settings import Settings
from prober.evaluator.board import FRESH_MS
from prober.journal.tally import rules_of

NAME = "pages"
_CONTRACTS = 20
#: Who the runs come from that arrive.
_SHAPE = Shape(10, _CONTRACTS)
#: A p95 takes more looks than a median.
_LOOKS = 4
_ALLOWED_MS = 100.0
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
        with serving(agreed, home / "data") as (url, _):
            wait_for_quiet(settings.patience_s)
            took_ms, offered = asyncio.run(_watch(url, home, _LOOKS * settings.runs))
    return list(_figures(name, took_ms, offered))


async def _watch(url: str, home: Path, count: int) -> tuple[Mapping[str, list[float]], Offered]:
    """Look at the page while runs arrive."""
    seconds = count * _BETWEEN_S + 1
    factor = PER_SECOND / _SHAPE.per_second
    start_ms = time.time_ns() // 1_000_000 - round(1000 * seconds * factor)
    load = Load(_SHAPE, factor, seconds, start_ms)
    totals = totals_of(home, _SHAPE, rules_of(contracts(_CONTRACTS)))
    await announce(url, load)
    command = [sys.executable, "-m", "benchmarks.pages", url, str(count)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    (said, _), offered = await asyncio.gather(process.communicate(), offer(url, load, totals))
    if process.returncode:
        raise RuntimeError("nobody could look at the page: the lines above say why")
    return json.loads(said), offered


def look(url: str, count: int) -> Mapping[str, Sequence[float]]:
    """Ask for the page so many times: how long each took, in ms, by what was asked."""
    took_ms: dict[str, list[float]] = {"first page": [], "page": [], "the same page again": []}
    with httpx.Client(base_url=url, timeout=_PATIENCE_S, trust_env=False) as http:
        took_ms["first page"].append(_ask(http))
        for _ in range(count):
            time.sleep(_BETWEEN_S)
            took_ms["page"].append(_ask(http))
            took_ms["the same page again"].append(_ask(http))
    return took_ms


def _ask(http: httpx.Client) -> float:
    start = time.perf_counter()
    http.get("/").raise_for_status()
    return 1000 * (time.perf_counter() - start)


def _figures(
    name: str, took_ms: Mapping[str, Sequence[float]], offered: Offered
) -> Iterator[Figure]:
    for what, times_ms in took_ms.items():
        p95 = percentile(times_ms, 95)
        promised = what == "page"
        yield Figure.of(
            NAME,
            f"{name}: {what}",
            "ms",
            times_ms,
            target=f"p95 below {_ALLOWED_MS:g}" if promised else "",
            note=f"p95 {p95:.0f}",
            held=not promised or p95 < _ALLOWED_MS,
        )
    rate = len(offered.lags_s) / offered.seconds
    note = f"{median(offered.lags_s):.2f} s after their end"
    yield Figure.of(NAME, f"{name}: taken in meanwhile", "runs/s", [rate], note=note)


if __name__ == "__main__":
    print(json.dumps(look(sys.argv[1], int(sys.argv[2]))))
