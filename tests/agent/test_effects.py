"""Effects in the supervisor's hands: acknowledged once they are on disk, whatever else happens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from prober.agent.clock import Clock
from prober.agent.effects import Book, Journalled, OfRun, Remembered
from prober.agent.redact import Redactor
from prober.errors import JournalError
from prober.journal.effects import MOST_TRIES
from prober.journal.journal import Journal
from prober.model import Kind, RunId

RUN = RunId("checkout", "eu-west-1", 1_767_225_600_000, 1, Kind.SCHEDULED)
NEXT = RUN._replace(slot_ms=RUN.slot_ms + 60_000)
Told = list[Mapping[str, Any]]


def effect(reference: str, number: int = 1) -> dict[str, Any]:
    return {"at": "effect", "action": "cancel", "reference": reference, "number": number}


async def heard(book: Book, *events: Mapping[str, Any], run: RunId = RUN) -> Told:
    """What a worker is answered."""
    told: Told = []
    of_run = OfRun(book, run, {"shopper": "abc"}, [], Redactor({"token": "tok-4711-verdigris"}))
    for event in events:
        of_run.hear(event, told.append)
    await of_run.settled()
    return told


def test_the_answer_comes_when_the_effect_is_in_the_journal(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.db")
    [answer] = asyncio.run(heard(Journalled(journal, Clock()), effect("R-1", 7)))
    [noted] = journal.effects.due(NEXT, 0)
    assert answer == {"do": "answer", "number": 7, "refused": None, "effect": noted.id}
    assert (noted.run, noted.reference, noted.accounts) == (RUN, "R-1", {"shopper": "abc"})
    journal.close()


def test_a_reference_with_a_secret_is_refused_and_written_nowhere(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.db")
    book = Journalled(journal, Clock())
    [answer] = asyncio.run(heard(book, effect("order of tok-4711-verdigris")))
    assert "holds a secret" in answer["refused"]
    assert journal.effects.due(NEXT, 0) == []
    journal.close()


def test_what_was_taken_back_is_left_no_more_and_why_not_is_redacted(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.db")
    book = Journalled(journal, Clock())
    one, other = (journal.effects.note(RUN, "cancel", name, {}) for name in ("R-1", "R-2"))
    said = {"at": "remained", "effect": other, "message": "no: tok-4711-verdigris"}
    asyncio.run(heard(book, {"at": "undone", "effect": one}, said, run=NEXT))
    [remained] = journal.effects.due(NEXT, 2**60)
    assert (remained.id, remained.tries, remained.error) == (other, 1, "no: [token]")
    journal.close()


def test_an_orphan_is_told_with_the_run_that_made_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal.open(tmp_path / "journal.db")
    book = Journalled(journal, Clock())
    number = journal.effects.note(RUN, "cancel", "R-1", {})
    with caplog.at_level(logging.ERROR):
        for _ in range(MOST_TRIES):
            assert caplog.messages == []
            asyncio.run(book.remained(number, "503"))
    [line] = caplog.messages
    assert f"cancel('R-1') of {RUN.name} is an orphan after 5 tries" in line
    assert line.endswith("503")
    journal.close()


def test_a_full_disk_stops_no_run_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal.open(tmp_path / "journal.db")
    book = Journalled(journal, Clock())

    def full(*_: Any) -> None:
        raise JournalError("the journal cannot be written: disk is full")

    monkeypatch.setattr(type(journal.effects), "note", full)
    [answer] = asyncio.run(heard(book, effect("R-1")))
    assert (answer["effect"], answer["refused"]) == (None, None)
    [line] = caplog.messages
    assert f"cancel('R-1') of {RUN.name} is not in the journal" in line
    asyncio.run(heard(book, {"at": "undone", "effect": None}))
    journal.close()


def test_by_hand_effects_are_remembered_from_run_to_run_and_told_at_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    book = Remembered()

    async def story() -> None:
        [first, second] = await heard(book, effect("R-1", 1), effect("R-2", 2))
        assert await book.due(RUN) == []
        assert [each.reference for each in await book.due(NEXT)] == ["R-2", "R-1"]
        await book.undone(first["effect"])
        await book.remained(second["effect"], "503")

    asyncio.run(story())
    book.tell()
    assert caplog.messages == [f"left behind: checkout: cancel('R-2') of {RUN.name}: 503"]
