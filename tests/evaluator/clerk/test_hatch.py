"""The clerk is a process of its own: what becomes of the evaluator when either of them ends."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from prober.errors import JournalError, JournalLocked
from prober.evaluator.clerk.clerk import Signal, Unfit
from prober.evaluator.clerk.hatch import Hatch
from prober.journal.outbox import Entry
from prober.journal.view import View
from prober.model import Run
from prober.telemetry import encode
from tests.conftest import lives
from tests.evaluator.conftest import Evaluator, send

LIMIT_BYTES = 1 << 20
Until = Callable[..., Any]


def logs(*runs: Run) -> bytes:
    return encode.logs([Entry(seq, 1, run) for seq, run in enumerate(runs, 1)], {})


def clerk_of(pid: int) -> psutil.Process:
    """The one that an evaluator, or this process, has begun."""
    (found,) = filter(is_clerk, psutil.Process(pid).children())
    return found


def is_clerk(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        return lives(process) and "prober.evaluator.clerk" in process.cmdline()
    return False


@contextmanager
def stopped(process: psutil.Process) -> Iterator[None]:
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGCONT)


def test_a_clerk_that_is_killed_is_followed_by_another_and_nothing_acknowledged_is_lost(
    evaluator: Callable[..., Evaluator], run: Callable[..., Run], until: Until
) -> None:
    judge = evaluator()
    now_ms = int(judge.status()["as_of_ms"])
    send(judge, [run(now_ms - 2000)])
    first = clerk_of(judge.process.pid)
    first.kill()

    def taken() -> bool:
        headers = {"Content-Type": "application/x-protobuf"}
        reply = judge.http.post("/v1/logs", content=logs(run(now_ms - 1000)), headers=headers)
        assert reply.status_code in (200, 503), reply.text
        return bool(reply.is_success)

    until(taken)
    assert clerk_of(judge.process.pid).pid != first.pid
    assert judge.http.get("/readyz").json()["troubles"].get("journal") is None
    send(judge, [run(now_ms - 2000)])  # again: it is known
    (row,) = judge.status()["journeys"]["checkout"]
    assert row["held"] == 2


def test_a_clerk_ends_with_an_evaluator_that_is_killed_and_leaves_the_journal_to_the_next(
    evaluator: Callable[..., Evaluator], run: Callable[..., Run], until: Until
) -> None:
    judge = evaluator()
    send(judge, [run(int(judge.status()["as_of_ms"]) - 1000)])
    clerk = clerk_of(judge.process.pid)
    with stopped(clerk):  # so that it still has the journal when the next one asks for it
        judge.kill()
        threading.Timer(1, clerk.send_signal, [signal.SIGCONT]).start()
        judge.start()
    (row,) = judge.status()["journeys"]["checkout"]
    assert row["held"] == 1
    until(lambda: not lives(clerk))


def test_while_no_file_can_grow_it_says_so_and_takes_nothing_and_then_goes_on(
    evaluator: Callable[..., Evaluator], run: Callable[..., Run], until: Until
) -> None:
    judge = evaluator()
    now_ms = int(judge.status()["as_of_ms"])
    clerk = clerk_of(judge.process.pid)

    def sent(number: int) -> int:
        headers = {"Content-Type": "application/x-protobuf"}
        body = logs(run(now_ms - 1000 * number))
        return int(judge.http.post("/v1/logs", content=body, headers=headers).status_code)

    def said() -> str:
        return str(judge.http.get("/metrics").text)

    assert "prober_journal_unwritten 0" in said()
    before = clerk.rlimit(psutil.RLIMIT_FSIZE)
    clerk.rlimit(psutil.RLIMIT_FSIZE, (1, before[1]))
    assert sent(1) == 503
    assert "prober_journal_unwritten 1" in said()
    assert judge.http.get("/readyz").json()["troubles"]["journal"]
    clerk.rlimit(psutil.RLIMIT_FSIZE, before)
    until(lambda: sent(1) == 200)
    assert "prober_journal_unwritten 0" in said()
    (row,) = judge.status()["journeys"]["checkout"]
    assert row["held"] == 1


def test_pages_do_not_wait_for_the_clerk(
    evaluator: Callable[..., Evaluator], run: Callable[..., Run]
) -> None:
    judge = evaluator()
    kept = run(int(judge.status()["as_of_ms"]) - 1000)
    send(judge, [kept])
    with stopped(clerk_of(judge.process.pid)):
        for path in ("/", "/slo/checkout", f"/run/{kept.id.key}", "/healthz", "/readyz"):
            assert judge.http.get(path).status_code == 200


def test_what_the_clerk_logs_stands_among_the_lines_of_the_evaluator(
    evaluator: Callable[..., Evaluator], run: Callable[..., Run], until: Until
) -> None:
    judge = evaluator(options=("--log-format", "json"))
    clerk_of(judge.process.pid).kill()
    until(lambda: judge.http.get("/readyz").json()["troubles"].get("journal"))
    judge.stop()
    assert '"message": "the process that writes the journal ended' in judge.process.stdout.read()


@pytest.fixture
def hatch(tmp_path: Path) -> Iterator[Hatch]:
    with closing(Hatch(tmp_path / "journal.db", ())) as opened:
        yield opened


def test_who_waits_for_an_answer_that_will_not_come_is_told(hatch: Hatch) -> None:
    clerk = clerk_of(os.getpid())
    with stopped(clerk):
        timer = threading.Timer(0.2, clerk.kill)
        timer.start()
        with pytest.raises(JournalError, match="is being started again"):
            hatch.judge_by(())
        timer.join()


def test_a_clerk_that_cannot_be_started_now_is_started_later(
    hatch: Hatch, run: Callable[..., Run], until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as upgraded:
        upgraded.setattr(sys, "executable", "/nowhere/python")
        clerk_of(os.getpid()).kill()
        until(lambda: "No such file" in hatch.trouble)
    until(lambda: not hatch.trouble)
    hatch.take(Signal.LOGS, logs(run(time.time_ns() // 1_000_000)), False, LIMIT_BYTES)
    assert hatch.facts().written == 1


def test_a_journal_that_another_took_the_place_of_is_not_read_on(
    hatch: Hatch, until: Until
) -> None:
    first = clerk_of(os.getpid())
    first.kill()
    first.wait(10)
    for file in hatch.path.parent.glob("journal.db*"):
        file.rename(file.with_name(f"old-{file.name}"))
    until(lambda: hatch.trouble)
    until(lambda: not hatch.trouble)
    assert hatch.damage()


def test_a_clerk_that_begins_again_is_no_damage(hatch: Hatch, until: Until) -> None:
    clerk_of(os.getpid()).kill()
    until(lambda: hatch.trouble)
    until(lambda: not hatch.trouble)
    assert hatch.damage() is None


def test_what_a_clerk_cannot_take_is_told_as_it_tells_it(hatch: Hatch) -> None:
    with pytest.raises(Unfit) as unfit:
        hatch.take(Signal.LOGS, b"\xff\xff", False, LIMIT_BYTES)
    assert unfit.value.status == 400
    assert "not an Export" in unfit.value.reason


def test_many_may_ask_at_once(hatch: Hatch, run: Callable[..., Run]) -> None:
    now_ms = time.time_ns() // 1_000_000

    def ask(number: int) -> None:
        hatch.take(Signal.LOGS, logs(run(now_ms + number)), False, LIMIT_BYTES)

    threads = [threading.Thread(target=ask, args=[number]) for number in range(1, 41)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with closing(View.open(hatch.path)) as view:
        (series,) = view.series()
        assert len(view.runs(series.id, 0, 2**60, 100)) == hatch.facts().written == 40


def test_it_has_written_what_it_was_given_when_it_is_closed(
    tmp_path: Path, run: Callable[..., Run]
) -> None:
    with closing(Hatch(tmp_path / "journal.db", ())) as first:
        first.take(Signal.LOGS, logs(run(time.time_ns() // 1_000_000)), False, LIMIT_BYTES)
    with closing(Hatch(tmp_path / "journal.db", ())) as second:
        assert second.facts().written == 1


def test_a_journal_that_another_process_writes_is_refused(hatch: Hatch) -> None:
    with pytest.raises(JournalLocked, match="another process writes this journal"):
        Hatch(hatch.path, ())
    assert hatch.facts().written == 0
