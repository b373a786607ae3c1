from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prober.evaluator.board import FRESH_MS, PLACES, Board, Claim, Claims
from prober.journal.journal import Journal
from prober.journal.view import View
from prober.model import Outcome, Run, Schedule
from prober.slo import format
from prober.slo.exclusion import Category, Exclusion

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
BEGIN_MS = 10_000 * HOUR_MS
PLACE = ("checkout", "eu-west-1")


class Clock:
    """The only fake: it stands until it is set."""

    now_ms = BEGIN_MS + 10 * MINUTE_MS

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.open(tmp_path / "journal.db", now_ms=1)
    yield journal
    journal.close()


@pytest.fixture
def board(book: Journal, clock: Clock, contract_text: Callable[..., str]) -> Iterator[Board]:
    agreed = format.parse(contract_text(), "checkout.slo.yaml")
    view = View.open(book.path)
    yield Board((agreed,), view, clock=clock)
    view.close()


def test_a_clock_that_is_set_back_does_not_keep_an_answer_for_longer(
    board: Board, clock: Clock
) -> None:
    before = board.status()
    clock.now_ms -= 3_600_000
    assert board.status() is not before
    assert board.lately().as_of_ms == clock.now_ms


def test_an_answer_holds_for_a_second_and_no_longer(board: Board, clock: Clock) -> None:
    first = board.status()
    clock.now_ms += 999
    assert board.status() is first
    clock.now_ms += 1
    assert board.status() is not first


def test_an_answer_holds_until_the_journal_grows(
    board: Board, book: Journal, run: Callable[..., Run]
) -> None:
    assert board.status().evaluations[0].results[0].judgement.counts.good == 0
    book.write([run(BEGIN_MS + MINUTE_MS)])
    assert board.status().evaluations[0].results[0].judgement.counts.good == 1


def test_pages_of_one_contract_take_what_was_judged_within_the_last_second(
    board: Board, book: Journal, clock: Clock, run: Callable[..., Run]
) -> None:
    first = board.lately()
    book.write([run(BEGIN_MS + MINUTE_MS)])
    clock.now_ms += FRESH_MS - 1
    assert board.lately() is first
    clock.now_ms += 1
    assert board.lately().evaluations[0].results[0].judgement.counts.good == 1


def test_what_is_excluded_is_judged_without(
    board: Board, book: Journal, run: Callable[..., Run]
) -> None:
    down = Exclusion(
        id="x1",
        start_ms=BEGIN_MS,
        end_ms=BEGIN_MS + 5 * MINUTE_MS,
        category=Category.DDOS,
        reason="an attack",
        requested_by="dana",
        approved_by="sre-lead",
        created_ms=BEGIN_MS,
    )
    board.exclusions = lambda: [down]
    book.write([run(BEGIN_MS + MINUTE_MS, Outcome.FAILED), run(BEGIN_MS + 6 * MINUTE_MS)])
    result = board.status().evaluations[0].results[0]
    assert (result.judgement.counts.bad, result.raw.counts.bad) == (0, 1)


def test_the_first_thing_told_is_what_to_work_on(
    board: Board, book: Journal, run: Callable[..., Run]
) -> None:
    assert board.status().headline.startswith("RELIABILITY: ")
    book.write([run(BEGIN_MS + MINUTE_MS)])
    status = board.status()
    said = "FEATURES: checkout availability has 100% of its error budget left over 1h"
    assert (status.headline, status.to_dict()["headline"]) == (said, said)


def test_held_are_the_runs_ever_taken_not_those_still_kept(
    board: Board, book: Journal, run: Callable[..., Run]
) -> None:
    book.write([run(n, outcome) for n, outcome in enumerate(Outcome)], now_ms=1)
    book.prune(HOUR_MS, HOUR_MS)
    (row,) = board.status().rows["checkout"]
    assert (row.held, row.runs) == (3, ())


def test_a_region_that_claims_runs_and_has_sent_none_is_shown(board: Board) -> None:
    board.claims.hear(PLACE, 7, now_ms=1)
    (row,) = board.status().rows["checkout"]
    assert (row.region, row.held, row.missing) == ("eu-west-1", 0, 7)


