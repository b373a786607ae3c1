"""Conversion: a recorded script in, the text of a journey out."""

from __future__ import annotations

import ast
import json
import sys
import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prober.errors import InputError, Problem
from prober.recording import locators
from prober.recording.action import Action, actions
from prober.recording.places import GOING, Places
from prober.recording.script import Script
from prober.recording.secrets import Secrets, find
from prober.recording.steps import Step, steps
from prober.source import SECRET_LENGTH

#: What formatters make of a line unless told otherwise.
_WIDTH = 88
_STEP = " " * 4
_INSIDE = " " * 8
_NOTHING_ASSERTED = (
    "# Nothing is asserted yet, and such a run never passes. Expect what the user came",
    '# for: expect(page.get_by_role("heading", name="…")).to_be_visible()',
)
_PLAYWRIGHT = "playwright.sync_api"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A journey that was made of a recording, and what there is to say about it."""

    #: Of its file.
    text: str
    #: The names of its steps.
    steps: tuple[str, ...]
    #: The names of the secrets that it reads.
    secrets: tuple[str, ...]
    #: Whether it asserts anything.
    asserts: bool
    #: What could not be taken over, in sentences.
    notes: tuple[str, ...]


def convert(
    script: Script,
    name: str,
    *,
    origins: Collection[str],
    known: Mapping[str, str | None],
    looks: Mapping[str, str],
) -> Recorded:
    """Make a journey of a script.

    Args:
        script: what was recorded.
        name: of the journey.
        origins: scheme and host of the site, as the region and the recording have them.
        known: secrets of the region by name, None where the value is not to be had.
        looks: what the browser passes itself off as: options of `@journey`.

    Raises:
        InputError: the journey would hold a secret.
    """
    done, places = actions(script), Places(origins)
    secrets = find(name, done, _texts(script), list(_addresses(script, places)), known)
    planned = steps(script.source, done, places.is_own, secrets.shows)
    asserts = any(action.asserts for action in done)
    lines = list(_body(script, planned, places, secrets))
    lines += [] if asserts else [f"{_INSIDE}{line}" for line in _NOTHING_ASSERTED]
    head = f"def {name}(page: Page) -> None:"
    before = [_docstring(planned), "", *_imports(script, "\n".join(lines)), ""]
    text = "\n".join([*before, *_decorator(secrets.names, looks), head, *lines, ""])
    _refuse_secrets(script, text, secrets)
    return Recorded(
        text, tuple(step.name for step in planned), secrets.names, asserts,
        (*_notes(script, secrets), *_attached(done)),
    )  # fmt: skip


# The body


def _body(
    script: Script, planned: Sequence[Step], places: Places, secrets: Secrets
) -> Iterator[str]:
    for index, step in enumerate(planned):
        if index:
            yield ""
        yield f"{_STEP}with step({_quoted(step.name)}):"
        for action in step.actions:
            for said in _doubts(action, places):
                yield from textwrap.wrap(
                    said, _WIDTH, initial_indent=f"{_INSIDE}# ", subsequent_indent=f"{_INSIDE}# "
                )
            edits = dict(_edits(script, action, places, secrets))
            for line in script.rewritten(action.statement, edits):
                yield f"{_INSIDE}{line}".rstrip()


def _doubts(action: Action, places: Places) -> Iterator[str]:
    yield from locators.doubts(action.statement)
    for node in ast.walk(action.statement):
        if isinstance(node, ast.Call) and (doubt := places.doubt(node)):
            yield doubt


def _edits(
    script: Script, action: Action, places: Places, secrets: Secrets
) -> Iterator[tuple[ast.expr, str]]:
    """What stands for pieces of a statement that cannot stay as they are."""
    going = _going(action.statement)
    for node in _pieces(action.statement):
        if isinstance(node, ast.Name) and node.id == "context":
            yield node, "page.context"
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        text = places.path(node.value) if node in going else node.value
        typed = action.typed is not None and node is action.typed.node
        code = (secrets.calls.get(text) if typed else None) or secrets.instead(text)
        if code or text != node.value or node.lineno != node.end_lineno:
            yield node, code or _quoted(text)


def _pieces(node: ast.AST) -> Iterator[ast.AST]:
    """All of a statement but the insides of f-strings, of which nothing can be replaced."""
    yield node
    if not isinstance(node, ast.JoinedStr):
        for child in ast.iter_child_nodes(node):
            yield from _pieces(child)


def _going(statement: ast.stmt) -> set[ast.AST]:
    """The addresses in a statement that are relative to base_url when they have no host."""
    return {
        node.args[0]
        for node in ast.walk(statement)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in GOING
        and node.args
    }


def _texts(script: Script) -> list[str]:
    return [
        node.value
        for node in script.nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def _addresses(script: Script, places: Places) -> Iterator[str]:
    for statement in script.body:
        for node in _going(statement):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield places.path(node.value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


# Around the body


def _docstring(planned: Sequence[Step]) -> str:
    """The steps as a sentence, as many of them as fit into a line."""
    said = ", ".join(step.name for step in planned)
    room = _WIDTH - len('"""Recorded: ."""')
    if len(said) > room:
        return f'"""Recorded: {said[: room - 1].rpartition(", ")[0]} …"""'
    return f'"""Recorded: {said}."""'


def _imports(script: Script, body: str) -> Iterator[str]:
    """What the journey needs, by groups: Python's own, those of others, Prober's."""
    tree = ast.parse(f"def body():\n{body}")
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    own: list[str] = []
    others: list[str] = []
    playwright = {"Page"}
    for node in script.source.tree.body:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        kept = [each for each in node.names if _bound(each) in used]
        if isinstance(node, ast.ImportFrom) and node.module == _PLAYWRIGHT:
            playwright |= {ast.unparse(each) for each in kept}
        elif kept:
            module = node.module or "" if isinstance(node, ast.ImportFrom) else kept[0].name
            place = own if module.partition(".")[0] in sys.stdlib_module_names else others
            place.append(_import(node, kept))
    others.append(f"from {_PLAYWRIGHT} import {', '.join(sorted(playwright))}")
    words = sorted({"journey", "step"} | ({"secret", "totp"} & used))
    for group in (own, others, [f"from prober import {', '.join(words)}"]):
        if group:
            yield from [*sorted(group), ""]


def _bound(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _import(node: ast.Import | ast.ImportFrom, names: list[ast.alias]) -> str:
    if isinstance(node, ast.Import):
        return ast.unparse(ast.Import(names))
    return ast.unparse(ast.ImportFrom(node.module, names, node.level))


def _decorator(secrets: Iterable[str], looks: Mapping[str, str]) -> list[str]:
    listed = ", ".join(map(_quoted, secrets))
    given = ['every="5m"', 'timeout="60s"']
    given += [f"secrets=[{listed}]"] if listed else []
    given += [f"{name}={_quoted(value)}" for name, value in looks.items()]
    line = f"@journey({', '.join(given)})"
    if len(line) <= _WIDTH:
        return [line]
    return ["@journey(", *(f"{_STEP}{each}," for each in given), ")"]


# What is left to say


def _refuse_secrets(script: Script, text: str, secrets: Secrets) -> None:
    """The last look at what is about to be written."""
    for node in ast.walk(ast.parse(text)):
        said = node.value if isinstance(node, ast.Constant) else None
        if isinstance(said, str) and said not in secrets.names and secrets.leaks(said):
            what = "a secret that is typed in it stands in a text that is put together, too"
            mend = "write that text in one piece"
            raise InputError([Problem(script.source.name, 0, "", what, mend)])


def _attached(done: Iterable[Action]) -> Iterator[str]:
    if any(action.done and action.done.verb == "set_input_files" for action in done):
        yield (
            "files that were attached are named without their directory: put them where runs "
            "find them, or name them from the journey's own"
        )


def _notes(script: Script, secrets: Secrets) -> Iterator[str]:
    for name in script.lost:
        if name == "storage_state":
            yield (
                "the recording began with cookies of its own (storage_state), and a run begins "
                "with none: record the sign-in, too"
            )
        else:
            yield f"{name} of the recording's browser is not taken over: a run has its region's"
    for call in dict.fromkeys(secrets.calls.values()):
        longest = max(len(value) for value, each in secrets.calls.items() if each == call)
        if call.startswith("secret(") and longest < SECRET_LENGTH:
            yield (
                f"what was typed for {call} is shorter than {SECRET_LENGTH} characters, and "
                "regions take no such secret: use a longer one"
            )
