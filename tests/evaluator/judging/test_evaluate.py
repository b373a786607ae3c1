from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from prober.evaluator.judging.evaluate import evaluate
from prober.evaluator.judging.result import Evaluation, Priority, Result
from prober.evaluator.sources.journal import JournalSource
from prober.journal.journal import Journal
from prober.journal.tally import rules_of
from prober.journal.view import View
from prober.model import Outcome, Record, Run, Schedule
from prober.slo import format
from prober.slo.alert import Standing
from prober.slo.budget import Basis, Counts
from prober.slo.contract import (
    AlertRule,
    Alerts,
    BudgetBasis,
    Budgeting,
    Contract,
    ExclusionMode,
    NoData,
    Retry,
)
from prober.slo.exclusion import Category, Exclusion
from prober.slo.moment import moment_ms
from prober.slo.recurrence import Recurrence
from prober.slo.region import Mode, RegionRule
from prober.slo.state import State
from prober.slo.window import Calendar, Rolling, Span, Unit

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
#: When every story begins: a month, a quarter and a Wednesday.
BEGIN_MS = moment_ms("2026-07-01T00:00:00Z")
PASSED, FAILED, INCONCLUSIVE = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE

Agree = Callable[..., Contract]
Judge = Callable[..., Evaluation]
Minutely = Callable[..., list[Record]]


@pytest.fixture
def agree(contract_text: Callable[..., str]) -> Agree:
    """`agree(target=…, budgeting=…)`: a contract; texts by their key, the rest as fields."""

    def contract(**changes: Any) -> Contract:
        texts = {key: value for key, value in changes.items() if isinstance(value, str | int)}
        fields = {key: value for key, value in changes.items() if key not in texts}
        return replace(format.parse(contract_text(**texts), "checkout.slo.yaml"), **fields)

    return contract


@pytest.fixture
def judge(journal: Callable[..., Path], agree: Agree) -> Judge:
    """`judge(records, as_of_ms, target=…)`: the evaluation of those records.

    What `evaluate` takes goes to it, the rest makes the contract; times are from the beginning.
    """

    def judged(records: list[Record], as_of_ms: int, **changes: Any) -> Evaluation:
        asked = {
            key: changes.pop(key) for key in ("exclusions", "known_ms", "skew_ms") if key in changes
        }
        contract = agree(**changes)
        view = View.open(journal(records, rules_of([contract])))
        try:
            return evaluate(contract, JournalSource(view), BEGIN_MS + as_of_ms, **asked)
        finally:
            view.close()

    return judged


@pytest.fixture
def at(run: Callable[..., Run]) -> Callable[..., Run]:
    """`at(ms, outcome, …)`: a run that long after the beginning."""
    return lambda after_ms, *args, **fields: run(BEGIN_MS + after_ms, *args, **fields)


@pytest.fixture
def every(schedule: Callable[..., Schedule]) -> Callable[..., Schedule]:
    """`every(ms, region)`: slots from the beginning on."""
    return lambda every_ms, *args: schedule(every_ms, *args, from_ms=BEGIN_MS)


@pytest.fixture
def minutely(at: Callable[..., Run], every: Callable[..., Schedule]) -> Minutely:
    """`minutely(n, *bad)`: a run a minute from the beginning on, with these of them failed."""

    def records(n: int, *bad: int, region: str = "eu-west-1") -> list[Record]:
        runs = [at(k * MINUTE_MS, FAILED if k in bad else PASSED, region=region) for k in range(n)]
        return [every(MINUTE_MS, region), *runs]

    return records


def excluded(start_ms: int, end_ms: int, **fields: Any) -> Exclusion:
    """An exclusion that long after the beginning."""
    given = {"created_ms": BEGIN_MS + start_ms, "id": "x1"} | fields
    return Exclusion(
        start_ms=BEGIN_MS + start_ms,
        end_ms=BEGIN_MS + end_ms,
        category=Category.PROVIDER_OUTAGE,
        reason="the provider was down",
        requested_by="dana",
        approved_by="sre-lead",
        **given,
    )


def only(evaluation: Evaluation) -> Result:
    (result,) = evaluation.results
    return result


# Counting


