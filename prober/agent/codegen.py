"""Playwright's codegen: a person uses the site in a browser, and a script of it is written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import BrowserContext, Error, sync_playwright

from prober.agent.browser import BrowserSettings, looks_of
from prober.agent.display import require_display
from prober.agent.installed import find
from prober.emulation import Emulation
from prober.errors import ProberError

#: For who has no display.
ELSEWHERE = (
    "record on a machine with one, by `playwright codegen --target python -o FILE URL`, "
    "and bring the file here: prober record --from FILE"
)


def record(url: str, settings: BrowserSettings, wanted: Emulation) -> str:
    """Open a browser beside codegen's window, and wait until the person has closed it.

    Returns:
        The script, in Python. It holds whatever was typed, so it is kept in memory where there is
        a directory of that kind, and nowhere when this is over.

    Raises:
        ProberError: nothing can be shown, the browser does not start, or the site does not open.
    """
    require_display(ELSEWHERE)
    executable = find("chromium")
    with TemporaryDirectory(prefix="prober-record-", dir=_memory(os.environ)) as place:
        output = Path(place, "script.py")
        with sync_playwright() as playwright:
            try:
                browser = playwright.chromium.launch(
                    executable_path=executable,
                    headless=False,
                    chromium_sandbox=settings.sandbox,
                    args=settings.arguments(),
                )
            except Error as error:
                raise ProberError(f"the browser does not start: {_first(error)}") from None
            context = browser.new_context(**looks_of(settings, wanted, playwright))
            _let_use(context, url, output)
            with suppress(Error):  # it may be gone already
                browser.close()
        return output.read_text("utf-8") if output.exists() else ""


def _let_use(context: BrowserContext, url: str, output: Path) -> None:
    """Record until no page is left."""
    context.set_default_timeout(0)  # nothing hurries a person
    context.on("dialog", lambda dialog: None)  # it is the person's to answer
    inside: Any = context
    asked = {"language": "python", "mode": "recording", "outputFile": str(output)}
    try:
        inside._sync(inside._impl_obj._show_recorder({**asked, "handleSIGINT": False}))
        page = context.new_page()
        page.goto(url)
    except Error as error:
        raise ProberError(f"{url} does not open: {_first(error)}") from None
    with suppress(Error):  # the browser may be closed as a whole
        while context.pages:
            context.pages[0].wait_for_event("close")
        context.close()


def _memory(environ: Mapping[str, str]) -> str | None:
    """A directory in memory that only this user may read, where the system has one."""
    place = environ.get("XDG_RUNTIME_DIR")
    return place if place and os.access(place, os.W_OK) else None


def _first(error: Error) -> str:
    return error.message.split("\n")[0]
