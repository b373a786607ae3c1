"""What a run asks of its browser, heard on the way there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from playwright.sync_api import BrowserContext, Error

#: Calls by which a journey uses an element; before them it is there, after them it may be gone.
ACTS: Final = frozenset(
    {
        "click", "dblclick", "tap", "fill", "type", "press", "check", "uncheck", "selectOption",
        "setInputFiles",
    }
)  # fmt: skip
#: Calls that ask what an element says; they leave it there.
READS: Final = frozenset({"innerText", "textContent", "inputValue", "expect"})

#: Takes the frame or page that is asked, the call's name, its parameters, and its options.
Send = Callable[[Any, str, Any, dict[str, Any]], Any]


class Calls:
    """Has every call of a browser context go by somebody who sends it on."""

    def __init__(self, context: BrowserContext, by: Send) -> None:
        inside: Any = context._impl_obj
        self._connection = inside._connection
        self.send: Send = self._connection.send_message_to_server
        self._connection.send_message_to_server = by

    def stop(self) -> None:
        """Have them go their own way again."""
        self._connection.send_message_to_server = self.send


async def attached(frame: Any, selector: str, options: dict[str, Any]) -> None:
    """Wait until an element is there, at most as long as the call that needs it would."""
    with suppress(Error):
        await frame._channel.waitForSelector(
            selector=selector,
            strict=None,
            state="attached",
            omitReturnValue=True,
            timeout=options.get("timeout") or 0,
        )
