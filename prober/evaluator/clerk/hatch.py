"""The hatch: the clerk as the evaluator sees it, in a process of its own.

Of one interpreter one thread runs at a time. Were records taken in beside pages, either would
wait for the other at every step.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from prober.errors import JournalError, ProberError
from prober.evaluator.clerk.clerk import Facts, Signal, Taken
from prober.evaluator.clerk.line import FIRST, Answer, Opening, Question
from prober.journal.tally import Rule

#: A clerk that ended by itself is started again after so long.
_PAUSE_S: Final = 1.0
#: It has so long to finish what it is writing.
_END_S: Final = 10.0
_AWAY: Final = "the process that writes the journal ended, it is being started again"
_logger = logging.getLogger(__name__)


class _Line:
    """One clerk's process, and what it was asked."""

    def __init__(self, opening: Opening) -> None:
        """Start it."""
        with contextlib.ExitStack() as unless_started:
            ours, theirs = map(unless_started.enter_context, socket.socketpair())
            connection = unless_started.enter_context(Connection(os.dup(ours.fileno())))
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "prober.evaluator.clerk", str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,  # a terminal's Ctrl-C is for the evaluator
                )
            self._socket, self._connection = ours, connection
            unless_started.pop_all()
        self._turn, self._numbers = threading.Lock(), itertools.count(FIRST + 1)
        self._asked: dict[int, Future[Any]] = {}
        with contextlib.suppress(OSError):  # it has ended: `opened` will say so
            self._connection.send(opening)

    def opened(self) -> str:
        """Wait until the journal is open: what a person should know of that.

        Raises:
            JournalLocked: another process writes the journal.
            JournalError: it cannot be opened.
        """
        for answer in self._answers():
            if answer.error:
                raise answer.error
            return str(answer.value)
        raise JournalError("the process that writes the journal ended before it had opened it")

    def listen(self) -> None:
        """Hand answers to who asked, until the clerk ends."""
        for answer in self._answers():
            asked = self._asked.pop(answer.number, None)
            if asked is None:
                continue  # who asked was told that nobody would answer
            if answer.error:
                asked.set_exception(answer.error)
            else:
                asked.set_result(answer.value)
        self._process.wait()
        with self._turn:
            self._drop()

    def ask(self, method: str, *arguments: Any) -> Any:
        """What the clerk's method returns, or raises; JournalError when the clerk is gone."""
        answer: Future[Any] = Future()
        with self._turn:
            number = next(self._numbers)
            self._asked[number] = answer
            with contextlib.suppress(OSError):  # nobody reads it
                self._connection.send(Question(number, method, arguments))
            if self._process.poll() is not None:  # and who listened for answers may have left
                self._drop()
        return answer.result()

    def close(self) -> None:
        """Say that nothing more is asked, and wait until the clerk has ended."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._socket.close()

    def _answers(self) -> Iterator[Answer]:
        """What the clerk says, its log lines apart, until it ends."""
        while True:
            try:
                said: Answer | logging.LogRecord = self._connection.recv()
            except (EOFError, OSError):
                return
            if isinstance(said, Answer):
                yield said
            else:
                logging.getLogger(said.name).handle(said)

    def _drop(self) -> None:
        """Nothing that was asked will be answered."""
        while self._asked:
            _, asked = self._asked.popitem()
            asked.set_exception(JournalError(_AWAY))


class Hatch:
    """Asks the clerk, and starts it again when it ended; safe to call from several threads."""

    def __init__(self, path: Path, rules: Iterable[Rule]) -> None:
        """Start a clerk, and wait until it has opened the journal.

        Raises:
            JournalLocked: another process writes the journal.
            JournalError: it cannot be opened.
        """
        self.path, self._rules = path, tuple(rules)
        self.note, self.trouble = "", ""
        self._closing = threading.Event()
        self._line = self._begin(whole=True)
        self._file = _number(path)
        self._damage: str | None = None
        #: Whoever reads the journal reads another file by now; None: the same.
        self._replaced: str | None = None
        self._keeper = threading.Thread(target=self._keep, name="clerk", daemon=True)
        self._keeper.start()
        self._facts: Facts = self._line.ask("facts")

    def take(self, signal: Signal, packed: bytes, gzipped: bool, limit_bytes: int) -> Taken:
        """See `Writing`."""
        taken: Taken = self._line.ask("take", signal, packed, gzipped, limit_bytes)
        return taken

    def judge_by(self, rules: Iterable[Rule]) -> None:
        """See `Writing`."""
        wanted = tuple(rules)
        self._line.ask("judge_by", wanted)
        self._rules = wanted

    def condemn(self, what: str) -> None:
        """See `Writing`; a clerk that is away will look for itself."""
        with contextlib.suppress(JournalError):
            self._line.ask("condemn", what)

    def damage(self) -> str | None:
        """See `Writing`; while the clerk is away, what it said last."""
        with contextlib.suppress(JournalError):
            self._damage = self._line.ask("damage")
        return self._damage or self._replaced

    def facts(self) -> Facts:
        """See `Writing`; while the clerk is away, what it said last."""
        with contextlib.suppress(JournalError):
            self._facts = self._line.ask("facts")
        return self._facts

    def close(self) -> None:
        """Let the clerk finish what it is writing, and end."""
        self._closing.set()
        self._line.close()
        self._keeper.join(_END_S)

    def _begin(self, *, whole: bool) -> _Line:
        level = logging.getLogger("prober").getEffectiveLevel()
        line = _Line(Opening(self.path, self._rules, whole, level))
        try:
            self.note = line.opened()
        except BaseException:
            line.close()
            raise
        return line

    def _keep(self) -> None:
        """Listen, and have a clerk again when one ended by itself."""
        while True:
            self._line.listen()
            if self._closing.is_set():
                return
            self.trouble = _AWAY
            _logger.error("%s", _AWAY)
            self._begin_again()

    def _begin_again(self) -> None:
        while not self._closing.wait(_PAUSE_S):
            try:
                # Every page is looked over within the hour as it is.
                ended, self._line = self._line, self._begin(whole=False)
                ended.close()
            except (ProberError, OSError) as error:  # no process or descriptor to be had now
                self.trouble = f"{_AWAY}: {error}"
                _logger.error("%s", self.trouble)
            else:
                if _number(self.path) != self._file:
                    self._replaced = self.note or "another journal lies in its place"
                self.trouble = ""
                return


def _number(path: Path) -> int:
    """Of a file, whatever its name is later."""
    return path.stat().st_ino