def test_one_bad_run_of_a_thousand_at_99_9_percent_is_met_and_exhausted(
    judge: Judge, minutely: Minutely
) -> None:
    records = minutely(1000, 500)
    result = only(judge(records, 1000 * MINUTE_MS, target="99.9%", window="1000m"))
    assert result.judgement.compliance == Fraction(999, 1000)
    assert result.met is True
    assert result.judgement.consumed == 1
    assert result.state is State.EXHAUSTED
    assert result.judgement.left == 0


def test_regions_are_summed_before_anything_is_divided(
    judge: Judge, at: Callable[..., Run], every: Callable[..., Schedule]
) -> None:
    records: list[Record] = [every(MINUTE_MS), every(10 * MINUTE_MS, "us-east-1")]
    records += [at(n * MINUTE_MS) for n in range(60)]
    records += [at(n * 10 * MINUTE_MS, FAILED, region="us-east-1") for n in range(6)]
    result = only(judge(records, HOUR_MS))
    assert result.judgement.compliance == Fraction(60, 66)
    assert [(r.region, r.counts.good, r.counts.bad) for r in result.regions] == [
        ("eu-west-1", 60, 0),
        ("us-east-1", 0, 6),
    ]


def test_a_run_that_leaves_the_window_gives_its_budget_back(
    judge: Judge, minutely: Minutely
) -> None:
    records = minutely(120, 0)
    assert only(judge(records, 60 * MINUTE_MS)).judgement.counts.bad == 1
    assert only(judge(records, 60 * MINUTE_MS + 1)).judgement.counts.bad == 0


def test_every_objective_is_judged_over_every_window(judge: Judge, at: Callable[..., Run]) -> None:
    more = '    - {name: latency, sli: {latency: {threshold: 2s, step: pay}}, target: "90%"}'
    windows = (Rolling("hour", HOUR_MS), Rolling("minute", MINUTE_MS))
    records: list[Record] = [at(0), at(HOUR_MS - 1, duration_us=2_000_001), at(1, FAILED)]
    results = judge(records, HOUR_MS, more=more, windows=windows).results
    assert [(r.objective.name, r.window.name, r.judgement.counts.good) for r in results] == [
        ("availability", "hour", 2),
        ("availability", "minute", 1),
        ("latency", "hour", 1),
        ("latency", "minute", 0),
    ]


def test_what_happened_before_a_contract_took_effect_does_not_count(
    judge: Judge, minutely: Minutely
) -> None:
    records = minutely(48 * 60, *range(24 * 60))
    result = only(judge(records, 2 * DAY_MS, window="3d", effective_from=date(2026, 7, 2)))
    assert result.judgement.counts == Counts(good=24 * 60, due=24 * 60)
    assert result.span == Span(BEGIN_MS + DAY_MS, BEGIN_MS + 2 * DAY_MS)


def test_a_contract_that_is_not_in_effect_yet_has_no_runs(judge: Judge, minutely: Minutely) -> None:
    result = only(judge(minutely(60), HOUR_MS, effective_from=date(2026, 7, 2)))
    assert (result.state, result.reason, result.span.length_ms) == (State.UNKNOWN, "no_data", 0)


def test_what_had_not_arrived_by_then_is_not_counted(
    tmp_path: Path, agree: Agree, at: Callable[..., Run]
) -> None:
    contract, book = agree(), Journal.open(tmp_path / "journal.db", now_ms=1)
    book.write([at(0), at(MINUTE_MS)], now_ms=BEGIN_MS + HOUR_MS)
    book.write([at(2 * MINUTE_MS, FAILED)], now_ms=BEGIN_MS + 2 * HOUR_MS)
    view = View.open(book.path)
    then, now = (
        only(evaluate(contract, JournalSource(view), BEGIN_MS + HOUR_MS, known_ms=known_ms))
        for known_ms in (BEGIN_MS + HOUR_MS, None)
    )
    assert (then.judgement.counts.bad, now.judgement.counts.bad) == (0, 1)
    view.close()
    book.close()


