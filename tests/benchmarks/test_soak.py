"""The soak: what its slopes say of known series, what its gauges see, and the whole in short."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Protocol

import pytest

from benchmarks.books import Books
from benchmarks.gauges import GAUGES, Place
from benchmarks.journals import run_at
from benchmarks.slope import _T, BLOCKS, slope_of
from benchmarks.soak import Watched, books, slopes
from prober.journal.journal import Journal
from prober.model import Cause, Gap, Outcome, Record, Run, Schedule, SlotReason, SlotState

ROOT = Path(__file__).resolve().parent.parent.parent
HOUR_S = 3600.0
#: A look every four seconds, for an hour.
TIMES_S = [4.0 * n for n in range(900)]
TRIALS = 400
EVERY_MS, FROM_MS = 15_000, 1_800_000_000_000
#: Grows by a known amount of everything when it is told to, and says when it has.
GROWER = """
import sys, tempfile, threading, time
print("ready", flush=True)
sys.stdin.readline()
held = b"x" * 50_000_000
files = [tempfile.NamedTemporaryFile(dir=sys.argv[1]) for _ in range(20)]
for file in files:
    file.write(b"x" * 100_000)
    file.flush()
for _ in range(3):
    threading.Thread(target=time.sleep, args=(300,), daemon=True).start()
