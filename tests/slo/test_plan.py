"""What cannot work of a plan is told before its first run; what works is left alone."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.errors import Severity
from prober.slo.contract import AlertRule
from prober.slo.plan import Finding, Plan, findings

HOUR_MS = 3_600_000
#: Five regions, a run in each every five minutes, for 30 days.
PLAN = Plan(
    target=Fraction("0.99"),
    runs=43_200,
    window_ms=720 * HOUR_MS,
    interval_ms=300_000,
    regions=5,
)
RULE = AlertRule(
    name="fast",
    severity="page",
    burn=Fraction(72, 5),
    long_ms=HOUR_MS,
    short_ms=600_000,
    min_failures=1,
    min_regions=1,
)


def codes(plan: Plan) -> list[str]:
    return [finding.code for finding in findings(plan)]


def plan(**changes: Any) -> Plan:
    return replace(PLAN, **changes)


def alert(target: str = "0.99", **changes: Any) -> list[str]:
    """What is found about one alert of an otherwise sound plan."""
    return codes(plan(target=Fraction(target), alerts=(replace(RULE, **changes),)))


def test_a_sound_plan_has_no_finding() -> None:
    sound = plan(sla=Fraction("0.98"), depends_on=(Fraction("0.999"),), slice_ms=300_000)
    assert codes(replace(sound, alerts=(RULE,))) == []


@pytest.mark.parametrize("target", [0, 1, Fraction(3, 2)])
def test_a_target_out_of_range_leaves_nothing_else_to_say(target: Fraction) -> None:
    wrong = plan(target=Fraction(target), runs=1, sla=Fraction("0.5"), alerts=(RULE,), slice_ms=1)
    assert codes(wrong) == ["target_out_of_range"]
    assert findings(wrong)[0].place == ("target",)


@pytest.mark.parametrize(
    ("runs", "found"), [(3000, []), (2999, ["budget_below_k_min"]), (0, ["budget_below_k_min"])]
)
def test_a_budget_holds_at_least_three_failures(runs: int, found: list[str]) -> None:
    assert codes(plan(target=Fraction("0.999"), runs=runs)) == found


@pytest.mark.parametrize(
    ("sla", "found"),
    [
        ("0.989", []),
        ("0.99", ["slo_not_tighter_than_sla"]),
        ("0.995", ["slo_not_tighter_than_sla"]),
    ],
)
def test_a_target_is_above_the_sla(sla: str, found: list[str]) -> None:
    assert codes(plan(sla=Fraction(sla))) == found


def test_a_target_is_not_above_what_its_dependencies_allow() -> None:
    five = (Fraction("0.999"),) * 5
    highest = Fraction("0.999") ** 5
    assert codes(plan(target=highest, depends_on=five)) == []
    above = findings(plan(target=Fraction("0.9951"), depends_on=five))
    assert [(f.code, f.severity) for f in above] == [
        ("target_above_dependencies", Severity.WARNING)
    ]
    assert "= 99.500999%" in above[0].what


@pytest.mark.parametrize(
    ("slice_ms", "found"), [(300_000, []), (299_999, ["slice_below_interval"])]
)
def test_a_slice_is_as_long_as_the_interval(slice_ms: int, found: list[str]) -> None:
    assert codes(plan(slice_ms=slice_ms)) == found


@pytest.mark.parametrize(("burn", "found"), [("10", []), ("10.001", ["burn_unreachable"])])
def test_a_burn_rate_is_at_most_that_of_every_run_failing(burn: str, found: list[str]) -> None:
    assert alert("0.9", burn=Fraction(burn)) == found


@pytest.mark.parametrize(("burn", "found"), [("1", []), ("0.933", ["burn_below_one"])])
def test_a_burn_rate_is_at_least_one(burn: str, found: list[str]) -> None:
    assert alert(burn=Fraction(burn), long_ms=72 * HOUR_MS) == found


def test_an_alert_that_chance_could_fire_is_found_unless_it_is_guarded() -> None:
    # 2 % of 43.2 failures are less than one.
    assert alert("0.999") == ["alert_below_k_min"]
    assert alert("0.999", min_failures=2) == ["alert_below_k_min"]
    assert alert("0.999", min_failures=3) == []


def test_the_failures_of_an_alert_do_not_depend_on_its_lookback() -> None:
    # X · N · (1 − target) = 3 for X = 3 ÷ 43.2, whatever the lookback is.
    share = Fraction(3) / Fraction("43.2")
    for hours in (1, 6, 24):
        burn = share * 720 / hours
        assert alert("0.999", burn=burn, long_ms=hours * HOUR_MS) == []
        less = alert("0.999", burn=burn * Fraction("0.999"), long_ms=hours * HOUR_MS)
        assert less == ["alert_below_k_min"]


def test_a_rule_for_each_region_has_only_the_runs_of_one() -> None:
    assert alert("0.99", each_region=False) == []
    assert alert("0.99", each_region=True) == ["alert_below_k_min"]


@pytest.mark.parametrize(
    ("severity", "expected"), [("page", Severity.ERROR), ("ticket", Severity.WARNING)]
)
def test_chance_may_write_a_ticket_but_not_wake_anybody(severity: str, expected: Severity) -> None:
    wrong = plan(target=Fraction("0.999"), alerts=(replace(RULE, severity=severity),))
    assert [finding.severity for finding in findings(wrong)] == [expected]


def test_an_alert_waits_for_no_more_regions_than_there_are() -> None:
    assert alert(min_regions=5) == []
    assert alert(min_regions=6) == ["alert_needs_more_regions"]


def test_a_short_lookback_holds_two_rounds() -> None:
    assert alert(short_ms=600_000) == []
    assert alert(short_ms=599_999) == ["short_window_below_two_rounds"]


@pytest.mark.parametrize(
    ("short_ms", "found"),
    [
        (1_199_999, ["lookback_below_slice"]),
        (1_200_000, ["short_window_below_two_rounds"]),
        (2_399_999, ["short_window_below_two_rounds"]),
        (2_400_000, []),
    ],
)
def test_where_slices_are_judged_a_short_lookback_holds_two(
    short_ms: int, found: list[str]
) -> None:
    held = plan(slice_ms=1_200_000, alerts=(replace(RULE, short_ms=short_ms),))
    assert codes(held) == found
    errors = [f.code for f in findings(held) if f.severity is Severity.ERROR]
    assert errors == [code for code in found if code == "lookback_below_slice"]


def test_a_finding_names_the_alert_by_its_number() -> None:
    second = replace(RULE, burn=Fraction(101))
    assert findings(plan(alerts=(RULE, second))) == (
        Finding(
            "burn_unreachable",
            Severity.ERROR,
            ("alerts", 1),
            "fast can never fire: it waits for a burn rate of 101, and when every run fails that "
            "is 1 / 1% = 100",
            "write a smaller share of the budget, or a lower burn rate",
        ),
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"target": Fraction(1)},
            "a target of 100% leaves no error budget, or nothing to keep, write one between, such "
            'as "99.9%"',
        ),
        (
            {"target": Fraction("0.9999"), "runs": 8640},
            "0.01% of 8640 in 30d = 0.864 that may be bad, fewer than 3: chance would decide, "
            "lower the target, lengthen the window or run more often",
        ),
        (
            {"sla": Fraction("0.995")},
            "the target of 99% is not above the SLA of 99.5%: customers would hear of a miss "
            "first, raise the target, so that there is time to act before the SLA is missed",
        ),
        (
            {"slice_ms": 60_000},
            "a slice of 1m is shorter than the 5m from run to run: most slices would hold no run, "
            "and an outage would cost too little, write slice: 5m or more",
        ),
        (
            {"target": Fraction("0.999"), "alerts": (RULE,)},
            "fast takes 2% of 0.1% of 43200 = 0.864 failures, fewer than 3: chance would fire it, "
            "write min_failures: 3, or a larger share of the budget",
        ),
        (
            {"alerts": (replace(RULE, burn=Fraction(14, 15), long_ms=72 * HOUR_MS),)},
            "fast fires at a burn rate of 0.933, at which the budget outlasts its window, write a "
            "larger share of the budget, or a burn rate of 1 or more",
        ),
        (
            {"alerts": (replace(RULE, min_regions=6),)},
            "fast can never fire: it waits for failures in 6 regions, and the journey runs in 5, "
            "write min_regions: 5",
        ),
        (
            {"alerts": (replace(RULE, short_ms=300_000),)},
            "the 5m of fast may hold no run of a region, or two: there are 5m from run to run, "
            "write short: 10m or more",
        ),
        (
            {"slice_ms": 1_800_000, "alerts": (RULE,)},
            "fast can never fire: its 10m hold no whole slice of 30m, write short: 1h or more",
        ),
        (
            {"slice_ms": 600_000, "alerts": (RULE,)},
            "the 10m of fast hold a single slice of 10m, write short: 20m or more",
        ),
    ],
)
def test_a_finding_says_the_arithmetic_and_the_mend(changes: Any, message: str) -> None:
    assert [finding.message for finding in findings(plan(**changes))] == [message]


def test_shares_are_told_to_a_millionth_of_a_percent() -> None:
    (found,) = findings(plan(depends_on=(Fraction(2, 3), Fraction("0.9"))))
    assert found.message == (
        "dependencies that just keep their targets allow 66.666666% x 90% = 60%, less than the "
        "target of 99%, lower the target or do with fewer of them"
    )


@given(
    st.fractions(Fraction(1, 100), Fraction(9999, 10000)),
    st.integers(1, 100_000),
    st.fractions(Fraction(1, 100), 100),
    st.integers(1, 100),
)
def test_more_runs_never_add_a_finding(
    target: Fraction, runs: int, burn: Fraction, more: int
) -> None:
    fewer = plan(target=target, runs=runs, alerts=(replace(RULE, burn=burn),))
    assert set(codes(replace(fewer, runs=runs + more))) <= set(codes(fewer))
