"""One browser of a worker: launched ahead of its slot, with a context and a page ready."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import (
    Browser,
    BrowserContext,
    Error,
    Page,
    Playwright,
    sync_playwright,
)

from prober.agent import devices
from prober.agent.deadline import Deadline
from prober.agent.hearing import awaited, hear
from prober.agent.recorder import Recorder
from prober.agent.strain import Usual
from prober.emulation import PLAIN, Emulation, Network

#: Hosts that pages may not reach unless the region lists them.
_LOCAL = ("127.*", "localhost", "*.localhost", "[::1]", "0.0.0.0", "169.254.*", "[fe80:*")
#: The network service as a thread of the browser, not as a process of its own, costs 0.05 s of
#: CPU less in each fresh browser. A later switch of a name replaces an earlier one, so the
#: features that Playwright turns on stand here again.
_FEATURES = (
    "CDPScreenshotNewSurface",
    "SkipListAccountsWithoutGaiaCookies",
    "NetworkServiceInProcess2",
)
_LAUNCH_MS = 15_000
ACTION_MS = 10_000
NAVIGATION_MS = 30_000
_ANSWER_S = 1.0
_REFERENCE_S = 3.0
#: A page with work for each part of a browser: script, style, layout and drawing.
_REFERENCE = """async () => {
  document.body.innerHTML = '<style>td { padding: 2px; border: 1px solid }</style><table>';
  const table = document.querySelector('table');
  const rows = Array.from({length: 250}, (_, i) => [i, Math.imul(i, 2654435761) >>> 0]);
  for (let turn = 0; turn < 3; turn++) {
    rows.sort((a, b) => turn % 2 ? a[0] - b[0] : a[1] - b[1]);
    table.innerHTML = rows.map(row => `<tr><td>${row[0]}<td>${row[1]}`).join('');
    table.style.width = `${600 + 40 * turn}px`;
    table.getBoundingClientRect();
    await new Promise(requestAnimationFrame);
  }
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserSettings:
    """How browsers are started and what their contexts look like."""

    #: Paths by kind: `headless-shell`, `chromium`.
    executables: Mapping[str, str]
    headed: bool
    sandbox: bool
    base_url: str
    locale: str
    timezone: str
    viewport: dict[str, int]
    user_agent_suffix: str
    allow_hosts: tuple[str, ...]

    def arguments(self) -> list[str]:
        """Command-line switches beyond Playwright's own."""
        rules = [f"MAP {host} ^NOTFOUND" for host in _LOCAL]
        rules += [f"EXCLUDE {host}" for host in self.allow_hosts]
        return [
            f"--host-resolver-rules={','.join(rules)}",
            f"--enable-features={','.join(_FEATURES)}",
        ]


class Driver:
    """The Playwright driver of a worker, and the one browser it has open."""

    def __init__(self, settings: BrowserSettings) -> None:
        self._settings = settings
        self._playwright: Playwright = sync_playwright().start()
        self.deadline = Deadline(self._playwright)
        self._browser: Browser | None = None
        self._browser_pid = 0
        self._kind = ""
        self._user_agent = ""
        self._context: BrowserContext | None = None
        self._page: Page | None = None
        #: What the context that is ready passes itself off as.
        self._emulation = PLAIN
        self.launch_us = 0
        #: How many times as long as usual the launch took, None when that is not known.
        self.launch_times: float | None = None
        self._launches = Usual()
        self.context_us = 0
        self.crashed = False

    @property
    def version(self) -> str:
        """Of the browser that is open."""
        return self._browser.version if self._browser else ""

    def stage(self, kind: str, wanted: Emulation = PLAIN) -> None:
        """Have a browser, a fresh context and an empty page ready; quick when they are.

        Raises:
            LookupError: Playwright has no such device.
        """
        self._check_device(wanted.device)
        if self._browser and self._kind != kind:
            self._close()
        if self._context and self.connected and self._emulation != wanted:
            self._context.close()
            self._context = self._page = None
        if self._page and self.connected:
            return
        self.launch_us, self.launch_times = 0, None
        if not self.connected:
            start = time.perf_counter()
            self._launch(kind)
            self.launch_us = _since(start)
            self.launch_times = self._launches.times(self.launch_us)
            self._launches.note(self.launch_us)
        start = time.perf_counter()
        self._open_context(wanted)
        self.context_us = _since(start)

    @property
    def connected(self) -> bool:
        """Whether the browser is there, as far as the driver knows."""
        return self._browser is not None and self._browser.is_connected()

    def take(self, recorder: Recorder) -> tuple[BrowserContext, Page]:
        """The context and page for one run, reporting to its recorder."""
        assert self._context and self._page
        context, page = self._context, self._page
        self._context = self._page = None
        hear(context, recorder, self._crash)
        return context, page

    def strike(self, context: BrowserContext, *, keep_browser: bool) -> None:
        """Take a run's context down, and the browser with it unless it is kept."""
        if keep_browser and not self.crashed:
            context.close()
        else:
            self._close()

    def reference_us(self, context: BrowserContext, *, keep_browser: bool) -> int:
        """How long a page of our own takes, once a run's pages are gone; 0: none could be had.

        It is closed where the browser is kept, and else goes with that; so it does where it
        hangs.
        """
        try:
            with self.deadline.of(_REFERENCE_S):
                context.close()
                assert self._browser
                page = self._browser.new_page()
                start = time.perf_counter()
                page.evaluate(_REFERENCE)
                took_us = _since(start)
                if keep_browser:
                    page.close()
                return took_us
        except Error:
            self._close()
            return 0

    def answers(self) -> bool:
        """Whether the browser still opens a page: tells a hung page from a hung browser."""
        if not self._browser:
            return False
        try:
            with self.deadline.of(_ANSWER_S):
                page = self._browser.new_page()
                page.close()
        except Error:
            return False
        return True

    def awaited(self, context: BrowserContext, recorder: Recorder) -> None:
        """Record the newest requests that have neither been answered nor failed."""
        with self.deadline.of(_ANSWER_S):
            awaited(context, recorder)

    def driver_answers(self) -> bool:
        """Whether the driver itself still works."""
        try:
            with self.deadline.of(_ANSWER_S):
                self._playwright.request.new_context().dispose()
        except Error:
            return False
        return True

    def stop(self) -> None:
        """Close everything, in good order."""
        self._close()
        self._playwright.stop()

    def _close(self) -> None:
        """End the browser at once: what it would tidy up is thrown away with its profile."""
        if self._browser:
            if self.connected:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._browser_pid, signal.SIGKILL)
            self._browser.close()  # waits for its end, and removes its profile
        self._browser = self._context = self._page = None

    def _crash(self) -> None:
        self.crashed = True

    def _launch(self, kind: str) -> None:
        # Signals are the supervisor's to handle, not the driver's.
        self._browser = self._playwright.chromium.launch(
            executable_path=self._settings.executables[kind],
            headless=not self._settings.headed,
            chromium_sandbox=self._settings.sandbox,
            args=self._settings.arguments(),
            timeout=_LAUNCH_MS,
            handle_sigint=False,
            handle_sigterm=False,
            handle_sighup=False,
        )
        session = self._browser.new_browser_cdp_session()
        processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
        self._browser_pid = next(int(each["id"]) for each in processes if each["type"] == "browser")
        if self._kind != kind:
            version = session.send("Browser.getVersion")
            self._user_agent = f"{version['userAgent']} {self._settings.user_agent_suffix}"
            self._kind = kind
        session.detach()

    def _check_device(self, name: str | None) -> None:
        if name is not None and name not in self._playwright.devices:
            raise LookupError(", ".join(devices.unknown(name)))

    def _open_context(self, emulation: Emulation) -> None:
        assert self._browser
        self.crashed = False
        looks = looks_of(self._settings, emulation, self._playwright)
        looks.setdefault("user_agent", self._user_agent)
        self._context = self._browser.new_context(**looks, accept_downloads=False)
        self._context.set_default_timeout(ACTION_MS)
        self._context.set_default_navigation_timeout(NAVIGATION_MS)
        self._page = self._context.new_page()
        if network := emulation.network:
            slow_down(self._page, network)
            self._context.on("page", lambda popup: slow_down(popup, network))
        self._emulation = emulation