print("grown", flush=True)
sys.stdin.readline()
"""


def kin(random: Random, likeness: float, sigma: float = 1.0) -> list[float]:
    """Noise whose neighbours are alike: a first-order autoregression, from its stationary state."""
    values = [random.gauss(0, sigma)]
    fresh = sigma * math.sqrt(1 - likeness**2)
    for _ in TIMES_S[1:]:
        values.append(likeness * values[-1] + random.gauss(0, fresh))
    return values


# Slopes


def test_a_slope_without_noise_is_exact() -> None:
    slope = slope_of(TIMES_S, [7 + 2.5 * time_s / HOUR_S for time_s in TIMES_S])
    assert slope == pytest.approx((2.5, 2.5, 2.5), abs=1e-6)
    assert slope.grows


def test_what_never_changes_does_not_grow() -> None:
    slope = slope_of(TIMES_S, [25.0] * len(TIMES_S))
    assert slope == (0, 0, 0)
    assert not slope.grows


def test_looks_need_not_be_evenly_apart() -> None:
    random = Random(3)
    times_s = list(accumulate(random.uniform(0.1, 20) for _ in TIMES_S))
    slope = slope_of(times_s, [-3 * time_s / HOUR_S for time_s in times_s])
    assert slope.an_hour == pytest.approx(-3)


def test_the_margin_is_students_t_for_two_less_than_there_are_blocks() -> None:
    freedom = BLOCKS - 2
    scale = math.gamma((freedom + 1) / 2) / math.gamma(freedom / 2) / math.sqrt(freedom * math.pi)
    steps = 10_000
    middles = (_T * (2 * (n + 0.5) / steps - 1) for n in range(steps))
    heights = (scale * (1 + t**2 / freedom) ** (-(freedom + 1) / 2) for t in middles)
    assert 2 * _T / steps * sum(heights) == pytest.approx(0.95, abs=1e-5)


@pytest.mark.parametrize(
    ("likeness", "an_hour"),
    [
        pytest.param(0.0, 0.0, id="strangers without a trend"),
        pytest.param(0.9, 0.0, id="neighbours without a trend"),
        pytest.param(0.9, 2.0, id="neighbours with a trend"),
    ],
)
def test_the_interval_has_the_true_slope_as_often_as_it_says(
    likeness: float, an_hour: float
) -> None:
    random, held = Random(20), 0
    trend = [an_hour * time_s / HOUR_S for time_s in TIMES_S]
    for _ in range(TRIALS):
        noise = kin(random, likeness)
        slope = slope_of(TIMES_S, [a + b for a, b in zip(trend, noise, strict=True)])
        held += slope.low <= an_hour <= slope.high
    assert 0.90 <= held / TRIALS <= 0.98


def test_a_worker_that_grows_and_is_renewed_every_six_minutes_does_not_grow() -> None:
    noise = kin(Random(1), 0.5)
    life = [30 * (time_s % 375 / 375) + more for time_s, more in zip(TIMES_S, noise, strict=True)]
    assert not slope_of(TIMES_S, life).grows


def test_a_leak_of_the_noises_own_size_is_found() -> None:
    noise = kin(Random(2), 0.5)
    leak = [2 * time_s / HOUR_S + more for time_s, more in zip(TIMES_S, noise, strict=True)]
    slope = slope_of(TIMES_S, leak)
    assert slope.grows
    assert slope.low <= 2 <= slope.high


# Verdicts


def watched(leaks: dict[str, float]) -> Watched:
    """An hour in which everything had noise, and some things grew by so much."""
    random = Random(5)
    noise = {name: kin(random, 0.5, 0.01) for name in GAUGES}
    looks: list[Mapping[str, float]] = [
        {name: 10 + noise[name][n] + leaks.get(name, 0) * time_s / HOUR_S for name in GAUGES}
        for n, time_s in enumerate(TIMES_S)
    ]
    return Watched(TIMES_S, looks)


def test_only_what_grows_by_more_than_matters_is_held_against_it() -> None:
    leaks = {"supervisor: memory": 4.0, "evaluator: memory": 1.0, "agent: journal": 40.0}
    found = {each.name: each for each in slopes(watched(leaks), 1680, judged=True)}
    assert found.keys() == GAUGES.keys()
    assert [name for name, each in found.items() if not each.held] == ["supervisor: memory"]
    assert found["supervisor: memory"].note.endswith("GROWS")
    assert found["supervisor: memory"].target == "at most +100 in 30 days"
    assert "+144 in 30 days" in found["supervisor: memory"].note
    assert found["evaluator: memory"].note.endswith("grows by less than matters")
    assert found["drivers: memory"].note.endswith("no growth above noise")


def test_a_journal_is_said_to_grow_by_bytes_a_run_until_retention_bounds_it() -> None:
    found = {
        each.name: each for each in slopes(watched({"agent: journal": 1.68}), 1680, judged=True)
    }
    said = found["agent: journal"].note.split(": ")[1]
    a_run, in_all = (int(word) for word in said.split() if word.isdigit() and word != "93")
    assert a_run == pytest.approx(1000, abs=10)
    assert in_all == pytest.approx(a_run * 1680 / 20 * 24 * 93 / 1e6, abs=1)


def test_what_was_watched_for_too_short_a_time_is_no_verdict() -> None:
    found = list(slopes(watched({"supervisor: memory": 400.0}), 1680, judged=False))
    assert all(each.held for each in found)
    assert "too short to say" in found[0].note


# Books


def schedule(journey: str = "checkout") -> Schedule:
    return Schedule(
        journey=journey,
        region="here",
        from_ms=FROM_MS,
        every_ms=EVERY_MS,
        phase_ms=FROM_MS % EVERY_MS,
    )


def ran(numbers: Sequence[int], outcome: Outcome = Outcome.PASSED) -> list[Run]:
    """Runs of the slots with these numbers."""
    return [replace(run_at("here", FROM_MS + n * EVERY_MS, 999), outcome=outcome) for n in numbers]


def skipped(first: int, count: int) -> Gap:
    return Gap(
        journey="checkout",
        region="here",
        first_ms=FROM_MS + first * EVERY_MS,
        last_ms=FROM_MS + (first + count - 1) * EVERY_MS,
        count=count,
        state=SlotState.SKIPPED,
        reason=SlotReason.CAPACITY,
    )


class Keep(Protocol):
    """See `kept`."""

    def __call__(self, records: list[Record], since_ms: int = 0) -> Books: ...


@pytest.fixture
def kept(tmp_path: Path) -> Keep:
    """`kept(records)`: the books of a journal in which they were written."""
    number = iter(range(9))

    def write(records: list[Record], since_ms: int = 0) -> Books:
        data = tmp_path / str(next(number))
        journal = Journal.open(data / "journal.db")
        journal.write(records, FROM_MS)
        journal.close()
        return Books.read(data, since_ms)

    return write


def broken(ours: Books, theirs: Books, seen: Watched | None = None) -> list[str]:
    """What did not hold."""
    return [each.name for each in books(ours, theirs, seen or Watched()) if not each.held]


def test_books_in_order_hold(kept: Keep) -> None:
    records: list[Record] = [schedule(), *ran(range(5)), skipped(5, 3), *ran([8])]
    ours, theirs = kept(records), kept([*reversed(records)])
    assert (ours.due, ours.settled, ours.completed) == (9, 9, 6)
    assert broken(ours, theirs) == []


def test_what_was_before_is_no_part_of_the_books(kept: Keep) -> None:
    before: list[Record] = [schedule(), *ran([0, 1], Outcome.FAILED), *ran([3]), skipped(3, 3)]
    found = kept([*before, *ran([6, 7])], FROM_MS + 5 * EVERY_MS)
    assert (found.due, found.settled, found.completed) == (3, 3, 2)
    assert broken(found, found) == []
    assert broken(found, kept([*before[1:], *ran([6, 7])])) == [
        "records that the evaluator has once"
    ]


def test_a_slot_without_a_state_is_told(kept: Keep) -> None:
    found = kept([schedule(), *ran([0, 1, 3])])
    assert broken(found, found) == ["slots with one state"]


def test_a_slot_with_two_states_is_told(kept: Keep) -> None:
    found = kept([schedule(), *ran(range(4)), skipped(3, 1)])
    assert broken(found, found) == ["slots with one state"]


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.INCONCLUSIVE])
def test_a_run_that_did_not_pass_is_told(kept: Keep, outcome: Outcome) -> None:
    found = kept([schedule(), *ran([0, 1]), *ran([2], outcome)])
    assert broken(found, found) == ["runs that passed"]


def test_what_other_work_falsified_is_no_fault_of_the_soak(kept: Keep) -> None:
    (busy,) = ran([2], Outcome.INCONCLUSIVE)
    found = kept([schedule(), *ran([0, 1]), replace(busy, cause=Cause.SATURATED)])
    assert (found.saturated, broken(found, found)) == (1, [])
    nothing_else = kept([schedule(), replace(busy, cause=Cause.SATURATED)])
    assert "runs that passed" in broken(nothing_else, nothing_else)


def test_a_record_that_did_not_arrive_is_told(kept: Keep) -> None:
    records: list[Record] = [schedule(), *ran(range(3))]
    assert broken(kept(records), kept(records[:-1])) == ["records that the evaluator has once"]


def test_no_run_at_all_is_told(kept: Keep) -> None:
    found = kept([schedule()])
    assert "runs that passed" in broken(found, found)


def test_a_page_that_was_not_answered_is_told(kept: Keep) -> None:
    found = kept([schedule(), *ran([0])])
    assert broken(found, found, Watched(asked=3, answered=2)) == ["pages that were answered"]


# Gauges


@pytest.fixture
def grower(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that grows once it is told to."""
    home = tmp_path / "home"
    (home / "data").mkdir(parents=True)
    command = [sys.executable, "-c", GROWER, str(home)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def test_gauges_see_what_a_process_takes(grower: subprocess.Popen[str], tmp_path: Path) -> None:
    place = Place(grower.pid, grower.pid, tmp_path / "home", tmp_path / "evaluator")
    before = place.look()
    assert before.keys() == GAUGES.keys()
    assert grower.stdin
    assert grower.stdout
    grower.stdin.write("grow\n")
    grower.stdin.flush()
    assert grower.stdout.readline() == "grown\n"
    (tmp_path / "home" / "data" / "journal.db").write_bytes(b"x" * 3_000_000)
    (tmp_path / "home" / "data" / "journal.db-wal").write_bytes(b"x" * 1_000_000)
    (tmp_path / "home" / "data" / "screenshot.png").touch()
    more = {name: value - before[name] for name, value in place.look().items()}
    assert more["supervisor: memory"] == pytest.approx(50, abs=5)
    assert more["supervisor: descriptors"] == 20
    assert more["supervisor: threads"] == 3
    assert more["agent: temporary files"] == 20
    assert more["agent: temporary files' size"] == pytest.approx(2)
    assert more["agent: data but for the journal"] == 1
    assert more["agent: journal"] == pytest.approx(4)
    assert more["browsers: memory"] == more["agent: processes"] == 0


def test_a_look_at_an_agent_that_has_ended_says_so(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    with pytest.raises(RuntimeError, match="the supervisor has ended"):
        Place(ended.pid, ended.pid, tmp_path, tmp_path).look()


# The whole


@pytest.mark.long
@pytest.mark.browser
@pytest.mark.timeout(400)
def test_a_soak_says_of_everything_whether_it_grows_and_that_the_books_agree(
    tmp_path: Path,
) -> None:
    file, samples = tmp_path / "latest.json", tmp_path / "samples.csv"
    words = ["soak", "--for", "24s", "--patience", "0", "--out", file, "--samples", samples]
    command = [sys.executable, "-m", "benchmarks", *map(str, words)]
    made = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=380, check=False
    )
    figures = {each["name"]: each for each in json.loads(file.read_text())["figures"]}
    assert figures.keys() >= GAUGES.keys(), made.stderr
    for name, each in figures.items():
        assert f"soak: {name}" in made.stdout
        assert each["command"] == "python -m benchmarks soak --for 24s"
        assert each["held"] or name not in GAUGES, "a short soak judges no slope"
    for name in ("slots with one state", "records that the evaluator has once"):
        assert figures[name]["median"] == 100, figures[name]["note"]
    for role in ("supervisor", "workers", "drivers", "browsers", "evaluator"):
        assert figures[f"{role}: memory"]["p99"] > 5
    assert made.returncode == (0 if all(each["held"] for each in figures.values()) else 1)
    looks = list(csv.DictReader(samples.read_text().splitlines()))
    assert len(looks) >= BLOCKS
    assert looks[0].keys() == {"seconds", *GAUGES}
