"""Keeping evidence within bounds: what runs that passed left goes first, then the oldest.

A run that passed leaves a trace when it was asked for one, as second attempts are. A folder of
such a run is marked, and one without a mark is kept as if its run had failed.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from prober.agent.scrub import PART, RAW
from prober.units import DAY_MS

#: Its name in a folder: the run passed.
_PASSED = "passed"
#: By then a trace has been scrubbed, if ever.
_SCRUBBED_S = 300
#: No pass removes more than what so long a time left.
_AT_ONCE_S = 7 * DAY_MS / 1000
log = logging.getLogger(__name__)


class _Kept(NamedTuple):
    """One run's folder; of two, the greater one stays longer."""

    failed: bool
    changed_s: float
    size: int
    folder: Path


def mark_passed(folder: Path) -> None:
    """Say in a run's folder that it passed; nothing where there is no folder."""
    with contextlib.suppress(OSError):
        (folder / _PASSED).touch()


def prune(directory: Path, *, age_s: float, most_bytes: int) -> int:
    """Remove folders that are too old, and others until the rest fits; how many.

    To make room, those of runs that passed go first, each time from the oldest on.

    For their age go those of a week, the oldest: a clock may be a year ahead for some hours.

    So go traces that were never scrubbed: whoever was to do it is dead.
    """
    for file in (*directory.glob(f"*/{RAW}"), *directory.glob(f"*/*{PART}")):
        with contextlib.suppress(FileNotFoundError):  # its run came to its end just now
            if file.stat().st_mtime < time.time() - _SCRUBBED_S:
                file.unlink()
    folders = set(_folders(directory))
    removed = set(_remove_old(folders, time.time() - age_s))
    room = most_bytes
    for kept in sorted(folders - removed, reverse=True):
        room -= kept.size
        if room < 0 and _removed(kept.folder):
            removed.add(kept)
    return len(removed)


def _remove_old(folders: Iterable[_Kept], oldest_s: float) -> Iterator[_Kept]:
    """Those that went."""
    for kept in sorted(folders, key=lambda each: each.changed_s):
        if kept.changed_s >= oldest_s:
            break
        if _removed(kept.folder):
            oldest_s = min(oldest_s, kept.changed_s + _AT_ONCE_S)
            yield kept


def _removed(folder: Path) -> bool:
    """Whether a folder could be removed; one that could not keeps no other."""
    try:
        shutil.rmtree(folder)
    except OSError as error:
        log.warning("evidence that is to go cannot be removed, trying again in an hour: %s", error)
        return False
    return True


def _folders(directory: Path) -> Iterator[_Kept]:
    if not directory.is_dir():
        return
    for folder in directory.iterdir():
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            failed, files = not (folder / _PASSED).exists(), list(folder.iterdir())
            yield _Kept(failed, folder.stat().st_mtime, sum(map(_size, files)), folder)


def _size(file: Path) -> int:
    """In bytes; nothing of one that went meanwhile, as a trace does that has been scrubbed."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
