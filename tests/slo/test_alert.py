"""Alerts: derived from shares of the budget, exact at the threshold, and quiet for one failure."""

from __future__ import annotations

import doctest
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.document import Document
from prober.slo import alert
from prober.slo.alert import (
    PAGE,
    TICKET,
    Standing,
    absent,
    alert_window,
    firing,
    inconclusive,
    length_ms,
    rules_of,
    settled,
    uncovered,
)
from prober.slo.budget import Counts
from prober.slo.burn import max_burn, share_burned
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
from prober.slo.state import State
from prober.slo.window import Calendar, Rolling, Unit, Window

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
MONTH = Rolling("rolling", 30 * DAY_MS)
TARGET = Fraction("0.999")
FAST = AlertRule(
    name="page-fast", severity=PAGE, burn=Fraction("14.4"), long_ms=HOUR_MS, short_ms=5 * MINUTE_MS
)
TEXTBOOK = replace(FAST, min_failures=0, min_regions=0)


def contract(*targets: str, **changes: Any) -> Contract:
    objectives = [
        Objective(f"o{number}", Success(), Fraction(target))
        for number, target in enumerate(targets or ("0.999",))
    ]
    given: dict[str, Any] = {"windows": (MONTH,), "objectives": tuple(objectives)}
    return Contract(
        name="checkout",
        display_name="Checkout completes",
        labels={},
        description="",
        journey="checkout",
        owners=Owners("pm", "sre"),
        rationale="",
        effective_from=None,
        data=Data(),
        policy=SEED_5,
        source=Document("checkout.slo.yaml", {}),
        **given | changes,
    )


def derived(window: Window = MONTH, **probe: int) -> dict[str, AlertRule]:
    return {rule.name: rule for rule in rules_of(contract(), window, **probe)}


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(alert).failed == 0


def test_thirty_days_of_a_five_minute_probe_get_the_rules_of_the_workbook() -> None:
    rules = derived(every_ms=5 * MINUTE_MS, regions=5).values()
    assert [
        (rule.name, rule.severity, rule.burn, rule.long_ms / HOUR_MS, rule.short_ms / MINUTE_MS)
        for rule in rules
    ] == [
        ("page-fast", PAGE, Fraction("14.4"), 1, 10),  # two rounds: 5 minutes hold no or two runs
        ("page-slow", PAGE, 6, 6, 30),
        ("ticket-fast", TICKET, 3, 24, 120),
        ("ticket-slow", TICKET, 1, 72, 360),
        ("regional", TICKET, Fraction("14.4"), 1, 10),
        ("leak", TICKET, 1, 180, 180 * 60),
    ]


def test_guards_come_from_the_contract() -> None:
    guarded = contract(alerts=Alerts(min_failures=4, min_regions=3))
    rules = {rule.name: rule for rule in rules_of(guarded, MONTH)}
    assert {rule.min_failures for rule in rules.values()} == {4}
    assert {name: rule.min_regions for name, rule in rules.items() if rule.min_regions != 3} == {
        "regional": 1,
        "leak": 1,
    }
    assert [rule.name for rule in rules.values() if rule.each_region] == ["regional"]


def test_a_leak_is_a_quarter_of_a_full_window_s_budget_and_no_less_than_the_guard() -> None:
    """Of 43.2 runs, of 2.88, of 8.64 slices; and the rate alone would tell a first bad day."""
    assert derived(every_ms=5 * MINUTE_MS, regions=5)["leak"].min_failures == 11
    assert derived(every_ms=15 * MINUTE_MS, regions=1)["leak"].min_failures == 3
    slices = contract(
        budgeting=Budgeting(slice_ms=5 * MINUTE_MS), alerts=Alerts(min_failures=1)
    )  # fmt: skip
    assert derived(every_ms=MINUTE_MS)["leak"].min_failures == 3  # so many regions nobody knows
    assert derived(regions=5)["leak"].min_failures == 3  # and how often they run
    leak = rules_of(slices, MONTH, every_ms=MINUTE_MS, regions=5)[-1]
    assert (leak.name, leak.min_failures, leak.short_ms) == ("leak", 3, leak.long_ms)


def test_rules_of_its_own_are_all_that_a_contract_has() -> None:
    own = contract(alerts=Alerts(rules=(FAST,)))
    assert rules_of(own, MONTH, every_ms=HOUR_MS) == (FAST,)


def test_a_single_region_is_not_waited_for_by_another() -> None:
    rules = derived(regions=1)
    assert {rule.min_regions for rule in rules.values()} == {1}
    assert "regional" not in rules  # it would say the same again


