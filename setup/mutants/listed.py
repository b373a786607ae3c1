"""The list of survivors: mutants by the text that they change, so that it outlives renumbering."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_HEADING = re.compile(r"### `([\w.]+)`")
_ITEM = re.compile(r"- (`+) ?(.*?) ?\1 → (`+) ?(.*?) ?\3")


class Mutant(NamedTuple):
    """One small mistake in one function."""

    #: `module.function` or `module.Class.method`, below prober.slo.
    function: str
    #: The lines that differ, each run of blanks as one.
    was: str
    now: str

    @property
    def module(self) -> str:
        """The file it is in."""
        return self.function.partition(".")[0]

    @property
    def item(self) -> str:
        """As it stands in the list."""
        return f"- {_code(self.was)} → {_code(self.now)}"


class Entry(NamedTuple):
    """Survivors of one function that survive for one reason."""

    function: str
    reason: str
    mutants: tuple[Mutant, ...]


def entries(text: str) -> Iterator[Entry]:
    """What a list says: below each function's heading a reason, and the items that have it."""
    function, reason, mutants = "", "", []
    for line in [*text.splitlines(), "## end"]:
        heading, item = _HEADING.fullmatch(line), _ITEM.fullmatch(line)
        if item:
            mutants.append(Mutant(function, item[2], item[4]))
        elif line and mutants:
            yield Entry(function, reason.strip(), tuple(mutants))
            reason, mutants = "", []
        if line.startswith("#"):
            function, reason = heading[1] if heading else "", ""
        elif not item:
            reason += f"{line} "


def read(path: Path) -> set[Mutant]:
    """Every mutant that a file lists."""
    return {mutant for entry in entries(path.read_text()) for mutant in entry.mutants}


def _code(text: str) -> str:
    """Text as code in Markdown, whatever is in it."""
    if not text:
        return "` `"
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    blank = " " if len(fence) > 1 else ""
    return f"{fence}{blank}{text}{blank}{fence}"
