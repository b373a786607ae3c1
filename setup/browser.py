"""Finds a browser that works on this machine, or installs one; notes it in .cache/browser.

The order is the agent's own: PROBER_BROWSER, what Playwright manages, what the system has.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from subprocess import PIPE, STDOUT

ROOT = Path(__file__).resolve().parent.parent
NOTE = ROOT / ".cache" / "browser"
LOG = ROOT / ".cache" / "browser.log"
SHELL = "chromium-headless-shell"
ON_PATH = (
    SHELL,
    "chrome-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
MAC_APPS = ("Google Chrome", "Chromium")
TYPE_THIS = f"""\
no browser works here, and none could be installed; {LOG.relative_to(ROOT)} says why.
Do one of these, then make install again:
  sudo .venv/bin/playwright install --with-deps {SHELL}
  sudo apt-get install {SHELL} fonts-liberation     (Debian)
  export PROBER_BROWSER=<path of a Chromium or Chrome>"""


def main() -> None:
    """Note a working browser, installing one if need be."""
    if noted():
        return
    browser = found() or installed()
    if browser is None:
        sys.exit(f"setup: {TYPE_THIS}")
    NOTE.parent.mkdir(exist_ok=True)
    NOTE.write_text(f"{browser}\n{key()}\n")
    say(f"the browser is {browser}")


def noted() -> bool:
    """Whether an earlier set-up noted a browser that is still the right one."""
    lines = NOTE.read_text().splitlines() if NOTE.exists() else []
    return len(lines) == 2 and lines[1] == key() and os.access(lines[0], os.X_OK)


def key() -> str:
    """What a note is good for."""
    return f"playwright {version('playwright')} PROBER_BROWSER={os.environ.get('PROBER_BROWSER')}"


def found() -> str | None:
    """The first browser that works."""
    if chosen := os.environ.get("PROBER_BROWSER"):
        if why := fault(chosen):
            sys.exit(f"setup: PROBER_BROWSER={chosen} does not work ({why}): mend or unset it")
        return chosen
    return next((path for path in candidates() if not fault(path)), None)


def candidates() -> Iterator[str]:
    """Browsers that are on this machine, the preferred ones first."""
    yield from map(str, managed())
    yield from filter(None, map(shutil.which, ON_PATH))
    for app in MAC_APPS:
        path = Path("/Applications", f"{app}.app", "Contents", "MacOS", app)
        if path.exists():
            yield str(path)


def managed() -> Iterator[Path]:
    """Executables of the browsers that Playwright downloaded for this version of it."""
    plan = playwright("install", "--dry-run", SHELL, "chromium").stdout
    for place in re.findall(r"Install location:\s+(.*chromium.*)", plan):
        for name in ("chrome-headless-shell", "headless_shell", "chrome", "Chromium"):
            yield from (p for p in Path(place).rglob(name) if p.is_file())


def fault(executable: str) -> str | None:
    """Why a browser does not work: it does not start, or shows no text."""
    from playwright.sync_api import Error, sync_playwright  # slow, and seldom needed

    with sync_playwright() as driver:
        try:
            browser = driver.chromium.launch(executable_path=executable, timeout=30_000)
            page = browser.new_page()
            page.set_content("<span>Prober</span>")
            box = page.locator("span").bounding_box()
        except Error as error:
            return error.message.splitlines()[0]
    return None if box and box["width"] > 0 else "it shows no text: fonts are missing"


def installed() -> str | None:
    """A browser that was not there before, by the first way that works."""
    say(f"no browser works here yet: downloading {SHELL}")
    if logged(playwright("install", SHELL)):
        if browser := found():
            return browser
        say("it does not start yet: installing the system libraries and fonts it needs")
        as_root(sys.executable, "-m", "playwright", "install-deps", SHELL)
        return found()
    for package in (SHELL, "chromium") if shutil.which("apt-get") else ():
        say(f"the download was refused: installing the system's package {package}")
        if apt_install(package, "fonts-liberation") and (browser := found()):
            return browser
    return None


def apt_install(*packages: str) -> bool:
    """Whether the system's package manager could install them."""
    apt = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq")
    return as_root(*apt, "update") and as_root(
        *apt, "install", "-y", "--no-install-recommends", *packages
    )


def as_root(*command: str) -> bool:
    """Run a command as root; False when it failed or this user cannot become root here."""
    if os.getuid():
        if not shutil.which("sudo"):
            return False
        command = ("sudo", *(() if sys.stdin.isatty() else ("-n",)), *command)
    return logged(subprocess.run(command, stdout=PIPE, stderr=STDOUT, text=True, check=False))


def playwright(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Playwright's command line, which gives up soon where its downloads are refused."""
    return subprocess.run(
        [sys.executable, "-m", "playwright", *arguments],
        env={"PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "15000", **os.environ},
        stdout=PIPE,
        stderr=STDOUT,
        text=True,
        check=False,
    )


def logged(done: subprocess.CompletedProcess[str]) -> bool:
    """Whether a command succeeded; what it said is kept for those who must find out why."""
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("a") as log:
        log.write(f"$ {done.args}\n{done.stdout}\n")
    return done.returncode == 0


def say(what: str) -> None:
    """One plain line of progress."""
    print(f"setup: {what}", flush=True)


if __name__ == "__main__":
    main()
