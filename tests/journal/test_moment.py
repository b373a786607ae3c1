"""One moment: each question once, and nothing carried over to the next."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from prober.journal.journal import Journal
from prober.journal.moment import Moment
from prober.journal.store import Store, open_reader
from tests.conftest import PATIENCE_S


def test_a_question_is_asked_once_a_moment(tmp_path: Path) -> None:
    Journal.open(tmp_path / "journal.db").close()
    moment = Moment(open_reader(tmp_path / "journal.db"))
    answers = iter(range(9))
    with moment, moment:
        assert moment.once("who", lambda: next(answers)) == 0
        assert moment.once("who", lambda: next(answers)) == 0
        assert moment.once("what", lambda: next(answers)) == 1
    assert moment.once("who", lambda: next(answers)) == 2
    assert moment.once("who", lambda: next(answers)) == 3, "a moment of its own"
    moment.store.close()


def test_who_comes_in_while_another_leaves_has_a_moment_of_its_own(tmp_path: Path) -> None:
    Journal.open(tmp_path / "journal.db").close()
    store = Slow(open_reader(tmp_path / "journal.db")._connection)
    moment = Moment(store)

    def come() -> None:
        with moment:
            store.came.set()
            assert store.left.wait(PATIENCE_S)

    with ThreadPoolExecutor(1) as other:
        with moment:
            coming = other.submit(come)
        store.left.set()
        coming.result(PATIENCE_S)
        other.submit(moment.once, "who", lambda: 0).result(PATIENCE_S)
    assert moment.once("who", lambda: 1) == 1, "nobody was left inside"
    store.close()


class Slow(Store):
    """A store whose first reader, when it has let others in, takes its time to leave."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.came, self.left = Event(), Event()

    @contextmanager
    def reading(self) -> Iterator[bool]:
        with super().reading() as begins:
            yield begins
        assert self.came.wait(PATIENCE_S)
