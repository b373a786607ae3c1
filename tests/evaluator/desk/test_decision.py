"""Decisions: from a journal to a verdict, written down so that it can be made again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from prober.errors import InputError, ProberError
from prober.evaluator.audit import Kind
from prober.slo.moment import iso
from tests.evaluator.office import MINUTE_MS, NOW_MS, Office, contract

GRANT = {"slo": "checkout", "role": "vp_engineering", "by": "ada", "reason": "hotfix"}
POLICY = """\
apiVersion: prober/v1
kind: Policy
metadata: {name: lenient}
spec: {on_inconclusive: approve}
"""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    """`office(*contracts, name=…)`: a desk over an empty journal."""
    with ExitStack() as opened:

        def start(*contracts: str, **files: str) -> Office:
            made = Office(tmp_path, *contracts, **files)
            opened.callback(lambda: made.close())
            return made

        yield start


@pytest.mark.parametrize(
    ("failures", "state", "verdict", "exit_code"),
    [
        (2, "FULL", "allow", 0),
        (3, "CAUTION", "allow", 0),
        (5, "WARNING", "approval:sre", 10),
        (8, "CRITICAL", "block", 20),
        (10, "EXHAUSTED", "block", 20),
    ],
)
def test_a_journal_decides(
    office: Callable[..., Office], failures: int, state: str, verdict: str, exit_code: int
) -> None:
    there = office()
    there.live(bad=range(50, 50 + failures))
    answer = there.gate()
    assert (answer["verdict"], answer["exit"]) == (verdict, exit_code)
    assert answer["rulings"][0]["state"] == state
    (result,) = answer["slos"][0]["results"]
    assert result["counts"] == {
        "good": str(100 - failures), "bad": str(failures), "invalid": "0", "due": "100",
    }  # fmt: skip


def test_a_decision_is_written_down_with_all_it_was_made_from(
    office: Callable[..., Office],
) -> None:
    there = office()
    there.live(bad=[50])
    answer = there.gate(commit="3f2c1ab90d", estimate="5%")
    (entry,) = there.desk.audit.entries(Kind.DECISION)
    assert answer["decision"] == entry.id
    assert entry.at_ms == entry.body["as_of_ms"] == entry.body["known_ms"] == NOW_MS
    assert entry.body["request"]["commit"] == "3f2c1ab90d"
    assert {**entry.body, "decision": entry.id} == {**answer, "request": entry.body["request"]}
    (slo,) = entry.body["slos"]
    assert slo["hash"] == there.desk.contracts[0].hash
    assert len(slo["exclusions"]) == 64


def test_an_answer_is_plain(office: Callable[..., Office]) -> None:
    there = office()
    there.live(bad=range(50, 60))
    answer = there.gate()
    assert json.loads(json.dumps(answer)) == answer


def test_no_run_is_inconclusive_and_says_so(office: Callable[..., Office]) -> None:
    answer = office().gate()
    assert (answer["verdict"], answer["exit"]) == ("inconclusive", 30)
    assert answer["rulings"][0]["reasons"] == ["availability over 100m is UNKNOWN: no run yet"]


def test_old_verdicts_are_inconclusive_with_their_age(office: Callable[..., Office]) -> None:
    there = office()
    there.live()
    there.now_ms += 3 * MINUTE_MS
    assert there.gate()["verdict"] == "inconclusive"
    (reason,) = there.gate()["rulings"][0]["reasons"]
    assert reason == "availability over 100m is UNKNOWN: no verdict for 4m"


def test_a_day_with_gaps_is_inconclusive_though_the_window_has_none(
    office: Callable[..., Office],
) -> None:
    there = office()
    there.live(end_ms=NOW_MS - 1200 * MINUTE_MS)
    there.live()
    answer = there.gate()
    assert (answer["verdict"], answer["earliest_ms"]) == ("inconclusive", None)
    assert "of the last day's slots ran, and 80% is the least" in answer["rulings"][0]["reasons"][0]


def test_a_spent_budget_stays_spent_through_a_day_with_gaps(office: Callable[..., Office]) -> None:
    there = office()
    there.live(end_ms=NOW_MS - 1200 * MINUTE_MS)
    there.live(bad=range(50, 60))
    assert there.gate()["verdict"] == "block"


def test_a_page_alert_that_fires_takes_approval(office: Callable[..., Office]) -> None:
    rule = "{name: fast, severity: page, burn: 2, long: 20m, short: 5m, min_regions: 1}"
    there = office(contract(more=f"  alerts: {{rules: [{rule}]}}\n"))
    there.live(bad=[1, 2])
    assert there.gate()["verdict"] == "allow"
    there.now_ms += 2 * MINUTE_MS
    there.live(bad=[1, 2], end_ms=there.now_ms, minutes=2)
    answer = there.gate()
    assert (answer["verdict"], answer["earliest_ms"]) == ("approval:sre", None)
    assert "the budget is burning: fast is firing" in answer["rulings"][0]["reasons"]


def test_every_slo_of_a_journey_is_asked(office: Callable[..., Office]) -> None:
    there = office(contract(), contract("login", "login"), contract("tight"))
    there.live(bad=range(50, 60))
    there.live(journey="login")
    assert [each["slo"] for each in there.gate(journey=["checkout"])["slos"]] == [
        "checkout",
        "tight",
    ]
    both = there.gate(journey=["login"], slo=["checkout"])
    assert {ruling["slo"]: ruling["verdict"] for ruling in both["rulings"]} == {
        "checkout": "block",
        "login": "allow",
    }
    assert both["verdict"] == "block"


@pytest.mark.parametrize(
    ("request_", "missing"),
    [
        ({"slo": ["chekout"]}, "there is no SLO chekout, did you mean checkout?"),
        (
            {"journey": ["chekout"]},
            "there is no SLO for journey chekout, did you mean checkout?",
        ),
    ],
)
def test_what_no_slo_answers_for_is_inconclusive_and_names_what_there_is(
    office: Callable[..., Office], request_: dict[str, list[str]], missing: str
) -> None:
    there = office()
    there.live()
    answer = there.gate(**request_)
    assert (answer["verdict"], answer["exit"]) == ("inconclusive", 30)
    assert answer["missing"] == [missing]


def test_a_contract_that_is_not_signed_is_a_draft(office: Callable[..., Office]) -> None:
    there = office(contract(more="  required_roles: [engineering]\n"))
    there.live(bad=range(50, 60))
    answer = there.gate()
    assert (answer["verdict"], answer["exit"]) == ("allow", 0)
    assert answer["rulings"][0]["verdict"] == "block"


def test_a_calendar_window_is_shown_and_not_asked(office: Callable[..., Office]) -> None:
    month = "    - {name: month, calendar: {unit: month, time_zone: UTC}}\n"
    there = office(contract(more=month))
    there.live(bad=[50])
    answer = there.gate()
    gates = {result["window"]: result["gate"] for result in answer["slos"][0]["results"]}
    assert gates == {"rolling": True, "month": False}
    assert answer["verdict"] == "allow"


def test_the_policy_of_the_contract_says_what_not_knowing_lets_pass(
    office: Callable[..., Office],
) -> None:
    there = office(contract(policy="lenient.yaml"), lenient=POLICY)
    assert there.gate(change="reliability")["verdict"] == "approval:sre"
    assert there.gate(change="feature")["verdict"] == "inconclusive"


def test_an_override_for_one_version_lets_no_other_pass(office: Callable[..., Office]) -> None:
    there = office()
    there.live(bad=range(50, 60))
    there.ask("override-grant", **GRANT, commit="v1.12.1")
    said = {name: there.gate(commit=name)["verdict"] for name in ("v1.12.1", "v1.12.10")}
    assert said == {"v1.12.1": "allow_overridden", "v1.12.10": "block"}


# When it fits


def test_what_stops_nothing_need_not_have_room(office: Callable[..., Office]) -> None:
    draft = contract("trial", more="  required_roles: [engineering]\n").replace("90%", "97%")
    tight = contract("tight").replace("90%", "97%")
    there = office(contract(), draft, tight)
    there.live(bad=[99, 98, 50, 51, 52, 53])
    assert there.gate(slo=["checkout", "tight"])["earliest_ms"] == NOW_MS + 49 * MINUTE_MS + 1
    there.ask("override-grant", **GRANT | {"slo": "tight"}, commit="3f2c1ab90d")
    answer = there.gate(journey=["checkout"], commit="3f2c1ab90d")
    assert answer["verdict"] == "approval:sre"
    assert answer["earliest_ms"] == NOW_MS + 2 * MINUTE_MS + 1


def test_what_lets_the_change_pass_need_not_say_when(office: Callable[..., Office]) -> None:
    sliced = "  budgeting: {timeslices: {slice: 10m, rule: all}}\n"
    there = office(contract(), contract("calm", "login", more=sliced))
    there.live(bad=[99, 98, 50, 51, 52, 53])
    there.live(journey="login")
    answer = there.gate(slo=["checkout", "calm"])
    assert {each["slo"]: each["verdict"] for each in answer["rulings"]} == {
        "calm": "allow",
        "checkout": "approval",
    }
    assert answer["earliest_ms"] == NOW_MS + 2 * MINUTE_MS + 1


def test_what_lets_a_risky_change_pass_off_peak_must_do_so_then_too(
    office: Callable[..., Office],
) -> None:
    there = office(contract(), contract("calm", "login"))
    night_ms = there.now_ms = NOW_MS + 15 * 60 * MINUTE_MS  # 05:00 UTC, off-peak until 06:00
    there.live(bad=[30, 29, 28, 27, 26, 25], end_ms=night_ms)
    there.live(journey="login", bad=[20, 19, 18], end_ms=night_ms)
    answer = there.gate(slo=["checkout", "calm"], risk="high")
    assert {each["slo"]: each["verdict"] for each in answer["rulings"]} == {
        "calm": "allow",
        "checkout": "approval",
    }
    assert iso(answer["earliest_ms"]) == "2026-07-02T06:20:00Z", "when calm has room by day too"


def test_a_frozen_change_learns_when_it_would_fit(office: Callable[..., Office]) -> None:
    there = office()
    there.live(bad=[99, 98, 50, 51, 52, 53])  # 60 %: below 50 % once two have left
    answer = there.gate(critical_path=False)
    assert answer["verdict"] == "approval:sre"
    assert answer["earliest_ms"] == NOW_MS + 2 * MINUTE_MS + 1


def test_failures_that_do_not_count_need_not_leave_first(office: Callable[..., Office]) -> None:
    there = office()
    there.live(bad=[99, 98, 97, 96, 95, 94, 53, 52, 51, 50])
    there.ask(
        "exclude-add",
        start=iso(NOW_MS - 53 * MINUTE_MS), end=iso(NOW_MS - 49 * MINUTE_MS), category="ddos",
        reason="attack", requested_by="bob", approved_by="eve",
    )  # fmt: skip
    answer = there.gate()
    assert answer["slos"][0]["results"][0]["consumed"] == "5/8"  # 6 of 9.6
    assert answer["earliest_ms"] == NOW_MS + 2 * MINUTE_MS + 1


def test_slices_of_time_have_no_earliest_time(office: Callable[..., Office]) -> None:
    there = office(contract(more="  budgeting: {timeslices: {slice: 1m, rule: all}}\n"))
    there.live(bad=range(50, 60))
    answer = there.gate()
    assert (answer["verdict"], answer["earliest_ms"]) == ("block", None)


def test_what_may_ship_now_and_what_nobody_knows_has_no_earliest_time(
    office: Callable[..., Office],
) -> None:
    there = office()
    assert there.gate()["earliest_ms"] is None
    there.live(bad=[50])
    assert there.gate()["earliest_ms"] is None


def test_a_calendar_window_that_gates_has_room_when_it_begins_anew(
    office: Callable[..., Office],
) -> None:
    day = "    - {name: day, calendar: {unit: day, time_zone: UTC}, gate: true}\n"
    text = contract(more=day).replace("    - {name: rolling, duration: 100m}\n", "")
    there = office(text)
    there.live(bad=range(20, 99))
    answer = there.gate()
    assert answer["verdict"] == "approval:sre"
    assert iso(answer["earliest_ms"]) == "2026-07-02T00:00:00Z"


# Making it again


def test_a_decision_made_again_is_the_same(office: Callable[..., Office]) -> None:
    there = office()
    there.live(bad=range(50, 60))
    made = there.gate(estimate="5%", commit="3f2c1ab90d")
    there.now_ms += 30 * 86_400_000
    again = there.ask("gate-replay", decision=made["decision"])
    assert again["differences"] == []
    assert again["same"] is True
    assert again["now"]["verdict"] == "block"


def test_what_was_learnt_and_written_since_does_not_change_it(
    office: Callable[..., Office],
) -> None:
    there = office()
    there.live(bad=range(50, 58))
    made = there.gate(commit="3f2c1ab90d")
    assert made["verdict"] == "block"
    there.now_ms += MINUTE_MS
    there.ask(
        "override-grant",
        slo="checkout", commit="3f2c1ab90d", role="vp_engineering", by="ada", reason="deadline",
    )  # fmt: skip
    there.ask(
        "exclude-add",
        start=iso(NOW_MS - 60 * MINUTE_MS), end=iso(NOW_MS), category="ddos", reason="attack",
        requested_by="bob", approved_by="eve",
    )  # fmt: skip
    there.live(region="us-east-1")
    now = there.gate(commit="3f2c1ab90d")
    assert now["verdict"] != "block"
    again = there.ask("gate-replay", decision=made["decision"])
    assert (again["same"], again["differences"]) == (True, [])


def test_a_backlog_that_came_later_does_not_end_a_silence_of_then(
    office: Callable[..., Office],
) -> None:
    there = office()
    there.live(end_ms=NOW_MS - 10 * MINUTE_MS)
    made = there.gate()
    assert made["verdict"] == "inconclusive"
    there.now_ms += MINUTE_MS
    there.live(minutes=10)
    assert there.gate()["verdict"] == "allow"
    again = there.ask("gate-replay", decision=made["decision"])
    assert (again["same"], again["differences"]) == (True, [])


def test_another_definition_is_told(office: Callable[..., Office]) -> None:
    there = office()
    there.live(bad=[50])
    made = there.gate()
    before = there.desk.contracts[0].hash
    there.close()
    there.open(contract().replace('"90%"', '"95%"'))
    again = there.ask("gate-replay", decision=made["decision"])
    assert again["same"] is False
    after = there.desk.contracts[0].hash
    assert f"slos[0].hash was {before}, now {after}" in again["differences"]
    assert "slos[0].results[0].consumed was 1/10, now 1/5" in again["differences"]


def test_a_decision_that_was_never_made_cannot_be_made_again(
    office: Callable[..., Office],
) -> None:
    with pytest.raises(ProberError, match="there is no decision 'abc'"):
        office().ask("gate-replay", decision="abc")


# Requests


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        pytest.param(
            {"change": "feature"},
            "neither slo nor journey is there, name what the change touches",
            id="nothing to ask about",
        ),
        pytest.param({"slo": ["checkout"]}, "change: is missing", id="no class"),
        pytest.param(
            {"slo": ["checkout"], "change": "whim"},
            "change: 'whim' is not known, write feature, config, reliability or security",
            id="a class that is not known",
        ),
        pytest.param(
            {"slo": ["checkout"], "change": "feature", "estimate": 10},
            "estimate: 10 is not a share",
            id="an estimate that is no share",
        ),
        pytest.param(
            {"slo": ["checkout"], "change": "feature", "advisry": True},
            "advisry: is not a key here, did you mean advisory?",
            id="a key that is misspelt",
        ),
    ],
)
def test_a_request_that_is_wrong_is_refused_and_not_written_down(
    office: Callable[..., Office], request_: dict[str, object], problem: str
) -> None:
    there = office()
    with pytest.raises(InputError) as raised:
        there.ask("gate", **request_)
    assert problem in str(raised.value)
    assert there.desk.audit.length == 0
