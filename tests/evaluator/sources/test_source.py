"""Counts from a journal, question by question; `test_recount` holds the laws."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from prober.errors import SourceUnavailable
from prober.evaluator.sources.journal import JournalSource
from prober.evaluator.sources.source import Measure, Received
from prober.journal.journal import Journal
from prober.journal.tally import Rule
from prober.journal.view import View
from prober.model import Gap, Kind, Outcome, Run, Schedule, SlotReason, SlotState
from prober.slo.budget import Counts
from prober.slo.contract import Retry
from prober.slo.window import Span

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
AVAILABILITY = Rule("checkout", "availability", "checkout", None, None)
LATENCY = Rule("checkout", "latency", "checkout", 2_000_000, None)
STEP_LATENCY = Rule("checkout", "pay", "checkout", 2_000_000, "pay")


CORRECT = Rule("checkout", "total", "checkout", None, None, "order-total")
EVER = Span(0, 2**60)


@contextmanager
def source(path: Path) -> Iterator[JournalSource]:
    view = View.open(path)
    try:
        yield JournalSource(view)
    finally:
        view.close()


def count(path: Path, rule: Rule, start_ms: int, end_ms: int) -> dict[str, Counts]:
    with source(path) as held:
        return held.counts(Measure(rule), Span(start_ms, end_ms))


def test_a_window_holds_its_start_and_not_its_end(
    journal: Callable[..., Path], run: Callable[..., Run], schedule: Callable[..., Schedule]
) -> None:
    path = journal([schedule(MINUTE_MS), *(run(n * MINUTE_MS) for n in range(5))])
    counts = count(path, AVAILABILITY, 1 * MINUTE_MS, 4 * MINUTE_MS)
    assert counts == {"eu-west-1": Counts(good=3, bad=0, invalid=0, due=3)}


def test_adjacent_windows_share_no_run_and_lose_none(
    journal: Callable[..., Path], run: Callable[..., Run], schedule: Callable[..., Schedule]
) -> None:
    path = journal([schedule(MINUTE_MS), *(run(n * MINUTE_MS) for n in range(200))])
    parts = [
        count(path, AVAILABILITY, a, b)["eu-west-1"]
        for a, b in ((0, 6_000_000), (6_000_000, 12_000_000))
    ]
    assert parts[0] + parts[1] == count(path, AVAILABILITY, 0, 12_000_000)["eu-west-1"]


def test_only_scheduled_first_attempts_count(
    journal: Callable[..., Path], run: Callable[..., Run]
) -> None:
    path = journal(
        [
            run(0, Outcome.FAILED),
            run(0, Outcome.PASSED, attempt=2),
            run(1000, Outcome.FAILED, kind=Kind.MANUAL),
        ]
    )
    assert count(path, AVAILABILITY, 0, HOUR_MS)["eu-west-1"] == Counts(0, 1, 0, 1)


def test_regions_are_counted_apart(journal: Callable[..., Path], run: Callable[..., Run]) -> None:
    path = journal(
        [
            run(0),
            run(0, Outcome.FAILED, region="us-east-1"),
            run(0, journey="login"),
            run(1, journey="login"),
        ]
    )
    assert count(path, AVAILABILITY, 0, HOUR_MS) == {
        "eu-west-1": Counts(1, 0, 0, 1),
        "us-east-1": Counts(0, 1, 0, 1),
    }


@pytest.mark.parametrize(
    "registered",
    [
        pytest.param((), id="a threshold the journal has not heard of is counted from run records"),
        pytest.param((LATENCY, STEP_LATENCY), id="a threshold the journal knows"),
    ],
)
@pytest.mark.parametrize("rule", [LATENCY, STEP_LATENCY], ids=["of the run", "of a step"])
def test_good_is_passed_and_at_most_the_threshold(
    rule: Rule, registered: tuple[Rule, ...], journal: Callable[..., Path], run: Callable[..., Run]
) -> None:
    runs = [
        run(0, duration_us=2_000_000),
        run(1, duration_us=2_000_001),
        run(2, Outcome.FAILED, duration_us=1),
        run(3, Outcome.INCONCLUSIVE, duration_us=1),
        run(1, attempt=2, duration_us=1),
    ]
    path = journal(runs, registered)
    assert count(path, rule, 0, HOUR_MS)["eu-west-1"] == Counts(1, 2, 1, 4)


def test_a_slot_whose_run_may_still_be_going_is_not_due(
    journal: Callable[..., Path], run: Callable[..., Run], schedule: Callable[..., Schedule]
) -> None:
    path = journal([schedule(MINUTE_MS), run(0)])
    assert count(path, AVAILABILITY, 0, 2 * MINUTE_MS - 1)["eu-west-1"].due == 1
    assert count(path, AVAILABILITY, 0, 2 * MINUTE_MS)["eu-west-1"].due == 2


@pytest.mark.parametrize("ended", ["run", "gap"])
def test_a_young_slot_with_a_state_is_due(
    ended: str,
    journal: Callable[..., Path],
    run: Callable[..., Run],
    schedule: Callable[..., Schedule],
) -> None:
    gap = Gap(
        journey="checkout",
        region="eu-west-1",
        first_ms=0,
        last_ms=MINUTE_MS,
        count=2,
        state=SlotState.MISSED,
        reason=SlotReason.DOWN,
    )
    path = journal([schedule(MINUTE_MS), *([run(0), run(MINUTE_MS)] if ended == "run" else [gap])])
    assert count(path, AVAILABILITY, 0, MINUTE_MS + 1)["eu-west-1"].due == 2


def test_each_schedule_holds_until_the_next_and_a_period_of_0_ends_it(
    journal: Callable[..., Path], schedule: Callable[..., Schedule]
) -> None:
    path = journal(
        [
            schedule(MINUTE_MS, from_ms=0),
            schedule(2 * MINUTE_MS, from_ms=10 * MINUTE_MS),
            schedule(0, from_ms=20 * MINUTE_MS),
        ]
    )
    due = count(path, AVAILABILITY, 0, 60 * MINUTE_MS)["eu-west-1"].due
    assert due == 10 + 5


def test_a_run_whose_schedule_has_not_arrived_was_due_all_the_same(
    journal: Callable[..., Path], run: Callable[..., Run]
) -> None:
    assert count(journal([run(0), run(1)]), AVAILABILITY, 0, HOUR_MS)["eu-west-1"].due == 2


def test_silent_failures_are_those_without_a_first_party_5xx(
    journal: Callable[..., Path], run: Callable[..., Run]
) -> None:
    path = journal(
        [
            run(0, Outcome.FAILED),
            run(1, Outcome.FAILED, responses={"5xx": 1}),
            run(2),
            run(2, Outcome.FAILED, attempt=2),
            run(HOUR_MS, Outcome.FAILED),
        ]
    )
    with source(path) as held:
        assert held.silent("checkout", Span(0, HOUR_MS)) == {"eu-west-1": 1}


def test_the_newest_verdict_is_no_inconclusive_run_and_none_of_the_future(
    journal: Callable[..., Path], run: Callable[..., Run]
) -> None:
    path = journal([run(1), run(2, Outcome.FAILED), run(3, Outcome.INCONCLUSIVE), run(5)])
    with source(path) as held:
        assert held.newest("checkout", 5) == {"eu-west-1": 2}


def test_the_newest_verdict_is_one_that_was_known(
    tmp_path: Path, run: Callable[..., Run], schedule: Callable[..., Schedule]
) -> None:
    book = Journal.open(tmp_path / "journal.db", now_ms=1)
    book.write([run(1), run(2, Outcome.INCONCLUSIVE), run(3, attempt=2)], now_ms=10)
    book.write([run(2), run(3), schedule(MINUTE_MS)], now_ms=20)
    book.write([run(2, Outcome.FAILED), run(4)], now_ms=30)
    book.close()
    with source(tmp_path / "journal.db") as held:
        known = {known_ms: held.known_by(known_ms) for known_ms in (9, 10, 20, 30)}
        found = [each.newest("checkout", 5)["eu-west-1"] for each in known.values()]
        assert found == [None, 3, 3, 4]
        found = [each.newest("checkout", 3)["eu-west-1"] for each in known.values()]
        assert found == [None, 1, 2, 2]
        assert [known[at].since("checkout") for at in (10, 20)] == [None, 0]
        assert [known[at].planned("checkout", Span(0, HOUR_MS)) for at in (10, 20)] == [
            {},
            {"eu-west-1": 60},
        ]


def test_of_a_slot_s_attempts_the_first_verdict_counts_or_the_final_one(
    journal: Callable[..., Path], run: Callable[..., Run]
) -> None:
    path = journal(
        [
            run(0, Outcome.INCONCLUSIVE),
            run(0, Outcome.FAILED, attempt=2),
            run(0, Outcome.PASSED, attempt=3),
            run(1, Outcome.INCONCLUSIVE),
            run(1, Outcome.INCONCLUSIVE, attempt=2),
        ]
    )
    with source(path) as held:
        first = held.counts(Measure(AVAILABILITY), EVER)
        final = held.counts(Measure(AVAILABILITY, Retry.FINAL), EVER)
    assert first == {"eu-west-1": Counts(0, 1, 1, 2)}
    assert final == {"eu-west-1": Counts(1, 0, 1, 2)}


def test_only_what_was_written_by_then_is_known(
    tmp_path: Path, run: Callable[..., Run], schedule: Callable[..., Schedule]
) -> None:
    book = Journal.open(tmp_path / "journal.db", now_ms=1)
    book.write([run(0), run(MINUTE_MS)], now_ms=10)
    book.write([run(0, Outcome.FAILED), run(2 * MINUTE_MS), schedule(MINUTE_MS)], now_ms=20)
    book.close()
    span, found = Span(0, 4 * MINUTE_MS), {}
    with source(tmp_path / "journal.db") as held:
        for known_ms in (9, 10, 20, None):
            measure = Measure(AVAILABILITY, known_ms=known_ms)
            found[known_ms] = held.counts(measure, span)["eu-west-1"]
            bad = [run.id.slot_ms for run in held.bad_runs(measure, span)]
            assert bad == [0] * int(found[known_ms].bad)
    assert found[9] == Counts()
    assert found[10] == Counts(2, 0, 0, 2), "as it was believed then, without a schedule"
    assert found[20] == found[None] == Counts(2, 1, 0, 4)


@pytest.mark.parametrize("registered", [(), (CORRECT,)], ids=["from records", "from sums"])
def test_a_run_that_did_not_come_to_the_assertion_says_nothing_about_it(
    registered: tuple[Rule, ...], journal: Callable[..., Path], run: Callable[..., Run]
) -> None:
    path = journal(
        [
            run(0, held={"order-total": True}),
            run(1, Outcome.FAILED, held={"order-total": True}),
            run(2, Outcome.FAILED, held={"order-total": False}),
            run(3, Outcome.FAILED),
            run(4, Outcome.INCONCLUSIVE),
        ],
        registered,
    )
    with source(path) as held:
        assert held.counts(Measure(CORRECT), EVER) == {"eu-west-1": Counts(2, 1, 1, 4)}
        assert [bad.id.slot_ms for bad in held.bad_runs(Measure(CORRECT), EVER)] == [2]
        slices = held.slices(Measure(CORRECT), Span(0, 6), 3)
        assert slices == {"eu-west-1": {0: Counts(2, 1, 0), 1: Counts(0, 0, 1)}}
        assert held.slices(Measure(CORRECT), Span(3, 4), 1) == {"eu-west-1": {}}, "silent"


def test_what_did_not_count_is_said(tmp_path: Path, run: Callable[..., Run]) -> None:
    book = Journal.open(tmp_path / "journal.db", now_ms=1)
    book.write([run(5), run(10), run(10), run(11, kind=Kind.MANUAL), run(12, attempt=2)], now_ms=1)
    book.write([run(10, Outcome.FAILED), run(20), run(25), run(26), run(26)], now_ms=2)
    book.close()
    with source(tmp_path / "journal.db") as held:
        now = held.received(Measure(AVAILABILITY), Span(10, 20), 5)
        before = held.received(Measure(AVAILABILITY, known_ms=1), Span(10, 20), 5)
        nothing = held.received(Measure(AVAILABILITY._replace(journey="login")), EVER, 5)
    assert now == Received(
        duplicates=1, conflicts=1, pending=2, quarantined=2, out_of_window=1, non_scheduled=1
    )
    assert before == Received(duplicates=1, out_of_window=1, non_scheduled=1, unknown_yet=5)
    assert nothing == Received()


def test_planned_slots_are_those_of_the_schedules_before_and_to_come(
    journal: Callable[..., Path], schedule: Callable[..., Schedule]
) -> None:
    path = journal(
        [
            schedule(MINUTE_MS, from_ms=HOUR_MS),
            schedule(7 * MINUTE_MS, region="us-east-1"),
            schedule(0, region="ap-south-1"),
        ]
    )
    with source(path) as held:
        planned = {"eu-west-1": 180, "us-east-1": 26, "ap-south-1": 0}
        assert held.planned("checkout", Span(0, 3 * HOUR_MS)) == planned
        periods = {"eu-west-1": MINUTE_MS, "us-east-1": 7 * MINUTE_MS}
        assert held.periods("checkout", 2 * HOUR_MS) == periods
        assert held.periods("checkout", HOUR_MS) == {"us-east-1": 7 * MINUTE_MS}
        assert held.since("checkout") == 0
        assert (held.since("login"), held.planned("login", EVER)) == (None, {})


def test_a_passed_run_that_was_too_slow_is_a_bad_run_of_latency_alone(
    journal: Callable[..., Path], run: Callable[..., Run]
) -> None:
    slow = run(1, duration_us=2_000_001)
    failed = run(0, Outcome.FAILED, region="us-east-1")
    path = journal([slow, run(2), failed, run(0, attempt=2)], [LATENCY])
    with source(path) as held:
        assert held.bad_runs(Measure(LATENCY), EVER) == (failed, slow)
        assert held.bad_runs(Measure(AVAILABILITY), EVER) == (failed,)
        assert held.bad_runs(Measure(STEP_LATENCY), EVER) == (failed, slow), "not registered"
        assert held.recent("checkout", 2, 9) == {
            "eu-west-1": (slow, run(0, attempt=2)),
            "us-east-1": (failed,),
        }


def test_what_is_not_kept_any_more_is_refused_and_never_0(
    tmp_path: Path, run: Callable[..., Run]
) -> None:
    book = Journal.open(tmp_path / "journal.db", now_ms=1)
    book.write([run(0), run(HOUR_MS + 1)], now_ms=1)
    book.prune(HOUR_MS, 0)
    book.close()
    Journal.open(tmp_path / "journal.db", [LATENCY], now_ms=1).close()
    with source(tmp_path / "journal.db") as held:
        whole = Span(0, 2 * HOUR_MS)
        assert held.counts(Measure(AVAILABILITY), whole)["eu-west-1"].good == 2
        assert held.counts(Measure(LATENCY), Span(1, 2 * HOUR_MS))["eu-west-1"].good == 1
        with pytest.raises(SourceUnavailable, match="single runs are kept from 1970"):
            held.counts(Measure(AVAILABILITY), Span(0, HOUR_MS // 2))
        with pytest.raises(SourceUnavailable, match="measured for this objective since 1970"):
            held.counts(Measure(LATENCY), whole)
        for ask in (
            lambda: held.counts(Measure(AVAILABILITY, known_ms=5), whole),
            lambda: held.bad_runs(Measure(AVAILABILITY), whole),
            lambda: held.slices(Measure(AVAILABILITY), whole, MINUTE_MS),
        ):
            with pytest.raises(SourceUnavailable):
                ask()
