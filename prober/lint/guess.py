"""What values make together: of loops, texts, sums and annotations."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from prober.lint.value import TYPES, Code, Const, Few, Many, Opaque, Target, Value


def yields(code: Code) -> bool:
    """Whether a function is a generator, as context managers are."""
    return any(isinstance(node, ast.Yield) for node in ast.walk(code.node))


def annotated(annotation: ast.expr | None) -> Value:
    """What an annotation says, of Playwright's and httpx's types."""
    if annotation is None:
        return None
    text = ast.unparse(annotation).strip("'\"")
    found = TYPES.get(text.rpartition(".")[2])
    return found() if found else None


def each_of(value: Value) -> Value:
    """One of many."""
    if not isinstance(value, Many):
        return value if isinstance(value, Target | Opaque) else None
    if value.items and all(isinstance(each, Const) for each in value.items):
        return Few()
    if value.items and all(isinstance(each, Many) for each in value.items):  # rows of a table
        widths = {len(each.items) for each in value.items if isinstance(each, Many)}
        return Many((Few(),) * widths.pop()) if len(widths) == 1 else None
    return value.items[0] if value.items else None


def joined(parts: Sequence[Value]) -> Value:
    """What an f-string of such parts stands for."""
    if all(isinstance(part, Const) for part in parts):
        return Const("".join(str(part.value) for part in parts if isinstance(part, Const)))
    return Few() if all(isinstance(part, Const | Few) for part in parts) else None


def computed(operator: ast.operator, left: Value, right: Value) -> Value:
    """What an operator makes of constants."""
    if not (isinstance(left, Const) and isinstance(right, Const)):
        fixed = isinstance(left, Const | Few) and isinstance(right, Const | Few)
        return Few() if fixed else None
    one, other = left.value, right.value
    if isinstance(one, str) and isinstance(other, str) and isinstance(operator, ast.Add):
        return Const(one + other)
    if isinstance(one, int | float) and isinstance(other, int | float):
        if isinstance(operator, ast.Add):
            return Const(one + other)
        if isinstance(operator, ast.Mult):
            return Const(one * other)
    return None
