"""A contract file becomes a contract, exactly; its hash is of what is written in it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from fractions import Fraction
from functools import reduce
from io import StringIO
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from prober.errors import InputError, Problem
from prober.journey import Journey
from prober.slo.contract import (
    AlertRule,
    Alerts,
    BudgetBasis,
    Budgeting,
    Contract,
    Correctness,
    Data,
    Dependency,
    ExclusionMode,
    Impact,
    Latency,
    NoData,
    Objective,
    Owners,
    Retry,
    ServerView,
    Signoff,
    Sla,
    Success,
)
from prober.slo.format import NO_POLICY, check, load, load_contracts, parse, schema
from prober.slo.moment import moment_ms
from prober.slo.policy import SEED_5
from prober.slo.region import Mode, RegionRule
from prober.slo.window import Calendar, Rolling, Span, Unit, Window
from tests.conftest import ROOT

FULL = """\
apiVersion: prober/v1
kind: SLO
metadata: {name: checkout-completion, displayName: Checkout completes, labels: {team: payments}}
spec:
  description: Users who start checkout complete a purchase
  journey: checkout
  owners: {product: pm-payments, sre: sre-payments}
  rationale: 99.7% over six months; support complaints start below 99.3%
  effective_from: 2026-07-01
  objectives:
    - {name: availability, sli: success, target: "99.5%"}
    - {name: latency, sli: {latency: {threshold: 8s}}, target: "0.99"}
    - {name: sign-in, sli: {latency: {threshold: 1.5s, step: sign in}}, target: "95%"}
    - {name: correctness, sli: {assertion: order-total}, target: "99.9%"}
  windows:
    - {name: rolling, duration: 30d, gate: true}
    - {name: quarter, calendar: {unit: quarter, time_zone: America/New_York}}
  budgeting: {timeslices: {slice: 5m, rule: {quorum: 2, min_reporting: 3}}}
  data: {retry: final, no_data: bad, exclusions: as_good, basis: planned,
         min_runs: 100, min_coverage: "80%", max_staleness: 15m}
  alerts:
    min_failures: 4
    min_regions: 3
    routes: {page: oncall, ticket: payments}
    rules:
      - {name: fast, severity: page, budget: "2%", long: 1h, short: 10m}
      - {name: one-region, severity: ticket, burn: 14.4, long: 1h, short: 10m,
         min_failures: 5, min_regions: 1, each_region: true}
  policy: seed-5
  sla: {target: "99%", public_commitment: true}
  business_impact: {per_percent_of_burn: 45000, currency: EUR, journeys_per_hour: 4000,
                    value_per_journey: 56.25, notification_threshold: "10%"}
  depends_on: [{name: psp, target: "99.95%"}]
  server_view: {query: 'errors{code=~"5.."} / requests', bad_above: "0.5%"}
  dependents: [fulfilment]
  paths: ["shop/checkout/**"]
  required_roles: [engineering]
  signoffs:
    - {role: engineering, scope: [target, policy], by: a@x, date: 2026-06-20, hash: sha256:…}
"""
#: As the design has it, to the letter.
DESIGNED = """\
apiVersion: prober/v1
kind: SLO
metadata: {name: checkout-completion, displayName: Checkout completes, labels: {team: payments}}
spec:
  description: Users who start checkout complete a purchase
  journey: checkout                  # script + schedule + regions live in the Journey file
  owners: {product: pm-payments, sre: sre-payments}
  rationale: 99.7% over six months; support complaints start below 99.3%
  effective_from: 2026-07-01
  objectives:
    - {name: availability, sli: success, target: "99.5%"}
    - {name: latency, sli: {latency: {threshold: 8s}}, target: "99%"}
    - {name: correctness, sli: {assertion: order-total}, target: "99.9%"}
  windows:
    - {name: rolling, duration: 30d, gate: true}
    - {name: quarter, calendar: {unit: quarter, time_zone: America/New_York}}
  budgeting: occurrences             # | {timeslices: {slice: 5m, rule: {quorum: 2, …}}}
  data: {retry: first, no_data: exclude, min_runs: 600, min_coverage: "90%", max_staleness: 15m}
  alerts: {preset: probe-30d, min_failures: 3, min_regions: 2,
           routes: {page: oncall, ticket: payments}}
  policy: seed-5                     # or a Policy file: bands, actions, approvals, review cadence
  sla: {target: "99%", public_commitment: true}
  business_impact: {per_percent_of_burn: 45000, currency: USD, journeys_per_hour: 4000,
                    value_per_journey: 56.25, notification_threshold: "20%"}
  depends_on: [{name: psp, target: "99.95%"}]
  signoffs:
    - {role: engineering, scope: [target, policy], by: a@x, date: 2026-06-20, hash: sha256:…}
