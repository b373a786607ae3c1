"""A script that Playwright's codegen wrote, without what opens and closes its browser."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from prober.errors import InputError, Problem
from prober.lint.source import Source

_AGAIN = "record it with --target python"
#: What gives a script its browser; in a run all of it is there.
_OPENING = frozenset({"launch", "launch_persistent_context", "new_context"})
_CLOSING = frozenset({"close", "storage_state", "route_from_har"})
#: Options of a browser context by what `@journey` calls them.
_LOOKS = {"locale": "locale", "timezone_id": "timezone"}
#: A run has these from its region.
_GIVEN = frozenset({"base_url"})


@dataclass(frozen=True, slots=True)
class Script:
    """What was recorded."""

    source: Source
    #: What the person did, one statement after the other.
    body: tuple[ast.stmt, ...]
    #: What the browser passed itself off as: options of `@journey`.
    looks: Mapping[str, str]
    #: Options of its browser context that no run has, by name.
    lost: tuple[str, ...]

    @property
    def nodes(self) -> Iterator[ast.AST]:
        """Everything in it, statement by statement."""
        for statement in self.body:
            yield from ast.walk(statement)

    @property
    def begins_at(self) -> str:
        """The first address that it goes to, or nothing."""
        for node in self.nodes:
            match node:
                case ast.Call(ast.Attribute(attr="goto"), [ast.Constant(str(text)), *_]):
                    return text
        return ""

    def problem(self, node: ast.AST, what: str, mend: str) -> InputError:
        """A mistake at a place of it."""
        return InputError([Problem(self.source.name, getattr(node, "lineno", 0), "", what, mend)])

    def rewritten(self, statement: ast.stmt, edits: Mapping[ast.expr, str]) -> list[str]:
        """The lines of a statement, without its margin, and with other text for some pieces.

        Args:
            statement: of the body.
            edits: by piece of the statement what takes its place; none is within another.
        """
        raw = self.source.text.encode()
        starts = [0]
        for line in raw.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))

        def span(node: ast.expr | ast.stmt) -> tuple[int, int]:
            assert node.end_lineno is not None
            assert node.end_col_offset is not None
            first = starts[node.lineno - 1] + node.col_offset
            return first, starts[node.end_lineno - 1] + node.end_col_offset

        at, end = span(statement)
        text = b""
        for first, last, other in sorted((*span(node), other) for node, other in edits.items()):
            text += raw[at:first] + other.encode()
            at = last
        first_line, *more = (text + raw[at:end]).decode().split("\n")
        return [first_line, *(line.removeprefix(" " * statement.col_offset) for line in more)]


def read(text: str, name: str) -> Script:
    """What a script holds.

    Args:
        text: of codegen's `python` or `python-pytest`, as it is or changed by hand.
        name: of its file, for messages.

    Raises:
        InputError: it is no such script.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    try:
        source = Source(Path(name), name, text)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 0
        raise InputError([Problem(name, line, "", "is not Python", _AGAIN)]) from None
    function = _function(source)
    looks, lost = _looks(source)
    script = Script(source, tuple(_body(function)), looks, lost)
    _refuse_page(script, function)
    _refuse_names(script)
    if not script.body:
        raise script.problem(function, "nothing was recorded", "use the site while it records")
    return script


def _function(source: Source) -> ast.FunctionDef:
    """The one in which something was recorded."""
    for node in source.nodes:
        asynchronous = isinstance(node, ast.ImportFrom) and node.module == "playwright.async_api"
        if asynchronous or isinstance(node, ast.AsyncFunctionDef):
            what = "the recording is async, and journeys are not"
            raise InputError([Problem(source.name, _line(node), "", what, _AGAIN)])
    found = [
        node for node in source.tree.body if isinstance(node, ast.FunctionDef) and _records(node)
    ]
    if not found:
        what = "there is no recording in it"
        raise InputError([Problem(source.name, 0, "", what, _AGAIN)])
    if len(found) > 1:
        what = f"there are {len(found)} recordings in it: {', '.join(each.name for each in found)}"
        mend = "leave one, and make a journey of each"
        raise InputError([Problem(source.name, found[1].lineno, "", what, mend)])
    return found[0]


