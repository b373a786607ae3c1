"""Evidence stays within its bounds, and the newest stays longest."""

from __future__ import annotations

import os
import time
from pathlib import Path

from prober.agent.retention import prune

AGES, MANY = 10**9, 10**9


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


def test_the_oldest_go_until_the_rest_fits(tmp_path: Path) -> None:
    folders = [keep(tmp_path, f"run-{age}", age_s=age) for age in (10, 20, 30)]
    assert prune(tmp_path, age_s=AGES, most_bytes=20) == 1
    assert [folder.exists() for folder in folders] == [True, True, False]


def test_a_trace_that_was_never_scrubbed_goes(tmp_path: Path) -> None:
    folder = keep(tmp_path, "killed", age_s=0)
    (folder / "trace.raw").write_bytes(b"as it was recorded")
    assert prune(tmp_path, age_s=AGES, most_bytes=MANY) == 0
    assert (folder / "trace.raw").exists()  # it may be on its way
    then_s = time.time() - 1000
    os.utime(folder / "trace.raw", (then_s, then_s))
    prune(tmp_path, age_s=AGES, most_bytes=MANY)
    assert [file.name for file in folder.iterdir()] == ["screenshot.png"]


def test_nothing_kept_is_nothing_removed(tmp_path: Path) -> None:
    assert prune(tmp_path / "none", age_s=AGES, most_bytes=MANY) == 0
