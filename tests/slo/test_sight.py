"""What a schedule can see: the figures of five regions at five minutes, and the edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.document import Document
from prober.slo.alert import PAGE, TICKET
from prober.slo.confidence import Trial, Trip, tell_apart
from prober.slo.contract import (
    AlertRule,
    Alerts,
    Budgeting,
    Contract,
    Data,
    Objective,
    Owners,
    Success,
)
from prober.slo.policy import SEED_5
from prober.slo.sight import Faults, Sight, Watch, sight
from prober.slo.window import Calendar, Rolling, Unit, Window

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
MONTH = Rolling("rolling", 30 * DAY_MS)
FIVE = dict.fromkeys(("eu", "us", "ap", "sa", "af"), 5 * MINUTE_MS)
PAIR = AlertRule(
    name="pair", severity=PAGE, burn=Fraction("14.4"), long_ms=HOUR_MS, short_ms=5 * MINUTE_MS
)


def seen(
    target: str = "0.999",
    periods: Mapping[str, int] = FIVE,
    window: Window = MONTH,
    **changes: Any,
) -> Sight:
    objective = Objective("availability", Success(), Fraction(target))
    contract = Contract(
        name="checkout",
        display_name="Checkout completes",
        labels={},
        description="",
        journey="checkout",
        owners=Owners("pm", "sre"),
        rationale="",
        effective_from=None,
        policy=SEED_5,
        source=Document("checkout.slo.yaml", {}),
        **{"data": Data(), "windows": (window,), "objectives": (objective,)} | changes,
    )
    return sight(contract, objective, window, periods)


def watch(name: str, **given: Any) -> Watch:
    return next(each for each in seen(**given).watches if each.rule.name == name)


def own(*rules: AlertRule) -> Alerts:
    return Alerts(rules=rules)


def minutes(faults: Faults | None) -> tuple[Any, ...]:
    assert faults
    return tuple(None if ms is None else ms / Fraction(MINUTE_MS) for ms in faults)


def test_five_regions_at_five_minutes_may_fail_43_times_in_thirty_days() -> None:
    month = seen()
    assert (month.runs, month.budget) == (43_200, Fraction("43.2"))
    assert month.budget_ms == Fraction("43.2") * MINUTE_MS
    assert month.quantum == Fraction(10, 432)
    assert month.doubts == ()


@pytest.mark.parametrize(
    ("regions", "every", "target", "runs", "budget"),
    [
        (1, 15, "0.99", 2_880, "28.8"),
        (1, 15, "0.9999", 2_880, "0.288"),
        (1, 5, "0.999", 8_640, "8.64"),
        (3, 5, "0.9995", 25_920, "12.96"),
        (5, 1, "0.9999", 216_000, "21.6"),
    ],
)
def test_cadence_and_target_make_the_budget(
    regions: int, every: int, target: str, runs: int, budget: str
) -> None:
    periods = {f"r{number}": every * MINUTE_MS for number in range(regions)}
    month = seen(target, periods)
    assert (month.runs, month.budget) == (runs, Fraction(budget))
    assert month.quantum == 1 / Fraction(budget)


def test_an_outage_is_met_within_a_share_of_the_period_because_regions_take_turns() -> None:
    month = seen()
    assert (month.seen_ms, month.seen_in_step_ms) == (MINUTE_MS, 5 * MINUTE_MS)
    assert month.pause_ms == MINUTE_MS


def test_regions_of_different_periods_promise_no_more_than_the_fastest_of_them() -> None:
    month = seen(periods={"eu": 5 * MINUTE_MS, "us": 20 * MINUTE_MS})
    assert (month.seen_ms, month.pause_ms) == (5 * MINUTE_MS, 4 * MINUTE_MS)


def test_the_proof_of_a_target_takes_fifty_hours_without_a_failure() -> None:
    month = seen()
    assert (month.proof_runs, month.lasts_ms(month.proof_runs)) == (2_995, 2_995 * MINUTE_MS)
    assert month.doubled == Trial(10_167, 17)


@pytest.mark.parametrize(
    ("given", "minutes"),
    [
        pytest.param({}, 600, id="600 runs, one a minute by five regions in turns"),
        pytest.param({"data": Data(min_runs=10)}, 10, id="fewer runs, where fewer will do"),
        pytest.param(
            {"budgeting": Budgeting(slice_ms=5 * MINUTE_MS)}, 3000, id="as many slices of time"
        ),
    ],
)
def test_it_is_known_how_long_it_takes_until_there_is_enough_to_judge(
    given: dict[str, Any], minutes: int
) -> None:
    assert seen(**given).judged_after_ms == minutes * MINUTE_MS


def test_of_a_target_of_half_there_cannot_be_twice_as_many_failures() -> None:
    assert seen("0.5").doubled is None
    assert seen("0.51").doubled == tell_apart(Fraction("0.51"), Fraction("0.02"))


@pytest.mark.parametrize(
    ("given", "doubts"),
    [
        pytest.param({"periods": {}}, ("no region runs the journey",), id="nothing runs"),
        pytest.param(
            {"target": "0.9999", "periods": {"eu": 5 * MINUTE_MS}},
            ("the budget holds fewer than 3 failures",),
            id="too few failures",
        ),
        pytest.param(
            {"target": "0.99", "periods": {"eu": 60 * MINUTE_MS}, "data": Data(min_runs=721)},
            ("a window holds 720 of the 721 runs it takes",),
            id="too few runs",
        ),
        pytest.param(
            {"target": "0.99", "periods": {"eu": 144 * MINUTE_MS}, "data": Data(min_runs=300)},
            (),
            id="three failures and as many runs as it takes are enough",
        ),
    ],
)
def test_a_target_that_cannot_be_measured_says_why(
    given: dict[str, Any], doubts: tuple[str, ...]
) -> None:
    assert seen(**given).doubts == doubts


def test_where_nothing_runs_nothing_can_be_told() -> None:
    blind = seen(periods={})
    assert (blind.runs, blind.budget, blind.quantum) == (0, 0, None)
    assert (blind.seen_ms, blind.seen_in_step_ms, blind.lasts_ms(10)) == (None, None, None)
    assert blind.judged_after_ms is None
    assert (blind.watches, repr(blind.false_pages)) == ((), "0.0")
    assert repr(blind.false_pages_better) == "0.0"


def test_an_outage_pages_in_three_minutes_and_one_region_is_a_ticket_in_fifteen() -> None:
    assert minutes(watch("page-fast").after) == (3, 5, None, 30)
    assert watch("page-fast").trip == Trip(failures=3, recent=1, regions=2)
    assert watch("page-fast").consumes == Fraction(30, 432)
    assert minutes(watch("regional").after)[2] == 15


def test_an_alert_that_waits_for_more_regions_than_failures_waits_for_one_in_each() -> None:
    rule = replace(PAIR, min_failures=1, min_regions=3)
    assert watch("pair", alerts=own(rule)).trip == Trip(failures=3, recent=1, regions=3)


def test_rules_are_derived_for_the_schedule_and_the_target_that_are_asked_about() -> None:
    slow = {"eu": 5 * MINUTE_MS, "us": 20 * MINUTE_MS}
    assert watch("page-fast", periods=slow).rule.short_ms == 40 * MINUTE_MS
    alone = [each.rule for each in seen(periods={"eu": 5 * MINUTE_MS}).watches]
    assert {rule.min_regions for rule in alone} == {1}
    assert "regional" not in [rule.name for rule in alone]
    promised = (Objective("availability", Success(), Fraction("0.999")),)
    instead = [each.rule.name for each in seen("0.9", objectives=promised).watches]
    assert "ticket-fast" in instead
    assert "page-fast" not in instead  # no budget of a tenth burns so fast


def test_failures_that_trip_an_alert_are_a_share_of_the_budget_whatever_its_lookback() -> None:
    hour = replace(PAIR, min_failures=1, min_regions=1)
    day = replace(hour, burn=Fraction("0.6"), long_ms=24 * HOUR_MS)
    each = [watch("pair", alerts=own(rule)).trip.failures for rule in (hour, day)]
    assert each == [1, 1]  # 2 % of 43.2 is less than one
    fifth = replace(hour, burn=Fraction(144), long_ms=HOUR_MS)
    assert watch("pair", alerts=own(fifth)).trip == Trip(failures=9, recent=1, regions=1)


@pytest.mark.parametrize(
    ("rule", "periods", "why"),
    [
        pytest.param(
            replace(PAIR, burn=Fraction(1001)), FIVE, "burn rate is above 1000", id="burn rate"
        ),
        pytest.param(PAIR, {"eu": MINUTE_MS}, "it waits for 2 regions, there are 1", id="regions"),
        pytest.param(
            replace(PAIR, min_failures=13, min_regions=1),
            {"eu": 5 * MINUTE_MS},
            "it waits for 13 failures, its lookback holds 12 runs",
            id="failures",
        ),
    ],
)
def test_an_alert_that_can_never_fire_says_why(
    rule: AlertRule, periods: Mapping[str, int], why: str
) -> None:
    found = watch("pair", periods=periods, alerts=own(rule))
    assert why in found.unreachable
    assert found.after is None


def test_an_alert_at_the_highest_burn_rate_there_is_can_fire() -> None:
    found = watch("pair", alerts=own(replace(PAIR, burn=Fraction(1000))))
    assert found.unreachable == ""
    assert found.trip == Trip(failures=60, recent=5, regions=2)
    assert minutes(found.after) == (60, 60, None, None)


def test_one_bad_run_in_ten_is_seen_only_where_a_tenth_burns_fast_enough() -> None:
    edge = replace(PAIR, burn=Fraction(100))
    assert minutes(watch("pair", alerts=own(edge)).after)[3] == 60
    beyond = replace(PAIR, burn=Fraction(101))
    assert minutes(watch("pair", alerts=own(beyond)).after)[3] is None
    patient = replace(PAIR, min_failures=7)  # a tenth of an hour's sixty is six
    assert minutes(watch("pair", alerts=own(patient)).after)[3] is None


def test_a_rule_of_one_region_waits_for_as_many_runs_of_the_slowest() -> None:
    alone = replace(PAIR, min_regions=1, long_ms=3 * HOUR_MS, burn=Fraction(1))
    periods = {"eu": 5 * MINUTE_MS, "us": 30 * MINUTE_MS}
    assert minutes(watch("pair", periods=periods, alerts=own(alone)).after) == (
        15,
        15,
        90,
        Fraction(900, 7),
    )
    short = replace(alone, long_ms=HOUR_MS)  # holds two runs of the slow one
    assert minutes(watch("pair", periods=periods, alerts=own(short)).after)[2] is None
    two = replace(short, min_failures=2)
    assert minutes(watch("pair", periods=periods, alerts=own(two)).after)[2] == 60


def test_regions_must_all_have_run_before_an_alert_that_waits_for_two_fires() -> None:
    rule = replace(PAIR, min_failures=2)
    periods = {"eu": 5 * MINUTE_MS, "us": 40 * MINUTE_MS}
    assert minutes(watch("pair", periods=periods, alerts=own(rule)).after)[:2] == (10, 40)


def test_each_region_rule_is_as_soon_as_the_fastest_and_as_late_as_the_slowest() -> None:
    rule = replace(PAIR, severity=TICKET, each_region=True, long_ms=3 * HOUR_MS)
    periods = {"eu": 5 * MINUTE_MS, "us": 30 * MINUTE_MS}
    found = watch(
        "pair", target="0.9", periods=periods, alerts=own(replace(rule, burn=Fraction(1)))
    )
    assert minutes(found.after) == (20, 20, 90, None)
    assert found.trip == Trip(failures=4, recent=1, regions=1)  # the slow one takes three


def test_by_chance_the_guarded_page_comes_less_than_once_a_year() -> None:
    fast = watch("page-fast")
    assert fast.false_alarms == pytest.approx(0.0684, abs=1e-3)
    assert fast.false_alarms_better == pytest.approx(0.0087, abs=1e-4)
    month = seen()
    pages = [each for each in month.watches if each.rule.severity == PAGE]
    assert month.false_pages == pytest.approx(sum(each.false_alarms for each in pages))
    assert len(pages) == 2 < len(month.watches)
    better = sum(each.false_alarms_better for each in pages)
    assert month.false_pages_better == pytest.approx(better)
    assert month.false_pages_better < month.false_pages / 5


def test_alerts_are_told_of_with_the_window_that_they_guard() -> None:
    quarter = Calendar("quarter", Unit.QUARTER, "UTC")
    other = seen(window=quarter, windows=(MONTH, quarter))
    assert (other.window_ms, other.watches) == (91 * DAY_MS, ())


def test_slices_are_counted_instead_of_runs_where_they_are_judged() -> None:
    sliced = Budgeting(slice_ms=5 * MINUTE_MS)
    month = seen(budgeting=sliced)
    assert month.slice_ms == 5 * MINUTE_MS
    assert (month.runs, month.judged, month.budget) == (43_200, 8_640, Fraction("8.64"))
    assert month.quantum == 1 / Fraction("8.64")
    fast = watch("page-fast", budgeting=sliced)
    assert fast.trip == Trip(failures=1, recent=1, regions=1)
    assert fast.consumes == 1 / Fraction("8.64")
    assert minutes(fast.after)[:3] == (10, 10, None)  # the slice under way, and a whole one
    regional = watch("regional", budgeting=sliced)  # looks at runs
    assert minutes(regional.after)[2] == 15


@pytest.mark.parametrize("each_region", [False, True])
def test_an_alert_that_looks_back_over_less_than_a_slice_never_fires(each_region: bool) -> None:
    half_hours = Budgeting(slice_ms=30 * MINUTE_MS)
    pair = replace(PAIR, short_ms=15 * MINUTE_MS, each_region=each_region)
    blind = watch("pair", target="0.99", budgeting=half_hours, alerts=own(pair))
    assert blind.unreachable == "its 15m hold no whole slice of 30m"
    assert (blind.after, blind.false_alarms, blind.false_alarms_better) == (None, 0, 0)
    whole = replace(pair, short_ms=30 * MINUTE_MS)
    seeing = watch("pair", target="0.99", budgeting=half_hours, alerts=own(whole))
    assert seeing.unreachable == ""
    assert seeing.after


def test_slices_of_a_journey_that_nothing_runs_are_none() -> None:
    none = seen(periods={}, budgeting=Budgeting(slice_ms=MINUTE_MS))
    assert (none.judged, none.judged_after_ms) == (0, None)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=6),
    st.sampled_from(["0.9", "0.99", "0.999", "0.9999"]),
)
def test_alerts_fire_no_sooner_in_step_than_in_turns_and_the_budget_is_whole(
    every: list[int], target: str
) -> None:
    periods = {f"r{number}": each * MINUTE_MS for number, each in enumerate(every)}
    month = seen(target, periods)
    assert month.budget * (month.quantum or 0) == 1
    for each in month.watches:
        assert (each.after is None) == bool(each.unreachable)
        assert each.false_alarms_better >= 0
        if each.after:
            assert each.after.everywhere <= each.after.in_step
