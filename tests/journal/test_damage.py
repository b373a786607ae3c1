"""Damage: whatever byte of a journal changes, it is found, kept, and never answered from."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from prober import conventions as names
from prober.errors import JournalCorrupt
from prober.journal.journal import Journal
from prober.journal.view import View
from prober.model import Outcome, Run
from prober.slo.window import Span
from tests.conftest import SHORT
from tests.journal.conftest import NEW_YEAR_MS, build_gap, build_run, build_schedule

NOW_MS = NEW_YEAR_MS + 86_400_000
PAGE = 4096
OUTCOMES = (Outcome.PASSED, Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE)
#: Writes runs, says so, and waits to be killed.
WRITER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from prober.journal.journal import Journal
from tests.journal.conftest import build_run
book = Journal.open(Path(sys.argv[1]))
for n in range(1000, 1000 + int(sys.argv[3])):
    book.write([build_run(n)])
print("written", flush=True)
time.sleep(600)
"""
ROOT = Path(__file__).resolve().parents[2]


class Answers(NamedTuple):
    """What is asked of a journal."""

    records: tuple[str, ...]
    counted: int
    slots: int


def answers(book: Journal) -> Answers:
    entries = book.outbox.entries(0, book.outbox.newest(), 10**6)
    look = View.open(book.path)
    counted = look.sums.between("checkout", Span(0, NEW_YEAR_MS * 2)).total()
    look.close()
    return Answers(tuple(e.record.to_json() for e in entries), counted, slots(book))


def slots(book: Journal) -> int:
    return sum(n for metric, _, n in book.counters() if metric == names.SLOTS.name)


class Original:
    """A sound journal, closed, with a backup that lacks its last runs; tests get copies."""

    def __init__(self, folder: Path, runs: int) -> None:
        self.folder = folder
        book = Journal.open(folder / "journal.db", now_ms=NEW_YEAR_MS)
        book.write([build_schedule(), build_gap(runs + 100, 5)])
        book.write(build_run(n, OUTCOMES[n % 4], message="noise" * 50) for n in range(runs))
        book.outbox.freeze(random.Random(1).randbytes(3 * PAGE), NEW_YEAR_MS)
        assert book.keep_safe(NOW_MS)
        self.backed_up = answers(book)
        book.write(build_run(runs + n) for n in range(10))
        self.answers = answers(book)
        book.close()
        self.data = (folder / "journal.db").read_bytes()

    def copy(self, folder: Path) -> Path:
        shutil.copytree(self.folder, folder)
        return folder / "journal.db"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    return Original(tmp_path_factory.mktemp("sound"), runs=150)


def see_that_it_was_met(path: Path, original: Original, damaged: bytes | None) -> Journal:
    """Open a damaged journal: it is kept, and what takes its place is true."""
    book = Journal.open(path, now_ms=NOW_MS + 1)
    assert book.mishap, "damage was not met"
    assert book.mishap.backup, "the backup took its place"
    assert book.birth_ms == NOW_MS + 1, "and totals begin anew"
    assert slots(book) == 0
    if damaged is not None:
        assert book.set_aside == path.with_name(f"journal.db.corrupt-{NOW_MS + 1}")
        assert book.set_aside.read_bytes() == damaged, "it is kept as it was found"
    found = answers(book)
    before, after = original.backed_up.records, original.answers.records
    assert found.records[: len(before)] == before, "all of the backup is there"
    assert set(found.records) <= set(after), "and nothing that was not written"
    assert found.counted >= original.backed_up.counted
    return book


def test_any_byte_of_any_page_that_changes_is_met_at_the_next_opening(
    tmp_path: Path, original: Original
) -> None:
    chance = random.Random(4711)
    pages = len(original.data) // PAGE
    assert pages > 30
    for page in range(pages):
        path = original.copy(tmp_path / str(page))
        damaged = bytearray(original.data)
        damaged[page * PAGE + chance.randrange(PAGE)] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        see_that_it_was_met(path, original, bytes(damaged)).close()
        shutil.rmtree(path.parent)


