"""What owners are told, asked of a desk over real journals."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from prober.errors import InputError, ProberError, SourceUnavailable
from prober.evaluator.audit import AuditLog, Kind
from prober.evaluator.desk.desk import Desk
from prober.evaluator.sources.journal import JournalSource
from prober.evaluator.verbs import VERBS
from prober.journal.journal import Journal
from prober.journal.tally import rules_of
from prober.journal.view import View
from prober.model import Cause, Outcome, Record, Run, Schedule
from prober.slo import format
from prober.slo.attribution import Failure

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
FAILED, PASSED = Outcome.FAILED, Outcome.PASSED
HOUR = "{name: rolling, duration: 1h}"
CONTRACT = """\
apiVersion: prober/v1
kind: SLO
metadata: {{name: checkout}}
spec:
  journey: checkout
  owners: {{product: pm, sre: sre}}
  rationale: complaints start below it, says support
  objectives:
{objectives}
  windows: [{windows}]
  data: {{min_runs: 1, min_coverage: "{coverage}", max_staleness: 1h, retry: {retry}{data}}}
  alerts: {{min_failures: 3, min_regions: 2}}
{more}
"""

Ask = Callable[..., dict[str, Any]]


def objective(target: str, name: str = "availability", sli: str = "success") -> str:
    return f'    - {{name: {name}, sli: {sli}, target: "{target}"}}'


class Book:
    """Records in a journal, and a desk over it."""

    def __init__(self, directory: Path, text: str, records: Iterable[Record], now_ms: int) -> None:
        contract = format.parse(text, "checkout.slo.yaml")
        path = directory / "journal.db"
        journal = Journal.open(path, rules_of([contract]), now_ms=1)
        journal.write(list(records), now_ms=now_ms)
        journal.close()
        self.now_ms = now_ms
        self.view = View.open(path)
        self.audit = AuditLog.open(directory / "audit.jsonl")
        self.desk = Desk(
            contracts=(contract,),
            source=JournalSource(self.view),
            audit=self.audit,
            verbs=VERBS,
            clock=lambda: self.now_ms,
        )

    def ask(self, verb: str, **request: Any) -> dict[str, Any]:
        """The only result of an answer."""
        (slo,) = self.desk.answer(verb, request)["slos"]
        (result,) = slo["results"]
        assert isinstance(result, dict)
        return result

    def deploy(self, name: str, at_ms: int) -> None:
        """Something went out."""
        body = {"name": name, "at_ms": at_ms, "journeys": None, "note": None}
        self.audit.append(Kind.DEPLOY, body, at_ms)


@pytest.fixture
def book(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Book]:
    """`book(records, now_ms, target=…, windows=…)`: a desk over those records."""

    def open_book(records: Iterable[Record], now_ms: int, **changes: str) -> Book:
        given = {
            "objectives": objective(changes.pop("target", "90%")),
            "windows": HOUR,
            "coverage": "0%",
            "retry": "first",
            "data": "",
            "more": "",
        }
        directory = tmp_path / str(len(list(tmp_path.iterdir())))
        directory.mkdir()
        made = Book(directory, CONTRACT.format(**given | changes), records, now_ms)
        request.addfinalizer(made.view.close)
        return made

    return open_book


@pytest.fixture
def minutely(
    run: Callable[..., Run], schedule: Callable[..., Schedule]
) -> Callable[..., list[Record]]:
    """`minutely(n, *bad)`: a run a minute from 0 on, with these of them failed."""

    def records(n: int, *bad: int) -> list[Record]:
        return [
            schedule(MINUTE_MS),
            *(run(k * MINUTE_MS, FAILED if k in bad else PASSED) for k in range(n)),
        ]

    return records


def exact(value: dict[str, str] | None) -> Any:
    return None if value is None else Fraction(value["exact"])


def shares(parts: Iterable[dict[str, Any]]) -> dict[str, Fraction | None]:
    return {part["name"]: exact(part["share"]) for part in parts}


# explain


def test_explain_tells_what_a_schedule_of_two_regions_can_see(
    book: Callable[..., Book], schedule: Callable[..., Schedule]
) -> None:
    records = [schedule(5 * MINUTE_MS, region) for region in ("eu", "us")]
    told = book(records, HOUR_MS, target="99%", windows="{name: rolling, duration: 30d}").ask(
        "slo-explain"
    )
    assert (told["runs"], told["judged"], told["unit"]) == (17_280, 17_280, "runs")
    assert exact(told["budget"]) == Fraction("172.8")
    assert exact(told["allowed"]) == Fraction("0.01")
    assert told["budget_ms"] == 432 * MINUTE_MS
    assert exact(told["one_failure"]) == 1 / Fraction("172.8")
    assert (told["outage_seen_ms"], told["outage_seen_in_step_ms"]) == (150_000, 300_000)
    assert told["proof"] == {"runs": 299, "ms": 299 * 150_000}
    assert exact(told["tell_apart"]["from"]) == Fraction("0.98")
    assert told["measurable"]
    fast = next(alert for alert in told["alerts"] if alert["name"] == "page-fast")
    assert (fast["failures"], fast["regions"], fast["unreachable"]) == (4, 2, "")
    assert fast["outage_ms"] == told["detects"]["outage_ms"] == 4 * 150_000
    assert told["detects"]["one_region_ms"] == 3 * 300_000
    assert 0 < told["false_pages_better"] < told["false_pages"]


def test_explain_of_a_journey_that_never_ran_says_so(book: Callable[..., Book]) -> None:
    told = book([], HOUR_MS).ask("slo-explain")
    assert (told["runs"], told["alerts"], told["measurable"]) == (0, [], False)
    assert told["detects"]["outage_ms"] is None
    assert told["doubts"] == ["no region runs the journey"]


def test_an_answer_names_the_slo_its_regions_and_its_window(
    book: Callable[..., Book], schedule: Callable[..., Schedule]
) -> None:
    answer = book([schedule(MINUTE_MS)], HOUR_MS).desk.answer("slo-explain", {})
    assert (answer["as_of"], answer["as_of_ms"]) == ("1970-01-01T01:00:00Z", HOUR_MS)
    (slo,) = answer["slos"]
    assert (slo["name"], slo["journey"]) == ("checkout", "checkout")
    assert slo["regions"] == {"eu-west-1": MINUTE_MS}
    assert slo["results"][0]["window"] == {"name": "rolling", "label": "1h"}


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"slo": "checkin"}, "did you mean checkout"),
        ({"objective": "availabillity"}, "did you mean availability"),
        ({"window": "rollin"}, "did you mean rolling"),
        ({"slo": "checkout", "window": "q"}, "write rolling"),
    ],
)
def test_a_name_that_is_not_there_gets_a_mend(
    book: Callable[..., Book], request_: dict[str, str], said: str
) -> None:
    with pytest.raises(ProberError, match=said):
        book([], HOUR_MS).desk.answer("slo-explain", request_)


def test_a_key_that_is_not_there_is_refused(book: Callable[..., Book]) -> None:
    with pytest.raises(InputError, match="objektive"):
        book([], HOUR_MS).desk.answer("slo-explain", {"objektive": "x"})


def test_only_what_is_asked_for_is_told(book: Callable[..., Book]) -> None:
    both = "\n".join([objective("90%"), objective("95%", "latency", "{latency: {threshold: 1s}}")])
    windows = f"{HOUR}, {{name: day, duration: 1d}}"
    desk = book([], HOUR_MS, objectives=both, windows=windows).desk
    (slo,) = desk.answer("slo-explain", {"objective": "latency"})["slos"]
    assert [(r["objective"], r["window"]["name"]) for r in slo["results"]] == [
        ("latency", "rolling"),
        ("latency", "day"),
    ]
    (slo,) = desk.answer("slo-explain", {"objective": "latency", "window": "day"})["slos"]
    assert len(slo["results"]) == 1


# suggest


def test_a_target_is_suggested_below_the_worst_hour(
    book: Callable[..., Book], minutely: Callable[..., list[Record]]
) -> None:
    records = minutely(180, 3, 70, 71, 72, 73, 140)
    told = book(records, 180 * MINUTE_MS, target="80%").ask("slo-suggest")
    assert exact(told["suggested"]) == Fraction("0.9")
    assert "the worst of 3 windows kept 93.333%" in told["why"]
    assert [exact(window["compliance"]) for window in told["windows"]] == [
        Fraction(59, 60),
        Fraction(56, 60),
        Fraction(59, 60),
    ]
    assert told["windows"][0]["start"] == "1970-01-01T02:00:00Z"
    assert told["fit"] == "ok"
    assert (told["bad"], told["valid"], told["partial"]) == ("6", "180", False)
    assert (told["missed_in_a_row"], told["structural"]) == (0, False)
    assert told["verdict"] == "met"
    rung = next(row for row in told["ladder"] if row["target"]["exact"] == "19/20")
    assert (rung["missed"], rung["measurable"], exact(rung["budget"])) == (1, True, 3)


def test_a_target_that_is_missed_again_and_again_is_tight_and_out_of_reach(
    book: Callable[..., Book], minutely: Callable[..., list[Record]]
) -> None:
    records = minutely(180, *range(60, 70), *range(120, 130))
    told = book(records, 180 * MINUTE_MS, target="90%").ask("slo-suggest")
    assert told["fit"] == "tight"
    assert (told["missed_in_a_row"], told["structural"]) == (2, True)
    assert told["suggested"] is None
    assert told["why"].startswith("no target that can be measured lies below it")


def test_a_target_of_which_a_quarter_is_never_spent_is_loose(
    book: Callable[..., Book], minutely: Callable[..., list[Record]]
) -> None:
    told = book(minutely(120, 5, 100), 120 * MINUTE_MS, target="90%").ask("slo-suggest")
    assert told["fit"] == "loose"


def test_a_first_window_that_is_not_over_stands_in_and_says_so(
    book: Callable[..., Book], schedule: Callable[..., Schedule], run: Callable[..., Run]
) -> None:
    records = [
        schedule(MINUTE_MS, from_ms=HOUR_MS),
        *(run(HOUR_MS + k * MINUTE_MS, FAILED if k == 5 else PASSED) for k in range(40)),
    ]
    told = book(records, HOUR_MS + 40 * MINUTE_MS).ask("slo-suggest")
    assert told["partial"] is True
    assert told["fit"] == "undetermined"
    assert told["suggested"] is None  # 39 of 40 is 97.5%, with 40 runs maybe only 87%
    assert "what there is of a first window kept 97.5%" in told["why"]


def test_without_a_past_nothing_is_suggested(book: Callable[..., Book]) -> None:
    told = book([], HOUR_MS).ask("slo-suggest")
    assert (told["suggested"], told["windows"], told["fit"]) == (None, [], "undetermined")
    assert told["why"] == "too little is known of the past"


def test_windows_with_too_little_in_them_are_told_and_not_counted(
    book: Callable[..., Book], schedule: Callable[..., Schedule], run: Callable[..., Run]
) -> None:
    records = [
        schedule(MINUTE_MS),
        *(run(k * MINUTE_MS) for k in range(60, 120)),  # nothing in the first hour
    ]
    told = book(records, 120 * MINUTE_MS, coverage="90%").ask("slo-suggest")
    assert [(w["known"], w["reason"]) for w in told["windows"]] == [
        (True, None),
        (False, "no_data"),
    ]
    assert told["valid"] == "60"


def test_months_of_a_calendar_that_are_over_are_the_past(
    book: Callable[..., Book], schedule: Callable[..., Schedule], run: Callable[..., Run]
) -> None:
    records = [
        schedule(HOUR_MS),
        *(run(k * HOUR_MS, FAILED if k in (30, 31, 60) else PASSED) for k in range(80)),
    ]
    day = "{name: day, calendar: {unit: day, time_zone: UTC}, gate: true}"
    told = book(records, 80 * HOUR_MS, windows=day).ask("slo-suggest")
    assert [(w["start"], w["bad"], w["valid"]) for w in told["windows"]] == [
        ("1970-01-03T00:00:00Z", "1", "24"),
        ("1970-01-02T00:00:00Z", "2", "24"),
        ("1970-01-01T00:00:00Z", "0", "24"),
    ]


def test_runs_that_fail_together_count_as_fewer(
    book: Callable[..., Book], schedule: Callable[..., Schedule], run: Callable[..., Run]
) -> None:
    regions = ("ap", "eu", "us")
    records: list[Record] = [schedule(MINUTE_MS, region) for region in regions]
    records += [
        run(k * MINUTE_MS, FAILED if k == 7 else PASSED, region=region)
        for k in range(60)
        for region in regions
    ]
    told = book(records, HOUR_MS).ask("slo-suggest")
    assert exact(told["interval"]["correlation"]) == 1
    assert exact(told["interval"]["independent"]) == 60
    assert told["valid"] == "180"


@pytest.mark.parametrize(
    ("together", "alone", "independent"),
    [pytest.param(1, 9, 120, id="below"), pytest.param(1, 8, Fraction(3300, 31), id="above")],
)
def test_runs_count_as_fewer_from_a_correlation_of_a_tenth_on(
    book: Callable[..., Book],
    schedule: Callable[..., Schedule],
    run: Callable[..., Run],
    together: int,
    alone: int,
    independent: Fraction,
) -> None:
    records: list[Record] = [schedule(MINUTE_MS, region) for region in ("eu", "us")]
    bad = {("eu", k) for k in range(together + alone)} | {("us", k) for k in range(together)}
    records += [
        run(k * MINUTE_MS, FAILED if (region, k) in bad else PASSED, region=region)
        for k in range(60)
        for region in ("eu", "us")
    ]
    told = book(records, HOUR_MS).ask("slo-suggest")
    assert exact(told["interval"]["independent"]) == independent


def test_slices_are_the_past_where_they_are_judged(
    book: Callable[..., Book], minutely: Callable[..., list[Record]]
) -> None:
    sliced = "  budgeting: {timeslices: {slice: 5m, rule: all}}"
    told = book(minutely(123, 3, 62), 123 * MINUTE_MS, more=sliced).ask("slo-suggest")
    assert told["unit"] == "slices"
    assert [(w["end"], w["bad"], w["valid"]) for w in told["windows"]] == [
        ("1970-01-01T02:00:00Z", "1", "12"),
        ("1970-01-01T01:00:00Z", "1", "12"),
    ]
    assert told["interval"]["correlation"] is None


def test_a_first_window_of_slices_is_cut_to_whole_ones(
    book: Callable[..., Book], schedule: Callable[..., Schedule], run: Callable[..., Run]
) -> None:
    records = [
        schedule(MINUTE_MS, from_ms=HOUR_MS + 2 * MINUTE_MS),
        *(run(HOUR_MS + k * MINUTE_MS) for k in range(2, 33)),
    ]
    sliced = "  budgeting: {timeslices: {slice: 5m, rule: all}}"
    told = book(records, HOUR_MS + 33 * MINUTE_MS, more=sliced).ask("slo-suggest")
    (begun,) = told["windows"]
    assert (begun["start"], begun["end"], begun["valid"]) == (
        "1970-01-01T01:05:00Z",
        "1970-01-01T01:30:00Z",
        "5",
    )


def test_the_past_is_twelve_windows_at_most(
    book: Callable[..., Book], schedule: Callable[..., Schedule], run: Callable[..., Run]
) -> None:
    records = [schedule(10 * MINUTE_MS), *(run(k * 10 * MINUTE_MS) for k in range(90))]
    told = book(records, 900 * MINUTE_MS).ask("slo-suggest")
    assert len(told["windows"]) == 12
    assert told["windows"][-1]["start"] == "1970-01-01T03:00:00Z"


def test_what_targets_cost_stands_on_their_rungs(book: Callable[..., Book]) -> None:
    told = book([], HOUR_MS).ask("slo-suggest", cost={"99.9%": "a second database", "0.97": "-"})
    costs = {row["target"]["exact"]: row["cost"] for row in told["ladder"] if row["cost"]}
    assert costs == {"999/1000": "a second database", "97/100": "-"}


@pytest.mark.parametrize("target", ["100%", "0%", "99.9", "much"])
def test_a_target_that_is_none_is_refused(book: Callable[..., Book], target: str) -> None:
    desk = book([], HOUR_MS).desk
    with pytest.raises(InputError):
        desk.answer("slo-suggest", {"cost": {target: "x"}})
    with pytest.raises(InputError, match="target"):
        desk.answer("slo-whatif", {"target": target})


# whatif


def test_whatif_tells_the_budget_and_what_would_have_been_missed(
    book: Callable[..., Book], minutely: Callable[..., list[Record]]
) -> None:
    told = book(minutely(120, 3, 70, 71, 72), 120 * MINUTE_MS).ask("slo-whatif", target="95%")
    now, then = told["now"], told["then"]
    assert (exact(now["budget"]), exact(then["budget"])) == (6, 3)
    assert (now["budget_ms"], then["budget_ms"]) == (6 * MINUTE_MS, 3 * MINUTE_MS)
    assert (exact(now["consumed"]), exact(then["consumed"])) == (Fraction(1, 2), 1)
    assert (now["state"], then["state"]) == ("WARNING", "EXHAUSTED")
    assert (told["missed_now"], told["missed_then"]) == (0, 0)
    stricter = book(minutely(120, 3, 70, 71, 72), 120 * MINUTE_MS)
    told = stricter.ask("slo-whatif", target="98%")
    assert (told["missed_now"], told["missed_then"]) == (0, 1)
    assert [(w["met"], w["would_meet"]) for w in told["windows"]] == [(True, False), (True, True)]
    assert not told["then"]["measurable"]
    assert [finding["code"] for finding in told["findings"]] == ["budget_below_k_min"]


def test_whatif_tells_which_alerts_could_never_fire(
    book: Callable[..., Book], schedule: Callable[..., Schedule]
) -> None:
    records = [schedule(5 * MINUTE_MS, region) for region in ("eu", "us")]
    month = "{name: rolling, duration: 30d}"
    told = book(records, HOUR_MS, target="99%", windows=month).ask("slo-whatif", target="90%")
    lost = {alert["name"]: alert["why"] for alert in told["unreachable"]}
    assert lost.keys() == {"page-fast", "regional"}
    assert lost["page-fast"] == "its burn rate is above 10, that of every run failing"
    back = book([], HOUR_MS, target="90%").ask("slo-whatif", target="99%")
    assert back["unreachable"] == []


def test_whatif_of_an_unknown_state_stays_unknown(book: Callable[..., Book]) -> None:
    told = book([], HOUR_MS).ask("slo-whatif", target="95%")
    assert (told["now"]["state"], told["then"]["state"]) == ("UNKNOWN", "UNKNOWN")
    assert (told["then"]["consumed"], told["windows"], told["findings"]) == (None, [], [])


# budget explain


def test_the_parts_of_a_budget_add_up_to_what_is_consumed(
    book: Callable[..., Book], run: Callable[..., Run], schedule: Callable[..., Schedule]
) -> None:
    slow = {"cause": Cause.TIMEOUT, "step": "pay", "third_party": {"none": 1}}
    records = [
        schedule(MINUTE_MS),
        schedule(MINUTE_MS, "us"),
        *(run(k * MINUTE_MS, FAILED if k in (5, 6, 7) else PASSED, step="cart") for k in range(60)),
        *(
            run(k * MINUTE_MS, FAILED, region="us", **slow)
            if k in (30, 31)
            else run(k * MINUTE_MS, region="us")
            for k in range(60)
        ),
    ]
    desk = book(records, HOUR_MS)
    for change in ({"commit": "abc123", "estimate": "10%"}, {"commit": "abc123"}, {}):
        request = {"slo": ["checkout"], "change": "feature", **change}
        desk.desk.answer("gate", request)
    desk.deploy("abc123", 4 * MINUTE_MS)
    desk.deploy("quiet", 50 * MINUTE_MS)
    told = desk.ask("budget-explain", within="10m")
    assert (told["state"], told["bad"], exact(told["budget"])) == ("CAUTION", "5", 12)
    for division in told["divisions"].values():
        assert sum(Fraction(part["share"]["exact"]) for part in division) == Fraction(5, 12)
    twelfth = Fraction(1, 12)
    assert shares(told["divisions"]["origin"]) == {"deploy": 3 * twelfth, "upstream": 2 * twelfth}
    assert shares(told["divisions"]["cause"]) == {"assertion": 3 * twelfth, "timeout": 2 * twelfth}
    assert shares(told["divisions"]["step"]) == {"cart": 3 * twelfth, "pay": 2 * twelfth}
    assert shares(told["divisions"]["region"]) == {"eu-west-1": 3 * twelfth, "us": 2 * twelfth}
    assert shares(told["divisions"]["deploy"]) == {"abc123": 3 * twelfth, "no deploy": 2 * twelfth}
    deploys = [(each["name"], exact(each["share"]), each["estimate"]) for each in told["deploys"]]
    assert deploys == [
        ("quiet", 0, None),
        ("abc123", 3 * twelfth, {"exact": "1/10", "decimal": "0.1"}),
    ]
    first, second = told["incidents"]
    assert (first["start"], first["severity"], first["needs_postmortem"]) == (
        "1970-01-01T00:05:00Z",
        "sev1",
        True,
    )
    assert (first["regions"], first["causes"], first["steps"]) == (
        ["eu-west-1"],
        ["assertion"],
        ["cart"],
    )
    assert (second["bad"]["exact"], second["severity"]) == ("2", None)  # guards wait for three
    assert exact(told["silent"]["share"]) == Fraction(5, 12)
    assert told["unrecorded"] == []


def test_a_late_run_is_no_failure_of_a_step_and_spends_the_budget_of_latency(
    book: Callable[..., Book], run: Callable[..., Run], schedule: Callable[..., Schedule]
) -> None:
    records = [
        schedule(MINUTE_MS),
        *(run(k * MINUTE_MS, duration_us=3_000_000 if k == 9 else 1) for k in range(60)),
    ]
    late = objective("90%", "latency", "{latency: {threshold: 2s}}")
    told = book(records, HOUR_MS, objectives=late).ask("budget-explain")
    assert shares(told["divisions"]["cause"]) == {"over the threshold": Fraction(1, 6)}
    assert shares(told["divisions"]["step"]) == {"no step": Fraction(1, 6)}
    assert exact(told["silent"]["share"]) == 0


def test_excluded_failures_spent_nothing(
    book: Callable[..., Book], minutely: Callable[..., list[Record]]
) -> None:
    desk = book(minutely(60, 5, 6, 30), HOUR_MS)
    desk.desk.answer(
        "exclude-add",
        {
            "start": "1970-01-01T00:05:00Z",
            "end": "1970-01-01T00:07:00Z",
            "category": "other",
            "reason": "the test says so",
            "requested_by": "a",
            "approved_by": "b",
        },
    )
    told = desk.ask("budget-explain")
    assert told["bad"] == "1"
    assert shares(told["divisions"]["cause"]) == {"assertion": exact(told["consumed"])}


def test_weights_decide_what_a_failure_costs(
    book: Callable[..., Book], run: Callable[..., Run], schedule: Callable[..., Schedule]
) -> None:
    records = [
        schedule(MINUTE_MS),
        schedule(MINUTE_MS, "us"),
        *(run(k * MINUTE_MS, FAILED if k == 5 else PASSED) for k in range(60)),
        *(run(k * MINUTE_MS, FAILED if k == 40 else PASSED, region="us") for k in range(60)),
        *(run(k * MINUTE_MS, FAILED, region="ignored") for k in range(3)),
    ]
    weights = '{eu-west-1: "75%", us: "25%"}'
    weighted = f"  budgeting: {{occurrences: {{rule: {{weighted: {weights}}}}}}}"
    told = book(records, HOUR_MS, more=weighted).ask("budget-explain")
    by_region = shares(told["divisions"]["region"])
    assert by_region.keys() == {"eu-west-1", "us"}
    assert by_region["eu-west-1"] == 3 * (by_region["us"] or 0)
    assert sum(share or 0 for share in by_region.values()) == exact(told["consumed"])


def test_a_bad_slice_is_shared_by_the_runs_that_made_it_bad(
    book: Callable[..., Book], run: Callable[..., Run], schedule: Callable[..., Schedule]
) -> None:
    records = [
        schedule(MINUTE_MS),
        schedule(MINUTE_MS, "us"),
        *(run(k * MINUTE_MS, FAILED if k in (10, 11, 50) else PASSED) for k in range(60)),
        *(run(k * MINUTE_MS, FAILED if k == 12 else PASSED, region="us") for k in range(60)),
    ]
    # Of `any`, a slice is bad when all regions are: that of minute 50 is good.
    sliced = "  budgeting: {timeslices: {slice: 5m, rule: any}}"
    told = book(records, HOUR_MS, more=sliced).ask("budget-explain")
    assert (told["unit"], told["bad"], exact(told["budget"])) == ("slices", "1", Fraction(6, 5))
    assert {part["name"]: exact(part["bad"]) for part in told["divisions"]["region"]} == {
        "eu-west-1": Fraction(2, 3),
        "us": Fraction(1, 3),
    }
    assert (told["flaky"]["runs"], told["flaky"]["share"]) == (0, None)


def test_slices_without_data_that_count_as_bad_are_a_part(
    book: Callable[..., Book], run: Callable[..., Run], schedule: Callable[..., Schedule]
) -> None:
    records = [
        schedule(MINUTE_MS),
        *(run(k * MINUTE_MS, FAILED if k == 1 else PASSED) for k in range(60) if k < 30 or k > 44),
    ]
    sliced = "  budgeting: {timeslices: {slice: 5m, rule: all}}"
    told = book(records, HOUR_MS, target="50%", data=", no_data: bad", more=sliced).ask(
        "budget-explain"
    )
    assert {part["name"]: part["bad"]["exact"] for part in told["divisions"]["cause"]} == {
        "no data": "3",
        "assertion": "1",
    }
    assert [part["name"] for part in told["unrecorded"]] == ["no data"]


@pytest.mark.parametrize(("retry", "counted", "bad"), [("first", True, "2"), ("final", False, "1")])
def test_runs_that_pass_only_when_tried_again_are_told(
    book: Callable[..., Book],
    minutely: Callable[..., list[Record]],
    run: Callable[..., Run],
    retry: str,
    counted: bool,
    bad: str,
) -> None:
    again = [run(7 * MINUTE_MS, PASSED, attempt=2), run(8 * MINUTE_MS, FAILED, attempt=2)]
    told = book([*minutely(60, 7, 8), *again], HOUR_MS, retry=retry).ask("budget-explain")
    assert told["bad"] == bad
    assert (told["flaky"]["runs"], told["flaky"]["counted"]) == (1, counted)
    assert exact(told["flaky"]["share"]) == Fraction(1, 6)


def test_where_nothing_is_known_nothing_is_divided(book: Callable[..., Book]) -> None:
    told = book([], HOUR_MS).ask("budget-explain")
    assert (told["state"], told["why"]) == ("UNKNOWN", "no run yet")
    assert (told["consumed"], told["divisions"], told["incidents"]) == (None, {}, [])
    assert told["silent"] is None


def test_a_deploy_costs_nothing_where_nothing_is_known(book: Callable[..., Book]) -> None:
    desk = book([], HOUR_MS)
    desk.deploy("abc", 5 * MINUTE_MS)
    assert [each["name"] for each in desk.ask("budget-explain")["deploys"]] == ["abc"]


class Silent:
    """A source that keeps counts and no runs, in front of a journal."""

    def __init__(self, source: JournalSource) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def failures(self, *_: object) -> tuple[Failure, ...]:
        """None."""
        return ()


def test_what_has_no_record_is_a_part_of_its_own(
    book: Callable[..., Book], minutely: Callable[..., list[Record]]
) -> None:
    kept = book(minutely(60, 1, 2), HOUR_MS)
    counts_only: Any = Silent(JournalSource(kept.view))
    desk = replace(kept.desk, source=counts_only)
    ((result,),) = [slo["results"] for slo in desk.answer("budget-explain", {})["slos"]]
    for division in result["divisions"].values():
        assert shares(division) == {"no record": Fraction(1, 3)}


class Down(Silent):
    """A source that is down."""

    def periods(self, *_: object) -> dict[str, int]:
        """Cannot be had."""
        raise SourceUnavailable("nobody answers")


def test_a_source_that_is_down_is_told_and_no_zero_is(book: Callable[..., Book]) -> None:
    kept = book([], HOUR_MS)
    down: Any = Down(JournalSource(kept.view))
    desk = replace(kept.desk, source=down)
    for verb in ("slo-explain", "slo-suggest", "budget-explain"):
        with pytest.raises(SourceUnavailable, match="nobody answers"):
            desk.answer(verb, {})
