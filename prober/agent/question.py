"""A question that blocks, asked by a thread of its own and waited for no longer than wanted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Question(Generic[Answer]):
    """Something that only a blocking call can find out.

    A resolver that is dead holds a thread for longer than anybody waits. Threads that others
    need would be used up, and an end of the process would wait for them; these are nobody's.
    """

    def __init__(self, ask: Callable[[], Answer]) -> None:
        self._ask = ask
        self._asked: Future[Answer] | None = None

    async def answer(self, within_s: float) -> Answer:
        """The answer; while there is none to the question before, that is the one waited for.

        Raises:
            TimeoutError: there was none in time.
            Exception: what asking raised.
        """
        if self._asked is None or self._asked.done():
            self._asked = in_thread(self._ask)
        async with asyncio.timeout(within_s):
            return await asyncio.wrap_future(self._asked)


def in_thread(work: Callable[[], Answer]) -> Future[Answer]:
    """Have a thread of nobody's do something; what it raises is raised by the future."""
    future: Future[Answer] = Future()
    future.set_running_or_notify_cancel()  # who stops waiting does not cancel it

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  # raised where it is waited for
            future.set_exception(error)

    threading.Thread(target=run, name="question", daemon=True).start()
    return future
