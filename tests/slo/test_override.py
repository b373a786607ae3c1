"""An override holds for one commit, one SLO and one state, until it expires."""

from __future__ import annotations

import doctest
import json
from dataclasses import replace

import pytest

from prober.slo import override
from prober.slo.override import Override, same_commit
from prober.slo.state import State

COMMIT = "3f2c1ab90d3f2c1ab90d"
GRANTED = Override(
    id="a1b2c3",
    slo="checkout",
    state=State.EXHAUSTED,
    commit=COMMIT,
    role="vp_engineering",
    by="ada",
    reason="legal deadline",
    granted_ms=0,
    expires_ms=1000,
)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(override).failed == 0


def test_it_holds_for_what_it_was_granted_for() -> None:
    assert GRANTED.fault(State.EXHAUSTED, COMMIT, 999) is None


@pytest.mark.parametrize(
    ("state", "commit", "now_ms", "fault"),
    [
        pytest.param(State.EXHAUSTED, "90d3f2c1ab", 0, "it is for commit", id="another commit"),
        pytest.param(State.EXHAUSTED, None, 0, "it is for commit", id="no commit"),
        pytest.param(State.CRITICAL, COMMIT, 0, "it is for the state", id="another state"),
        pytest.param(State.EXHAUSTED, COMMIT, 1000, "it expired at", id="at its end"),
    ],
)
def test_it_does_not_hold_for(state: State, commit: str | None, now_ms: int, fault: str) -> None:
    assert str(GRANTED.fault(state, commit, now_ms)).startswith(fault)


@pytest.mark.parametrize("reason", ["", " \n"])
def test_without_a_reason_it_does_not_hold(reason: str) -> None:
    silent = replace(GRANTED, reason=reason)
    assert silent.fault(State.EXHAUSTED, COMMIT, 0) == "it gives no reason"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param(COMMIT, COMMIT.upper(), True, id="the same in capitals"),
        pytest.param(COMMIT, COMMIT[:7], True, id="a start that is long enough"),
        pytest.param(COMMIT, COMMIT[:6], False, id="a start that is too short"),
        pytest.param("v1", "v1", True, id="a short name that is equal"),
        pytest.param("v1", "v12", False, id="a short name that only begins so"),
        pytest.param("", "", False, id="nothing"),
        pytest.param(COMMIT, COMMIT[1:], False, id="an end"),
        pytest.param("90d3f2c" + "1" * 57, "90d3f2c", True, id="a hash of 64 digits"),
        pytest.param("v1.12.1", "v1.12.1", True, id="the same version"),
        pytest.param("v1.12.1", "v1.12.10", False, id="another version"),
        pytest.param("v2.31.0", "v2.31.0-rc1", False, id="a candidate for a version"),
        pytest.param("release-1", "release-10", False, id="another release"),
        pytest.param("20260701", "2026070112", False, id="another date"),
        pytest.param("7654321", "76543210", False, id="the number of another build"),
        pytest.param("3f2c1ab", "3f2c1ab-dirty", False, id="a hash with something behind it"),
    ],
)
def test_names_of_the_same_commit(one: str, other: str, same: bool) -> None:
    assert same_commit(one, other) is same
    assert same_commit(other, one) is same


@pytest.mark.parametrize(
    ("slo", "commit", "now_ms", "concerns"),
    [
        pytest.param("checkout", COMMIT, 5000, True, id="its commit, however old it is"),
        pytest.param("checkout", "90d3f2c1ab", 0, True, id="another commit while it lasts"),
        pytest.param("checkout", "90d3f2c1ab", 1000, False, id="another commit afterwards"),
        pytest.param("login", COMMIT, 0, False, id="another SLO"),
    ],
)
def test_somebody_may_expect_it_to_hold(slo: str, commit: str, now_ms: int, concerns: bool) -> None:
    assert GRANTED.concerns(slo, commit, now_ms) is concerns


def test_it_comes_back_from_the_log_as_it_was() -> None:
    written = json.loads(json.dumps(GRANTED.to_dict()))
    assert Override.from_dict(GRANTED.id, written) == GRANTED
