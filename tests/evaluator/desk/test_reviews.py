"""Reviews are due as the policy says, and are recorded by role."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prober.errors import InputError
from prober.slo.moment import moment_ms
from tests.evaluator.hours import HOUR_MS, Hours, ago

HELD = {"slo": "checkout", "by": "sre", "notes": "the provider is being replaced"}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Hours]:
    there = Hours(tmp_path / "hours")
    yield there
    there.close()


def failed(there: Hours, hours: int) -> Hours:
    """So many of the last hours failed: each consumes a 24th."""
    return there.hours([ago(hour * HOUR_MS) for hour in range(1, hours + 1)])


def due(there: Hours, kind: str) -> dict[str, Any] | None:
    found = [each for each in there.ask("reviews")["due"] if each["kind"] == kind]
    return found[0] if found else None


def test_a_budget_in_caution_is_reviewed_weekly(office: Hours) -> None:
    failed(office, 8).entered("CAUTION", "2026-06-20T00:00:00Z")
    found = due(office, "budget")
    assert found is not None
    assert (found["due"], found["overdue"], found["last"]) == ("2026-06-27T00:00:00Z", True, None)
    recorded = office.ask("review-record", **HELD, kind="budget")["review"]
    found = due(office, "budget")
    assert found is not None
    assert (found["due"], found["overdue"]) == ("2026-07-08T14:00:00Z", False)
    assert found["last"] == recorded["at"] == "2026-07-01T14:00:00Z"


def test_one_in_warning_is_reviewed_daily(office: Hours) -> None:
    failed(office, 12).entered("WARNING", "2026-07-01T00:00:00Z")
    found = due(office, "budget")
    assert found is not None
    assert (found["due"], found["overdue"]) == ("2026-07-02T00:00:00Z", False)


def test_a_full_budget_needs_none_but_that_of_the_quarter(office: Hours) -> None:
    office.hours(())
    found = office.ask("reviews")
    assert [(each["kind"], each["due"], each["overdue"]) for each in found["due"]] == [
        ("quarterly", "2026-10-01T00:00:00Z", False)
    ]


def test_a_journey_that_never_ran_has_nothing_to_review(office: Hours) -> None:
    assert office.ask("reviews")["due"] == []


def test_a_spent_budget_asks_for_a_reliability_review_until_it_was_held(office: Hours) -> None:
    failed(office, 30).entered("EXHAUSTED", "2026-07-01T12:00:00Z")
    found = due(office, "reliability")
    assert found is not None
    assert (found["due"], found["overdue"]) == ("2026-07-01T12:00:00Z", True)
    office.ask("review-record", **HELD, kind="reliability")
    assert due(office, "reliability") is None


def test_the_soonest_is_first_and_what_was_held_last_too(office: Hours) -> None:
    failed(office, 30).entered("EXHAUSTED", "2026-07-01T12:00:00Z")
    office.ask("review-record", **HELD, kind="budget")
    office.now_ms += HOUR_MS
    office.ask("review-record", **HELD, kind="quarterly")
    found = office.ask("reviews", slo="checkout")
    assert [each["kind"] for each in found["due"]] == ["reliability", "budget", "quarterly"]
    assert [each["kind"] for each in found["held"]] == ["quarterly", "budget"]
    assert found["held"][1]["notes"] == HELD["notes"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"by": "Ada"}, "by: 'Ada' is no role that reviews it"),
        ({"kind": "yearly"}, "kind: 'yearly'"),
        ({"notes": " "}, "notes: the text is blank"),
    ],
)
def test_a_review_is_recorded_by_role_with_what_came_of_it(
    office: Hours, change: dict[str, str], said: str
) -> None:
    with pytest.raises(InputError) as raised:
        office.ask("review-record", **{**HELD, "kind": "budget", **change})
    assert said in str(raised.value)
    assert office.desk.audit.length == 0


def test_a_review_of_a_past_moment_is_not_known_before_it_was_held(office: Hours) -> None:
    failed(office, 8).entered("CAUTION", "2026-06-20T00:00:00Z")
    office.ask("review-record", **HELD, kind="budget")
    office.now_ms = moment_ms("2026-07-01T13:00:00Z")
    found = office.ask("reviews")
    assert found["held"] == []
