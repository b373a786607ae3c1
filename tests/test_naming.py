"""Names of what runs create: of the run, and never of another."""

from __future__ import annotations

import re

import pytest

from prober.agent.recorder import Recorder
from prober.journey import on_stage
from prober.model import Kind, RunId
from prober.naming import run_name

RUN = RunId("fill_cart", "eu-west-1", 1_767_225_600_000, 1, Kind.SCHEDULED)


def test_a_run_names_what_it_creates_after_itself() -> None:
    recorder = Recorder(lambda event: None, {}, ())
    recorder.run_name = RUN.name
    with on_stage(recorder):
        assert run_name() == "prober-fill-cart-eu-west-1-1767225600000-1"


@pytest.mark.parametrize(
    "other",
    [
        RUN._replace(journey="fill"),
        RUN._replace(region="us-east-1"),
        RUN._replace(slot_ms=RUN.slot_ms + 1),
        RUN._replace(attempt=2),
        RUN._replace(kind=Kind.MANUAL),
    ],
)
def test_no_two_runs_have_one_name(other: RunId) -> None:
    assert other.name != RUN.name
    assert re.fullmatch("[a-z0-9-]+", other.name)


def test_outside_a_run_each_test_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "test_cart.py::test_add (setup)")
    first = run_name()
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "test_cart.py::test_add (call)")
    assert run_name() == first
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "test_cart.py::test_pay (call)")
    assert run_name() != first
    assert re.fullmatch("prober-test-[a-z0-9-]+", first)
