"""What conformance tests share: who answers which kind of vector."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HERE = Path(__file__).parent
Answer = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def load(path: Path) -> ModuleType:
    """A module beside this."""
    spec = importlib.util.spec_from_file_location(f"conformance_{path.stem}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def answers() -> Mapping[str, Answer]:
    """By kind: a function from what is given to whatever can be told."""
    known: dict[str, Answer] = {}
    for path in sorted(HERE.glob("*.py")):
        if not path.name.startswith(("test_", "conftest")):
            known |= getattr(load(path), "ANSWERS", {})
    return known


@pytest.fixture(scope="session")
def naive() -> ModuleType:
    """The naive evaluator."""
    return load(HERE / "naive.py")


@pytest.fixture(scope="session")
def adapter() -> ModuleType:
    """What puts the events of a vector through a journal."""
    return load(HERE / "evaluate.py")
