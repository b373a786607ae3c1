"""Reading: what was due and what became of it, and runs for people."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import astuple

from prober.journal.journal import Journal
from prober.journal.shown import Glimpse
from prober.journal.view import View
from prober.model import Gap, Kind, Outcome, Run, Schedule, SlotReason, SlotState
from prober.slo.window import Span

MakeRun = Callable[..., Run]
Look = Callable[[], View]


def test_gaps_are_summed_by_state_and_reason(
    journal: Callable[..., Journal], view: Look, gap: Callable[..., Gap]
) -> None:
    skipped = {"state": SlotState.SKIPPED, "reason": SlotReason.OVERLAP}
    journal().write([gap(0, 5), gap(10, 2), gap(20, 1, **skipped), gap(0, 9, journey="login")])
    look = view()
    series = look.series()[0].id
    assert look.gaps(series, 0, 2**60) == {("missed", "down"): 7, ("skipped", "overlap"): 1}
    assert look.gaps(series, gap(1).first_ms, 2**60) == {
        ("missed", "down"): 2,
        ("skipped", "overlap"): 1,
    }


def test_a_slot_has_a_state_once_it_ran_or_was_in_a_gap(
    journal: Callable[..., Journal], view: Look, run: MakeRun, gap: Callable[..., Gap]
) -> None:
    journal().write([run(0), gap(2, 3), run(8, attempt=2), run(9, kind=Kind.MANUAL)])
    look = view()
    series = look.series()[0].id
    unended = look.unended((series, run(n).id.slot_ms) for n in range(10))
    assert unended == [(series, run(n).id.slot_ms) for n in (1, 5, 6, 7, 9)]


def test_a_slot_s_state_is_known_once_it_was_written(
    journal: Callable[..., Journal], view: Look, run: MakeRun, gap: Callable[..., Gap]
) -> None:
    book = journal()
    book.write([run(0), gap(1)], now_ms=1000)
    book.write([run(0, Outcome.FAILED)], now_ms=2000)
    look = view()
    series = look.series()[0].id
    slots = [(series, slot_ms) for slot_ms in (run(0).id.slot_ms, gap(1).first_ms)]
    assert look.unended(slots, 999) == slots
    assert look.unended(slots, 1000) == []


def test_the_newest_runs_and_verdicts_are_found(
    journal: Callable[..., Journal], view: Look, run: MakeRun
) -> None:
    written = [
        run(0),
        run(1, Outcome.FAILED),
        run(2, Outcome.INCONCLUSIVE),
        run(3, kind=Kind.MANUAL),
        run(1, attempt=2),
    ]
    journal().write(written)
    look = view()
    series = look.series()[0].id
    newest = look.newest(series)
    assert newest
    assert newest.slot_ms == written[2].id.slot_ms
    slots = [written[1].id.slot_ms, written[0].id.slot_ms]
    assert look.newest_verdicts("checkout", 2**60) == {"eu-west-1": slots[0]}
    assert look.newest_verdicts("checkout", slots[0]) == {"eu-west-1": slots[1]}
    assert look.newest_verdicts("checkout", slots[1]) == {"eu-west-1": None}
    assert look.recent(series, 2**60, 2) == [written[2], written[1]]
    assert look.runs(series, 0, 2**60, 2) == [written[3], written[2]]


def test_schedules_are_those_known_by_then(
    journal: Callable[..., Journal], view: Look, schedule: Callable[..., Schedule]
) -> None:
    book = journal()
    book.write([schedule(0), schedule(9)], now_ms=1000)
    book.write([schedule(5)], now_ms=2000)
    look = view()
    found = {at: look.timetables("checkout", at) for at in (999, 1000, None)}
    assert found[999] == {}
    assert found[1000]["eu-west-1"].schedules == (schedule(0), schedule(9))
    assert found[None]["eu-west-1"].schedules == (schedule(0), schedule(5))
    assert look.schedules(look.series()[0]) == [schedule(0), schedule(5)]


def test_runs_that_are_shown_again_are_not_unpacked_again(
    journal: Callable[..., Journal], view: Look, run: MakeRun
) -> None:
    book, look = journal(), view()
    book.write(run(n) for n in range(4))
    series = look.series()[0].id
    before = look.glimpses(series, 2**60, 3)
    book.write([run(4), run(3, Outcome.FAILED)])
    after = look.glimpses(series, 2**60, 4)
    recent = [Glimpse.of(one) for one in look.recent(series, 2**60, 4)]
    assert list(map(astuple, after)) == list(map(astuple, recent))
    assert [one.outcome for one in after] == ["passed", "failed", "passed", "passed"]
    assert [any(one is other for other in before) for one in after] == [False, False, True, True]


def test_runs_that_are_shown_for_two_reasons_push_each_other_out_of_neither(
    journal: Callable[..., Journal], view: Look, run: MakeRun
) -> None:
    book, look = journal(), view()
    book.write(run(n, Outcome.FAILED if n < 3 else Outcome.PASSED) for n in range(6))
    series = look.series()[0].id

    def shown() -> list[Glimpse]:
        bad = look.newest_bad(series, Span(0, 2**60), 3)
        return [*bad, *look.glimpses(series, 2**60, 3)]

    assert all(map(operator.is_, shown(), shown()))


def test_an_empty_journal_answers_every_question(
    journal: Callable[..., Journal], view: Look
) -> None:
    journal()
    look = view()
    assert look.series() == []
    assert look.newest_seq() == 0
    assert look.newest(1) is None
    assert look.newest_verdicts("checkout", 1) == {}
    assert look.timetables("checkout") == {}
    assert not look.sums.between("checkout", Span(0, 2**60))
