"""Page weight: how many bytes came over the network for each step of a run.

While steps run, answers are only noted; Playwright tells of each anyway. How large they were is
known to its driver by then, and is asked for when the verdict stands. Where it is not known, the
step has no weight: one that is too small would be believed.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from itertools import zip_longest
from math import inf
from typing import Any, Final

from playwright.sync_api import BrowserContext, Error, Page

from prober.agent.scale import Scale

#: So many answers of a run are asked about.
MOST: Final = 1_000
#: For what is still coming when a run is over, and may never end; and for each answer that is
#: asked about, five times what that takes.
_PATIENCE_S: Final = 0.25
_EACH_S: Final = 0.001
#: Nothing that comes within a run is larger; a redirect may claim any length.
_LARGEST: Final = 10**10


class Weight:
    """Notes what a run's pages are answered, and asks for the sizes in the end."""

    def __init__(self, context: BrowserContext, page: Page, scale: Scale) -> None:
        self._page: Any = page
        self._scale = scale
        self._answers: list[Any] = []
        #: About them, in their order; None: there is nothing to ask.
        self._asked: list[asyncio.Future[Any] | None] = []
        #: When the first was sent that is one too many, in ms since 1970.
        self._beyond_ms = inf
        context._impl_obj.on("response", self._answered)

    def _answered(self, answer: Any) -> None:
        if len(self._answers) < MOST:
            self._answers.append(answer)
        else:
            self._beyond_ms = min(self._beyond_ms, _sent_ms(answer))

    def ask(self) -> None:
        """Put on the scale what came for which step; call it when the run is over."""
        scale = self._scale
        with contextlib.suppress(Error):
            self._page._sync(self._ask())
        for answer, question in zip_longest(self._answers, self._asked):
            if _counts(answer):
                number = scale.step_at(_sent_ms(answer) / 1000)
                scale.add(number, answer.url, _read(question))
        if self._beyond_ms < inf:
            scale.forget(range(scale.step_at(self._beyond_ms / 1000), scale.latest + 1))
        if scale.clock_was_set:  # nobody knows which step asked for what
            scale.forget(range(scale.latest + 1))

    async def _ask(self) -> None:
        """All at once, and then what was told of meanwhile: a journey may not have listened."""
        ends = time.monotonic() + _PATIENCE_S + _EACH_S * len(self._answers)
        while (left_s := ends - time.monotonic()) > 0:
            asked = [_question(each) for each in self._answers[len(self._asked) :]]
            self._asked += asked
            if not (open_ones := [each for each in asked if each]):
                return
            await asyncio.wait(open_ones, timeout=left_s)


def _counts(answer: Any) -> bool:
    """Whether it came over the network, once, and is not meant to go on for ever.

    A service worker answers with what it has, or has asked for itself, which is told of as well.
    """
    return (
        answer.url.startswith(("http:", "https:"))
        and not answer.from_service_worker
        and answer.request.resource_type != "eventsource"
    )


def _sent_ms(answer: Any) -> float:
    """When it was asked for, in ms since 1970, as the browser says."""
    sent_ms: float = answer.request.timing["startTime"]
    return sent_ms


def _question(answer: Any) -> asyncio.Future[Any] | None:
    """As the client itself asks, but not looking each time for who called it."""
    if not _counts(answer) or answer.request.failure:  # its body was not wanted to the end
        return None
    options = {"internal": True, "timeout": 0}
    try:
        question: asyncio.Future[Any] = answer._connection.send_message_to_server(
            answer, "sizes", {}, options
        )
    except Error:  # the driver has forgotten it, or is gone
        return None
    return question


def _read(question: asyncio.Future[Any] | None) -> int | None:
    """Head and body together, for the browser does not always say what of them was the head."""
    if question is None:
        return None
    if not question.done():
        question.cancel()
        return None
    if question.cancelled() or question.exception():
        return None
    sizes = question.result()["sizes"]
    size: int = sizes["responseHeadersSize"] + sizes["responseBodySize"]
    return size if 0 <= size <= _LARGEST else None
