"""Sweeping: all that came from a worker goes, and nothing of its neighbours."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from prober.agent import process
from tests.conftest import wait_until

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
#: Starts a child that leaves session and parent, as Chromium's helpers do, and says its pid.
ESCAPE = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        time.sleep(600)
    os._exit(0)
os.wait()
time.sleep(600)
"""


@contextmanager
def child(directory: Path, *command: str) -> Iterator[subprocess.Popen[str]]:
    directory.mkdir(exist_ok=True)
    environment = {**os.environ, "TMPDIR": str(directory)}
    started = subprocess.Popen(command or SLEEP, env=environment, text=True, stdout=-1)
    process.started.add(started.pid)
    with started:
        try:
            yield started
        finally:
            started.kill()
            process.started.discard(started.pid)


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid)


def test_a_sweep_takes_what_left_its_parent_and_session(tmp_path: Path) -> None:
    process.adopt_orphans()
    here = tmp_path / "worker-1"
    with child(here, sys.executable, "-c", ESCAPE) as worker:
        assert worker.stdout
        escaped = int(worker.stdout.readline())
        wait_until(lambda: psutil.Process(escaped).ppid() == os.getpid())
        process.sweep(worker.pid, here)
        assert gone(escaped)  # reaped as well
        assert worker.wait() < 0
    assert not here.exists()


def test_a_sweep_takes_what_is_stopped(tmp_path: Path) -> None:
    with child(tmp_path / "worker-1") as worker:
        psutil.Process(worker.pid).suspend()
        wait_until(lambda: process.stopped(worker.pid))
        assert list(process.stopped(worker.pid).values()) == [True]
        process.sweep(worker.pid, tmp_path / "worker-1")
        assert worker.wait() < 0


def test_a_sweep_of_the_first_leaves_the_tenth(tmp_path: Path) -> None:
    with child(tmp_path / "worker-1") as first, child(tmp_path / "worker-10") as tenth:
        process.sweep(first.pid, tmp_path / "worker-1")
        assert first.wait() < 0
        assert tenth.poll() is None
        assert (tmp_path / "worker-10").exists()


def test_a_sweep_of_nothing_is_quick_and_quiet(tmp_path: Path) -> None:
    process.sweep(0, tmp_path / "none")


def test_what_a_dead_supervisor_left_is_cleared_and_a_living_ones_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with subprocess.Popen(SLEEP) as other:
        dead, living = tmp_path / "prober-999999999-a", tmp_path / f"prober-{other.pid}-a"
        dead.mkdir()
        living.mkdir()
        (tmp_path / "prober-allowance-0").mkdir()
        with child(dead / "worker-1") as orphan:
            process.clear_leavings()
            assert orphan.wait(10) < 0
        other.kill()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["prober-allowance-0", living.name]
    )


def test_what_one_with_the_same_number_left_in_a_container_is_cleared_and_ours_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ours = process.make_temporary_root()
    (tmp_path / f"prober-{os.getpid()}-before").mkdir()
    assert process.make_temporary_root().exists()
    assert ours.exists()
    assert len(list(tmp_path.iterdir())) == 2


def test_memory_is_that_of_the_whole_family(tmp_path: Path) -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    hold = "x = bytearray(50_000_000); print(1, flush=True); import time; time.sleep(600)"
    with child(tmp_path / "w", sys.executable, "-c", code, hold) as worker:
        assert worker.stdout
        worker.stdout.readline()
        assert process.resident_bytes(worker.pid) > 50_000_000
        process.sweep(worker.pid, tmp_path / "w")
    assert process.resident_bytes(worker.pid) == 0


def test_a_child_of_somebody_else_in_the_house_is_not_reaped() -> None:
    with subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"]) as mine:
        process.started.add(mine.pid)
        with suppress(psutil.NoSuchProcess):
            wait_until(lambda: psutil.Process(mine.pid).status() == psutil.STATUS_ZOMBIE)
        process.reap()
        assert mine.wait() == 7
        process.started.discard(mine.pid)


def test_what_is_in_the_way_once_ends_no_reaping(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def reap() -> None:
        asked.append("once more")
        raise psutil.AccessDenied

    monkeypatch.setattr(process, "reap", reap)

    async def watch() -> None:
        reaping = asyncio.create_task(process.reap_for_ever(0))
        async with asyncio.timeout(5):
            while len(asked) < 3:
                await asyncio.sleep(0)
        reaping.cancel()

    asyncio.run(watch())
