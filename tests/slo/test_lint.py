"""Lints: what is likely wrong with contracts is told at its place, and nothing else is."""

from __future__ import annotations

import re

import pytest

from prober.errors import Severity
from prober.journal.pruning import RAW_MS
from prober.lint.names import Names
from prober.slo.contract import Contract
from prober.slo.format import load, load_contracts, parse
from prober.slo.lint import RUNS_KEPT_MS, Periods, judged_in, lint, lint_all, lint_names
from prober.slo.plan import Finding
from tests.conftest import ROOT

SOUND = """\
apiVersion: prober/v1
kind: SLO
metadata: {name: login}
spec:
  journey: login
  owners: {product: pm, sre: sre}
  rationale: Support calls start below this target
  objectives:
    - {name: availability, sli: success, target: "99.5%"}
  windows:
    - {name: rolling, duration: 30d}
  policy: seed-5
"""
REGIONS = {"ap": 300_000, "eu": 300_000, "us": 300_000}


def contract(*keys: str, old: str = "", new: str = "") -> Contract:
    """The sound contract with more keys, or with something else in it."""
    assert old in SOUND
    return parse(SOUND.replace(old, new) + "".join(f"  {key}\n" for key in keys), "login.slo.yaml")


def found(linted: Contract, periods: Periods = REGIONS) -> list[tuple[str, str]]:
    """Codes, and where they are, as `path:line` of the file."""
    return [
        (finding.code, f"{problem.path}:{problem.line}")
        for finding in lint(linted, periods)
        for problem in [linted.source.problem(finding.place, finding.what, finding.mend)]
    ]


def only(linted: Contract, periods: Periods = REGIONS) -> Finding:
    (finding,) = lint(linted, periods)
    return finding


def test_a_sound_contract_has_no_finding() -> None:
    assert found(contract()) == []


@pytest.mark.parametrize("window", ["7d", "28d", "90d"])
@pytest.mark.parametrize("every_ms", [60_000, 300_000])
@pytest.mark.parametrize("number", [1, 5])
def test_derived_alerts_are_sound_whatever_the_window_and_the_schedule(
    window: str, every_ms: int, number: int
) -> None:
    linted = contract(old="30d", new=window)
    codes = {code for code, _ in found(linted, {f"r{n}": every_ms for n in range(number)})}
    assert codes <= {"budget_below_k_min"}


def test_the_examples_have_warnings_only_and_those_are_meant() -> None:
    contracts = load_contracts(ROOT / "journeys")
    periods = {each.journey: REGIONS for each in contracts} | {
        "account_api": dict.fromkeys(REGIONS, 60_000)
    }
    assert [(c.name, f.code, f.severity) for c, f in lint_all(contracts, periods)] == [
        ("checkout", "too_many_objectives", Severity.WARNING)
    ]


def test_a_policy_is_needed() -> None:
    finding = only(contract(old="  policy: seed-5\n"))
    assert (finding.code, finding.severity) == ("policy_missing", Severity.ERROR)
    assert finding.mend == "write policy: seed-5"


def test_a_draft_says_who_has_yet_to_sign_what() -> None:
    draft = contract("required_roles: [engineering]")
    findings = lint(draft, REGIONS)
    assert [(f.code, f.severity) for f in findings] == [("draft", Severity.WARNING)] * 2
    assert "engineering (target): not signed" in findings[0].what
    assert f"sha256:{draft.hash}" in findings[0].mend


@pytest.mark.parametrize(
    ("rationale", "codes"),
    [("Because it really does matter", []), ("It matters a lot", ["rationale_thin"])],
)
def test_a_rationale_takes_five_words(rationale: str, codes: list[str]) -> None:
    linted = contract(old="Support calls start below this target", new=rationale)
    assert [code for code, _ in found(linted)] == codes


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ("duration: 30d, gate: false", ("no_window_gates", "spec.windows:10")),
        (
            "calendar: {unit: month, time_zone: UTC}, gate: true",
            ("only_calendar_gates", "spec.windows:10"),
        ),
        ("calendar: {unit: month, time_zone: UTC}", ("no_window_gates", "spec.windows:10")),
    ],
)
def test_a_rolling_window_gates(window: str, expected: tuple[str, str]) -> None:
    assert found(contract(old="duration: 30d", new=window)) == [expected]


