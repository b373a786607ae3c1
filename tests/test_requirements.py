"""docs/requirements.md names only what there is: commands, fields, metrics, pages and tests."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from prober.cli import app
from prober.conventions import METRICS
from prober.evaluator import web
from prober.evaluator.desk.api import Api
from prober.evaluator.pages.served import Served
from prober.journey import journey
from tests.conftest import ROOT
from tests.test_docs import code, page, rows, section

REQUIREMENTS = "## What is asked for"
COMPLAINTS = "## What users of others complain of"
HERE = Path("tests/complaints")


def table(heading: str, columns: int) -> list[list[str]]:
    """The numbered rows below a heading."""
    found = [row for row in rows(section(page("requirements.md"), heading)) if row[0].isdigit()]
    assert {len(row) for row in found} == {columns}
    return found


def numbered(heading: str, columns: int) -> list[Any]:
    return [pytest.param(*row[1:], id=row[0]) for row in table(heading, columns)]


requirements = pytest.mark.parametrize(("asked", "by", "shown"), numbered(REQUIREMENTS, 4))
complaints = pytest.mark.parametrize(("said", "where", "shown"), numbered(COMPLAINTS, 4))


@cache
def docstrings(path: Path) -> dict[str, str]:
    """By name, the docstring of each test in a file; a state machine's test has none."""
    if not (ROOT / path).is_file():
        return {}
    tree = ast.parse((ROOT / path).read_text())
    tests = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    found = {test.name: ast.get_docstring(test) or "" for test in tests if test.name[:5] == "test_"}
    machines = (ast.unparse(node) for node in tree.body if isinstance(node, ast.Assign))
    made = (re.fullmatch(r"(Test\w+) = \w+\.TestCase", machine) for machine in machines)
    return found | {each[1]: "" for each in made if each}


def docstring(test: str) -> str | None:
    """That of a test by its name in pytest, one case of it included; None: there is none."""
    path, _, name = test.partition("::")
    return docstrings(Path(path)).get(name.partition("[")[0])


def is_command(text: str) -> bool:
    """Whether `prober verb --option` can be said; a verb of several is none without the second."""
    _, *words = text.split()
    command: Any = typer.main.get_command(app)
    first = words[0]
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    options = {name for param in command.params for name in param.opts}
    module: Any = importlib.import_module(f"prober.cli.{first}")
    if hasattr(module, "parser"):
        options |= set(re.findall(r"--[a-z-]+", module.parser().format_help()))
    return not hasattr(command, "commands") and set(words) <= options


def is_field(text: str) -> bool:
    """Whether a contract may have a key: a dotted path, `[]` after the name of a list."""
    schema = json.loads((ROOT / "docs" / "slo.schema.json").read_text())
    here = [schema]
    for name in text.replace("[]", ".[]").split("."):
        here = [deeper for each in here for deeper in _within(schema, each, name)]
    return bool(here)


def _within(schema: Any, node: Any, name: str) -> list[Any]:
    """What a node of the schema has under a name."""
    if "$ref" in node:
        return _within(schema, schema["$defs"][node["$ref"].rpartition("/")[2]], name)
    either = [found for each in node.get("oneOf", ()) for found in _within(schema, each, name)]
    inner = node.get("items") if name == "[]" else node.get("properties", {}).get(name)
    return either + ([inner] if inner else [])


def is_route(text: str) -> bool:
    nothing: Any = None
    pages = Served(nothing, nothing, nothing, nothing, nothing)
    served = web.app(nothing, nothing, [*pages.routes(), *Api(nothing).routes()]).routes
    return text.replace("<", "{").replace(">", "}") in {
        getattr(each, "path", "") for each in served
    }


def is_code(text: str) -> bool:
    """Whether `prober check` finds something of that name."""
    found = rows(section(page("slo.md"), "### What `prober check` finds"))
    return text in {code(row[0])[0] for row in found}


#: What the name of a thing looks like, and whether there is such a thing.
KINDS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    (r"prober [a-z].*", is_command),
    (r"prober\.[a-z_.]+", lambda text: text in {metric.name for metric in METRICS}),
    (r"(spec|metadata)\..+", is_field),
    (r"@journey\(\w+\)", lambda text: text[9:-1] in inspect.signature(journey).parameters),
    (r"/.*", is_route),
    (r"[a-z]+/.+", lambda text: (ROOT / text).exists()),
    (r"[a-z_]+", is_code),
)


def exists(name: str) -> bool:
    """Whether something that is named fulfils anything: a name of no kind does not."""
    kinds = (there for pattern, there in KINDS if re.fullmatch(pattern, name))
    return next((there(name) for there in kinds), False)


def test_every_requirement_has_one_row() -> None:
    assert [int(row[0]) for row in table(REQUIREMENTS, 4)] == list(range(1, 85))


@requirements
def test_what_fulfils_a_requirement_exists(asked: str, by: str, shown: str) -> None:
    assert asked
    assert [name for name in code(by) if not exists(name)] == []


@requirements
def test_what_shows_it_is_a_test(asked: str, by: str, shown: str) -> None:
    assert [test for test in code(shown) if docstring(test) is None] == []


@requirements
def test_nothing_is_left_for_later(asked: str, by: str, shown: str) -> None:
    assert code(by)
    assert code(shown)
    assert "to come" not in by


@pytest.mark.parametrize(
    "name",
    [
        "prober gate --force",
        "prober slo",
        "prober budget explian",
        "prober.slo.complience",
        "spec.objectives.sli",
        "spec.windows[].length",
        "@journey(often)",
        "/badge",
        "journeys/logout.py",
        "policy_mising",
        "the gate",
    ],
)
def test_what_does_not_exist_fulfils_nothing(name: str) -> None:
    assert not exists(name)


def test_a_test_that_does_not_exist_shows_nothing() -> None:
    assert docstring("tests/test_requirements.py::test_of_nothing") is None
    assert docstring("tests/test_nothing.py::test_of_nothing") is None
    assert docstring("tests/test_requirements.py::exists") is None
    assert docstring("tests/agent/test_ledger.py::Months") is None


def test_every_complaint_has_one_row_and_one_test() -> None:
    found = table(COMPLAINTS, 4)
    assert [int(row[0]) for row in found] == list(range(1, 21))
    files = sorted((ROOT / HERE).glob("test_*.py"))
    tests = {
        f"{HERE / file.name}::{name}" for file in files for name in docstrings(HERE / file.name)
    }
    assert sorted(test for row in found for test in code(row[3])) == sorted(tests)


@complaints
def test_the_test_of_a_complaint_says_where_it_was_made(said: str, where: str, shown: str) -> None:
    assert said
    (test,) = code(shown)
    *_, told = (docstring(test) or "").split("\n\n")
    assert where.split(", ") == told.replace("\n", " ").split(", ")
