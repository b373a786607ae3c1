"""Rules for Prometheus fire when Prober's own do, by a real promtool over generated series."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from prober.errors import InputError
from prober.slo import series
from prober.slo.alert import alert_window, firing, inconclusive, rules_of, uncovered
from prober.slo.budget import Counts
from prober.slo.contract import AlertRule, Contract, Objective
from prober.slo.format import parse
from prober.slo.rules import rule_file
from prober.writing import write
from tests.conftest import BACKENDS, Victoria, require_backends

HEAD = """
apiVersion: prober/v1
kind: SLO
metadata: {name: shop, displayName: "Shop {{ sells }}", labels: {team: web, 1st: "no"}}
spec:
  description: It sells
  journey: buy
  owners: {product: p, sre: s}
  rationale: It does
"""
#: Of every region, a minute apart.
EVERY_MIN = 5
REGIONS = ("ap", "eu", "us")
PERIODS = dict.fromkeys(REGIONS, EVERY_MIN * 60_000)
#: Longer than the longest lookback of an alert.
MINUTES = 1_400
GRID_MIN = 20
MINUTE_MS = 60_000


def contract(*lines: str) -> Contract:
    return parse(HEAD + "".join(f"  {line}\n" for line in lines), "shop.slo.yaml")


SHOP = contract(
    "objectives:",
    '- {name: works, sli: success, target: "99%"}',
    '- {name: fast, sli: {latency: {threshold: 2s}}, target: "95%"}',
    "windows: [{name: rolling, duration: 3d}]",
    "alerts: {routes: {page: oncall}}",
)


def promtool(*arguments: str) -> None:
    require_backends()
    command = [str(BACKENDS / "bin" / "promtool"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def checked(path: Path, found: Contract, periods: Mapping[str, int] = PERIODS) -> Path:
    file = path / "rules.yaml"
    file.write_text(rule_file(found, periods).text)
    promtool("check", "rules", "--lint-fatal", str(file))
    return file


@dataclass(frozen=True)
class History:
    """Minute by minute, how many runs of an objective were good and bad, by region."""

    good: Mapping[tuple[str, str], list[int]]
    bad: Mapping[tuple[str, str], list[int]]

    def counts(self, objective: str, region: str, lookback_ms: int, minute: int) -> Counts:
        """What Prometheus can know: the first total is the one of minute 0."""
        start = max(0, minute - lookback_ms // MINUTE_MS)
        key = (objective, region)
        return Counts(
            good=sum(self.good[key][start + 1 : minute + 1]),
            bad=sum(self.bad[key][start + 1 : minute + 1]),
        )

    def series(self, found: Contract) -> list[dict[str, str]]:
        """The totals, as promtool wants them."""
        return [
            {
                "series": f'prober_sli_events_total{{prober_region="{region}",'
                f'prober_slo="{found.name}",prober_objective="{name}",prober_result="{result}"}}',
                "values": " ".join(map(str, accumulate(counts[name, region]))),
            }
            for result, counts in (("good", self.good), ("bad", self.bad))
            for name, region in counts
        ]


def lived(seed: int, found: Contract) -> History:
    """A history of calm, outages, leaks and silence."""
    chance = random.Random(seed)
    good: dict[tuple[str, str], list[int]] = {}
    bad: dict[tuple[str, str], list[int]] = {}
    storms = [
        (
            start := chance.randrange(MINUTES),
            start + chance.choice((15, 60, 300, 1000)),
            chance.sample(REGIONS, chance.randint(1, 3)),
            chance.choice((0.02, 0.1, 0.3, 1.0)),
            chance.random() < 0.2,
        )
        for _ in range(chance.randint(1, 6))
    ]
    for objective in found.objectives:
        for number, region in enumerate(REGIONS):
            key = (objective.name, region)
            good[key], bad[key] = [0] * MINUTES, [0] * MINUTES
            for minute in range(1 + number, MINUTES, EVERY_MIN):
                on = [storm for storm in storms if storm[0] <= minute < storm[1]]
                mine = [storm for storm in on if region in storm[2]]
                if any(silent for *_, silent in mine):
                    continue
                failure = max([share for *_, share, _ in mine], default=0.001)
                (bad if chance.random() < failure else good)[key][minute] = 1
    return History(good, bad)


def total(parts: list[Counts]) -> Counts:
    return Counts(good=sum(part.good for part in parts), bad=sum(part.bad for part in parts))


def expected(
    history: History, rule: AlertRule, objective: Objective, minute: int
) -> list[dict[str, str]]:
    """What Prober says at that minute."""
    long, short = (
        {region: history.counts(objective.name, region, ms, minute) for region in REGIONS}
        for ms in (rule.long_ms, rule.short_ms)
    )
    failures = {region: int(counts.bad) for region, counts in long.items()}
    named = {"prober_objective": objective.name, "rule": rule.name}
    if not rule.each_region:
        reading = firing(
            rule,
            objective.target,
            total(list(long.values())),
            total(list(short.values())),
            failures,
        )
        return [named] if reading.fires else []
    return [
        named | {"prober_region": region}
        for region in REGIONS
        if firing(
            rule, objective.target, long[region], short[region], {region: failures[region]}
        ).fires
    ]


def rules_for(found: Contract, objective: Objective) -> tuple[AlertRule, ...]:
    window = alert_window(found)
    return rules_of(found, window, objective, every_ms=EVERY_MIN * MINUTE_MS, regions=3)


def asked(expr: str, minute: int, samples: list[tuple[dict[str, str], float]]) -> dict[str, Any]:
    return {
        "expr": expr,
        "eval_time": f"{minute}m",
        "exp_samples": [
            {"labels": series.selector("", labels), "value": value} for labels, value in samples
        ],
    }


def alerts_at(found: Contract, history: History, minute: int) -> dict[str, Any]:
    named = [
        labels
        for objective in found.objectives
        for rule in rules_for(found, objective)
        for labels in expected(history, rule, objective, minute)
    ]
    expr = (
        "sum by (prober_objective, rule, prober_region) "
        '(ALERTS{alertname="ProberBudgetBurn",alertstate="firing"})'
    )
    return asked(expr, minute, [(labels, 1) for labels in named])


def promtool_test(path: Path, rules: Path, *cases: dict[str, Any]) -> None:
    file = path / "test.yaml"
    tests = {
        "rule_files": [str(rules)],
        "evaluation_interval": f"{GRID_MIN}m",
        "tests": [{"interval": "1m", **case} for case in cases],
    }
    file.write_text(write(tests))
    promtool("test", "rules", str(file))


def test_alerts_fire_exactly_when_prober_says_so(tmp_path: Path) -> None:
    rules = checked(tmp_path, SHOP)
    fired: set[str] = set()
    cases = []
    for seed in range(4):
        history = lived(seed, SHOP)
        asks = [alerts_at(SHOP, history, m) for m in range(GRID_MIN, MINUTES, 2 * GRID_MIN)]
        fired |= {sample["labels"] for ask in asks for sample in ask["exp_samples"]}
        cases.append({"input_series": history.series(SHOP), "promql_expr_test": asks})
    promtool_test(tmp_path, rules, *cases)
    names = {rule.name for each in SHOP.objectives for rule in rules_for(SHOP, each)}
    assert all(any(f'"{name}"' in labels for labels in fired) for name in names), fired


def steady(found: Contract, good: Mapping[str, int], bad: Mapping[str, int]) -> History:
    """So many good and bad runs in each region, all in minute 1."""
    names = [(objective.name, region) for objective in found.objectives for region in REGIONS]
    return History(
        {key: [0, good.get(key[1], 0)] + [0] * 59 for key in names},
        {key: [0, bad.get(key[1], 0)] + [0] * 59 for key in names},
    )


def test_a_burn_rate_at_its_threshold_fires_where_floats_say_it_is_below(tmp_path: Path) -> None:
    assert 3 / 20 / (1 - 0.95) < 3
    found = contract(
        'objectives: [{name: works, sli: success, target: "95%"}]',
        "windows: [{name: rolling, duration: 1d}]",
        "alerts: {rules: [{name: exact, severity: page, burn: 3, long: 1h, short: 30m}]}",
    )
    met = steady(found, {"eu": 17}, {"ap": 1, "eu": 1, "us": 1})
    missed = steady(found, {"eu": 18}, {"ap": 1, "eu": 1, "us": 1})
    lonely = steady(found, {"eu": 17}, {"eu": 3})
    cases = []
    for history, fires in ((met, True), (missed, False), (lonely, False)):
        ask = alerts_at(found, history, GRID_MIN)
        assert bool(ask["exp_samples"]) is fires
        cases.append({"input_series": history.series(found), "promql_expr_test": [ask]})
    promtool_test(tmp_path, checked(tmp_path, found), *cases)


def test_compliance_and_budget_divide_sums_and_absence_is_no_sample(tmp_path: Path) -> None:
    rules = checked(tmp_path, SHOP)
    history = steady(SHOP, {"ap": 990, "eu": 95}, {"eu": 5})
    where = {"prober_slo": "shop", "prober_objective": "works", "prober_window": "rolling"}
    asks = [
        asked(
            f'{name}{{prober_objective="works"}}', GRID_MIN, [({"__name__": name} | where, value)]
        )
        for name, value in (
            ("prober:slo_compliance:ratio", 1085 / 1090),
            ("prober:slo_budget_remaining:ratio", 1 - 100 * 5 / 1090),
        )
    ]
    empty = [asked('{__name__=~"prober:slo_.*"}', GRID_MIN, [])]
    promtool_test(
        tmp_path,
        rules,
        {"input_series": history.series(SHOP), "promql_expr_test": asks},
        {"input_series": steady(SHOP, {}, {}).series(SHOP), "promql_expr_test": empty},
    )


def test_a_planned_budget_is_a_share_of_what_the_schedule_plans(tmp_path: Path) -> None:
    found = contract(
        'objectives: [{name: works, sli: success, target: "99%"}]',
        "windows: [{name: rolling, duration: 1d}]",
        "data: {basis: planned}",
    )
    history = steady(found, {"eu": 95}, {"eu": 5})
    labels = {"prober_slo": "shop", "prober_objective": "works", "prober_window": "rolling"}
    name = "prober:slo_budget_remaining:ratio"
    ask = asked(name, GRID_MIN, [({"__name__": name} | labels, 1 - 5 / (864 * 0.01))])
    case = {"input_series": history.series(found), "promql_expr_test": [ask]}
    promtool_test(tmp_path, checked(tmp_path, found), case)


def test_a_region_without_verdicts_is_a_ticket_and_all_of_them_are_a_page(tmp_path: Path) -> None:
    rules = checked(tmp_path, SHOP)

    def runs(region: str, values: str) -> dict[str, str]:
        named = f'prober_region="{region}",prober_journey="buy",prober_outcome="passed"'
        return {"series": f"prober_runs_total{{{named}}}", "values": values}

    def absent(minute: int, *where: str) -> dict[str, Any]:
        expr = 'sum by (prober_region, severity) (ALERTS{alertname="ProberAbsent"})'
        found = [({"prober_region": region, "severity": "ticket"}, 1.0) for region in where]
        if len(where) == len(REGIONS):
            found.append(({"severity": "page"}, 1.0))
        return asked(expr, minute, found)

    stopped = [runs("ap", "0+1x48 48+0x52"), runs("eu", "0+1x40 _x60"), runs("us", "0+1x100")]
    never = [runs("eu", "0+1x40")]
    promtool_test(
        tmp_path,
        rules,
        {
            "input_series": stopped,
            "promql_expr_test": [absent(40), absent(60, "eu"), absent(100, "ap", "eu")],
        },
        {
            "input_series": never,
            "promql_expr_test": [absent(40, "ap", "us"), absent(60, *REGIONS)],
        },
    )


@pytest.mark.parametrize(
    ("without", "verdicts", "fires"),
    [
        pytest.param(3, 57, False, id="one in twenty"),
        pytest.param(4, 56, True, id="more than one in twenty"),
        pytest.param(2, 0, False, id="too few to say"),
    ],
)
def test_runs_without_verdict_hide_no_failures(
    tmp_path: Path, without: int, verdicts: int, fires: bool
) -> None:
    assert inconclusive(Counts(good=verdicts, invalid=without)) is fires
    totals = {
        'prober_runs_total{prober_region="eu",prober_outcome="inconclusive"': without,
        'prober_runs_total{prober_region="eu",prober_outcome="failed"': verdicts,
    }
    promtool_test(tmp_path, checked(tmp_path, SHOP), told("ProberInconclusive", totals, fires))


@pytest.mark.parametrize(
    ("skipped", "missed", "completed", "fires"),
    [
        pytest.param(4, 6, 90, False, id="as many as were agreed"),
        pytest.param(4, 7, 89, True, id="fewer than were agreed"),
        pytest.param(2, 0, 1, False, id="too few to say"),
        pytest.param(0, 3, 0, True, id="none at all"),
    ],
)
def test_slots_without_a_run_hide_no_failures(
    tmp_path: Path, skipped: int, missed: int, completed: int, fires: bool
) -> None:
    due = skipped + missed + completed
    assert uncovered(Counts(good=completed, due=due), SHOP.data.min_coverage) is fires
    totals = {
        'prober_slots_total{prober_region="eu",prober_slot_state="skipped"': skipped,
        'prober_slots_total{prober_region="us",prober_slot_state="missed"': missed,
        'prober_slots_total{prober_region="eu",prober_slot_state="completed"': completed,
    }
    promtool_test(tmp_path, checked(tmp_path, SHOP), told("ProberCoverage", totals, fires))


def told(alert: str, totals: dict[str, int], fires: bool) -> dict[str, Any]:
    """A case of promtool: after counters rose to these, an alert fires or does not."""
    return {
        "input_series": [
            {"series": f'{series},prober_journey="buy"}}', "values": f"0 {count}+0x40"}
            for series, count in totals.items()
        ],
        "promql_expr_test": [
            asked(f'count(ALERTS{{alertname="{alert}"}})', 40, [({}, 1)] if fires else [])
        ],
    }


#: What counters did, and by how much they grew between minutes 20 and 40.
GAPS = [
    pytest.param("0+1x40", 20, id="growing all the time"),
    pytest.param("7+0x40", 0, id="not growing"),
    pytest.param("_x24 0+1x16", 16, id="born in the lookback"),
    pytest.param("0+1x30 _x10", 10, id="silent at the end"),
    pytest.param("0+1x10 _x14 100+1x15", 15, id="silent when the lookback begins"),
    pytest.param("100+1x30 0+1x9", 9, id="begun anew"),
    pytest.param("5+0x10 _x30", None, id="silent all the time"),
]


@pytest.mark.parametrize(("values", "grown"), GAPS)
def test_a_count_is_the_difference_of_two_totals(
    tmp_path: Path, values: str, grown: int | None
) -> None:
    expr = f"sum({series.counted('c', '20m')})"
    ask = asked(expr, 40, [] if grown is None else [({}, grown)])
    case = {"input_series": [{"series": "c", "values": values}], "promql_expr_test": [ask]}
    promtool_test(tmp_path, checked(tmp_path, SHOP), case)


def unrolled(values: str) -> list[int | None]:
    """Promtool's notation, written out."""
    found: list[int | None] = []
    for part in values.split():
        first, _, times = part.partition("x")
        start, _, step = first.partition("+")
        number = int(times) + (start != "_")
        found += [None if start == "_" else int(start) + n * int(step) for n in range(number)]
    return found


