"""Every finding of the lints, word for word: where, what and the mend."""

from __future__ import annotations

import pytest

from prober.lint.names import Names
from prober.slo.lint import lint, lint_all, lint_names
from tests.slo.test_lint import REGIONS, SPEAKING, contract

#: Keys that are added, what is replaced by what, and everything that is said then.
FINDINGS = [
    (
        (),
        "  policy: seed-5\n",
        "",
        [
            "error policy_missing spec.policy: nothing follows from any state: there is no "
            "policy with an action for each, write policy: seed-5",
        ],
    ),
    (
        ("required_roles: [engineering]",),
        "",
        "",
        [
            "warning draft spec.signoffs: it is a draft and stops no deployment: "
            "engineering (target): not signed, let them sign sha256:HASH",
            "warning draft spec.signoffs: it is a draft and stops no deployment: "
            "engineering (policy): not signed, let them sign sha256:HASH",
        ],
    ),
    (
        (),
        "Support calls start below this target",
        "It matters a lot",
        [
            "warning rationale_thin spec.rationale: 'It matters a lot' does not say why the"
            " targets are what they are, write what was measured, what users complained of "
            "or what was agreed",
        ],
    ),
    (
        (),
        "duration: 30d",
        "duration: 30d, gate: false",
        [
            "warning no_window_gates spec.windows: no window gates, so no state stops a "
            "deployment, write gate: true in one",
        ],
    ),
    (
        (),
        "duration: 30d",
        "calendar: {unit: month, time_zone: UTC}, gate: true",
        [
            "warning only_calendar_gates spec.windows: only the calendar gates: a budget "
            "spent early stops releases until the period ends, one left over invites risk, "
            "let a rolling one gate",
        ],
    ),
    (
        ("data: {min_runs: 1}",),
        "duration: 30d",
        "duration: 1m",
        [
            "warning window_of_minutes spec.windows[0].duration: the window is 1m, where m "
            "is for minutes, write 30d, or calendar: {unit: month, time_zone: …} for months",
            "error budget_below_k_min spec.objectives[0].target: 0.5% of 3 in 1m = 0.015 "
            "that may be bad, fewer than 3: chance would decide, lower the target, lengthen"
            " the window or run more often",
        ],
    ),
    (
        (),
        "duration: 30d",
        "duration: 180d",
        [
            "warning window_outlives_runs spec.windows[0].duration: rolling begins at any minute "
            "of the last 180d, and single runs are kept for 93d: from then on it stays UNKNOWN, "
            "write 93d or less, or calendar: {unit: year, time_zone: UTC}",
        ],
    ),
    (
        (),
        "duration: 30d}",
        "duration: 30d}\n    - {name: y, calendar: {unit: year, time_zone: Asia/Kolkata}}",
        [
            "warning window_outlives_runs spec.windows[1].calendar: a year of Asia/Kolkata begins "
            "off the hour, and single runs are kept for 93d: from then on it stays UNKNOWN, "
            "write a time_zone whose midnight is a whole hour of UTC",
        ],
    ),
    (
        ("budgeting: {timeslices: {slice: 5m, rule: all}}",),
        "duration: 30d}",
        "duration: 30d}\n    - {name: y, calendar: {unit: year, time_zone: UTC}}",
        [
            "warning window_outlives_runs spec.windows[1].calendar: y is made of slices of 5m, and "
            "single runs are kept for 93d: from then on it stays UNKNOWN, write slices of whole "
            "hours",
        ],
    ),
    (
        ("budgeting: {timeslices: {slice: 7m, rule: all}}",),
        "",
        "",
        [
            "error window_not_whole_slices spec.windows[0]: slices of 7m leave 3m that "
            "never counts, write a multiple of the slice",
        ],
    ),
    (
        ("budgeting: {timeslices: {slice: 4m, rule: all}}",),
        "",
        "",
        [
            "error slice_below_interval spec.budgeting.timeslices.slice: a slice of 4m is "
            "shorter than the 5m from run to run: most slices would hold no run, and an "
            "outage would cost too little, write slice: 5m or more",
        ],
    ),
    (
        ("budgeting: {timeslices: {slice: 5m, rule: {quorum: 4}}}",),
        "",
        "",
        [
            "error quorum_above_regions spec.budgeting.timeslices.rule: it waits for 4 "
            "regions, there are 3, write 3 or less",
        ],
    ),
    (
        (
            'budgeting: {timeslices: {slice: 5m, rule: {weighted: {ap: "1%", eu: "50%", '
            'mars: "49%"}}}}',
        ),
        "",
        "",
        [
            "warning weights_not_of_regions spec.budgeting: weights and regions differ in "
            "mars, us: what has no weight never counts, weigh ap, eu, us",
        ],
    ),
    (
        ("data: {min_runs: 25921}",),
        "",
        "",
        [
            "error min_runs_unreachable spec.data.min_runs: rolling never holds more than "
            "25920 runs, so it stays UNKNOWN, write min_runs: 25920 or less",
        ],
    ),
    (
        ("data: {max_staleness: 4m}",),
        "",
        "",
        [
            "warning staleness_below_interval spec.data.max_staleness: 4m may pass without "
            "a run, for there are 5m from one to the next, write max_staleness: 15m",
        ],
    ),
    (
        ("alerts: {rules: [{name: mine, severity: page, burn: 0.9, long: 3d, short: 6h}]}",),
        "",
        "",
        [
            "error burn_below_one spec.alerts.rules[0]: mine fires at a burn rate of 0.9, "
            "at which the budget outlasts its window, write a larger share of the budget, "
            "or a burn rate of 1 or more",
        ],
    ),
    (
        ("alerts: {rules: [{name: mine, severity: page, burn: 201, long: 1h, short: 10m}]}",),
        "",
        "",
        [
            "error burn_unreachable spec.alerts.rules[0]: mine can never fire: it waits for"
            " a burn rate of 201, and when every run fails that is 1 / 0.5% = 200, write a "
            "smaller share of the budget, or a lower burn rate",
        ],
    ),
    (
        (
            'alerts: {rules: [{name: mine, severity: page, budget: "2%", long: 1h, short: '
            "10m, min_failures: 1}]}",
        ),
        "",
        "",
        [
            "error alert_below_k_min spec.alerts.rules[0]: mine takes 2% of 0.5% of 25920 ="
            " 2.592 failures, fewer than 3: chance would fire it, write min_failures: 3, or"
            " a larger share of the budget",
        ],
    ),
    (
        (
            'alerts: {rules: [{name: mine, severity: page, budget: "5%", long: 1h, short: '
            "10m, min_regions: 4}]}",
        ),
        "",
        "",
        [
            "error alert_needs_more_regions spec.alerts.rules[0]: mine can never fire: it "
            "waits for failures in 4 regions, and the journey runs in 3, write min_regions:"
            " 3",
        ],
    ),
    (
        ('alerts: {rules: [{name: mine, severity: page, budget: "5%", long: 1h, short: 5m}]}',),
        "",
        "",
        [
            "warning short_window_below_two_rounds spec.alerts.rules[0]: the 5m of mine may"
            " hold no run of a region, or two: there are 5m from run to run, write short: "
            "10m or more",
        ],
    ),
    (
        (
            "budgeting: {timeslices: {slice: 30m, rule: majority}}",
            'alerts: {rules: [{name: mine, severity: page, budget: "20%", long: 2h, short: 15m}]}',
        ),
        "99.5%",
        "99%",
        [
            "error lookback_below_slice spec.alerts.rules[0]: mine can never fire: its 15m "
            "hold no whole slice of 30m, write short: 1h or more",
        ],
    ),
    (
        ('sla: {target: "99.5%"}',),
        "",
        "",
        [
            "error slo_not_tighter_than_sla spec.objectives[0].target: the target of 99.5% "
            "is not above the SLA of 99.5%: customers would hear of a miss first, raise the"
            " target, so that there is time to act before the SLA is missed",
        ],
    ),
    (
        ('depends_on: [{name: psp, target: "99%"}]',),
        "",
        "",
        [
            "warning target_above_dependencies spec.depends_on: dependencies that just keep"
            " their targets allow 99% = 99%, less than the target of 99.5%, lower the "
            "target or do with fewer of them",
        ],
    ),
    (
        (),
        "99.5%",
        "99.99%",
        [
            "error budget_below_k_min spec.objectives[0].target: 0.01% of 25920 in 30d = "
            "2.592 that may be bad, fewer than 3: chance would decide, lower the target, "
            "lengthen the window or run more often",
        ],
    ),
]


