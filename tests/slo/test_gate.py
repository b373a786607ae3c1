"""The gate: the table, what speaks against it, overrides, and the worst of all."""

from __future__ import annotations

import doctest
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.slo import gate
from prober.slo.gate import EXITS, Change, Stand, decide, doubt_of, fits, state_among
from prober.slo.override import Override
from prober.slo.policy import (
    SEED_5,
    Answer,
    Answers,
    ChangeClass,
    OnInconclusive,
    Policy,
    Verdict,
)
from prober.slo.state import State, state_of

COMMIT = "3f2c1ab90d"
#: 14:00 and 23:00 UTC: outside of the off-peak hours of the policy, and within.
DAY_MS, NIGHT_MS = 14 * 3_600_000, 23 * 3_600_000


def stand(state: str | State, slo: str = "checkout", **fields: Any) -> Stand:
    """Availability over 30d in a state, at its lower edge unless told otherwise."""
    edges = {each: edge for edge, each in SEED_5.bands}
    defaults = {
        "objective": "availability",
        "window": "30d",
        "policy": SEED_5,
        "consumed": edges.get(State(state)),
    }
    return Stand(slo=slo, state=State(state), **defaults | fields)


def change(kind: str = "feature", **fields: Any) -> Change:
    return Change(kind=ChangeClass(kind), **{"commit": COMMIT} | fields)


def override(state: str = "EXHAUSTED", role: str = "vp_engineering", **fields: Any) -> Override:
    defaults = {
        "id": "a1",
        "slo": "checkout",
        "commit": COMMIT,
        "by": "ada",
        "reason": "legal deadline",
        "granted_ms": 0,
        "expires_ms": 2 * DAY_MS,
    }
    return Override(state=State(state), role=role, **defaults | fields)


def policy(**fields: Any) -> Policy:
    return replace(SEED_5, **fields)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(gate).failed == 0


# One SLO


def test_a_full_budget_lets_a_feature_ship() -> None:
    decision = decide([stand("FULL")], change(), DAY_MS)
    assert (decision.verdict, decision.exit) == ("allow", 0)
    assert decision.text == "budget available: ship"
    assert decision.conditions == ()


def test_a_spent_budget_freezes_features_and_says_so() -> None:
    spent = stand("EXHAUSTED", consumed=Fraction(6, 5))
    decision = decide([spent], change(), DAY_MS)
    assert (decision.verdict, decision.exit) == ("block", 20)
    assert decision.text == "feature changes are frozen"
    (ruling,) = decision.rulings
    assert ruling.reasons == ("availability over 30d is EXHAUSTED, 120% of its budget is consumed",)
    assert ruling.roles == ("vp_engineering",)
    assert decision.conditions == ()


def test_what_people_have_to_do_is_the_policys_word_for_the_state() -> None:
    actions = policy(actions={State.WARNING: ("halve the releases",)})
    warned, full = (
        decide([stand(state, policy=actions)], change(), DAY_MS).rulings[0].actions
        for state in ("WARNING", "FULL")
    )
    assert warned == ("halve the releases",)
    assert full == ()


def test_a_change_that_takes_approval_says_whose_and_how_to_ship_it() -> None:
    decision = decide([stand("CRITICAL")], change("config"), DAY_MS)
    assert (decision.verdict, decision.exit) == ("approval:sre+product", 10)
    assert decision.text == "it takes approval by sre and product"
    assert decision.conditions == ("release as a canary", "SRE on-call during the release")


def test_the_critical_path_is_asked_about() -> None:
    assert decide([stand("CAUTION")], change(critical_path=True), DAY_MS).exit == 10
    assert decide([stand("CAUTION")], change(critical_path=False), DAY_MS).exit == 0


def test_a_budget_of_nothing_that_is_overspent_has_no_figure() -> None:
    (ruling,) = decide([stand("EXHAUSTED", consumed=None)], change(), DAY_MS).rulings
    assert ruling.reasons == ("availability over 30d is EXHAUSTED",)


