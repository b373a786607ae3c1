"""Backups of a journal: copies taken while it is written, each page as it was sealed.

A page that is not what was written stops the copy, so that no backup is of a damaged journal.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sqlite3
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from prober.errors import JournalError
from prober.journal.keeper import Keeper
from prober.journal.store import note_copy
from prober.journal.volume import make, sync
from prober.journal.wal import PAGE, SIDES, beside
from prober.units import HOUR_MS

log = logging.getLogger(__name__)

#: Beside the journal.
FOLDER = "backup"
KEPT = 2
#: A backup older than this is followed by another.
EVERY_MS = HOUR_MS
#: How long reading pauses, as a multiple of itself: runs are being measured.
_REST = 3.0
#: Changed pages that are copied while writers wait.
_BATCH = 500
_PATIENCE_S = 10.0
#: What a copy leaves free, beside a quarter of its size.
_ROOM_BYTES = 16 * 2**20
_SYNC_BYTES = 64 * 2**20
#: What opening a backup takes, for its log and its seals.
_OPENING_BYTES = 8 * 2**20
_CHUNK = 2**20
_MOMENT = "%Y%m%dT%H%M%SZ"


def take(keeper: Keeper, now_ms: int) -> Path | None:
    """Look every page of a journal over, and copy it; None where there is no room for a copy.

    Nor is one taken while the one before is young: a process may be started often.

    Raises:
        JournalCorrupt: a page is not what was written; earlier backups stay.
    """
    taken_ms = newest_ms(keeper.path, now_ms)
    if taken_ms is not None and 0 <= now_ms - taken_ms < EVERY_MS // 2:
        keeper.look_over(rest=_REST)
        return None
    folder = keeper.path.parent / FOLDER
    part = folder / "part"
    try:
        make(folder)
        _discard(part)
        if _has_room(folder, keeper, now_ms):
            _copy(keeper, part, now_ms)
            return _keep(part, now_ms, keeper.path)
        log.warning("%s: there is no room for a backup", folder)
    except (OSError, sqlite3.Error) as error:  # of a full disk, either tells
        log.error("%s: no backup could be taken: %s", folder, error)
    finally:
        with contextlib.suppress(OSError):
            _discard(part)
    keeper.look_over(rest=_REST)
    return None


def _discard(part: Path) -> None:
    """Remove a copy that came to no end, and what SQLite had begun to write beside it.

    A copy of the same name would have that rolled into it.
    """
    for suffix in ("", *SIDES):
        beside(part, suffix).unlink(missing_ok=True)


def newest_ms(path: Path, now_ms: int) -> int | None:
    """When the newest backup of a journal was taken."""
    return next((taken_ms for taken_ms, _ in _of(path, now_ms)), None)


def put_back(path: Path, now_ms: int) -> Iterator[Path]:
    """Put each backup of a journal in its place, the newest first, until one is found good.

    Raises:
        JournalError: there is no room to open one; all of them stay.
    """
    for _, backup in _of(path, now_ms):
        if _sum(backup) != backup.stem.rpartition("-")[2]:
            log.error("%s: is damaged as well", backup)
            continue
        part = path.with_suffix(".part")
        try:
            shutil.copyfile(backup, part)
            sync(part)
        except OSError:  # there is no room for both
            _see_that_it_opens(part)
            part = backup
        part.replace(path)
        sync(path.parent)
        yield backup


def _see_that_it_opens(part: Path) -> None:
    """A backup that is moved into place for nothing is lost: opening needs some room as well."""
    try:
        part.write_bytes(bytes(_OPENING_BYTES))
    except OSError as error:
        raise JournalError(f"{part}: there is no room to put a backup in place: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def _of(path: Path, now_ms: int) -> list[tuple[int, Path]]:
    """The backups of a journal with the time each was taken, the newest first.

    Last come those dated well after now: a clock that was ahead has named them, and they may be
    older than all others.
    """
    found = []
    for backup in (path.parent / FOLDER).glob(f"{path.stem}-*-*{path.suffix}"):
        with contextlib.suppress(ValueError):
            taken = datetime.strptime(backup.stem.split("-")[-2], _MOMENT).replace(tzinfo=UTC)
            found.append((round(taken.timestamp() * 1000), backup))
    return sorted(found, key=lambda each: (each[0] <= now_ms + EVERY_MS, each), reverse=True)


def _has_room(folder: Path, keeper: Keeper, now_ms: int) -> bool:
    """Whether a copy leaves room for the journal to grow; the oldest of several gives way."""
    size = keeper.store.pages() * PAGE
    older = [backup for _, backup in _of(keeper.path, now_ms)][1:]
    while shutil.disk_usage(folder).free < size + size // 4 + _ROOM_BYTES:
        if not older:
            return False
        older.pop().unlink()
    return True


def _copy(keeper: Keeper, part: Path, now_ms: int) -> None:
    """Every page, then those that changed meanwhile, the last of them while nobody writes."""
    changed = keeper.watch()
    try:
        with part.open("wb") as out:
            copy = _Copy(out)
            keeper.look_over(copy.put, _REST)
            ends_s = time.monotonic() + _PATIENCE_S
            while not _catch_up(keeper, copy, changed):
                if time.monotonic() > ends_s:
                    raise OSError("the journal's log cannot be emptied")
            out.flush()
            os.fsync(out.fileno())
    finally:
        keeper.unwatch(changed)
    note_copy(part, now_ms)


def _catch_up(keeper: Keeper, copy: _Copy, changed: set[int]) -> bool:
    """Copy some of the changed pages; whether none is left."""
    with keeper.store.alone():
        if keeper.checkpoint():
            batch = sorted(changed)[:_BATCH]
            for page, sheet in keeper.pages(batch):
                copy.put(page, sheet)
            changed.difference_update(batch)
            if not changed:
                copy.end(keeper.store.pages())
                return True
    keeper.rest(0.01)
    return False


class _Copy:
    """The file that pages are copied into."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._written = 0

    def put(self, first: int, pages: memoryview) -> None:
        """Write consecutive pages."""
        self._out.seek((first - 1) * PAGE)
        self._out.write(pages)
        self._written += len(pages)
        if self._written > _SYNC_BYTES:  # what is written at once, commits would wait for
            os.fsync(self._out.fileno())
            self._written = 0

    def end(self, count: int) -> None:
        """There are so many pages."""
        self._out.truncate(count * PAGE)


def _keep(part: Path, now_ms: int, path: Path) -> Path:
    """Give a copy its name, with a checksum in it, and drop those that are too many."""
    moment = datetime.fromtimestamp(now_ms / 1000, UTC).strftime(_MOMENT)
    backup = part.with_name(f"{path.stem}-{moment}-{_sum(part)}{path.suffix}")
    part.replace(backup)
    sync(backup.parent)
    others = [other for _, other in _of(path, now_ms) if other != backup]
    for old in others[KEPT - 1 :]:
        old.unlink()
    return backup


def _sum(file: Path) -> str:
    value = 0
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            value = zlib.crc32(chunk, value)
    return f"{value:08x}"
