"""Writing while the disk does not take it: nothing stops, nothing is forgotten, all is counted."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from prober.agent import pen as pens
from prober.agent.pen import Pen
from prober.agent.watch import Order
from prober.journal.journal import Journal
from prober.model import Kind, Run, RunId
from tests.agent.rig import HOUR_MS, NEW_YEAR_MS, REGION, Rig, Time, make_journey, make_run

EVERY_MS = 60_000
Story = Callable[[Pen], Coroutine[Any, Any, None]]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    book = Journal.open(tmp_path / "journal.db", now_ms=NEW_YEAR_MS)
    yield book
    book.close()


@pytest.fixture
def pen(journal: Journal) -> Pen:
    return Pen(journal, lambda: None)


def run(n: int, **changes: Any) -> Run:
    identity = RunId("checkout", REGION, NEW_YEAR_MS + n * EVERY_MS, 1, Kind.SCHEDULED)
    return make_run(Order(id=identity, journey=make_journey()), **changes)


def fill(journal: Journal) -> None:
    """Let the file grow no more, as on a full disk; SQLite says the same of both."""
    connection = journal.store._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")


def free(journal: Journal) -> None:
    journal.store._connection.execute("PRAGMA max_page_count = 1000000")


def bulky(n: int) -> Run:
    """A run that needs pages of its own."""
    noise = random.Random(n).randbytes(9000).hex()
    return run(n, evidence={"console": (noise,)})


def test_what_is_written_is_committed_and_told(journal: Journal) -> None:
    told: list[int] = []
    pen = Pen(journal, lambda: told.append(journal.outbox.newest()))
    asyncio.run(pen.write([run(0), run(1)]))
    asyncio.run(pen.write())
    assert told == [2], "and nothing is told of nothing"
    assert (pen.waiting, pen.lost) == (0, 0)


def test_records_wait_for_a_full_disk_in_order(journal: Journal, pen: Pen) -> None:
    async def story() -> None:
        fill(journal)
        for n in range(5):
            await pen.write([bulky(n)])
        await pen.write()
        assert (pen.waiting, pen.lost) == (5, 0)
        assert journal.outbox.newest() == 0
        free(journal)
        await pen.write([run(5)])
        assert (pen.waiting, pen.lost) == (0, 0)
        written = [entry.record for entry in journal.outbox.entries(0, 9, 9)]
        assert written == [*(bulky(n) for n in range(5)), run(5)]

    asyncio.run(story())


def test_the_oldest_give_way_and_are_counted_when_too_many_wait(
    journal: Journal, pen: Pen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pens, "MOST_WAITING", 3)

    async def story() -> None:
        fill(journal)
        for n in range(5):
            await pen.write([bulky(n)])
        assert (pen.waiting, pen.lost) == (3, 2)
        free(journal)
        await pen.write()

    asyncio.run(story())
    written = [entry.record for entry in journal.outbox.entries(0, 9, 9)]
    assert written == [bulky(n) for n in (2, 3, 4)]


def test_a_record_that_the_journal_chokes_on_costs_only_itself(journal: Journal, pen: Pen) -> None:
    sick = run(1, duration_us=2**70)
    asyncio.run(pen.write([run(0), sick, run(2)]))
    assert [entry.record for entry in journal.outbox.entries(0, 9, 9)] == [run(0), run(2)]
    assert (pen.waiting, pen.lost) == (0, 1)


def test_a_writer_that_is_cancelled_has_written(journal: Journal, pen: Pen) -> None:
    async def story() -> None:
        tasks = [asyncio.create_task(pen.write([run(n)])) for n in range(3)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(end) for end in ends] == [asyncio.CancelledError] * 3
        await pen.write()
        assert journal.outbox.newest() == 3

    asyncio.run(story())


def test_no_claim_is_made_while_records_wait(journal: Journal, pen: Pen) -> None:
    async def story() -> None:
        await pen.write([run(0)])
        before = journal.next_due("checkout", REGION)
        fill(journal)
        await pen.write([bulky(1)])
        free(journal)
        await pen.claim(run(2).id, NEW_YEAR_MS)
        assert journal.claims() == []
        assert journal.next_due("checkout", REGION) == before
        await pen.write()
        await pen.claim(run(2).id, NEW_YEAR_MS)
        assert len(journal.claims()) == 1

    asyncio.run(story())


def test_an_agent_on_a_full_disk_keeps_measuring_and_recovers(tmp_path: Path) -> None:
    async def story() -> None:
        rig = Rig(tmp_path / "journal.db")
        await rig.start()
        await rig.passes(EVERY_MS)
        fill(rig.journal)
        for _ in range(80):
            await rig.passes(EVERY_MS)
        assert len(rig.script.orders) == 81, "it keeps measuring"
        assert rig.pen.waiting > 10
        free(rig.journal)
        await rig.passes(EVERY_MS)
        assert rig.pen.waiting == 0
        assert rig.states() == rig.due() == 82
        await rig.kill()

    asyncio.run(story())


@pytest.mark.parametrize("slots_full", [1, 5, 60])
def test_an_agent_killed_on_a_full_disk_leaves_no_slot_without_a_state(
    tmp_path: Path, slots_full: int
) -> None:
    async def story() -> None:
        rig = Rig(tmp_path / "journal.db", Time())
        await rig.start()
        await rig.passes(EVERY_MS)
        fill(rig.journal)
        for _ in range(slots_full):
            await rig.passes(EVERY_MS)
        rig.script.free.clear()
        free(rig.journal)
        await rig.lane.look()
        await rig.passes(EVERY_MS)
        await rig.kill()
        rig.script.free.set()
        rig.time.passes(HOUR_MS)
        await rig.start()
        assert rig.states() == rig.due()
        await rig.kill()

    asyncio.run(story())
