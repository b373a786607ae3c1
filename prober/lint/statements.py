"""Walking statements: both ways of a fork, and a loop once."""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from prober.lint import act
from prober.lint.event import SOME, Event, Kind, Path
from prober.lint.guess import annotated, each_of
from prober.lint.source import Source
from prober.lint.value import (
    Class,
    Code,
    External,
    Instance,
    Many,
    Mark,
    Module,
    Opaque,
    Scope,
    Step,
    Thing,
    Value,
    text_of,
)


class Modules(Protocol):
    """Where imports lead."""

    def find(self, source: Source, module: str, level: int) -> Scope | None:
        """The names of a module beside the journeys; None when it is none of theirs."""


class Walk(ABC):
    """The statements of a walk, and what it met."""

    def __init__(self, modules: Modules) -> None:
        self.events: list[Event] = []
        self.declared: list[tuple[Mark, Code, Source]] = []
        self._modules = modules
        self._step: str | None = None
        self._path: Path = ()
        self._entered: list[ast.AST] = []
        self._calls = 0
        self._returned: Value = None
        self._yields: list[Callable[[], None] | None] = []

    def body(self, statements: Sequence[ast.stmt], scope: Scope) -> None:
        """Walk statements, one after the other."""
        for statement in statements:
            self._statement(statement, scope)

    def _statement(self, node: ast.stmt, scope: Scope) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._define(node, scope)
            case ast.ClassDef():
                scope.names[node.name] = Class(node, scope)
            case ast.Import() | ast.ImportFrom():
                self._import(node, scope)
            case ast.Assign(targets, value):
                found = self.evaluate(value, scope)
                for target in targets:
                    self._bind(target, found, scope)
            case ast.AnnAssign(target, annotation, value):
                found = self.evaluate(value, scope) if value else None
                self._bind(target, found or annotated(annotation), scope)
            case ast.Return(value):
                self._returned = self.evaluate(value, scope) if value else None
            case ast.With(items, body):
                self._with(items, body, scope)
            case ast.Assert(test):
                self.evaluate(test, scope)
                self._note(scope, node, act.Act(Kind.ASSERTION, "assert"))
            case _:
                self._fork(node, scope)

    def _fork(self, node: ast.stmt, scope: Scope) -> None:
        match node:
            case ast.If(test, body, orelse):
                self.evaluate(test, scope)
                self._ways(node, [body, orelse], scope)
            case ast.For(target, over, body, orelse):
                self._bind(target, each_of(self.evaluate(over, scope)), scope)
                self._ways(node, [body], scope)
                self.body(orelse, scope)
            case ast.While(test, body, orelse):
                self.evaluate(test, scope)
                self._ways(node, [body], scope)
                self.body(orelse, scope)
            case ast.Try(body, handlers, orelse, final) | ast.TryStar(
                body, handlers, orelse, final
            ):
                self.body([*body, *orelse], scope)
                self._ways(node, [[], *(handler.body for handler in handlers)], scope)
                self.body(final, scope)
            case ast.Match(subject, cases):
                self.evaluate(subject, scope)
                self._ways(node, [case.body for case in cases], scope)
            case _:
                self._pieces(node, scope)

    def _ways(self, node: ast.AST, ways: Sequence[Sequence[ast.stmt]], scope: Scope) -> None:
        for way, body in enumerate(ways):
            with self._depending(node, way):
                self.body(body, scope)

    @contextmanager
    def _depending(self, node: ast.AST, way: int = 0) -> Iterator[None]:
        before, self._path = self._path, (*self._path, (node, way))
        yield
        self._path = before

    def _define(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        code = scope.names[node.name] = Code(node, scope)
        for decorator in node.decorator_list:
            mark = self.evaluate(decorator, scope)
            if isinstance(mark, Mark):
                self.declared.append((mark, code, scope.source))

    def _import(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                scope.names[alias.asname or name] = self._module(scope, name, 0)
            return
        module = self._module(scope, node.module or "", node.level)
        for alias in node.names:
            if alias.name == "*" and isinstance(module, Module):
                scope.stars.append(module.scope)
                continue
            found = self._member(module, alias.name)
            if found is None and isinstance(module, Module):  # a module of a package
                found = self._module(scope, f"{node.module or ''}.{alias.name}", node.level)
            scope.names[alias.asname or alias.name] = found

    def _module(self, scope: Scope, name: str, level: int) -> Value:
        found = self._modules.find(scope.source, name.strip("."), level)
        if found:
            return Module(found)
        return act.external(name) if not level and act.is_known(name) else Opaque()

    def _bind(self, target: ast.expr, value: Value, scope: Scope) -> None:
        match target:
            case ast.Name(name):
                scope.names[name] = value
            case ast.Attribute(owner, name):
                of = self.evaluate(owner, scope)
                if isinstance(of, Instance):
                    of.attributes[name] = value
            case ast.Tuple(targets) | ast.List(targets):
                items = value.items if isinstance(value, Many) else ()
                for index, each in enumerate(targets):
                    self._bind(each, items[index] if index < len(items) else None, scope)
            case ast.Starred(inner):
                self._bind(inner, None, scope)
            case _:
                self.evaluate(target, scope)

    def _with(self, items: Sequence[ast.withitem], body: list[ast.stmt], scope: Scope) -> None:
        if not items:
            self.body(body, scope)
            return
        item, rest = items[0], items[1:]
        value = self.evaluate(item.context_expr, scope, managed=True)
        if item.optional_vars:
            self._bind(item.optional_vars, None if isinstance(value, Code) else value, scope)
        self._inside(item.context_expr, value, lambda: self._with(rest, body, scope), scope)

    def _inside(
        self, node: ast.expr, value: Value, inside: Callable[[], None], scope: Scope
    ) -> None:
        """What happens in a `with` block of something."""
        if isinstance(value, Code) and isinstance(node, ast.Call):  # a context manager of theirs
            self._call_code(value, node, scope, inside)
            return
        step = self._step
        if isinstance(value, Step):
            self._enter_step(value.node, value.named, value.name, scope)
        elif value == External("prober.step"):
            self._enter_step(node, False, None, scope)
        elif isinstance(value, Opaque):
            self._note(scope, node, act.Act(Kind.OPAQUE, "with"))
            self._step = self._step or SOME
        inside()
        self._step = step
        if isinstance(value, Thing) and value.kind in ("popup", "waiting"):
            self._note(scope, node, act.Act(Kind.PROOF, "expect"))

    def _enter_step(self, node: ast.AST, named: bool, name: Value, scope: Scope) -> None:
        self._note(scope, node, act.Act(Kind.STEP, "step"), name, named)
        self._step = text_of(name) or SOME

    def _note(
        self, scope: Scope, node: ast.AST, what: act.Act, name: Value = None, named: bool = True
    ) -> None:
        self.events.append(
            Event(
                kind=what.kind,
                source=scope.source,
                node=node,
                step=self._step,
                path=self._path,
                verb=what.verb,
                target=what.target,
                name=name,
                named=named,
                ms=what.ms,
            )
        )

    @abstractmethod
    def evaluate(self, node: ast.expr, scope: Scope, managed: bool = False) -> Value:
        """What an expression stands for, once all that it calls has happened."""

    @abstractmethod
    def _call_code(
        self, code: Code, node: ast.Call, scope: Scope, inside: Callable[[], None] | None = None
    ) -> Value: ...

    @abstractmethod
    def _member(self, of: Value, name: str) -> Value: ...

    @abstractmethod
    def _pieces(self, node: ast.AST, scope: Scope) -> None: ...
