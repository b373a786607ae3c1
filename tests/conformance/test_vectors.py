"""Hand-computed vectors, answered by what the commands use, compared as exact rationals.

Two files lie beside this; `PROBER_VECTORS` may name more of their schema. Each kind
of vector is answered by the module beside this whose `ANSWERS` names it: a function from what is
given, the vector's `input` or else all of it, to whatever can be told, by the names in `expect`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
#: Beside the checkout, where the vectors come from.
SHARED = HERE.parents[2] / "shared" / "vectors" / "slo_vectors.json"
#: Of numbers that are no rationals.
TOLERANCE = 1e-6
INFINITE = ("inf", "-inf")

Vector = Mapping[str, Any]
Answer = Callable[[Vector], Mapping[str, Any]]


def files() -> list[Path]:
    """The files there are; the same content twice is one."""
    named = [Path(name) for name in os.environ.get("PROBER_VECTORS", "").split(os.pathsep) if name]
    found = [*sorted(HERE.glob("*.json")), *([SHARED] if SHARED.exists() else []), *named]
    return list({path.read_bytes(): path for path in reversed(found)}.values())[::-1]


def vectors() -> Iterator[Any]:
    """Every vector of every file, and every statistical case as one of kind `stats`."""
    for path in files():
        content = json.loads(path.read_text())
        for vector in content.get("vectors", ()):
            yield pytest.param(vector, id=f"{vector['id']} {vector.get('title', vector['kind'])}")
        for case in content.get("stats", {}).get("cases", ()):
            name = f"{case['bad']} of {case['n']}"
            expected = {key: value for key, value in case.items() if key not in ("bad", "n")}
            vector = {"id": name, "kind": "stats", "input": case, "expect": expected}
            yield pytest.param(vector, id=f"stats {name}")


def differences(expected: Any, told: Any, path: str) -> Iterator[str]:
    """What was told and not expected, by place; what is not expected may be anything."""
    if isinstance(expected, Mapping):
        for name, value in expected.items():
            inner = told.get(name, 0) if isinstance(told, Mapping) else told
            yield from differences(value, inner, f"{path}.{name}")
    elif not same(expected, told):
        yield f"{path}: {expected!r} expected, {told!r} told"


def same(expected: Any, told: Any) -> bool:
    """Whether a value is the expected one: rationals exactly, floats within the tolerance."""
    if expected is None or told is None or isinstance(expected, bool):
        return expected is told
    if isinstance(expected, float) or isinstance(told, float):
        return abs(expected - told) <= TOLERANCE
    if isinstance(expected, list):
        return sorted(expected) == sorted(told)
    if (number := rational(expected)) is not None:
        return number == rational(told)
    return str(expected) == str(told)


def rational(value: Any) -> Fraction | None:
    """The exact number that a value is; None when it is none."""
    try:
        return None if value in INFINITE else Fraction(value)
    except (ValueError, TypeError):
        return None


@pytest.mark.parametrize("vector", list(vectors()))
def test_a_vector_holds(vector: Vector, answers: Mapping[str, Answer]) -> None:
    told = answers[vector["kind"]](vector.get("input", vector))
    found = list(differences(vector["expect"], told, vector["id"]))
    assert not found, "\n".join(found)