def test_a_calendar_window_may_gate_beside_a_rolling_one() -> None:
    both = "duration: 30d}\n    - {name: q, calendar: {unit: quarter, time_zone: UTC}, gate: true"
    assert found(contract(old="duration: 30d", new=both)) == []


def test_minutes_are_no_months() -> None:
    linted = contract("data: {min_runs: 1}", old="duration: 30d", new="duration: 1m")
    assert ("window_of_minutes", "spec.windows[0].duration:11") in found(linted)
    assert "window_of_minutes" not in dict(found(contract(old="duration: 30d", new="duration: 1h")))


def long(window: str, slice_: str = "") -> list[tuple[str, str]]:
    """What is found of a long window, beside what is said of any."""
    sliced = f"budgeting: {{timeslices: {{slice: {slice_}, rule: all}}}}"
    linted = contract(*([sliced] if slice_ else []), old="duration: 30d", new=window)
    return [told for told in found(linted) if told[0] == "window_outlives_runs"]


@pytest.mark.parametrize(
    ("window", "slice_", "where"),
    [
        ("duration: 93d", "", None),
        ("duration: 94d", "", "duration"),
        ("duration: 100d", "1h", None),
        ("duration: 100d", "5m", "duration"),
        ("calendar: {unit: quarter, time_zone: Asia/Kolkata}, gate: true", "", None),
        ("calendar: {unit: year, time_zone: Asia/Kolkata}, gate: true", "", "calendar"),
        ("calendar: {unit: year, time_zone: Asia/Kolkata}, gate: true", "1h", "calendar"),
        ("calendar: {unit: year, time_zone: America/New_York}, gate: true", "", None),
        ("calendar: {unit: year, time_zone: UTC}, gate: true", "1h", None),
        ("calendar: {unit: year, time_zone: UTC}, gate: true", "5m", "calendar"),
    ],
)
def test_a_window_that_single_runs_do_not_last_for_begins_on_the_hour(
    window: str, slice_: str, where: str | None
) -> None:
    told = [("window_outlives_runs", f"spec.windows[0].{where}:11")] if where else []
    assert long(window, slice_) == told


def test_single_runs_are_taken_to_be_kept_as_long_as_a_journal_keeps_them() -> None:
    assert RUNS_KEPT_MS == RAW_MS


@pytest.mark.parametrize(
    ("slice_", "codes"),
    [("7m", ["window_not_whole_slices"]), ("5m", []), ("4m", ["slice_below_interval"])],
)
def test_slices_fill_the_window_and_hold_a_run(slice_: str, codes: list[str]) -> None:
    linted = contract(f"budgeting: {{timeslices: {{slice: {slice_}, rule: all}}}}")
    assert [code for code, _ in found(linted)] == codes


def test_with_slices_the_budget_is_one_of_slices() -> None:
    # 720 hours leave 0.72 bad ones; 25,920 runs would leave 25.92.
    linted = contract("budgeting: {timeslices: {slice: 1h, rule: all}}", old="99.5%", new="99.9%")
    assert found(linted) == [("budget_below_k_min", "spec.objectives[0].target:9")]
    assert "0.1% of 720 in 30d = 0.72" in only(linted).what


@pytest.mark.parametrize(
    ("rule", "codes"),
    [
        ("{quorum: 3}", []),
        ("{quorum: 4}", ["quorum_above_regions"]),
        ("{quorum: 2, min_reporting: 4}", ["quorum_above_regions"]),
        ('{weighted: {ap: "1%", eu: "50%", us: "49%"}}', []),
        ('{weighted: {ap: "1%", eu: "50%"}}', ["weights_not_of_regions"]),
        ('{weighted: {ap: "1%", eu: "50%", us: "1%", mars: "1%"}}', ["weights_not_of_regions"]),
    ],
)
def test_a_region_rule_knows_the_regions(rule: str, codes: list[str]) -> None:
    linted = contract(f"budgeting: {{timeslices: {{slice: 5m, rule: {rule}}}}}")
    assert [code for code, _ in found(linted)] == codes


