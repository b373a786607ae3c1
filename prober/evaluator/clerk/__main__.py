"""The clerk's process, `python -m prober.evaluator.clerk DESCRIPTOR`: ends with its evaluator."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

from prober.errors import JournalClosing, ProberError
from prober.evaluator.clerk.clerk import Clerk
from prober.evaluator.clerk.line import FIRST, Answer, Opening, Out, Question, Told

#: New rules may be slow to go by; bodies are taken in meanwhile.
_HANDS = 4
_HOUR_S = 3600.0
_logger = logging.getLogger("prober")


def main(descriptor: int) -> None:
    """Open the journal, say how that went, and answer until the line is cut."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # they are for the evaluator, which cuts the line
    connection = Connection(descriptor)
    opening: Opening = connection.recv()
    out = Out(connection)
    _log_to(out, opening.log_level)
    try:
        clerk = Clerk.open(opening.path, opening.rules, whole=opening.whole)
    except ProberError as error:
        out.send(Answer(FIRST, error=error.with_traceback(None)))
        return
    threading.Thread(target=keep_hourly, args=(clerk,), daemon=True).start()
    try:
        out.send(Answer(FIRST, clerk.note))
        _serve(clerk, connection, out)
    except Exception:
        _logger.exception("the journal is not written any more")
    clerk.close()
    os._exit(0)  # whatever else goes on cannot write any more, and nobody waits for it


def _log_to(out: Out, level: int) -> None:
    logging.basicConfig(handlers=[Told(out)], level=logging.WARNING, format="%(message)s")
    logging.captureWarnings(True)
    _logger.setLevel(level)


def _serve(clerk: Clerk, connection: Connection, out: Out) -> None:
    hands = ThreadPoolExecutor(_HANDS)
    while True:
        try:
            question: Question = connection.recv()
        except (EOFError, OSError):
            return
        hands.submit(_answer, clerk, question, out)


def _answer(clerk: Clerk, question: Question, out: Out) -> None:
    method = getattr(clerk, question.method)
    answer = Answer.to(question.number, lambda: method(*question.arguments))
    with contextlib.suppress(OSError):  # the evaluator has ended: who sent a body sends it again
        out.send(answer)


def keep_hourly(clerk: Clerk) -> None:
    """Once an hour old rows go, and the journal is looked over and backed up."""
    while True:
        try:
            clerk.keep(time.time_ns() // 1_000_000)
        except JournalClosing:
            return
        except Exception:
            _logger.exception("the journal could not be kept; the next try is in an hour")
        time.sleep(_HOUR_S)


if __name__ == "__main__":
    main(int(sys.argv[1]))