def test_what_arrived_and_was_not_counted_is_told_when_asked(
    judge: Judge, minutely: Minutely, at: Callable[..., Run]
) -> None:
    records = [*minutely(60), at(HOUR_MS), at(HOUR_MS + 301_000), at(-1)]
    assert only(judge(records, HOUR_MS)).received is None
    received = only(judge(records, HOUR_MS, skew_ms=300_000)).received
    assert received
    assert (received.pending, received.quarantined, received.out_of_window) == (1, 1, 1)


# Budgets


def test_a_window_that_is_filling_up_has_the_budget_of_its_plan(
    judge: Judge, minutely: Minutely
) -> None:
    result = only(judge(minutely(60, 0), HOUR_MS, window="10h"))
    assert result.basis is Basis.PLANNED
    assert (result.judgement.planned, result.judgement.budget) == (600, 60)
    assert result.judgement.consumed == Fraction(1, 60)


def test_a_full_window_has_the_budget_of_its_runs(judge: Judge, minutely: Minutely) -> None:
    result = only(judge(minutely(60, 0), HOUR_MS))
    assert (result.basis, result.judgement.budget) == (Basis.OBSERVED, 6)


@pytest.mark.parametrize(("basis", "budget"), [("observed", 6), ("planned", 60)])
def test_a_contract_may_say_what_its_budget_is_a_share_of(
    basis: str, budget: int, judge: Judge, minutely: Minutely, agree: Agree
) -> None:
    data = replace(agree().data, basis=BudgetBasis(basis))
    result = only(judge(minutely(60), HOUR_MS, window="10h", data=data))
    assert (str(result.basis), result.judgement.budget) == (basis, budget)


def test_without_a_schedule_no_plan_is_known(judge: Judge, at: Callable[..., Run]) -> None:
    result = only(judge([at(0), at(1, FAILED)], HOUR_MS, windows=(Calendar("d", Unit.DAY, "UTC"),)))
    assert (result.judgement.planned, result.basis) == (None, Basis.OBSERVED)


def test_a_calendar_window_begins_with_nothing_burned_and_the_budget_of_its_plan(
    judge: Judge, minutely: Minutely
) -> None:
    """Half of the first day's budget in its first quarter is twice the even pace."""
    window = Calendar("day", Unit.DAY, "UTC", gate=True)
    records = [*minutely(360, *range(72))]
    result = only(judge(records, 6 * HOUR_MS, windows=(window,)))
    assert result.period == Span(BEGIN_MS, BEGIN_MS + DAY_MS)
    assert (result.judgement.planned, result.judgement.budget) == (1440, 144)
    assert (result.judgement.consumed, result.pace) == (Fraction(1, 2), 2)
    anew = only(judge(records, DAY_MS + 1, windows=(window,)))
    assert (anew.judgement.counts.bad, anew.judgement.consumed) == (0, 0)


def test_a_rolling_window_has_no_pace(judge: Judge, minutely: Minutely) -> None:
    assert only(judge(minutely(60), HOUR_MS)).pace is None


# Slices


def test_slices_of_time_are_judged_instead_of_runs(judge: Judge, minutely: Minutely) -> None:
    """A slice is bad when a run in it is: minutes 7 and 8 share one, minute 20 has its own."""
    sliced = Budgeting(slice_ms=5 * MINUTE_MS, rule=RegionRule(mode=Mode.ALL))
    result = only(judge(minutely(60, 7, 8, 20), HOUR_MS + 90_000, budgeting=sliced))
    assert (result.judgement.counts.good, result.judgement.counts.bad) == (10, 2)
    assert (result.judgement.runs.good, result.judgement.runs.bad) == (57, 3)
    assert (result.judgement.planned, result.judgement.budget) == (12, Fraction(12, 10))
    assert result.span == Span(BEGIN_MS, BEGIN_MS + HOUR_MS)


def test_slices_from_before_the_first_schedule_are_not_silent(
    judge: Judge, minutely: Minutely, agree: Agree
) -> None:
    sliced = Budgeting(slice_ms=5 * MINUTE_MS)
    data = replace(agree().data, no_data=NoData.BAD)
    result = only(judge(minutely(20), 30 * MINUTE_MS, budgeting=sliced, data=data, window="10h"))
    assert result.judgement.counts == Counts(good=4, bad=2, no_data_slices=2)
    assert (result.judgement.planned, result.basis) == (120, Basis.PLANNED)


