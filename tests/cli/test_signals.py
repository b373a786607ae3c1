"""SIGHUP has files read again; from a terminal that is gone it is the end."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from textwrap import dedent
from typing import Any

Until = Callable[..., Any]
PROGRAM = dedent("""
    import asyncio
    from prober.cli import signals

    signals.begin()
    print("begun", flush=True)
    HELD
    async def main():
        told = signals.Signals(within_s=WITHIN)
        told.attend()
        print("attends", flush=True)
        await asyncio.wait(
            [asyncio.create_task(told.reload.wait()), asyncio.create_task(told.stop.wait())],
            return_when=asyncio.FIRST_COMPLETED,
        )
        print("reload" if told.reload.is_set() else "stop", flush=True)
        THEN

    asyncio.run(main())
""")


@contextmanager
def running(
    held: str = "", within: str = "None", then: str = "", terminal: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    text = PROGRAM.replace("HELD", held).replace("WITHIN", within).replace("THEN", then)
    process = subprocess.Popen(
        [sys.executable, "-c", text],
        stdin=subprocess.DEVNULL if terminal is None else terminal,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    with process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_sighup_asks_for_a_reading_also_before_anybody_attends() -> None:
    with running(held="__import__('time').sleep(1)") as process:
        assert line(process) == "begun"
        process.send_signal(signal.SIGHUP)
        assert line(process) == "attends"
        assert line(process) == "reload"
        assert process.wait(30) == 0


def test_before_anything_is_under_way_sigterm_ends_at_once_and_in_order() -> None:
    with running(held="__import__('time').sleep(3600)") as process:
        assert line(process) == "begun"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_a_terminal_that_hangs_up_ends_it_and_one_that_is_there_does_not() -> None:
    for hangs_up, answer in ((False, "reload"), (True, "stop")):
        ours, theirs = pty.openpty()
        with running(terminal=theirs) as process:
            os.close(theirs)
            assert line(process) == "begun"
            assert line(process) == "attends"
            if hangs_up:
                os.close(ours)
            process.send_signal(signal.SIGHUP)
            assert line(process) == answer
            assert process.wait(30) == 0
            if not hangs_up:
                os.close(ours)


def test_a_thread_that_hangs_keeps_nothing_that_has_ended_in_order() -> None:
    hang = "asyncio.get_running_loop().run_in_executor(None, __import__('time').sleep, 3600)"
    with running(within="3600", then=f"{hang}; told.finish()") as process:
        assert line(process) == "begun"
        assert line(process) == "attends"
        process.send_signal(signal.SIGTERM)
        assert line(process) == "stop"
        assert process.wait(30) == 0


def test_what_does_not_end_is_ended_in_time_in_order() -> None:
    hang = "await asyncio.to_thread(__import__('time').sleep, 3600)"
    with running(within="0.2", then=hang) as process:
        assert line(process) == "begun"
        assert line(process) == "attends"
        process.send_signal(signal.SIGTERM)
        assert line(process) == "stop"
        assert process.wait(30) == 0
