"""The keeper of a journal's file: brings its log into it, seals its pages, and looks them over."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from prober.errors import JournalClosing, JournalCorrupt, JournalError
from prober.journal import volume, wal
from prober.journal.seals import Seals, sums_of
from prober.journal.store import COPIED, IDENTITY, Store, open_writer
from prober.journal.wal import PAGE, beside

log = logging.getLogger(__name__)

#: Frames in the log after which it is brought into the file.
_FRAMES = 1000
#: A log that readers let grow to this many is worth a second of everybody's time,
_FRAMES_TOO_MANY = 16 * _FRAMES
#: at most so often.
_INSIST_S = 60.0
#: So often it is said that a disk does not take it.
_SAY_S = 60.0
#: A journal up to this size is read whole before it is used, half a second if it is in memory.
AT_ONCE_BYTES = 2**28
#: Pages that are read at a time.
SHEET = 256
_BOOT = Path("/proc/sys/kernel/random/boot_id")

#: Is given consecutive pages and the number of the first.
Take = Callable[[int, memoryview], None]


class Keeper:
    """What no other connection may do: the writer's log and its file are in these hands.

    A process that closes a file gives up SQLite's locks on it, so the file is held open from
    before SQLite opens it until after it has closed it.
    """

    def __init__(self, path: Path, *, whole: bool = False) -> None:
        """Open a journal, or make it, and see that it is what was written.

        Args:
            path: of the journal.
            whole: read all of it, however large; else `look_over` has to follow.

        Raises:
            JournalCorrupt: it is not; it stays as it was found.
            JournalLocked: another process writes it.
            JournalError: the disk is full or fails, or the file may not be written.
        """
        self.path = path
        #: Held by whoever reads pages: closing waits for it, and tells to stop.
        self.reading = threading.Lock()
        self._closing = threading.Event()
        #: What damage was met, by whom ever.
        self.damage: str | None = None
        self._round = wal.Committed(b"", 0)  # of the log, and how many frames are sealed
        self._next, self._insisted_s, self._said_s = _FRAMES, 0.0, 0.0
        #: Pages that the log holds: they are read from there, and those in the file may be older.
        self._in_log: set[int] = set()
        self._watchers: list[set[int]] = []
        left, salts, had_log = wal.left_behind(path), wal.salts(path), _has_log(path)
        self._files = contextlib.ExitStack()
        with contextlib.ExitStack() as undo:
            undo.callback(self._files.close)
            self._file = _open(path)
            self._files.callback(os.close, self._file)
            volume.take(self._file, path)
            self.store = self._open_store(had_log)
            undo.callback(self.store.close)
            with _understanding(path):
                self._log = wal.Log(path)
                self._files.callback(self._log.close)
                self._begin(left, salts, had_log, AT_ONCE_BYTES if not whole else sys.maxsize)
            undo.pop_all()
        self.store.committed, self.store.damaged = self.tidy, self.condemn

    def close(self) -> None:
        """Bring all into the file and close it."""
        self._closing.set()
        with self.reading:
            self._close()

    def _close(self) -> None:
        if self.damage is None:
            done = self.checkpoint()
            try:
                self._seal()  # by now there is nothing to seal, unless the disk refused it
                if done:
                    self._seals.end()
            except OSError as error:
                # SQLite brings its log into the file now all the same: no seal is better than an
                # old one.
                self._say(error)
                seals_of(self.path).unlink(missing_ok=True)
        self.store.close()
        self._files.close()

    # The log

    def tidy(self) -> None:
        """Keep the log small; a full disk and readers that take their time put it off."""
        frames = self._log.committed().frames
        if frames < self._next:
            self._next = min(self._next, frames + _FRAMES)
            return
        done = self.checkpoint()
        if not done and frames > _FRAMES_TOO_MANY and time.monotonic() > self._insisted_s:
            self._insisted_s = time.monotonic() + _INSIST_S
            self.checkpoint("RESTART")
        self._next = _FRAMES if done else frames + _FRAMES

    def checkpoint(self, mode: str = "PASSIVE") -> bool:
        """Seal what the log holds and bring it into the file; whether all of it is there.

        Seals come first: as long as a page is in the log, it can be sealed and brought again.
        """
        with self.store.alone():
            try:
                self._seal()
                if not self.store.checkpoint(mode):
                    return False
                self._in_log.clear()
                return True
            except (OSError, sqlite3.OperationalError) as error:
                self._say(error)
            return False

    def _say(self, error: Exception) -> None:
        if time.monotonic() > self._said_s:
            self._said_s = time.monotonic() + _SAY_S
            log.error("%s: its log cannot be emptied yet: %s", self.path, error)

    def _seal(self) -> None:
        found = self._log.committed()
        if found.salts != self._round.salts:
            self._round = found._replace(frames=0)
            self._in_log.clear()
        sums = self._log.sums(self._round.frames, found.frames)
        self._in_log.update(sums)
        self._seals.put(sums)
        for pages in self._watchers:
            pages.update(sums)
        self._round = found

    # Looking the pages over

    def condemn(self, what: str) -> None:
        """Note damage where the next opening finds it; nothing that is read now can be trusted."""
        if self.damage is None:
            self.damage = what
            log.error("%s is damaged: %s", self.path, what)
            with contextlib.suppress(OSError):  # then the next opening has to find it again
                note(self.path).write_text(what)

    def look_over(self, take: Take = lambda _, __: None, rest: float = 0.0) -> None:
        """Read every page.

        Args:
            take: is given each as it is read, damaged ones too.
            rest: how long to pause, as a multiple of the time that reading took.

        Raises:
            JournalCorrupt: a page is not what was written.
            JournalClosing: the journal is being closed.
        """
        count = self.store.pages()
        for first in range(1, count + 1, SHEET):
            began_s = time.monotonic()
            number = min(SHEET, count + 1 - first)
            sheet = self._read(first, number)
            for page in self._seals.broken(first, number, sheet):
                self._look_again(page)
            take(first, sheet)
            self.rest(rest * (time.monotonic() - began_s))

    def rest(self, seconds: float) -> None:
        """Wait; raises JournalClosing when the journal is being closed."""
        if self._closing.wait(seconds):
            raise JournalClosing(f"{self.path}: is being closed")

    def watch(self) -> set[int]:
        """A set that every page is put in that changes from now on, until `unwatch`."""
        with self.store.alone():
            self.checkpoint()
            changed = set(self._in_log)
            self._watchers.append(changed)
        return changed

    def unwatch(self, changed: set[int]) -> None:
        """Watch no more."""
        self._watchers = [pages for pages in self._watchers if pages is not changed]

    def pages(self, numbers: Iterable[int]) -> Iterator[tuple[int, memoryview]]:
        """Single pages of the file, which must be whole: `checkpoint` has just said so.

        Raises:
            JournalCorrupt: one is not what was written.
        """
        for page in numbers:
            sheet = self._read(page, 1)
            if self._seals.broken(page, 1, sheet):
                self._find(page)
            yield page, sheet

    def _look_again(self, page: int) -> None:
        """Whether a page is damaged, or was just being written, or is one that the log replaces."""
        with self.store.alone():
            self.checkpoint()
            if page not in self._in_log and self._seals.broken(page, 1, self._read(page, 1)):
                self._find(page)

    def _find(self, page: int) -> None:
        what = f"page {page} is not what was written there"
        self.condemn(what)
        raise JournalCorrupt(f"{self.path}: {what}")

    def _read(self, first: int, count: int) -> memoryview:
        return memoryview(os.pread(self._file, count * PAGE, (first - 1) * PAGE))

    # Opening

    def _open_store(self, had_log: bool) -> Store:
        try:
            return open_writer(self.path)
        except JournalError:
            # Of another version, it is said; but the place where that stands may be damaged.
            if not had_log and (seals := Seals.load(seals_of(self.path))):
                seals.close()
                if seals.broken(1, 1, self._read(1, 1)):
                    what = "page 1 is not what was written there"
                    raise JournalCorrupt(f"{self.path}: {what}") from None
            raise

    def _begin(
        self, left: wal.Committed | None, salts: bytes, had_log: bool, at_once_bytes: int
    ) -> None:
        boot, seals = _boot(), self._load_seals()
        if seals:
            self._use(seals)
            was_open, when = seals.was_open()
            same = was_open and bool(boot) and when == boot
            self._see_that_log_is_whole(left, salts, had_log if same else None)
            self.checkpoint()
            self._look_over_what_is_small(at_once_bytes)
        else:
            self._seal_all()
            self.checkpoint()
        self._seals.begin(boot)

    def _load_seals(self) -> Seals | None:
        seals = Seals.load(seals_of(self.path))
        if seals is None or seals.identity == self.store.value("get_meta", key=IDENTITY):
            return seals
        seals.close()
        if self.store.value("get_meta", key=COPIED):
            return None
        raise JournalCorrupt(f"{self.path}: it is not the journal that {seals_of(self.path)} is of")

    def _use(self, seals: Seals) -> None:
        self._seals = seals
        self._files.callback(seals.close)

    def _see_that_log_is_whole(
        self, left: wal.Committed | None, salts: bytes, had_log: bool | None
    ) -> None:
        """A log that lost its end looks like one that ends there: the index knows better.

        Args:
            left: what the index said, before anybody opened the journal.
            salts: those in the log, then.
            had_log: whether there was one; None: an end of the machine may have taken it.
        """
        found = self._log.committed()
        known = left is not None and (had_log is not None or left.salts == salts)
        if had_log is False or (known and left and left.frames > found.frames):
            raise JournalCorrupt(
                f"{self.path}: what was written last is missing from {self.path.name}-wal"
            )

    def _seal_all(self) -> None:
        """A journal without seals: a new one, a copy, or one of an earlier version."""
        self.store.check()
        identity = secrets.token_hex(16)
        with self.store.transaction():
            self.store.change("set_meta", key=IDENTITY, value=identity)
        self._use(Seals.make(seals_of(self.path), identity))
        self.store.checkpoint()
        size = os.fstat(self._file).st_size // PAGE
        for first in range(1, size + 1, SHEET):
            self._seals.put(sums_of(first, self._read(first, min(SHEET, size + 1 - first))))

    def _look_over_what_is_small(self, at_once_bytes: int) -> None:
        """All of a journal that is not large; of a large one all but what grows with every run."""
        if self.store.pages() * PAGE <= at_once_bytes:
            self.look_over()
            return
        try:
            trees = [tree for (tree,) in self.store.all("list_trees")]
            found = {n for tree in trees for (n,) in self.store.all("list_pages", tree=tree)}
        except sqlite3.OperationalError:  # an SQLite that was built without `dbstat`
            self.look_over()
            return
        for page in sorted(found):
            if self._seals.broken(page, 1, self._read(page, 1)):
                self._look_again(page)


@contextlib.contextmanager
def _understanding(path: Path) -> Iterator[None]:
    """What a disk refuses says nothing against the file."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise JournalError(f"{path}: cannot be opened for writing: {error}") from error


def note(path: Path) -> Path:
    """Where it is written down that a journal is damaged, and how."""
    return path.with_suffix(".damaged")


def seals_of(path: Path) -> Path:
    """Where the seals of a journal are; without them it is taken for new, and sealed again."""
    return path.with_suffix(".seals")


def _has_log(path: Path) -> bool:
    return beside(path, "-wal").exists()


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise JournalError(f"{path}: cannot be opened for writing: {error}") from error


def _boot() -> str:
    """Which start of the machine this is; empty where nobody tells."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""