def looks_of(
    settings: BrowserSettings, wanted: Emulation, playwright: Playwright
) -> dict[str, Any]:
    """What a context is told to be: as the region says, but for what a journey asks."""
    region = {
        "base_url": settings.base_url,
        "locale": settings.locale,
        "timezone_id": settings.timezone,
        "viewport": dict(settings.viewport),
    }
    return region | _emulated(wanted, playwright, settings.user_agent_suffix)


def _emulated(wanted: Emulation, playwright: Playwright, suffix: str) -> dict[str, Any]:
    """What a context is told to be, where that is not as the region says."""
    looks: dict[str, Any] = {}
    if wanted.device:
        looks |= playwright.devices[wanted.device]
        looks["user_agent"] += f" {suffix}"
        del looks["default_browser_type"]  # ours is Chromium, whatever the device has
    if wanted.viewport:
        width, height = wanted.viewport
        looks["viewport"] = {"width": width, "height": height}
    given = {"locale": wanted.locale, "timezone_id": wanted.timezone}
    return looks | {name: value for name, value in given.items() if value}


def slow_down(page: Page, network: Network) -> None:
    """Have a page's requests take their time; those of its workers and foreign frames do not."""
    with contextlib.suppress(Error):  # a page that is gone asks for nothing
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.send(
            "Network.emulateNetworkConditions",
            {
                "offline": False,
                "latency": network.latency_ms,
                "downloadThroughput": network.down,
                "uploadThroughput": network.up,
            },
        )


def _since(start: float) -> int:
    return round((time.perf_counter() - start) * 1e6)
