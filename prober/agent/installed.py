"""Which browser there is to run: PROBER_BROWSER, then Playwright's own, then the system's."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from prober.errors import ProberError

#: Names on PATH by kind, the preferred ones first. A full browser can stand in for the shell.
_ON_PATH = {
    "headless-shell": ("chromium-headless-shell", "chrome-headless-shell"),
    "chromium": ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
}
_EXECUTABLES = {
    "headless-shell": ("chrome-headless-shell", "headless_shell"),
    "chromium": ("chrome", "Chromium", "Google Chrome for Testing"),
}
_MAC_APPS = ("Google Chrome", "Chromium")


def find(kind: str, environ: Mapping[str, str] = os.environ) -> str:
    """The executable of a kind of browser.

    Args:
        kind: `headless-shell` or `chromium`.
        environ: of the agent; a worker's own knows no home.

    Raises:
        ProberError: there is none.
    """
    if chosen := environ.get("PROBER_BROWSER"):
        if not os.access(chosen, os.X_OK):
            raise ProberError(f"PROBER_BROWSER={chosen} cannot be run: mend or unset it")
        return chosen
    for candidate in _candidates(kind, environ):
        return candidate
    raise ProberError(
        f"there is no {kind} browser here: run `playwright install chromium-headless-shell "
        "chromium`, install your system's chromium, or set PROBER_BROWSER to its path"
    )


def _candidates(kind: str, environ: Mapping[str, str]) -> Iterator[str]:
    kinds = [kind] if kind == "chromium" else ["headless-shell", "chromium"]
    for each in kinds:
        yield from map(str, _managed(each, environ))
        yield from filter(None, (shutil.which(name) for name in _ON_PATH[each]))
    for app in _MAC_APPS if sys.platform == "darwin" else ():
        path = Path("/Applications", f"{app}.app", "Contents", "MacOS", app)
        if path.exists():
            yield str(path)


def _managed(kind: str, environ: Mapping[str, str]) -> Iterator[Path]:
    """What `playwright install` put there for this version of Playwright."""
    name = "chromium-headless-shell" if kind == "headless-shell" else "chromium"
    place = _registry(environ) / f"{name.replace('-', '_')}-{_revision(name)}"
    for executable in _EXECUTABLES[kind]:
        yield from (path for path in place.rglob(executable) if path.is_file())


def _registry(environ: Mapping[str, str]) -> Path:
    if chosen := environ.get("PLAYWRIGHT_BROWSERS_PATH"):
        return Path(chosen)
    home = Path.home()
    caches = home / "Library" / "Caches" if sys.platform == "darwin" else home / ".cache"
    return caches / "ms-playwright"


def _revision(name: str) -> str:
    spec = find_spec("playwright")
    assert spec is not None and spec.origin is not None
    listing = Path(spec.origin).parent / "driver" / "package" / "browsers.json"
    browsers = json.loads(listing.read_text())["browsers"]
    return next(str(entry["revision"]) for entry in browsers if entry["name"] == name)