def test_no_slo_is_inconclusive() -> None:
    decision = decide([], change(), DAY_MS)
    assert (decision.verdict, decision.exit) == ("inconclusive", 30)
    assert decision.roles == ()


def test_something_that_no_slo_answers_for_is_inconclusive_whatever_the_others_say() -> None:
    decision = decide([stand("FULL")], change(), DAY_MS, missing=["there is no SLO chekout"])
    assert (decision.verdict, decision.exit) == ("inconclusive", 30)
    assert decision.missing == ("there is no SLO chekout",)


# What speaks against a change


@pytest.mark.parametrize("state", ["FULL", "CAUTION", "WARNING"])
def test_a_page_alert_that_fires_takes_approval_whatever_is_left(state: str) -> None:
    burning = stand(state, paging=("page-fast",))
    decision = decide([burning], change("reliability"), DAY_MS)
    assert (decision.verdict, decision.exit) == ("approval:sre", 10)
    assert "the budget is burning: page-fast is firing" in decision.rulings[0].reasons


def test_alerts_that_fire_are_told_by_name() -> None:
    burning = stand("FULL", paging=("page-fast", "page-slow"))
    (ruling,) = decide([burning], change(), DAY_MS).rulings
    assert ruling.reasons[-1] == "the budget is burning: page-fast, page-slow is firing"


def test_a_page_alert_does_not_soften_a_block() -> None:
    assert decide([stand("EXHAUSTED", paging=("page",))], change(), DAY_MS).verdict == "block"


@pytest.mark.parametrize(
    ("consumed", "estimate", "verdict"),
    [
        pytest.param("1/5", "1/25", "allow", id="that stays in the band"),
        pytest.param("1/5", "1/20", "approval:sre", id="that reaches the next band's edge"),
        pytest.param("1/5", "9/10", "approval:sre", id="that would spend all of it"),
        pytest.param("3/10", "1/10", "allow", id="in the second band"),
    ],
)
def test_an_estimate(consumed: str, estimate: str, verdict: str) -> None:
    share = Fraction(consumed)
    there = stand(state_of(share), consumed=share)
    decision = decide([there], change(estimate=Fraction(estimate)), DAY_MS)
    assert decision.verdict == verdict


def test_an_estimate_that_does_not_fit_says_what_would_become_of_the_budget() -> None:
    there = stand("FULL", consumed=Fraction(1, 5), reserved=Fraction(1, 10))
    (ruling,) = decide([there], change(estimate=Fraction(1, 10)), DAY_MS).rulings
    assert ruling.reasons == (
        "availability over 30d is FULL, 20% of its budget is consumed, 10% reserved, 70% available",
        "with 10% more and 10% reserved it would be CAUTION: 40% consumed",
    )


def test_shares_are_told_to_a_tenth_of_a_percent_and_what_is_not_kept_back_is_not() -> None:
    there = stand("FULL", consumed=Fraction(1, 7), reserved=Fraction(1, 17))
    (ruling,) = decide([there], change(estimate=Fraction(1, 13)), DAY_MS).rulings
    assert ruling.reasons == (
        "availability over 30d is FULL, 14.2% of its budget is consumed, 5.8% reserved, "
        "79.8% available",
        "with 7.6% more and 5.8% reserved it would be CAUTION: 27.8% consumed",
    )
    free = replace(there, reserved=Fraction(0))
    (ruling,) = decide([free], change(estimate=Fraction(1, 9)), DAY_MS).rulings
    assert ruling.reasons[-1] == "with 11.1% more it would be CAUTION: 25.3% consumed"


