"""A YAML file with places: every mistake is reported at its line, and all of them at once.

YAML 1.2, stricter than usual: a repeated key, a key without value, an alias or a tag is a
mistake. Strings may hold `${VAR}` and `${VAR:-default}`; `$$` is a literal `$`. What a
variable held is never shown: it may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.json_schema import WithJsonSchema
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from prober.errors import InputError, Problem
from prober.units import duration_ms
from prober.variables import Place, Variables

Model = TypeVar("Model", bound=BaseModel)
Item = TypeVar("Item")

_TAG = re.compile(r"tag:yaml\.org,2002:(null|str|int|float|bool|timestamp|map|seq)")


class Strict(BaseModel):
    """The shape of a mapping in a document: no other keys, no conversions, never changed.

    Validators raise ValueError("what, mend") and quote the whole value with `!r` or not at
    all, so that `Document.validate` can hide it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("the text is blank, write some or remove the key")
    return text


def matching(pattern: str, noun: str, mend: str) -> AfterValidator:
    """A validator for text of one form, such as a name."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{text!r} is not {noun}, {mend}")
        return text

    return AfterValidator(check)


def distinct(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """A validator for a list of names, or of mappings that have one."""
    names = [getattr(item, "name", item) for item in items]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"{twice[0]} is there twice, remove or rename one")
    return items


def _zone(text: str) -> str:
    try:
        return ZoneInfo(text).key
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{text!r} is not a time zone, write one such as Europe/Berlin") from None


#: Milliseconds, written `15s`.
Duration = Annotated[
    int,
    BeforeValidator(duration_ms),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d|w)$"}),
]
#: An IANA name.
TimeZone = Annotated[str, AfterValidator(_zone)]
#: Text that says something.
Text = Annotated[str, AfterValidator(_not_blank)]


@dataclass(frozen=True, slots=True)
class Document:
    """Plain values (mappings as dict, lists as tuple) and the line each was written on."""

    #: As messages should name it.
    file: str
    data: Any = field(repr=False)
    lines: Mapping[Place, int] = field(default_factory=dict, repr=False)

    def problem(self, place: Place, what: str, mend: str) -> Problem:
        """A mistake at a place, or at what encloses it when nothing is written there."""
        near = place
        while near and near not in self.lines:
            near = near[:-1]
        return Problem(self.file, self.lines.get(near, 0), dotted(place), what, mend)

    def validate(self, model: type[Model], environ: Mapping[str, str] | None = None) -> Model:
        """The document as a model.

        Args:
            model: what to make of it, a `Strict`.
            environ: variables for `${…}`; without it a `$` is only a `$`.

        Raises:
            InputError: with every problem of the document.
        """
        strings = Variables({} if environ is None else environ)
        data = self.data if environ is None else strings.expand(self.data)
        problems = [self.problem(*mistake) for mistake in strings.mistakes]
        unusable = {place for place, *_ in strings.mistakes}
        try:
            result = model.model_validate(data)
        except ValidationError as error:
            for place, what, mend in _mistakes(model, error):
                if place not in unusable:
                    problems.append(self.problem(place, *strings.hide(place, what, mend)))
        else:
            if not problems:
                return result
        raise InputError(problems)


def read(path: Path) -> Document:
    """The document in a file, which messages call by its path.

    Raises:
        InputError: it cannot be read, or is not YAML.
    """
    return parse(read_text(path), str(path))


def read_text(path: Path) -> str:
    """What stands in a file.

    Raises:
        InputError: it cannot be read, or is not text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        problem = Problem(str(path), 0, "", f"cannot be read: {why}", "name a readable text file")
        raise InputError([problem]) from error


def parse(text: str, file: str) -> Document:
    """The document in a text, which messages call `file`.

    Raises:
        InputError: with every problem found, at least one.
    """
    with _syntax_told(file):
        return _document(_yaml().compose(text), file)


def parse_all(text: str, file: str) -> tuple[Document, ...]:
    """The documents in a text in which `---` stands between them.

    Raises:
        InputError: with every problem found, at least one.
    """
    documents: list[Document] = []
    problems: list[Problem] = []
    with _syntax_told(file):
        for root in _yaml().compose_all(text):
            try:
                documents.append(_document(root, file))
            except InputError as error:
                problems += error.problems
    if problems:
        raise InputError(problems)
    return tuple(documents)


