"""What the operator asks of a process by signals: to end, or to read its files again."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

_ENDS = (signal.SIGTERM, signal.SIGINT)
#: How long threads are waited for when all else has ended.
_THREADS_S = 1.0
#: Whether SIGHUP came before there was an event loop.
_hung_up = threading.Event()


@dataclass(slots=True)
class Signals:
    """Events that signals set."""

    #: SIGTERM, Ctrl-C, or a terminal that was closed.
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    #: SIGHUP.
    reload: asyncio.Event = field(default_factory=asyncio.Event)
    #: The process ends so long after it was told to, whatever still goes on; None: when it can.
    within_s: float | None = None

    def attend(self) -> None:
        """Heed signals from now on, in the running event loop."""
        loop = asyncio.get_running_loop()
        for number in _ENDS:
            loop.add_signal_handler(number, self._end)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up, _terminal())
        if _hung_up.is_set():
            self.reload.set()

    def _end(self) -> None:
        if self.within_s is not None and not self.stop.is_set():
            _end_in(self.within_s)
        self.stop.set()

    def finish(self) -> None:
        """Everything is in order and closed: threads that still hang are waited for no more."""
        if self.within_s is not None:
            _end_in(_THREADS_S)

    def _hang_up(self, terminal: int | None) -> None:
        """SIGHUP asks for a new reading, but from a terminal that is gone it means the end."""
        if terminal is not None and not os.isatty(terminal):
            self._end()
        else:
            self.reload.set()


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set an event on SIGTERM and on Ctrl-C."""
    for number in _ENDS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


def begin() -> None:
    """Until `attend`, while nothing is under way: end at once, and remember a SIGHUP."""
    for number in _ENDS:
        signal.signal(number, lambda *_: sys.exit(0))
    signal.signal(signal.SIGHUP, lambda *_: _hung_up.set())


def _terminal() -> int | None:
    """A descriptor of the terminal that the process was started from; None: there is none."""
    return next((number for number in (0, 1, 2) if os.isatty(number)), None)


def _end_in(seconds: float) -> None:
    """End the process, whatever it does then.

    A thread that hangs, in a look-up of a name or on a disk, cannot be ended. What was
    acknowledged is on disk; what was not is as after a power cut.
    """
    last = threading.Timer(seconds, _give_up)
    last.daemon = True
    last.start()


def _give_up() -> None:
    log.warning("a thread does not end: the process does, with what is on disk")
    logging.shutdown()
    os._exit(0)
