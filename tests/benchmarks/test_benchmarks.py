"""Each benchmark, end to end with tiny numbers: that it measures, never what it measures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import evaluate, gate, loaded, memory, overhead, processes, punctual, run, scale
from benchmarks.__main__ import main
from benchmarks.contest import Entrant, contest, spread
from benchmarks.journals import Plan, contract, fill
from benchmarks.offer import EVERY_MS, Load, Shape
from benchmarks.report import Figure, Result, Skipped, percentile, table, write
from benchmarks.settings import Settings
from prober.journal.body import unpack_run
from prober.journal.journal import Journal
from prober.journal.store import IDENTITY, open_reader
from prober.journal.tally import rules_of
from prober.model import Run
from tests.conftest import SHORT, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
BURN_S = 0.5
#: What it needs beside that once it has started, generously.
MORE_S = 0.3
BURNER = """
import os, sys, time
from benchmarks.processes import adopt_orphans
def burn():
    ends = time.process_time() + float(sys.argv[2])
    while time.process_time() < ends:
        pass
def live():
    burn()
def child():
    if os.fork() == 0:
        burn()
        os._exit(0)
    os.wait()
def orphan():
    if os.fork() == 0:
        if os.fork() == 0:
            os.setsid()
            burn()
            os._exit(0)
        os._exit(0)
    os.wait()
    os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