@pytest.mark.parametrize(("keys", "old", "new", "lines"), FINDINGS)
def test_a_finding_says_where_what_and_the_mend(
    keys: tuple[str, ...], old: str, new: str, lines: list[str]
) -> None:
    linted = contract(*keys, old=old, new=new)
    said = [
        f"{finding.severity} {finding.code} {problem.path}: {finding.message}"
        for finding in lint(linted, REGIONS)
        for problem in [linted.source.problem(finding.place, finding.what, finding.mend)]
    ]
    assert [line.replace(linted.hash, "HASH") for line in said] == lines


def test_what_is_too_much_is_said_of_the_last_one() -> None:
    contracts = [contract(old="journey: login", new=f"journey: j{n % 5}") for n in range(6)]
    contracts += [contract(old="journey: login", new="journey: j0")]
    said = [
        f"{finding.severity} {finding.code} {finding.place}: {finding.message}"
        for _, finding in lint_all(contracts, {f"j{n}": REGIONS for n in range(5)})
    ]
    assert said == [
        "warning too_many_objectives ('spec', 'objectives'): j0 has 3 objectives, and one or two "
        "are what people heed, keep those that people would act on",
        "warning too_many_slos ('spec', 'owners'): pm answers for 7 SLOs, more than 5, keep the "
        "journeys that matter most, or share the work",
        "warning too_many_slos ('spec', 'owners'): sre answers for 7 SLOs, more than 5, keep the "
        "journeys that matter most, or share the work",
    ]


def test_a_journey_that_runs_nowhere_is_told_with_the_mend() -> None:
    (finding,) = lint(contract(), {})
    assert finding.place == ("spec", "journey")
    assert finding.message == (
        "no region runs login, so the state stays UNKNOWN, add the journey to `only` of a region"
    )


@pytest.mark.parametrize(
    ("known", "step", "assertion"),
    [
        (
            Names(frozenset({"sign-in"}), frozenset({"order_total"})),
            "did you mean sign-in?",
            "did you mean order_total?",
        ),
        (
            Names(frozenset({"pay", "browse"}), frozenset({"name", "cart"})),
            "write one of browse, pay",
            "write one of cart, name",
        ),
        (
            Names(frozenset(), frozenset()),
            'write with step("sign in"): in it',
            'write with assertion("order-total"): in it',
        ),
    ],
)
def test_a_name_that_is_not_the_journey_s_is_told_with_the_nearest(
    known: Names, step: str, assertion: str
) -> None:
    said = [
        f"{finding.severity} {finding.code}: {finding.message}"
        for _, finding in lint_names([SPEAKING], {"login": known}.__getitem__)
    ]
    assert said == [
        f"error unknown_step: login has no step 'sign in', so no run is ever good, {step}",
        "error unknown_assertion: login has no assertion 'order-total', so the state stays "
        f"UNKNOWN, {assertion}",
    ]
