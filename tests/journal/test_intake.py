"""Of a slot's attempts one counts, in whatever order they and their repeats arrive."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober import conventions as names
from prober.journal.journal import Journal
from prober.journal.tally import Rule
from prober.journal.view import View
from prober.model import Kind, Outcome, Run, RunId
from prober.slo.contract import Retry
from prober.slo.window import Span

PASSED, FAILED, INCONCLUSIVE = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE
EVER = Span(0, 2**60)
AVAILABILITY = Rule("slo", "availability", "checkout", None, None)
MakeRun = Callable[..., Run]
Open = Callable[..., Journal]
Look = Callable[[], View]


def sums(look: View, retry: Retry) -> dict[int, int]:
    """How many slots count, by outcome."""
    found: Counter[int] = Counter()
    for heap, n in look.sums.between("checkout", EVER, retry).items():
        found[heap[2]] += n
    return dict(+found)


def events(book: Journal) -> dict[str, int]:
    """The lifetime counter of the objective's events."""
    return {
        json.loads(attributes)["prober.result"]: value
        for metric, attributes, value in book.counters()
        if metric == names.SLI_EVENTS.name
    }


@pytest.mark.parametrize(
    ("attempts", "first", "final"),
    [
        ([FAILED, PASSED], 1, 0),
        ([PASSED], 0, 0),
        ([INCONCLUSIVE, PASSED, FAILED], 0, 1),
        ([FAILED, INCONCLUSIVE], 1, 1),
        ([INCONCLUSIVE, INCONCLUSIVE], 2, 2),
        ([INCONCLUSIVE, FAILED, PASSED], 1, 0),
    ],
)
def test_the_first_and_the_final_verdict_of_a_slot_in_every_order_of_arrival(
    run: MakeRun, tmp_path: Path, attempts: list[Outcome], first: int, final: int
) -> None:
    records = [run(0, outcome, attempt=n) for n, outcome in enumerate(attempts, 1)]
    for number, order in enumerate(permutations(records)):
        path = tmp_path / str(number) / "journal.db"
        book, look = Journal.open(path), View.open(path)
        for record in order:
            book.write([record])
        assert sums(look, Retry.FIRST) == {first: 1}
        assert sums(look, Retry.FINAL) == {final: 1}
        look.close()
        book.close()


def test_a_slot_is_an_event_once_when_its_first_verdict_is_written(
    journal: Open, run: MakeRun
) -> None:
    book = journal([AVAILABILITY])
    book.write([run(0, INCONCLUSIVE)])
    assert events(book) == {}
    book.write([run(0, PASSED, attempt=2)])
    assert events(book) == {"good": 1}
    book.write([run(0, FAILED), run(0, FAILED, attempt=3)])
    assert events(book) == {"good": 1}, "what was counted stays, whatever comes out later"
    book.write([run(1, kind=Kind.MANUAL), run(2, INCONCLUSIVE), run(2, FAILED), run(3)])
    assert events(book) == {"good": 2, "bad": 1}


def test_a_repeat_is_remembered_and_changes_nothing(
    journal: Open, view: Look, run: MakeRun
) -> None:
    book = journal()
    book.write([run(0), run(0), run(0)], now_ms=1)
    book.write([run(0), run(0, INCONCLUSIVE)], now_ms=2)
    look = view()
    assert look.sums.arrivals("checkout", EVER, 0, None) == {"duplicates": 3, "conflicts": 1}
    known = {"unknown_yet": 2, "duplicates": 2}
    assert look.sums.arrivals("checkout", EVER, 0, 1) == known
    assert book.outbox.newest() == 1


def test_what_was_believed_before_is_remembered(journal: Open, view: Look, run: MakeRun) -> None:
    book = journal()
    for now_ms, outcome in ((10, INCONCLUSIVE), (20, PASSED), (30, FAILED)):
        book.write([run(0, outcome)], now_ms=now_ms)
    look = view()
    believed = [
        [each.finding.outcome for each in look.sums.known("checkout", EVER, Retry.FIRST, known_ms)]
        for known_ms in (9, 10, 19, 20, 29, 30, None)
    ]
    assert believed == [[], [2], [2], [0], [0], [1], [1]]


OUTCOMES = st.sampled_from(Outcome)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), OUTCOMES), max_size=20))
def test_events_never_fall_and_end_as_one_for_each_slot_with_a_verdict(
    told: list[tuple[int, int, Outcome]],
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        book, before = Journal.open(Path(directory, "journal.db"), [AVAILABILITY]), 0
        for slot_ms, attempt, outcome in told:
            identity = RunId("checkout", "r", slot_ms, attempt, Kind.SCHEDULED)
            run = Run(id=identity, outcome=outcome, started_ms=0, finished_ms=0, duration_us=0)
            book.write([run])
            after = sum(events(book).values())
            assert after >= before
            before = after
        book.close()
    assert before == len({slot_ms for slot_ms, _, outcome in told if outcome is not INCONCLUSIVE})
