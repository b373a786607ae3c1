"""Sums that are remembered hold until an hour that was over changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from prober.journal.heaps import Cell, added
from prober.journal.journal import Journal
from prober.journal.store import Store
from prober.journal.tally import Rule
from prober.journal.view import View
from prober.model import Outcome, Run
from prober.slo.contract import Retry
from prober.slo.window import Span

HOUR_MS = 3_600_000
MakeRun = Callable[..., Run]
Open = Callable[..., Journal]
Look = Callable[[], View]
Outcomes = Callable[..., tuple[int, int, int]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the queries that are run from now on."""
    names: list[str] = []
    ask = Store.all

    def note(self: Store, query: str, **values: object) -> list[tuple[object, ...]]:
        names.append(query)
        return ask(self, query, **values)

    monkeypatch.setattr(Store, "all", note)
    return names


def write(book: Journal, run: Run, hour: int) -> None:
    """A run arrives in an hour of its own, or later."""
    start_ms = run.id.slot_ms - run.id.slot_ms % HOUR_MS
    book.write([run], now_ms=start_ms + hour * HOUR_MS)


def test_hours_that_are_over_are_read_once(
    journal: Open, view: Look, outcomes: Outcomes, run: MakeRun, asked: list[str]
) -> None:
    book, look = journal(), view()
    for hour in range(3):
        write(book, run(hour * 60), 0)
    span = (run(0).id.slot_ms, run(150).id.slot_ms)
    assert outcomes(look, *span) == (3, 0, 0)
    write(book, run(121), 0)
    asked.clear()
    assert outcomes(look, *span) == (4, 0, 0)
    assert "sum_rollup" not in asked
    assert asked.count("list_counted") == 1, "the hour that is not over"


def cells(look: View, span: Span) -> dict[str, Cell]:
    """Runs by region, sorted by the first mark there will be."""
    parts = look.sums.parts("checkout", span, Retry.FIRST)
    return added(parts, 0, look.regions("checkout"))


@pytest.mark.parametrize("late", ["a run", "a conflict", "a mark", "a new region"])
def test_a_change_of_such_an_hour_is_seen_at_once(
    journal: Open, view: Look, run: MakeRun, late: str
) -> None:
    book, look = journal(), view()
    for hour in range(3):
        write(book, run(hour * 60), 0)
    span = Span(run(0).id.slot_ms, run(150).id.slot_ms)
    before = look.sums.between("checkout", span), cells(look, span)
    match late:
        case "a run":
            write(book, run(1), 2)
        case "a conflict":
            write(book, run(0, Outcome.FAILED), 2)
        case "a mark":
            journal([Rule("slo", "fast", "checkout", 1, None)])
        case "a new region":
            write(book, run(0, region="us-east-1"), 2)
    after = look.sums.between("checkout", span), cells(look, span)
    assert after != before
    fresh = view()
    assert after == (fresh.sums.between("checkout", span), cells(fresh, span))


def test_a_slot_far_ahead_does_not_end_the_hours_before_it(
    journal: Open, view: Look, outcomes: Outcomes, run: MakeRun
) -> None:
    book, look = journal(), view()
    write(book, run(60 * 24 * 365), -24 * 364)
    span = (run(0).id.slot_ms, run(60 * 48).id.slot_ms)
    assert outcomes(look, *span) == (0, 0, 0)
    write(book, run(0), 0)
    assert outcomes(look, *span) == (1, 0, 0)


def test_a_write_that_failed_ends_no_hour(
    journal: Open, view: Look, outcomes: Outcomes, run: MakeRun
) -> None:
    book, look = journal(), view()
    write(book, run(0), 0)
    with pytest.raises(OverflowError):
        book.write([run(120), run(121, took_us=2**70)], now_ms=run(121).id.slot_ms)
    span = (run(0).id.slot_ms, run(180).id.slot_ms)
    assert outcomes(look, *span) == (1, 0, 0)
    write(book, run(121), 0)
    assert outcomes(look, *span) == (2, 0, 0)
    write(book, run(1), 2)
    assert outcomes(look, *span) == (3, 0, 0)


def test_only_so_many_sums_are_remembered(
    journal: Open, view: Look, run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    book, look = journal(), view()
    write(book, run(0), 0)
    look.sums._over.most = 3
    for hour in range(8):
        look.sums.between("checkout", Span(hour * HOUR_MS, 100 * HOUR_MS))
    assert len(look.sums._over) <= 3


def test_hours_without_a_run_are_not_remembered_for_ever(
    journal: Open, view: Look, run: MakeRun
) -> None:
    book, look = journal(), view()
    write(book, run(0), 0)
    over = Span(run(0).id.slot_ms - 5000 * HOUR_MS, run(0).id.slot_ms - HOUR_MS // 2)
    for hour in range(4000):
        look.sums.between("checkout", over._replace(start_ms=over.start_ms + hour * HOUR_MS + 1))
    assert 1000 < len(look.sums._hours_over) <= 2000


def test_slices_that_begin_on_the_hour_need_no_rows(
    journal: Open, view: Look, run: MakeRun, asked: list[str]
) -> None:
    book, look = journal(), view()
    book.write(run(n) for n in range(200))
    start_ms = run(0).id.slot_ms
    span = Span(start_ms, start_ms + 3 * HOUR_MS)
    found = look.sums.sliced("checkout", span, HOUR_MS, Retry.FIRST)
    assert {heap[1]: n for heap, n in found.items()} == {0: 60, 1: 60, 2: 60}
    assert "sum_runs" not in asked
    later = Span(start_ms + 1, span.end_ms)
    found = look.sums.sliced("checkout", later, HOUR_MS, Retry.FIRST)
    assert {heap[1]: n for heap, n in found.items()} == {0: 60, 1: 60, 2: 59}
    assert "sum_runs" in asked
