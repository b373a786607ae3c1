"""The power goes at any moment: a disk that forgets what was not synced, and the real journal."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import sqlite3
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from prober import conventions as names
from prober.journal import keeper
from prober.journal.journal import Journal
from prober.journal.view import View
from prober.journal.wal import PAGE
from prober.model import Run
from prober.slo.window import Span
from tests.chaos.disk import Disk, Luck, Name
from tests.chaos.recording import Recording, require_strace
from tests.conftest import ROOT, SHORT
from tests.journal.conftest import EVERY_MS, NEW_YEAR_MS, build_run

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

CUTS = 300 if SHORT else 2000
NOW_MS = NEW_YEAR_MS + 86_400_000
#: Takes up where the one before ended, and says what is acknowledged. Its log is emptied and its
#: pages are copied as often as can be, while it writes.
WRITER = """
import os, signal, sys, threading
from pathlib import Path
from prober.journal import backup, journal, keeper
from tests.journal.conftest import NEW_YEAR_MS, build_run
keeper._FRAMES, backup.EVERY_MS, backup._REST, journal._AT_ONCE = 30, 2, 0.0, 4
path, first, last, end = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
def say(what):
    os.write(1, f"{what}\\n".encode())
def back_up(n):
    say(f"backup {book.keep_safe(NEW_YEAR_MS + n * 1000).name}")
def wait():
    while threads:
        threads.pop().join()
book = journal.Journal.open(path)
threads = []
for n in range(first, last):
    if n % 12 == 5:
        threads.append(threading.Thread(target=back_up, args=[n]))
        threads[-1].start()
    run = build_run(n)
    book.claim(run.id, n)
    book.write([run])
    say(f"run {n}")
    if n % 12 == 11:
        wait()
if end == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
wait()
book.close()
"""


class Cut(NamedTuple):
    """The power goes before an event."""

    at: int
    luck: Luck
    seed: int


class Told(NamedTuple):
    """What somebody outside was told before the power went."""

    runs: frozenset[int]
    #: The name of the newest.
    backup: str | None

    @classmethod
    def by(cls, disk: Disk, at: int) -> Told:
        lines = [line.split(" ") for line in disk.said(at)]
        backups = [name for what, name in lines if what == "backup"]
        runs = frozenset(int(n) for what, n in lines if what == "run")
        return cls(runs, backups[-1] if backups else None)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """In memory where that can be: whether a disk is quick does not matter here."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path_factory.mktemp("power")
        return
    with tempfile.TemporaryDirectory(prefix="prober-test-", dir=memory) as folder:
        yield Path(folder)


class Lives(NamedTuple):
    """All that happened to a journal, and from which event on it was damaged."""

    disk: Disk
    damaged_at: int


