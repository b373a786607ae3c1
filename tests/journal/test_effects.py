"""What runs make at the target: noted before, gone when taken back, told when that fails often."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable

import pytest

from prober import conventions as names
from prober.journal.effects import AT_ONCE, MOST_TRIES, pause_ms
from prober.journal.journal import Journal
from prober.journal.store import QUERIES
from prober.model import EffectState, Kind, Run, RunId
from tests.journal.conftest import EVERY_MS, NEW_YEAR_MS

Open = Callable[..., Journal]
REGION = "eu-west-1"
NOW_MS = NEW_YEAR_MS + 10 * EVERY_MS


def run_of(slot: int, journey: str = "checkout", attempt: int = 1) -> RunId:
    return RunId(journey, REGION, NEW_YEAR_MS + slot * EVERY_MS, attempt, Kind.SCHEDULED)


def left(book: Journal, slot: int = 9, now_ms: int = NOW_MS) -> list[str]:
    return [effect.reference for effect in book.effects.due(run_of(slot), now_ms)]


def counted(book: Journal, journey: str = "checkout") -> dict[str, int]:
    """How many effects of a journey came to which state."""
    found = {}
    for metric, attributes, value in book.counters():
        labels = json.loads(attributes)
        if metric == names.EFFECTS.name and labels[names.JOURNEY] == journey:
            found[labels[names.EFFECT_STATE]] = value
    return found


def test_what_was_noted_is_left_for_later_runs_until_it_is_undone(journal: Open) -> None:
    book = journal()
    first = book.effects.note(run_of(1), "cancel", "R-1", {"shopper": "abc"})
    book.effects.note(run_of(1), "cancel", "R-2", {})
    book.effects.note(run_of(1, "login"), "forget", "session", {})
    book = journal()  # the process died
    newest, oldest = book.effects.due(run_of(2), NOW_MS)
    assert (newest.reference, oldest.reference) == ("R-2", "R-1")
    assert (oldest.id, oldest.run, oldest.action) == (first, run_of(1), "cancel")
    assert (oldest.accounts, oldest.tries, oldest.error) == ({"shopper": "abc"}, 0, None)
    book.effects.undone(first)
    assert left(journal()) == ["R-2"]
    assert counted(journal()) == {EffectState.NOTED: 2, EffectState.UNDONE: 1}


def test_a_run_is_not_given_what_it_noted_itself(journal: Open) -> None:
    book = journal()
    book.effects.note(run_of(1), "cancel", "R-1", {})
    assert book.effects.due(run_of(1), NOW_MS) == []
    assert len(book.effects.due(run_of(1, attempt=2), NOW_MS)) == 1


def test_undoing_twice_counts_once(journal: Open) -> None:
    book = journal()
    number = book.effects.note(run_of(1), "cancel", "R-1", {})
    book.effects.undone(number)
    book.effects.undone(number)
    assert counted(book)[EffectState.UNDONE] == 1
    assert book.effects.note(run_of(2), "cancel", "R-2", {}) != number


def test_what_could_not_be_undone_is_tried_later_and_later_and_is_then_an_orphan(
    journal: Open,
) -> None:
    book, now_ms = journal(), NOW_MS
    number = book.effects.note(run_of(1), "cancel", "R-1", {})
    for tries in range(1, MOST_TRIES + 1):
        assert left(book, now_ms=now_ms) == ["R-1"]
        orphan = book.effects.remained(number, "503", now_ms)
        assert bool(orphan) is (tries == MOST_TRIES)
        now_ms += pause_ms(tries)
        assert left(book, now_ms=now_ms - 1) == []
    assert journal().effects.orphans() == [orphan]
    assert orphan
    assert (orphan.tries, orphan.error, orphan.run) == (MOST_TRIES, "503", run_of(1))
    assert str(orphan) == f"checkout: cancel('R-1') of {run_of(1).name}"


def test_an_orphan_is_tried_once_a_day_and_may_yet_be_undone(journal: Open) -> None:
    book = journal()
    number = book.effects.note(run_of(1), "cancel", "R-1", {})
    for _ in range(MOST_TRIES + 3):
        book.effects.remained(number, "503", NOW_MS)
    assert left(book, now_ms=NOW_MS + 86_400_000) == ["R-1"]
    assert counted(book)[EffectState.ORPHANED] == 1
    book.effects.undone(number)  # somebody took it away, so that undoing it works
    assert book.effects.orphans() == []
    assert counted(book)[EffectState.UNDONE] == 1


def test_what_no_journey_is_there_to_undo_is_an_orphan_at_once(journal: Open) -> None:
    book = journal()
    book.effects.note(run_of(1), "cancel", "R-1", {})
    book.effects.note(run_of(1, "login"), "forget", "session", {})
    assert book.effects.give_up("elsewhere", []) == 0
    assert book.effects.give_up(REGION, ["checkout"]) == 1
    assert book.effects.give_up(REGION, ["checkout"]) == 0
    [orphan] = book.effects.orphans()
    assert (orphan.reference, orphan.error) == ("session", "its journey runs here no more")
    assert counted(book, "login") == {EffectState.NOTED: 1, EffectState.ORPHANED: 1}


def test_a_run_is_given_a_few_at_once(journal: Open) -> None:
    book = journal()
    for number in range(AT_ONCE + 1):
        book.effects.note(run_of(1), "cancel", f"R-{number}", {})
    found = left(book)
    assert (len(found), found[0]) == (AT_ONCE, f"R-{AT_ONCE}")


def test_a_journal_from_before_there_were_effects_is_opened_and_keeps_all_it_has(
    journal: Open, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setitem(QUERIES, "make_effects", "SELECT 1")
        book = journal()
        book.write([run(1)], NOW_MS)
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            book.effects.orphans()
    book = journal()
    assert book.set_aside is None
    assert book.outbox.newest() == 1
    book.effects.note(run_of(1), "cancel", "R-1", {})
    assert left(journal()) == ["R-1"]
