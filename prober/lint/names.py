"""What a journey may call its steps and assertions: every name that its code could say.

A contract that speaks of another is wrong for certain. So code is only believed where it says all:
each name is written where the word is, and all that is imported is at hand or known to be harmless.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prober.journey import Journey
from prober.lint.act import is_known
from prober.lint.library import Library
from prober.lint.source import Source

#: With these, code has modules and functions by names that are not written as such.
_HIDDEN = frozenset(
    {
        "__builtins__",
        "__dict__",
        "__getattribute__",
        "__globals__",
        "__import__",
        "attrgetter",
        "eval",
        "exec",
        "getattr",
        "getmembers",
        "globals",
        "importlib",
        "locals",
        "methodcaller",
        "modules",
        "pkgutil",
        "runpy",
        "vars",
    }
)
_MARKS = ("prober.journey", "prober.journey.journey")
#: A piece of a file.
_Piece = tuple[Source, ast.AST]


@dataclass(frozen=True, slots=True)
class Names:
    """Of one journey; None: some cannot be told."""

    steps: frozenset[str] | None
    assertions: frozenset[str] | None


def names(journey: Journey, library: Library) -> Names:
    """The names that a journey's file, and all that it imports, could say.

    They may be too many: who calls what is not asked, but for journeys that nobody calls.
    """
    sources = _reached(library, Path(journey.file))
    used = {word for source in sources for node in source.nodes for word in _words(node)}
    if not sources or used & _HIDDEN:
        return Names(None, None)
    pieces = list(_pieces(journey, sources, used))
    steps = _said("step", pieces)
    if steps is not None and journey.step:
        steps |= {journey.step}
    return Names(steps, _said("assertion", pieces))


def _reached(library: Library, file: Path) -> set[Source]:
    """A file and all that it leads to; nothing when some of that cannot be read."""
    first = library.load(file)
    found: set[Source] = set()
    waiting = [first.source] if first else []
    while waiting:
        source = waiting.pop()
        if source in found:
            continue
        found.add(source)
        for node in source.nodes:
            if isinstance(node, ast.Import | ast.ImportFrom):
                modules = _imported(library, source, node)
                if modules is None:
                    return set()
                waiting += modules
    return found


def _imported(
    library: Library, source: Source, node: ast.Import | ast.ImportFrom
) -> list[Source] | None:
    """The files beside the journeys that an import reads; None: it reads code of others, too."""
    parts = [each.name for each in node.names]
    level, asked = 0, {part: list[str]() for part in parts}
    if isinstance(node, ast.ImportFrom):
        level, asked = node.level, {node.module or "": parts}
    found: list[Source] = []
    for module, inner in asked.items():
        around = [library.find(source, each, level) for each in _from_outside(module)]
        within = [library.find(source, f"{module}.{part}".strip("."), level) for part in inner]
        harmless = not level and is_known(module)
        if not (around[-1] or harmless or (within and all(within))):
            return None
        if "*" in inner and around[-1] and around[-1].source.path.name == "__init__.py":
            return None  # it may list modules
        found += [scope.source for scope in (*around, *within) if scope]
    return found


def _from_outside(module: str) -> Iterator[str]:
    """The packages that a module is in, and the module."""
    words = module.split(".")
    return (".".join(words[:number]) for number in range(1, len(words) + 1))


def _words(node: ast.AST) -> list[str]:
    """The names that a piece of code uses, itself and not by its parts."""
    match node:
        case ast.Name(word) | ast.Attribute(attr=word):
            return [word]
        case ast.alias(dotted) | ast.ImportFrom(module=str(dotted)):
            return dotted.split(".")
    return []


def _pieces(journey: Journey, sources: Iterable[Source], used: Iterable[str]) -> Iterator[_Piece]:
    """All code but that of other journeys of which nobody speaks."""
    for source in sources:
        apart = {
            piece
            for node in source.nodes
            if isinstance(node, ast.FunctionDef) and node.name not in used
            if _declares_another(journey, node, source)
            for piece in ast.walk(node)
        }
        yield from ((source, node) for node in source.nodes if node not in apart)


def _declares_another(journey: Journey, node: ast.FunctionDef, source: Source) -> bool:
    """Whether a function is a journey, and no more than that, and not this one."""
    match node.decorator_list:
        case [ast.Call(func=func, lineno=line)]:
            own = (str(source.path), line) == (journey.file, journey.line)
            return source.dotted(func) in _MARKS and not own
    return False


def _said(word: str, pieces: Iterable[_Piece]) -> frozenset[str] | None:
    """The texts that a word of Prober is given; None: it is also given, or handed on, otherwise."""
    found = set()
    for source, node in pieces:
        if isinstance(node, ast.alias):
            if word in _words(node) and node.asname not in (None, word):
                return None
        elif isinstance(getattr(node, "ctx", None), ast.Load) and word in _words(node):
            text = _given(node, source.parents.get(node))
            if text is None:
                return None
            found.add(text)
    return frozenset(found)


def _given(word: ast.AST, call: ast.AST | None) -> str | None:
    """The name that a word is called with, where that is written out."""
    if not isinstance(call, ast.Call) or call.func is not word:
        return None
    match [*call.args[:1], *(each.value for each in call.keywords if each.arg == "name")]:
        case [ast.Constant(value=str(text))]:
            return text
    return None
