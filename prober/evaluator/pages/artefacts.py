"""Artefacts: the files that agents kept of runs, in directories and storages that are read here.

Their names come with the records of runs, so from outside: only what an agent would call a file is
looked for, and no link is followed out of a directory.
"""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, Self

from prober.storage import Storage

#: A directory that cannot be guessed, and a file in it.
_NAME: Final = re.compile(r"([A-Za-z0-9_-]{16})/(screenshot\.png|trace\.zip)")
_LOOK: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class Form(StrEnum):
    """What a file is."""

    SCREENSHOT = "screenshot"
    TRACE = "trace"


class Artefact(NamedTuple):
    """A file of a run."""

    #: As the run's record calls it.
    name: str
    form: Form
    #: Whether it can be read here; of a storage nobody knows before it is asked.
    here: bool


@dataclass(frozen=True, slots=True)
class Artefacts:
    """The files below some agents' evidence directories, and those they copied elsewhere."""

    directories: tuple[Path, ...] = ()
    storages: tuple[Storage, ...] = ()

    @classmethod
    def at(cls, places: Iterable[str]) -> Self:
        """Those at paths and URLs."""
        every = tuple(places)
        return cls(
            tuple(Path(place) for place in every if "://" not in place),
            tuple(Storage(place) for place in every if "://" in place),
        )

    def of(self, names: Iterable[str]) -> list[Artefact]:
        """The files that a run's record names; what cannot be one is left out."""
        found = []
        for name in names:
            if match := _NAME.fullmatch(name):
                form = Form(match[2].partition(".")[0])
                found.append(Artefact(name, form, here=self._exists(match)))
        return found

    def open(self, name: str) -> BinaryIO | None:
        """A file to read; None: there is none of that name.

        Raises:
            StorageError: it is in no directory, and a storage cannot be asked now.
        """
        match = _NAME.fullmatch(name)
        return match and (self._in_a_directory(match) or self._stored(name))

    def _in_a_directory(self, match: re.Match[str]) -> BinaryIO | None:
        for directory in self.directories:
            try:
                folder = os.open(directory / match[1], _LOOK | os.O_DIRECTORY)
            except OSError:
                continue
            try:
                descriptor = os.open(match[2], _LOOK | os.O_NONBLOCK, dir_fd=folder)
            except OSError:
                continue
            finally:
                os.close(folder)
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return open(descriptor, "rb")
            os.close(descriptor)
        return None

    def _stored(self, name: str) -> BinaryIO | None:
        for storage in self.storages:
            if (data := storage.read(name)) is not None:
                return io.BytesIO(data)
        return None

    def _exists(self, match: re.Match[str]) -> bool:
        file = self._in_a_directory(match)
        if file:
            file.close()
        return file is not None or bool(self.storages)
