"""Edits: waits until somebody has changed a file that a command was given."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

_LOOK_S: Final = 0.2
_KINDS: Final = {".py", ".yaml", ".yml"}


def stamps(places: Iterable[Path]) -> Mapping[Path, tuple[int, int]]:
    """When each file was last changed, in ns, and how long it is."""
    found: dict[Path, tuple[int, int]] = {}
    for place in places:
        for path in (place, *place.rglob("*")) if place.is_dir() else (place,):
            if path.suffix in _KINDS:
                try:
                    known = path.stat()
                except OSError:  # an editor is about to put it back
                    continue
                found[path] = known.st_mtime_ns, known.st_size
    return found


def await_edit(places: Iterable[Path], before: Mapping[Path, tuple[int, int]]) -> list[str]:
    """The names of files that are not as they were, once there are any and they rest."""
    places = list(places)
    now = before
    while True:
        time.sleep(_LOOK_S)
        last, now = now, stamps(places)
        if now != before and now == last:  # a file that is being written is not read
            changed = {path for path in {*before, *now} if before.get(path) != now.get(path)}
            return sorted({path.name for path in changed})
