"""Artefacts: the files that agents kept of runs, where the evaluator can read them.

Their names come with the records of runs, so from outside: only what an agent would call a file is
looked for, and no link is followed out of a directory.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

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
    #: Whether it can be read here.
    here: bool


@dataclass(frozen=True, slots=True)
class Artefacts:
    """The files below some agents' evidence directories."""

    directories: tuple[Path, ...] = ()

    def of(self, names: Iterable[str]) -> list[Artefact]:
        """The files that a run's record names; what cannot be one is left out."""
        found = []
        for name in names:
            if match := _NAME.fullmatch(name):
                form = Form(match[2].partition(".")[0])
                found.append(Artefact(name, form, here=self._exists(name)))
        return found

    def open(self, name: str) -> BinaryIO | None:
        """A file to read; None: there is none of that name."""
        match = _NAME.fullmatch(name)
        for directory in self.directories if match else ():
            assert match
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

    def _exists(self, name: str) -> bool:
        file = self.open(name)
        if file:
            file.close()
        return file is not None
