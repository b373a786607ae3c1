"""Memory of an idle agent with one warm worker, beside raw Playwright with one warm browser.

Proportional set sizes, so that pages shared within a tree count once. One tree at a time:
two would share the browser's code.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from benchmarks import processes
from benchmarks.contest import wait_for_quiet
from benchmarks.region import agent, write_region
from benchmarks.report import Figure, Result
from benchmarks.settings import Settings
from benchmarks.terms import JOURNEYS

NAME = "memory"
#: Starting over again and again changes little; a few times show it.
_STARTS = 7
_ALLOWED_MB = 60
#: One browser journey, whose slot is far away.
_IDLE = "only: [checkout]\njourneys: {checkout: {every: 300d}}\n"
#: The port of the discard service: nobody listens there.
_UNREACHABLE = "otlp: [{name: nowhere, endpoint: 'http://127.0.0.1:9'}]\n"
_RAW = """
import sys
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=sys.argv[1])
    page = browser.new_context(base_url=sys.argv[2]).new_page()
    print("ready", flush=True)
    sys.stdin.read()
    browser.close()
"""
_LOOK_S = 0.5
_REST_S = 3.0

Sizes = Mapping[str, float]


def measure(settings: Settings) -> list[Result]:
    """Sizes of whole trees, and the difference by kind of process."""
    ways: dict[str, Callable[[], AbstractContextManager[int]]] = {
        "raw Playwright": lambda: _raw(settings),
        "agent": lambda: _agent(settings, _IDLE),
        "agent, OTLP destination unreachable": lambda: _agent(settings, _IDLE + _UNREACHABLE),
    }
    found: dict[str, list[Sizes]] = {name: [] for name in ways}
    for _ in range(min(_STARTS, settings.runs)):
        for name, start in ways.items():
            wait_for_quiet(settings.patience_s)
            with start() as pid:
                found[name].append(_at_rest(pid, min(_REST_S, settings.patience_s)))
    return list(_figures(found))


def _figures(found: Mapping[str, Sequence[Sizes]]) -> Iterator[Figure]:
    base, *others = found
    for name, sizes in found.items():
        yield Figure.of(NAME, f"{name}: whole tree", "MB", [sum(size.values()) for size in sizes])
    for name in others:
        pairs = list(zip(found[name], found[base], strict=True))
        more = [sum(ours.values()) - sum(raw.values()) for ours, raw in pairs]
        target = f"at most {_ALLOWED_MB}"
        yield Figure.of(NAME, f"{name}: more than {base}", "MB", more, target=target)
        for kind in sorted({kind for ours, raw in pairs for kind in (*ours, *raw)}):
            by_kind = [ours.get(kind, 0) - raw.get(kind, 0) for ours, raw in pairs]
            yield Figure.of(NAME, f"{name}: more than {base}, {kind}", "MB", by_kind)


def _at_rest(pid: int, rest_s: float) -> Sizes:
    """The sizes once nothing has happened for a while."""
    used, since = -1.0, time.monotonic()
    while time.monotonic() - since < rest_s:
        time.sleep(_LOOK_S)
        now = processes.cpu_s(processes.tree(pid))
        if now - used > 0.05:
            used, since = now, time.monotonic()
    return processes.pss_mb(processes.tree(pid))


@contextmanager
def _raw(settings: Settings) -> Iterator[int]:
    command = [sys.executable, "-c", _RAW, settings.browser, settings.url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield process.pid
        process.communicate()


@contextmanager
def _agent(settings: Settings, more: str) -> Iterator[int]:
    with tempfile.TemporaryDirectory() as directory:
        region = write_region(Path(directory), settings.url, more)
        with agent(settings, region, JOURNEYS) as pid:
            yield pid
