"""The quarterly review answers each of its questions from data and leaves a blank for people."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from prober.evaluator.audit import Kind
from prober.evaluator.reports.quarterly import QUESTIONS
from prober.slo.moment import iso, moment_ms
from tests.evaluator.hours import DAY_MS, EARLIER, MORNING, Hours, exact, hourly_contract

QUARTERS = hourly_contract().replace("10d", "90d")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Hours]:
    there = Hours(tmp_path / "hours")
    yield there
    there.close()


@pytest.fixture
def years(tmp_path: Path) -> Iterator[Hours]:
    """One whose journey runs once a day, over a window of a quarter."""
    there = Hours(tmp_path / "years", QUARTERS)
    yield there
    there.close()


def answer(there: Hours, name: str) -> Any:
    questions = {each["id"]: each for each in there.slo("quarterly")["questions"]}
    assert list(questions) == list(QUESTIONS)
    return questions[name]["answer"]


def days(first: str, number: int) -> list[str]:
    """A slot of each day."""
    return [iso(moment_ms(first) + day * DAY_MS) for day in range(number)]


def test_every_question_has_an_answer_and_a_blank_for_the_decision(office: Hours) -> None:
    office.hours()
    found = office.report("quarterly", format="md")
    questions = found["slos"][0]["questions"]
    assert [each["id"] for each in questions] == [
        "breach",
        "target",
        "journeys",
        "ownership",
        "policy",
    ]
    assert all(each["answer"] and each["decision"] == "" for each in questions)
    text = found["text"]
    for asked in QUESTIONS.values():
        part = text.split(f"### {asked}\n")[1].split("\n### ")[0]
        assert part.count("- [ ] Decision: ____\n") == 1
        assert len(part.strip().splitlines()) > 1
    assert "due 2026-10-01T00:00:00Z" in text


def test_a_breach_is_told_with_what_caused_it(office: Hours) -> None:
    office.hours()
    (found,) = answer(office, "breach")["objectives"]
    assert exact(found["quarter"]["compliance"]) == Fraction(702, 706)
    assert found["quarter"]["met"] is True
    assert [part["name"] for part in found["spent"]["step"]] == ["pay"]
    assert len(found["incidents"]) == 2


def test_misses_of_the_quarter_are_part_of_the_answer(office: Hours) -> None:
    office.hours()
    office.entered("EXHAUSTED", "2026-06-10T00:01:00Z", "5/4")
    office.entered("EXHAUSTED", "2026-07-01T10:01:00Z", "5/4")
    assert [each["opened"] for each in answer(office, "breach")["misses"]] == [
        "2026-06-10T00:00:00Z"
    ]


@pytest.mark.parametrize(
    ("bad", "fit", "structural"),
    [
        pytest.param(days("2026-04-03T12:00:00Z", 12), "loose", False, id="hardly spent"),
        pytest.param(
            [*days("2026-04-10T12:00:00Z", 20), *days("2026-01-10T12:00:00Z", 20)],
            "tight",
            True,
            id="missed twice",
        ),
        pytest.param(days("2026-04-10T12:00:00Z", 5), "ok", False, id="spent and kept"),
    ],
)
def test_a_target_is_tight_loose_or_right_and_may_be_out_of_reach(
    years: Hours, bad: list[str], fit: str, structural: bool
) -> None:
    years.hours(bad if fit != "loose" else bad[:2], first="2025-06-15T12:00:00Z", every_ms=DAY_MS)
    (found,) = answer(years, "target")
    assert (found["fit"], found["structural"]) == (fit, structural)
    assert exact(found["target"]) == Fraction(9, 10)
    assert found["suggested_because"]


def test_complaints_while_the_slo_was_kept_point_at_what_nobody_watches(office: Hours) -> None:
    office.hours()
    for start, end in (
        ("2026-06-20T00:00:00Z", "2026-06-20T06:00:00Z"),
        (MORNING[0], MORNING[2]),
        ("2026-05-01T00:00:00Z", "2026-05-01T06:00:00Z"),
        ("2026-03-01T00:00:00Z", "2026-03-01T06:00:00Z"),
    ):
        office.ask("feedback-add", text="vouchers are refused", start=start, end=end)
    found = answer(office, "journeys")
    assert [each["unseen"] for each in found["complaints"]] == [True, False, None]
    assert found["unseen"] == 1
    text = office.report("quarterly", format="md")["text"]
    assert "1 of 3 complaints came while the SLO was kept." in text
    assert "UNKNOWN whether an SLO saw it: `vouchers are refused`" in text


def test_a_complaint_about_another_journey_is_not_this_ones(tmp_path: Path) -> None:
    there = Hours(tmp_path / "two", hourly_contract(), hourly_contract("login"))
    there.hours().hours((), journey="login")
    there.ask("feedback-add", text="slow", start=EARLIER, end=MORNING[0], journey="login")
    slos = there.report("quarterly")["slos"]
    told = [slo["questions"][2]["answer"]["complaints"] for slo in slos]
    assert [len(each) for each in told] == [0, 1]
    there.close()


def test_changes_of_owners_are_told(office: Hours) -> None:
    office.hours()
    for at, sre in (("2026-05-01", "sre-old"), ("2026-06-01", "sre-shop"), ("2026-07-01", "x")):
        body = {"slo": "checkout", "owners": {"product": "pm", "sre": sre}, "hash": ""}
        office.desk.audit.append(Kind.OWNERSHIP, body, moment_ms(f"{at}T00:00:00Z"))
    found = answer(office, "ownership")
    assert found["changes"] == [
        {
            "at": "2026-06-01T00:00:00Z",
            "from": {"product": "pm", "sre": "sre-old"},
            "to": {"product": "pm", "sre": "sre-shop"},
        }
    ]
    assert found["owners"] == {"product": "pm-payments", "sre": "sre-shop"}


def test_who_has_yet_to_sign_is_told_by_role(tmp_path: Path) -> None:
    there = Hours(tmp_path / "draft", hourly_contract(more="  required_roles: [engineering]\n"))
    found = answer(there.hours(), "ownership")
    assert found["unsigned"] == ["engineering (policy)", "engineering (target)"]
    there.close()


def test_the_policy_is_judged_by_what_it_did(office: Hours) -> None:
    office.hours()
    office.now_ms = moment_ms("2026-06-30T15:00:00Z")
    office.gate()
    office.gate(advisory=True)
    office.ask(
        "override-grant", slo="checkout", commit="3f2c1ab90d", role="sre", by="ada", reason="law"
    )
    office.ask("review-record", slo="checkout", kind="budget", by="sre", notes="calm")
    office.now_ms = moment_ms("2026-07-01T14:00:00Z")
    office.entered("CAUTION", "2026-06-05T00:00:00Z")
    found = answer(office, "policy")
    assert found["decisions"] == {"verdicts": {"allow": 2}, "advisory": 1}
    assert found["reviews"] == {"budget": 1, "quarterly": 0, "reliability": 0}
    assert (found["states"], len(found["overrides"])) == ({"CAUTION": 1}, 1)
    assert found["policy"] == "seed-5"


def test_quarters_met_one_after_the_other_are_counted_from_the_last(years: Hours) -> None:
    years.hours(days("2025-08-01T12:00:00Z", 20), first="2025-06-15T12:00:00Z", every_ms=DAY_MS)
    streak = years.slo("quarterly")["streak"]
    assert [(each["name"], each["met"]) for each in streak["quarters"]] == [
        ("2026-Q2", True),
        ("2026-Q1", True),
        ("2025-Q4", True),
        ("2025-Q3", False),
    ]
    assert (streak["met_in_a_row"], streak["badge"]) == (3, True)


def test_a_quarter_of_which_little_is_known_ends_a_streak(years: Hours) -> None:
    years.hours((), first="2025-06-15T12:00:00Z", every_ms=DAY_MS)
    gone_ms = moment_ms("2026-01-20T12:00:00Z")
    other = Hours(years.directory.parent / "gap", QUARTERS)
    other.hours((), first="2025-06-15T12:00:00Z", every_ms=DAY_MS, last_ms=gone_ms)
    other.hours((), first="2026-04-01T12:00:00Z", every_ms=DAY_MS)
    streak = other.slo("quarterly")["streak"]
    assert [each["met"] for each in streak["quarters"]] == [True, None, True, True]
    assert (streak["met_in_a_row"], streak["badge"]) == (1, False)
    assert years.slo("quarterly")["streak"]["met_in_a_row"] == 4
    other.close()


def test_the_next_review_is_due_and_recording_it_moves_it(office: Hours) -> None:
    office.hours()
    assert office.slo("quarterly")["next"]["due"] == "2026-10-01T00:00:00Z"
    office.ask("review-record", slo="checkout", kind="quarterly", by="product", notes="kept")
    assert office.slo("quarterly")["next"]["due"] == "2027-01-01T00:00:00Z"
