"""What contracts ask beyond a pass: exact for runs before and after it was asked."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from prober.journal import marks
from prober.journal.journal import Journal
from prober.journal.marks import BITS, PLAIN, find
from prober.journal.rollup import Finding
from prober.journal.store import Store
from prober.journal.tally import Rule
from prober.journal.view import View
from prober.model import Kind, Outcome, Run
from prober.slo.window import Span

HOUR_MS = 3_600_000
Open = Callable[..., Journal]
Look = Callable[[], View]
MakeRun = Callable[..., Run]
TOTAL = Rule("slo", "correctness", "checkout", None, None, "order-total")


def rule(threshold_us: int, step: str | None = None, journey: str = "checkout") -> Rule:
    return Rule("slo", f"under {threshold_us}", journey, threshold_us, step)


def said(look: View, wanted: Rule, span: Span) -> tuple[int, int, int]:
    """Good, bad and other runs of a span."""
    asked = wanted._replace(slo="", objective="")
    bit = next(mark.bit for mark in look.marks("checkout") if mark.rule == asked)
    good = bad = other = 0
    for _, _, *finding, n in [(*key, n) for key, n in look.sums.between("checkout", span).items()]:
        match Finding(*finding).good(bit):
            case True:
                good += n
            case False:
                bad += n
            case None:
                other += n
    return good, bad, other


def everywhere(look: View, wanted: Rule) -> set[tuple[int, int, int]]:
    """The same by rows, by sums of hours and by those of days: one answer."""
    slots = [
        run.id.slot_ms for series in look.series() for run in look.runs(series.id, 0, 2**60, -1)
    ]
    hour_ms = min(slots) // HOUR_MS * HOUR_MS
    day_ms = hour_ms - hour_ms % (24 * HOUR_MS)
    return {
        said(look, wanted, Span(hour_ms, hour_ms + HOUR_MS - 1)),
        said(look, wanted, Span(hour_ms, hour_ms + HOUR_MS)),
        said(look, wanted, Span(day_ms, day_ms + 24 * HOUR_MS)),
    }


def written(journal: Open, records: Iterable[Run], rules: list[Rule], when: str) -> None:
    """Write runs before or after their journal hears of the rules."""
    if when == "before":
        journal().write(records)
    book = journal(rules)
    if when == "after":
        book.write(records)


WHEN = pytest.mark.parametrize("when", ["before", "after"])


@WHEN
@pytest.mark.parametrize("step", [None, "pay"])
def test_a_run_on_the_threshold_is_good(
    journal: Open, view: Look, run: MakeRun, when: str, step: str | None
) -> None:
    records = [
        run(0, took_us=500),
        run(1, took_us=501),
        run(2, Outcome.FAILED, took_us=1),
        run(3, Outcome.INCONCLUSIVE, took_us=1),
        run(4, took_us=1, attempt=2),
        run(4, took_us=501),
        run(5, took_us=1, kind=Kind.MANUAL),
        run(6, took_us=1),
        run(6, took_us=1, journey="login"),
    ]
    written(journal, records, [rule(500, step)], when)
    assert everywhere(view(), rule(500, step)) == {(2, 3, 1)}
    journal([rule(500, step), rule(9, "other")])
    assert everywhere(view(), rule(500, step)) == {(2, 3, 1)}, "marked once"
    assert everywhere(view(), rule(9, "other")) == {(0, 5, 1)}, "nobody came to that step"


@WHEN
def test_an_assertion_is_good_where_it_held_and_says_nothing_where_it_was_not_reached(
    journal: Open, view: Look, run: MakeRun, when: str
) -> None:
    held, broken = {"order-total": True}, {"order-total": False}
    records = [
        run(0, held=held),
        run(1, Outcome.FAILED, held=broken),
        run(2, Outcome.FAILED, held=held),  # something after it failed
        run(3, Outcome.FAILED),
        run(4),
        run(5, Outcome.INCONCLUSIVE, held=held),
        run(6, held={"other": False}),
        run(7, held=broken),
    ]
    written(journal, records, [TOTAL], when)
    assert everywhere(view(), TOTAL) == {(2, 2, 4)}


def test_contracts_that_ask_the_same_share_a_mark_and_keep_it(journal: Open, view: Look) -> None:
    journal([rule(1), rule(2), TOTAL, rule(1)._replace(slo="another")])
    journal([rule(3), rule(2)])
    asked = [(mark.rule.threshold_us, mark.rule.assertion) for mark in view().marks("checkout")]
    assert asked == [(1, None), (2, None), (None, "order-total"), (3, None)]


def test_passing_is_asked_without_a_mark(journal: Open, view: Look, run: MakeRun) -> None:
    journal([Rule("slo", "availability", "checkout", None, None)])
    assert view().marks("checkout") == []
    assert find(run(0), []).good(PLAIN) is True
    assert find(run(0, Outcome.FAILED), []).good(PLAIN) is False
    assert find(run(0, Outcome.INCONCLUSIVE), []).good(PLAIN) is None


def test_after_too_many_marks_the_journal_still_opens(
    journal: Open, view: Look, run: MakeRun
) -> None:
    book = journal([rule(us) for us in range(1, BITS + 3)])
    book.write([run(0, took_us=BITS)])
    assert len(view().marks("checkout")) == BITS
    assert everywhere(view(), rule(BITS)) == {(1, 0, 0)}
    assert everywhere(view(), rule(1)) == {(0, 1, 0)}


def test_looking_back_is_taken_up_where_it_ended(
    journal: Open, view: Look, run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal().write(run(n * 600, took_us=2) for n in range(5))  # ten hours from one to the next
    before, calls = marks.Marks._mark, []

    def stop(self: Any, mark: marks.Mark, before_ms: int) -> None:
        calls.append(mark)
        if len(calls) == 3:
            raise KeyboardInterrupt
        before(self, mark, before_ms)

    monkeypatch.setattr(marks.Marks, "_mark", stop)
    with pytest.raises(KeyboardInterrupt):
        journal([rule(1)])
    (mark,) = view().marks("checkout")
    assert run(2).id.slot_ms < mark.from_ms <= run(3 * 600).id.slot_ms
    monkeypatch.undo()
    journal([rule(1)])
    (mark,) = view().marks("checkout")
    assert mark.from_ms == 0
    assert said(view(), rule(1), Span(0, 2**60)) == (0, 5, 0)


def test_a_long_look_back_says_how_far_it_came(
    journal: Open, run: MakeRun, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    journal().write([run(0), run(600)])
    monkeypatch.setattr(marks, "_SAY_S", 0)
    with caplog.at_level(logging.WARNING):
        journal([rule(1)])
    assert "checkout: earlier runs are read for a new objective, so far back to 2026-01-01" in (
        caplog.text
    )


def test_runs_of_which_only_sums_are_left_are_not_marked(
    journal: Open, view: Look, run: MakeRun
) -> None:
    book = journal()
    book.write([run(0), run(600)], now_ms=run(0).id.slot_ms)
    book.prune(run(300).id.slot_ms, 0)
    journal([rule(1)])
    (mark,) = view().marks("checkout")
    assert mark.from_ms == run(0).id.slot_ms + 1
    assert said(view(), rule(1), Span(mark.from_ms, 2**60)) == (0, 1, 0)


@pytest.mark.parametrize("name", ["pay", 'say "pay"', "p(a|y)*", "zahlen €", "a\\b"])
def test_what_a_page_says_is_not_taken_for_what_happened(
    journal: Open, view: Look, run: MakeRun, name: str
) -> None:
    quoted = json.dumps(name, ensure_ascii=False)
    lie = f'"duration_us":1,"name":{quoted},"{quoted}:true,"held":{{{quoted}:true}}'
    step = run(0).steps[0]
    evil: dict[str, Any] = {"message": lie, "evidence": {name: (lie,)}, "regime": {lie: lie}}
    records = [
        run(0, steps=(replace(step, name=name, duration_us=9),), held={name: False}, **evil),
        run(1, steps=(replace(step, name=lie, duration_us=1),), held={lie: True}, **evil),
        run(2, steps=(replace(step, name=name, duration_us=1),), held={name: True}, **evil),
    ]
    written(journal, records, [rule(5, name), TOTAL._replace(assertion=name)], "before")
    assert everywhere(view(), rule(5, name)) == {(1, 2, 0)}
    assert everywhere(view(), TOTAL._replace(assertion=name)) == {(1, 1, 1)}


def test_runs_that_arrive_while_earlier_ones_are_marked_are_marked_too(
    journal: Open, view: Look, run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    book, late = journal(), [run(n, took_us=9_000_000) for n in (31, 33, 700)]
    book.write(run(n, took_us=9_000_000 if n % 3 else 1000) for n in range(0, 600, 2))
    value, looks = Store.value, []

    def interrupted(self: Store, query: str, **values: Any) -> Any:
        if query == "newest_slot":  # between two pieces of the past
            looks.append(query)
            if looks[1:] and late:
                book.write([late.pop()])
        return value(self, query, **values)

    monkeypatch.setattr(Store, "value", interrupted)
    monkeypatch.setattr(marks, "_AT_ONCE_MS", HOUR_MS)
    book.judge_by([rule(5_000_000)])
    assert not late
    day = Span(run(0).id.slot_ms, run(0).id.slot_ms + 24 * HOUR_MS)
    assert said(view(), rule(5_000_000), day) == (100, 200 + 3, 0)
