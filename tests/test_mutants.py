"""The list of mutants that survive names what is there, with a reason for each."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "mutants.md").read_text()
SLO = ROOT / "prober" / "slo"


def load(name: str) -> ModuleType:
    """A module of the tool."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "setup" / "mutants" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


listed, plain = load("listed"), load("plain")
ENTRIES = list(listed.entries(PAGE))


def functions() -> Iterator[tuple[str, str]]:
    """Every function of prober/slo by its name in the list, and its source."""
    for path in SLO.glob("*.py"):
        source = path.read_text()
        tops: list[tuple[str, ast.AST]] = [("", ast.parse(source))]
        for prefix, top in tops:
            for node in ast.iter_child_nodes(top):
                if isinstance(node, ast.ClassDef):
                    tops.append((f"{node.name}.", node))
                elif isinstance(node, ast.FunctionDef):
                    text = ast.get_source_segment(source, node) or ""
                    yield f"{path.stem}.{prefix}{node.name}", " ".join(text.split())


SOURCES = dict(functions())


def named(entry: Any) -> str:
    return str(entry.function)


@pytest.mark.parametrize("entry", ENTRIES, ids=named)
def test_a_survivor_is_in_a_function_that_exists_and_changes_what_stands_there(entry: Any) -> None:
    assert entry.function in SOURCES
    for mutant in entry.mutants:
        assert mutant.was in SOURCES[entry.function]
        assert mutant.was != mutant.now


@pytest.mark.parametrize("entry", ENTRIES, ids=named)
def test_a_survivor_has_a_reason(entry: Any) -> None:
    assert re.fullmatch(r"[A-Z0-9`].{20,}\.", entry.reason)


def test_nothing_is_listed_twice_and_every_item_is_read() -> None:
    mutants = Counter(mutant for entry in ENTRIES for mutant in entry.mutants)
    assert mutants
    assert set(mutants.values()) == {1}
    items = [line for line in PAGE.splitlines() if line.startswith("- `")]
    assert items == [mutant.item for entry in ENTRIES for mutant in entry.mutants]


def test_functions_stand_in_order() -> None:
    names = re.findall(r"^### `(.*)`$", PAGE, re.MULTILINE)
    assert names == sorted(set(names))
    assert set(names) == {entry.function for entry in ENTRIES}


@pytest.mark.parametrize("path", sorted(SLO.glob("*.py")), ids=lambda path: path.stem)
def test_without_decorators_it_is_the_same_program(path: Path) -> None:
    """Each is called, from the innermost on, with what it stood above."""
    source = path.read_text()
    for before, after in zip(bodies(source), bodies(plain.plain(source)), strict=True):
        expected = []
        for node in before:
            expected += [ast.unparse(node)]
            if isinstance(node, ast.FunctionDef) and not kept(node):
                decorators, node.decorator_list = node.decorator_list, []
                calls = [f"{node.name} = {ast.unparse(each)}({node.name})" for each in decorators]
                expected[-1:] = [ast.unparse(node), *reversed(calls)]
        assert expected == [ast.unparse(node) for node in after]


def kept(function: ast.FunctionDef) -> bool:
    """Whether mutmut takes it as it is."""
    decorators = {ast.unparse(each) for each in function.decorator_list}
    return bool(decorators & {"classmethod", "staticmethod"})


def bodies(source: str) -> Iterator[list[ast.stmt]]:
    """What stands in a module, and in each of its classes; the classes' own bodies left out."""
    module = ast.parse(source)
    classes = [node for node in ast.walk(module) if isinstance(node, ast.ClassDef)]
    for node in [*classes, module]:
        yield [each for each in node.body if not isinstance(each, ast.ClassDef)]
