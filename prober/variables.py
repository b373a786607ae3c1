"""`${VAR}` in texts: filled in from the environment, and kept out of messages.

A variable that is not set may come from a file, which `<VAR>_FILE` names: so secrets that
are mounted as files never stand in a process's environment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prober.errors import ProberError

#: Where in a document: keys and list indices from the root.
Place = tuple[str | int, ...]
_READABLE = "name a text file that this user may read"
#: Around the name of a variable.
_UNSET = ("environment variable ", " is not set")
_VARIABLE = re.compile(r"\$(?:(\$)|\{([A-Za-z_]\w*)(?::-([^}]*))?\}|(\{))", re.ASCII)


def given(name: str, environ: Mapping[str, str]) -> str | None:
    """A variable's value, or what the file that `<name>_FILE` names holds; None without either.

    Raises:
        ProberError: that file cannot be read.
    """
    file = environ.get(f"{name}_FILE")
    if name in environ or not file:
        return environ.get(name)
    try:
        return _content(file)
    except (OSError, UnicodeDecodeError) as error:
        raise ProberError(f"{_unreadable(name, error)}: {_READABLE}") from None


def is_unset(what: str) -> bool:
    """Whether a mistake is only that a variable is not set here."""
    return what.startswith(_UNSET[0]) and what.endswith(_UNSET[1])


class Variables:
    """Fills variables into strings, and keeps what they held out of messages."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.mistakes: list[tuple[Place, str, str]] = []
        #: By place: the text as written, and what must not be shown.
        self.hidden: dict[Place, tuple[str, set[str]]] = {}

    def expand(self, value: Any, place: Place = ()) -> Any:
        """A copy with every variable in its strings filled in."""
        if isinstance(value, dict):
            return {key: self.expand(item, (*place, key)) for key, item in value.items()}
        if isinstance(value, tuple):
            return tuple(self.expand(item, (*place, i)) for i, item in enumerate(value))
        return self._text(value, place) if isinstance(value, str) else value

    def _text(self, text: str, place: Place) -> str:
        values: set[str] = set()

        def fill(match: re.Match[str]) -> str:
            dollar, name, default, _ = match.groups()
            if dollar:
                return "$"
            if not name:
                self.mistakes.append((place, "has a `${` without name and `}`", "write ${NAME}"))
            elif (value := self._value(name, default, place)) is not None:
                values.add(value)
                return value
            return match[0]

        filled = _VARIABLE.sub(fill, text)
        if values:
            self.hidden[place] = (text, (values | {filled}) - {""})
        return filled

    def _value(self, name: str, default: str | None, place: Place) -> str | None:
        """A variable's value, from the file that `<NAME>_FILE` names when it is not set itself."""
        file = self.environ.get(f"{name}_FILE")
        if name not in self.environ and file:
            return self._read(file, name, place)
        if default is None and name not in self.environ:
            what = f"{_UNSET[0]}{name}{_UNSET[1]}"
            mend = f"set it or {name}_FILE, or write ${{{name}:-default}}"
            self.mistakes.append((place, what, mend))
            return None
        return self.environ.get(name) or default or ""

    def _read(self, file: str, name: str, place: Place) -> str | None:
        try:
            return _content(file)
        except (OSError, UnicodeDecodeError) as error:
            self.mistakes.append((place, _unreadable(name, error), _READABLE))
            return None

    def hide(self, place: Place, what: str, mend: str) -> tuple[str, str]:
        """A message in which variables stand for what they held, at or below its place."""
        for at, (text, values) in self.hidden.items():
            if at[: len(place)] == place:
                for value in sorted(values, key=len, reverse=True):
                    what = what.replace(repr(value), repr(text))
                if any(value in f"{what}\n{mend}".replace(text, "") for value in values):
                    what = f"what {text} stands for cannot be used here"
                    return what, "write what this key takes"
        return what, mend


def without_line_end(text: str) -> str:
    """A file's text without the one line end that editors and `echo` put after it."""
    return text[:-1].removesuffix("\r") if text.endswith("\n") else text


def _content(file: str) -> str:
    return without_line_end(Path(file).read_bytes().decode())


def _unreadable(name: str, error: Exception) -> str:
    return f"the file that {name}_FILE names cannot be read ({type(error).__name__})"