def test_any_byte_of_its_head_that_changes_is_met(tmp_path: Path, original: Original) -> None:
    chance = random.Random(1)
    for place in range(0, 100, 3):  # where its version and its size stand, and which page is free
        path = original.copy(tmp_path / str(place))
        damaged = bytearray(original.data)
        damaged[place] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        see_that_it_was_met(path, original, None).close()
        shutil.rmtree(path.parent)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_any_byte_of_a_journal_of_weeks(tmp_path: Path) -> None:
    (tmp_path / "sound").mkdir()
    original = Original(tmp_path / "sound", runs=8000)
    chance = random.Random(815)
    pages = range(len(original.data) // PAGE)
    for page in chance.sample(pages, 60 if SHORT else 600):
        path = original.copy(tmp_path / str(page))
        damaged = bytearray(original.data)
        damaged[page * PAGE + chance.randrange(PAGE)] ^= chance.randrange(1, 256)
        path.write_bytes(damaged)
        see_that_it_was_met(path, original, bytes(damaged)).close()
        shutil.rmtree(path.parent)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: b"", id="it is empty"),
        pytest.param(lambda data: data[:100], id="a piece of its head is left"),
        pytest.param(lambda data: data[: len(data) // 2], id="half of it is missing"),
        pytest.param(lambda data: data[:-PAGE], id="its last page is missing"),
        pytest.param(lambda data: data[:-1], id="its last byte is missing"),
        pytest.param(lambda data: b"no database at all" * 500, id="it is something else"),
        pytest.param(lambda data: bytes(len(data)), id="it is all zeros"),
        pytest.param(
            lambda data: data[:PAGE] + data[2 * PAGE :] + data[PAGE : 2 * PAGE],
            id="its pages are in another order",
        ),
    ],
)
def test_a_file_that_was_cut_or_replaced_is_met(
    tmp_path: Path, original: Original, damage: Callable[[bytes], bytes]
) -> None:
    path = original.copy(tmp_path / "journal")
    path.write_bytes(damage(original.data))
    book = see_that_it_was_met(path, original, damage(original.data))
    book.close()
    again = Journal.open(path)
    assert again.mishap is None, "it is over"
    again.close()


def test_a_journal_that_is_gone_is_met(tmp_path: Path, original: Original) -> None:
    path = original.copy(tmp_path / "journal")
    path.unlink()
    book = see_that_it_was_met(path, original, None)
    assert book.set_aside is None
    book.close()


def test_what_was_written_after_the_backup_is_saved_where_it_can_be_read(
    tmp_path: Path, original: Original
) -> None:
    path = original.copy(tmp_path / "journal")
    # A page of the oldest records: what was written last lies elsewhere.
    place = original.data.index(original_body(original))
    damaged = bytearray(original.data)
    damaged[place + 20] ^= 255
    path.write_bytes(damaged)
    book = see_that_it_was_met(path, original, bytes(damaged))
    assert answers(book)._replace(slots=0) == original.answers._replace(slots=0)
    assert book.written == 0, "none of it is counted in the new life"
    assert book.write([build_run(155)]).duplicates == 1
    assert slots(book) == 0, "nor when it comes again"
    assert book.write([build_run(5000)]).new == 1
    assert (book.written, slots(book)) == (1, 1)
    book.close()


def original_body(original: Original) -> bytes:
    from prober.journal.body import pack

    return pack(build_run(0, OUTCOMES[0], message="noise" * 50))[:40]


def test_without_a_backup_a_new_life_begins(tmp_path: Path, original: Original) -> None:
    path = original.copy(tmp_path / "journal")
    shutil.rmtree(path.parent / "backup")
    damaged = original.data[:-9] + b"\0" + original.data[-8:]
    damaged = damaged[: 3 * PAGE] + b"\xff" * 9 + damaged[3 * PAGE + 9 :]
    path.write_bytes(damaged)
    book = Journal.open(path, now_ms=NOW_MS + 1)
    assert book.mishap
    assert book.mishap.backup is None
    assert book.set_aside
    assert book.set_aside.read_bytes() == damaged
    assert (book.birth_ms, book.outbox.newest()) == (NOW_MS + 1, 0)
    book.close()


