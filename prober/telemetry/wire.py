"""Taking a protobuf message apart without making anything of what is not wanted.

A body of 32 MiB can hold sixteen million empty messages, and a parser makes an object of a hundred
bytes or more of each. So whoever reads what strangers send goes down to the parts it wants, and has
only those parsed, one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

#: More fields than this on the way down are more than any sender puts into one request.
FIELDS: Final = 200_000
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
#: A number of 64 bits, seven in each byte.
_LONGEST: Final = 10


@dataclass(slots=True)
class Walk:
    """One way down a message."""

    #: How many fields it may still come across.
    left: int = FIELDS

    def parts(self, body: memoryview, *path: int) -> Iterator[memoryview]:
        """What lies at a path of field numbers, in order.

        Raises:
            ValueError: the bytes are no message, or there are too many fields.
        """
        if not path:
            yield body
            return
        for number, part in self.fields(body):
            if number == path[0]:
                yield from self.parts(part, *path[1:])

    def fields(self, body: memoryview) -> Iterator[tuple[int, memoryview]]:
        """The fields of a message that have a length, each with its number; raises ValueError."""
        at = 0
        while at < len(body):
            self.left -= 1
            if self.left < 0:
                raise ValueError(f"more than {FIELDS} parts, send less at once")
            key, at = _number(body, at)
            kind, number = key & 7, key >> 3
            length, at = _length(body, at, kind)
            if not number or length > len(body) - at:
                raise ValueError("cut off, or no protobuf")
            if kind == _BYTES:
                yield number, body[at : at + length]
            at += length


def _length(body: memoryview, at: int, kind: int) -> tuple[int, int]:
    """How long a field's content is, and where it begins."""
    if kind == _BYTES:
        return _number(body, at)
    if kind == _VARINT:
        _, end = _number(body, at)
        return end - at, at
    if kind in (_EIGHT, _FOUR):
        return 8 if kind == _EIGHT else 4, at
    raise ValueError("cut off, or no protobuf")


def _number(body: memoryview, at: int) -> tuple[int, int]:
    """A number, and where it ends."""
    found = 0
    for place, byte in enumerate(body[at : at + _LONGEST]):
        found |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return found, at + place + 1
    raise ValueError("cut off, or no protobuf")