def test_an_estimate_is_held_against_the_bands_of_the_policy() -> None:
    strict = policy(bands=((Fraction(0), State.FULL), (Fraction(1, 10), State.EXHAUSTED)))
    there = stand("FULL", consumed=Fraction(0), policy=strict)
    (ruling,) = decide([there], change(estimate=Fraction(1, 10)), DAY_MS).rulings
    assert ruling.reasons[-1] == "with 10% more it would be EXHAUSTED: 10% consumed"
    small = change("security", estimate=Fraction(1, 4))
    spent = stand("EXHAUSTED", consumed=Fraction(1, 5), policy=strict)
    (ruling,) = decide([spent], small, DAY_MS).rulings
    assert len(ruling.reasons) == 1


def test_nobody_else_is_asked_where_nothing_speaks_against_a_change() -> None:
    asked = Answer(Verdict.APPROVAL, ("product",))
    row = {**SEED_5.gate[State.WARNING], ChangeClass.CONFIG: Answers(asked, asked)}
    warned = stand("WARNING", policy=policy(gate={**SEED_5.gate, State.WARNING: row}))
    assert decide([warned], change("config"), DAY_MS).verdict == "approval:product"


def test_a_reservation_leaves_less_room_for_an_estimate() -> None:
    small = change(estimate=Fraction(1, 100))
    free, kept = (stand("FULL", reserved=Fraction(n, 100)) for n in (0, 24))
    assert decide([free], small, DAY_MS).exit == 0
    assert decide([kept], small, DAY_MS).exit == 10


def test_an_estimate_of_a_budget_without_a_figure_says_nothing() -> None:
    there = stand("EXHAUSTED", consumed=None)
    risky = change("security", estimate=Fraction(1, 2))
    assert decide([there], risky, DAY_MS).verdict == "approval:vp_engineering"


def test_high_risk_waits_for_off_peak_hours_in_caution() -> None:
    risky = change(high_risk=True)
    by_day, by_night = (decide([stand("CAUTION")], risky, at) for at in (DAY_MS, NIGHT_MS))
    assert (by_day.verdict, by_night.verdict) == ("approval:sre", "allow")
    assert by_day.rulings[0].reasons[-1] == (
        "a change of high risk ships in off-peak hours, which begin at 1970-01-01T22:00:00Z"
    )
    assert decide([stand("FULL")], risky, DAY_MS).exit == 0
    assert decide([stand("CAUTION")], change(), DAY_MS).exit == 0


def test_where_no_hours_are_off_peak_high_risk_takes_approval() -> None:
    never = policy(off_peak=replace(SEED_5.off_peak, hours=()))
    (ruling,) = decide([stand("CAUTION", policy=never)], change(high_risk=True), DAY_MS).rulings
    assert ruling.reasons[-1] == "a change of high risk ships in off-peak hours"


# Not knowing


def test_a_doubt_hides_any_state() -> None:
    hidden = stand("FULL", doubt="no verdict for 3h")
    decision = decide([hidden], change(), DAY_MS)
    assert (decision.verdict, decision.exit) == ("inconclusive", 30)
    assert decision.text == "too little is known to let anything ship"
    (ruling,) = decision.rulings
    assert ruling.state is State.UNKNOWN
    assert ruling.reasons == ("availability over 30d is UNKNOWN: no verdict for 3h",)


@pytest.mark.parametrize(
    ("on_inconclusive", "kind", "verdict"),
    [
        ("block", "reliability", "inconclusive"),
        ("approve", "reliability", "approval:sre"),
        ("approve", "security", "approval:sre"),
        ("approve", "feature", "inconclusive"),
        ("approve", "config", "inconclusive"),
        ("allow", "feature", "allow"),
    ],
)
def test_the_policy_says_what_not_knowing_lets_pass(
    on_inconclusive: str, kind: str, verdict: str
) -> None:
    lenient = policy(on_inconclusive=OnInconclusive(on_inconclusive))
    decision = decide([stand("UNKNOWN", policy=lenient)], change(kind), DAY_MS)
    assert decision.verdict == verdict
    assert decision.rulings[0].reasons[0].startswith("availability over 30d is UNKNOWN: no verdict")


