"""One file of journeys or page objects, as its syntax tree and its comments."""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from prober.errors import Severity
from prober.lazy import lazy
from prober.lint.finding import Finding, Rule


class Comment(NamedTuple):
    """A comment, and the line of code it speaks of: its own, or the next when it stands alone."""

    line: int
    column: int
    text: str
    about: int


class Source:
    """A file that can be read as Python.

    Args:
        path: where it is.
        name: what messages call it.
        text: what it says, where that is at hand already.

    Raises:
        OSError, SyntaxError, ValueError: it cannot.
    """

    def __init__(self, path: Path, name: str, text: str | None = None) -> None:
        self.path, self.name = path, name
        self.text = path.read_bytes().decode("utf-8-sig") if text is None else text
        self.tree = ast.parse(self.text)

    def finding(
        self, node: ast.AST, rule: Rule, what: str, mend: str, severity: Severity = Severity.WARNING
    ) -> Finding:
        """What a rule says of a piece of this file."""
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
        return Finding(self.name, line, column, rule, severity, what, mend)

    @lazy
    def nodes(self) -> tuple[ast.AST, ...]:
        """All of the tree, outer pieces before inner ones."""
        return tuple(ast.walk(self.tree))

    @lazy
    def parents(self) -> dict[ast.AST, ast.AST]:
        """By piece, what it is directly in."""
        return {child: node for node in self.nodes for child in ast.iter_child_nodes(node)}

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """What a piece is in, innermost first."""
        while (outer := self.parents.get(node)) is not None:
            yield outer
            node = outer

    @lazy
    def imported(self) -> dict[str, str]:
        """What imported names stand for, as `sleep`: `time.sleep`."""
        found: dict[str, str] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                found |= {a.asname or a.name: a.name for a in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
        return found

    def dotted(self, node: ast.AST) -> str:
        """What a name or attribute of an imported module stands for, or nothing."""
        if isinstance(node, ast.Attribute) and (owner := self.dotted(node.value)):
            return f"{owner}.{node.attr}"
        return self.imported.get(node.id, "") if isinstance(node, ast.Name) else ""

    @lazy
    def constants(self) -> dict[str, str]:
        """Texts that names stand for; not of names that are bound more than once."""
        bound = Counter(
            node.id
            for node in self.nodes
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        )
        return {
            target.id: node.value.value
            for node in self.nodes
            if isinstance(node, ast.Assign | ast.AnnAssign)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name) and bound[target.id] == 1
        }

    def literal(self, node: ast.AST | None) -> str | None:
        """The whole text that an expression is, if it is written in this file."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        if isinstance(node, ast.Name):
            return self.constants.get(node.id)
        if isinstance(node, ast.JoinedStr):
            parts = [self.literal(part) for part in node.values]
            known = [part for part in parts if part is not None]
            return "".join(known) if len(known) == len(parts) else None
        if isinstance(node, ast.FormattedValue):
            return self.literal(node.value)
        return None

    def opening(self, node: ast.AST | None) -> str:
        """The text that an expression begins with, as far as it is written in this file."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self.opening(node.left)
        if not isinstance(node, ast.JoinedStr):
            return self.literal(node) or ""
        found = ""
        for part in node.values:
            known = self.literal(part)
            if known is None:
                break
            found += known
        return found

    @lazy
    def texts(self) -> tuple[ast.Constant, ...]:
        """The texts that are values: neither docstrings nor parts of an f-string."""
        return tuple(
            node
            for node in self.nodes
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and not isinstance(self.parents.get(node), ast.Expr | ast.JoinedStr)
        )

    @lazy
    def statements(self) -> dict[int, int]:
        """By line, the first line of the statement it is part of; of a block, of its head."""
        found: dict[int, int] = {}
        for node in self.nodes:
            if not isinstance(node, ast.stmt | ast.ExceptHandler):
                continue
            body = getattr(node, "body", None)
            marks = [each.lineno for each in getattr(node, "decorator_list", [])]
            first = min([node.lineno, *marks])
            last = body[0].lineno - 1 if body else node.end_lineno or node.lineno
            found |= dict.fromkeys(range(first, max(first, last) + 1), first)
        return found

    @lazy
    def comments(self) -> tuple[Comment, ...]:
        """All of them, in their order."""
        quiet = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
        tokens = [
            token
            for token in tokenize.generate_tokens(io.StringIO(self.text).readline)
            if token.type not in quiet
        ]
        code = sorted({token.start[0] for token in tokens if token.type != tokenize.COMMENT})
        lines = set(code)
        return tuple(
            Comment(line, column + 1, token.string, line if line in lines else after)
            for token in tokens
            if token.type == tokenize.COMMENT
            for line, column in [token.start]
            for after in [next((each for each in code if each > line), line)]
        )
