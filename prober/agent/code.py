"""The journeys' code as it was when it was checked: workers load copies of it.

Workers come and go for months. Loaded from where it lies, a file that somebody is editing would
run with the next worker, checked by nobody, while the agent says that the old goes on.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prober.errors import ProberError

#: More than this is no directory of journeys.
MOST_BYTES = 64_000_000
_NOT_CODE = ("__pycache__", "node_modules")
_CONTRACT = ".slo.yaml"


@dataclass(frozen=True, slots=True)
class Code:
    """Everything in a directory that journeys may load, at one moment."""

    directory: Path
    #: Of the names and contents of its files.
    digest: str

    @classmethod
    def of(cls, directory: Path) -> Code:
        """The code of a directory as it is now; raises ProberError when it is far too much."""
        return cls(directory, _digest(directory))

    def copy_to(self, place: Path) -> dict[str, str]:
        """Copy it to a new directory: by journey file, its copy.

        Raises:
            ProberError: it is not what it was, or there is no room for it.
        """
        try:
            for path in _files(self.directory):
                copy = place / path.relative_to(self.directory)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
        except OSError as error:
            raise ProberError(f"{self.directory}: its files cannot be copied: {error}") from error
        if _digest(place) != self.digest:
            raise ProberError(f"{self.directory} changed while it was read, try again")
        found = self.directory.glob("[!_]*.py")
        return {str(path.resolve()): str(place.resolve() / path.name) for path in found}


def _digest(directory: Path) -> str:
    digest, room = hashlib.sha256(), MOST_BYTES
    for path, content in _contents(directory):
        room -= len(content)
        if room < 0:
            raise ProberError(
                f"{directory} holds more than {MOST_BYTES // 10**6} MB, keep journeys in a "
                "directory of their own"
            )
        name = str(path.relative_to(directory))
        digest.update(f"{len(name)} {name} {len(content)} ".encode() + content)
    return digest.hexdigest()


def _contents(directory: Path) -> Iterator[tuple[Path, bytes]]:
    try:
        for path in _files(directory):
            yield path, path.read_bytes()
    except OSError as error:
        raise ProberError(f"{directory}: its files cannot be read: {error}") from error


def _files(directory: Path) -> Iterator[Path]:
    """Every file that a journey may load, in an order that depends on nothing but names.

    Links are followed, for mounted directories are made of them; what is hidden is not code.
    """
    seen = set()
    for place, inner, names in os.walk(directory, followlinks=True):
        seen.add(os.path.realpath(place))
        inner[:] = sorted(
            name
            for name in inner
            if _is_code(name) and os.path.realpath(Path(place, name)) not in seen
        )
        for name in sorted(filter(_is_code, names)):
            path = Path(place, name)
            if path.is_file():
                yield path


def _is_code(name: str) -> bool:
    return not (name.startswith(".") or name in _NOT_CODE or name.endswith(_CONTRACT))