def test_what_passes_for_not_knowing_is_not_called_a_budget() -> None:
    lenient = policy(on_inconclusive=OnInconclusive.ALLOW)
    decision = decide([stand("UNKNOWN", policy=lenient)], change(), DAY_MS)
    assert decision.text == "too little is known, and the policy lets that pass"
    assert decision.rulings[0].reasons == (
        "availability over 30d is UNKNOWN: no verdict; policy seed-5 lets that pass",
    )


@pytest.mark.parametrize(
    ("age_ms", "max_ms", "coverage", "doubt"),
    [
        pytest.param(60_000, 60_000, Fraction(4, 5), "", id="none at both edges"),
        pytest.param(60_001, 60_000, None, "the newest verdict is", id="a verdict that is old"),
        pytest.param(10**12, None, None, "", id="none where nothing says what is old"),
        pytest.param(None, 60_000, None, "there is no verdict yet", id="no verdict"),
        pytest.param(
            0,
            1,
            Fraction(2, 3),
            "66.6% of the last day's slots ran, and 80% is the least",
            id="a day with gaps",
        ),
    ],
)
def test_a_state_is_doubted_for(
    age_ms: int | None, max_ms: int | None, coverage: Fraction | None, doubt: str
) -> None:
    said = doubt_of(age_ms, max_ms, coverage)
    assert said.startswith(doubt)
    assert bool(said) is bool(doubt)


# Several


@pytest.mark.parametrize(
    ("states", "kind", "verdict"),
    [
        (["FULL", "EXHAUSTED"], "feature", "block"),
        (["WARNING", "FULL"], "config", "approval:sre"),
        (["WARNING", "CRITICAL"], "config", "approval:sre+product"),
        (["CRITICAL", "EXHAUSTED"], "security", "approval:vp_engineering"),
        (["FULL", "UNKNOWN"], "feature", "inconclusive"),
        (["UNKNOWN", "WARNING"], "config", "inconclusive"),
        (["UNKNOWN", "EXHAUSTED"], "feature", "block"),
    ],
)
@pytest.mark.parametrize("apart", [True, False], ids=["of several SLOs", "of one SLO"])
def test_the_worst_decides(states: list[str], kind: str, verdict: str, apart: bool) -> None:
    stands = [stand(state, f"slo-{n if apart else 0}") for n, state in enumerate(states)]
    for order in (stands, stands[::-1]):
        decision = decide(order, change(kind), DAY_MS)
        assert decision.verdict == verdict
        assert len(decision.rulings) == (len(states) if apart else 1)


def test_an_slo_says_everything_that_speaks_against_a_change() -> None:
    stands = [stand("EXHAUSTED"), stand("WARNING", objective="latency")]
    (ruling,) = decide(stands, change(critical_path=True), DAY_MS).rulings
    assert [reason.split(" ")[0] for reason in ruling.reasons] == ["availability", "latency"]
    assert ruling.state is State.EXHAUSTED


def test_approvals_of_several_slos_are_all_needed() -> None:
    asked = policy(reviewer="product")
    stands = [stand("WARNING"), stand("FULL", "login", policy=asked, paging=("page",))]
    decision = decide(stands, change("config"), DAY_MS)
    assert decision.verdict == "approval:sre+product"


def test_a_draft_stops_nothing_and_its_truth_is_told() -> None:
    decision = decide([stand("EXHAUSTED", draft=True)], change(), DAY_MS)
    assert (decision.verdict, decision.exit) == ("allow", 0)
    assert decision.text == "only drafts match, and a draft stops nothing"
    assert decision.rulings[0].verdict is Verdict.BLOCK
    assert decision.conditions == ()


def test_a_draft_beside_others_leaves_the_decision_to_them() -> None:
    stands = [stand("EXHAUSTED", draft=True), stand("CAUTION", "login")]
    decision = decide(stands, change(), DAY_MS)
    assert (decision.verdict, decision.text) == ("allow", "budget available: ship")
    assert decision.conditions == SEED_5.conditions[State.CAUTION]


