"""What grows in an agent and an evaluator that run for long: `make soak`.

The example journeys run at twenty times their rate against the shop, and metrics are sent as
much more often, so that an hour has the runs of twenty. What goes by the clock keeps its own
pace: looks at alerts, and the hourly backup and retention. Meanwhile the status page and the
agent's `/metrics` are read at every look, as a person and a scraper would.

Who runs for months has a past: SQLite's caches are full after some 4,000 runs, which take two
hours at that rate, and the room that a backup takes is kept for the next. So the journey without a
browser goes faster until there are so many runs, and both processes are started anew on the way:
at their start they back up a journal that holds something.
"""

from __future__ import annotations

import csv
import os
import random
import re
import shutil
import socket
import tempfile
import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from benchmarks.books import Books
from benchmarks.gate import serving
from benchmarks.gauges import GAUGES, ROLES, Place
from benchmarks.region import agent, write_region
from benchmarks.report import Figure, Result
from benchmarks.settings import Settings
from benchmarks.slope import BLOCKS, Slope, slope_of
from benchmarks.terms import JOURNEYS
from prober.discovery import describe
from prober.journal.backup import FOLDER
from prober.model import Outcome

NAME = "soak"
RATE = 20
#: Hours of a soak that have the runs of 30 days.
_MONTH = 30 * 24 / RATE
#: As long as the rows of runs that passed.
_KEPT_DAYS = 93
#: A deadline has to end before the next slot.
_DEADLINE = 0.95
_METRICS_MS = 15_000
#: Runs that are made before both are started anew, and before it watches, by an hour's soak; a
#: shorter one makes fewer.
_ANEW, _PAST, _PAST_EVERY_MS, _PAST_JOURNEY = 1500, 6500, 150, "account_api"
_RUNS = re.compile(r"^prober_runs_total\{.*\} (\d+)", re.MULTILINE)
#: So much of a soak is left out at its beginning besides: logs reach their size.
_WARM_UP, _LONGEST_WARM_UP_S = 1 / 6, 300.0
#: A shorter one tells of its beginning, and slopes are no verdict.
JUDGED_S = 1800.0
#: Between looks, at most, at random: a fixed step would meet runs at the same point for long.
_LOOK_S = 4.0
_LOOKS_A_BLOCK = 10
_PATIENCE_S = 30.0
_HOUR_S = 3600


@dataclass(slots=True)
class Watched:
    """What was seen."""

    #: Seconds since the agent was ready, of each look.
    times_s: list[float] = field(default_factory=list)
    looks: list[Mapping[str, float]] = field(default_factory=list)
    #: Pages asked for, and those that were answered.
    asked: int = 0
    answered: int = 0

    def add(self, time_s: float, look: Mapping[str, float], file: Path | None) -> None:
        """One more look; at the end of a file too, so that a soak that is killed is not lost."""
        self.times_s.append(time_s)
        self.looks.append(look)
        if file:
            with file.open("w" if len(self.looks) == 1 else "a", newline="") as lines:
                row = csv.DictWriter(lines, ["seconds", *look])
                if len(self.looks) == 1:
                    row.writeheader()
                row.writerow({"seconds": round(time_s, 3), **look})

    def since(self, start_s: float) -> int:
        """How many looks there were from a moment on."""
        return len(self.times_s) - bisect_left(self.times_s, start_s)

    def after(self, start_s: float) -> Watched:
        """What was seen from a moment on."""
        first = len(self.looks) - self.since(start_s)
        return Watched(self.times_s[first:], self.looks[first:], self.asked, self.answered)