@pytest.mark.parametrize(
    ("mode", "counts"),
    [
        pytest.param(ExclusionMode.REMOVE, Counts(good=9, bad=1), id="removed"),
        pytest.param(ExclusionMode.AS_GOOD, Counts(good=11, bad=1), id="as good"),
    ],
)
def test_exclusions_take_runs_from_slices(
    mode: ExclusionMode, counts: Counts, judge: Judge, minutely: Minutely, agree: Agree
) -> None:
    """They hold slices 1 and 2 whole, and of slice 3 two minutes of five, the bad one in them."""
    sliced = Budgeting(slice_ms=5 * MINUTE_MS, rule=RegionRule(mode=Mode.ALL))
    result = only(
        judge(
            minutely(60, 7, 8, 16, 30),
            HOUR_MS,
            budgeting=sliced,
            data=replace(agree().data, exclusion_mode=mode),
            exclusions=[excluded(5 * MINUTE_MS, 17 * MINUTE_MS)],
        )
    )
    assert result.judgement.counts == counts
    assert result.raw.counts == Counts(good=9, bad=3)
    assert result.judgement.planned == (10 if mode is ExclusionMode.REMOVE else 12)
    assert result.judgement.runs.excluded == 12


# Exclusions


def test_what_is_judged_without_exclusions_stands_beside_it(
    judge: Judge, minutely: Minutely
) -> None:
    records = minutely(60, 10, 11, 40)
    result = only(judge(records, HOUR_MS, exclusions=[excluded(5 * MINUTE_MS, 15 * MINUTE_MS)]))
    assert result.judgement.counts == Counts(good=49, bad=1, due=50, excluded=10)
    assert result.raw.counts == Counts(good=57, bad=3, due=60)
    assert (result.judgement.planned, result.raw.planned) == (50, 60)
    assert (result.judgement.consumed, result.raw.consumed) == (Fraction(1, 5), Fraction(1, 2))
    assert result.returned == Fraction(3, 10)
    assert [regional.counts.excluded for regional in result.regions] == [10]


def test_slots_that_were_empty_when_an_exclusion_ended_were_due_in_it(
    judge: Judge, minutely: Minutely
) -> None:
    records = [r for r in minutely(60) if not (isinstance(r, Run) and _minute(r) in (13, 14, 50))]
    result = only(judge(records, HOUR_MS, exclusions=[excluded(5 * MINUTE_MS, 15 * MINUTE_MS)]))
    assert result.judgement.coverage == Fraction(49, 50)


def _minute(run: Run) -> int:
    return (run.id.slot_ms - BEGIN_MS) // MINUTE_MS


def test_exclusions_of_other_journeys_are_passed_over(judge: Judge, minutely: Minutely) -> None:
    other = excluded(0, HOUR_MS, journeys=frozenset({"login"}))
    evaluation = judge(minutely(60), HOUR_MS, exclusions=[other])
    assert evaluation.exclusions == ()
    assert only(evaluation).judgement.runs.excluded == 0


def test_planned_maintenance_lowers_the_plan_before_it_comes(
    judge: Judge, minutely: Minutely
) -> None:
    nightly = Recurrence.parse("FREQ=DAILY", "UTC")
    night = excluded(2 * HOUR_MS, 4 * HOUR_MS, recurrence=nightly)
    window = Calendar("month", Unit.MONTH, "UTC")
    result = only(judge(minutely(60), HOUR_MS, windows=(window,), exclusions=[night]))
    assert result.raw.planned == 31 * 1440
    assert result.judgement.planned == 31 * 1320


def test_an_exclusion_that_holds_no_slot_takes_no_budget(
    judge: Judge, at: Callable[..., Run], every: Callable[..., Schedule]
) -> None:
    """Slots are on the hour, and 7 of them bad: nobody lost anything by ten minutes a night."""
    nightly = Recurrence.parse("FREQ=DAILY", "UTC")
    night = excluded(140 * MINUTE_MS, 150 * MINUTE_MS, recurrence=nightly)
    runs = [at(n * HOUR_MS, FAILED if n % 30 == 0 else PASSED) for n in range(210)]
    result = only(
        judge(
            [every(HOUR_MS), *runs],
            210 * HOUR_MS,
            target="99%",
            windows=(Calendar("month", Unit.MONTH, "UTC"),),
            exclusions=[night],
        )
    )
    assert result.judgement.planned == result.raw.planned == 31 * 24
    assert (result.state, result.raw.state) == (State.CRITICAL, State.CRITICAL)
    assert result.returned == 0


