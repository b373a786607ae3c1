"""Evidence stays within its bounds; that of failures and the newest stays longest."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from prober.agent.retention import mark_passed, prune
from prober.model import Outcome
from tests.faults.bench import Bench

AGES, MANY = 10**9, 10**9
DAY_S = 86_400


def keep(directory: Path, name: str, age_s: float, size: int = 10) -> Path:
    folder = directory / name
    folder.mkdir(parents=True)
    (folder / "screenshot.png").write_bytes(b"x" * size)
    then_s = time.time() - age_s
    os.utime(folder, (then_s, then_s))
    return folder


def test_what_is_too_old_goes_and_what_is_not_stays(tmp_path: Path) -> None:
    old, new = keep(tmp_path, "old", age_s=200), keep(tmp_path, "new", age_s=50)
    assert prune(tmp_path, age_s=100, most_bytes=MANY) == 1
    assert not old.exists()
    assert new.exists()


def test_a_clock_that_is_ahead_costs_the_oldest_week_a_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [keep(tmp_path, f"run-{days}", age_s=days * DAY_S) for days in (1, 290, 299, 300)]
    ahead_s = time.time() + 425 * DAY_S
    monkeypatch.setattr(time, "time", lambda: ahead_s)
    assert prune(tmp_path, age_s=400 * DAY_S, most_bytes=MANY) == 2
    assert [folder.exists() for folder in folders] == [True, True, False, False]


def test_a_folder_that_cannot_be_removed_keeps_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stuck, old, new = (keep(tmp_path, f"run-{d}", age_s=d * DAY_S) for d in (90, 50, 1))
    remove = shutil.rmtree

    def refuse(folder: Path) -> None:
        if folder == stuck:
            raise PermissionError(1, "Operation not permitted", str(folder))
        remove(folder)

    monkeypatch.setattr(shutil, "rmtree", refuse)
    assert prune(tmp_path, age_s=40 * DAY_S, most_bytes=MANY) == 1
    assert [folder.exists() for folder in (stuck, old, new)] == [True, False, True]
    assert str(stuck) in caplog.text


def test_the_oldest_go_until_the_rest_fits(tmp_path: Path) -> None:
    folders = [keep(tmp_path, f"run-{age}", age_s=age) for age in (10, 20, 30)]
    assert prune(tmp_path, age_s=AGES, most_bytes=20) == 1
    assert [folder.exists() for folder in folders] == [True, True, False]


def test_runs_that_passed_make_room_first_each_time_from_the_oldest_on(tmp_path: Path) -> None:
    failures = {age: keep(tmp_path, f"failed-{age}", age_s=age) for age in (30, 40)}
    passes = {age: keep(tmp_path, f"passed-{age}", age_s=age) for age in (10, 20)}
    for age, folder in passes.items():
        mark_passed(folder)
        os.utime(folder, (time.time() - age,) * 2)
    removed = []
    for most_bytes in (30, 20, 10, 0):
        there = set(tmp_path.iterdir())
        assert prune(tmp_path, age_s=AGES, most_bytes=most_bytes) == 1
        removed += there - set(tmp_path.iterdir())
    assert removed == [passes[20], passes[10], failures[40], failures[30]]


@pytest.mark.browser
def test_the_trace_of_a_run_that_passed_goes_before_an_older_failure(bench: Bench) -> None:
    source = """
        def looks(page: Page):
            with step("open"):
                page.goto("/")
                expect(page).to_have_title("{title}")
        """
    failed = bench.run(source.format(title="Farewell"), trace=True)
    passed = bench.run(source.format(title="Welcome"), trace=True)
    assert (failed.outcome, passed.outcome) == (Outcome.FAILED, Outcome.PASSED)
    trace, other = (bench.evidence(run, "trace.zip") for run in (failed, passed))
    size = sum(file.stat().st_size for file in trace.parent.iterdir())
    prune(trace.parents[1], age_s=AGES, most_bytes=size)
    assert (trace.exists(), other.exists()) == (True, False)


@pytest.mark.parametrize("name", ["trace.raw", "trace.part"])
def test_a_trace_that_was_never_scrubbed_goes(tmp_path: Path, name: str) -> None:
    folder = keep(tmp_path, "killed", age_s=0)
    (folder / name).write_bytes(b"a secret may be in it")
    assert prune(tmp_path, age_s=AGES, most_bytes=MANY) == 0
    assert (folder / name).exists()  # it may be on its way
    then_s = time.time() - 1000
    os.utime(folder / name, (then_s, then_s))
    prune(tmp_path, age_s=AGES, most_bytes=MANY)
    assert [file.name for file in folder.iterdir()] == ["screenshot.png"]


def test_what_goes_while_it_is_looked_at_stops_nobody(tmp_path: Path) -> None:
    folder = keep(tmp_path, "scrubbed just now", age_s=10, size=10)
    (folder / "trace.part").symlink_to("trace.zip")  # it was listed, and is not there
    (tmp_path / "run just over").symlink_to("nothing was kept of it")
    assert prune(tmp_path, age_s=AGES, most_bytes=10) == 0
    assert prune(tmp_path, age_s=AGES, most_bytes=9) == 1


def test_nothing_kept_is_nothing_removed(tmp_path: Path) -> None:
    assert prune(tmp_path / "none", age_s=AGES, most_bytes=MANY) == 0