"""
MINIMAL = """\
apiVersion: prober/v1
kind: SLO
metadata: {name: login}
spec:
  journey: login
  owners: {product: pm, sre: sre}
  rationale: Because
  objectives: [{name: availability, sli: success, target: "99.9%"}]
  windows: [{name: rolling, duration: 30d}]
"""


def journey(name: str) -> Journey:
    return Journey(
        name=name,
        file=f"{name}.py",
        line=1,
        every_ms=300_000,
        timeout_ms=60_000,
        max_duration_ms=None,
        secrets=(),
        browser="headless-shell",
        parameters=("page",),
        summary="",
        hash="",
    )


def changed(old: str, new: str) -> Contract:
    """The least contract, with something else in it."""
    assert old in MINIMAL
    return parse(MINIMAL.replace(old, new), "login.slo.yaml")


def with_key(key: str) -> Contract:
    """The least contract, and one more key."""
    return parse(f"{MINIMAL}  {key}\n", "login.slo.yaml")


def test_every_key_is_read() -> None:
    contract = parse(FULL, "checkout.slo.yaml")
    assert contract == Contract(
        name="checkout-completion",
        display_name="Checkout completes",
        labels={"team": "payments"},
        description="Users who start checkout complete a purchase",
        journey="checkout",
        owners=Owners(product="pm-payments", sre="sre-payments"),
        rationale="99.7% over six months; support complaints start below 99.3%",
        effective_from=date(2026, 7, 1),
        objectives=(
            Objective("availability", Success(), Fraction(199, 200)),
            Objective("latency", Latency(8_000_000), Fraction(99, 100)),
            Objective("sign-in", Latency(1_500_000, "sign in"), Fraction(19, 20)),
            Objective("correctness", Correctness("order-total"), Fraction(999, 1000)),
        ),
        windows=(
            Rolling("rolling", 2_592_000_000),
            Calendar("quarter", Unit.QUARTER, "America/New_York"),
        ),
        data=Data(
            min_runs=100,
            min_coverage=Fraction(4, 5),
            max_staleness_ms=900_000,
            retry=Retry.FINAL,
            no_data=NoData.BAD,
            exclusion_mode=ExclusionMode.AS_GOOD,
            basis=BudgetBasis.PLANNED,
        ),
        policy=SEED_5,
        budgeting=Budgeting(
            slice_ms=300_000, rule=RegionRule(mode=Mode.QUORUM, quorum=2, min_reporting=3)
        ),
        alerts=Alerts(
            rules=(
                AlertRule(
                    name="fast",
                    severity="page",
                    burn=Fraction(72, 5),
                    long_ms=3_600_000,
                    short_ms=600_000,
                    min_failures=4,
                    min_regions=3,
                ),
                AlertRule(
                    name="one-region",
                    severity="ticket",
                    burn=Fraction(72, 5),
                    long_ms=3_600_000,
                    short_ms=600_000,
                    min_failures=5,
                    min_regions=1,
                    each_region=True,
                ),
            ),
            min_failures=4,
            min_regions=3,
            routes={"page": "oncall", "ticket": "payments"},
        ),
        sla=Sla(target=Fraction(99, 100), public_commitment=True),
        impact=Impact(
            per_percent_of_burn=Fraction(45000),
            currency="EUR",
            journeys_per_hour=Fraction(4000),
            value_per_journey=Fraction(225, 4),
            notification_threshold=Fraction(1, 10),
        ),
        depends_on=(Dependency(name="psp", target=Fraction(1999, 2000)),),
        server_view=ServerView('errors{code=~"5.."} / requests', Fraction(1, 200)),
        dependents=("fulfilment",),
        signoffs=(
            Signoff(
                role="engineering",
                scope=("target", "policy"),
                by="a@x",
                date=date(2026, 6, 20),
                hash="sha256:…",
            ),
        ),
        paths=("shop/checkout/**",),
        required_roles=("engineering",),
        source=contract.source,
    )


def test_what_is_left_out_has_a_default() -> None:
    contract = parse(MINIMAL, "login.slo.yaml")
    assert contract == Contract(
        name="login",
        display_name="login",
        labels={},
        description="",
        journey="login",
        owners=Owners(product="pm", sre="sre"),
        rationale="Because",
        effective_from=None,
        objectives=(Objective("availability", Success(), Fraction(999, 1000)),),
        windows=(Rolling("rolling", 2_592_000_000, gate=True),),
        data=Data(),
        policy=NO_POLICY,
        source=contract.source,
    )


def test_a_contract_is_in_effect_from_midnight_in_utc_on() -> None:
    begins = moment_ms("2026-07-01T00:00:00Z")
    always = parse(MINIMAL, "a.yaml")
    since = replace(always, effective_from=date(2026, 7, 1))
    around, before = Span(begins - 5, begins + 5), Span(begins - 5, begins - 2)
    assert since.effective_ms == begins
    assert since.in_effect(around) == Span(begins, begins + 5)
    assert since.in_effect(before) == Span(begins - 2, begins - 2)
    assert [always.in_effect(span) for span in (around, before)] == [around, before]


def test_what_a_default_is_written_out_as_is_the_default() -> None:
    written = """\
  budgeting: {occurrences: {rule: pooled}}
  data: {retry: first, no_data: exclude, exclusions: remove, basis: auto, min_runs: 600,
         min_coverage: "90%"}
  alerts: {preset: probe-30d, min_failures: 3, min_regions: 2}
