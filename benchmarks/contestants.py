"""The ways to make one run that are compared, each in a process of its own.

`python -m benchmarks.contestants NAME URL BROWSER [OPTIONS]` gets ready, then makes a run
for every line on its standard input and answers with one JSON object each.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from benchmarks import cdp, processes, raw
from benchmarks.keeping import Keeping
from benchmarks.npx import Project
from benchmarks.shop import PASSWORD, USER
from benchmarks.terms import JOURNEYS, Made, Make, Terms, order_of, pool_of
from prober.agent.allowance import Allowance
from prober.agent.browser import BrowserSettings, Driver
from prober.agent.pool import Pool
from prober.agent.recorder import Recorder
from prober.model import Outcome, Run

_TEST = "from journeys.checkout import checkout as test_checkout  # noqa: F401\n"
#: Has pytest-playwright start a `browser`.
CONFTEST = """\
import pytest


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    return {{**browser_type_launch_args, "executable_path": {browser!r}}}
"""


@contextmanager
def floor(terms: Terms) -> Iterator[Make]:
    """Raw Playwright: a warm browser, a fresh context for every run.

    Options: `switches` for the browser, `off` features of it, `context` settings, `listen` to
    events, and `keep`: what the next run finds (`browser`, `context`, `page` or `nothing`).
    """
    with sync_playwright() as playwright:
        opened = _Opened(playwright, terms)

        def make() -> Made:
            opened.prepare()
            start = time.perf_counter()
            steps_s = raw.checkout(opened.page())
            opened.finish()
            return Made(time.perf_counter() - start, steps_s)

        yield make
        opened.close()


class _Opened:
    """What raw Playwright has open between runs and during one."""

    def __init__(self, playwright: Playwright, terms: Terms) -> None:
        self._playwright = playwright
        self._terms = terms
        self._options = terms.options
        self._keep = terms.options.get("keep", "browser")
        self._switches = self._all_switches()
        self._browser: Browser | None = None
        self._context: BrowserContext | None = None
        self._page: Page | None = None

    def prepare(self) -> None:
        """Have a browser that has come to rest; outside of what is timed."""
        if self._browser is None:
            self._browser = self._launch()
            if self._keep == "nothing":
                time.sleep(_REST_S)

    def page(self) -> Page:
        """The page of a run."""
        assert self._browser
        if self._context is None:
            settings = self._options.get("context", {})
            self._context = self._browser.new_context(base_url=self._terms.url, **settings)
            for event in self._options.get("listen", ()):
                self._context.on(event, lambda _: None)
        self._context.clear_cookies()
        self._page = self._page or self._context.new_page()
        return self._page

    def finish(self) -> None:
        """Leave what the next run is to find."""
        assert self._browser and self._context and self._page
        if self._keep == "context":
            self._page.close()
        elif self._keep == "browser":
            self._context.close()
        elif self._keep == "nothing":
            self._browser.close()
        kept = _KEPT.index(self._keep)
        self._page = self._page if kept >= _KEPT.index("page") else None
        self._context = self._context if kept >= _KEPT.index("context") else None
        self._browser = self._browser if kept >= _KEPT.index("browser") else None

    def close(self) -> None:
        """End the browser."""
        if self._browser:
            self._browser.close()

    def _launch(self) -> Browser:
        return self._playwright.chromium.launch(
            executable_path=self._terms.browser, args=self._switches
        )

    def _all_switches(self) -> list[str]:
        switches = list(self._options.get("switches", ()))
        if off := self._options.get("off"):
            known = _switches(self._playwright, self._terms.browser)
            # A second switch of that name would replace Playwright's own.
            ours = next(word for word in known if word.startswith("--disable-features="))
            switches.append(",".join([ours, *off]))
        return switches


_REST_S = 0.5
_KEPT = ("nothing", "browser", "context", "page")


@contextmanager
def limit(terms: Terms) -> Iterator[Make]:
    """The DevTools protocol by hand, in a browser started with Playwright's own switches.

    Options: `watch` turns on the events that Playwright asks for, `script` gives every page
    the script that Playwright gives it.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        with sync_playwright() as playwright:
            known = _switches(playwright, terms.browser)
        switches = [*known, f"--user-data-dir={profile}"]
        pipe = cdp.Pipe(terms.browser, switches)
        script = cdp.injected_script() if terms.options.get("script") else None

        def make() -> Made:
            start = time.perf_counter()
            with cdp.open_tab(pipe) as tab:
                if terms.options.get("watch"):
                    tab.watch()
                tab.script = script
                steps_s = cdp.checkout(tab, f"{terms.url}/")
            return Made(time.perf_counter() - start, steps_s)

        yield make
        pipe.close()