@pytest.mark.parametrize(
    ("fields", "flags"),
    [
        pytest.param({"end_ms": 11 * MINUTE_MS}, [], id="one of a tenth"),
        pytest.param(
            {"end_ms": 45 * MINUTE_MS}, ["exclusions hold 66.6% of the window"], id="a large one"
        ),
        pytest.param(
            {"start_ms": 30 * MINUTE_MS, "end_ms": 33 * MINUTE_MS},
            ["exclusion x1 holds no failure"],
            id="one without failure",
        ),
        pytest.param(
            {"start_ms": 6 * MINUTE_MS},
            ["exclusion x1 begins when runs were failing already"],
            id="one cut to the failures",
        ),
        pytest.param(
            {"created_ms": BEGIN_MS + HOUR_MS},
            ["exclusion x1 was asked for after it had begun"],
            id="one asked for afterwards",
        ),
    ],
)
def test_exclusions_that_deserve_a_second_look_are_flagged(
    fields: dict[str, int], flags: list[str], judge: Judge, minutely: Minutely
) -> None:
    times = {"start_ms": 5 * MINUTE_MS, "end_ms": 10 * MINUTE_MS} | fields
    regions = frozenset({"eu-west-1"})
    records = minutely(60, 6, 7)
    result = only(judge(records, HOUR_MS, exclusions=[excluded(**times, regions=regions)]))
    assert list(result.flags) == flags


def test_failures_that_were_over_before_an_exclusion_make_it_no_odd_one(
    judge: Judge, minutely: Minutely
) -> None:
    """Minute 5 is bad, and one period before the first excluded one, which is good."""
    down = excluded(6 * MINUTE_MS, 9 * MINUTE_MS)
    assert only(judge(minutely(60, 5, 7), HOUR_MS, exclusions=[down])).flags == ()


# Doubt


@pytest.mark.parametrize(
    ("outcomes", "changes", "reason"),
    [
        pytest.param([], {}, "no_data", id="no run"),
        pytest.param([INCONCLUSIVE] * 3, {}, "all_invalid", id="no verdict"),
        pytest.param([PASSED] * 3, {"min_runs": 4}, "insufficient_runs", id="too few runs"),
        pytest.param([PASSED] * 3, {"min_coverage": "90%"}, "low_coverage", id="little coverage"),
        pytest.param([PASSED] * 3, {"max_staleness": "57m"}, "stale", id="no verdict lately"),
    ],
)
def test_absence_of_data_is_unknown(
    outcomes: list[Outcome],
    changes: dict[str, str | int],
    reason: str,
    judge: Judge,
    at: Callable[..., Run],
    every: Callable[..., Schedule],
) -> None:
    records = [every(MINUTE_MS), *(at(n * MINUTE_MS, o) for n, o in enumerate(outcomes))]
    evaluation = judge(records, HOUR_MS, **changes)
    assert (evaluation.state, only(evaluation).reason) == (State.UNKNOWN, reason)
    assert only(evaluation).priority is Priority.RELIABILITY


def test_staleness_does_not_take_back_that_a_budget_is_spent(
    judge: Judge, minutely: Minutely
) -> None:
    result = only(judge(minutely(30, *range(30)), HOUR_MS, max_staleness="1m"))
    assert result.stale
    assert (result.state, result.reason) == (State.EXHAUSTED, None)


def test_a_verdict_exactly_as_old_as_allowed_is_fresh(judge: Judge, minutely: Minutely) -> None:
    result = only(judge(minutely(31), HOUR_MS, max_staleness="30m"))
    assert result.staleness_ms == 30 * MINUTE_MS
    assert result.state is State.FULL