"""
    assert parse(MINIMAL + written, "a.yaml") == parse(MINIMAL, "a.yaml")


def test_the_contract_of_the_design_is_read_as_it_stands() -> None:
    contract = parse(DESIGNED, "checkout.slo.yaml")
    assert contract.alerts.rules is None
    assert contract.budgeting == Budgeting()
    assert contract.impact == Impact(
        per_percent_of_burn=Fraction(45000),
        journeys_per_hour=Fraction(4000),
        value_per_journey=Fraction(225, 4),
    )


@pytest.mark.parametrize(
    ("written", "window"),
    [
        ("duration: 28d, gate: false", Rolling("w", 2_419_200_000, gate=False)),
        (
            "calendar: {unit: week, time_zone: Europe/Berlin}",
            Calendar("w", Unit.WEEK, "Europe/Berlin", gate=False),
        ),
        (
            "calendar: {unit: day, time_zone: UTC}, gate: true",
            Calendar("w", Unit.DAY, "UTC", gate=True),
        ),
    ],
)
def test_a_window_gates_when_it_rolls_unless_it_says_otherwise(
    written: str, window: Window
) -> None:
    assert changed("name: rolling, duration: 30d", f"name: w, {written}").windows == (window,)


@pytest.mark.parametrize(
    ("written", "slice_ms", "rule"),
    [
        ("occurrences", None, RegionRule()),
        ("{occurrences: {}}", None, RegionRule()),
        (
            '{occurrences: {rule: {weighted: {eu: "50%", us: "0.25"}}}}',
            None,
            RegionRule(mode=Mode.WEIGHTED, weights={"eu": Fraction(1, 2), "us": Fraction(1, 4)}),
        ),
        ("{timeslices: {slice: 1h, rule: any}}", 3_600_000, RegionRule(mode=Mode.ANY)),
        ("{timeslices: {slice: 5m, rule: all}}", 300_000, RegionRule(mode=Mode.ALL)),
        ("{timeslices: {slice: 5m, rule: majority}}", 300_000, RegionRule(mode=Mode.MAJORITY)),
        ("{timeslices: {slice: 5m, rule: pooled}}", 300_000, RegionRule(mode=Mode.POOLED)),
        (
            "{timeslices: {slice: 5m, rule: {quorum: 2}}}",
            300_000,
            RegionRule(mode=Mode.QUORUM, quorum=2, min_reporting=2),
        ),
        (
            "{timeslices: {slice: 5m, rule: {quorum: 2, min_reporting: 2}}}",
            300_000,
            RegionRule(mode=Mode.QUORUM, quorum=2, min_reporting=2),
        ),
        (
            '{timeslices: {slice: 5m, rule: {weighted: {eu: "100%"}, min_reporting: 2}}}',
            300_000,
            RegionRule(mode=Mode.WEIGHTED, weights={"eu": Fraction(1)}, min_reporting=2),
        ),
    ],
)
def test_budgeting_is_read(written: str, slice_ms: int | None, rule: RegionRule) -> None:
    assert with_key(f"budgeting: {written}").budgeting == Budgeting(slice_ms=slice_ms, rule=rule)


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ("any", "any"),
        ("all", "all"),
        ("majority", "majority"),
        ("{quorum: 2}", "quorum"),
    ],
)
def test_runs_have_no_rule_that_compares_regions(rule: str, name: str) -> None:
    with pytest.raises(InputError) as caught:
        with_key(f"budgeting: {{occurrences: {{rule: {rule}}}}}")
    (problem,) = caught.value.problems
    assert problem.path == "spec.budgeting.occurrences.rule"
    assert problem.what == f"{name} compares regions at the same time, and runs are not"


@pytest.mark.parametrize(
    ("windows", "burn"),
    [
        ("[{name: a, duration: 30d}, {name: b, duration: 7d}]", Fraction(72, 5)),
        ("[{name: a, duration: 30d, gate: false}, {name: b, duration: 7d}]", Fraction(84, 25)),
        ("[{name: a, calendar: {unit: month, time_zone: UTC}}]", Fraction(72, 5)),
    ],
)
def test_an_alerts_share_is_of_the_budget_that_gates(windows: str, burn: Fraction) -> None:
    rules = 'rules: [{name: fast, severity: page, budget: "2%", long: 1h, short: 10m}]'
    text = MINIMAL.replace("[{name: rolling, duration: 30d}]", windows)
    contract = parse(f"{text}  alerts: {{{rules}}}\n", "a.yaml")
    assert contract.alerts.rules is not None
    assert [rule.burn for rule in contract.alerts.rules] == [burn]


def test_an_alert_may_look_back_over_one_time_only() -> None:
    rule = "{name: leak, severity: ticket, burn: 1, long: 7d, short: 7d}"
    rules = with_key(f"alerts: {{rules: [{rule}]}}").alerts.rules
    assert rules is not None
    assert rules[0].short_ms == rules[0].long_ms == 604_800_000


@pytest.mark.parametrize("written", ["56.25", '"56.25"', "56.250"])
def test_an_amount_is_what_is_written_to_the_last_digit(written: str) -> None:
    impact = with_key(f"business_impact: {{value_per_journey: {written}}}").impact
    assert impact is not None
    assert impact.value_per_journey == Fraction(225, 4)


POLICY = """\
apiVersion: prober/v1
kind: Policy
metadata: {name: ours}
spec: {}
"""


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """A contract with a policy file beside it."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "ours.yaml").write_text(POLICY)
    path = tmp_path / "login.slo.yaml"
    path.write_text(f"{MINIMAL}  policy: policies/ours.yaml\n")
    return path


