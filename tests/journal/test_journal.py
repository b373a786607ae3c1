"""What the journal promises: acknowledged is committed, each record once, totals never fall."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from prober import conventions as names
from prober.errors import JournalError, SourceUnavailable
from prober.journal.journal import Claim, Journal
from prober.journal.keeper import seals_of
from prober.journal.outbox import Cursor
from prober.journal.tally import Rule
from prober.journal.view import View
from prober.model import Gap, Kind, Outcome, Record, Run, RunId, Schedule, SlotReason, SlotState

NOW_MS = 1_767_225_600_000
DAY_MS = 86_400_000
PASSED, FAILED, INCONCLUSIVE = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE
MakeRun = Callable[..., Run]
MakeGap = Callable[..., Gap]
MakeSchedule = Callable[..., Schedule]
Open = Callable[..., Journal]
Look = Callable[[], View]
Outcomes = Callable[..., tuple[int, int, int]]


def totals(book: Journal, metric: names.Metric, by: str) -> dict[str, int]:
    """A counter summed by one attribute, without its zeros."""
    found: Counter[str] = Counter()
    for name, attributes, value in book.counters():
        if name == metric.name:
            found[json.loads(attributes).get(by, "")] += value
    return dict(+found)


def slots(book: Journal) -> dict[str, int]:
    return totals(book, names.SLOTS, names.SLOT_STATE)


def test_birth_is_constant_over_restarts(journal: Open) -> None:
    assert journal(now_ms=NOW_MS).birth_ms == NOW_MS
    assert journal(now_ms=NOW_MS + 5).birth_ms == NOW_MS


def test_records_come_back_as_they_were_written(
    journal: Open, run: MakeRun, gap: MakeGap, schedule: MakeSchedule
) -> None:
    book = journal()
    records: list[Record] = [
        schedule(),
        run(0),
        gap(1, 3),
        run(4, FAILED, message='"ü\u2028\x00\n', evidence={"console": ("a", "b")}),
        run(5, kind=Kind.MANUAL, host={"load": 0.1}),
    ]
    assert book.write(records).new == 5
    entries = journal().outbox.entries(0, 99, 99)
    assert [entry.record for entry in entries] == records
    assert [entry.record.to_json() for entry in entries] == [r.to_json() for r in records]


def test_half_of_a_surrogate_pair_in_a_page_s_text_costs_no_record(
    journal: Open, run: MakeRun
) -> None:
    book = journal()
    odd = run(0, FAILED, message="half \ud83d of a face")
    assert book.write([odd, run(1)]).new == 2
    assert book.write([odd]).duplicates == 1
    assert [e.record.to_json() for e in book.outbox.entries(0, 9, 9)] == [
        odd.to_json().replace("\ud83d", "?"),
        run(1).to_json(),
    ]


@pytest.mark.parametrize("kind", ["run", "gap", "schedule"])
def test_a_repeated_record_changes_nothing(
    journal: Open, run: MakeRun, gap: MakeGap, schedule: MakeSchedule, kind: str
) -> None:
    records: dict[str, Record] = {
        "run": run(3, FAILED),
        "gap": gap(3, 4),
        "schedule": schedule(3),
    }
    record = records[kind]
    book = journal()
    assert book.write([record]).new == 1
    before = (book.counters(), book.buckets(), book.outbox.entries(0, 9, 9))
    book = journal()
    written = book.write([record, record])
    assert (written.new, written.duplicates, written.conflicts) == (0, 2, 0)
    assert (book.counters(), book.buckets(), book.outbox.entries(0, 9, 9)) == before


def test_runs_differ_by_every_part_of_their_identity(journal: Open, run: MakeRun) -> None:
    others = [
        run(0),
        run(1),
        run(0, journey="login"),
        run(0, region="us-east-1"),
        run(0, attempt=2),
        run(0, kind=Kind.MANUAL),
    ]
    assert journal().write(others).new == 6


@pytest.mark.parametrize(
    ("first", "second", "believed"),
    [
        (PASSED, FAILED, FAILED),
        (FAILED, PASSED, FAILED),
        (INCONCLUSIVE, PASSED, PASSED),
        (PASSED, INCONCLUSIVE, PASSED),
        (INCONCLUSIVE, FAILED, FAILED),
        (FAILED, INCONCLUSIVE, FAILED),
    ],
)
def test_of_two_records_that_claim_one_run_the_worse_is_believed(
    journal: Open,
    view: Look,
    outcomes: Outcomes,
    run: MakeRun,
    first: Outcome,
    second: Outcome,
    believed: Outcome,
) -> None:
    book = journal()
    written = book.write([run(0, first), run(0, second)])
    assert (written.new, written.conflicts) == (1, 1)
    counts = (believed is PASSED, believed is FAILED, believed is INCONCLUSIVE)
    for end_ms in (NOW_MS + 1, NOW_MS + 3_600_000, NOW_MS + DAY_MS):
        assert outcomes(view(), NOW_MS, end_ms) == counts
    records = [entry.record for entry in book.outbox.entries(0, 9, 9)]
    shipped = [record.outcome for record in records if isinstance(record, Run)]
    assert shipped == ([first, believed] if believed is second else [first])
    assert slots(book) == {"completed": 1}, "one slot, whatever became of it"


def test_a_conflict_of_runs_that_do_not_count_leaves_the_sums_alone(
    journal: Open, view: Look, outcomes: Outcomes, run: MakeRun
) -> None:
    book = journal()
    book.write([run(0, kind=Kind.MANUAL), run(0, FAILED, kind=Kind.MANUAL)])
    assert outcomes(view()) == (0, 0, 0)
    assert slots(book) == {}


def test_a_write_that_fails_leaves_nothing_of_itself(journal: Open, run: MakeRun) -> None:
    book = journal()
    sick = run(1, steps=(run(1).steps[0],), took_us=2**70)
    with pytest.raises(OverflowError):
        book.write([run(0), sick])
    assert book.outbox.newest() == 0
    assert book.write([run(0)]).new == 1
    assert slots(book) == {"completed": 1}


def test_a_claim_that_fails_does_not_mix_two_journeys_up(
    journal: Open, view: Look, run: MakeRun
) -> None:
    book = journal()
    for name in ("checkout", "login"):
        with pytest.raises(OverflowError):
            book.claim(RunId(name, "eu-west-1", 2**70, 1, Kind.SCHEDULED), NOW_MS)
    book.write([run(0, journey="login"), run(0)])
    look = view()
    assert [series.journey for series in look.series()] == ["checkout", "login"]
    assert [len(look.runs(s.id, 0, NOW_MS * 2, 9)) for s in look.series()] == [1, 1]


def test_a_claim_stands_until_its_run_is_written(journal: Open, run: MakeRun) -> None:
    book = journal()
    book.claim(run(0).id, NOW_MS + 7)
    assert journal().claims() == [Claim("checkout", "eu-west-1", NOW_MS, 1, NOW_MS + 7)]
    book = journal()
    book.write([run(0)])
    assert book.claims() == []


def test_a_claim_ends_when_its_slot_is_skipped(journal: Open, run: MakeRun, gap: MakeGap) -> None:
    book = journal()
    book.claim(run(0).id, NOW_MS)
    book.write([gap(0, state=SlotState.SKIPPED, reason=SlotReason.CAPACITY)])
    assert book.claims() == []


def test_the_ledger_moves_with_claims_runs_and_gaps(
    journal: Open, run: MakeRun, gap: MakeGap, schedule: MakeSchedule
) -> None:
    book = journal()

    def due() -> int | None:
        found = book.next_due("checkout", "eu-west-1")
        return None if found is None else found - NOW_MS

    assert due() is None
    book.write([schedule()])
    assert due() == 0
    book.claim(run(0).id, NOW_MS)
    assert due() == 1
    book.write([gap(1, 3)])
    assert due() == 180_001
    book.write([run(0)])
    assert due() == 180_001, "a run that ends late moves nothing back"
    book.write([run(4)])
    assert due() == 240_001, "also without a claim"
    book.write([run(9, attempt=2), run(9, kind=Kind.MANUAL)])
    assert due() == 240_001


def test_a_run_that_began_before_the_clock_was_set_back_does_not_move_the_ledger_forward(
    journal: Open, run: MakeRun, schedule: MakeSchedule
) -> None:
    book = journal()
    book.write([schedule()])
    book.claim(run(500).id, NOW_MS)
    book.write([schedule(10)])
    book.write([run(500)])
    assert book.next_due("checkout", "eu-west-1") == schedule(10).from_ms


def test_zeros_are_there_from_the_start_and_stay_what_they_are(journal: Open, run: MakeRun) -> None:
    rules = [Rule("slo", "availability", "checkout", None, None)]
    book = journal(rules)
    book.count_zeros("eu-west-1", ["checkout"])
    zeros = book.counters()
    assert zeros
    assert {value for _, _, value in zeros} == {0}
    book.write([run(0), run(1, FAILED), run(2, INCONCLUSIVE)])
    counted = book.counters()
    assert [row[:2] for row in counted] == [row[:2] for row in zeros], "no series is new"
    book = journal(rules)
    book.count_zeros("eu-west-1", ["checkout"])
    assert book.counters() == counted


def test_totals_never_fall_over_restarts_repeats_and_pruning(
    journal: Open, run: MakeRun, gap: MakeGap
) -> None:
    outcomes = [PASSED, FAILED, PASSED, INCONCLUSIVE]
    seen: dict[tuple[str, str], int] = {}
    seen_buckets: dict[tuple[str, str, int], tuple[int, int]] = {}
    for day in range(6):
        book = journal()
        first = day * 1440
        book.write(run(first + n, outcomes[n % 4]) for n in range(40))
        book.write([gap(first + 40, 5), run(first), run(max(0, first - 1440), FAILED)])
        book.prune(NOW_MS + (day - 1) * DAY_MS, NOW_MS + (day - 1) * DAY_MS)
        now = {(m, a): v for m, a, v in book.counters()}
        buckets = {(m, a, le): (n, total) for m, a, le, n, total in book.buckets()}
        assert all(now[key] >= value for key, value in seen.items())
        for key, (n, total) in seen_buckets.items():
            assert buckets[key][0] >= n
            assert buckets[key][1] >= total
        seen, seen_buckets = now, buckets
    assert slots(book) == {"completed": 6 * 40, "missed": 6 * 5}


def test_pruning_drops_old_rows_and_keeps_the_young_ones(
    journal: Open,
    view: Look,
    outcomes: Outcomes,
    run: MakeRun,
    gap: MakeGap,
    schedule: MakeSchedule,
) -> None:
    book = journal()
    book.write([schedule(), run(0), gap(1), run(2880), gap(2881)], now_ms=NOW_MS)
    book.write([run(5000)], now_ms=NOW_MS + 4 * DAY_MS)
    assert book.prune(NOW_MS + DAY_MS, NOW_MS + DAY_MS) == 2
    look = view()
    series = look.series()[0].id
    assert outcomes(look, NOW_MS + DAY_MS) == (2, 0, 0)
    assert sum(look.gaps(series, 0, NOW_MS * 2).values()) == 1
    kept = [schedule(), run(2880), gap(2881), run(5000)]
    assert [e.record for e in book.outbox.entries(0, 99, 99)] == kept
    assert book.outbox.newest() == 6, "what was written once is counted for ever"
    assert look.schedules(look.series()[0]) == [schedule()]


def test_pruning_keeps_what_a_destination_has_not_acknowledged(
    journal: Open, view: Look, run: MakeRun
) -> None:
    book = journal()
    book.write((run(n) for n in range(10)), now_ms=NOW_MS)
    book.outbox.move("main", "logs", Cursor(4, 8))
    book.outbox.move("other", "traces", Cursor(9, 9))
    book.outbox.move("main", "metrics", Cursor(0, 0))
    book.prune(NOW_MS + DAY_MS, 0)
    assert [entry.seq for entry in book.outbox.entries(0, 99, 99)] == [5, 6, 7, 8, 9, 10]
    look = view()
    assert len(look.runs(look.series()[0].id, 0, NOW_MS * 2, 99)) == 6
    book.outbox.move("main", "logs", Cursor(10, 10))
    book.outbox.move("other", "traces", Cursor(10, 10))
    book.prune(NOW_MS + DAY_MS, 0)
    assert book.outbox.entries(0, 99, 99) == []
    assert book.outbox.newest() == 10


def test_sums_of_hours_outlive_single_runs(
    journal: Open, view: Look, outcomes: Outcomes, run: MakeRun
) -> None:
    book = journal()
    book.write([run(n) for n in range(60)], now_ms=NOW_MS)
    book.prune(NOW_MS + DAY_MS, NOW_MS)
    look = view()
    assert outcomes(look, NOW_MS, NOW_MS + 3_600_000) == (60, 0, 0)
    with pytest.raises(SourceUnavailable, match=r"single runs are kept from 2026-01-01T00:59:00Z"):
        outcomes(look, NOW_MS + 1, NOW_MS + 3_600_000)
    book.prune(NOW_MS + DAY_MS, NOW_MS + DAY_MS)
    with pytest.raises(SourceUnavailable, match=r"sums of runs are kept from 2026-01-02T00:00:00Z"):
        outcomes(look, NOW_MS, NOW_MS + 3_600_000)


def test_what_was_dropped_is_not_counted_again_when_it_comes_again(
    journal: Open, view: Look, outcomes: Outcomes, run: MakeRun, gap: MakeGap
) -> None:
    book = journal()
    book.write([run(0), gap(1, 2), run(90)], now_ms=NOW_MS)
    book.prune(NOW_MS + 3_600_000, 0)
    before = book.counters()
    written = book.write([run(0), gap(1, 2), run(2)])
    assert (written.new, written.expired) == (0, 3)
    assert (book.counters(), outcomes(view())) == (before, (2, 0, 0))
    assert book.write([gap(1, 200), run(3)]).new == 2, "younger than all that was dropped"


def test_a_clock_that_was_ahead_does_not_make_later_runs_old(journal: Open, run: MakeRun) -> None:
    book = journal()
    book.write([run(0)])
    book.prune(NOW_MS * 2, NOW_MS * 2)
    assert book.write([run(1)]).new == 1


def test_a_schedule_of_a_time_that_never_came_does_not_hold(
    journal: Open, view: Look, schedule: MakeSchedule
) -> None:
    book = journal()
    years = 3 * 365 * 1440
    book.write([schedule(0), schedule(years, every_ms=10_000), schedule(30), schedule(40, 0)])
    assert book.write([schedule(years, every_ms=10_000)]).duplicates == 1
    look = view()
    assert look.schedules(look.series()[0]) == [schedule(0), schedule(30), schedule(40, 0)]


def test_a_journal_of_a_million_rows_opens_quickly(tmp_path: Path, run: MakeRun) -> None:
    path = tmp_path / "journal.db"
    book = Journal.open(path)
    book.write([run(0)])
    book.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(MILLION_RUNS)
    connection.close()
    seals_of(path).unlink()
    Journal.open(path).close()
    began_s = time.monotonic()
    book = Journal.open(path)
    took_s = time.monotonic() - began_s
    book.close()
    assert took_s < 5


MILLION_RUNS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999999)
INSERT INTO run
SELECT series, slot_ms + i * 60000, attempt, kind, i % 3, silent, odd, unasked, counted,
       duration_us, finished_ms, written_ms, seq
FROM run, n WHERE slot_ms = 1767225600000
"""


def test_a_full_disk_is_an_error_of_the_journal_and_passes(
    tmp_path: Path, journal: Open, run: MakeRun
) -> None:
    book = journal()
    book.write([run(0)])
    pages = book.store._connection.execute("PRAGMA page_count").fetchone()[0]
    book.store._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(JournalError, match="full"):
        book.write(run(n) for n in range(1, 500))
    book.store._connection.execute("PRAGMA max_page_count = 1000000")
    assert book.write(run(n) for n in range(500)).new == 499
