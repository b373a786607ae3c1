"""Hints: what a page offers instead of the weak locators that a run uses."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from playwright._impl.locator import Locator
from playwright._impl.utils.stack_trace import capture_raw_stack
from playwright.sync_api import BrowserContext, Error

from prober.agent.calls import ACTS, READS, Calls, attached

#: Calls before which the element is waited for: after them it may be gone.
_ACTS: Final = ACTS | {"hover"}
#: Parts of a selector that say what a user knows, or of which there is only one on a page.
_KNOWN: Final = re.compile(r"(?:internal:|text=|role=|data-)|(?:html|body|:root)$")
#: In the code of a locator, what a user does not know.
_WEAK: Final = re.compile(r"\blocator\(|\.(?:nth\(|first\b|last\b)")


class Hinter:
    """Asks, in a run that measures nothing, for a better locator wherever one is weak."""

    def __init__(self, context: BrowserContext, directory: Path) -> None:
        self._calls = Calls(context, self._pass_on)
        self._directory = directory
        self._hints: dict[tuple[str, int, str], str | None] = {}

    @property
    def hints(self) -> list[dict[str, Any]]:
        """Each locator once: where it is used, and the better one, if the page offers any."""
        return [
            {"file": file, "line": line, "selector": selector, "better": better}
            for (file, line, selector), better in self._hints.items()
        ]

    def stop(self) -> None:
        """Ask no more."""
        self._calls.stop()

    def _pass_on(self, target: Any, method: str, params: Any, options: dict[str, Any]) -> Any:
        selector = params.get("selector") if isinstance(params, dict) else None
        place = self._place() if selector and method in _ACTS | READS else None
        if place is None or not is_weak(str(selector)):
            return self._calls.send(target, method, params, options)
        asked = self._asked(place, target, method, params, options)
        return asyncio.get_running_loop().create_task(asked)

    def _place(self) -> tuple[str, int] | None:
        """The author's line that a call comes from, the innermost one."""
        for frame in capture_raw_stack():
            file = Path(frame.f_code.co_filename)
            if file.is_relative_to(self._directory):
                return str(file), frame.f_lineno
        return None

    async def _asked(
        self, place: tuple[str, int], target: Any, method: str, params: Any, options: dict[str, Any]
    ) -> Any:
        if method in READS:
            reply = await self._calls.send(target, method, params, options)
            await self._ask(place, target, params["selector"])
            return reply
        await attached(target, params["selector"], options)
        await self._ask(place, target, params["selector"])
        return await self._calls.send(target, method, params, options)

    async def _ask(self, place: tuple[str, int], frame: Any, selector: str) -> None:
        with suppress(Error):  # nothing is there, or more than one
            code = str(await Locator(frame, selector).normalize())
            self._hints[*place, selector] = None if _WEAK.search(code) else code


def is_weak(selector: str) -> bool:
    """Whether a selector of Playwright's has a part that no user knows.

    >>> is_weak('internal:role=button[name="Pay"i]'), is_weak("div > a"), is_weak("nth=2")
    (False, True, True)
    """
    parts = [part.strip() for part in selector.split(" >> ")]
    found = [part for part in parts if not _KNOWN.match(part)]
    frames = [one for one, after in pairwise(parts) if "enter-frame" in after]
    return any(part not in frames for part in found)
