"""One moment: each question once, and nothing carried over to the next."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

from prober.journal.journal import Journal
from prober.journal.moment import Moment
from prober.journal.store import open_reader
from tests.conftest import PATIENCE_S


def test_a_question_is_asked_once_a_moment(tmp_path: Path) -> None:
    moment = of_an_empty_journal(tmp_path)
    answers = iter(range(9))
    with moment, moment:
        assert moment.once("who", lambda: next(answers)) == 0
        assert moment.once("who", lambda: next(answers)) == 0
        assert moment.once("what", lambda: next(answers)) == 1
    assert moment.once("who", lambda: next(answers)) == 2
    assert moment.once("who", lambda: next(answers)) == 3, "a moment of its own"
    moment.store.close()


def test_who_comes_in_while_another_leaves_has_a_moment_of_its_own(tmp_path: Path) -> None:
    moment = of_an_empty_journal(tmp_path)
    inside = Event()

    def come() -> int:
        inside.set()
        with moment:
            return moment.once("who", lambda: 1)

    with ThreadPoolExecutor(1) as other:
        with moment:
            assert moment.once("who", lambda: 0) == 0
            coming = other.submit(come)
            assert inside.wait(PATIENCE_S)
        assert coming.result(PATIENCE_S) == 1
    assert moment.once("who", lambda: 2) == 2, "nobody was left inside"
    moment.store.close()


def of_an_empty_journal(directory: Path) -> Moment:
    Journal.open(directory / "journal.db").close()
    return Moment(open_reader(directory / "journal.db"))
