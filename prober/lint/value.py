"""What an expression of a journey may stand for, as far as reading its file tells."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from prober.lint.source import Source


@dataclass(frozen=True, slots=True)
class Const:
    """A text, number or other constant; of `re.compile`, the pattern."""

    value: object


@dataclass(frozen=True, slots=True)
class Many:
    """A list, tuple or set that is written out."""

    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Few:
    """One of a few texts that are written out."""


@dataclass(frozen=True, slots=True)
class External:
    """Something of Python or of a library that is known, by its dotted name."""

    name: str


@dataclass(frozen=True, slots=True)
class Thing:
    """Something of Playwright's or httpx's.

    `page`, `context`, `hands` (keyboard and mouse), `popup`, `waiting` (an `expect_…` block),
    `expectation`, `api` (Playwright's HTTP client) or `http` (httpx's).
    """

    kind: str


@dataclass(frozen=True, slots=True)
class Target:
    """A locator: the role and the words it is found by, as far as they are written."""

    role: str = ""
    words: str = ""


#: Nothing that could be told.
NOTHING = Target()


@dataclass(frozen=True, slots=True)
class Method:
    """A method of one of the above."""

    of: Value
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """Names of a module or function, and those around it."""

    source: Source
    around: Scope | None = None
    names: dict[str, Value] = field(default_factory=dict)
    #: Modules of which all names were imported.
    stars: list[Scope] = field(default_factory=list)

    def get(self, name: str) -> Value:
        """What a name stands for; None when it cannot be told."""
        if name in self.names:
            return self.names[name]
        if self.around:
            return self.around.get(name)
        for other in self.stars:
            if name in other.names:
                return other.names[name]
        return External(f"builtins.{name}") if hasattr(builtins, name) else None


@dataclass(frozen=True, slots=True, eq=False)
class Module:
    """Another file of the journeys."""

    scope: Scope


@dataclass(frozen=True, slots=True, eq=False)
class Class:
    """A class of the journeys' own code."""

    node: ast.ClassDef
    scope: Scope


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """An object of such a class."""

    of: Class
    attributes: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Code:
    """A function of the journeys' own code, bound to its object where it is a method."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope
    of: Value = None


@dataclass(frozen=True, slots=True)
class Opaque:
    """Code of others: what it does with a page cannot be told."""


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """`journey(…)`, before it is given its function."""

    node: ast.Call
    options: dict[str, Value]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """`step(…)`, before it is entered."""

    node: ast.Call
    named: bool
    name: Value


Value = (
    Const | Many | Few | External | Thing | Target | Method | Module | Class | Instance | Code
    | Opaque | Mark | Step | None
)  # fmt: skip

#: Of Playwright's and httpx's types, by the last word of an annotation.
TYPES: dict[str, Callable[[], Value]] = {
    "Page": lambda: Thing("page"),
    "Frame": lambda: Thing("page"),
    "FrameLocator": lambda: Thing("page"),
    "BrowserContext": lambda: Thing("context"),
    "Locator": Target,
    "Client": lambda: Thing("http"),
    "APIRequestContext": lambda: Thing("api"),
}
_HAS_TEXT = re.compile(r"""(?:has-text|text|text-is)\(\s*['"](.+?)['"]""")
_TEXT = re.compile(r"""text=\s*['"]?(.+?)['"]?\s*$""")
_ROLE = re.compile(r"""role=(\w+)(?:\[name=['"](.+?)['"])?""")


def touches(value: Value) -> bool:
    """Whether whoever has it can act on the target."""
    if isinstance(value, Many):
        return any(map(touches, value.items))
    return isinstance(value, Thing | Target | Instance | Opaque)


def text_of(value: Value) -> str:
    """The text that a constant is, or nothing."""
    return value.value if isinstance(value, Const) and isinstance(value.value, str) else ""


def number_of(value: Value) -> float | None:
    """The number that a constant is."""
    if isinstance(value, Const) and type(value.value) in (int, float):
        return float(str(value.value))
    return None


def selected(selector: str) -> Target:
    """What a selector of CSS or of Playwright's finds, by its words."""
    if match := _ROLE.match(selector):
        return Target(match[1], match[2] or "")
    words = _HAS_TEXT.search(selector) or _TEXT.match(selector)
    tag = re.match(r"[a-z]+", selector)
    role = {"a": "link", "button": "button"}.get(tag[0] if tag else "", "")
    return Target(role, words[1] if words else "")