def test_a_policy_file_is_looked_for_beside_the_contract(beside: Path) -> None:
    assert load(beside).policy.name == "ours"


def test_a_mistake_in_a_policy_is_told_with_those_of_the_contract_and_once(beside: Path) -> None:
    policy = beside.parent / "policies" / "ours.yaml"
    policy.write_text(POLICY.replace("spec", "speck"))
    beside.write_text(beside.read_text().replace("99.9%", "100%"))
    other = beside.parent / "other.slo.yaml"
    other.write_text(beside.read_text().replace("name: login", "name: other"))
    with pytest.raises(InputError) as caught:
        load_contracts(beside.parent)
    files = [Path(problem.file).name for problem in caught.value.problems]
    assert files.count("login.slo.yaml") == files.count("other.slo.yaml") == 1
    lines = [str(problem) for problem in caught.value.problems]
    assert len(set(lines)) == len(lines)
    assert any("speck" in line for line in lines)


def test_what_a_policy_file_says_is_in_the_hash(beside: Path) -> None:
    before = load(beside).hash
    policy = beside.parent / "policies" / "ours.yaml"
    policy.write_text(f"# ours\n{POLICY}")
    assert load(beside).hash == before
    policy.write_text(POLICY.replace("name: ours", "name: theirs"))
    assert load(beside).hash != before