def test_a_rule_that_no_outage_could_trip_is_not_derived() -> None:
    loose, tight = Objective("loose", Success(), Fraction("0.9")), Objective("o", Success(), TARGET)
    both = contract(objectives=(loose, tight))
    assert "page-fast" not in {rule.name for rule in rules_of(both, MONTH, loose)}
    assert "page-slow" in {rule.name for rule in rules_of(both, MONTH, loose)}
    assert "page-fast" in {rule.name for rule in rules_of(both, MONTH, tight)}
    assert "page-fast" in {rule.name for rule in rules_of(both, MONTH)}
    just = contract(str(Fraction(67, 72)))  # an outage burns at 14.4
    assert "page-fast" in {rule.name for rule in rules_of(just, MONTH)}


def test_lookbacks_shrink_with_the_window_and_grow_with_the_period() -> None:
    week = derived(Rolling("w", 7 * DAY_MS), every_ms=5 * MINUTE_MS, regions=5)
    assert (week["page-fast"].long_ms, week["page-fast"].burn) == (14 * MINUTE_MS, Fraction("14.4"))
    alone = derived(every_ms=HOUR_MS, regions=1)
    assert alone["page-fast"].long_ms == 3 * HOUR_MS  # it takes so long to fail three times
    assert alone["page-fast"].burn == Fraction("4.8")
    assert alone["page-fast"].short_ms == 2 * HOUR_MS
    assert derived(every_ms=HOUR_MS)["page-fast"].long_ms == 3 * HOUR_MS  # for all that is known


def test_without_a_schedule_lookbacks_are_parts_of_the_window_alone() -> None:
    fast = derived(Rolling("w", 12 * 720))["page-fast"]
    assert (fast.long_ms, fast.short_ms) == (12, 1)


def test_a_rule_that_would_fire_on_track_is_not_derived() -> None:
    day = derived(Rolling("d", DAY_MS), every_ms=15 * MINUTE_MS, regions=2)
    assert "page-fast" not in day  # 2 % in half an hour is slower than the budget allows


@given(
    st.integers(1, 400 * 24).map(lambda hours: hours * HOUR_MS),
    st.integers(1, 3600).map(lambda seconds: seconds * 1000),
    st.integers(1, 30),
    st.sampled_from(["0.9", "0.99", "0.999", "0.9999"]),
)
def test_derived_rules_can_fire_and_do_not_fire_on_track(
    window_ms: int, every_ms: int, regions: int, target: str
) -> None:
    window = Rolling("any", window_ms)
    for rule in rules_of(contract(target), window, every_ms=every_ms, regions=regions):
        assert 1 <= rule.burn <= max_burn(Fraction(target))
        assert 2 * every_ms <= rule.short_ms <= rule.long_ms
        in_reach = rule.long_ms // every_ms * (1 if rule.each_region else regions)
        assert rule.min_failures <= in_reach
        assert rule.min_regions <= regions
        assert share_burned(rule.burn, window_ms, rule.long_ms) in {
            Fraction(percent, 100) for percent in (2, 5, 10, 25)
        }


@pytest.mark.parametrize(
    ("window", "days"),
    [
        (Rolling("r", 28 * DAY_MS), 28),
        (Calendar("d", Unit.DAY, "Europe/Berlin"), 1),
        (Calendar("w", Unit.WEEK, "Europe/Berlin"), 7),
        (Calendar("m", Unit.MONTH, "Europe/Berlin"), 30),
        (Calendar("q", Unit.QUARTER, "Europe/Berlin"), 91),
        (Calendar("y", Unit.YEAR, "Europe/Berlin"), 365),
    ],
)
def test_a_calendar_window_has_a_usual_length(window: Window, days: int) -> None:
    assert length_ms(window) == days * DAY_MS


def test_the_rules_guard_the_window_that_gates() -> None:
    quarter = Calendar("quarter", Unit.QUARTER, "UTC")
    assert alert_window(contract(windows=(quarter, MONTH))) == MONTH
    assert alert_window(contract(windows=(quarter,))) == quarter


def hour(bad: int, **more: Any) -> Counts:
    return Counts(good=60 - bad, bad=bad, **more)


def test_one_failure_pages_by_the_textbook_and_not_with_guards() -> None:
    """V39a: five regions, one run each in 5 minutes."""
    long, short, failures = hour(1), Counts(good=4, bad=1), {"r4": 1}
    textbook = firing(TEXTBOOK, TARGET, long, short, failures)
    guarded = firing(FAST, TARGET, long, short, failures)
    assert (textbook.burn, textbook.burn_short) == (Fraction(50, 3), 200)
    assert (textbook.fires, guarded.fires) == (True, False)
    assert guarded.standing is Standing.PENDING


