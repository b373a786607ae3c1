"""When what measured changed, as a journal tells it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prober.journal.journal import Journal
from prober.journal.regimes import Regimes
from prober.journal.view import View
from prober.model import Outcome, Run
from prober.slo.regime import Change
from prober.slo.window import Span
from tests.journal.conftest import build_run

MakeRun = Callable[..., Run]
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
OLD, NEW = {"browser": "141", "prober": "1"}, {"browser": "142", "prober": "1"}


@pytest.fixture(scope="module")
def run() -> MakeRun:
    """`run(slot_ms, outcome, …)`: the run of a slot."""

    def build(slot_ms: int, outcome: Outcome = Outcome.PASSED, **fields: Any) -> Run:
        took_us = fields.pop("duration_us", 1_000_000)
        return build_run(outcome=outcome, slot_ms=slot_ms, took_us=took_us, **fields)

    return build


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.open(tmp_path / "journal.db", now_ms=1)
    yield journal
    journal.close()


def lived(
    run: MakeRun, minutes: int, regime: Callable[[int], Mapping[str, str]], **more: Any
) -> list[Run]:
    """A run every five minutes."""
    return [
        run(minute * MINUTE_MS, regime=regime(minute), **more) for minute in range(0, minutes, 5)
    ]


def changes(book: Journal, start_ms: int = 0, end_ms: int = 30 * DAY_MS) -> list[Change]:
    view = View.open(book.path)
    try:
        return view.regimes.changes("checkout", Span(start_ms, end_ms))
    finally:
        view.close()


def test_a_change_is_found_at_the_first_run_of_what_is_new(book: Journal, run: MakeRun) -> None:
    book.write(lived(run, 3000, lambda minute: OLD if minute < 1735 else NEW))
    (found,) = changes(book)
    assert (found.region, found.at_ms) == (run(0).id.region, 1735 * MINUTE_MS)
    assert found.what == {"browser": ("141", "142")}


def test_two_changes_between_two_looks_are_both_found(book: Journal, run: MakeRun) -> None:
    third = {**NEW, "prober": "2"}
    book.write(
        lived(run, 3000, lambda minute: OLD if minute < 100 else NEW if minute < 200 else third)
    )
    assert [(each.at_ms // MINUTE_MS, dict(each.what)) for each in changes(book)] == [
        (100, {"browser": ("141", "142")}),
        (200, {"prober": ("1", "2")}),
    ]


def test_a_change_since_the_last_look_is_found_at_once(book: Journal, run: MakeRun) -> None:
    book.write(lived(run, 720, lambda minute: OLD if minute < 715 else NEW))
    assert [each.at_ms for each in changes(book)] == [715 * MINUTE_MS]


def test_regions_change_each_for_itself(book: Journal, run: MakeRun) -> None:
    book.write(lived(run, 60, lambda minute: OLD if minute < 30 else NEW, region="us"))
    book.write(lived(run, 60, lambda _: OLD, region="eu"))
    assert [each.region for each in changes(book)] == ["us"]


def test_a_run_without_verdict_and_a_second_attempt_say_nothing(
    book: Journal, run: MakeRun
) -> None:
    book.write(lived(run, 60, lambda _: OLD))
    book.write([run(61 * MINUTE_MS, Outcome.INCONCLUSIVE, regime=NEW)])
    book.write([run(55 * MINUTE_MS, regime=NEW, attempt=2)])
    assert changes(book) == []


def test_latency_is_of_runs_that_passed_in_the_regimes_beside_the_change(
    book: Journal, run: MakeRun
) -> None:
    book.write(lived(run, 1000, lambda _: OLD, duration_us=9_000_000))
    book.write(
        run(slot_ms, regime=regime, duration_us=duration_us)
        for begin, regime, duration_us in (
            (2000, NEW, 1_000_000),
            (3000, {**NEW, "prober": "2"}, 2_000_000),
        )
        for slot_ms in range(begin * MINUTE_MS, (begin + 50) * MINUTE_MS, MINUTE_MS)
    )
    book.write([run(3060 * MINUTE_MS, Outcome.FAILED, regime={**NEW, "prober": "2"})])
    first, second = changes(book)
    assert first.before
    assert first.after
    assert second.before
    assert second.after
    assert (first.before.middle_us, first.before.runs) == (9_000_000, 200)
    assert (first.after.middle_us, first.after.runs) == (1_000_000, 50)
    assert second.before == first.after
    assert (second.after.middle_us, second.after.runs) == (2_000_000, 50)
    assert second.text.startswith("latency moved by 100% (1 s to 2 s) at ")


def test_a_journal_that_grows_is_looked_at_where_it_grew(book: Journal, run: MakeRun) -> None:
    view = View.open(book.path)
    try:
        found = []
        for upto in (500, 1000, 2000, 3000):
            book.write(lived(run, upto, lambda minute: OLD if minute < 700 else NEW))
            span = Span((upto - 2500) * MINUTE_MS, upto * MINUTE_MS)
            found.append(
                [each.at_ms // MINUTE_MS for each in view.regimes.changes("checkout", span)]
            )
        assert found == [[], [700], [700], [700]]
        assert view.regimes.changes("checkout", Span(720 * MINUTE_MS, DAY_MS * 3)) == []
        (again,) = view.regimes.changes("checkout", Span(0, DAY_MS * 3))
        assert again.at_ms == 700 * MINUTE_MS
    finally:
        view.close()


def test_what_a_sender_made_up_is_text(book: Journal, run: MakeRun) -> None:
    odd: Any = {"browser": {"a": 1}, "mood": ["x"]}
    book.write(lived(run, 60, lambda minute: OLD if minute < 30 else odd))
    (found,) = changes(book)
    assert found.what == {"browser": ("141", "{'a': 1}")}


@pytest.mark.long
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_regimes_that_last_longer_than_a_look_are_all_found(
    tmp_path_factory: pytest.TempPathFactory, run: MakeRun, lasted: list[int]
) -> None:
    book = Journal.open(tmp_path_factory.mktemp("book") / "journal.db", now_ms=1)
    slot_ms, begun = 0, []
    for number, hours in enumerate(lasted):
        begun.append(slot_ms)
        quarters = range(slot_ms, slot_ms + (6 + hours) * HOUR_MS, 15 * MINUTE_MS)
        book.write([run(at, regime={"browser": str(number)}) for at in quarters])
        slot_ms = quarters[-1] + 15 * MINUTE_MS
    view = View.open(book.path)
    found = Regimes(view.store).changes("checkout", Span(0, slot_ms))
    assert [each.at_ms for each in found] == begun[1:]
    view.close()
    book.close()