def test_what_was_signed_stays_signed(beside: Path) -> None:
    """Were one of these another one day, every sign-off that people gave would be void."""
    minimal = parse(MINIMAL, "login.slo.yaml")
    assert minimal.hash == "dcc237758c32535013318902a8f395310d8423e98051d059e80ab3833689d774"
    hashed = load(beside).hash
    assert hashed == "cb0315bde248c4a210fee96aabd8191dd4a571841d06386457a663e55e836ec7"


def test_a_contract_is_loaded_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "login.slo.yaml"
    path.write_text(MINIMAL)
    assert load(path) == parse(MINIMAL, "login.slo.yaml")


def test_contracts_of_a_directory_have_names_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "a.slo.yaml").write_text(MINIMAL)
    (tmp_path / "b.slo.yaml").write_text(MINIMAL.replace("name: login", "name: other"))
    assert [contract.name for contract in load_contracts(tmp_path)] == ["login", "other"]
    (tmp_path / "c.slo.yaml").write_text(MINIMAL)
    with pytest.raises(InputError) as caught:
        load_contracts(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/c.slo.yaml:3: metadata.name: the name login is taken by "
        f"{tmp_path}/a.slo.yaml, rename one"
    )


def test_a_dollar_in_a_contract_is_a_dollar() -> None:
    contract = parse(MINIMAL.replace("Because", "It costs ${LOTS} a minute"), "login.slo.yaml")
    assert contract.rationale == "It costs ${LOTS} a minute"


def test_all_problems_of_a_contract_are_told_at_once() -> None:
    text = FULL.replace("prober/v1", "v1").replace("99.5%", "100%").replace("30d", "1M")
    text = text.replace("seed-5", "seed-6").replace("page: oncall", "pager: oncall")
    with pytest.raises(InputError) as caught:
        parse(text, "checkout.slo.yaml")
    assert [problem.line for problem in caught.value.problems] == [1, 11, 16, 24, 29]


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 9), st.integers(0, 999_999))
def test_a_target_is_what_is_written_to_the_last_digit(tenths: int, digits: int) -> None:
    target = f"9{tenths}.{digits:06d}%"
    contract = parse(MINIMAL.replace("99.9%", target), "login.slo.yaml")
    assert contract.objectives[0].target == Fraction(f"9{tenths}.{digits:06d}") / 100


def test_layout_order_and_comments_do_not_change_the_hash() -> None:
    lines = MINIMAL.splitlines()
    other = "\n".join(["# ours", *lines[1:3], lines[0], "spec:", *reversed(lines[4:])])
    assert parse(other, "a.yaml").hash == parse(MINIMAL, "b.yaml").hash


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("99.9%", "99.95%"),
        ("rationale: Because", "rationale: Why not"),
        ("30d", "28d"),
        ("rationale: Because", "rationale: Because\n  effective_from: 2026-07-01"),
    ],
)
def test_what_is_promised_changes_the_hash(old: str, new: str) -> None:
    changed = parse(MINIMAL.replace(old, new), "a.yaml")
    assert changed.hash != parse(MINIMAL, "a.yaml").hash
    assert len(changed.hash) == 64