def test_an_outage_fires_and_says_where() -> None:
    """V39b: everything failed for 10 minutes."""
    failures = {"r1": 2, "r2": 2, "r3": 2, "r4": 2, "r5": 2}
    reading = firing(FAST, TARGET, hour(10), Counts(bad=5), failures)
    assert reading.fires
    assert (reading.failed, reading.regions) == (10, ("r1", "r2", "r3", "r4", "r5"))


@pytest.mark.parametrize(
    ("failures", "standing"),
    [
        pytest.param({"a": 2, "b": 1}, Standing.FIRING, id="three in two regions"),
        pytest.param({"a": 1, "b": 1}, Standing.PENDING, id="two are too few"),
        pytest.param({"a": 3, "b": 0}, Standing.PENDING, id="one region is too few"),
    ],
)
def test_guards_ask_for_failures_and_regions(
    failures: Mapping[str, int], standing: Standing
) -> None:
    reading = firing(FAST, TARGET, hour(3), Counts(good=4, bad=1), failures)
    assert reading.standing is standing
    assert 0 not in reading.failures.values()


@pytest.mark.parametrize(
    ("long", "short", "standing"),
    [
        pytest.param(hour(0), Counts(good=5), Standing.QUIET, id="nothing failed"),
        pytest.param(hour(3), Counts(good=5), Standing.QUIET, id="it is over"),
        pytest.param(Counts(good=997, bad=3), Counts(bad=3), Standing.QUIET, id="not enough"),
        pytest.param(hour(3), Counts(), Standing.UNKNOWN, id="nothing lately, burning before"),
        pytest.param(hour(0), Counts(), Standing.QUIET, id="nothing lately, quiet before"),
        pytest.param(Counts(), Counts(), Standing.UNKNOWN, id="no run at all"),
        pytest.param(Counts(invalid=9), Counts(invalid=1), Standing.UNKNOWN, id="no verdict"),
    ],
)
def test_both_lookbacks_must_burn_and_silence_is_not_quiet(
    long: Counts, short: Counts, standing: Standing
) -> None:
    assert firing(FAST, TARGET, long, short, {"a": 2, "b": 1}).standing is standing


def test_a_rule_for_each_region_says_which() -> None:
    regional = replace(FAST, min_regions=1, each_region=True)
    assert firing(regional, TARGET, hour(0), Counts(good=5), {"eu": 0}).region == "eu"
    assert firing(FAST, TARGET, hour(3), Counts(bad=5), {"eu": 3}).region is None


def test_a_rate_at_the_threshold_fires() -> None:
    """3 of 20 at 95 % burn at 3; with floats at 2.999999999999998."""
    rule = replace(TEXTBOOK, burn=Fraction(3))
    at = Counts(good=17, bad=3)
    silence = firing(rule, Fraction("0.95"), at, Counts(), {"a": 3})
    assert silence.standing is Standing.UNKNOWN
    assert firing(rule, Fraction("0.95"), at, at, {"a": 3}).fires
    below = Counts(good=18, bad=3)
    assert not firing(rule, Fraction("0.95"), below, at, {"a": 3}).fires