def test_a_region_is_late_after_three_slots_without_a_run(
    board: Board,
    book: Journal,
    clock: Clock,
    run: Callable[..., Run],
    schedule: Callable[..., Schedule],
) -> None:
    book.write([schedule(MINUTE_MS), run(BEGIN_MS + 7 * MINUTE_MS)])
    assert not board.status().rows["checkout"][0].late
    clock.now_ms += 1000
    assert board.status().rows["checkout"][0].late


def test_a_claim_is_overdue_after_a_minute() -> None:
    claims = Claims()
    claims.hear(PLACE, 5, now_ms=0)
    claims.hear(PLACE, 8, now_ms=15_000)
    assert claims.now(59_999) == {PLACE: Claim(8, 0)}
    assert claims.now(60_000) == {PLACE: Claim(8, 5)}
    assert claims.now(75_000) == {PLACE: Claim(8, 8)}


def test_an_older_claim_that_arrives_late_changes_nothing() -> None:
    claims = Claims()
    claims.hear(PLACE, 8, now_ms=0)
    claims.hear(PLACE, 5, now_ms=1)
    assert claims.now(2) == {PLACE: Claim(8, 0)}


def test_senders_who_name_more_and_more_places_take_no_more_room() -> None:
    claims = Claims()
    for n in range(PLACES + 100):
        claims.hear(("checkout", str(n)), 1, BEGIN_MS)
    assert len(claims.now(BEGIN_MS)) == PLACES
    claims.hear(("checkout", "7"), 2, BEGIN_MS)
    assert claims.now(BEGIN_MS)["checkout", "7"].total == 2, "those that are known are heard"


def test_what_a_region_said_long_ago_is_forgotten_also_when_nobody_looks() -> None:
    claims = Claims()
    for n in range(1000):
        claims.hear(PLACE, n, BEGIN_MS + n * MINUTE_MS)
    assert len(claims._heard[PLACE]) == 2
    assert claims.now(BEGIN_MS + 999 * MINUTE_MS) == {PLACE: Claim(total=999, overdue=998)}


def test_what_runs_left_is_told_of_journeys_without_a_contract_too(
    board: Board, book: Journal, clock: Clock, run: Callable[..., Run]
) -> None:
    book.write([run(BEGIN_MS)])
    (row,) = board.status().rows["checkout"]
    assert (row.orphans, row.to_dict()["orphans"]) == (None, None), "nobody has said"
    for journey, count in (("order", 1), ("checkout", 2), ("login", 0)):
        board.claims.hear_orphans((journey, "eu-west-1"), count, BEGIN_MS, BEGIN_MS)
    clock.now_ms += FRESH_MS
    status = board.status()
    assert status.rows["checkout"][0].orphans == 2
    assert status.left == [
        "checkout in eu-west-1: 2 orphans, made at the target and not taken back",
        "order in eu-west-1: 1 orphan, made at the target and not taken back",
    ]
    assert status.to_dict()["orphans"] == [
        {"journey": "checkout", "region": "eu-west-1", "count": 2},
        {"journey": "order", "region": "eu-west-1", "count": 1},
    ]


def test_the_newest_number_of_orphans_holds_whatever_arrives_last() -> None:
    claims = Claims()
    claims.hear_orphans(PLACE, 3, at_ms=1000, now_ms=5000)
    claims.hear_orphans(PLACE, 0, at_ms=2000, now_ms=5000)
    claims.hear_orphans(PLACE, 3, at_ms=1500, now_ms=5000)
    assert claims.orphans() == {PLACE: 0}


def test_a_number_of_orphans_from_the_future_does_not_outlast_the_next() -> None:
    claims = Claims()
    claims.hear_orphans(PLACE, 3, at_ms=2**60, now_ms=1000)
    claims.hear_orphans(PLACE, 0, at_ms=1001, now_ms=1001)
    assert claims.orphans() == {PLACE: 0}


def test_senders_who_name_more_and_more_places_of_orphans_take_no_more_room() -> None:
    claims = Claims()
    for n in range(PLACES + 100):
        claims.hear_orphans(("order", str(n)), 1, 1, 1)
    claims.hear_orphans(("order", "7"), 2, 2, 2)
    found = claims.orphans()
    assert (len(found), found["order", "7"]) == (PLACES, 2)
