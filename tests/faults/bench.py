"""A bench for the running part of an agent: a real site, a real pool, real browsers.

A test writes a journey as text and gets back the record that the supervisor wrote of it.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import struct
import tempfile
import textwrap
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import psutil
import pytest

from prober.agent import process
from prober.agent.hand import Hand
from prober.agent.pool import Pool, PoolSettings, Renewal
from prober.agent.setting import pool_settings
from prober.agent.watch import Order
from prober.config import load_region
from prober.discovery import load
from prober.journey import Journey
from prober.model import Kind, Outcome, Run, RunId

Value = TypeVar("Value")
#: How long anything may take before a test gives up on it.
PATIENCE_S = 90.0
#: Longer than the shortest that may be a secret, and with all that needs an escape.
SECRETS = {"password": "p\"a's s<w>&ö%rd", "token": "tok-4711-verdigris"}
HEAD = """\
import os, re, signal, subprocess, sys, threading, time
from playwright.sync_api import BrowserContext, Error, Page, TimeoutError, expect
import httpx
from prober import account, assertion, cleanup, journey, run_name, secret, step, totp
"""
WELCOME = "<!doctype html><title>Welcome</title><h1>Welcome</h1>"


def page(body: str, title: str = "Page") -> str:
    return f"<!doctype html><html lang=en><title>{title}</title><body>{body}"


PAGES = {
    "/": WELCOME,
    "/loop": page("<h1>Loop</h1><script>setTimeout(() => { while (1); }, 50)</script>"),
    "/leaving": page("<h1>Stay</h1><script>onbeforeunload = e => { e.preventDefault(); "
                     "e.returnValue = 'stay' }</script><button>Here</button>"),
    "/dialogs": page("<h1>Talk</h1><script>setInterval(() => alert('again'), 1)</script>"),
    "/password": page("<style>*{margin:0;border:0;background:#fff}"
                      "input{position:absolute;left:0;width:300px;height:40px;font:30px x}"
                      "</style><input type=password style='top:0'>"
                      "<input type=text style='top:100px'>"),
    "/noisy": page("<h1>Noisy</h1><script>console.error('it broke'); console.log('chat');"
                   "fetch('/cut').catch(() => {}); setTimeout(() => { throw Error('boom') })"
                   "</script>"),
    "/popup": page("<a href='/missing' target=_blank>Open</a>"),
    "/cookie": page("<h1 id=c></h1><script>c.textContent = document.cookie || 'fresh';"
                    "document.cookie = 'seen=1; max-age=9999';"
                    "localStorage.seen ? c.textContent += ' stored' : localStorage.seen = 1"
                    "</script>"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that reached the site."""

    method: str
    path: str
    headers: dict[str, str]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: ClassVar[Site]

    def do_GET(self) -> None:
        self.site.asked.append(
            Asked(
                self.command,
                self.path,
                {name.lower(): value for name, value in self.headers.items()},
            )
        )
        with suppress(OSError):
            self.site.answer(self)

    do_POST = do_GET  # noqa: N815  # the base class wants these names

    def send(self, body: str, status: int = 200, kind: str = "text/html; charset=utf-8") -> None:
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        pass