def dotted(place: Place) -> str:
    """A place for people.

    >>> dotted(("spec", "objectives", 0, "target"))
    'spec.objectives[0].target'
    """
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".")


def did_you_mean(name: str, known: Mapping[str, object] | list[str]) -> str:
    """A mend for a name that is not known: the nearest that is, or all of them."""
    if near := get_close_matches(name, known, n=1, cutoff=0.6):
        return f"did you mean {near[0]}?"
    several = "one of " if len(known) > 1 else ""
    return f"write {several}{', '.join(sorted(known))}" if known else "remove it"


def split_message(message: str) -> tuple[str, str]:
    """What and mend of a ValueError that says both: `what, mend`."""
    for start in (", write ", ", "):
        what, comma, mend = message.rpartition(start)
        if comma:
            return what, (comma + mend).removeprefix(", ")
    return message, "write something else"


#: By a part of the reader's own words: what, and the mend.
_SYNTAX = {
    "'\\t'": ("is indented with a tab", "indent with spaces"),
    "quoted scalar": ("has a quote that is not closed", "close it"),
    "mapping values": ("has a `: ` too many", "put the value in quotes or mend the indentation"),
    "got '{'": ("has a `{` too many", "put values with `${…}` in quotes"),
    "another document": ("is a second document", "keep one document a file"),
    "undefined alias": ("is an alias", "write the value out"),
}


def _yaml() -> YAML:
    return YAML(typ="safe", pure=True)


def _document(root: Node | None, file: str) -> Document:
    reader = _Reader()
    data = reader.value(root, ()) if root else None
    document = Document(file, data, reader.lines)
    if not isinstance(data, dict):
        reader.mistakes.append(((), "is not a mapping", "write `key: value` lines"))
    if reader.mistakes:
        raise InputError(document.problem(*mistake) for mistake in reader.mistakes)
    return document


@contextmanager
def _syntax_told(file: str) -> Iterator[None]:
    try:
        yield
    except MarkedYAMLError as error:
        raise InputError([_syntax(file, error)]) from error
    except (YAMLError, RecursionError) as error:
        what = "is not YAML: it holds control characters or is nested too deep"
        raise InputError([Problem(file, 0, "", what, "write it as plain text")]) from error


def _syntax(file: str, error: MarkedYAMLError) -> Problem:
    words = f"{error.context} {error.problem}"
    unknown = (f"is not YAML: {error.problem}", "mend this line or the one above it")
    what, mend = next((said for part, said in _SYNTAX.items() if part in words), unknown)
    mark = error.context_mark if "quoted scalar" in words else error.problem_mark
    return Problem(file, mark.line + 1 if mark else 0, "", what, mend)


class _Reader:
    """Makes plain values of YAML nodes, noting lines and mistakes on the way."""

    def __init__(self) -> None:
        self._constructor = _yaml().constructor
        self.lines: dict[Place, int] = {}
        self.mistakes: list[tuple[Place, str, str]] = []
        self._seen: set[int] = set()

    def value(self, node: Node, place: Place) -> Any:
        """The plain value of a node; its line is noted unless its key's was."""
        if place:
            self.lines.setdefault(place, node.start_mark.line + 1)
        if id(node) in self._seen:  # the only way to meet a node twice, or for ever
            return self._mistake(place, "is an alias", "write the value out")
        self._seen.add(id(node))
        if not (tag := _TAG.fullmatch(str(node.tag))):
            return self._mistake(place, f"has the tag {node.tag}", "remove it")
        if tag[1] == "null":
            return self._mistake(place, "has no value", "write one or remove the key")
        if isinstance(node, MappingNode):
            return self._mapping(node, place)
        if isinstance(node, SequenceNode):
            items = enumerate(node.value)
            return tuple(self.value(item, (*place, index)) for index, item in items)
        return self._scalar(node, place)

    def _mapping(self, node: MappingNode, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, ScalarNode) else "?"
            at = (*place, name)
            before = self.lines.get(at)
            self.lines[at] = key.start_mark.line + 1
            if not key.tag.endswith(":str"):
                self._mistake(at, "is not a name", f'write it in quotes: "{name}"')
            elif before:
                self._mistake(at, f"is also on line {before}", "keep one of the two")
            else:
                found[name] = self.value(value, at)
        return found

    def _scalar(self, node: Node, place: Place) -> Any:
        try:
            return self._constructor.construct_object(node)
        except ValueError:
            what = f"{node.value!r} is no such date or number"
            return self._mistake(place, what, "mend it or write it in quotes")

    def _mistake(self, place: Place, what: str, mend: str) -> None:
        self.mistakes.append((place, what, mend))


