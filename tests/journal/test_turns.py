"""Turns: who waits longest is next."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any

from prober.journal.turns import Turns


def test_who_leaves_and_asks_again_at_once_waits_for_all_who_asked_before(
    until: Callable[..., Any],
) -> None:
    turns, came = Turns(), []

    def come(name: str) -> None:
        with turns:
            came.append(name)

    threads = [Thread(target=come, args=[name], daemon=True) for name in "abc"]
    with turns:
        for number, thread in enumerate(threads, 1):
            thread.start()
            until(lambda number=number: turns.waiting == number)
    come("again")
    assert came == ["a", "b", "c", "again"]


def test_nobody_comes_in_while_another_is_inside() -> None:
    turns, inside, most = Turns(), 0, 0

    def come() -> None:
        nonlocal inside, most
        for _ in range(2000):
            with turns:
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [Thread(target=come) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert turns.waiting == 0
    with turns:
        pass


def test_who_is_inside_and_fails_leaves() -> None:
    turns = Turns()
    try:
        with turns:
            raise ValueError
    except ValueError:
        with turns:
            assert turns.waiting == 0