class Site:
    """A small site on a loopback port whose pages can be hostile."""

    def __init__(self) -> None:
        self.pages = dict(PAGES)
        self.asked: list[Asked] = []
        self.closing = threading.Event()
        handler = type("Handler", (_Handler,), {"site": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"
        serve = partial(self._server.serve_forever, poll_interval=0.05)
        self._thread = threading.Thread(target=serve, daemon=True)
        self._thread.start()

    def answer(self, to: _Handler) -> None:
        path = to.path.partition("?")[0]
        if path in self.pages:
            to.send(self.pages[path])
        elif path == "/hang":
            self.closing.wait(60)
        elif path == "/cut":
            to.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(to.connection.detach())
        elif path == "/trickle":
            self._trickle(to)
        elif path.startswith("/status/"):
            to.send(page("<h1>Status</h1>"), int(path.rpartition("/")[2]))
        elif path == "/json":
            to.send('{"ok": true}', kind="application/json")
        else:
            to.send(page("<h1>Not here</h1>"), 404)

    def _trickle(self, to: _Handler) -> None:
        to.send_response(200)
        to.send_header("Content-Length", "100000")
        to.end_headers()
        while not self.closing.wait(0.05):
            to.wfile.write(b"x")

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@dataclass(slots=True)
class Bench:
    """A pool that runs what tests write, in an event loop of its own."""

    directory: Path
    site: Site
    renewal: Renewal = field(default_factory=Renewal)
    region_lines: tuple[str, ...] = ()
    pool: Pool = field(init=False)
    settings: PoolSettings = field(init=False)
    #: Events of the last run, as the supervisor heard them.
    heard: list[dict[str, Any]] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _thread: threading.Thread = field(init=False)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        (self.directory / "journeys").mkdir(parents=True)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        process.adopt_orphans()
        first = self.journey("def first(page: Page): ...")
        region = load_region(write_region(self.directory, self.site, *self.region_lines))
        settings = pool_settings(region, [first])
        self.settings = replace(
            settings, renewal=self.renewal, allowance=self.directory / "allowance"
        )
        self.pool = self.do(self._make())

    async def _make(self) -> Pool:
        return Pool(self.settings)

    def do(self, work: Coroutine[Any, Any, Value]) -> Value:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    def journey(self, source: str, *, timeout: str = "20s", options: str = "") -> Journey:
        """The definition of a journey written as text, its decorator added when it has none."""
        text = textwrap.dedent(source).strip()
        if "@journey" not in text:
            given = f"timeout={timeout!r}, {options}"
            text = text.replace("def ", f"@journey(every='5m', {given})\ndef ", 1)
        path = self.directory / "journeys" / f"probe{next(self._numbers)}.py"
        path.write_text(f"{HEAD}\n{text}\n")
        [(definition, _)] = load(path)
        return definition

    def run(
        self,
        source: str,
        *,
        timeout: str = "20s",
        options: str = "",
        trace: bool = False,
        listener: Callable[[dict[str, Any]], None] = lambda event: None,
    ) -> Run:
        """Run a journey written as text; returns its record."""
        definition = self.journey(source, timeout=timeout, options=options)
        return self.do(self.play(definition, trace=trace, listener=listener))

    def play(
        self,
        definition: Journey,
        *,
        trace: bool = False,
        listener: Callable[[dict[str, Any]], None] = lambda event: None,
    ) -> Coroutine[Any, Any, Run]:
        """The run of a journey, to be awaited in the bench's loop."""
        self.heard = []

        def listen(event: dict[str, Any]) -> None:
            self.heard.append(event)
            listener(event)

        run_id = RunId(definition.name, "here", next(self._numbers), 1, Kind.MANUAL)
        order = Order(id=run_id, journey=definition, trace=trace, patience_s=PATIENCE_S)
        return self.pool.run(order, listen)

    @property
    def hands(self) -> list[Hand]:
        """The workers that are alive."""
        return list(self.pool._live)

    def rest(self) -> None:
        """Wait until workers are staged or replaced."""

        async def tended() -> None:
            while self.pool._tending:
                await asyncio.gather(*self.pool._tending, return_exceptions=True)

        self.do(tended())

    def evidence(self, run: Run, name: str) -> Path:
        """A file that a run left."""
        [found] = [artefact for artefact in run.artefacts if artefact.endswith(name)]
        return self.settings.around.evidence / found

    def close(self) -> None:
        self.do(self.pool.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def write_region(directory: Path, site: Site, *lines: str) -> Path:
    """A region file for a site, run as whoever the tests run as."""
    path = directory / "here.yaml"
    secrets = "".join(f"  {name}: {quoted(value)}\n" for name, value in SECRETS.items())
    path.write_text(
        f"region: here\nbase_url: {site.url}\nsecrets:\n{secrets}"
        f"sandbox: {'off' if os.geteuid() == 0 else 'on'}\n"
        f"data: {directory / 'data'}\nconcurrency: 1\n"
        # Others load the machine too; tests of that say `saturation: on` themselves.
        + ("" if any(line.startswith("saturation:") for line in lines) else "saturation: off\n")
        + "".join(f"{line}\n" for line in lines)
    )
    return path


def quoted(value: str) -> str:
    """A YAML scalar in single quotes."""
    return "'" + value.replace("'", "''") + "'"


def failed(run: Run) -> str | None:
    """The cause of a run that blames the target, None for any other."""
    return run.cause if run.outcome is Outcome.FAILED else None


def ours(run: Run) -> str | None:
    """The cause of a run without a verdict, None for any other."""
    return run.cause if run.outcome is Outcome.INCONCLUSIVE else None


def relatives(pid: int | None = None) -> list[psutil.Process]:
    """Everything below a process, zombies too."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def temporary_entries() -> set[str]:
    """What lies in the directory for temporary files and is Prober's or its browser's."""
    names = os.listdir(tempfile.gettempdir())
    mine = f"prober-{os.getpid()}-"
    return {name for name in names if name.startswith(mine)}


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    server = Site()
    yield server
    server.close()


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Iterator[Bench]:
    """One pool for all tests that leave it usable."""
    made = Bench(tmp_path_factory.mktemp("bench"), site)
    yield made
    made.close()


@pytest.fixture
def make_bench(
    tmp_path_factory: pytest.TempPathFactory, site: Site
) -> Iterator[Callable[..., Bench]]:
    """`make_bench(*region_lines, renewal=…)`: a pool for one test."""
    made: list[Bench] = []

    def make(*lines: str, renewal: Renewal | None = None) -> Bench:
        directory = tmp_path_factory.mktemp("own")
        made.append(Bench(directory, site, renewal or Renewal(), lines))
        return made[-1]

    yield make
    for each in made:
        each.close()