def test_without_a_limit_a_verdict_is_stale_after_three_periods(
    judge: Judge, minutely: Minutely, agree: Agree
) -> None:
    data = replace(agree().data, max_staleness_ms=None)
    fresh, stale = (
        only(judge(minutely(57), 59 * MINUTE_MS + late_ms, data=data)) for late_ms in (0, 1)
    )
    assert (fresh.max_staleness_ms, fresh.stale, stale.stale) == (3 * MINUTE_MS, False, True)


def test_a_source_that_cannot_answer_makes_unknown_with_its_reason_and_nothing_else(
    tmp_path: Path, agree: Agree, minutely: Minutely
) -> None:
    """Slices of a month take single runs, which are gone; the sums of the hour are kept."""
    windows = (Rolling("hour", HOUR_MS), Rolling("long", 100 * DAY_MS))
    contract = agree(windows=windows, budgeting=Budgeting(slice_ms=MINUTE_MS))
    book = Journal.open(tmp_path / "journal.db", now_ms=1)
    book.write(minutely(26 * 60), now_ms=BEGIN_MS)
    book.prune(BEGIN_MS + DAY_MS, BEGIN_MS)
    view = View.open(book.path)
    near, far = evaluate(contract, JournalSource(view), BEGIN_MS + 26 * HOUR_MS).results
    assert (near.state, near.note) == (State.FULL, "")
    assert (far.state, far.reason) == (State.UNKNOWN, "source")
    assert "are kept from" in far.note
    assert (far.judgement.counts, far.judgement.compliance) == (Counts(), None)
    view.close()
    book.close()


# The recent rate


def test_the_burn_rate_is_that_of_the_last_hour_alone(judge: Judge, minutely: Minutely) -> None:
    records = minutely(180, 10, 11, 120, 121, 179)
    result = only(judge(records, 180 * MINUTE_MS, window="3h"))
    assert result.burn_rate == Fraction(3, 60) / Fraction(1, 10)


RULE = AlertRule(
    name="fast", severity="page", burn=Fraction(2), long_ms=HOUR_MS, short_ms=5 * MINUTE_MS
)


def test_alerts_are_evaluated_with_their_guards(judge: Judge, minutely: Minutely) -> None:
    """A quarter of all runs failed, in one region of two."""
    records = minutely(60, *range(30, 60)) + minutely(60, region="us-east-1")
    rules = (
        RULE,
        replace(RULE, name="unguarded", min_regions=1),
        replace(RULE, name="regional", min_regions=1, each_region=True),
    )
    result = only(judge(records, HOUR_MS, alerts=Alerts(rules=rules)))
    assert [(reading.rule.name, reading.standing) for reading in result.alerts] == [
        ("fast", Standing.PENDING),
        ("unguarded", Standing.FIRING),
        ("regional", Standing.FIRING),
        ("regional", Standing.QUIET),
    ]
    assert [reading.rule.name for reading in result.firing] == ["unguarded", "regional"]
    assert result.burn_rates == {5 * MINUTE_MS: 5, HOUR_MS: Fraction(5, 2)}


def test_an_alert_that_pages_comes_before_features(judge: Judge, minutely: Minutely) -> None:
    records = minutely(600, *range(585, 600))
    rules = Alerts(rules=(replace(RULE, min_regions=1),))
    paged = only(judge(records, 10 * HOUR_MS, window="10h", alerts=rules))
    quiet = only(judge(records, 10 * HOUR_MS, window="10h", alerts=Alerts(rules=())))
    assert (paged.state, paged.priority) == (State.CAUTION, Priority.RELIABILITY)
    assert (quiet.state, quiet.priority) == (State.CAUTION, Priority.FEATURES)


def test_what_is_excluded_wakes_nobody(judge: Judge, minutely: Minutely) -> None:
    records = minutely(60, *range(30, 60))
    rules = Alerts(rules=(replace(RULE, min_regions=1),))
    down = excluded(30 * MINUTE_MS, HOUR_MS)
    assert only(judge(records, HOUR_MS, alerts=rules)).firing
    assert not only(judge(records, HOUR_MS, alerts=rules, exclusions=[down])).firing