def measure(settings: Settings) -> list[Result]:
    """Slopes of everything that should stand still, of the journal, and the books."""
    warm_up_s = min(_WARM_UP * settings.soak_s, _LONGEST_WARM_UP_S)
    with tempfile.TemporaryDirectory() as directory:
        home, data = Path(directory) / "agent", Path(directory) / "evaluator"
        page, share = f"127.0.0.1:{_free_port()}", min(1, settings.soak_s / _HOUR_S)
        with _life(settings, home, data, page):
            _make_past(page, round(_ANEW * share))
        for backups in (home / "data" / FOLDER, data / FOLDER):
            shutil.rmtree(backups)
        with _life(settings, home, data, page) as (url, evaluator, pid):
            _make_past(page, round(_PAST * share))
            write_region(home, settings.url, _faster(url, page))
            since_ms = _read_again(page)
            pages = (f"{url}/", f"http://{page}/metrics")
            seen = _watch(Place(pid, evaluator, home, data), settings, warm_up_s, pages)
        ours, theirs = Books.read(home / "data", since_ms), Books.read(data, since_ms)
    watched = seen.after(warm_up_s)
    runs_an_hour = _HOUR_S * ours.completed / seen.times_s[-1]
    judged = settings.soak_s >= JUDGED_S
    return [*slopes(watched, runs_an_hour, judged=judged), *books(ours, theirs, seen)]


@contextmanager
def _life(settings: Settings, home: Path, data: Path, page: str) -> Iterator[tuple[str, int, int]]:
    """An evaluator and an agent that makes a past: the evaluator's address, and their pids."""
    with serving(JOURNEYS, data) as (url, evaluator):
        region = write_region(home, settings.url, _faster(url, page, hurried=True))
        with agent(settings, region, JOURNEYS) as pid:
            yield url, evaluator, pid


def _faster(evaluator: str, page: str, *, hurried: bool = False) -> str:
    """Lines of a region file: the journeys at the rate, and where their records go.

    Args:
        evaluator: where records and metrics go.
        page: where the agent listens.
        hurried: whether the journey without a browser makes a past.
    """
    times = {}
    for journey in describe(JOURNEYS):
        every_ms = journey.every_ms // RATE
        if hurried and journey.name == _PAST_JOURNEY:
            every_ms = _PAST_EVERY_MS
        timeout_ms = min(journey.timeout_ms, round(_DEADLINE * every_ms))
        times[journey.name] = f"{{every: {every_ms}ms, timeout: {timeout_ms}ms}}"
    journeys = ", ".join(f"{name}: {each}" for name, each in times.items())
    return (
        f"journeys: {{{journeys}}}\n"
        f"otlp: [{{name: evaluator, endpoint: '{evaluator}', signals: [logs, metrics]}}]\n"
        f"metrics_interval: {_METRICS_MS // RATE}ms\n"
        f"listen: {page}\n"
    )


def _make_past(page: str, runs: int) -> None:
    """Wait until there have been so many."""
    start_s, made = time.monotonic(), 0
    with httpx.Client(timeout=_PATIENCE_S, trust_env=False) as http:
        while made < runs:
            time.sleep(1)
            made = sum(map(int, _RUNS.findall(http.get(f"http://{page}/metrics").text)))
            if time.monotonic() - start_s > _PATIENCE_S + runs:
                raise RuntimeError(f"{made} of {runs} runs were made in {runs:.0f} s")
    print(f"{made} runs before, in {(time.monotonic() - start_s) / 60:.1f} min", flush=True)


def _read_again(page: str) -> int:
    """Have the agent read its region file again; when it had, in ms since the epoch."""
    reply = httpx.post(f"http://{page}/-/reload", timeout=_PATIENCE_S, trust_env=False)
    if not reply.is_success:
        raise RuntimeError(f"the agent did not read its file again: {reply.text}")
    return time.time_ns() // 1_000_000


def _watch(place: Place, settings: Settings, warm_up_s: float, pages: Sequence[str]) -> Watched:
    """Look again and again until the time is up, and say how it goes."""
    seen, start_s = Watched(), time.monotonic()
    span_s = warm_up_s + settings.soak_s
    rest_s = min(_LOOK_S, settings.soak_s / BLOCKS / _LOOKS_A_BLOCK)
    said_s = 0.0
    with httpx.Client(timeout=_PATIENCE_S, trust_env=False) as http:
        while (now_s := time.monotonic() - start_s) < span_s or seen.since(warm_up_s) < BLOCKS:
            seen.add(now_s, place.look(), settings.samples)
            seen.asked += len(pages)
            seen.answered += sum(_answers(http, page) for page in pages)
            if now_s - said_s > span_s / BLOCKS:
                said_s = now_s
                print(_standing(now_s, seen.looks[-1]), flush=True)
            time.sleep(random.uniform(0.5, 1.5) * rest_s)
    return seen


