"""Effects in the supervisor's hands: acknowledged once they are on disk, whatever else happens."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from prober.agent.clock import Clock
from prober.agent.effects import Book, Journalled, OfRun, Remembered
from prober.agent.redact import Redactor
from prober.conventions import EFFECT_STATE, EFFECTS
from prober.errors import JournalError
from prober.journal.effects import MOST_TRIES
from prober.journal.journal import Journal
from prober.model import Kind, RunId
from tests.agent.rig import Rig, make_journey

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


async def removed_while_it_runs(rig: Rig) -> RunId:
    """The run of a journey that was taken out meanwhile; it has noted R-1."""
    await rig.start()
    rig.script.free.clear()
    now_ms = rig.clock.now_ms()
    await rig.passes(rig.lanes["login"].schedule.first_at(now_ms + 1) - now_ms)
    [run] = [order.id for order in rig.script.orders if order.id.journey == "login"]
    rig.journal.effects.note(run, "cancel", "R-1", {})
    await rig.change(make_journey())
    return run


def orphans(rig: Rig) -> list[str]:
    return [effect.reference for effect in rig.journal.effects.orphans()]


def test_what_a_run_of_a_removed_journey_leaves_is_an_orphan_when_the_run_has_ended(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        rig = Rig(tmp_path / "journal.db", None, make_journey(), make_journey("login"))
        run = await removed_while_it_runs(rig)
        rig.journal.effects.note(run, "cancel", "R-2", {})
        await rig.all_lanes.give_up()
        assert orphans(rig) == [], "the run may yet take it back"
        rig.script.free.set()
        await rig.settle()
        await rig.all_lanes.give_up()
        assert orphans(rig) == ["R-1", "R-2"]
        await rig.kill()

    asyncio.run(story())


def test_what_a_run_of_a_removed_journey_takes_back_was_never_an_orphan(tmp_path: Path) -> None:
    async def story() -> None:
        rig = Rig(tmp_path / "journal.db", None, make_journey(), make_journey("login"))
        await removed_while_it_runs(rig)
        rig.journal.effects.undone(1)
        rig.script.free.set()
        await rig.settle()
        await rig.all_lanes.give_up()
        states = [json.loads(attributes) for name, attributes, value in rig.journal.counters()
                  if name == EFFECTS.name and value]  # fmt: skip
        assert sorted(each[EFFECT_STATE] for each in states) == ["noted", "undone"]
        await rig.kill()

    asyncio.run(story())


def test_what_journeys_that_are_gone_left_is_an_orphan_at_a_start_and_a_removal(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        rig = Rig(tmp_path / "journal.db", None, make_journey(), make_journey("login"))
        await rig.start()
        for journey in ("checkout", "login", "gone"):
            rig.journal.effects.note(RUN._replace(journey=journey), "cancel", journey, {})
        await rig.restart()
        assert orphans(rig) == ["gone"]
        await rig.change(make_journey())
        assert orphans(rig) == ["login", "gone"]
        await rig.kill()

    asyncio.run(story())


def test_a_full_disk_puts_off_what_is_given_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise JournalError("the journal cannot be written: disk is full")

    async def story() -> None:
        rig = Rig(tmp_path / "journal.db", None, make_journey(), make_journey("login"))
        await rig.start()
        rig.journal.effects.note(RUN._replace(journey="login"), "cancel", "R-1", {})
        with monkeypatch.context() as disk:
            disk.setattr(type(rig.journal.effects), "give_up", full)
            await rig.change(make_journey())
        assert "cannot be given up yet: the journal cannot be written" in caplog.text
        assert orphans(rig) == []
        await rig.all_lanes.give_up()
        assert orphans(rig) == ["R-1"]
        await rig.kill()

    asyncio.run(story())