@pytest.fixture(scope="module")
def lives(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Lives:
    """A journal that is made, closed, used by two that are killed, damaged, and used again."""
    require_strace()
    disk = Path(tempfile.mkdtemp(dir=place)) / "disk"  # another one when it is set up again
    recording = Recording(disk, tmp_path_factory.mktemp("trace") / "trace")
    recording.directory.mkdir()
    live(recording, 0, 30, "closes")
    live(recording, 30, 55, "killed")
    live(recording, 55, 77, "killed")
    damaged_at = len(recording.disk.events)
    path = recording.directory / "data" / "journal.db"
    recording.damage(path, page_of_gaps(path, place / "copy") * PAGE + 2000)
    live(recording, 77, 83, "killed")
    live(recording, 83, 90, "closes")
    return Lives(recording.disk, damaged_at)


@pytest.fixture(autouse=True)
def another_boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks after a power cut does so after another start of the machine."""
    boot = tmp_path / "boot"
    boot.write_text("another")
    monkeypatch.setattr(keeper, "_BOOT", boot)


def live(recording: Recording, first: int, last: int, end: str) -> None:
    """Have a writer write so many runs; what was seen of it is all that it did."""
    path = recording.directory / "data" / "journal.db"
    code = recording.run(WRITER, str(path), str(first), str(last), end, root=ROOT)
    assert (code == 0) == (end == "closes")
    for name, node in recording.files():
        if not name.endswith("-shm"):
            assert (recording.directory / name).read_bytes() == recording.content[node], name


#: Keeps some of what it does.
FORGETFUL = """
import os, sys
from pathlib import Path
folder = Path(sys.argv[1])
kept = os.open(folder / "kept", os.O_RDWR | os.O_CREAT)
os.pwrite(kept, b"old", 0)
os.fsync(kept)
os.fsync(os.open(folder, os.O_RDONLY))
os.pwrite(kept, b"new, and longer", 0)
(folder / "kept").rename(folder / "renamed")
os.write(1, b"done\\n")
(folder / "lost").write_text("nobody synced it")
"""


def test_the_disk_of_these_tests_forgets_what_was_not_synced(place: Path) -> None:
    require_strace()
    recording = Recording(place / "forgetful", place / "trace")
    recording.directory.mkdir()
    assert recording.run(FORGETFUL, str(recording.directory), root=ROOT) == 0
    disk, end = recording.disk, len(recording.disk.events)
    assert disk.said(end) == ["done"]
    wanted = {
        0.0: {"kept": b"old"},
        1.0: {"renamed": b"new, and longer", "lost": b"nobody synced it"},
    }
    for share, files in wanted.items():
        disk.cut(end, Luck(share, share), 0, place / f"{share}")
        found = {file.name: file.read_bytes() for file in (place / f"{share}").iterdir()}
        assert found == files


def test_a_power_cut_loses_no_acknowledged_run_and_makes_no_sound_journal_look_damaged(
    place: Path, lives: Lives, show: Callable[[str], None]
) -> None:
    for cut in cuts(lives.disk, 0, lives.damaged_at, CUTS):
        with left(lives.disk, cut, place) as data:
            see(data, Told.by(lives.disk, cut.at), cut)
    show(f"{CUTS} power cuts: 0 acknowledged runs lost, 0 there twice, 0 false alarms")


def test_a_power_cut_in_the_middle_of_a_rescue_loses_no_run_that_can_be_read(
    place: Path, lives: Lives, show: Callable[[str], None]
) -> None:
    for cut in cuts(lives.disk, lives.damaged_at, len(lives.disk.events), CUTS // 2):
        with left(lives.disk, cut, place) as data:
            see(data, Told.by(lives.disk, cut.at), cut, damaged=True)
    show(f"{CUTS // 2} power cuts from damage on: 0 acknowledged runs lost, 0 there twice")


def page_of_gaps(path: Path, copy: Path) -> int:
    """A page of a journal that holds nothing yet and is not in its log, from 0 on."""
    shutil.copy(path, copy)
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'gap'"
        return int(connection.execute(query).fetchone()[0]) - 1


@contextlib.contextmanager
def left(disk: Disk, cut: Cut, place: Path) -> Iterator[Path]:
    """The data directory as a power cut may leave it."""
    disk.cut(*cut, place / "left")
    yield place / "left" / "data"
    shutil.rmtree(place / "left")


def cuts(disk: Disk, first: int, end: int, count: int) -> Iterator[Cut]:
    """Moments of a recording; what was not synced is all there, not at all, or in parts.

    Half of them are all over it, half soon after a name was given or taken away.
    """
    chance = random.Random(4711)
    shares = (0.0, 0.1, 0.5, 0.9, 1.0)
    named = [at for at in range(first, end) if isinstance(disk.events[at], Name)]
    for number in range(count):
        soon = chance.choice(named) + chance.randrange(1, 10)
        at = chance.choice((chance.randrange(first, end + 1), min(soon, end)))
        luck = Luck(chance.choice(shares), chance.choice(shares), chance.choice((512, 4096)))
        yield Cut(at, luck, number)


def see(data: Path, told: Told, cut: Cut, *, damaged: bool = False) -> None:
    """Open what is left: all that was told is there, once, and adds up; and it goes on."""
    book = Journal.open(data / "journal.db", now_ms=NOW_MS)
    assert damaged or book.mishap is None, cut
    found = runs_of(book)
    slots = {(run.id.slot_ms - NEW_YEAR_MS) // EVERY_MS for run in found}
    assert len(slots) == len(found), f"{cut}: some are there twice"
    assert told.runs <= slots, f"{cut}: {sorted(told.runs - slots)} are lost"
    assert len(slots - told.runs) <= 1, f"{cut}: one may be there that was not said yet"
    if told.backup:
        see_backup(data / "backup" / told.backup, cut)
    book.store.check()
    book.keeper.look_over()
    assert book.write([build_run(1000)]).new == 1
    see_that_it_adds_up(book, len(slots) + 1, cut)
    book.close()
    again = Journal.open(data / "journal.db", now_ms=NOW_MS)
    assert again.mishap is None, cut
    assert len(runs_of(again)) == len(slots) + 1, cut
    again.close()


def see_that_it_adds_up(book: Journal, runs: int, cut: Cut) -> None:
    totals: Counter[str] = Counter()
    for metric, attributes, value in book.counters():
        totals[metric] += value if names.SLOT_STATE not in json.loads(attributes) else 0
        totals["slots"] += value if metric == names.SLOTS.name else 0
    assert totals[names.RUNS.name] == totals["slots"] == book.written, cut
    view = View.open(book.path)
    assert view.sums.between("checkout", Span(0, 2**60)).total() == runs, cut
    view.close()


def see_backup(backup: Path, cut: Cut) -> None:
    assert backup.exists(), f"{cut}: {backup.name} was taken, and is gone"
    assert backup.stem.rpartition("-")[2] == f"{zlib.crc32(backup.read_bytes()):08x}", cut


def runs_of(book: Journal) -> list[Run]:
    records = [entry.record for entry in book.outbox.entries(0, book.outbox.newest(), 10**7)]
    return [record for record in records if isinstance(record, Run)]