def _answers(http: httpx.Client, page: str) -> bool:
    try:
        return http.get(page).is_success
    except httpx.TransportError:
        return False


def _standing(now_s: float, look: Mapping[str, float]) -> str:
    sizes = ", ".join(f"{role} {look[f'{role}: memory']:.0f} MB" for role in ROLES)
    return f"{now_s / 60:5.1f} min  {sizes}; load average {os.getloadavg()[0]:.1f}"


def slopes(watched: Watched, runs_an_hour: float, *, judged: bool) -> Iterator[Figure]:
    """A figure for each gauge.

    Args:
        watched: what was seen once it was warm, at least twelve looks.
        runs_an_hour: at the rate of the soak.
        judged: whether it was long enough for slopes to be a verdict.
    """
    for name, gauge in GAUGES.items():
        values = [look[name] for look in watched.looks]
        slope = slope_of(watched.times_s, values)
        if gauge.allowed is None:
            target, verdict, matters = "grows with runs", _a_run(slope, runs_an_hour), False
        else:
            target = f"at most {gauge.allowed:+.0f} in 30 days"
            matters = judged and slope.grows and _MONTH * slope.an_hour > gauge.allowed
            verdict = _verdict(slope, matters) if judged else "too short to say"
        note = f"{_carried_on(slope)}: {verdict}"
        yield Figure.of(NAME, name, gauge.unit, values, target=target, note=note, held=not matters)


def _carried_on(slope: Slope) -> str:
    """A slope, how sure it is, and what becomes of it in a month at the normal rate."""
    return (
        f"{slope.an_hour:+9.3f} an hour ({slope.low:+9.3f} to {slope.high:+9.3f}), "
        f"{_MONTH * slope.an_hour:+6.0f} in 30 days, up to {_MONTH * slope.high:+6.0f}"
    )


def _verdict(slope: Slope, matters: bool) -> str:
    if not slope.grows:
        return "no growth above noise"
    return "GROWS" if matters else "grows by less than matters"


def _a_run(slope: Slope, runs_an_hour: float) -> str:
    """How much a journal takes for a run, and what retention lets it become."""
    bytes_a_run = 1e6 * slope.an_hour / runs_an_hour
    kept = runs_an_hour / RATE * 24 * _KEPT_DAYS
    return f"{bytes_a_run:.0f} bytes a run, {bytes_a_run * kept / 1e6:.0f} MB in {_KEPT_DAYS} days"


def books(ours: Books, theirs: Books, seen: Watched) -> Iterator[Figure]:
    """Whether every run passed, every slot has one state, and every record arrived once.

    What other work on the machine falsified says nothing against a soak: it is told.
    """
    runs, said = ours.completed, ours.outcomes
    outcomes = ", ".join(f"{said[outcome]} {outcome}" for outcome in Outcome)
    outcomes += f" ({ours.saturated} saturated)"
    passed = said[Outcome.PASSED]
    held = passed > 0 and passed + ours.saturated == runs
    yield _share(
        "runs that passed", passed, runs, held=held, note=outcomes, target="all but saturated"
    )
    slots = f"{ours.due} were due, {len(ours.slots)} are known, {runs} were run"
    one = ours.settled == len(ours.slots) == ours.due
    yield _share("slots with one state", ours.settled, ours.due, held=one, note=slots)
    yield _share("slots that were run", runs, ours.due, target="")
    once = ours.records == theirs.records and set(ours.records.values()) == {1}
    arrived = sum((ours.records & theirs.records).values())
    yield _share("records that the evaluator has once", arrived, len(ours.records), held=once)
    every = seen.answered == seen.asked
    yield _share("pages that were answered", seen.answered, seen.asked, held=every)


def _share(
    name: str, part: int, whole: int, *, held: bool = True, note: str = "", target: str = "all"
) -> Figure:
    note, share = note or f"{part} of {whole}", 100 * part / max(whole, 1)
    return Figure.of(NAME, name, "%", [share], target=target, note=note, held=held)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
