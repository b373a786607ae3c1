"""Actions: what each statement of a recording does, read by the linter's own eyes."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prober.lint import secrecy
from prober.lint.event import Event, Kind
from prober.lint.play import Play
from prober.lint.source import Source
from prober.lint.value import Scope, Thing, Value
from prober.recording.script import Script

_NAVIGATING = frozenset({"goto", "reload", "go_back", "go_forward"})
_CLICKING = frozenset({"click", "dblclick", "tap"})
#: A click on one of these begins an entry, or is one: it leads nowhere.
_FIELDS = frozenset(
    {
        "checkbox", "combobox", "heading", "label", "listbox", "option", "placeholder", "radio",
        "searchbox", "slider", "spinbutton", "switch", "textbox",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Typed:
    """A text that is typed into a field."""

    text: str
    #: What the field is found by, as code and as the words in it.
    field: str
    words: str
    #: Where the text stands.
    node: ast.expr | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """A statement, and what happens in it."""

    statement: ast.stmt
    events: tuple[Event, ...]
    #: What is typed, where the statement has it as text.
    typed: Typed | None
    #: Whether it may lead the user to another page, or to another state of this one.
    leads: bool

    @property
    def done(self) -> Event | None:
        """The last thing that the browser does in it."""
        return next((each for each in reversed(self.events) if each.kind is Kind.ACTION), None)

    @property
    def navigates(self) -> bool:
        """Whether it goes to an address by itself."""
        return self.done is not None and self.done.verb in _NAVIGATING

    @property
    def asserts(self) -> bool:
        """Whether something is expected in it."""
        return any(each.kind is Kind.ASSERTION for each in self.events)

    @property
    def follows(self) -> bool:
        """Whether it only looks at what the one before led to, or puts that away."""
        if self.events:
            return self.done is None
        value = getattr(self.statement, "value", None)
        closes = isinstance(value, ast.Call) and ast.unparse(value.func).endswith(".close")
        return closes or (isinstance(value, ast.Attribute) and value.attr == "value")


def actions(script: Script) -> list[Action]:
    """What a script does, statement by statement."""
    play, scope = Play(_Nothing()), Scope(script.source)
    known = ast.Import | ast.ImportFrom
    play.body([node for node in script.source.tree.body if isinstance(node, known)], scope)
    things: dict[str, Value] = {"page": Thing("page"), "context": Thing("context")}
    inner = Scope(script.source, scope, things)
    filled = set(_filled(script))
    found = []
    for statement in script.body:
        before = len(play.events)
        play.body([statement], inner)
        events = tuple(play.events[before:])
        typed = next(filter(None, (_typed(script.source, each) for each in events)), None)
        leads = any(_leads(script.source, each, filled) for each in events)
        found.append(Action(statement, events, typed, leads))
    return found


class _Nothing:
    """A script has no modules beside it."""

    def find(self, source: Source, module: str, level: int) -> Scope | None:
        """Where an import leads: nowhere that could be read."""
        return None


def owner(node: ast.AST) -> str:
    """What a method is called on, as code: a locator, or a page and a selector."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return ""
    on = node.func.value
    selector = node.args[:1] if isinstance(on, ast.Name) else []  # of a page, not of a locator
    return ", ".join(map(ast.unparse, [on, *selector]))


def _filled(script: Script) -> Iterator[str]:
    """The locators of fields that something is typed into or chosen from."""
    verbs = {*secrecy.TYPED, "press", "select_option", "set_input_files", "clear"}
    for node in script.nodes:
        match node:
            case ast.Call(ast.Attribute(attr=verb)) if verb in verbs:
                yield owner(node)


def _typed(source: Source, event: Event) -> Typed | None:
    node = event.node
    if event.kind is not Kind.ACTION or event.verb not in secrecy.TYPED:
        return None
    if not isinstance(node, ast.Call) or not node.args:
        return None
    text = source.literal(node.args[-1])
    return Typed(text, owner(node), secrecy.described(node), node.args[-1]) if text else None


def _leads(source: Source, event: Event, filled: set[str]) -> bool:
    if event.kind is not Kind.ACTION:
        return False
    if event.verb == "press":
        return "Enter" in _keys(source, event.node)
    if event.verb in _CLICKING:
        return event.target.role not in _FIELDS and owner(event.node) not in filled
    return event.verb in _NAVIGATING


def _keys(source: Source, node: ast.AST) -> Sequence[str]:
    given = node.args if isinstance(node, ast.Call) else []
    return (source.literal(given[-1]) or "").split("+") if given else ()
