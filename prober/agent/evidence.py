"""Evidence of a run that did not pass, taken after the verdict and in its own time."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import BrowserContext, Error, Page

SCREENSHOT = "screenshot.png"
TRACE = "trace.zip"


def start_trace(context: BrowserContext) -> None:
    """Record a trace; only on a confirmation run, for it makes a run half as slow again."""
    # Sources would put the whole journey file into the trace.
    context.tracing.start(screenshots=True, snapshots=True, sources=False)


def screenshot(page: Page, folder: Path) -> str | None:
    """The page as it stands, password fields masked; None when the page cannot be drawn."""
    try:
        session = page.context.new_cdp_session(page)
        session.send("Page.stopLoading")  # a page that waits for an answer is not drawn
        session.detach()
        page.screenshot(path=folder / SCREENSHOT, mask=[page.locator("input[type=password]")])
    except (Error, OSError):
        return None
    return SCREENSHOT


def stop_trace(context: BrowserContext, folder: Path) -> str | None:
    """The trace as a file for Playwright's viewer; None when it cannot be had."""
    try:
        context.tracing.stop(path=folder / TRACE)
    except (Error, OSError):
        return None
    return TRACE
