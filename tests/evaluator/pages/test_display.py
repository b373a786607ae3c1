"""Who looks at the page again finds it made; who looks once waits for the truth of now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from prober.evaluator.pages.display import Display
from prober.model import Outcome, Record, Run, Schedule
from tests.conftest import wait_until
from tests.evaluator.conftest import send


@dataclass
class Clock:
    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def display(clock: Clock) -> Display:
    """Its pages are numbered, and each takes half a second."""

    def pages() -> Iterator[str]:
        number = 0
        while True:
            number += 1
            clock.now_s += 0.5
            yield f"page {number}"

    made = pages()
    return Display(lambda: next(made), clock)


def test_nothing_is_made_while_nobody_looks(display: Display, clock: Clock) -> None:
    assert display.keep() == 1
    assert display.page() is None, "the first to look has it made"
    clock.now_s += 10
    display.keep()
    assert display.page() is None, "who looked 10 s ago looks no longer"


def test_who_looks_again_gets_what_was_made_ahead(display: Display, clock: Clock) -> None:
    display.page()
    display.keep()
    assert [display.page(), display.page()] == ["page 1", "page 1"]
    display.keep()
    assert display.page() == "page 2"
    clock.now_s += 9.4
    assert display.page() == "page 2"
    clock.now_s += 0.1
    assert display.page() is None, "10 s after it was begun it is too old"


def test_making_it_takes_a_third_of_the_time_at_most(clock: Clock) -> None:
    def slow() -> str:
        clock.now_s += 4
        return "page"

    display = Display(slow, clock)
    display.page()
    assert display.keep() == 8


def test_a_page_that_cannot_be_made_leaves_none_that_is_old(display: Display, clock: Clock) -> None:
    display.page()
    display.keep()
    display.make = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        display.keep()
    assert display.page() is None


def test_an_evaluator_makes_the_page_of_those_who_look_again(
    evaluator: Callable[..., Any],
    run: Callable[..., Run],
    schedule: Callable[..., Schedule],
) -> None:
    judge = evaluator()
    slots = iter(range(60_000, 60_000_000, 1000))

    def same_page_though_a_run_arrived() -> bool:
        before = judge.http.get("/").raise_for_status().content
        records: list[Record] = [schedule(1000), run(next(slots), Outcome.PASSED)]
        send(judge, records)
        assert judge.status()["journeys"]["checkout"][0]["held"], "the API waits for nobody"
        return bool(judge.http.get("/").content == before)

    wait_until(same_page_though_a_run_arrived)
