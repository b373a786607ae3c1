"""Playing a file: its code is walked in the order in which it would run, and nothing is executed.

Both ways of a fork are walked, and a loop once. Functions and classes of the journeys' own
directory are entered as they are called; what cannot be told is left open and never guessed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence

from prober.lint import act
from prober.lint.event import Kind
from prober.lint.guess import annotated, computed, each_of, joined, yields
from prober.lint.statements import Walk
from prober.lint.value import (
    Class,
    Code,
    Const,
    External,
    Instance,
    Many,
    Mark,
    Method,
    Module,
    Opaque,
    Scope,
    Step,
    Target,
    Thing,
    Value,
    touches,
)

#: Deeper than anybody's helpers call each other, and more than any journey does.
_DEEPEST, _MOST = 20, 5000
_PARAMETERS = {"page": Thing("page"), "context": Thing("context"), "http": Thing("http")}


class Play(Walk):
    """One walk."""

    # Expressions

    def evaluate(self, node: ast.expr, scope: Scope, managed: bool = False) -> Value:
        """What an expression stands for, once all that it calls has happened.

        Args:
            node: the expression.
            scope: the names it may use.
            managed: it is what a `with` enters: a context manager of theirs is not called yet.
        """
        match node:
            case ast.Constant(value):
                return Const(value)
            case ast.Name(name):
                return scope.get(name)
            case ast.Attribute(owner, name):
                return self._member(self.evaluate(owner, scope), name)
            case ast.Call():
                return self._call(node, scope, managed)
            case ast.Lambda():
                return Code(node, scope)
            case _:
                return self._compound(node, scope)

    def _compound(self, node: ast.expr, scope: Scope) -> Value:
        match node:
            case ast.Tuple(items) | ast.List(items) | ast.Set(items):
                return Many(tuple(self._items(items, scope)))
            case ast.JoinedStr(parts):
                return joined([self.evaluate(part, scope) for part in parts])
            case ast.FormattedValue(value):
                return self.evaluate(value, scope)
            case ast.BinOp(left, operator, right):
                sides = self.evaluate(left, scope), self.evaluate(right, scope)
                return computed(operator, *sides)
            case ast.NamedExpr(target, value):
                found = self.evaluate(value, scope)
                self._bind(target, found, scope)
                return found
            case ast.Yield() | ast.YieldFrom():
                self._yield(node, scope)
            case _:
                self._pieces(node, scope)
        return None

    def _pieces(self, node: ast.AST, scope: Scope) -> None:
        """Whatever is called within something that stands for nothing we know."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.comprehension):
                self._bind(child.target, each_of(self.evaluate(child.iter, scope)), scope)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.evaluate(child, scope)

    def _items(self, nodes: Sequence[ast.expr], scope: Scope) -> Iterator[Value]:
        for node in nodes:
            if isinstance(node, ast.Starred):
                found = self.evaluate(node.value, scope)
                yield from found.items if isinstance(found, Many) else (None,)
            else:
                yield self.evaluate(node, scope)

    def _yield(self, node: ast.Yield | ast.YieldFrom, scope: Scope) -> None:
        if node.value:
            self.evaluate(node.value, scope)
        if self._yields and (inside := self._yields[-1]):
            self._yields.append(None)
            inside()
            self._yields.pop()

    def _member(self, of: Value, name: str) -> Value:
        match of:
            case Instance(of=own, attributes=attributes):
                found = attributes[name] if name in attributes else self._lookup(own, name, of)
                return found or _PARAMETERS.get(name)
            case Class():
                return self._lookup(of, name, None)
            case Module(scope):
                return scope.names.get(name)
            case External(owner):
                return act.external(f"{owner}.{name}")
            case Thing() | Target() | Const():
                return act.member(of, name)
            case Opaque():
                return of
        return _PARAMETERS.get(name)

    def _lookup(self, own: Class, name: str, of: Instance | None) -> Value:
        """An attribute that a class has, or one of its bases."""
        for node in own.node.body:
            if isinstance(node, ast.FunctionDef) and node.name == name:
                marks = {ast.unparse(mark).rpartition(".")[2] for mark in node.decorator_list}
                code = Code(node, own.scope, own if "classmethod" in marks else of)
                if {"property", "cached_property"} & marks and of:
                    return self._enter(code, (), {}, None)
                return Code(node, own.scope) if "staticmethod" in marks else code
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if any(isinstance(each, ast.Name) and each.id == name for each in targets):
                    return self.evaluate(node.value, own.scope)
        for base in own.node.bases:
            found = self.evaluate(base, own.scope)
            if isinstance(found, Opaque):
                return found
            if isinstance(found, Class) and (inherited := self._lookup(found, name, of)):
                return inherited
        return None

    # Calls

    def _call(self, node: ast.Call, scope: Scope, managed: bool) -> Value:
        callee = self.evaluate(node.func, scope)
        if isinstance(callee, Code):
            return callee if managed and yields(callee) else self._call_code(callee, node, scope)
        args = tuple(self._items(node.args, scope))
        named = {each.arg: self.evaluate(each.value, scope) for each in node.keywords}
        options = {name: value for name, value in named.items() if name}
        match callee:
            case External("prober.journey"):
                return Mark(node, options)
            case External("prober.step"):
                name = args[0] if args else options.get("name")
                return Step(node, bool(args or options), name)
            case External(name):
                return self._done(act.call(name, args, options), node, scope)
            case Method():
                return self._done(act.perform(callee, args, options), node, scope)
            case Class():
                return self._construct(callee, args, options)
            case Mark():
                for code in args:
                    if isinstance(code, Code):
                        self.declared.append((callee, code, scope.source))
                return None
        return self._strange(callee, node, (*args, *named.values()), scope)

    def _call_code(
        self, code: Code, node: ast.Call, scope: Scope, inside: Callable[[], None] | None = None
    ) -> Value:
        args = tuple(self._items(node.args, scope))
        named = {each.arg or "**": self.evaluate(each.value, scope) for each in node.keywords}
        return self._enter(code, args, named, inside)

    def _done(self, done: act.Done, node: ast.Call, scope: Scope) -> Value:
        for each in done.acts:
            self._note(scope, node, each)
        return done.value

    def _strange(
        self, callee: Value, node: ast.Call, given: Sequence[Value], scope: Scope
    ) -> Value:
        """Something is called that cannot be told; it may call what it is given."""
        with self._depending(node):
            for each in given:
                if isinstance(each, Code):
                    self._enter(each, (), {}, None)
        if any(touches(each) or isinstance(each, Code) for each in given):
            self._note(scope, node, act.Act(Kind.OPAQUE, "call"))
            return Opaque()
        return None

    def _construct(self, own: Class, args: Sequence[Value], options: dict[str, Value]) -> Value:
        made = Instance(own)
        for node in own.node.body:  # as a dataclass has them
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                name, index = node.target.id, len(made.attributes)
                value = args[index] if index < len(args) else options.get(name)
                made.attributes[name] = value or annotated(node.annotation)
        begin = self._lookup(own, "__init__", made)
        if isinstance(begin, Code):
            self._enter(begin, args, options, None)
        return made

    def play(self, code: Code) -> None:
        """Walk a journey's function, as a run would call it."""
        self._enter(code, (), {}, None)

    def _enter(
        self,
        code: Code,
        args: Sequence[Value],
        options: dict[str, Value],
        inside: Callable[[], None] | None,
    ) -> Value:
        node = code.node
        if node in self._entered:
            return None
        scope = Scope(code.scope.source, code.scope)
        self._calls += 1
        if len(self._entered) > _DEEPEST or self._calls > _MOST:
            self._note(scope, node, act.Act(Kind.OPAQUE, "too much"))
            return None
        self._parameters(code, args, options, scope)
        before, self._returned = self._returned, None
        self._entered.append(node)
        self._yields.append(inside)
        if isinstance(node, ast.Lambda):
            self._returned = self.evaluate(node.body, scope)
        else:
            self.body(node.body, scope)
        self._yields.pop()
        self._entered.pop()
        found, self._returned = self._returned, before
        return found

    def _parameters(
        self, code: Code, args: Sequence[Value], options: dict[str, Value], scope: Scope
    ) -> None:
        given = code.node.args
        places = [*given.posonlyargs, *given.args]
        values = (code.of, *args) if code.of else tuple(args)
        defaults = dict(zip(reversed(places), reversed(given.defaults), strict=False))
        defaults |= {k: d for k, d in zip(given.kwonlyargs, given.kw_defaults, strict=True) if d}
        for index, each in enumerate([*places, *given.kwonlyargs]):
            value = options.get(each.arg)
            if index < min(len(values), len(places)):
                value = values[index]
            elif each.arg not in options and each in defaults:
                value = self.evaluate(defaults[each], code.scope)
            known = value or annotated(each.annotation) or _PARAMETERS.get(each.arg)
            scope.names[each.arg] = known
        for rest in (given.vararg, given.kwarg):
            if rest:
                scope.names[rest.arg] = None