@pytest.mark.parametrize("budgeting", [Budgeting(), Budgeting(slice_ms=MINUTE_MS)])
def test_what_failed_before_a_contract_took_effect_wakes_nobody_and_burns_nothing(
    budgeting: Budgeting, judge: Judge, minutely: Minutely
) -> None:
    """The hour before midnight failed, and seven minutes after it passed."""
    records = minutely(24 * 60 + 7, *range(23 * 60, 24 * 60))
    rules = Alerts(rules=(replace(RULE, min_regions=1, short_ms=30 * MINUTE_MS),))
    before, after, not_yet = (
        only(
            judge(
                records,
                DAY_MS + 7 * MINUTE_MS,
                window="3d",
                budgeting=budgeting,
                alerts=rules,
                effective_from=date(2026, 7, day),
            )
        )
        for day in (1, 2, 3)
    )
    assert [each.alerts[0].standing for each in (before, after, not_yet)] == [
        Standing.FIRING, Standing.QUIET, Standing.UNKNOWN,
    ]  # fmt: skip
    assert (before.burn_rate, after.burn_rate, not_yet.burn_rate) == (Fraction(53, 6), 0, None)
    assert [each.on_track for each in (before, after, not_yet)] == [False, True, True]


def test_the_projection_knows_when_a_spent_budget_recovers(
    judge: Judge, minutely: Minutely
) -> None:
    """At 90 % of two hours 12 failures are too many; the 20 there were begin to leave."""
    result = only(judge(minutely(120, *range(10, 30)), 2 * HOUR_MS, window="2h"))
    projection = result.projection
    assert projection
    assert (result.met, result.on_track, projection.exhausts_ms) == (False, False, 0)
    assert projection.recovers_ms
    truth_ms = 19 * MINUTE_MS
    assert truth_ms <= projection.recovers_ms <= truth_ms + 2 * HOUR_MS // 15


def test_a_budget_that_burns_slower_than_it_heals_is_on_track(
    judge: Judge, minutely: Minutely
) -> None:
    result = only(judge(minutely(600, 0, 200, 400), 600 * MINUTE_MS, window="10h"))
    assert result.projection
    assert (result.met, result.on_track, result.projection.exhausts_ms) == (True, True, None)


def test_failures_that_leave_before_new_ones_take_their_place_delay_the_end(
    judge: Judge, minutely: Minutely
) -> None:
    """Of 60 that may fail in ten hours 40 leave in the next one; 12 more come each hour."""
    records = minutely(600, *range(40), *range(540, 552))
    projection = only(judge(records, 10 * HOUR_MS, window="10h")).projection
    assert projection
    assert (projection.naive_ms, projection.exhausts_ms) == (40 * MINUTE_MS, 4 * HOUR_MS)
    assert projection.between_ms
    earliest, latest = projection.between_ms
    assert earliest
    assert earliest < projection.exhausts_ms
    assert latest is None or latest > projection.exhausts_ms


def test_weighed_failures_are_projected_as_many_as_are_judged(
    judge: Judge, minutely: Minutely
) -> None:
    """One region had half of its runs in the first hour, the other in the second."""
    halves = [
        *[r for r in minutely(120, *range(30)) if not isinstance(r, Run) or _minute(r) < 60],
        *[r for r in minutely(120, region="us") if not isinstance(r, Run) or _minute(r) >= 40],
    ]
    rule = RegionRule(
        mode=Mode.WEIGHTED, weights={"eu-west-1": Fraction(3, 4), "us": Fraction(1, 4)}
    )
    result = only(judge(halves, 2 * HOUR_MS, window="2h", budgeting=Budgeting(rule=rule)))
    assert result.judgement.counts.bad == Fraction(3, 8) * 140
    assert result.projection
    assert result.projection.consumed == result.judgement.consumed


def test_a_calendar_budget_lasts_to_its_end_or_not(judge: Judge, minutely: Minutely) -> None:
    window = (Calendar("day", Unit.DAY, "UTC"),)
    slow, fast = (
        only(judge(minutely(360, *range(bad)), 6 * HOUR_MS, windows=window)) for bad in (4, 60)
    )
    assert (slow.on_track, fast.on_track) == (True, False)
    assert fast.projection
    assert fast.projection.exhausts_ms == 84 * 6 * MINUTE_MS


