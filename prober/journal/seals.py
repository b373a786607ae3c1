"""Seals: a checksum of every page of a journal, in a file beside it.

SQLite notices that a page has lost its form, not that a number in it is another one. With these
any byte that changed is found, at the speed of reading, and so a journal can be trusted soon
after it is opened, however large it is.
"""

from __future__ import annotations

import os
import sys
import zlib
from array import array
from collections.abc import Mapping
from pathlib import Path

from prober.journal.wal import PAGE

_MAGIC = b"prober seals 1\n\0"
#: Each block of the file ends with a checksum of its own.
_BLOCK = 4096
_IN_BLOCK = _BLOCK // 4 - 1
_TEXT = 64


class Seals:
    """The checksums of a journal's pages, as the pages will be once its log is in the file.

    A page that was never written has none: 0.
    """

    def __init__(self, path: Path, identity: str) -> None:
        """Open the file, or make it.

        Args:
            path: of the file.
            identity: of the journal, so that the file is not taken for that of another.
        """
        self._sums = array("I")
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.identity = identity
        self._boot, self._open = "", False

    @classmethod
    def make(cls, path: Path, identity: str) -> Seals:
        """None yet."""
        path.unlink(missing_ok=True)
        return cls(path, identity)

    @classmethod
    def load(cls, path: Path) -> Seals | None:
        """Those in a file; None when there are none that can be trusted."""
        try:
            data = path.read_bytes()
        except OSError:
            return None
        blocks = [data[at : at + _BLOCK] for at in range(0, len(data), _BLOCK)]
        if not blocks or not all(map(_whole, blocks)) or not blocks[0].startswith(_MAGIC):
            return None
        texts = [blocks[0][at : at + _TEXT].rstrip(b"\0").decode() for at in (16, 16 + _TEXT)]
        seals = cls(path, texts[0])
        seals._boot, seals._open = texts[1], blocks[0][16 + 2 * _TEXT] == 1
        for block in blocks[1:]:
            seals._sums.frombytes(block[:-4])
        if sys.byteorder == "big":
            seals._sums.byteswap()
        return seals

    def was_open(self) -> tuple[bool, str]:
        """Whether whoever used it last came to no end, and in which start of the machine."""
        return self._open, self._boot

    def begin(self, boot: str) -> None:
        """Note that the journal is in use from now on."""
        self._boot = boot
        self._note(is_open=True)

    def end(self) -> None:
        """Note that all of the journal is in its file."""
        self._note(is_open=False)

    def put(self, sums: Mapping[int, int]) -> None:
        """Set the seals of pages, on disk when it returns.

        Raises:
            OSError: they could not be written; it may be tried again.
        """
        if not sums:
            return
        there = len(self._sums) // _IN_BLOCK
        wanted = -(-max(sums) // _IN_BLOCK)
        self._sums.extend([0] * (wanted - there) * _IN_BLOCK)
        for page, value in sums.items():
            self._sums[page - 1] = value
        for block in sorted({(page - 1) // _IN_BLOCK for page in sums} | {*range(there, wanted)}):
            self._write(block)
        os.fsync(self._descriptor)

    def broken(self, first: int, count: int, pages: memoryview) -> list[int]:
        """The numbers of those of consecutive pages that are not what was sealed."""
        sums = self._sums[first - 1 : first - 1 + count]
        return [
            first + number
            for number, seal in enumerate(sums)
            if seal and zlib.crc32(pages[number * PAGE : (number + 1) * PAGE]) != seal
        ]

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _write(self, block: int) -> None:
        sums = self._sums[block * _IN_BLOCK : (block + 1) * _IN_BLOCK]
        if sys.byteorder == "big":
            sums.byteswap()
        self._put_block(block + 1, sums.tobytes())

    def _note(self, *, is_open: bool) -> None:
        self._open = is_open
        texts = (text.encode()[:_TEXT].ljust(_TEXT, b"\0") for text in (self.identity, self._boot))
        head = _MAGIC + b"".join(texts) + bytes([is_open])
        self._put_block(0, head.ljust(_BLOCK - 4, b"\0"))
        os.fsync(self._descriptor)

    def _put_block(self, number: int, content: bytes) -> None:
        block = content + zlib.crc32(content).to_bytes(4, "little")
        os.pwrite(self._descriptor, block, number * _BLOCK)


def sums_of(first: int, pages: memoryview) -> dict[int, int]:
    """What seals consecutive pages as they are."""
    return {
        first + at // PAGE: zlib.crc32(pages[at : at + PAGE]) for at in range(0, len(pages), PAGE)
    }


def _whole(block: bytes) -> bool:
    return len(block) == _BLOCK and zlib.crc32(block[:-4]).to_bytes(4, "little") == block[-4:]
