"""Opening a journal that may be damaged: what is kept, what takes its place, what is saved."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from prober.errors import JournalCorrupt, JournalError
from prober.journal import backup
from prober.journal.body import unpack
from prober.journal.keeper import Keeper, note, seals_of
from prober.journal.store import open_reader
from prober.journal.volume import put, sync
from prober.journal.wal import SIDES, beside
from prober.model import Record

log = logging.getLogger(__name__)

#: Records that are read at a time from a damaged journal, and at most.
_AT_ONCE, _MOST = 200, 100_000
#: In a note, between what was met and under which name the journal was set aside.
_NAMES = "\nset aside as "
#: What unpacking noise comes to.
_NOISE = (zlib.error, ValueError, KeyError, TypeError, AttributeError)


class Mishap(NamedTuple):
    """A journal was damaged."""

    what: str
    #: Under which name it was kept; None when nothing was left of it.
    set_aside: Path | None
    #: What took its place; None: a new journal.
    backup: Path | None

    def __str__(self) -> str:
        instead = f"the backup {self.backup}" if self.backup else "a new one"
        kept = f"it is now {self.set_aside}, " if self.set_aside else ""
        return (
            f"the journal was damaged ({self.what}): {kept}{instead} took its place, "
            "and totals begin anew"
        )


def open_keeper(path: Path, now_ms: int, *, whole: bool) -> tuple[Keeper, Mishap | None]:
    """Open a journal, or what takes the place of a damaged one.

    `end` has to be called when what there was to save has been: until then the next opening
    begins again.

    Raises:
        JournalLocked: another process writes it.
        JournalError: the disk is full or fails, or the file may not be written.
    """
    what, aside = _noted(path)
    if what is None and (what := _gone(path, now_ms)) is None:
        try:
            return Keeper(path, whole=whole), None
        except JournalCorrupt as error:
            what = str(error)
    if aside is None:
        aside = path.with_name(f"{path.name}.corrupt-{now_ms}")
        _note(path, what, aside)
    moved = _set_aside(path, aside)
    for place in chain(backup.put_back(path, now_ms), (None,)):
        try:
            keeper = Keeper(path)
        except JournalCorrupt as error:
            log.error("%s: cannot be used either: %s", place, error)
            _drop(path)
        else:
            mishap = Mishap(what, moved, place)
            log.error("%s", mishap)
            return keeper, mishap
    raise JournalError(f"{path}: a new journal cannot be made there")


def end(path: Path) -> None:
    """The mishap is over, for good: what is acknowledged from now on, no rescue may take back."""
    note(path).unlink(missing_ok=True)
    sync(path.parent)


def kept(path: Path) -> list[Path]:
    """Damaged journals that were set aside, and that nobody has taken away yet."""
    found = path.parent.glob(f"{path.name}.corrupt-*")
    return sorted(file for file in found if not file.name.endswith(SIDES))


def saved(damaged: Path, after: int) -> Iterator[Record]:
    """Records that a damaged journal has after one; each proves by its checksum to be whole."""
    try:
        reader = open_reader(damaged)
    except JournalError as error:
        log.error("nothing can be saved: %s", error)
        return
    with contextlib.closing(reader), contextlib.suppress(JournalError, sqlite3.Error):
        for _ in range(0, _MOST, _AT_ONCE):
            rows = reader.all("list_records", after=after, upto=2**62, limit=_AT_ONCE)
            for _, kind, _, body in rows:
                try:
                    yield unpack(kind, body)
                except _NOISE as error:
                    log.error("a record is lost: %r", error)
            if not rows or rows[-1][0] <= after:
                return
            after = rows[-1][0]


def _noted(path: Path) -> tuple[str | None, Path | None]:
    """What a note says, and under which name a rescue that came to no end has set the file aside.

    Of a note that was not on disk before the power went nothing may be left but its name.
    """
    try:
        what, _, name = note(path).read_text(errors="replace").rstrip("\0").rpartition(_NAMES)
    except OSError:
        return None, None
    return (what, path.with_name(name)) if what else (name or "what was noted is lost", None)


def _gone(path: Path, now_ms: int) -> str | None:
    """An empty file is a journal to SQLite, and none is one to be made."""
    is_there = path.exists() and path.stat().st_size > 0
    if is_there or not (seals_of(path).exists() or backup.newest_ms(path, now_ms)):
        return None
    return "it is empty" if path.exists() else "it is gone"


def _note(path: Path, what: str, aside: Path) -> None:
    """Write down what is done, before it is: without it the next start would do it again."""
    try:
        put(note(path), f"{what}{_NAMES}{aside.name}")
    except OSError as error:
        raise JournalError(
            f"{path}: is damaged ({what}), and left as it is: that cannot be noted: {error}"
        ) from error


def _set_aside(path: Path, aside: Path) -> Path | None:
    """Move a damaged journal and its side files out of the way, the journal itself at last.

    Where that was done before, what lies in its place is of a rescue that came to no end.
    """
    if aside.exists():
        _drop(path)
        return aside
    seals_of(path).unlink(missing_ok=True)
    for suffix in (*SIDES, ""):
        if (side := beside(path, suffix)).exists():
            side.rename(beside(aside, suffix))
            sync(path.parent)
    return aside if aside.exists() else None


def _drop(path: Path) -> None:
    for file in (seals_of(path), *(beside(path, suffix) for suffix in ("", *SIDES))):
        file.unlink(missing_ok=True)
