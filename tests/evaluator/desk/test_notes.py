"""Overrides, exclusions and deploys: written down once, in force at once, and never deleted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prober.errors import InputError, ProberError, SourceUnavailable
from prober.evaluator.sources.journal import JournalSource
from prober.model import Schedule
from prober.slo.attribution import Deploy
from prober.slo.moment import iso
from tests.evaluator.office import MINUTE_MS, NOW_MS, Office

COMMIT = "3f2c1ab90d"
GRANT = {
    "slo": "checkout",
    "commit": COMMIT,
    "role": "vp_engineering",
    "by": "ada",
    "reason": "legal deadline",
}
EXCLUDE = {
    "start": iso(NOW_MS - 60 * MINUTE_MS),
    "end": iso(NOW_MS),
    "category": "provider_outage",
    "reason": "the provider was down",
    "requested_by": "bob",
    "approved_by": "eve",
}


def scheduled(region: str) -> Schedule:
    """A run of checkout a minute, from now on."""
    return Schedule(
        journey="checkout", region=region, from_ms=NOW_MS, every_ms=MINUTE_MS, phase_ms=0
    )


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """A desk over a journal whose budget is spent: ten failures, 50 to 59 minutes ago."""
    there = Office(tmp_path)
    there.live(bad=range(50, 60))
    yield there
    there.close()


# Overrides


def test_an_override_lets_its_commit_pass_until_it_expires(office: Office) -> None:
    assert office.gate(commit=COMMIT)["verdict"] == "block"
    granted = office.ask("override-grant", **GRANT, expires="2m")["override"]
    assert granted["state"] == "EXHAUSTED"
    assert granted["expires_ms"] == NOW_MS + 2 * MINUTE_MS
    passed = office.gate(commit=COMMIT)
    assert (passed["verdict"], passed["exit"]) == ("allow_overridden", 0)
    assert passed["rulings"][0]["overrides"] == [granted["id"]]
    assert office.gate(commit="90d3f2c1ab")["verdict"] == "block"
    office.now_ms += 2 * MINUTE_MS
    late = office.gate(commit=COMMIT)
    assert late["verdict"] == "block"
    assert late["rulings"][0]["ignored"] == [
        f"override {granted['id']} is ignored: it expired at {iso(office.now_ms)}"
    ]


def test_an_override_holds_for_four_hours_unless_told_otherwise(office: Office) -> None:
    granted = office.ask("override-grant", **GRANT)["override"]
    assert granted["expires_ms"] - granted["granted_ms"] == 4 * 3_600_000


def test_an_override_is_bound_to_a_state_that_is_not_known_as_well(office: Office) -> None:
    office.now_ms += 200 * MINUTE_MS
    assert office.ask("override-grant", **GRANT)["override"]["state"] == "UNKNOWN"
    assert office.gate(commit=COMMIT)["verdict"] == "allow_overridden"


def test_overrides_are_listed_with_the_decisions_they_let_pass(office: Office) -> None:
    assert office.ask("override-list") == {"overrides": []}
    office.ask("override-grant", **GRANT, expires="1m")
    decision = office.gate(commit=COMMIT)["decision"]
    office.now_ms += MINUTE_MS
    (listed,) = office.ask("override-list")["overrides"]
    assert (listed["by"], listed["reason"]) == ("ada", "legal deadline")
    assert (listed["expired"], listed["decisions"]) == (True, [decision])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"role": "vp"}, "role: 'vp' is not known"),
        ({"reason": " "}, "reason: the text is blank"),
        ({"reason": None}, "reason: is missing"),
        ({"by": None}, "by: is missing"),
        ({"commit": None}, "commit: is missing"),
        ({"expires": "soon"}, "expires: 'soon' is not a duration"),
    ],
)
def test_an_override_that_nobody_could_answer_for_is_refused(
    office: Office, change: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InputError) as raised:
        office.ask("override-grant", **GRANT | change)
    assert problem in str(raised.value)
    assert office.desk.audit.length == 0


def test_an_override_for_no_slo_is_refused(office: Office) -> None:
    with pytest.raises(ProberError, match="there is no SLO 'chekout', did you mean checkout"):
        office.ask("override-grant", **GRANT | {"slo": "chekout"})


# Exclusions


def test_excluded_time_does_not_count_from_then_on(office: Office) -> None:
    added = office.ask("exclude-add", **EXCLUDE)
    (effect,) = added["effects"]
    assert (effect["raw_state"], effect["state"]) == ("EXHAUSTED", "FULL")
    assert effect["returned"] == "1"
    answer = office.gate()
    assert answer["verdict"] == "allow"
    (result,) = answer["slos"][0]["results"]
    assert (result["consumed"], result["raw_consumed"]) == ("0", "1")


def test_excluded_time_counts_again_once_it_is_revoked(office: Office) -> None:
    added = office.ask("exclude-add", **EXCLUDE)["exclusion"]
    office.ask("exclude-revoke", id=added["id"], by="mia", reason="it was our own deploy")
    assert office.gate()["verdict"] == "block"
    (listed,) = office.ask("exclude-list")["exclusions"]
    assert listed["reason"] == EXCLUDE["reason"]
    assert listed["revoked"]["reason"] == "it was our own deploy"
    with pytest.raises(ProberError, match="is in force"):
        office.ask("exclude-revoke", id=added["id"], by="mia", reason="again")


def test_an_exclusion_in_force_is_listed_as_such(office: Office) -> None:
    added = office.ask("exclude-add", **EXCLUDE, regions=["eu-west-1"], journeys=["checkout"])
    (listed,) = office.ask("exclude-list")["exclusions"]
    assert listed == {**added["exclusion"], "revoked": None}


def test_an_exclusion_elsewhere_changes_nothing(office: Office) -> None:
    office.live(region="us-east-1")
    office.ask("exclude-add", **EXCLUDE, regions=["us-east-1"])
    (result,) = office.gate()["slos"][0]["results"]
    assert result["counts"]["bad"] == "10"


@pytest.mark.parametrize("journeys", [None, ["checkout"]])
def test_an_exclusion_names_regions_that_run_the_journeys(
    office: Office, journeys: list[str] | None
) -> None:
    with pytest.raises(InputError) as raised:
        office.ask("exclude-add", **EXCLUDE, regions=["eu-wst-1"], journeys=journeys)
    assert "regions: 'eu-wst-1' is not known, did you mean eu-west-1?" in str(raised.value)
    assert office.desk.audit.length == 0


def test_where_no_region_is_known_yet_an_exclusion_may_name_any(tmp_path: Path) -> None:
    """The runs, or their source, may be a while in coming; an exclusion may be asked for before."""
    there = Office(tmp_path)
    there.ask("exclude-add", **EXCLUDE, regions=["eu-west-1"])
    there.journal.write([scheduled("us-east-1")], now_ms=there.now_ms)
    there.ask("exclude-add", **EXCLUDE, regions=["us-east-1"])
    with pytest.raises(InputError, match="'eu-west-1' is not known, did you mean us-east-1"):
        there.ask("exclude-add", **EXCLUDE, regions=["eu-west-1"])
    there.close()


def test_what_a_source_that_is_down_would_know_is_not_asked_of_an_exclusion(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> None:
        raise SourceUnavailable("the backend is down")

    monkeypatch.setattr(JournalSource, "newest", down)
    added = office.ask("exclude-add", **EXCLUDE, regions=["us-east-1"])
    assert added["exclusion"]["regions"] == ["us-east-1"]


def test_an_exclusion_may_come_again(office: Office) -> None:
    weekly = {"repeat": "FREQ=WEEKLY;COUNT=4", "time_zone": "Europe/Berlin"}
    added = office.ask("exclude-add", **EXCLUDE, **weekly)["exclusion"]
    assert added["recurrence"]["time_zone"] == "Europe/Berlin"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"approved_by": "Bob "}, "who asks for it cannot approve it"),
        ({"category": "bad_day"}, "category: 'bad_day' is not known"),
        ({"journeys": ["chekout"]}, "journeys: 'chekout' is not known, did you mean checkout?"),
        ({"start": "yesterday"}, "start: 'yesterday' is not a moment"),
        ({"start": EXCLUDE["end"], "end": EXCLUDE["start"]}, "it ends no later than it begins"),
        ({"start": iso(NOW_MS - 31 * 86_400_000)}, "more than 30 days ago"),
        ({"repeat": "FREQ=HOURLY"}, "FREQ"),
        ({"evidence": " "}, "evidence: the text is blank"),
    ],
)
def test_an_exclusion_that_may_not_be_is_refused(
    office: Office, change: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InputError) as raised:
        office.ask("exclude-add", **EXCLUDE | change)
    assert problem in str(raised.value)
    assert office.desk.audit.length == 0


# Deploys


def test_a_deploy_is_noted_for_the_journeys_that_can_feel_it(office: Office) -> None:
    office.ask("mark-deploy", name="v2", journeys=["checkout"], at=iso(NOW_MS - MINUTE_MS))
    office.ask("mark-deploy", name="v1", at=iso(NOW_MS - 5 * MINUTE_MS), note="database")
    office.ask("mark-deploy", name="v3")
    assert office.desk.deploys("checkout") == (
        Deploy(NOW_MS - 5 * MINUTE_MS, "v1"),
        Deploy(NOW_MS - MINUTE_MS, "v2"),
        Deploy(NOW_MS, "v3"),
    )
    assert [deploy.name for deploy in office.desk.deploys("login")] == ["v1", "v3"]
    listed = office.ask("mark-list")["deploys"]
    assert [(each["name"], each["note"]) for each in listed] == [
        ("v2", None), ("v1", "database"), ("v3", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        ({}, "name: is missing"),
        ({"name": "v1", "journeys": ["chekout"]}, "did you mean checkout?"),
        ({"name": "v1", "at": "now"}, "at: 'now' is not a moment"),
    ],
)
def test_a_deploy_that_says_nothing_is_refused(
    office: Office, request_: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InputError) as raised:
        office.ask("mark-deploy", **request_)
    assert problem in str(raised.value)


# Reservations

RESERVE = {"slo": "checkout", "share": "20%", "reason": "database move"}


def explained(office: Office) -> dict[str, Any]:
    (slo,) = office.ask("budget-explain", slo="checkout")["slos"]
    (result,) = slo["results"]
    return {key: result[key]["exact"] for key in ("consumed", "remaining", "reserved", "available")}


@pytest.fixture
def calm(tmp_path: Path) -> Iterator[Office]:
    """A tenth of the budget is spent."""
    there = Office(tmp_path)
    there.live(bad=[50])
    yield there
    there.close()


def test_a_reservation_lowers_what_is_available_and_nothing_else(calm: Office) -> None:
    assert explained(calm)["available"] == "9/10"
    calm.ask("budget-reserve", **RESERVE)
    assert explained(calm) == {
        "consumed": "1/10", "remaining": "9/10", "reserved": "1/5", "available": "7/10",
    }  # fmt: skip
    plain = calm.gate()
    assert (plain["verdict"], plain["rulings"][0]["state"]) == ("allow", "FULL")
    assert plain["slos"][0]["reserved"] == "1/5"
    (ruling,) = calm.gate(estimate="10%")["rulings"]
    assert ruling["verdict"] == "approval"
    assert ruling["reasons"] == [
        "availability over 100m is FULL, 10% of its budget is consumed, 20% reserved, "
        "70% available",
        "with 10% more and 20% reserved it would be CAUTION: 40% consumed",
    ]


def test_a_reservation_holds_until_its_end_and_the_gate_knows_when(calm: Office) -> None:
    until_ms = calm.now_ms + 2 * MINUTE_MS
    calm.ask("budget-reserve", **RESERVE, until=iso(until_ms))
    asked = calm.gate(estimate="10%")
    assert (asked["verdict"], asked["earliest_ms"]) == ("approval:sre", until_ms)
    calm.now_ms = until_ms
    assert calm.gate(estimate="10%")["verdict"] == "allow"
    (listed,) = calm.ask("budget-reservations", slo="checkout")["reservations"]
    assert (listed["reason"], listed["in_force"]) == ("database move", False)
    with pytest.raises(ProberError, match="no reservation"):
        calm.ask("budget-release", id=listed["id"])


def test_a_released_reservation_stays_in_the_log_and_in_decisions(calm: Office) -> None:
    kept = calm.ask("budget-reserve", **RESERVE)["reservation"]["id"]
    decided = calm.gate(estimate="10%")
    calm.ask("budget-release", id=kept)
    assert calm.gate(estimate="10%")["verdict"] == "allow"
    (listed,) = calm.ask("budget-reservations", slo="checkout")["reservations"]
    assert (listed["id"], listed["share"], listed["in_force"]) == (kept, "1/5", False)
    assert calm.ask("gate-replay", decision=decided["decision"])["same"]
    with pytest.raises(ProberError, match=f"no reservation '{kept}' is in force"):
        calm.ask("budget-release", id=kept)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"share": "0%"}, "share: a share of 0% is nothing"),
        ({"share": "120%"}, "share: '120%' is more than everything"),
        ({"reason": ""}, "reason"),
        ({"until": "soon"}, "until: 'soon' is not a moment"),
        ({"until": "2001-01-01T00:00:00Z"}, "until: '2001-01-01T00:00:00Z' is past"),
        ({"slo": "chekout"}, "did you mean checkout?"),
    ],
)
def test_a_reservation_of_nothing_is_refused(
    calm: Office, changed: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ProberError) as raised:
        calm.ask("budget-reserve", **RESERVE | changed)
    assert problem in str(raised.value)
    assert calm.desk.audit.length == 0
