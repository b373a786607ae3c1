"""Reading the files again while they are in force: what becomes of it, for agent and evaluator.

All files are read and checked before any of them counts. On any mistake the old go on, and that
is logged, and kept for the pages and metrics.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

from prober.errors import InputError, ProberError

log = logging.getLogger(__name__)

#: Statuses of HTTP: the files were taken up; they are wrong; they cannot be taken up now.
_TAKEN, _WRONG, _NOT_NOW = 200, 422, 409
_ENDING = "this process is ending"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one attempt."""

    at_ms: int
    status: int = _TAKEN
    #: What is another than before, a line each.
    changed: tuple[str, ...] = ()
    #: Why the old go on, a line each; empty when they do not.
    problems: tuple[str, ...] = ()

    @property
    def taken(self) -> bool:
        """Whether what was read is in force."""
        return self.status == _TAKEN

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        found = {"changed": self.changed} if self.taken else {"problems": self.problems}
        return {"reloaded": self.taken, "at_ms": self.at_ms, **found}


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Reload:
    """Reads the files again when it is asked to; one attempt at a time."""

    #: Reads and checks everything, then lets it take the place of the old; what changed, a line
    #: each. Raises ProberError, and then has changed nothing.
    renew: Callable[[], Coroutine[Any, Any, Iterable[str]]]
    #: Set it to have the files read again.
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    #: The last attempt; None: there was none since the start.
    last: Answer | None = None
    #: When the files that are in force were read.
    in_force_ms: int = field(default_factory=_wall_ms)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _trying: asyncio.Task[Iterable[str]] | None = None
    _stopped: bool = False

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the files as they are now are not in force; empty when they are."""
        return self.last.problems if self.last else ()

    async def serve(self) -> None:
        """For ever: an attempt whenever `asked` is set."""
        while True:
            await self.asked.wait()
            self.asked.clear()
            await self.attempt()

    async def attempt(self) -> Answer:
        """Read the files again; the old go on if there is anything against them."""
        async with self._turn:
            if self._stopped:
                return Answer(at_ms=_wall_ms(), status=_NOT_NOW, problems=(_ENDING,))
            answer = await self._attempt(_wall_ms())
            self._note(answer)
            return answer

    async def stop(self) -> None:
        """Try no more; what is being tried is given up, unless it takes place already."""
        self._stopped = True
        if self._trying:
            self._trying.cancel()
            await asyncio.wait([self._trying])

    async def _attempt(self, at_ms: int) -> Answer:
        self._trying = asyncio.create_task(self.renew())
        try:
            await asyncio.wait([self._trying])
            return Answer(at_ms=at_ms, changed=tuple(self._trying.result()))
        except InputError as error:
            problems = tuple(map(str, error.problems))
            return Answer(at_ms=at_ms, status=_WRONG, problems=problems)
        except ProberError as error:
            return Answer(at_ms=at_ms, status=_NOT_NOW, problems=(str(error),))
        except asyncio.CancelledError:
            if not self._stopped:
                raise
            return Answer(at_ms=at_ms, status=_NOT_NOW, problems=(_ENDING,))
        except Exception as error:  # a fault of ours must not end what works
            log.exception("the files could not be taken up")
            why = f"{type(error).__name__} within Prober, the log has more"
            return Answer(at_ms=at_ms, status=_NOT_NOW, problems=(why,))
        finally:
            self._trying = None

    def _note(self, answer: Answer) -> None:
        self.last = answer
        if answer.taken:
            self.in_force_ms = answer.at_ms
            log.warning("files read again: %s", "; ".join(answer.changed) or "nothing changed")
        for problem in answer.problems:
            log.error("files read again and not taken up, the old go on: %s", problem)