def test_a_window_holds_the_runs_it_takes() -> None:
    assert found(contract("data: {min_runs: 25920}")) == []
    unreachable = only(contract("data: {min_runs: 25921}"))
    assert (unreachable.code, unreachable.severity) == ("min_runs_unreachable", Severity.ERROR)
    assert unreachable.message == (
        "rolling never holds more than 25920 runs, so it stays UNKNOWN, write min_runs: 25920 or "
        "less"
    )


def test_where_slices_are_counted_a_window_holds_the_slices_it_takes() -> None:
    budgeting = "budgeting: {timeslices: {slice: 1h, rule: all}}"
    assert found(contract(budgeting, "data: {min_runs: 720}")) == []
    unreachable = only(contract(budgeting, "data: {min_runs: 721}"))
    assert unreachable.what == "rolling never holds more than 720 slices, so it stays UNKNOWN"


@pytest.mark.parametrize(
    ("data", "target", "code"),
    [("600", "99.9%", "budget_below_k_min"), ("900", "99.5%", "min_runs_unreachable")],
)
def test_what_a_window_that_does_not_gate_cannot_tell_is_a_warning(
    data: str, target: str, code: str
) -> None:
    day = "    - {name: day, calendar: {unit: day, time_zone: UTC}}\n  policy: seed-5\n"
    text = SOUND.replace("  policy: seed-5\n", day).replace("99.5%", target)
    finding = only(parse(f"{text}  data: {{min_runs: {data}}}\n", "a.yaml"))
    assert (finding.code, finding.severity) == (code, Severity.WARNING)


def test_a_verdict_does_not_get_stale_between_two_runs() -> None:
    assert found(contract("data: {max_staleness: 5m}")) == []
    assert found(contract("data: {max_staleness: 4m}")) == [
        ("staleness_below_interval", "spec.data.max_staleness:13")
    ]


def test_a_journey_that_runs_nowhere_is_told_and_its_arithmetic_is_not() -> None:
    linted = contract(old="99.5%", new="99.99999%")
    assert found(linted, {}) == [("journey_in_no_region", "spec.journey:5")]
    assert lint_all([linted], {})[0][1].code == "journey_in_no_region"


@pytest.mark.parametrize(
    ("rule", "codes"),
    [
        ('budget: "5%", long: 1h, short: 10m', []),
        ("burn: 0.9, long: 3d, short: 6h", ["burn_below_one"]),
        ("burn: 201, long: 1h, short: 10m", ["burn_unreachable"]),
        ('budget: "2%", long: 1h, short: 10m, min_failures: 1', ["alert_below_k_min"]),
        ('budget: "5%", long: 1h, short: 10m, min_regions: 4', ["alert_needs_more_regions"]),
        ('budget: "5%", long: 1h, short: 5m', ["short_window_below_two_rounds"]),
    ],
)
def test_a_written_alert_is_held_against_the_schedule(rule: str, codes: list[str]) -> None:
    linted = contract(f"alerts: {{rules: [{{name: mine, severity: page, {rule}}}]}}")
    assert found(linted) == [(code, "spec.alerts.rules[0]:13") for code in codes]


def test_what_objectives_have_in_common_is_said_once() -> None:
    two = 'target: "99.5%"}\n    - {name: latency, sli: {latency: {threshold: 8s}}, target: "99%"}'
    rule = "alerts: {rules: [{name: mine, severity: page, burn: 0.9, long: 3d, short: 6h}]}"
    linted = contract(rule, old='target: "99.5%"}', new=two)
    assert [code for code, _ in found(linted)] == ["burn_below_one"]