@pytest.mark.parametrize("budgeting", [Budgeting(), Budgeting(slice_ms=MINUTE_MS)])
def test_runs_and_minute_slices_of_one_region_are_the_same(
    budgeting: Budgeting, judge: Judge, minutely: Minutely
) -> None:
    result = only(
        judge(minutely(120, *range(10, 30)), 2 * HOUR_MS, window="2h", budgeting=budgeting)
    )
    assert (result.judgement.counts.good, result.judgement.counts.bad) == (100, 20)
    assert result.burn_rates[HOUR_MS] == 0
    assert result.projection
    assert result.projection.consumed == result.judgement.consumed


@pytest.mark.parametrize(
    ("held", "bad", "recovers_min"),
    [
        pytest.param([], 30, 29, id="all of them count"),
        pytest.param([(10, 20)], 20, 30, id="a third of them is excluded"),
    ],
)
def test_silent_slices_that_are_bad_leave_the_window_too(
    held: list[tuple[int, int]],
    bad: int,
    recovers_min: int,
    judge: Judge,
    minutely: Minutely,
    agree: Agree,
) -> None:
    """Minutes 10 to 39 are silent; 12 may be bad of 120, and 11 of 110."""
    records = [r for r in minutely(120) if not (isinstance(r, Run) and 10 <= _minute(r) < 40)]
    result = only(
        judge(
            records,
            2 * HOUR_MS,
            window="2h",
            budgeting=Budgeting(slice_ms=MINUTE_MS),
            data=replace(agree().data, no_data=NoData.BAD),
            exclusions=[excluded(a * MINUTE_MS, b * MINUTE_MS) for a, b in held],
        )
    )
    assert result.judgement.counts.bad == bad
    assert result.projection
    assert result.projection.recovers_ms == recovers_min * MINUTE_MS


# What deserves a second look


def test_runs_that_passed_only_when_tried_again_are_told(
    judge: Judge, minutely: Minutely, at: Callable[..., Run], agree: Agree
) -> None:
    records = [*minutely(60, 3, 4), at(3 * MINUTE_MS, PASSED, attempt=2)]
    data = replace(agree().data, retry=Retry.FINAL)
    first, final = only(judge(records, HOUR_MS)), only(judge(records, HOUR_MS, data=data))
    assert (first.judgement.counts.bad, final.judgement.counts.bad) == (2, 1)
    sliced = judge(records, HOUR_MS, data=data, budgeting=Budgeting(slice_ms=MINUTE_MS))
    assert first.flags == only(sliced).flags == ()
    assert final.flags == (
        "passed only when tried again: 1, which would consume 16.6% of the budget",
    )


def test_where_no_second_attempt_helped_none_is_told(
    judge: Judge, minutely: Minutely, agree: Agree
) -> None:
    data = replace(agree().data, retry=Retry.FINAL)
    assert only(judge(minutely(60, 3), HOUR_MS, data=data)).flags == ()


def test_many_runs_without_a_verdict_are_told(
    judge: Judge, at: Callable[..., Run], every: Callable[..., Schedule]
) -> None:
    outcomes = [INCONCLUSIVE] * 6 + [PASSED] * 54
    records = [every(MINUTE_MS), *(at(n * MINUTE_MS, o) for n, o in enumerate(outcomes))]
    assert only(judge(records, HOUR_MS)).flags == (
        "10% of the completed runs gave no verdict: failures could hide among them",
    )


# Several results


def test_windows_that_gate_decide_and_without_one_all_do(judge: Judge, minutely: Minutely) -> None:
    gating, other = Rolling("gating", HOUR_MS), Calendar("day", Unit.DAY, "UTC")
    one = judge(minutely(60), HOUR_MS, windows=(gating, other))
    none = judge(minutely(60), HOUR_MS, windows=(replace(gating, gate=False), other))
    assert [result.window.name for result in one.deciding] == ["gating"]
    assert [result.window.name for result in none.deciding] == ["gating", "day"]


def test_an_evaluation_has_the_hash_of_the_exclusions_it_knew(
    judge: Judge, minutely: Minutely
) -> None:
    without, with_one = (
        judge(minutely(60), HOUR_MS, exclusions=some) for some in ([], [excluded(0, 1)])
    )
    assert len(without.exclusions_hash) == 64
    assert without.exclusions_hash != with_one.exclusions_hash
