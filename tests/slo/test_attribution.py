"""What spent a budget: every division is complete, and says what the records say."""

from __future__ import annotations

import doctest
import time
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.model import Cause, Kind, Outcome, Run, RunId
from prober.slo import attribution
from prober.slo.attribution import (
    NO_DATA,
    NO_DEPLOY,
    NO_RECORD,
    NO_STEP,
    TOO_LATE,
    Deploy,
    Failure,
    Origin,
    Total,
    attribute,
    deploy_of,
    failure,
    grouped,
    origin_of,
    parts,
)

BUDGET = Fraction("43.2")
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


def run(cause: Cause | None = Cause.ASSERTION, **fields: Any) -> Run:
    outcome = Outcome.FAILED if cause else Outcome.PASSED
    given = {"responses": {"2xx": 7}, "duration_us": 1, "started_ms": 0, "finished_ms": 0}
    identity = RunId("checkout", "eu", fields.pop("slot_ms", 0), 1, Kind.SCHEDULED)
    return Run(id=identity, outcome=outcome, cause=cause, **given | fields)


def bad(slot_ms: int, region: str = "eu", **fields: Any) -> Failure:
    given = {"cause": "assertion", "step": "pay", "origin": Origin.APP, "silent": True}
    return Failure(slot_ms=slot_ms, region=region, **given | fields)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(attribution).failed == 0


def test_shares_of_a_budget_add_up_to_what_is_consumed() -> None:
    spent = parts({"deploy:abc": 20, "provider:psp": 10, "unattributed": 6}, BUDGET)
    assert [(part.name, part.share) for part in spent] == [
        ("deploy:abc", Fraction(25, 54)),
        ("provider:psp", Fraction(25, 108)),
        ("unattributed", Fraction(5, 36)),
    ]
    assert sum(part.share for part in spent) == Total(36, BUDGET).consumed == Fraction(5, 6)


def test_parts_of_the_same_size_stand_by_name() -> None:
    assert [part.name for part in parts({"b": 1, "a": 1, "c": 2}, BUDGET)] == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("found", "origin"),
    [
        pytest.param(run(Cause.NETWORK), Origin.INFRA, id="not reached"),
        pytest.param(run(Cause.ASSERTION), Origin.APP, id="wrong content, and all answered"),
        pytest.param(run(Cause.PAGE_CRASH), Origin.APP, id="the page crashed"),
        pytest.param(
            run(Cause.HTTP_STATUS, third_party={"5xx": 1}), Origin.APP, id="an error page"
        ),
        pytest.param(run(Cause.TIMEOUT, responses={"5xx": 1}), Origin.APP, id="5xx and a timeout"),
        pytest.param(
            run(Cause.ASSERTION, third_party={"5xx": 1}), Origin.UPSTREAM, id="others answered 5xx"
        ),
        pytest.param(
            run(Cause.TIMEOUT, third_party={"none": 1}), Origin.UPSTREAM, id="others were silent"
        ),
        pytest.param(
            run(Cause.TIMEOUT, third_party={"none": 1}, responses={"none": 1}),
            Origin.UNATTRIBUTED,
            id="all were silent",
        ),
        pytest.param(run(Cause.TIMEOUT), Origin.UNATTRIBUTED, id="a timeout alone"),
        pytest.param(run(None), Origin.UNATTRIBUTED, id="late"),
    ],
)
def test_a_failure_comes_from_where_its_record_points(found: Run, origin: Origin) -> None:
    assert origin_of(found) is origin


def test_a_bad_run_that_passed_was_late_and_one_without_a_step_says_so() -> None:
    late = failure(run(None, slot_ms=7))
    assert (late.slot_ms, late.region, late.cause, late.step) == (7, "eu", TOO_LATE, NO_STEP)
    assert (late.silent, late.bad) == (False, 1)
    failed = failure(run(Cause.TIMEOUT, step="pay"), Fraction(1, 2))
    assert (failed.cause, failed.step, failed.bad) == ("timeout", "pay", Fraction(1, 2))
    assert failed.silent
    assert failure(run(Cause.NETWORK)).origin is Origin.INFRA


@pytest.mark.parametrize(
    ("slot_ms", "name"),
    [
        pytest.param(999, None, id="before any"),
        pytest.param(1000, "a", id="at one"),
        pytest.param(1999, "a", id="the last moment before another"),
        pytest.param(2000, "b", id="the last one counts"),
        pytest.param(6999, "b", id="just within"),
        pytest.param(7000, None, id="too long after"),
    ],
)
def test_a_failure_belongs_to_the_last_deploy_shortly_before_it(
    slot_ms: int, name: str | None
) -> None:
    found = deploy_of([Deploy(2000, "b"), Deploy(1000, "a")], slot_ms, within_ms=5000)
    assert (found and found.name) == name


def test_failures_close_in_time_are_one_incident() -> None:
    failures = [bad(30), bad(0), bad(10, "us"), bad(41)]
    groups = grouped(failures, apart_ms=20)
    assert [[each.slot_ms for each in group] for group in groups] == [[0, 10, 30, 41]]
    assert len(grouped(failures, apart_ms=19)) == 2
    assert grouped([], apart_ms=1) == ()


