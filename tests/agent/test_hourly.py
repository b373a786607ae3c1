"""What is done once an hour is done again, whatever was in its way."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest

from prober.agent.hourly import hourly
from prober.errors import JournalError


def test_a_chore_that_fails_stops_neither_the_others_nor_the_next_hour(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done = 0

    def fails_by_the_disk() -> None:
        raise JournalError("the disk is full")

    def fails_by_surprise() -> None:
        raise PermissionError("evidence")

    def works() -> None:
        nonlocal done
        done += 1
        if done == 3:
            raise asyncio.CancelledError

    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(hourly(lambda: (fails_by_the_disk, fails_by_surprise, works), every_s=0))
    assert done == 3
    assert "could not be kept, trying again in an hour: the disk is full" in caplog.text
    assert "PermissionError: evidence" in caplog.text


def test_chores_have_one_thread_for_as_long_as_the_agent_lives() -> None:
    by = list[int]()

    def works() -> None:
        by.append(threading.get_ident())
        if len(by) == 6:
            raise asyncio.CancelledError

    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(hourly(lambda: (works, works), every_s=0))
    assert len(set(by)) == 1