def _line(node: ast.AST) -> int:
    return getattr(node, "lineno", 0)


def _records(function: ast.FunctionDef) -> bool:
    """Whether it is a test of a page, or opens one itself."""
    if function.name.startswith("test_"):
        return True
    return _first_page(function) is not None


def _body(function: ast.FunctionDef) -> Iterator[ast.stmt]:
    """What the person did; closing the window at the end is no part of it."""
    first = _first_page(function)
    kept = [
        each for each in function.body if not (each is first or _is_idle(each) or _is_frame(each))
    ]
    while kept and _called(kept[-1]) == ("close", "page"):
        kept.pop()
    yield from kept


def _first_page(function: ast.FunctionDef) -> ast.stmt | None:
    """The statement that opens it, where it is not given."""
    if function.name.startswith("test_"):
        return None
    return next((each for each in function.body if _called(each)[0] == "new_page"), None)


def _is_idle(statement: ast.stmt) -> bool:
    text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return text or isinstance(statement, ast.Pass)


def _is_frame(statement: ast.stmt) -> bool:
    """Whether a statement opens or closes the browser or its context."""
    verb, owner = _called(statement)
    return verb in _OPENING or (verb in _CLOSING and owner in ("context", "browser"))


def _called(statement: ast.stmt) -> tuple[str, str]:
    """The method that a statement calls last, and what it is called on."""
    value = statement.value if isinstance(statement, ast.Expr | ast.Assign) else None
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        return value.func.attr, ast.unparse(value.func.value)
    return "", ""


def _looks(source: Source) -> tuple[dict[str, str], tuple[str, ...]]:
    """What the browser passed itself off as, and the options that a run has not."""
    looks: dict[str, str] = {}
    lost: list[str] = []
    for name, value in _options(source):
        if not name:
            if isinstance(value, ast.Subscript) and (device := source.literal(value.slice)):
                looks["device"] = device
        elif name in _LOOKS and (text := source.literal(value)):
            looks[_LOOKS[name]] = text
        elif name == "viewport" and (size := _size(value)):
            looks["viewport"] = size
        elif name not in _GIVEN:
            lost.append(name)
    return looks, tuple(lost)


def _options(source: Source) -> Iterator[tuple[str, ast.expr]]:
    """The options of its browser context; without a name, those of a device."""
    for node in source.nodes:
        match node:
            case ast.Call(func=ast.Attribute(attr="new_context"), keywords=given):
                yield from ((each.arg or "", each.value) for each in given)
            case ast.FunctionDef(name="browser_context_args"):
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Return) and isinstance(inner.value, ast.Dict):
                        pairs = zip(inner.value.keys, inner.value.values, strict=True)
                        yield from ((source.literal(key) or "", each) for key, each in pairs)


def _size(value: ast.expr) -> str | None:
    try:
        size = ast.literal_eval(value)
        return f"{size['width']}x{size['height']}"
    except (ValueError, TypeError, KeyError):
        return None


def _refuse_page(script: Script, function: ast.FunctionDef) -> None:
    """A page of another name, and what pytest would give a test besides its page."""
    first = _first_page(function)
    if isinstance(first, ast.Assign) and ast.unparse(first.targets[0]) != "page":
        raise script.problem(first, "its first page has another name", "call it page")
    asked = function.args.args if first is None else []
    for argument in asked:
        if argument.arg not in ("page", "context"):
            what = f"it asks for {argument.arg}, which a run has not"
            mend = "make a journey that calls the test with it, see docs/authors.md"
            raise script.problem(argument, what, mend)


def _refuse_names(script: Script) -> None:
    """What stands in the script and not in the recording."""
    own = _own(script.source)
    for node in script.nodes:
        if not isinstance(node, ast.Name):
            continue
        if node.id in ("browser", "playwright"):
            what = f"it uses {node.id}, which a run has not"
            raise script.problem(node, what, "do without it")
        if node.id in own:
            what = f"it uses {node.id} of this file, which is not taken over"
            raise script.problem(node, what, "write what that does where it is used")


def _own(source: Source) -> set[str]:
    """Names that the file gives to functions, classes and values of its own."""
    found: set[str] = set()
    for node in source.tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {each.id for each in node.targets if isinstance(each, ast.Name)}
    return found