def test_a_damaged_backup_is_passed_over(tmp_path: Path, original: Original) -> None:
    path = original.copy(tmp_path / "journal")
    (good,) = (path.parent / "backup").iterdir()
    bad = good.with_name(good.name.replace("T00", "T23"))
    bad.write_bytes(good.read_bytes()[:-1] + b"\1")
    path.write_bytes(original.data[:PAGE])
    book = see_that_it_was_met(path, original, original.data[:PAGE])
    assert book.mishap
    assert book.mishap.backup == good
    book.close()


def test_of_several_backups_the_newest_takes_its_place(tmp_path: Path, original: Original) -> None:
    path = original.copy(tmp_path / "journal")
    book = Journal.open(path, now_ms=NOW_MS)
    newest = book.keep_safe(NOW_MS + 2 * 3_600_000)
    before = answers(book)
    book.close()
    path.write_bytes(b"no database at all")  # nothing can be saved from it
    book = Journal.open(path, now_ms=NOW_MS + 2 * 3_600_000 + 1)
    assert book.mishap
    assert book.mishap.backup == newest
    assert answers(book)._replace(slots=0) == before._replace(slots=0)
    book.close()


def test_seals_that_are_damaged_say_nothing_against_the_journal(
    tmp_path: Path, original: Original
) -> None:
    path = original.copy(tmp_path / "journal")
    seals = path.with_name("journal.seals")
    data = bytearray(seals.read_bytes())
    data[5000] ^= 1
    seals.write_bytes(data)
    book = Journal.open(path)
    assert book.mishap is None
    assert answers(book) == original.answers
    book.keep_safe(NOW_MS)
    book.close()


def test_the_name_that_ties_a_journal_to_its_seals_is_no_way_around_them(
    tmp_path: Path, original: Original
) -> None:
    path = original.copy(tmp_path / "journal")
    identity = path.with_name("journal.seals").read_bytes()[16:48]
    damaged = bytearray(original.data)
    damaged[original.data.index(identity) + 5] ^= 1
    path.write_bytes(damaged)
    see_that_it_was_met(path, original, bytes(damaged)).close()


