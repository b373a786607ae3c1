"""A page that takes a while is made once for those who look at the same time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from prober.evaluator.pages.kept import Kept


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_page_is_made_anew_after_some_seconds_and_each_name_has_its_own() -> None:
    clock, made = Clock(), list[str]()

    def make(name: str) -> str:
        made.append(name)
        return f"{name} {len(made)}"

    kept = Kept(make, clock)
    assert [kept.page("one"), kept.page("one"), kept.page("two")] == ["one 1", "one 1", "two 2"]
    clock.now_s += 3
    assert kept.page("one") == "one 3"


def test_a_page_that_took_longer_rests_longer() -> None:
    clock, made = Clock(), list[str]()

    def make(name: str) -> str:
        clock.now_s += 1
        made.append(name)
        return name

    kept = Kept(make, clock)
    kept.page("slow")
    clock.now_s += 9.9
    kept.page("slow")
    assert made == ["slow"]
    clock.now_s += 0.2
    kept.page("slow")
    assert made == ["slow", "slow"]


def test_who_comes_while_it_is_made_waits_for_it() -> None:
    begun, made, go = threading.Event(), list[str](), threading.Event()

    def make(name: str) -> str:
        begun.set()
        go.wait(10)
        made.append(name)
        return name

    kept = Kept(make)
    with ThreadPoolExecutor(4) as people:
        looks = [people.submit(kept.page, "one") for _ in range(4)]
        begun.wait(10)
        go.set()
        assert [look.result(10) for look in looks] == ["one"] * 4
    assert made == ["one"]


def test_what_is_not_there_is_asked_for_again_and_fills_no_memory() -> None:
    asked = list[str]()
    kept = Kept(lambda name: asked.append(name))
    for number in range(1000):
        assert kept.page(str(number)) is None
    assert len(asked) == 1000
    assert len(kept._places) <= 100
    kept.page("999")
    assert len(asked) == 1001