@pytest.mark.parametrize(
    ("text", "times"),
    [
        pytest.param(FULL, True, id="final attempts, and times"),
        pytest.param(FULL.replace("retry: final, ", ""), False, id="first attempts, and times"),
        pytest.param(MINIMAL + "  data: {retry: final}\n", False, id="final attempts, no times"),
    ],
)
def test_attempts_after_a_first_are_timed_where_an_objective_judges_their_time(
    text: str, times: bool
) -> None:
    assert parse(text, "checkout.slo.yaml").times_final is times


def test_a_contract_for_a_journey_that_is_there_has_no_problem() -> None:
    assert check(parse(MINIMAL, "a.yaml"), [journey("checkout"), journey("login")]) == []


def test_a_contract_for_no_journey_is_told() -> None:
    assert [str(problem) for problem in check(parse(FULL, "a.yaml"), [journey("checkuot")])] == [
        "a.yaml:6: spec.journey: there is no journey checkout, did you mean checkuot?"
    ]


def test_the_schema_is_json_and_knows_no_null() -> None:
    published = json.dumps(schema())
    assert json.loads(published)["$schema"].endswith("/2020-12/schema")
    assert "null" not in published


def test_the_schema_forbids_keys_that_the_reader_forbids() -> None:
    mappings = [schema(), *schema()["$defs"].values()]
    assert all(
        mapping["additionalProperties"] is False
        for mapping in mappings
        if mapping["type"] == "object"
    )


def test_the_schema_names_every_key_of_a_full_contract() -> None:
    def keys(value: Any) -> set[str]:
        if isinstance(value, dict):
            return {*value, *(key for item in value.values() for key in keys(item))}
        if isinstance(value, tuple):
            return {key for item in value for key in keys(item)}
        return set()

    published = schema()
    mappings = [published, *published["$defs"].values()]
    known = {key for mapping in mappings for key in mapping.get("properties", {})}
    chosen = {"team", "page", "ticket"}  # a label's name, and the severities of routes
    other = {"occurrences", "weighted", "preset"}  # of two keys, that which FULL does not use
    assert keys(parse(FULL, "a.yaml").source.data) - chosen | other == known


def test_the_published_schema_is_the_schema() -> None:
    """When it is not: write `json.dumps(schema(), indent=2)` and a line break to the file."""
    assert json.loads((ROOT / "docs" / "slo.schema.json").read_text()) == schema()


def test_signing_does_not_change_the_hash() -> None:
    unsigned = FULL[: FULL.index("  signoffs:")]
    assert parse(FULL, "a.yaml").hash == parse(unsigned, "a.yaml").hash


def test_time_zones_are_known_where_the_system_has_none() -> None:
    code = f"from prober.slo.format import parse; parse({FULL!r}, 'a.yaml')"
    environ = {"PYTHONTZPATH": "", "PATH": ""}
    subprocess.run([sys.executable, "-c", code], env=environ, check=True, timeout=60)


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a document but its root."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*place, key)
        if isinstance(item, dict | list):
            yield from places(item, (*place, key))


ODD = (-1, 1.5, True, "", "x", "9" * 99, [], [[]], {}, {"a": 1}, {"latency": []})


def problems_of(text: str) -> tuple[Problem, ...]:
    try:
        parse(text, "odd.yaml")
    except InputError as error:
        return error.problems
    return ()


def test_no_value_anywhere_ends_in_anything_but_a_line_with_a_mend() -> None:
    written = YAML(typ="safe").load(FULL)
    for place, odd in zip(places(written), cycle(ODD), strict=False):
        *above, last = place
        within = reduce(lambda value, key: value[key], above, written)
        kept, within[last] = within[last], odd
        stream = StringIO()
        YAML(typ="safe", pure=True).dump(written, stream)
        for problem in problems_of(stream.getvalue()):
            assert problem.path
            assert problem.mend != "write something else", problem
        within[last] = kept
