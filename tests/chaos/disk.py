"""A disk that forgets: what a power cut may leave of what processes did to a directory.

The model is the strict reading of POSIX. `fsync` of a file keeps its content and nothing else,
`fsync` of a directory keeps the names in it; of what came later any part may be there, in any
order, a write in pieces of a sector. What a real file system promises beyond that is not used.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

SECTOR = 512
#: What processes have in their hands has a number, as the files of a real disk do; this is the
#: directory itself.
ROOT = 0


class Write(NamedTuple):
    """Bytes went into a file."""

    node: int
    at: int
    data: bytes


class Resize(NamedTuple):
    """A file got a size."""

    node: int
    size: int


class Name(NamedTuple):
    """A name in a directory (`node`) was given to a file, or taken away (None)."""

    node: int
    name: str
    of: int | None
    #: A rename takes the old name away in the same instant.
    was: tuple[int, str] | None = None


class Sync(NamedTuple):
    """What was done to a file or directory before the call began, at `since`, is on disk."""

    node: int
    since: int


class Said(NamedTuple):
    """A process told somebody that something is done."""

    line: str


Event = Write | Resize | Name | Sync | Said


class Luck(NamedTuple):
    """What becomes of that which was not synced: the share that is on disk all the same."""

    names: float
    data: float
    #: A write is on disk in pieces of so many bytes.
    piece: int = SECTOR


@dataclass(slots=True)
class Disk:
    """All that was done to a directory, in order."""

    events: list[Event] = field(default_factory=list)
    folders: set[int] = field(default_factory=lambda: {ROOT})
    _nodes: int = ROOT

    def make(self, *, folder: bool = False) -> int:
        """The number of a new file or directory, that has no name yet."""
        self._nodes += 1
        if folder:
            self.folders.add(self._nodes)
        return self._nodes

    def said(self, at: int) -> list[str]:
        """What was said before the cut."""
        return [event.line for event in self.events[:at] if isinstance(event, Said)]

    def cut(self, at: int, luck: Luck, seed: int, place: Path) -> None:
        """Make a directory as it may be found when the power goes before an event."""
        chance, safe = random.Random(seed), self._safe(at)
        names: dict[tuple[int, str], int] = {}
        content: dict[int, bytearray] = {}
        for index, event in enumerate(self.events[:at]):
            match event:
                case Name():
                    if index < safe.get(event.node, 0) or chance.random() < luck.names:
                        _name(names, event)
                case Write() | Resize():
                    data = content.setdefault(event.node, bytearray())
                    for part in _parts(event, index < safe.get(event.node, 0), luck, chance):
                        change(data, part)
        self._lay_out(names, content, ROOT, place)

    def _lay_out(
        self,
        names: dict[tuple[int, str], int],
        content: dict[int, bytearray],
        folder: int,
        place: Path,
    ) -> None:
        place.mkdir()
        for (parent, name), node in names.items():
            if parent == folder and node in self.folders:
                self._lay_out(names, content, node, place / name)
            elif parent == folder:
                (place / name).write_bytes(content.get(node, b""))

    def _safe(self, at: int) -> dict[int, int]:
        """For each file and directory the moment up to which all is on disk."""
        safe: dict[int, int] = {}
        for event in self.events[:at]:
            if isinstance(event, Sync):
                safe[event.node] = max(event.since, safe.get(event.node, 0))
        return safe


def _name(names: dict[tuple[int, str], int], event: Name) -> None:
    if event.was:
        names.pop(event.was, None)
    if event.of is None:
        names.pop((event.node, event.name), None)
    else:
        names[event.node, event.name] = event.of


def _parts(
    event: Write | Resize, is_safe: bool, luck: Luck, chance: random.Random
) -> Iterator[Write | Resize]:
    """Those parts of a change that are on disk."""
    if is_safe:
        yield event
    elif isinstance(event, Resize):
        if chance.random() < luck.data:
            yield event
    else:
        end = event.at + len(event.data)
        if chance.random() < luck.names:  # its size is with the names; what is not there, is zeros
            yield Write(event.node, end, b"")
        edges = [event.at, *range(event.at - event.at % luck.piece + luck.piece, end, luck.piece)]
        for first, last in zip(edges, [*edges[1:], end], strict=True):
            if chance.random() < luck.data:
                yield Write(event.node, first, event.data[first - event.at : last - event.at])


def change(data: bytearray, part: Write | Resize) -> None:
    """Do to a file's content what was done."""
    if isinstance(part, Resize):
        del data[part.size :]
        data.extend(bytes(part.size - len(data)))
        return
    data.extend(bytes(max(0, part.at - len(data))))
    data[part.at : part.at + len(part.data)] = part.data