@given(
    st.integers(0, 60), st.integers(0, 20), st.integers(0, 20), st.integers(0, 5), st.integers(0, 5)
)
def test_one_more_failure_never_ends_an_alert(
    good: int, early: int, late: int, least: int, regions: int
) -> None:
    rule = replace(FAST, min_failures=least, min_regions=regions)
    order = [Standing.UNKNOWN, Standing.QUIET, Standing.PENDING, Standing.FIRING]
    readings = [
        firing(
            rule,
            TARGET,
            Counts(good=good, bad=early + late + more),
            Counts(good=good // 6, bad=late + more),
            {"a": early, "b": late + more},
        )
        for more in (0, 1)
    ]
    before, after = (order.index(reading.standing) for reading in readings)
    assert before <= after


def test_three_rounds_without_verdict_are_silence_not_before() -> None:
    periods = {"eu": MINUTE_MS, "us": 5 * MINUTE_MS}
    newest = {"eu": 0, "us": 0, "gone": -DAY_MS}
    assert absent(newest, periods, 3 * MINUTE_MS) == ()
    assert absent(newest, periods, 3 * MINUTE_MS + 1) == ("eu",)
    assert absent(newest, periods, 15 * MINUTE_MS + 1) == ("eu", "us")


@pytest.mark.parametrize(
    ("counts", "broken"),
    [
        (Counts(good=90, due=100), False),
        (Counts(good=89, due=100), True),
        (Counts(good=80, bad=5, invalid=5, due=100), False),
        (Counts(good=7, due=10), True),
        (Counts(good=8, due=10), False),  # two slots are chance
        (Counts(), False),
    ],
)
def test_too_little_is_seen_below_the_coverage_that_is_asked_for(
    counts: Counts, broken: bool
) -> None:
    assert uncovered(counts, Fraction(9, 10)) is broken


@pytest.mark.parametrize(
    ("counts", "hidden"),
    [
        (Counts(), False),
        (Counts(good=1, invalid=2), False),
        (Counts(good=57, invalid=3), False),
        (Counts(good=56, invalid=3), True),
        (Counts(invalid=3), True),
    ],
)
def test_failures_may_hide_among_more_than_a_twentieth_of_inconclusive_runs(
    counts: Counts, hidden: bool
) -> None:
    assert inconclusive(counts) is hidden


@pytest.mark.parametrize(
    ("held", "now", "consumed", "better_ms", "told"),
    [
        pytest.param("FULL", "WARNING", "0.5", 0, "WARNING", id="worse is told at once"),
        pytest.param("WARNING", "WARNING", "0.6", 0, "WARNING", id="the same stays"),
        pytest.param("WARNING", "CAUTION", "0.49", 0, "WARNING", id="just below the edge waits"),
        pytest.param("WARNING", "CAUTION", "0.48", 0, "CAUTION", id="a bad run's worth below"),
        pytest.param("WARNING", "CAUTION", "0.49", HOUR_MS - 1, "WARNING", id="not yet an hour"),
        pytest.param("WARNING", "CAUTION", "0.49", HOUR_MS, "CAUTION", id="an hour below"),
        pytest.param("EXHAUSTED", "FULL", "0.1", 0, "FULL", id="far below"),
        pytest.param("FULL", "UNKNOWN", None, 0, "UNKNOWN", id="not knowing is told at once"),
        pytest.param("UNKNOWN", "FULL", "0.1", 0, "FULL", id="and so is knowing again"),
        pytest.param("EXHAUSTED", "CRITICAL", None, 0, "EXHAUSTED", id="no number clears nothing"),
    ],
)
def test_a_state_is_told_when_it_is_settled(
    held: str, now: str, consumed: str | None, better_ms: int, told: str
) -> None:
    share = None if consumed is None else Fraction(consumed)
    assert settled(State(held), State(now), share, Fraction("0.02"), better_ms) == told


def test_a_state_that_the_policy_does_not_know_is_left_at_once() -> None:
    two = ((Fraction(0), State.FULL), (Fraction(1), State.EXHAUSTED))
    assert settled(State.WARNING, State.FULL, Fraction(1), Fraction(1), 0, two) is State.FULL
    near = settled(State.EXHAUSTED, State.FULL, Fraction("0.95"), Fraction("0.1"), 0, two)
    assert near is State.EXHAUSTED


def pages(rule: AlertRule, share: Fraction, windows: int) -> Fraction:
    """How often a rule begins to fire in 30 days of a run a minute, each failing by chance."""
    chance, begun, regions = random.Random(6), 0, 5
    minutes = 43_200 * windows
    failed = sorted(chance.sample(range(minutes), round(minutes * share)))
    for at, minute in enumerate(failed):
        # Nothing but a failure can make a rule fire that did not fire before it.
        before, after = (
            [each for each in failed[max(0, at - 60) : end] if each > now - 60]
            for now, end in ((minute - 1, at), (minute, at + 1))
        )
        begun += _fires(rule, after, minute, regions) and not _fires(
            rule, before, minute - 1, regions
        )
    return Fraction(begun, windows)


def _fires(rule: AlertRule, failed: list[int], now: int, regions: int) -> bool:
    lately = sum(minute > now - 5 for minute in failed)
    return firing(
        rule,
        TARGET,
        Counts(good=60 - len(failed), bad=len(failed)),
        Counts(good=5 - lately, bad=lately),
        Counter(str(minute % regions) for minute in failed),
    ).fires


def test_a_healthy_journey_pages_every_other_day_by_the_textbook_and_never_with_guards() -> None:
    """99.95 % good against 99.9 %; the guarded rule by a run of forty years."""
    better = Fraction(5, 10_000)
    assert 21 < pages(TEXTBOOK, better, windows=40) < 22
    assert pages(FAST, better, windows=500) < Fraction(2, 100)


def test_a_journey_that_misses_its_target_pages_now_and_then() -> None:
    worse = Fraction(2, 1000)
    assert 84 < pages(TEXTBOOK, worse, windows=10) < 88
    assert Fraction(3, 10) < pages(FAST, worse, windows=100) < Fraction(7, 10)
