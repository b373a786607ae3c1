"""A pytest plugin that collects the tests once and tries each mutant in a fork of that.

Forks begin before any test has run, so no cache is warm with what the code does unchanged.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state

PLAN = os.environ.get("MUTANTS_PLAN")
#: A test may take so much longer than it does unchanged, in seconds of the processor.
PATIENCE_S, TIMES = 5, 10
WORKERS = os.cpu_count() or 1

Reached = dict[str, list[int]]


def pytest_configure() -> None:
    """Note which functions run when modules are imported."""
    if PLAN:
        set_mutant_under_test("stats")
        for path in sorted(Path("prober/slo").glob("*.py")):
            importlib.import_module(f"prober.slo.{path.stem}")
        imported.update(state()._stats)
        set_mutant_under_test("")


imported: set[str] = set()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Try the mutants of the plan; without a plan tests run as they always do."""
    if not PLAN:
        return None
    if session.testsfailed:
        pytest.exit("a file of tests cannot be collected", returncode=1)
    names: list[str] = json.loads(Path(PLAN).read_text())
    session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined] # one for all forks
    gc.freeze()
    scout = Path(PLAN).with_name("reached.json")
    pid = fork(lambda: explore(session, scout))
    os.waitpid(pid, 0)
    reached, seconds, failed = json.loads(scout.read_text())
    if failed:
        pytest.exit(f"without a mutant there fails {failed[0]}", returncode=1)
    outcomes = try_all(session, names, reached, seconds)
    found = {"outcomes": outcomes, "imported": sorted(imported)}
    Path(PLAN).with_name("outcomes.json").write_text(json.dumps(found, indent=1))
    return True


def explore(session: pytest.Session, scout: Path) -> bool:
    """Run all tests on the unchanged code, and write down which functions each of them reaches."""
    set_mutant_under_test("stats")
    reached: Reached = {}
    seconds, failed = [], []
    for number in range(len(session.items)):
        state()._stats.clear()
        began_s, failures = time.process_time(), session.testsfailed
        passes(session, number)
        seconds.append(time.process_time() - began_s)
        for function in state()._stats:
            reached.setdefault(function, []).append(number)
        if session.testsfailed > failures:
            failed.append(session.items[number].nodeid)
    scout.write_text(json.dumps([reached, seconds, failed]))
    return not failed


def try_all(
    session: pytest.Session, names: list[str], reached: Reached, seconds: list[float]
) -> dict[str, str]:
    """What became of each mutant: killed, survived or timeout.

    The tests of its own file are asked first, and of all the quick ones.
    """
    outcomes: dict[str, str] = {}
    running: dict[int, str] = {}
    began_s = time.monotonic()

    def reap() -> None:
        pid, status = os.wait()
        code = os.waitstatus_to_exitcode(status)
        outcomes[running.pop(pid)] = {0: "survived", 1: "killed"}.get(code, "timeout")
        if len(outcomes) % 100 == 0:
            print(
                f"{len(outcomes)} of {len(names)}, {time.monotonic() - began_s:.0f} s", flush=True
            )

    for name in names:
        function = name.partition("__mutmut_")[0]
        own = f"/test_{name.split('.')[2]}.py"
        tests = sorted(
            reached.get(function, []),
            key=lambda number, own=own: (own not in session.items[number].nodeid, seconds[number]),
        )
        while len(running) >= WORKERS:
            reap()
        running[fork(lambda name=name, tests=tests: survives(session, name, tests, seconds))] = name
    while running:
        reap()
    return outcomes


def survives(session: pytest.Session, name: str, tests: list[int], seconds: list[float]) -> bool:
    """Whether no test notices a mutant."""
    set_mutant_under_test(name)
    for number in tests:
        used = resource.getrusage(resource.RUSAGE_SELF)
        limit_s = int(used.ru_utime + used.ru_stime + PATIENCE_S + TIMES * seconds[number]) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (limit_s, resource.RLIM_INFINITY))
        if not passes(session, number):
            return False
    return True


def passes(session: pytest.Session, number: int) -> bool:
    """Run a test, with fixtures of its own; whether it and those before it passed."""
    item = session.items[number]
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
    return not session.testsfailed


def fork(work: Callable[[], bool]) -> int:
    """A process that does something silently, and ends with 0 if that was true."""
    sys.stdout.flush()
    if pid := os.fork():
        return pid
    code = 1
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for standard in range(3):
            os.dup2(null, standard)
        code = 0 if work() else 1
    finally:
        os._exit(code)
