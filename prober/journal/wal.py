"""The log beside a journal, as SQLite lays it out: what was committed and is not in the file yet.

Its layout is a promise of SQLite: sqlite.org/walformat.html. Nothing here writes.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

PAGE = 4096
#: What SQLite keeps beside a journal; the first of them while it is made one from a copy.
SIDES = ("-journal", "-wal", "-shm")
_HEADER, _FRAME = 32, 24
#: The head of the index, which is there twice: of it the state, the number of frames that are
#: committed, and the salts that set the frames of this round apart from those of earlier ones.
_INDEX = struct.Struct("=12xB3xI12x8s8x")
_PAGE_NUMBER = struct.Struct(">I")


class Committed(NamedTuple):
    """How much of a log is committed."""

    #: Changes whenever the log begins anew.
    salts: bytes
    frames: int


class Log:
    """The log and its index, while a connection has them open.

    A process that closes a file gives up all locks that it has on it, SQLite's among them: close
    this only after the connection.
    """

    def __init__(self, path: Path) -> None:
        self._log = os.open(beside(path, "-wal"), os.O_RDONLY | os.O_CLOEXEC)
        self._index = os.open(beside(path, "-shm"), os.O_RDONLY | os.O_CLOEXEC)

    def committed(self) -> Committed:
        """What is committed now."""
        return _committed(os.pread(self._index, 2 * _INDEX.size, 0)) or Committed(b"", 0)

    def sums(self, first: int, last: int) -> dict[int, int]:
        """The checksum of each page in the frames [first, last), by its number."""
        found = {}
        for number in range(first, last):
            frame = os.pread(self._log, _FRAME + PAGE, _HEADER + number * (_FRAME + PAGE))
            (page,) = _PAGE_NUMBER.unpack_from(frame)
            found[page] = zlib.crc32(memoryview(frame)[_FRAME:])
        return found

    def close(self) -> None:
        """Close both files."""
        os.close(self._log)
        os.close(self._index)


def left_behind(path: Path) -> Committed | None:
    """What an index says was committed; to be asked before anybody opens the journal."""
    try:
        return _committed(beside(path, "-shm").read_bytes()[: 2 * _INDEX.size])
    except OSError:
        return None


def salts(path: Path) -> bytes:
    """Those in the head of a log; empty when there is none."""
    try:
        with beside(path, "-wal").open("rb") as log:
            return log.read(_HEADER)[16:24]
    except OSError:
        return b""


def beside(path: Path, suffix: str) -> Path:
    """A file that belongs to a journal."""
    return path.with_name(path.name + suffix)


def _committed(head: bytes) -> Committed | None:
    half = _INDEX.size
    if len(head) < 2 * half or head[:half] != head[half:]:
        return None
    ready, frames, salted = _INDEX.unpack(head[:half])
    return Committed(salted, frames) if ready else None