@pytest.mark.parametrize(
    ("states", "state"),
    [
        (["FULL", "CAUTION"], "CAUTION"),
        (["UNKNOWN", "WARNING"], "UNKNOWN"),
        (["UNKNOWN", "CRITICAL"], "CRITICAL"),
        (["CAUTION", "CRITICAL"], "CRITICAL"),
        (["WARNING", "CAUTION"], "WARNING"),
    ],
)
def test_the_state_of_an_slo_is_its_most_urgent(states: list[str], state: str) -> None:
    assert state_among(map(State, states)) == state


def test_an_advisory_gate_says_the_same_and_stops_nothing() -> None:
    decision = decide([stand("EXHAUSTED")], change(), DAY_MS, advisory=True)
    assert (decision.verdict, decision.exit) == ("block", 0)


def test_exit_codes_leave_those_of_a_crash_and_of_usage_free() -> None:
    assert EXITS == {"allow": 0, "approval": 10, "block": 20, "inconclusive": 30}


# Overrides


def test_an_override_lets_its_commit_pass_and_says_who_answers_for_it() -> None:
    decision = decide([stand("EXHAUSTED")], change(), DAY_MS, [override()])
    assert (decision.verdict, decision.exit) == ("allow_overridden", 0)
    assert decision.text == (
        "overridden by ada (vp_engineering) until 1970-01-02T04:00:00Z: legal deadline"
    )
    assert [o.id for o in decision.rulings[0].overrides] == ["a1"]
    both = [override(), override(id="b2", by="bob", reason="an outage elsewhere")]
    assert decide([stand("EXHAUSTED")], change(), DAY_MS, both).text == (
        "overridden by ada (vp_engineering) until 1970-01-02T04:00:00Z: legal deadline; "
        "bob (vp_engineering) until 1970-01-02T04:00:00Z: an outage elsewhere"
    )


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"commit": "90d3f2c1ab"}, "it is for commit 90d3f2c1ab"),
        ({"state": "CRITICAL"}, "it is for the state CRITICAL, and the state is EXHAUSTED"),
        ({"expires_ms": DAY_MS}, "it expired at 1970-01-01T14:00:00Z"),
        ({"reason": " "}, "it gives no reason"),
        ({"role": "sre"}, "sre may not, it takes vp_engineering"),
        ({"role": "intern"}, "intern may not, it takes vp_engineering"),
    ],
)
def test_an_override_that_does_not_hold_is_ignored_and_that_is_said(
    fields: dict[str, Any], why: str
) -> None:
    decision = decide([stand("EXHAUSTED")], change(), DAY_MS, [override(**fields)])
    assert (decision.verdict, decision.exit) == ("block", 20)
    assert decision.rulings[0].ignored == (f"override a1 is ignored: {why}",)


def test_an_override_for_another_slo_or_long_gone_is_not_mentioned() -> None:
    others = [override(slo="login"), override(commit="90d3f2c1ab", expires_ms=DAY_MS)]
    (ruling,) = decide([stand("EXHAUSTED")], change(), DAY_MS, others).rulings
    assert ruling.ignored == ()


def test_an_override_of_a_state_that_is_not_known() -> None:
    unknown = stand("FULL", doubt="stale")
    decision = decide([unknown], change(), DAY_MS, [override("UNKNOWN")])
    assert decision.verdict == "allow_overridden"


def test_approval_is_given_by_an_override() -> None:
    approved = decide([stand("WARNING")], change(), DAY_MS, [override("WARNING", "sre")])
    assert approved.verdict == "allow_overridden"
    assert approved.conditions == SEED_5.conditions[State.WARNING]


