"""Journeys as items of pytest: what a file of them declares, and tests that are journeys too."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable

import pytest
from _pytest.assertion.rewrite import rewrite_asserts

from prober.config import clashes, resolve
from prober.discovery import Declaration, load, module_name
from prober.errors import InputError, ProberError
from prober.journey import Journey
from prober.testing import as_run, fixtures
from prober.testing.acting import DEFINITION, Acting, Part
from prober.testing.place import is_named, region_of


class JourneyFile(pytest.Module):
    """A file of journeys: its functions need not be called `test_…`."""

    _declared: list[Declaration]

    def _getobj(self) -> object:
        """Load it as a run does, and have its asserts explained as those of tests are."""

        def explain(tree: ast.Module, source: bytes) -> None:
            if self.config.getvalue("assertmode") == "rewrite":
                rewrite_asserts(tree, source, str(self.path), self.config)

        try:
            self._declared = load(self.path, explain)
        except InputError as error:
            raise self.CollectError(str(error)) from None
        _tests_come_first(self.config)
        return sys.modules[module_name(self.path.resolve())]

    def collect(self) -> Iterable[pytest.Item]:
        """An item for each journey."""
        module = self.obj
        enter(self)
        try:
            parts = [self._part(definition) for definition, _ in self._declared]
        except ProberError as error:
            raise self.CollectError(str(error)) from None
        for number, fixture in enumerate(as_run.FIXTURES):
            setattr(module, f"_prober_fixture_{number}", fixture)
        self.session._fixturemanager.parsefactories(self)
        for (definition, body), part in zip(self._declared, parts, strict=True):
            name = definition.name
            if getattr(module, name, body) is not body:
                name = f"{name}_journey"
            setattr(module, name, body)  # where pytest looks for it
            for item in self._genfunctions(name, body):
                item.stash[DEFINITION] = part
                item.add_marker("journey")
                yield item

    def _part(self, definition: Journey) -> Part:
        region = region_of(self.config, self.path.parent)
        definition = next(iter(resolve(region, [definition])), definition)
        if problems := list(clashes(region, definition)):
            raise InputError(problems)
        return Part(definition, region, is_ours=True)


def note(item: pytest.Item, definition: Journey) -> None:
    """Make a journey of a test, whose fixtures and settings stay its own."""
    if DEFINITION in item.stash:
        return
    region = None
    try:
        region = region_of(item.config, item.path.parent)
    except ProberError as error:
        if is_named(item.config):
            raise pytest.UsageError(str(error)) from None
    item.stash[DEFINITION] = Part(definition, region, is_ours=False)
    item.add_marker("journey")


def enter(node: pytest.Collector) -> None:
    """Have journeys acted on and given what they ask for, from the first one on."""
    plugins = node.config.pluginmanager
    if plugins.has_plugin("prober-acting"):
        return
    plugins.register(Acting(node.config), "prober-acting")
    plugins.register(fixtures, "prober-fixtures")
    if not plugins.has_plugin("playwright"):
        from prober.testing import standin  # pytest-playwright is not here

        plugins.register(standin, "prober-standin")


def _tests_come_first(config: pytest.Config) -> None:
    """Leave it to pytest to import tests and conftests, also those beside journeys."""
    hook = getattr(config.pluginmanager, "rewrite_hook", None)
    if hook in sys.meta_path:
        sys.meta_path.remove(hook)
        sys.meta_path.insert(0, hook)