def test_what_windows_have_in_common_is_said_once() -> None:
    two = "duration: 30d}\n    - {name: q, calendar: {unit: quarter, time_zone: UTC}"
    rule = 'budget: "1%", long: 1h, short: 10m, min_failures: 1'
    linted = contract(
        f"alerts: {{rules: [{{name: mine, severity: page, {rule}}}]}}",
        'sla: {target: "99.5%"}',
        old="duration: 30d",
        new=two,
    )
    codes = [code for code, _ in found(linted)]
    assert codes == ["slo_not_tighter_than_sla", "alert_below_k_min"]


def test_what_slices_and_dependencies_allow_is_said_of_one_window() -> None:
    two = "duration: 30d}\n    - {name: q, calendar: {unit: quarter, time_zone: UTC}"
    linted = contract(
        "budgeting: {timeslices: {slice: 4m, rule: pooled}}",
        'depends_on: [{name: psp, target: "99.4%"}]',
        old="duration: 30d",
        new=two,
    )
    codes = [code for code, _ in found(linted) if code != "window_not_whole_slices"]
    assert codes == ["target_above_dependencies", "slice_below_interval"]


def test_an_objective_is_held_against_the_rules_of_its_own_target() -> None:
    two = 'target: "99.5%"}\n    - {name: latency, sli: {latency: {threshold: 8s}}, target: "90%"}'
    assert found(contract(old='target: "99.5%"}', new=two)) == []


def test_an_error_is_one_also_where_no_window_gates() -> None:
    linted = contract(
        'sla: {target: "99.5%"}', old="duration: 30d", new="duration: 30d, gate: false"
    )
    assert [(f.code, f.severity) for f in lint(linted, REGIONS)] == [
        ("no_window_gates", Severity.WARNING),
        ("slo_not_tighter_than_sla", Severity.ERROR),
    ]


def test_a_slice_is_as_long_as_the_slowest_interval_and_staleness_as_the_fastest() -> None:
    mixed = {"eu": 300_000, "us": 600_000}
    slices = contract("budgeting: {timeslices: {slice: 5m, rule: all}}")
    assert [code for code, _ in found(slices, mixed)] == ["slice_below_interval"]
    assert found(contract("data: {max_staleness: 5m}"), mixed) == []


def test_a_guard_that_lets_one_failure_page_is_told_at_the_alerts() -> None:
    linted = contract("alerts: {min_failures: 1}")
    assert set(found(linted)) == {("alert_below_k_min", "spec.alerts:13")}


def test_the_objective_of_success_is_tighter_than_the_sla() -> None:
    slower = '- {name: latency, sli: {latency: {threshold: 8s}}, target: "99%"}'
    both = contract('sla: {target: "99%"}', old="objectives:", new=f"objectives:\n    {slower}")
    assert found(both) == []
    alone = parse(
        SOUND.replace('- {name: availability, sli: success, target: "99.5%"}', slower)
        + '  sla: {target: "99%"}\n',
        "a.yaml",
    )
    assert found(alone) == [("slo_not_tighter_than_sla", "spec.objectives[0].target:9")]
    equal = contract('sla: {target: "99.5%"}')
    assert found(equal) == [("slo_not_tighter_than_sla", "spec.objectives[0].target:9")]


def test_dependencies_limit_what_needs_them_and_not_what_is_asked_after_them() -> None:
    depends = 'depends_on: [{name: psp, target: "99%"}]'
    assert found(contract(depends)) == [("target_above_dependencies", "spec.depends_on:13")]
    asserted = contract(depends, old="sli: success", new="sli: {assertion: total}")
    assert found(asserted) == []


def test_more_than_two_objectives_of_a_journey_are_too_many_wherever_they_stand() -> None:
    two = 'target: "99.5%"}\n    - {name: latency, sli: {latency: {threshold: 8s}}, target: "99%"}'
    first, second = contract(old='target: "99.5%"}', new=two), contract(old="login}", new="other}")
    assert lint_all([first], {"login": REGIONS}) == ()
    ((told_of, finding),) = lint_all([first, second], {"login": REGIONS})
    assert (told_of, finding.code) == (second, "too_many_objectives")


