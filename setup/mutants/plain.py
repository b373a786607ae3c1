"""Decorators as the calls that they stand for: mutmut passes decorated functions over."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def plain(source: str) -> str:
    """The same program; only class and static methods keep their decorators."""
    lines = source.splitlines()
    for node in sorted(_decorated(ast.parse(source)), key=lambda node: -node.lineno):
        indent = " " * node.col_offset
        lines[node.end_lineno : node.end_lineno] = [
            f"{indent}{node.name} = ({ast.unparse(decorator)})({node.name})"
            for decorator in reversed(node.decorator_list)
        ]
        del lines[node.decorator_list[0].lineno - 1 : node.lineno - 1]
    return "\n".join(lines) + "\n"


def _decorated(module: ast.Module) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef):
            decorators = {ast.unparse(each) for each in node.decorator_list}
            if decorators and not decorators & {"classmethod", "staticmethod"}:
                yield node
