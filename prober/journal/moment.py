"""One moment of a journal: several questions get answers of the same state, each asked once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from contextlib import ExitStack
from typing import Any, TypeVar

from prober.journal.store import Store
from prober.journal.turns import Turns

Answer = TypeVar("Answer")


class Moment:
    """Holds a journal still while it is entered; inside of itself it is the same moment."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._answers: dict[Hashable, Any] = {}
        self._held, self._turns = ExitStack(), Turns()
        #: The thread that entered, and how often; others wait for it to leave.
        self._owner: int | None = None
        self._depth = 0

    def __enter__(self) -> None:
        if self._owner != threading.get_ident():
            self._held = self._come()
            self._owner = threading.get_ident()
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if not self._depth:
            self._answers.clear()
            held, self._owner = self._held, None
            # Who waits comes in before this has let go of all: theirs is not ours to end.
            held.close()

    def _come(self) -> ExitStack:
        """Wait for a turn, and begin to read."""
        with ExitStack() as held:
            held.enter_context(self._turns)
            held.enter_context(self.store.reading())
            return held.pop_all()

    def once(self, key: Hashable, ask: Callable[[], Answer]) -> Answer:
        """The answer to a question, from before if it was asked at this moment."""
        if self._owner != threading.get_ident():
            with self:
                return self.once(key, ask)
        if key not in self._answers:
            self._answers[key] = ask()
        answer: Answer = self._answers[key]
        return answer