def test_victoria_metrics_counts_the_same(victoria: Any) -> None:
    server: Victoria = victoria()
    base = 1_767_225_600
    lines = [
        f'c{{case="{case.id}"}} {value} {(base + 60 * minute) * 1000}'
        for case in GAPS
        for minute, value in enumerate(unrolled(str(case.values[0])))
        if value is not None
    ]
    server.http.post("/api/v1/import/prometheus", content="\n".join(lines)).raise_for_status()
    found = server.query(f"sum by (case) ({series.counted('c', '20m')})", base + 40 * 60)
    grown = {each["metric"]["case"]: int(each["value"][1]) for each in found}
    assert grown == {case.id: case.values[1] for case in GAPS if case.values[1] is not None}


def test_alerts_say_where_they_belong_and_text_is_no_template(tmp_path: Path) -> None:
    rules = YAML(typ="safe").load(checked(tmp_path, SHOP))["groups"][0]["rules"]
    alerts = [rule for rule in rules if "alert" in rule]
    pages = [rule for rule in alerts if rule["labels"]["severity"] == "page"]
    assert {rule["labels"]["route"] for rule in pages} == {"oncall"}
    assert {rule["labels"]["team"] for rule in alerts} == {"web"}
    assert {rule["labels"]["prober_journey"] for rule in alerts} == {"buy"}
    assert all('Shop {{ "{{" }} sells }}' in rule["annotations"]["summary"] for rule in alerts)


