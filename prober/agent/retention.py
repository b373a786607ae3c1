"""Keeping evidence within bounds: the oldest goes first.

Only runs that did not pass leave evidence, so what is kept is always of a failure.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from prober.agent.scrub import RAW

#: By then a trace has been scrubbed, if ever.
_SCRUBBED_S = 300


class _Kept(NamedTuple):
    """One run's folder."""

    changed_s: float
    size: int
    folder: Path


def prune(directory: Path, *, age_s: float, most_bytes: int) -> int:
    """Remove folders that are too old, then the oldest until the rest fits; how many.

    So go traces that were never scrubbed: whoever was to do it is dead.
    """
    oldest_s = time.time() - age_s
    for raw in directory.glob(f"*/{RAW}"):
        with contextlib.suppress(FileNotFoundError):  # its run came to its end just now
            if raw.stat().st_mtime < time.time() - _SCRUBBED_S:
                raw.unlink()
    room, removed = most_bytes, 0
    for kept in sorted(_folders(directory), reverse=True):
        room -= kept.size
        if room < 0 or kept.changed_s < oldest_s:
            shutil.rmtree(kept.folder, ignore_errors=True)
            removed += 1
    return removed


def _folders(directory: Path) -> Iterator[_Kept]:
    if not directory.is_dir():
        return
    for folder in directory.iterdir():
        if folder.is_dir():
            size = sum(file.stat().st_size for file in folder.iterdir())
            yield _Kept(folder.stat().st_mtime, size, folder)
