"""What happens around each journey that pytest runs."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any, NamedTuple

import pytest

from prober.agent.deadline import Deadline
from prober.agent.undo import Noting
from prober.config import Region
from prober.journey import Journey
from prober.testing.report import scrub
from prober.testing.trial import Trial


class Part(NamedTuple):
    """What is known of an item that is a journey."""

    definition: Journey
    #: None: a test that says itself where its site is.
    region: Region | None
    #: It is a test only to us: settings of its browser are those of the region.
    is_ours: bool


class CleanupFailed(pytest.PytestWarning):
    """What a journey left to clean up was not; as in a run, it changes no outcome."""


DEFINITION = pytest.StashKey[Part]()
TRIAL = pytest.StashKey[Trial]()


class Acting:
    """The stage of journeys, one at a time, in pytest's process."""

    def __init__(self, config: pytest.Config) -> None:
        #: A person looks on, and nobody should hurry them.
        self._watched = bool(config.getoption("--headed", False) or os.environ.get("PWDEBUG"))
        #: By what it hears: a run of pytest has one Playwright, as a rule.
        self._deadlines: dict[object, Deadline] = {}
        self._trial: Trial | None = None

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Leave out a journey whose function runs as a test in its own file."""
        tests = {_place(item) for item in items if _place(item)[0] == str(item.path)}
        again = [item for item in items if DEFINITION in item.stash and _is_elsewhere(item, tests)]
        if again:
            config.hook.pytest_deselected(items=again)
            items[:] = [item for item in items if item not in again]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Have a new stage for each time that a journey is run."""
        if part := item.stash.get(DEFINITION, None):
            item.stash[TRIAL] = Trial(*part, watched=self._watched)

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
        """Run it, and let it fail as a run of it would."""
        trial = pyfuncitem.stash.get(TRIAL, None)
        if trial is None:
            return (yield)
        context = _context(pyfuncitem.funcargs)
        trial.resources = pyfuncitem.funcargs
        trial.recorder.noting = Noting(pyfuncitem.obj.__globals__.__getitem__)
        self._trial = trial
        try:
            with trial.performing(context, self._deadline(context)):
                return (yield)
        finally:
            self._trial = None
            pyfuncitem.add_report_section("call", "steps", trial.told())

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keep its secrets out of what pytest shows."""
        report = yield
        if trial := item.stash.get(TRIAL, None):
            scrub(report, trial.redactor.text)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """Clean up while page and client are still there."""
        if trial := item.stash.get(TRIAL, None):
            for error in trial.clean():
                said = trial.redactor.text(f"cleanup of {item.name}: {error}")
                item.warn(CleanupFailed(said))

    @pytest.hookimpl(tryfirst=True)
    def pytest_assertrepr_compare(self, op: str, left: object, right: object) -> list[str] | None:
        """Of what holds a secret, no comparison part by part: parts of one are not recognised."""
        if self._trial is None:
            return None
        said = f"{left!r} {op} {right!r}"
        cleaned = self._trial.redactor.text(said)
        return None if cleaned == said else [cleaned]

    def pytest_enter_pdb(self) -> None:
        """Stop the clock."""
        if self._trial:
            self._trial.watch()

    def _deadline(self, context: Any) -> Deadline | None:
        if context is None:
            return None
        connection = context._impl_obj._connection
        if connection not in self._deadlines:
            self._deadlines[connection] = Deadline(context)
        return self._deadlines[connection]


def _context(given: dict[str, Any]) -> Any:
    """The browser context of what a test was given, or None."""
    if "context" in given:
        return given["context"]
    return given["page"].context if "page" in given else None


def _place(item: pytest.Item) -> tuple[str, int]:
    """Where the code of an item is."""
    code = getattr(getattr(item, "function", None), "__code__", None)
    return (code.co_filename, code.co_firstlineno) if code else ("", 0)


def _is_elsewhere(item: pytest.Item, tests: set[tuple[str, int]]) -> bool:
    place = _place(item)
    return place[0] != str(item.path) and place in tests