def test_a_budget_is_divided_in_every_way() -> None:
    failures = [
        *(bad(n * MINUTE_MS, cause="timeout", origin=Origin.UNATTRIBUTED) for n in range(3)),
        *(bad(5 * HOUR_MS + n * MINUTE_MS, "us", step="cart", silent=False) for n in range(2)),
    ]
    found = attribute(
        failures,
        Total(6, Fraction(10)),
        [Deploy(5 * HOUR_MS, "abc"), Deploy(20 * HOUR_MS, "later")],
        within_ms=HOUR_MS,
        apart_ms=10 * MINUTE_MS,
    )
    assert names(found.origins) == {"unattributed": 3, "deploy": 2, NO_RECORD: 1}
    assert names(found.causes) == {"timeout": 3, "assertion": 2, NO_RECORD: 1}
    assert names(found.steps) == {"pay": 3, "cart": 2, NO_RECORD: 1}
    assert names(found.regions) == {"eu": 3, "us": 2, NO_RECORD: 1}
    assert names(found.deploys) == {NO_DEPLOY: 3, "abc": 2, NO_RECORD: 1}
    assert names(found.unrecorded) == {NO_RECORD: 1}
    assert found.silent == ("silent", 3, Fraction(3, 10))
    first, second = found.incidents
    assert first.part == ("1970-01-01 00:00 to 00:02 UTC", 3, Fraction(3, 10))
    assert (second.span.start_ms, second.span.end_ms) == (5 * HOUR_MS, 5 * HOUR_MS + MINUTE_MS + 1)
    assert {each.region for each in second.failures} == {"us"}


@pytest.mark.parametrize(
    ("slots", "name"),
    [
        pytest.param([0], "1970-01-01 00:00 UTC", id="one failure"),
        pytest.param([0, MINUTE_MS - 2], "1970-01-01 00:00 UTC", id="within a minute"),
        pytest.param([0, MINUTE_MS - 1], "1970-01-01 00:00 to 00:01 UTC", id="a minute"),
        pytest.param([0, 26 * HOUR_MS], "1970-01-01 00:00 to 1970-01-02 02:00 UTC", id="overnight"),
    ],
)
def test_an_incident_is_called_by_its_time(slots: list[int], name: str) -> None:
    failed = [bad(slot_ms) for slot_ms in slots]
    (incident,) = attribute(failed, Total(len(slots), BUDGET), [], 0, 30 * HOUR_MS).incidents
    assert incident.part.name == name


@pytest.mark.parametrize(
    ("every_ms", "end_ms", "until_ms"),
    [
        pytest.param(5 * MINUTE_MS, HOUR_MS, 7 * MINUTE_MS, id="until the next run"),
        pytest.param(5 * MINUTE_MS, 3 * MINUTE_MS, 3 * MINUTE_MS, id="until the end"),
        pytest.param(1, HOUR_MS, 2 * MINUTE_MS + 1, id="nobody knows when the next run is"),
        pytest.param(5 * MINUTE_MS, 0, 2 * MINUTE_MS + 1, id="a failure is part of it"),
    ],
)
def test_what_failed_last_stands_for_the_time_until_the_next_run(
    every_ms: int, end_ms: int, until_ms: int
) -> None:
    failed = [bad(MINUTE_MS), bad(2 * MINUTE_MS)]
    total = Total(2, BUDGET)
    (incident,) = attribute(failed, total, [], 0, HOUR_MS, every_ms, end_ms).incidents
    assert incident.span == (MINUTE_MS, until_ms)


def test_the_dearest_incident_stands_first() -> None:
    failed = [bad(0), bad(HOUR_MS), bad(HOUR_MS + 1)]
    total = Total(3, BUDGET)
    found = attribute(failed, total, [], 0, MINUTE_MS)
    assert [incident.part.bad for incident in found.incidents] == [2, 1]
    assert found.total == total


def test_an_incident_is_called_by_its_time_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        (incident,) = attribute([bad(0)], Total(1, BUDGET), [], 0, 0).incidents
    time.tzset()
    assert incident.part.name == "1970-01-01 00:00 UTC"


def test_slices_without_data_that_count_as_bad_have_a_name_of_their_own() -> None:
    found = attribute([bad(0)], Total(4, Fraction(10), no_data=3), [], 0, 0)
    assert names(found.causes) == {NO_DATA: 3, "assertion": 1}


def test_without_a_failure_there_is_nothing_to_divide() -> None:
    found = attribute([], Total(0, BUDGET), [], 0, 0)
    assert (found.causes, found.incidents, found.unrecorded) == ((), (), ())
    assert found.silent.share == 0


def names(found: tuple[Any, ...]) -> dict[str, Any]:
    return {part.name: part.bad for part in found}


failures = st.lists(
    st.builds(
        Failure,
        slot_ms=st.integers(0, 10**6),
        region=st.sampled_from("abc"),
        cause=st.sampled_from(["timeout", "assertion"]),
        step=st.sampled_from(["pay", NO_STEP]),
        origin=st.sampled_from(Origin),
        silent=st.booleans(),
        bad=st.fractions(0, 1, max_denominator=9).filter(bool),
    )
)
deploys = st.lists(st.builds(Deploy, st.integers(0, 10**6), st.sampled_from(["x", "y"])))


@given(failures, deploys, st.integers(0, 10**6), st.integers(0, 10**5), st.integers(0, 5))
def test_every_division_adds_up_to_exactly_what_is_consumed(
    failed: list[Failure], shipped: list[Deploy], within_ms: int, apart_ms: int, more: int
) -> None:
    total = Total(sum(each.bad for each in failed) + more, BUDGET)
    found = attribute(failed, total, shipped, within_ms, apart_ms)
    for division in (found.origins, found.causes, found.steps, found.regions, found.deploys):
        assert sum(part.share for part in division) == total.consumed
        assert list(division) == sorted(division, key=lambda part: (-part.bad, part.name))
    apart = [*(each.part for each in found.incidents), *found.unrecorded]
    assert sum(part.share for part in apart) == total.consumed
    assert found.silent.share <= total.consumed
