"""Locators that a user would not find the same thing by, in the words of the linter."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from prober.lint.finding import Rule
from prober.lint.habits import COUNTS, MEND_PLACE, SELECTING, brittle

_MARKUP = "a selector follows the markup of the page, which no user sees"
#: These are not found by their markup, or there is only one of them.
_FINE = re.compile(r"(?:text|role|id|data-[\w-]+|internal:[\w-]+)=|(?:html|body)$")
_FRAMES = frozenset({"content_frame", "frame_locator"})


def doubts(statement: ast.stmt) -> list[str]:
    """What there is to say about the locators of a statement, each once."""
    said = [f"{Rule.CSS_PATH}: {why}, {MEND_PLACE}" for why in _reasons(statement)]
    return list(dict.fromkeys(said))


def _reasons(statement: ast.stmt) -> Iterator[str]:
    frames = set(_frames(statement))
    for node in ast.walk(statement):
        match node:
            case ast.Attribute(ast.Call(), "nth" | "first" | "last"):
                yield COUNTS
            case ast.Call(ast.Attribute(attr=verb), [ast.Constant(str(selector)), *_]):
                if verb in SELECTING and (why := _why(selector, node in frames)):
                    yield why


def _why(selector: str, frame: bool) -> str | None:
    """What is wrong with a selector; a frame has no better name than that of its markup."""
    if frame or _FINE.match(selector):
        return brittle(selector)
    return brittle(selector) or _MARKUP


def _frames(statement: ast.stmt) -> Iterator[ast.AST]:
    """Calls that find a frame."""
    for node in ast.walk(statement):
        match node:
            case ast.Attribute(inner, name) if name in _FRAMES:
                yield inner
            case ast.Call(ast.Attribute(attr=name)) if name in _FRAMES:
                yield node