SHARED = 'objectives: [{name: works, sli: success, target: "99%"}]'
ROLLING = "windows: [{name: rolling, duration: 7d}]"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param(
            [SHARED, ROLLING, "budgeting: {timeslices: {slice: 5m, rule: all}}"],
            "spec.budgeting: it counts slices of 5m, and Prometheus counts runs, judge it with "
            "Prober, or write budgeting: occurrences$",
            id="slices of time",
        ),
        pytest.param(
            [SHARED, ROLLING, 'budgeting: {occurrences: {rule: {weighted: {eu: "100%"}}}}'],
            "spec.budgeting: its regions are weighted, and Prometheus counts every run the same, "
            "judge it with Prober, or write budgeting: occurrences$",
            id="weighted regions",
        ),
        pytest.param(
            [SHARED, ROLLING, "data: {retry: final}"],
            "spec.data.retry: final attempts count, and Prometheus has counters of first ones, "
            "judge it with Prober, or write retry: first$",
            id="final attempts",
        ),
        pytest.param(
            [SHARED, "windows: [{name: day, calendar: {unit: day, time_zone: UTC}}]"],
            "Prometheus knows no calendar: it cannot express works over day, add a "
            "rolling window of 28d or 30d",
            id="a calendar",
        ),
    ],
)
def test_what_counters_of_runs_cannot_say_is_refused(lines: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said.replace(".", r"\.")):
        rule_file(contract(*lines), PERIODS)


