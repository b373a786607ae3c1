"""The file: opening it, whose it is, what is done about damage and about a full disk."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prober.errors import JournalCorrupt, JournalError, JournalLocked
from prober.journal.journal import Journal
from prober.journal.store import open_reader, open_writer
from prober.journal.view import View
from prober.journal.volume import Lock
from prober.model import Outcome, Run
from tests.journal.conftest import open_without_room

NOW_MS = 1_767_225_600_000


def test_what_a_writer_committed_a_reader_sees(tmp_path: Path) -> None:
    writer = open_writer(tmp_path / "journal.db")
    reader = open_reader(tmp_path / "journal.db")
    with writer.transaction():
        writer.change("begin_life", key="a", value="1")
        assert reader.value("get_meta", key="a") is None
    assert reader.value("get_meta", key="a") == "1"
    reader.close()
    writer.close()


def test_a_transaction_that_raises_leaves_nothing(tmp_path: Path) -> None:
    store = open_writer(tmp_path / "journal.db")

    def fail() -> None:
        with store.transaction():
            store.change("begin_life", key="a", value="1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert store.value("get_meta", key="a") is None
    with store.transaction():
        store.change("begin_life", key="a", value="2")
    assert store.value("get_meta", key="a") == "2"
    store.close()


def test_several_threads_share_a_store(tmp_path: Path) -> None:
    store = open_writer(tmp_path / "journal.db")

    def count() -> None:
        for _ in range(50):
            with store.transaction():
                store.change("add_counter", metric="m", attributes="{}", value=1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.all("list_counters") == [("m", "{}", 200)]
    store.close()


@pytest.mark.parametrize("name", ["a b", "50%", "what?", "a#b", "ü"])
def test_a_directory_may_have_any_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    path = tmp_path / name / "journal.db"
    open_writer(path).close()
    assert path.exists()
    open_reader(path).close()


def test_without_a_journal_there_is_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no journal can be read there"):
        open_reader(tmp_path / "journal.db")
    assert list(tmp_path.iterdir()) == []


def test_a_journal_of_another_version_is_refused_with_the_mend(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    open_writer(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(JournalError, match=r"schema 7.*run that version or name another") as found:
        Journal.open(path)
    assert not isinstance(found.value, JournalCorrupt)
    assert path.exists()


def test_a_reader_refuses_it_as_well(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    open_writer(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    with pytest.raises(JournalError, match=r"schema 1, this one has 2.*name another data dir"):
        View.open(path)


def test_a_second_instance_is_refused_with_the_mend(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    first = Journal.open(path)
    program = "import sys; from pathlib import Path; from prober.journal.journal import Journal\n"
    program += "from prober.errors import JournalLocked\n"
    program += "try: Journal.open(Path(sys.argv[1]))\nexcept JournalLocked as e: print(e)"
    second = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    assert "another process writes this journal" in second.stdout
    assert "give each agent its own data directory" in second.stdout
    with pytest.raises(JournalLocked):
        Journal.open(path)
    first.close()
    Journal.open(path).close()


def test_an_opening_that_fails_lets_the_lock_go(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.mkdir()
    with pytest.raises(JournalError):
        Journal.open(path)
    Lock(path.with_suffix(".lock")).release()


@pytest.fixture
def closed(tmp_path: Path, run: Callable[..., Run]) -> Path:
    """A closed journal with enough runs to have pages of every kind."""
    path = tmp_path / "journal.db"
    book = Journal.open(path)
    book.write(run(n) for n in range(300))
    book.close()
    return path


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: b"no database at all" * 500, id="it is something else"),
        pytest.param(lambda data: data[:1] + b"\xff" + data[2:], id="its first page is damaged"),
        pytest.param(lambda data: data[:100] + os.urandom(900) + data[1000:], id="its schema is"),
        pytest.param(lambda data: data[: len(data) // 2], id="half of it is missing"),
        pytest.param(
            lambda data: data[:8192] + os.urandom(len(data) - 8192), id="all its rows are noise"
        ),
    ],
)
def test_a_damaged_journal_is_set_aside_and_a_new_life_begins(
    closed: Path, run: Callable[..., Run], damage: Callable[[bytes], bytes]
) -> None:
    before = damage(closed.read_bytes())
    closed.write_bytes(before)
    reopened = Journal.open(closed, now_ms=NOW_MS + 5)
    assert reopened.set_aside == closed.with_name(f"journal.db.corrupt-{NOW_MS + 5}")
    assert reopened.set_aside.read_bytes() == before, "set aside, not emptied"
    assert reopened.birth_ms == NOW_MS + 5, "counters begin anew, and say so"
    assert reopened.write([run(1)]).new == 1
    reopened.close()


def test_damage_found_while_running_is_an_error_of_the_journal(
    closed: Path, run: Callable[..., Run]
) -> None:
    book = Journal.open(closed)
    book.store._connection.execute("PRAGMA shrink_memory")  # what is cached would hide it
    data = closed.read_bytes()
    closed.write_bytes(data[:4096] + b"\x5a" * (len(data) - 4096))
    with pytest.raises(JournalError, match="is damaged"):
        book.write(run(n) for n in range(1000, 1300))
    book.close()


def test_a_journal_on_a_full_disk_is_refused_and_not_set_aside(closed: Path) -> None:
    said = open_without_room(closed, 0)
    assert said.startswith("JournalError")
    assert "cannot be" in said
    assert not list(closed.parent.glob("*.corrupt-*"))
    again = Journal.open(closed)
    assert again.outbox.newest() == 300
    again.close()


def test_a_reader_open_for_long_blocks_nothing_and_sees_one_moment(
    tmp_path: Path, journal: Any, run: Callable[..., Run]
) -> None:
    book = journal()
    book.write([run(0)])
    reader = View.open(tmp_path / "journal.db")
    with reader.at_one_moment():
        assert reader.newest_seq() == 1
        book.write(run(n) for n in range(1, 2000))
        book.prune(NOW_MS * 2, NOW_MS * 2)
        book.write([run(5000, Outcome.FAILED)])
        assert reader.newest_seq() == 1
    assert reader.newest_seq() == 2001
    reader.close()


def test_a_view_cannot_write(tmp_path: Path, journal: Any, run: Callable[..., Run]) -> None:
    journal().write([run(0)])
    reader = View.open(tmp_path / "journal.db")
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.store.change("begin_life", key="birth_ms", value="0")
    reader.close()
