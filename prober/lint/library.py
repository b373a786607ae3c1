"""The files of one directory of journeys, and the journeys that they declare."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from prober.errors import Severity
from prober.lint.event import SOME, Declared, Event, Kind
from prober.lint.finding import Finding, Rule
from prober.lint.play import Play
from prober.lint.source import Source
from prober.lint.value import Code, Const, Many, Mark, Scope, Value, text_of
from prober.units import duration_ms

#: As `prober.journey.journey` has them.
_DEFAULT_TIMEOUT = "60s"


class Library:
    """What was read of a directory, by path; a file is read once.

    Args:
        root: the directory, in which absolute imports are looked for.
        names: what messages call some files, by resolved path; others by the path they are found.
    """

    def __init__(self, root: Path, names: Mapping[Path, str]) -> None:
        self._root, self._names = root, names
        self._scopes: dict[Path, Scope | None] = {}
        self._marks: list[tuple[Mark, Code, Source]] = []
        self.unreadable: list[Finding] = []

    @property
    def sources(self) -> Iterator[Source]:
        """Every file that could be read, those that others import too."""
        return (scope.source for scope in self._scopes.values() if scope)

    def load(self, path: Path) -> Scope | None:
        """The names of a file; None when it cannot be read, which is then a finding."""
        key = path.resolve()
        if key not in self._scopes:
            self._scopes[key] = None
            try:
                source = Source(key, self._names.get(key, str(path)))
            except (OSError, SyntaxError, ValueError) as error:
                self.unreadable.append(_unreadable(self._names.get(key, str(path)), error))
                return None
            scope = self._scopes[key] = Scope(source)
            play = Play(self)
            play.body(source.tree.body, scope)
            self._marks += play.declared
        return self._scopes[key]

    def find(self, source: Source, module: str, level: int) -> Scope | None:
        """The names of a module beside the journeys; None when it is none of theirs."""
        base = self._root
        if level and level <= len(source.path.parents):
            base = source.path.parents[level - 1]
        place = base.joinpath(*module.split(".")) if module else base
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path.is_file():
                return self.load(path)
        return None

    def journeys(self) -> Iterator[Declared]:
        """Every journey that the files declare, played."""
        for mark, code, source in self._marks:
            play = Play(self)
            play.play(code)
            events = _within(mark, source, play.events)
            yield replace(_declared(mark, code, source), events=tuple(events))


def _unreadable(name: str, error: Exception) -> Finding:
    line, column, what, mend = 1, 1, f"cannot be read: {error}", "name a readable file of Python"
    if isinstance(error, SyntaxError):
        line, column = error.lineno or 1, error.offset or 1
        what, mend = f"is not Python: {error.msg}", "mend this line or the one above it"
    return Finding(name, line, column, Rule.SYNTAX, Severity.ERROR, what, mend)


def _within(mark: Mark, source: Source, events: Iterable[Event]) -> Iterator[Event]:
    """What happens, in the one step that `@journey(step=…)` makes of the whole."""
    name = mark.options.get("step", Const(None))
    if name == Const(None):
        yield from events
        return
    yield Event(Kind.STEP, source, mark.node, None, (), name=name)
    for event in events:
        yield replace(event, step=event.step or text_of(name) or SOME)


def _declared(mark: Mark, code: Code, source: Source) -> Declared:
    options = mark.options
    name = getattr(code.node, "name", "").removeprefix("test_")
    return Declared(
        name=text_of(options.get("name")) or name,
        source=source,
        mark=mark.node,
        code=code,
        timeout_ms=_span_ms(options.get("timeout", Const(_DEFAULT_TIMEOUT))),
        max_duration_ms=_span_ms(options.get("max_duration")),
        secrets=_texts(options.get("secrets")),
        accounts=_texts(options.get("accounts")),
    )


def _texts(listed: Value) -> tuple[str, ...]:
    return tuple(filter(None, map(text_of, listed.items))) if isinstance(listed, Many) else ()


def _span_ms(value: Value) -> int | None:
    try:
        return duration_ms(text_of(value))
    except ValueError:  # that is discovery's to tell
        return None
