"""What an agent says of itself, also while the disk is full."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from prober import conventions as names
from prober.agent.control import Look
from prober.agent.copies import Copies
from prober.agent.observe import Observer
from prober.agent.reference import Reply
from prober.config import Region
from prober.errors import ProberError
from prober.journal.effects import MOST_TRIES
from prober.reload import Reload
from prober.telemetry.totals import Reading
from tests.agent.rig import REGION, Rig

EVERY_MS = 60_000


@dataclass
class Checks:
    """What is read of control checks."""

    newest: Look | None = None
    counted: Counter[str] = field(default_factory=Counter)


@dataclass
class Workers:
    """What is read of a pool."""

    browser: str = "140.0"
    live: int = 2
    killed: int = 0
    renewed: Counter[str] = field(default_factory=Counter)
    withheld: int = 0
    control: Checks = field(default_factory=lambda: Checks())


async def nothing_changes() -> list[str]:
    return []


def observer(rig: Rig, workers: Workers, reload: Reload | None = None) -> Observer:
    region = Region.model_validate(
        {"region": REGION, "base_url": "http://127.0.0.1:1", "fleet": (REGION,)}
    )
    return Observer(
        region,
        rig.journal,
        rig.view,
        workers,  # type: ignore[arg-type]  # all that is read of pools
        rig.clock,
        lambda: rig.pen.waiting,
        reload or Reload(nothing_changes),
        Copies(rig.journal, lambda: region),
    )


def by_name(readings: list[Reading]) -> dict[str, float]:
    return {reading.metric.name: reading.value for reading in readings}


def counted(rig: Rig, metric: names.Metric) -> dict[str, int]:
    return {
        json.loads(attributes).get(names.REASON, ""): value
        for name, attributes, value in rig.journal.counters()
        if name == metric.name
    }


async def started(path: Path) -> Rig:
    rig = Rig(path)
    await rig.start()
    await rig.passes(EVERY_MS)
    return rig


def test_readings_say_how_the_agent_is(tmp_path: Path) -> None:
    async def story() -> None:
        rig = await started(tmp_path / "journal.db")
        found = by_name(observer(rig, Workers()).readings())
        assert found[names.WORKERS.name] == 2
        assert found[names.JOURNAL_UNWRITTEN.name] == 0
        assert found[names.JOURNAL_RECORDS.name] == rig.journal.outbox.newest() == 2
        assert found[names.JOURNAL_SIZE.name] >= (tmp_path / "journal.db").stat().st_size
        assert found[names.CLOCK_SKEW.name] == 0
        assert found[names.INFO.name] == 1
        assert found[names.RUN_LAST.name] == rig.runs()[0].finished_ms / 1000
        rig.time.wall_ms -= 5000
        assert by_name(observer(rig, Workers()).readings())[names.CLOCK_SKEW.name] == 5
        await rig.kill()

    asyncio.run(story())


def test_a_newest_run_older_than_two_periods_is_not_told(tmp_path: Path) -> None:
    async def story() -> None:
        rig = await started(tmp_path / "journal.db")
        ran_ms = rig.runs()[0].finished_ms
        rig.time.passes(ran_ms + 2 * EVERY_MS - rig.clock.now_ms())
        assert names.RUN_LAST.name in by_name(observer(rig, Workers()).readings())
        rig.time.passes(1)
        assert names.RUN_LAST.name not in by_name(observer(rig, Workers()).readings())
        await rig.kill()

    asyncio.run(story())


def test_orphans_are_told_for_every_journey_and_0_where_there_is_none(tmp_path: Path) -> None:
    def orphans(watching: Observer) -> dict[str, float]:
        return {
            reading.attributes[names.JOURNEY]: reading.value
            for reading in watching.readings()
            if reading.metric is names.ORPHANS
        }

    async def story() -> None:
        rig = await started(tmp_path / "journal.db")
        watching = observer(rig, Workers())
        assert orphans(watching) == {"checkout": 0}
        number = rig.journal.effects.note(rig.runs()[0].id, "cancel", "R-1", {})
        for _ in range(MOST_TRIES):
            assert orphans(watching) == {"checkout": 0}
            rig.journal.effects.remained(number, "503", 0)
        assert orphans(watching) == {"checkout": 1}
        await rig.kill()

    asyncio.run(story())


def test_control_checks_tell_who_answered_and_what_time_it_is(tmp_path: Path) -> None:
    async def story() -> None:
        rig = await started(tmp_path / "journal.db")
        workers = Workers()
        watching = observer(rig, workers)
        before = by_name(watching.readings())
        assert before.keys().isdisjoint({names.CONTROL_UP.name, names.CLOCK_OFFSET.name})
        replies = (
            Reply("https://a.example", True, ahead_s=-7.2),
            Reply("tcp://10.0.0.53:53", None, "no answer in time"),
        )
        workers.control.newest = Look(0, 1, replies, "1 of 2")
        workers.control.counted["failed"] = 3
        readings = watching.readings()
        told = {
            reading.attributes[names.REFERENCE]: reading.value
            for reading in readings
            if reading.metric is names.CONTROL_UP
        }
        assert told == {"https://a.example": 1, "tcp://10.0.0.53:53": 0}
        assert by_name(readings)[names.CLOCK_OFFSET.name] == -7
        assert counted(rig, names.CONTROL_FAILED) == {"": 3}
        await rig.kill()

    asyncio.run(story())


def test_every_time_that_the_clock_was_set_is_counted(tmp_path: Path) -> None:
    async def story() -> None:
        rig = await started(tmp_path / "journal.db")
        watching = observer(rig, Workers())
        watching.readings()
        assert counted(rig, names.CLOCK_STEPS) == {"forward": 0, "held": 0, "restarted": 0}
        for ms in (5000, 3000, -2000, -4 * 3_600_000, 500):
            rig.time.wall_ms += ms
            await rig.look()
        watching.readings()
        assert counted(rig, names.CLOCK_STEPS) == {"forward": 2, "held": 1, "restarted": 1}
        await rig.kill()

    asyncio.run(story())


def test_a_refusal_to_read_the_files_again_is_a_zero_until_they_are_right(tmp_path: Path) -> None:
    answers: list[Exception | list[str]] = [ProberError("no"), []]

    async def renew() -> list[str]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def story() -> None:
        rig = await started(tmp_path / "journal.db")
        reload = Reload(renew, in_force_ms=5000)
        watching = observer(rig, Workers(), reload)
        for success, since_s in ((1, 5), (0, 5)):
            found = by_name(watching.readings())
            assert found[names.CONFIG_RELOAD.name] == success
            assert found[names.CONFIG_READ.name] == since_s
            await reload.attempt()
        found = by_name(watching.readings())
        assert found[names.CONFIG_RELOAD.name] == 1
        assert found[names.CONFIG_READ.name] > 5
        await rig.kill()

    asyncio.run(story())


def test_every_schedule_is_told_with_its_beginning(tmp_path: Path) -> None:
    async def story() -> None:
        rig = await started(tmp_path / "journal.db")
        (first,) = rig.schedules()
        ended = replace(first, from_ms=rig.clock.now_ms(), every_ms=0)
        rig.journal.write([ended])
        told = {
            tuple(reading.attributes.values()): reading.value
            for reading in observer(rig, Workers()).readings()
            if reading.metric is names.SCHEDULE_PERIOD
        }
        assert told == {
            (REGION, "checkout", str(each.from_ms), str(each.phase_ms)): each.every_ms / 1000
            for each in (first, ended)
        }
        await rig.kill()

    asyncio.run(story())


def test_what_the_pool_counted_is_added_once_and_outlives_the_process(tmp_path: Path) -> None:
    async def story() -> None:
        rig = await started(tmp_path / "journal.db")
        workers = Workers(killed=2, renewed=Counter(age=1))
        watching = observer(rig, workers)
        threads = [threading.Thread(target=watching.readings) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        workers.killed += 1
        watching.readings()
        assert counted(rig, names.WORKERS_KILLED) == {"": 3}
        await rig.restart()
        observer(rig, Workers(killed=1)).readings()
        assert counted(rig, names.WORKERS_KILLED) == {"": 4}
        assert counted(rig, names.WORKERS_RENEWED) == {"age": 1}
        await rig.kill()

    asyncio.run(story())


def test_on_a_full_disk_it_still_speaks_and_counts_later(tmp_path: Path) -> None:
    async def story() -> None:
        rig = await started(tmp_path / "journal.db")
        connection = rig.journal.store._connection
        connection.execute("PRAGMA query_only = ON")
        workers = Workers(killed=1)
        watching = observer(rig, workers)
        assert by_name(watching.readings())[names.WORKERS.name] == 2
        connection.execute("PRAGMA query_only = OFF")
        watching.readings()
        assert counted(rig, names.WORKERS_KILLED) == {"": 1}
        await rig.kill()

    asyncio.run(story())