def test_where_two_must_approve_one_is_not_enough() -> None:
    critical, config = [stand("CRITICAL")], change("config")
    one, two = override("CRITICAL", "sre"), override("CRITICAL", "product", id="b2")
    alone = decide(critical, config, DAY_MS, [one])
    assert alone.verdict == "approval:sre+product"
    assert alone.rulings[0].ignored == (
        "override a1 is not enough: approval by product is missing",
    )
    assert decide(critical, config, DAY_MS, [one, two]).verdict == "allow_overridden"
    intern = override("CRITICAL", "intern", id="c3")
    assert decide(critical, config, DAY_MS, [intern]).rulings[0].ignored == (
        "override c3 is ignored: intern may not, it takes sre and product",
    )
    both = policy(ranks={"sre": 1, "product": 1, "legal": 1})
    row = {**SEED_5.gate[State.CRITICAL]}
    three = Answer(Verdict.APPROVAL, ("sre", "product", "legal"))
    row[ChangeClass.CONFIG] = Answers(three, three)
    strict = replace(both, gate={**SEED_5.gate, State.CRITICAL: row})
    (ruling,) = decide([stand("CRITICAL", policy=strict)], config, DAY_MS, [one]).rulings
    assert ruling.ignored == (
        "override a1 is not enough: approval by product and legal is missing",
    )
    high = override("CRITICAL", "vp_engineering")
    assert decide(critical, config, DAY_MS, [high]).verdict == "allow_overridden"


def test_every_slo_that_stops_a_change_takes_an_override() -> None:
    stands = [stand("EXHAUSTED"), stand("EXHAUSTED", "login")]
    mine, theirs = override(), override(slo="login", id="b2")
    assert decide(stands, change(), DAY_MS, [mine]).verdict == "block"
    assert decide(stands, change(), DAY_MS, [mine, theirs]).verdict == "allow_overridden"


def test_an_override_that_nothing_asks_for_is_not_used() -> None:
    decision = decide([stand("FULL")], change(), DAY_MS, [override("FULL")])
    assert decision.verdict == "allow"


# Laws

STANDS = st.builds(
    stand,
    st.sampled_from(State),
    st.sampled_from(["checkout", "login"]),
    doubt=st.sampled_from(["", "stale"]),
    paging=st.sampled_from([(), ("page",)]),
)
CHANGES = st.builds(
    change,
    st.sampled_from(["feature", "config", "reliability", "security"]),
    critical_path=st.booleans(),
    high_risk=st.booleans(),
    estimate=st.none() | st.fractions(0, 1),
)
WORSE = ("allow", "approval", "inconclusive", "block")


def severity(stands: list[Stand], wanted: Change) -> int:
    return WORSE.index(decide(stands, wanted, DAY_MS).verdict.partition(":")[0])


@given(st.lists(STANDS, min_size=1), STANDS, CHANGES)
def test_one_more_slo_never_softens_a_decision(
    stands: list[Stand], more: Stand, wanted: Change
) -> None:
    assert severity([*stands, more], wanted) >= severity(stands, wanted)


@given(st.lists(STANDS), CHANGES)
def test_the_critical_path_risk_and_an_estimate_never_soften_a_decision(
    stands: list[Stand], wanted: Change
) -> None:
    plain = replace(wanted, critical_path=False, high_risk=False, estimate=None)
    assert severity(stands, wanted) >= severity(stands, plain)


@given(st.lists(STANDS, min_size=1), CHANGES)
def test_what_stops_a_change_always_says_why_and_who_can_lift_it(
    stands: list[Stand], wanted: Change
) -> None:
    for ruling in decide(stands, wanted, DAY_MS).rulings:
        assert ruling.stops is bool(ruling.reasons)
        assert ruling.stops is bool(ruling.roles)


@given(st.fractions(0, 2), CHANGES)
def test_a_change_fits_where_the_gate_would_allow_it(consumed: Fraction, wanted: Change) -> None:
    there = stand(state_of(consumed), consumed=consumed)
    allowed = decide([there], wanted, DAY_MS).verdict == "allow"
    assert fits(SEED_5, consumed, wanted, DAY_MS) is allowed