adopt_orphans()
started_s = time.process_time()
globals()[sys.argv[1]]()
print(started_s, flush=True)
sys.stdin.read()
"""


def figure(**changes: Any) -> Figure:
    return replace(Figure.of("run", "wall", "s", [1.0, 2.0]), **changes)


def assert_well_formed(results: list[Result], benchmark: str) -> None:
    assert results
    for result in results:
        assert result.benchmark == benchmark
        assert result.name
        if isinstance(result, Figure):
            assert result.n >= 1
            assert result.p10 <= result.median <= result.p90 <= result.p99


@pytest.mark.parametrize(
    "way",
    [
        pytest.param("live", id="that still runs"),
        pytest.param("child", id="whose child ended"),
        pytest.param("orphan", id="whose grandchild ended as an orphan in a session of its own"),
    ],
)
def test_all_cpu_time_is_counted_of_a_process(way: str) -> None:
    command = [sys.executable, "-c", BURNER, way, str(BURN_S)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as burner:
        assert burner.stdout
        started_s = float(burner.stdout.readline())
        used_s = processes.cpu_s(processes.tree(burner.pid))
        by_kind = processes.cpu_by_kind(processes.tree(burner.pid))
        sizes = processes.pss_mb(processes.tree(burner.pid))
        burner.communicate()
    assert BURN_S - 0.02 <= used_s <= started_s + BURN_S + MORE_S
    assert sum(by_kind.values()) == pytest.approx(used_s, abs=0.05)
    assert sizes["python"] > 1


@pytest.mark.long
@pytest.mark.browser
def test_run_compares_every_way_and_names_what_it_skips(settings: Settings) -> None:
    results = run.measure(settings)
    assert_well_formed(results, "run")
    names = [result.name for result in results]
    for entrant in run.ENTRANTS:
        assert f"{entrant.name}: CPU" in names
    assert any("npx playwright test" in name for name in names)


@pytest.mark.long
@pytest.mark.browser
def test_overhead_sets_variants_beside_the_floor(settings: Settings) -> None:
    variants = [
        Entrant("by hand", "limit", {"watch": True, "script": True}),
        Entrant("events", "floor", {"keep": "context", "listen": ["request"]}),
        Entrant("features", "floor", {"off": ["Nothing"]}),
        Entrant("driver", "driver"),
    ]
    results = overhead.measure(settings, variants)
    assert_well_formed(results, "overhead")
    names = {result.name for result in results}
    assert {f"{variant.name}: CPU ÷ floor" for variant in variants} <= names


@pytest.mark.long
@pytest.mark.browser
def test_a_contest_keeps_so_many_rounds_with_every_entrant_in_each(settings: Settings) -> None:
    floor = Entrant("floor", "floor")
    rounds = contest([floor], settings.url, settings.browser, rounds=2, others=(), patience_s=0)
    assert len(rounds) == 2
    assert all(len(made["floor"].steps_s) == 5 for made in rounds)
    assert all(made["floor"].cpu_s > 0 for made in rounds)
    assert {"browser", "driver", "python", "renderer"} <= spread(rounds, "floor").keys()


@pytest.mark.long
@pytest.mark.browser
def test_memory_says_the_difference_by_kind_of_process(settings: Settings) -> None:
    results = memory.measure(settings)
    assert_well_formed(results, "memory")
    names = {result.name for result in results}
    for kind in ("browser", "driver", "python", "worker"):
        assert f"agent: more than raw Playwright, {kind}" in names


@pytest.mark.long
@pytest.mark.browser
def test_punctual_reads_delays_and_queues_from_a_real_agents_journal(settings: Settings) -> None:
    results = punctual.measure(settings, sharing=2)
    assert_well_formed(results, "punctual")
    names = {result.name for result in results}
    for journeys in ("one journey", "2 journeys"):
        assert {f"{journeys}: slot to order", f"{journeys}: queue"} <= names


@pytest.mark.long
@pytest.mark.browser
def test_loaded_blames_nothing_on_the_target(settings: Settings) -> None:
    results = loaded.measure(replace(settings, soak_s=20 if SHORT else 120))
    assert_well_formed(results, "loaded")
    found = {each.name: each for each in results if isinstance(each, Figure)}
    for part in (f"{loaded.LOAD * (os.cpu_count() or 1)} burners", "alone"):
        assert found[f"{part}: runs"].median >= 3
        assert found[f"{part}: failed"].held, found[f"{part}: failed"].note
        assert found[f"{part}: beyond a threshold"].held
        assert found[f"{part}: time lost to others"].n == found[f"{part}: runs"].median


def test_burners_end_with_their_block() -> None:
    def burners() -> list[int]:
        found = [process.pid for process in processes.tree(os.getpid())]
        return [pid for pid in found if loaded.BURN in processes.command(pid)]

    with loaded.burning(3):
        wait_until(lambda: len(burners()) == 3)
    assert burners() == []


@pytest.mark.long
def test_evaluate_judges_a_journal_that_is_being_written(settings: Settings) -> None:
    results = evaluate.measure(settings)
    assert_well_formed(results, "evaluate")
    assert {result.name for result in results} >= {
        "1,000 runs: first judgement",
        "1,000 runs: judgement",
        "20 contracts, 1,000 runs: first status",
        "20 contracts, 1,000 runs: status",
        "20 contracts, 1,000 runs: memory",
    }
    assert any("slo-generator" in result.name for result in results), "measured or skipped by name"


def test_gate_asks_a_real_evaluator_for_decisions(settings: Settings) -> None:
    results = gate.measure(settings)
    assert_well_formed(results, "gate")
    assert [result.name for result in results] == [
        "the command: CPU",
        "the command: wall",
        "the evaluator: CPU, 1,000 runs",
    ]


@pytest.mark.long
def test_scale_offers_the_runs_of_a_fleet_to_a_real_evaluator(settings: Settings) -> None:
    results = scale.measure(replace(settings, fleet=(6, 20)))
    assert_well_formed(results, "scale")
    found = {each.name: each.median for each in results if isinstance(each, Figure)}
    for factor in scale.FACTORS:
        assert found[f"×{factor}: taken in of what was offered"] == 100
        assert found[f"×{factor}: evaluator's CPU a run"] > 0
    assert found["metrics of 20 journeys: series"] > 20 * 100
    assert any("metric backend" in result.name for result in results), "measured or skipped"


def test_a_fleets_load_has_each_slot_of_each_schedule_once_and_in_order() -> None:
    load = Load(Shape(3, 4), factor=10, seconds=12, start_ms=1_800_000_012_345)
    due = [load.due(place) for place in range(3)]
    assert sum(map(len, due)) == load.shape.per_second * load.factor * load.seconds
    seen = {}
    for runs in due:
        assert [at_s for at_s, _ in runs] == sorted(at_s for at_s, _ in runs)
        for at_s, entry in runs:
            assert isinstance(entry.record, Run)
            seen[entry.record.id] = at_s
    for schedule in load.schedules():
        slots = [
            i.slot_ms for i in seen if (i.journey, i.region) == (schedule.journey, schedule.region)
        ]
        first_ms = load.start_ms + (schedule.phase_ms - load.start_ms) % EVERY_MS
        assert sorted(slots) == list(range(first_ms, load.end_ms, EVERY_MS))
    assert all(0 <= at_s < load.seconds for at_s in seen.values())


def test_evaluate_says_when_the_disk_is_too_small(settings: Settings) -> None:
    results = evaluate.measure(replace(settings, journals=(10**12,)))
    journals = [result for result in results if "slo-generator" not in result.name]
    assert [type(result) for result in journals] == [Skipped, Skipped]


def test_a_filled_journal_holds_the_rows_that_writing_the_same_runs_makes(tmp_path: Path) -> None:
    plan, now_ms = Plan(500, 1_800_000_000_000), 1_800_000_000_000
    fill(tmp_path / "filled" / "journal.db", plan, now_ms)
    journal = Journal.open(tmp_path / "written" / "journal.db", rules_of([contract()]), now_ms)
    journal.write(plan.schedules(), now_ms)
    journal.write(plan.runs(), now_ms)
    journal.close()
    filled, written = rows(tmp_path / "filled"), rows(tmp_path / "written")
    assert len(written["run"]) == 500
    for table_name, expected in written.items():
        assert filled[table_name] == expected, table_name


def rows(directory: Path) -> dict[str, list[Any]]:
    """What judging reads of a journal; bodies without the moment of their run."""
    store = open_reader(directory / "journal.db")
    connection = store._connection
    found = {
        name: sorted(connection.execute(f"SELECT * FROM {name}").fetchall())
        for name in ("run", "rollup", "schedule", "mark", "meta")
    }
    found["meta"] = [row for row in found["meta"] if row[0] != IDENTITY]
    found["series"] = connection.execute("SELECT id, journey, region FROM series").fetchall()
    records = connection.execute("SELECT seq, kind, written_ms, body FROM record ORDER BY seq")
    found["record"] = [
        (*row, timeless(unpack_run(body)) if row[1] == "run" else body) for *row, body in records
    ]
    store.close()
    return found


def timeless(made: Run) -> Run:
    return replace(made, id=made.id._replace(slot_ms=0), started_ms=0, finished_ms=0)


@pytest.mark.long
def test_the_command_prints_a_table_and_writes_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "latest.json"
    words = ["--runs", "1", "--journals", "1000", "--patience", "0", "--out", str(file)]
    main(["evaluate", *words])
    assert "1,000 runs: judgement" in capsys.readouterr().out
    made = json.loads(file.read_text())
    assert set(made) == {"date", "cpus", "browser", "versions", "figures"}
    assert set(made["versions"]) == {"python", "prober", "playwright", "pytest-playwright"}
    for entry in made["figures"]:
        assert entry["command"] == "python -m benchmarks evaluate --runs 1"
        assert set(entry) == {*asdict(figure()), "command", "date"}
    assert str(Path.home()) not in file.read_text()


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["--runs", "0"], id="no run at all"),
        pytest.param(["--runs", "many"], id="a word for a number"),
        pytest.param(["speed"], id="a benchmark there is not"),
        pytest.param(["--fleet", "50"], id="a fleet without journeys"),
        pytest.param(["--for", "60"], id="a span without a unit"),
    ],
)
def test_the_command_refuses(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert words[-1] in capsys.readouterr().err


def test_writing_renews_the_figures_of_a_benchmark_and_keeps_all_others(tmp_path: Path) -> None:
    file = tmp_path / "latest.json"
    write(file, [figure(), figure(benchmark="memory")], "browser 1", "--runs 2")
    write(file, [figure(name="CPU")], "browser 1", "--runs 2")
    kept = [
        (entry["benchmark"], entry["name"]) for entry in json.loads(file.read_text())["figures"]
    ]
    assert kept == [("memory", "wall"), ("run", "CPU")]


def test_a_table_shows_figures_with_their_target_and_why_others_were_skipped() -> None:
    shown = table([figure(target="at most 3"), Skipped(benchmark="run", name="npx", why="no node")])
    assert "run: wall" in shown
    assert "1.500" in shown
    assert "at most 3" in shown
    assert "no node" in shown


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        pytest.param([7.0], 99, 7.0, id="of one value is that value"),
        pytest.param([float(n) for n in range(101)], 90, 90.0, id="lies between ranks"),
    ],
)
def test_a_percentile(values: list[float], share: int, expected: float) -> None:
    assert percentile(values, share) == pytest.approx(expected)