def _mistakes(model: type[BaseModel], error: ValidationError) -> Iterator[tuple[Place, str, str]]:
    """Pydantic's errors as places, whats and mends in our words."""
    errors = error.errors(include_url=False)
    renamed: set[Place] = set()
    for item in errors:
        if item["type"] == "extra_forbidden":
            place = (*_place(item["loc"][:-1]), item["loc"][-1])  # whatever the key looks like
            mend = did_you_mean(str(place[-1]), sorted(_fields(model, place[:-1])))
            renamed.add((*place[:-1], mend.removeprefix("did you mean ").removesuffix("?")))
            yield place, "is not a key here", mend
    for item in errors:
        place = _place(item["loc"])
        if item["type"] == "missing" and place not in renamed:
            example = _fields(model, place[:-1]).get(str(place[-1]), "…")
            yield place, "is missing", f"write {place[-1]}: {_flow(example)}"
        # a list is also too short when its items are wrong, which is said of each
        elif item["type"] not in ("missing", "extra_forbidden", item["input"] and "too_short"):
            yield place, *_words(item["type"], item["input"], item.get("ctx", {}))


def _place(loc: tuple[int | str, ...]) -> Place:
    """Without the tags of unions, which are written `<so>`, and pydantic's mark of a key."""
    return tuple(part for part in loc if not str(part).startswith(("<", "[key]")))


def _fields(model: type[BaseModel], place: Place) -> dict[str, object]:
    """The keys that may stand in the mapping at a place, each with an example value."""
    models = [model]
    for part in place:
        fields = [
            f for m in models for name, f in m.model_fields.items() if (f.alias or name) == part
        ]
        if fields:  # else the part is an index, or a name the author chose
            models = [inner for f in fields for inner in _models(f.annotation)]
    return {
        info.alias or name: (info.examples or ["…"])[0]
        for inner in models
        for name, info in inner.model_fields.items()
    }


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


#: By pydantic's error type: what should have been there, and the mend.
_EXPECTED = {
    "int_type": ("a whole number", "write one such as 2"),
    "bool_type": ("true or false", "write one of the two"),
    "date_type": ("a date", "write year-month-day: 2026-07-01"),
    "dict_type": ("a mapping", "write `key: value` lines under it"),
    "mapping_type": ("a mapping", "write `key: value` lines under it"),
    "model_type": ("a mapping", "write `key: value` lines under it"),
    "path_type": ("a path", "write one"),
    "path_not_file": ("a file that is there", "write the path of one"),
    "tuple_type": ("a list", "write `- item` lines or [item, item]"),
}


def _words(kind: str, value: object, context: Mapping[str, Any]) -> tuple[str, str]:
    if kind == "value_error":
        return split_message(str(context["error"]))
    if kind == "string_type":  # the value may be a secret
        return "is not text", "write it in quotes"
    if kind == "literal_error":
        return f"{_said(value)} is not known", f"write {context['expected'].replace(chr(39), '')}"
    if kind == "greater_than":
        return f"{_said(value)} is too small", f"write a number above {context['gt']}"
    if kind == "too_short":
        return "is an empty list", "write at least one item"
    expected, mend = _EXPECTED.get(kind, ("possible here", "write something else"))
    return f"{_said(value)} is not {expected}", mend


def _flow(value: object) -> str:
    """An example as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    return f'"{value}"' if "%" in str(value) else str(value)


def _said(value: object) -> str:
    special = {dict: "a mapping", tuple: "a list", bool: str(value).lower()}
    return special.get(type(value), repr(value))