def test_a_window_is_chosen_by_name() -> None:
    found = contract(
        SHARED,
        "windows:",
        "- {name: rolling, duration: 7d}",
        "- {name: day, calendar: {unit: day, time_zone: UTC}}",
    )
    with pytest.raises(InputError, match="choose another with --window rolling"):
        rule_file(found, PERIODS)
    assert "prober_window: rolling" in rule_file(found, PERIODS, "rolling").text
    with pytest.raises(
        InputError, match=r"spec\.windows: there is no window month, name one of rolling, day$"
    ):
        rule_file(found, PERIODS, "month")


def test_a_journey_is_named_in_its_own_letters() -> None:
    found = replace(contract(SHARED, ROLLING), journey="käufe")
    assert 'prober_runs_total{prober_journey="käufe"}' in rule_file(found, PERIODS).text


def test_a_window_that_is_short_is_looked_at_for_three_rounds_of_the_slowest_region() -> None:
    found = contract(SHARED, "windows: [{name: rolling, duration: 1d}]")
    text = rule_file(found, {"eu": 300_000, "us": 1_200_000}).text
    assert "runs gave no verdict in 1h" in text
    assert "due slots have no run in 1h;" in text
    assert "runs gave no verdict in 48m" in rule_file(found, PERIODS).text
