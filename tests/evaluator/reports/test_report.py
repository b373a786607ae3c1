"""Reports over a journal with known runs say what was reckoned by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from prober.errors import InputError, ProberError
from prober.evaluator.audit import Kind
from prober.evaluator.desk.subject import last_days, last_quarter
from prober.evaluator.reports.daily import LONGEST, topic
from prober.slo.moment import iso, moment_ms
from prober.slo.window import Span
from tests.evaluator.conftest import Evaluator
from tests.evaluator.hours import (
    DAY_MS,
    EARLIER,
    HOUR_MS,
    IMPACT,
    MORNING,
    Hours,
    ago,
    exact,
    hourly_contract,
)
from tests.evaluator.office import NOW_MS

KINDS = ("daily", "weekly", "sprint", "quarterly")
TOO_EARLY = "at: '0001-01-01T00:00:00Z' is before 1970, write a later moment"
GRANT = {"slo": "checkout", "commit": "3f2c1ab90d", "role": "sre", "reason": "legal deadline"}
EXCLUDE = {
    "start": MORNING[0],
    "end": "2026-06-30T13:00:00Z",
    "category": "provider_outage",
    "reason": "the provider was down",
}

Open = Callable[..., Hours]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Open]:
    """`office(contract, …)`: one that lived through the known failures."""
    made: list[Hours] = []

    def open_office(*contracts: str) -> Hours:
        made.append(Hours(tmp_path / str(len(made)), *contracts))
        return made[-1]

    yield open_office
    for each in made:
        each.close()


def objective(slo: dict[str, Any]) -> dict[str, Any]:
    (found,) = slo["objectives"]
    assert isinstance(found, dict)
    return found


# Periods


def test_yesterday_is_a_whole_day_of_the_place_whatever_its_clocks_do() -> None:
    monday_ms = moment_ms("2026-03-30T10:00:00Z")
    assert last_days("Europe/Berlin", monday_ms, 1) == Span(
        moment_ms("2026-03-28T23:00:00Z"), moment_ms("2026-03-29T22:00:00Z")
    )
    assert last_days("Europe/Berlin", monday_ms, 7).length_ms == 167 * HOUR_MS
    assert last_days("UTC", monday_ms, 7).length_ms == 7 * DAY_MS


def test_the_last_quarter_is_the_one_that_is_over() -> None:
    assert last_quarter("America/New_York", moment_ms("2026-04-01T03:59:59Z")) == Span(
        moment_ms("2025-10-01T04:00:00Z"), moment_ms("2026-01-01T05:00:00Z")
    )
    assert last_quarter("America/New_York", moment_ms("2026-04-01T04:00:00Z")) == Span(
        moment_ms("2026-01-01T05:00:00Z"), moment_ms("2026-04-01T04:00:00Z")
    )


def test_days_are_those_of_the_calendar_that_a_contract_names(office: Open) -> None:
    month = "    - {name: month, calendar: {unit: month, time_zone: America/New_York}}\n"
    there = office(hourly_contract(more=month)).hours()
    assert there.slo("daily")["day"] == {
        "first": "2026-06-30",
        "last": "2026-06-30",
        "start": "2026-06-30T04:00:00Z",
        "end": "2026-07-01T04:00:00Z",
        "time_zone": "America/New_York",
    }


# Daily


def test_the_daily_report_has_yesterdays_number_raw_beside_adjusted(office: Open) -> None:
    there = office().hours()
    day = objective(there.slo("daily"))["day"]
    assert (exact(day["compliance"]), exact(day["raw_compliance"])) == (Fraction(7, 8),) * 2
    assert (day["bad"], day["valid"], day["due"], day["known"]) == ("3", "24", "24", True)
    assert (exact(day["consumed"]), day["met"]) == (Fraction(3, 24), False)
    there.ask("exclude-add", **EXCLUDE, requested_by="bob", approved_by="eve")
    day = objective(there.slo("daily"))["day"]
    assert (exact(day["compliance"]), exact(day["raw_compliance"])) == (1, Fraction(7, 8))
    assert (day["excluded"], day["valid"]) == (3, "21")


def test_the_trend_is_what_is_left_against_the_day_before(office: Open) -> None:
    (window,) = objective(office().hours().slo("daily"))["windows"]
    assert exact(window["remaining"]) == Fraction(20, 24)
    trend = window["trend"]
    assert (exact(trend["before"]), exact(trend["after"])) == (Fraction(23, 24), Fraction(20, 24))
    assert (exact(trend["change"]), trend["direction"]) == (Fraction(-3, 24), "down")


def test_a_month_is_told_as_it_ended_and_begins_with_all_of_its_budget(office: Open) -> None:
    month = "    - {name: month, calendar: {unit: month, time_zone: UTC}}\n"
    there = office(hourly_contract(more=month)).hours(last_ms=NOW_MS + DAY_MS)
    _, june = objective(there.slo("daily"))["windows"]
    assert exact(june["trend"]["before"]) == Fraction(71, 72)
    assert exact(june["trend"]["after"]) == Fraction(68, 72)
    there.now_ms += DAY_MS
    _, july = objective(there.slo("daily"))["windows"]
    assert (exact(july["trend"]["before"]), july["trend"]["direction"]) == (1, "flat")


def test_an_incident_is_told_with_users_money_and_what_its_runs_met(office: Open) -> None:
    there = office(hourly_contract(more=IMPACT)).hours(message="the total is wrong")
    (incident,) = objective(there.slo("daily"))["incidents"]
    assert (incident["start"], incident["end"]) == (MORNING[0], "2026-06-30T13:00:00Z")
    assert (exact(incident["users"]), exact(incident["amount"])) == (300, 600)
    assert (exact(incident["share"]), incident["severity"]) == (Fraction(3, 24), "sev2")
    assert incident["text"] == (
        "From 2026-06-30 10:00 to 13:00 UTC checkout failed for about 300 users, which cost about "
        "600 USD (3 of 3 runs failed, 100 journeys an hour, 2 USD a journey)."
    )
    assert (incident["steps"], incident["causes"]) == (["pay"], ["assertion"])
    assert incident["regions"] == ["eu-west-1"]
    assert incident["runs"] == [f"{slot} eu-west-1" for slot in MORNING]
    assert incident["seen"] == "the total is wrong"
    assert (incident["needs_postmortem"], incident["review"]) == (False, False)


def test_what_to_do_is_what_the_policy_says_of_the_state_worst_first(office: Open) -> None:
    there = office(hourly_contract(), hourly_contract("login"))
    there.hours((), journey="login")
    there.hours([ago(hours * HOUR_MS) for hours in range(1, 25)])
    found = there.report("daily")
    assert [(each["slo"], each["state"]) for each in found["to_do"]] == [
        ("checkout", "EXHAUSTED"),
        ("login", "FULL"),
    ]
    assert "Incident review for any further failures" in found["to_do"][0]["actions"]
    assert found["to_do"][1]["actions"] == ["Permission to take risks"]


def test_the_topic_is_one_short_line_worst_first(office: Open) -> None:
    there = office(hourly_contract("signup"), hourly_contract()).hours()
    assert there.report("daily")["topic"] == "signup UNKNOWN · checkout FULL 83.3% ↓"


def test_a_topic_that_is_too_long_says_how_many_more_there_are() -> None:
    def slo(number: int) -> dict[str, Any]:
        left = {"exact": f"{number}/100", "decimal": ""}
        window = {"state": "FULL", "remaining": left, "gate": True, "trend": {"direction": "flat"}}
        return {"name": f"journey-{number:02}", "objectives": [{"windows": [window]}]}

    line = topic([slo(number) for number in range(40)])
    assert len(line) <= LONGEST
    assert line.startswith("journey-00 FULL 0% → · journey-01 FULL 1% → · ")
    shown = line.count("journey-")
    assert line.endswith(f" · {40 - shown} more")
    assert topic([]) == "no SLOs"


def test_what_nobody_knows_is_unknown_and_never_good(office: Open) -> None:
    there = office().hours(last_ms=NOW_MS - 3 * DAY_MS)
    found = there.report("daily", format="md")
    day = objective(found["slos"][0])["day"]
    assert (day["known"], day["why"], day["met"]) == (False, "no run", None)
    assert (day["compliance"], day["raw_compliance"], day["due"]) == (None, None, "24")
    (window,) = objective(found["slos"][0])["windows"]
    assert (window["state"], window["compliance"], window["remaining"]) == ("UNKNOWN", None, None)
    assert (window["trend"]["direction"], window["on_track"]) == ("unknown", None)
    assert found["topic"] == "checkout UNKNOWN"
    assert "| UNKNOWN: no run | – |" in found["text"]
    assert "100%" not in found["text"]


def test_a_day_of_which_little_was_seen_is_unknown_too(office: Open) -> None:
    there = office().hours(last_ms=moment_ms("2026-06-30T08:00:00Z"))
    there.hours(first="2026-06-30T20:00:00Z")
    day = objective(there.slo("daily"))["day"]
    assert (day["known"], day["compliance"]) == (False, None)
    assert exact(day["coverage"]) == Fraction(1, 2)
    assert day["why"] == "coverage 50%, it takes 90%"


def test_what_becomes_of_a_budget_is_told_before_it_is_spent(office: Open) -> None:
    there = office().hours([ago(hours * HOUR_MS) for hours in range(1, 9)])
    (window,) = objective(there.slo("daily"))["windows"]
    assert re.fullmatch(r"is spent by 2026-07-\d\dT\S+Z, at the recent rate", window["outlook"])
    text = there.report("daily", format="md")["text"]
    assert f"- The budget of `checkout` availability over 10d {window['outlook']}.\n" in text
    assert "The budget of" not in office().hours(()).report("daily", format="md")["text"]


# Weekly


def test_the_weekly_report_has_the_week_the_window_and_what_was_consumed(office: Open) -> None:
    slo = office().hours().slo("weekly")
    assert (slo["week"]["first"], slo["week"]["last"]) == ("2026-06-24", "2026-06-30")
    found = objective(slo)
    assert exact(found["week"]["compliance"]) == Fraction(164, 168)
    assert exact(found["week"]["consumed"]) == Fraction(4, 24)
    assert exact(found["windows"][0]["compliance"]) == Fraction(236, 240)
    assert [exact(each["share"]) for each in found["incidents"]] == [
        Fraction(3, 24),
        Fraction(1, 24),
    ]
    assert found["incidents"][1]["severity"] is None  # a single failure may be chance


def test_what_spent_a_week_adds_up_to_what_the_week_consumed(office: Open) -> None:
    there = office().hours()
    there.ask("mark-deploy", name="v2.31.0", at="2026-06-30T09:30:00Z")
    found = objective(there.slo("weekly"))
    for division in ("origin", "cause", "step", "region", "deploy"):
        parts = found["spent"][division]
        assert sum(exact(part["share"]) or 0 for part in parts) == Fraction(4, 24)
    shares = {part["name"]: exact(part["share"]) for part in found["spent"]["deploy"]}
    assert shares == {"v2.31.0": Fraction(2, 24), "no deploy": Fraction(2, 24)}
    assert found["incidents"][0]["deploys"] == ["v2.31.0"]
    assert found["week"]["silent_failures"] == 4  # the servers said nothing of it


def test_failures_while_the_budget_is_spent_ask_for_a_review_each(office: Open) -> None:
    there = office().hours()
    there.entered("EXHAUSTED", "2026-06-28T00:00:00Z")
    found = objective(there.slo("weekly"))
    assert [(each["start"], each["review"]) for each in found["incidents"]] == [
        (MORNING[0], True),
        (EARLIER, False),
    ]


def test_states_of_the_week_come_with_what_they_have_people_do(office: Open) -> None:
    there = office().hours()
    there.entered("CRITICAL", "2026-06-20T00:00:00Z")
    there.entered("CRITICAL", "2026-06-25T00:00:00Z", **{"from": "WARNING"})
    (entered,) = there.slo("weekly")["states"]
    assert (entered["at"], entered["from"], entered["to"]) == (
        "2026-06-25T00:00:00Z",
        "WARNING",
        "CRITICAL",
    )
    assert "Root cause analysis mandatory" in entered["actions"]


def alert(there: Hours, at: str, phase: str, rule: str = "page-fast", **body: Any) -> None:
    told = {
        "slo": "checkout",
        "rule": rule,
        "objective": "availability",
        "window": "rolling",
        "region": "",
        "severity": "page",
        "phase": phase,
        "text": "it burns",
        "facts": {},
    }
    there.desk.audit.append(Kind.ALERT, told | body, moment_ms(at))


def test_alerts_are_held_against_the_budget_that_their_incidents_spent(office: Open) -> None:
    there = office().hours()
    for hour, consumed in enumerate(("1/8", "1/50", "1/51")):
        alert(there, f"2026-06-30T0{hour}:00:00Z", "firing", began_ms=None)
        alert(there, f"2026-06-30T0{hour}:30:00Z", "resolved", consumed=consumed)
    alert(there, "2026-06-30T05:00:00Z", "firing", "absent", began_ms=None)
    alert(there, "2026-06-30T06:00:00Z", "resolved", "absent", consumed=None)
    alert(there, "2026-06-01T00:00:00Z", "firing", began_ms=None)
    alert(there, "2026-06-30T00:00:00Z", "firing", slo="login", began_ms=None)
    absent, fast = there.slo("weekly")["alerts"]
    assert (fast["rule"], fast["fired"], fast["ended"], fast["worth_it"]) == ("page-fast", 3, 3, 2)
    assert exact(fast["precision"]) == Fraction(2, 3)
    assert exact(fast["consumed"]) == Fraction(1, 8) + Fraction(1, 50) + Fraction(1, 51)
    assert (absent["fired"], absent["ended"], absent["precision"]) == (1, 0, None)


def test_exceptions_are_told_with_roles_and_reasons(office: Open) -> None:
    there = office().hours()
    there.now_ms = moment_ms("2026-06-30T15:00:00Z")
    there.ask("override-grant", **GRANT, by="ada lovelace", expires="1h")
    there.gate(commit="3f2c1ab90d")
    there.ask("exclude-add", **EXCLUDE, requested_by="bob", approved_by="eve")
    there.now_ms = NOW_MS
    slo = there.slo("weekly")
    (override,) = slo["overrides"]
    assert (override["role"], override["reason"], override["commit"]) == (
        "sre",
        "legal deadline",
        "3f2c1ab90d",
    )
    (exclusion,) = slo["exclusions"]
    assert exclusion["times"] == ["2026-06-30T10:00:00Z to 2026-06-30T13:00:00Z"]
    assert exclusion["retroactive"]
    assert slo["decisions"] == {"verdicts": {"allow": 1}, "advisory": 0}
    there.now_ms += 7 * DAY_MS
    later = there.slo("weekly")
    assert (later["overrides"], later["exclusions"]) == ([], [])
    assert later["decisions"]["verdicts"] == {}


@pytest.mark.parametrize("kind", KINDS)
def test_reports_name_roles_and_never_people(office: Open, kind: str) -> None:
    there = office().hours()
    there.now_ms = moment_ms("2026-06-30T15:00:00Z")
    there.ask("override-grant", **GRANT, by="Ada Lovelace")
    there.ask("exclude-add", **EXCLUDE, requested_by="Bob Dylan", approved_by="Eve Polastri")
    there.ask("review-record", slo="checkout", kind="budget", by="sre", notes="all is well")
    there.now_ms = NOW_MS
    told = [there.report(kind, format=form) for form in ("json", "md", "html")]
    text = json.dumps(told)
    assert not any(name in text for name in ("Ada", "Lovelace", "Bob", "Dylan", "Eve", "Polastri"))


def test_the_weekly_report_says_what_the_prober_itself_did_not_see(office: Open) -> None:
    there = office().hours(last_ms=moment_ms("2026-06-29T00:00:00Z"))
    there.hours(first="2026-06-30T00:00:00Z")
    own = there.slo("weekly")["prober"]
    assert (exact(own["coverage"]), exact(own["validity"])) == (Fraction(144, 168), 1)
    assert own["text"][0].startswith("coverage 85.7%: 24 of 168 due slots have no run")


def test_reviews_and_misses_that_are_open_stand_in_the_weekly_report(office: Open) -> None:
    there = office().hours()
    there.entered("EXHAUSTED", "2026-06-20T00:01:00Z", "5/4")
    slo = there.slo("weekly")
    (miss,) = slo["misses"]
    assert (miss["standing"], miss["due"]) == ("overdue", "2026-06-30T00:00:00Z")
    assert [each["kind"] for each in slo["reviews"]] == ["quarterly"]


# Sprint


def test_the_sprint_takes_what_cost_most_first(office: Open) -> None:
    there = office(hourly_contract(), hourly_contract("login"))
    there.hours().hours(MORNING[:2], journey="login", step="sign in")
    there.ask("mark-deploy", name="v2.31.0", at="2026-06-30T09:30:00Z", journeys=["login"])
    found = there.report("sprint")
    assert [(each["slo"], each["step"], exact(each["share"])) for each in found["work"]] == [
        ("checkout", "pay", Fraction(4, 24)),
        ("login", "sign in", Fraction(2, 24)),
    ]
    assert (found["work"][1]["deploys"], found["work"][0]["deploys"]) == (["v2.31.0"], [])
    assert (found["work"][0]["first"], found["work"][0]["last"]) == (EARLIER, MORNING[2])


def test_the_sprint_is_a_block_of_markdown_with_boxes_to_tick(office: Open) -> None:
    text = office().hours().report("sprint", format="md")["text"]
    assert text.startswith("# Reliability in the sprint\n")
    assert (
        "- [ ] `checkout` availability: `assertion` in `pay` cost 16.6% of the budget: 4 bad, 4 of "
        "them silent, in `eu-west-1`; last 2026-06-30T12:00:00Z\n"
    ) in text


def test_from_warning_on_reliability_comes_first(office: Open) -> None:
    there = office()
    there.hours([ago(hours * HOUR_MS) for hours in range(1, 13)])
    found = there.report("sprint", format="md")
    assert found["slos"][0]["state"] == "WARNING"
    assert found["slos"][0]["first"]
    assert "Reliability work comes first for `checkout`, by policy." in found["text"]


# Asking


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_of_a_past_moment_says_what_it_would_have_said(office: Open, kind: str) -> None:
    there = office().hours(first="2026-03-25T14:00:00Z")
    then_ms = moment_ms("2026-06-29T14:00:00Z")
    there.now_ms = then_ms
    asked_then = there.report(kind)
    there.now_ms = NOW_MS
    there.entered("EXHAUSTED", "2026-06-30T12:00:00Z")
    there.ask("feedback-add", text="it hung", start=EARLIER, end=MORNING[0])
    there.ask("mark-deploy", name="v2.31.0", at=EARLIER)
    assert there.report(kind, at=iso(then_ms)) == asked_then


def test_only_what_is_asked_for_is_reported(office: Open) -> None:
    there = office(hourly_contract(), hourly_contract("login")).hours()
    assert [slo["name"] for slo in there.report("daily", slo="login")["slos"]] == ["login"]
    with pytest.raises(ProberError, match="did you mean login"):
        there.report("daily", slo="logon")


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"kind": "yearly"}, "kind: 'yearly'"),
        ({"kind": "daily", "format": "pdf"}, "format: 'pdf'"),
        ({"kind": "daily", "at": "yesterday"}, "at: 'yesterday' is not a moment"),
        ({"kind": "daily", "at": "2026-07-01T14:00:01Z"}, "is to come, write a moment"),
        *(({"kind": kind, "at": "0001-01-01T00:00:00Z"}, TOO_EARLY) for kind in KINDS),
        (
            {"kind": "daily", "at": "1970-01-01T00:59:59+01:00"},
            "'1970-01-01T00:59:59+01:00' is before 1970, write a later moment",
        ),
    ],
)
def test_a_wrong_request_is_refused(office: Open, request_: dict[str, str], said: str) -> None:
    with pytest.raises(InputError) as raised:
        office().ask("report", **request_)
    assert said in str(raised.value)


def test_an_evaluator_reports_over_http(shared_evaluator: Evaluator) -> None:
    for verb, request in (
        ("report", {"kind": "weekly", "format": "md"}),
        ("misses", {}),
        ("reviews", {"slo": "checkout"}),
    ):
        reply = shared_evaluator.http.post(f"/api/v1/{verb}", json=request)
        assert reply.status_code == 200, reply.text
    wrong = shared_evaluator.http.post("/api/v1/report", json={"kind": "yearly"})
    assert wrong.status_code == 400
    early = {"kind": "daily", "at": "0001-01-01T00:00:00Z"}
    refused = shared_evaluator.http.post("/api/v1/report", json=early)
    assert (refused.status_code, TOO_EARLY in refused.json()["error"]) == (400, True)
    assert shared_evaluator.http.post("/api/v1/report", json={"kind": "daily"}).json()["topic"] == (
        "checkout UNKNOWN"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_moment_that_can_be_asked_about_is_that_of_1970(office: Open, kind: str) -> None:
    month = "    - {name: month, calendar: {unit: month, time_zone: America/New_York}}\n"
    there = office(hourly_contract(more=month)).hours()
    assert there.slo(kind, at="1970-01-01T00:00:00Z")["state"] == "UNKNOWN"


@pytest.mark.parametrize("kind", KINDS)
def test_a_contract_that_never_ran_is_reported_as_unknown(office: Open, kind: str) -> None:
    found = office().report(kind, format="md")
    assert found["slos"][0]["state"] == "UNKNOWN"
    assert "UNKNOWN: no run" in found["text"]
    assert not any(good in found["text"] for good in ("100%", "No incident.", "None.", " good, –"))
