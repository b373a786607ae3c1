"""What users of other SLO tools complain of, and cannot say of this one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

from prober.evaluator import web
from prober.journal.tally import rules_of
from prober.model import Outcome, Record, Step
from prober.slo.format import load_contracts
from prober.slo.moment import iso, moment_ms
from prober.slo.openslo import openslo_file
from prober.slo.openslo_import import imported
from prober.telemetry.exposition import exposition
from tests.complaints.conftest import (
    DAY_MS,
    FIVE_MS,
    HOUR_MS,
    MINUTE_MS,
    NIGHTS,
    Team,
    by_name,
    exact,
    nights,
    past,
    prober,
)
from tests.conftest import unused_port
from tests.evaluator.conftest import build_run
from tests.evaluator.fleet import Site

#: Where the clock stands still.
NOON_MS = moment_ms("2026-07-03T12:00:00Z")
COMMIT = "3f2c1ab90d"
Refused = Callable[[str, str], str]


def standing(result: dict[str, Any], alert: str) -> str:
    """Whether an alert fires, waits for its guards, or neither."""
    (found,) = (each for each in result["alerts"] if each["name"] == alert)
    return str(found["standing"])


def test_a_single_failed_run_of_a_quiet_service_pages_nobody(team: Team) -> None:
    """Services with little traffic page on a few failures.

    slok/sloth#666
    """
    team.promises(target="99.5%", window="30d")
    team.lives(past(team.now_ms, 15 * MINUTE_MS, 30 * DAY_MS, bad={2}))
    (result,) = team.stands(team.now_ms)
    fast = next(alert for alert in result["alerts"] if alert["name"] == "page-fast")
    assert exact(fast["burn"]) > exact(fast["threshold"])  # the guard alone keeps it quiet
    assert "firing" not in {alert["standing"] for alert in result["alerts"]}
    assert team.prober("gate", "--slo", "checkout", "--change", "feature").startswith("allow")


def test_how_many_failures_wake_somebody_is_for_the_owner_to_say(team: Team) -> None:
    """A single error alerts at once, and no minimum can be set.

    pyrra-dev/pyrra#1925
    """
    team.promises(target="99%", window="30d", more="  alerts: {min_failures: 5}")
    regions = ("eu-west-1", "us-east-1")
    team.lives(past(NOON_MS, FIVE_MS, 3 * DAY_MS, *regions, bad={2, 3}))
    (result,) = team.stands(NOON_MS)
    assert standing(result, "page-fast") == "pending"
    team.lives([build_run(NOON_MS + FIVE_MS, Outcome.FAILED)])
    (result,) = team.stands(NOON_MS + 2 * FIVE_MS)
    assert standing(result, "page-fast") == "firing"


def test_what_has_not_happened_yet_is_there_as_zero(team: Team, tmp_path: Path) -> None:
    """Counters are absent until the first request, and so is the alert.

    pyrra-dev/pyrra#1259
    """
    team.promises()
    rules = tuple(rules_of(load_contracts(team.contracts)))
    site = Site("eu-west-1", 0, tmp_path, rules, ("checkout",), NOON_MS, FIVE_MS)
    site.start()
    site.stop()
    series = dict(line.rsplit(" ", 2)[:2] for line in site.pages[0].splitlines())
    for told in (
        *(f'prober_outcome="{outcome}"' for outcome in ("passed", "failed", "inconclusive")),
        *(f'prober_result="{result}"' for result in ("good", "bad")),
        *(f'prober_slot_state="{state}"' for state in ("completed", "skipped", "missed")),
    ):
        assert {value for name, value in series.items() if told in name} == {"0"}, told


def test_hours_without_runs_leave_no_hole_in_a_month(team: Team) -> None:
    """No traffic is NaN, for 30 days.

    slok/sloth#531, slok/sloth#133, slok/sloth#231
    """
    team.promises(window="2d")
    team.promises("never", swap=("journey: checkout", "journey: signup"))
    quiet = range(50, 150)
    team.lives(past(NOON_MS, FIVE_MS, 2 * DAY_MS, bad={3}, none=quiet))
    checkout, never = team.stands(NOON_MS)
    assert exact(checkout["compliance"]) == Fraction(475, 476)
    assert exact(checkout["consumed"]) == Fraction(10, 476)
    assert (never["state"], never["reason"]) == ("UNKNOWN", "no_data")
    assert (never["compliance"], never["consumed"]) == (None, None)
    page = web.exposition(web.readings(team.status(NOON_MS)))
    assert "never" not in page
    assert "nan" not in page.lower()


def test_a_target_without_a_budget_is_refused_and_a_new_target_is_a_new_contract(
    refused: Refused, team: Team
) -> None:
    """A target of 100 makes budgets infinite, a changed one makes them absurd.

    slok/sloth#749
    """
    said = refused('"99.5%"', '"100%"')
    assert said.startswith("journeys/login.slo.yaml:14: spec.objectives[0].target: ")
    team.promises(target="99%")
    before = load_contracts(team.contracts)[0].hash
    team.promises(target="99.5%")
    assert load_contracts(team.contracts)[0].hash != before


def test_a_month_is_no_average_of_averages(team: Team) -> None:
    """The number of 30 days is the mean of those of 5 minutes.

    slok/sloth#332
    """
    team.promises(window="6h")
    seldom = past(NOON_MS, HOUR_MS, 4 * HOUR_MS, "eu-west-1", bad={1})
    often = past(NOON_MS, FIVE_MS, 4 * HOUR_MS, "us-east-1")
    team.lives(seldom, often)
    (result,) = team.stands(NOON_MS)
    assert exact(result["compliance"]) == Fraction(51, 52)  # and not half of 3/4 + 48/48


def test_the_month_stands_beside_thirty_days_and_says_when_failures_leave(team: Team) -> None:
    """30 days and the month to date disagree, unexplained.

    slok/sloth#656, pyrra-dev/pyrra#1576
    """
    month = "}\n    - {name: month, calendar: {unit: month, time_zone: Europe/Berlin}}"
    both = ("duration: 30d}", f"duration: 30d{month}")
    team.promises(window="30d", max_staleness="1d", swap=both)
    team.lives(past(NOON_MS, 6 * HOUR_MS, 30 * DAY_MS, bad=range(60, 80)))
    rolling, calendar = team.stands(NOON_MS)
    assert (rolling["window"]["label"], rolling["state"]) == ("30d", "EXHAUSTED")
    assert calendar["window"]["label"] == "this month in Europe/Berlin"
    assert (calendar["start"], calendar["state"]) == ("2026-06-30T22:00:00Z", "FULL")
    leaves = rolling["projection"]["recovers"]
    newest_ms, oldest_ms = (NOON_MS - n * 6 * HOUR_MS for n in (60, 80))
    assert iso(oldest_ms + 30 * DAY_MS) < leaves < iso(newest_ms + 30 * DAY_MS)
    assert rolling["outlook"] == f"is spent until {leaves}, if nothing fails from now on"


def test_each_week_begins_anew_and_the_weeks_before_it_can_be_read(team: Team) -> None:
    """No monthly or weekly reset, no compliance month by month.

    slok/sloth#242, slok/sloth#502
    """
    week = ("duration: 30d", "calendar: {unit: week, time_zone: UTC}")
    team.promises(window="30d", max_staleness="1d", swap=week)
    monday_ms = moment_ms("2026-06-08T00:00:00Z")
    last_but_one = range(47, 75)  # four runs a day, and 18 of this week
    team.lives(past(NOON_MS, 6 * HOUR_MS, NOON_MS - monday_ms, bad=last_but_one))
    (result,) = by_name(team.asks("slo-suggest", NOON_MS))
    assert [(each["start"], each["met"]) for each in result["windows"]] == [
        ("2026-06-22T00:00:00Z", True),
        ("2026-06-15T00:00:00Z", False),
        ("2026-06-08T00:00:00Z", True),
    ]
    (now,) = team.stands(NOON_MS)
    assert (now["start"], now["state"]) == ("2026-06-29T00:00:00Z", "FULL")


def test_an_alert_that_could_never_fire_is_refused(refused: Refused) -> None:
    """With a low target the page alert can never fire.

    slok/sloth#341
    """
    said = refused('budget: "5%", long: 1h, short: 10m}', "burn: 201, long: 1h, short: 10m}")
    assert "fast can never fire: it waits for a burn rate of 201" in said
    assert said.endswith("[burn_unreachable]\n")


def test_a_maintenance_can_be_excluded_afterwards_and_every_night(team: Team) -> None:
    """Maintenance, blackouts and nights count, and nobody can take them out afterwards.

    slok/sloth#529, elastic/kibana#209245, newrelic/nr1-slo-r#46, OpenSLO/slogen#7
    """
    team.promises(window="3d", target="99%")
    team.lives(past(team.now_ms, FIVE_MS, 3 * DAY_MS, bad=NIGHTS))
    options = [(f"--{key.replace('_', '-')}", value) for key, value in nights(team).items()]
    said = json.loads(team.prober("exclude", "add", *chain(*options), "--json"))
    (effect,) = said["effects"]
    assert (effect["raw_state"], effect["state"]) == ("EXHAUSTED", "FULL")
    (after,) = team.stands(team.now_ms)
    assert after["state"] == "FULL"


def test_an_adjusted_number_never_stands_without_the_raw_one(team: Team) -> None:
    """To adjust a budget is no part of a specification, and hides misses.

    OpenSLO/OpenSLO#302
    """
    team.promises(window="3d", target="99%", swap=("  data: {", "  data: {exclusions: as_good, "))
    team.lives(past(team.now_ms, FIVE_MS, 3 * DAY_MS, bad=NIGHTS))
    team.asks("exclude-add", team.now_ms, **nights(team))
    (result,) = team.stands(team.now_ms)
    assert exact(result["compliance"]) == 1
    assert exact(result["raw"]["compliance"]) == Fraction(840, 864)
    said = team.prober("status")
    assert "exclusions hold 24 runs" in said
    assert "97.222%" in said
    (contract,) = load_contracts(team.contracts)
    (back,) = imported(openslo_file(contract).text, "openslo.yaml")
    assert "exclusions: as_good" in back.file.text


def test_silence_is_neither_good_nor_bad_unless_the_contract_says_so(team: Team) -> None:
    """Slices without data were left out at first, and called good then.

    elastic/kibana#181577, elastic/kibana#181888
    """
    slices = "  budgeting: {timeslices: {slice: 10m, rule: any}}"
    team.promises("silent", window="2h", min_coverage="90%", more=slices)
    for rule in ("bad", "good"):
        team.promises(
            rule, window="2h", more=slices, swap=("  data: {", f"  data: {{no_data: {rule}, ")
        )
    team.lives(past(NOON_MS, FIVE_MS, 2 * HOUR_MS, none=range(7, 19)))
    bad, good, silent = team.stands(NOON_MS)
    assert (silent["state"], silent["reason"]) == ("UNKNOWN", "low_coverage")
    assert silent["counts"]["no_data_slices"] == 6
    shares = [exact(each["compliance"]) for each in (bad, good, silent)]
    valid = [each["counts"]["good"] + each["counts"]["bad"] for each in (bad, good, silent)]
    assert (shares, valid) == ([Fraction(1, 2), 1, 1], [12, 12, 6])


def test_a_slice_shorter_than_the_time_between_runs_is_refused(refused: Refused) -> None:
    """A slice shorter than the monitor's interval flatters the SLI.

    elastic/kibana#291334, elastic/docs-content#8334
    """
    said = refused("  policy:", "  budgeting: {timeslices: {slice: 1m, rule: any}}\n  policy:")
    assert "a slice of 1m is shorter than the 5m from run to run" in said
    assert "[slice_below_interval]" in said


def test_runs_are_told_as_counters_and_histograms(tmp_path: Path) -> None:
    """A gauge of the last probe makes no SLO.

    prometheus/blackbox_exporter#925, prometheus/blackbox_exporter#550
    """
    site = Site("eu-west-1", 0, tmp_path, (), ("checkout",), NOON_MS, FIVE_MS)
    site.start()
    assert len(list(site.live(NOON_MS + HOUR_MS, lambda region, slot_ms: {}))) == 12
    page = exposition(site.journal, site.observer.readings())
    site.stop()
    assert "# TYPE prober_runs_total counter\n" in page
    assert re.search(r'prober_runs_total\{[^}]*prober_outcome="passed"[^}]*\} 12\n', page)
    assert "# TYPE prober_run_duration_seconds histogram\n" in page
    assert re.search(r"prober_run_duration_seconds_count\{[^}]*\} 12\n", page)


def test_the_weak_link_of_a_journey_has_a_name(team: Team) -> None:
    """An SLO of services says nothing of the user's way through them, nor which part of it is weak.

    OpenSLO/OpenSLO#41, OpenSLO/OpenSLO#142, newrelic/nr1-slo-r#124
    """

    def at_the_till(slot_ms: int, outcome: Outcome, region: str) -> list[Record]:
        steps = tuple(
            Step(name=name, offset_us=0, duration_us=1, outcome=outcome) for name in ("cart", "pay")
        )
        step = "pay" if outcome is Outcome.FAILED else None
        return [build_run(slot_ms, outcome, region=region, steps=steps, step=step)]

    team.promises(window="2h")
    team.lives(
        past(team.now_ms, FIVE_MS, 2 * HOUR_MS, "eu-west-1", "us-east-1", bad={2}, of=at_the_till)
    )
    (result,) = by_name(json.loads(team.prober("budget", "explain", "--json")))
    (pay,) = result["divisions"]["step"]
    assert (pay["name"], pay["bad"]["exact"], pay["share"]) == ("pay", "2", result["consumed"])


def test_an_alert_looks_at_a_long_and_at_a_short_time(team: Team) -> None:
    """A long and a short window cannot be asked for together.

    google/slo-generator#378
    """
    rule = "{name: fast, severity: page, burn: 6, long: 1h, short: 10m, min_regions: 1}"
    team.promises(window="1d", target="95%", more=f"  alerts: {{rules: [{rule}]}}")
    team.lives(past(NOON_MS, FIVE_MS, DAY_MS, bad={5, 6, 7, 8}))
    during_ms = NOON_MS - 4 * FIVE_MS
    burning, over = (team.stands(at)[0] for at in (during_ms, NOON_MS))
    assert standing(burning, "fast") == "firing"
    (after,) = over["alerts"]
    assert exact(after["burn"]) >= exact(after["threshold"]) > exact(after["burn_short"])
    assert after["standing"] == "quiet"


def test_nought_is_a_number_and_nothing_is_none_and_no_share_exceeds_one(team: Team) -> None:
    """An SLI of 0 was not reported, one of 1.008 was, and no event at all divided by zero.

    google/slo-generator#15, google/slo-generator#111, google/slo-generator#615
    """
    team.promises("down")
    team.promises("never", swap=("journey: checkout", "journey: signup"))
    outage = list(past(NOON_MS, FIVE_MS, HOUR_MS, bad=range(1, 13)))
    team.lives(outage, outage)  # delivered twice
    down, never = team.stands(NOON_MS)
    assert (exact(down["compliance"]), down["counts"]["bad"]) == (0, 12)
    assert (exact(down["coverage"]), exact(down["validity"])) == (1, 1)
    assert [never[key] for key in ("compliance", "burn_rate", "consumed", "coverage")] == [None] * 4
    page = web.exposition(web.readings(team.status(NOON_MS)))
    assert re.findall(r'compliance_ratio\{prober_slo="(\w+)".* (.+)\n', page) == [("down", "0.0")]


def test_a_retry_hides_no_failure(team: Team) -> None:
    """Retries make what is flaky look healthy.

    OneUptime#2410, checkly/public-roadmap#217
    """

    def tried_again(slot_ms: int, outcome: Outcome, region: str) -> list[Record]:
        again = [build_run(slot_ms, attempt=2)] if outcome is Outcome.FAILED else []
        return [build_run(slot_ms, outcome), *again]

    team.promises("first")
    team.promises("final", swap=("  data: {", "  data: {retry: final, "))
    team.lives(past(NOON_MS, FIVE_MS, HOUR_MS, bad={3, 4}, of=tried_again))
    final, first = team.stands(NOON_MS)
    assert (first["counts"]["bad"], first["state"]) == (2, "EXHAUSTED")
    assert final["counts"]["bad"] == 0
    (flag,) = final["flags"]
    assert "passed only when tried again" in flag
    assert "2" in flag


def test_a_gate_that_knows_nothing_lets_nothing_pass(team: Team) -> None:
    """Where the SLO was missing or the SLI could not be had, the gate was open.

    keptn/keptn#6096, keptn/keptn#1212, keptn/keptn#1081
    """
    team.promises()
    team.lives([])
    gate = ("gate", "--change", "feature", "--slo")
    assert "checkout is UNKNOWN" in team.prober(*gate, "checkout", code=30)
    assert "there is no SLO chekout" in team.prober(*gate, "chekout", code=30)
    nobody = f"http://127.0.0.1:{unused_port()}"
    assert "no evaluator answers" in prober(*gate, "checkout", "--url", nobody, code=30)


def test_a_freeze_lets_the_cure_pass_and_exceptions_are_on_record(team: Team) -> None:
    """Gates know nothing of budgets, or stop everything, or are forced open and nobody knows.

    Stellar-Unified-Price-Oracle#552, keptn-contrib/dynatrace-service#377, jundot/omlx#2771
    """
    team.promises("spent", target="90%")
    team.promises("nearly", target="88%")
    team.lives(past(team.now_ms, MINUTE_MS, 2 * HOUR_MS, bad=range(2, 8)))

    def verdict(slo: str, change: str) -> str:
        asked = {"slo": [slo], "change": change}
        return str(team.asks("gate", team.now_ms, **asked)["verdict"])

    assert verdict("nearly", "config") == "approval:sre+product"
    assert verdict("spent", "reliability") == "approval:vp_engineering"
    feature = ("gate", "--slo", "spent", "--change", "feature", "--commit", COMMIT)
    assert team.prober(*feature, code=20).startswith("block")
    vera = {"role": "vp_engineering", "by": "vera", "reason": "a new law"}
    team.asks("override-grant", team.now_ms, slo="spent", commit=COMMIT, **vera)
    assert team.prober(*feature).startswith("allow_overridden: overridden by vera")
    (override,) = team.asks("override-list", team.now_ms)["overrides"]
    assert (override["reason"], len(override["decisions"])) == ("a new law", 1)
