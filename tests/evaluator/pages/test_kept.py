"""A page that takes a while is made once for those who look at the same time."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from prober.evaluator.pages.kept import Kept, KeptArchive


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Maker:
    """Makes pages, and says how many there were before."""

    def __init__(self, clock: Clock, takes_s: float = 0.0) -> None:
        self.clock, self.takes_s, self.made = clock, takes_s, list[str]()

    def __call__(self, name: str) -> str:
        self.clock.now_s += self.takes_s
        self.made.append(name)
        return f"{name} {len(self.made)}"


def test_a_page_is_shown_for_some_seconds_and_each_name_has_its_own() -> None:
    kept = Kept(Maker(clock := Clock()), clock)
    looks = [kept.look(name) for name in ("one", "one", "two")]
    assert looks == [("one 1", False), ("one 1", False), ("two 2", False)]


def test_one_that_is_due_is_shown_at_once_and_made_anew_for_the_next() -> None:
    kept = Kept(Maker(clock := Clock()), clock)
    kept.look("one")
    clock.now_s += 3
    assert kept.look("one") == ("one 1", True)
    asyncio.run(kept.renew("one"))
    assert kept.look("one") == ("one 2", False)


def test_who_comes_half_a_minute_later_is_shown_how_it_is_now() -> None:
    kept = Kept(Maker(clock := Clock()), clock)
    kept.look("one")
    clock.now_s += 30
    assert kept.look("one") == ("one 2", False)


def test_what_is_not_due_or_not_there_is_not_made_anew() -> None:
    make = Maker(clock := Clock())
    kept = Kept(make, clock)
    kept.look("one")
    asyncio.run(kept.renew("one"))
    asyncio.run(kept.renew("two"))
    assert make.made == ["one"]


def test_a_page_that_took_longer_rests_longer() -> None:
    make = Maker(clock := Clock(), takes_s=1)
    kept = Kept(make, clock)
    kept.look("slow")
    clock.now_s += 9.9
    assert not kept.look("slow").due
    clock.now_s += 0.2
    assert kept.look("slow").due


def test_one_that_takes_very_long_is_shown_until_it_is_due() -> None:
    kept = Kept(Maker(clock := Clock(), takes_s=10), clock)
    kept.look("slow")
    clock.now_s += 99
    assert kept.look("slow") == ("slow 1", False)


def test_who_comes_while_it_is_made_waits_for_it() -> None:
    begun, made, go = threading.Event(), list[str](), threading.Event()

    def make(name: str) -> str:
        begun.set()
        go.wait(10)
        made.append(name)
        return name

    kept = Kept(make)
    with ThreadPoolExecutor(4) as people:
        looks = [people.submit(kept.look, "one") for _ in range(4)]
        begun.wait(10)
        go.set()
        assert [look.result(10).html for look in looks] == ["one"] * 4
    assert made == ["one"]


class Slow:
    """Makes a first page at once, and others when they may go on; knows how many at once."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        self.made, self.at_once, self.most = list[str](), 0, 0

    def __call__(self, name: str) -> str:
        self.made.append(name)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        if self.made.count(name) > 1:
            self.begun.set()
            self.go.wait(10)
        self.at_once -= 1
        return f"{name} {self.made.count(name)}"


def test_nobody_waits_while_pages_are_made_anew_once_each_and_one_after_the_other() -> None:
    make = Slow()
    kept = Kept(make, clock := Clock())
    names = ["one", "two", "three"]
    for name in names:
        kept.look(name)
    clock.now_s += 3

    async def people() -> None:
        renewals = [asyncio.create_task(kept.renew(name)) for name in names + names]
        await asyncio.to_thread(make.begun.wait, 10)
        assert [kept.look(name).html for name in names] == ["one 1", "two 1", "three 1"]
        make.go.set()
        await asyncio.gather(*renewals)

    asyncio.run(people())
    assert [kept.look(name) for name in names] == [(f"{name} 2", False) for name in names]
    assert make.most == 1
    assert len(make.made) == 6


def test_an_error_while_it_is_made_anew_is_logged_and_the_next_one_tries(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = list[str]()

    def make(name: str) -> str:
        made.append(name)
        if len(made) == 2:
            raise OSError("disk")
        return f"{name} {len(made)}"

    kept = Kept(make, clock := Clock())
    kept.look("one")
    clock.now_s += 3
    asyncio.run(kept.renew("one"))
    assert "disk" in caplog.text
    assert kept.look("one") == ("one 1", True)
    asyncio.run(kept.renew("one"))
    assert kept.look("one") == ("one 3", False)


def test_what_is_not_there_is_asked_for_again_and_fills_no_memory() -> None:
    asked = list[str]()
    kept = Kept(lambda name: asked.append(name))
    for number in range(1000):
        assert kept.look(str(number)).html is None
    assert len(asked) == 1000
    assert len(kept._places) <= 100
    kept.look("999")
    assert len(asked) == 1001


def test_an_archive_is_made_anew_some_seconds_later_and_one_that_took_longer_later_still() -> None:
    make = Maker(clock := Clock(), takes_s=1)
    kept = KeptArchive(lambda: make("all").encode(), clock)
    assert [asyncio.run(kept.get()) for _ in range(2)] == [b"all 1"] * 2
    clock.now_s += 9.9
    assert asyncio.run(kept.get()) == b"all 1"
    clock.now_s += 0.2
    assert asyncio.run(kept.get()) == b"all 2"


def test_an_archive_that_could_not_be_made_is_tried_again_by_who_waits() -> None:
    made = list[int]()

    def make() -> bytes:
        made.append(1)
        if len(made) == 1:
            raise OSError("disk")
        return b"all"

    async def people() -> list[bytes | BaseException]:
        kept = KeptArchive(make)
        return await asyncio.gather(*(kept.get() for _ in range(3)), return_exceptions=True)

    failed, *others = asyncio.run(people())
    assert str(failed) == "disk"
    assert others == [b"all"] * 2
    assert len(made) == 2