@contextmanager
def driver(terms: Terms) -> Iterator[Make]:
    """Prober's browser without a supervisor: its switches, context, listeners and deadline."""
    with tempfile.TemporaryDirectory() as directory:
        os.environ["PROBER_BROWSER"] = terms.browser
        pool, _ = pool_of(terms, Path(directory))
        hosts = tuple(pool.browser["allow_hosts"])
        staged = Driver(BrowserSettings(**{**pool.browser, "allow_hosts": hosts}))

        def make() -> Made:
            start = time.perf_counter()
            staged.stage("headless-shell")
            recorder = Recorder(lambda event: None, {}, pool.around.first_party)
            context, page = staged.take(recorder)
            with staged.deadline.of(60):
                steps_s = raw.checkout(page)
            staged.strike(context, keep_browser=True)
            return Made(time.perf_counter() - start, steps_s)

        yield make
        staged.stop()


@contextmanager
def ours(terms: Terms) -> Iterator[Make]:
    """Prober's pool, as `prober run` uses it."""
    with tempfile.TemporaryDirectory() as directory, asyncio.Runner() as runner:
        os.environ["PROBER_BROWSER"] = terms.browser
        settings, journey = pool_of(terms, Path(directory))
        pool = Pool(settings)
        places = Allowance(settings.places, settings.allowance)
        runner.run(pool.warm(browser=True))

        async def make() -> Made:
            start = time.perf_counter()
            run = await pool.run(order_of(journey))
            wall_s = time.perf_counter() - start
            async with places.place(60):  # free again when the next run is staged
                return _made(run, wall_s, time.perf_counter() - start)

        yield lambda: runner.run(make())
        runner.run(pool.stop())


def _made(run: Run, wall_s: float, cycle_s: float) -> Made:
    assert run.outcome is Outcome.PASSED, run
    phases = {f"{phase}_s": took_us / 1e6 for phase, took_us in run.phases.items()}
    steps_s = [step.duration_us / 1e6 for step in run.steps]
    return Made(wall_s, steps_s, phases | {"cycle_s": cycle_s})


@contextmanager
def keeping(terms: Terms) -> Iterator[Make]:
    """Prober's pool with less and more evidence: each call makes a run of every variant.

    The next call makes them in the opposite order, so that what drifts hits all alike.

    Options: `variants`, by name what is different in each: `fails` at the end, all of it is
    `kept` that a run may have, `trace`.
    """
    with tempfile.TemporaryDirectory() as directory, asyncio.Runner() as runner:
        os.environ["PROBER_BROWSER"] = terms.browser
        kept = Keeping(terms, Path(directory))
        runner.run(kept.pool.warm(browser=True))
        yield lambda: runner.run(kept.make())
        runner.run(kept.pool.stop())
        kept.journal.close()


@contextmanager
def pytest(terms: Terms) -> Iterator[Make]:
    """What pytest-playwright does: the same journey, one process a run."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "test_checkout.py").write_text(_TEST)
        Path(directory, "conftest.py").write_text(CONFTEST.format(browser=terms.browser))
        words = ["-q", "-p", "no:cacheprovider", "--rootdir", directory, "--base-url", terms.url]
        command = [sys.executable, "-m", "pytest", "-c", os.devnull, *words, directory]
        secrets = {"PROBER_SECRET_SHOP_USER": USER, "PROBER_SECRET_SHOP_PASSWORD": PASSWORD}
        environ = {**os.environ, **secrets, "PYTHONPATH": str(JOURNEYS.parent)}

        def make() -> Made:
            start = time.perf_counter()
            done = subprocess.run(command, env=environ, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
            return Made(time.perf_counter() - start)

        yield make


@contextmanager
def npx(terms: Terms) -> Iterator[Make]:
    """What Playwright's own test runner does, in JavaScript: one process a run."""
    with tempfile.TemporaryDirectory() as directory:
        project = Project(Path(directory), terms.url, terms.browser)
        yield lambda: Made(project.run())


CONTESTANTS: Mapping[str, Callable[[Terms], AbstractContextManager[Make]]] = {
    "floor": floor,
    "limit": limit,
    "ours": ours,
    "keeping": keeping,
    "driver": driver,
    "pytest": pytest,
    "npx": npx,
}


def _switches(playwright: Playwright, browser: str) -> list[str]:
    """What Playwright starts a browser with, but for the profile."""
    opened = playwright.chromium.launch(executable_path=browser)
    started = [processes.command(process.pid) for process in processes.tree(os.getpid())]
    opened.close()
    words = next(words for words in started if "--remote-debugging-pipe" in words)
    return [word for word in words[1:] if not word.startswith("--user-data-dir")]


def main(name: str, url: str, browser: str, options: str = "{}") -> None:
    """Make runs until standard input ends."""
    processes.adopt_orphans()
    with CONTESTANTS[name](Terms(url, browser, json.loads(options))) as make:
        print("ready", flush=True)
        for _ in sys.stdin:
            print(json.dumps(asdict(make())), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