def test_seals_that_a_full_disk_did_not_take_are_no_damage(
    tmp_path: Path, original: Original, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = original.copy(tmp_path / "journal")
    book = Journal.open(path)
    book.write([build_run(7000)])

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(type(book.keeper._seals), "put", refuse)
        book.close()
    book = Journal.open(path)
    assert book.mishap is None
    assert len(book.outbox.entries(0, 10**6, 10**6)) == len(original.answers.records) + 1
    book.close()


def test_an_end_in_the_middle_of_a_rescue_is_taken_up_again(
    tmp_path: Path, original: Original
) -> None:
    path = original.copy(tmp_path / "journal")
    path.rename(path.with_name("journal.db.corrupt-1"))
    path.with_name("journal.seals").unlink()
    path.with_name("journal.damaged").write_text("page 3")
    book = see_that_it_was_met(path, original, None)
    book.close()
    assert not path.with_name("journal.damaged").exists()


# The log


@pytest.fixture
def killed(tmp_path: Path, original: Original) -> Callable[[int], Path]:
    """`killed(n)`: a journal whose writer was killed after n more runs, all acknowledged."""

    def kill(runs: int) -> Path:
        path = original.copy(tmp_path / "killed")
        command = [sys.executable, "-c", WRITER, str(path), str(ROOT), str(runs)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout
        assert process.stdout.readline() == "written\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        return path

    return kill


def test_a_killed_writer_s_log_is_believed(killed: Callable[[int], Path]) -> None:
    path = killed(20)
    assert path.with_name("journal.db-wal").stat().st_size > 20 * PAGE
    book = Journal.open(path)
    assert book.mishap is None
    written = [e.record for e in book.outbox.entries(0, 10**6, 10**6) if isinstance(e.record, Run)]
    assert {run.id.slot_ms for run in written} >= {
        build_run(n).id.slot_ms for n in range(1000, 1020)
    }
    book.close()


def test_any_byte_of_the_log_that_changes_is_met(
    tmp_path: Path, killed: Callable[[int], Path]
) -> None:
    path = killed(8)
    chance = random.Random(7)
    data = path.with_name("journal.db-wal").read_bytes()
    frames = (len(data) - 32) // (PAGE + 24)
    # Of the head: what it is, its salts and its sum. Of each frame: its head, then its page.
    places = [0, 9, 17, 25, *(32 + n * (PAGE + 24) + chance.randrange(24) for n in range(frames))]
    places += [32 + n * (PAGE + 24) + 24 + chance.randrange(PAGE) for n in range(frames)]
    for place in places:
        copied = tmp_path / f"{place}" / "journal.db"
        shutil.copytree(path.parent, copied.parent)
        damaged = bytearray(data)
        damaged[place] ^= 1 << chance.randrange(8)
        copied.with_name("journal.db-wal").write_bytes(damaged)
        book = Journal.open(copied, now_ms=NOW_MS + 1)
        assert book.mishap, f"byte {place} of the log"
        assert book.set_aside
        assert book.mishap.backup
        assert book.birth_ms == NOW_MS + 1
        book.close()
        shutil.rmtree(copied.parent)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda wal: wal.unlink(), id="gone"),
        pytest.param(lambda wal: wal.write_bytes(b""), id="empty"),
        pytest.param(lambda wal: os.truncate(wal, wal.stat().st_size // 2), id="half of it gone"),
        pytest.param(lambda wal: os.truncate(wal, wal.stat().st_size - 1), id="its last byte gone"),
        pytest.param(
            lambda wal: (wal.unlink(), wal.with_name("journal.db-shm").unlink()),
            id="gone with its index",
        ),
    ],
)
def test_a_log_that_was_cut_is_met(
    killed: Callable[[int], Path], damage: Callable[[Path], object]
) -> None:
    path = killed(8)
    damage(path.with_name("journal.db-wal"))
    book = Journal.open(path, now_ms=NOW_MS + 1)
    assert book.mishap
    assert book.birth_ms == NOW_MS + 1
    book.close()


# While it runs


def test_damage_that_comes_while_it_runs_is_found_by_the_next_look(
    tmp_path: Path, original: Original
) -> None:
    path = original.copy(tmp_path / "journal")
    book = Journal.open(path)
    with path.open("r+b") as file:
        file.seek(len(original.data) // 2)
        file.write(b"\x5a\xa5")
    with pytest.raises(JournalCorrupt, match="is not what was written"):
        book.keep_safe(NOW_MS)
    assert book.damage
    book.close()
    assert len(list((path.parent / "backup").iterdir())) == 1, "no backup is of a damaged journal"
    see_that_it_was_met(path, original, None).close()


def test_damage_that_a_reader_meets_is_told_to_the_writer(
    tmp_path: Path, original: Original
) -> None:
    path = original.copy(tmp_path / "journal")
    book = Journal.open(path)
    look = View.open(path, book.condemn)
    with path.open("r+b") as file:
        file.seek(PAGE)
        file.write(b"\xff" * (len(original.data) - PAGE))
    with pytest.raises(JournalCorrupt):
        look.counters()
    assert book.damage
    look.close()
    book.close()
    see_that_it_was_met(path, original, None).close()


def test_a_large_journal_is_used_before_all_of_it_is_read(
    tmp_path: Path, original: Original, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prober.journal import keeper

    monkeypatch.setattr(keeper, "AT_ONCE_BYTES", 0)
    path = original.copy(tmp_path / "journal")
    place = original.data.index(original_body(original))
    damaged = bytearray(original.data)
    damaged[place + 20] ^= 255
    path.write_bytes(damaged)
    book = Journal.open(path)
    assert book.mishap is None, "a record's page is none of those read at once"
    with pytest.raises(JournalCorrupt):
        book.keep_safe(NOW_MS)
    book.close()
    see_that_it_was_met(path, original, bytes(damaged)).close()


def test_totals_of_a_large_journal_are_read_before_it_is_used(
    tmp_path: Path, original: Original, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prober.journal import keeper

    monkeypatch.setattr(keeper, "AT_ONCE_BYTES", 0)
    path = original.copy(tmp_path / "journal")
    text = json.dumps({"prober.journey": "checkout"})[1:-1].replace(" ", "").encode()
    place = original.data.index(text)
    damaged = bytearray(original.data)
    damaged[place + 3] ^= 1
    path.write_bytes(damaged)
    see_that_it_was_met(path, original, bytes(damaged)).close()