def test_more_than_five_contracts_of_an_owner_are_too_many() -> None:
    contracts = [contract(old="journey: login", new=f"journey: j{n}") for n in range(6)]
    periods = {f"j{n}": REGIONS for n in range(6)}
    assert lint_all(contracts[:5], periods) == ()
    many = lint_all(contracts, periods)
    assert [(each, f.code, f.place) for each, f in many] == [
        (contracts[5], "too_many_slos", ("spec", "owners"))
    ] * 2
    assert "pm answers for 6 SLOs" in many[0][1].what
    assert "sre answers for 6 SLOs" in many[1][1].what


def test_one_who_is_both_owners_answers_for_a_contract_once() -> None:
    contracts = [contract(old="pm, sre: sre", new="all, sre: all") for _ in range(5)]
    codes = {finding.code for _, finding in lint_all(contracts, {"login": REGIONS})}
    assert "too_many_slos" not in codes


def test_runs_are_planned_by_each_regions_own_period_and_slices_are_whole() -> None:
    assert judged_in(600_000, {"eu": 300_000, "us": 400_000}) == 2 + 2
    assert judged_in(600_000, {"eu": 300_000, "us": 400_000}, 400_000) == 1


def test_every_code_is_documented_with_its_severity() -> None:
    text = (ROOT / "docs" / "slo.md").read_text()
    table = dict(re.findall(r"^\| `([a-z_]+)` \| (error|warning)", text, re.MULTILINE))
    sources = [(ROOT / "prober" / "slo" / f"{name}.py").read_text() for name in ("plan", "lint")]
    calls = re.findall(r'\b(error|warning|Finding)\(\s*"([a-z_]+)"', "\n".join(sources))
    assert {code for _, code in calls} == table.keys()
    assert {code: name for name, code in calls if name != "Finding"}.items() <= table.items()


def test_the_example_that_is_signed_is_in_force() -> None:
    findings = lint(load(ROOT / "journeys" / "checkout.slo.yaml"), REGIONS)
    assert "draft" not in {finding.code for finding in findings}


_OBJECTIVES = """\
- {name: quick, sli: {latency: {threshold: 3s, step: sign in}}, target: "99%"}
    - {name: right, sli: {assertion: order-total}, target: "99%"}
    - {name: whole, sli: {latency: {threshold: 3s}}, target: "99%"}"""
#: Speaks of a step and of an assertion.
SPEAKING = contract(old='- {name: availability, sli: success, target: "99.5%"}', new=_OBJECTIVES)


def misnamed(known: Names) -> list[tuple[str, str]]:
    """What is found in a contract that speaks of both, and where."""
    return [
        (finding.code, f"{problem.path}:{problem.line}")
        for of, finding in lint_names([contract(), SPEAKING], {"login": known}.__getitem__)
        for problem in [of.source.problem(finding.place, finding.what, finding.mend)]
    ]


def test_a_contract_speaks_of_steps_and_assertions_that_are_there() -> None:
    there = Names(frozenset({"sign in", "pay"}), frozenset({"order-total"}))
    assert misnamed(there) == []
    assert misnamed(Names(None, None)) == [], "what cannot be told is not told"
    step = ("unknown_step", "spec.objectives[0].sli.latency.step:9")
    assertion = ("unknown_assertion", "spec.objectives[1].sli.assertion:10")
    assert misnamed(Names(frozenset({"signin"}), there.assertions)) == [step]
    assert misnamed(Names(there.steps, frozenset({"order_total"}))) == [assertion]
    assert misnamed(Names(frozenset(), frozenset())) == [step, assertion]


def test_of_a_contract_that_names_nothing_nobody_is_asked() -> None:
    def nobody(journey: str) -> Names:
        raise AssertionError(journey)

    assert list(lint_names([contract()], nobody)) == []
