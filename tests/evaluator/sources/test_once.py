from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prober.errors import SourceUnavailable
from prober.evaluator.sources.journal import JournalSource
from prober.evaluator.sources.once import Once
from prober.evaluator.sources.source import Measure
from prober.journal.journal import Journal
from prober.journal.tally import Rule
from prober.journal.view import View
from prober.model import Run
from prober.slo.window import Span

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MEASURE = Measure(Rule("checkout", "availability", "checkout", None, None))


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.open(tmp_path / "journal.db", now_ms=1)
    yield journal
    journal.close()


@pytest.fixture
def source(book: Journal) -> Iterator[JournalSource]:
    view = View.open(book.path)
    yield JournalSource(view)
    view.close()


def test_an_answer_is_the_same_for_everybody_who_asks(
    book: Journal, source: JournalSource, run: Callable[..., Run]
) -> None:
    book.write([run(DAY_MS)])
    once, span = Once(source), Span(DAY_MS, 2 * DAY_MS)
    first = once.counts(MEASURE, span)
    book.write([run(DAY_MS + 1)])
    assert once.counts(MEASURE, span) == first
    assert Once(source).counts(MEASURE, span)["eu-west-1"].good == 2


def test_that_there_is_no_answer_is_found_once(
    book: Journal, source: JournalSource, run: Callable[..., Run]
) -> None:
    book.write([run(0), run(2 * DAY_MS)])
    book.prune(DAY_MS, DAY_MS)
    once, found = Once(source), []
    for _ in range(2):
        with pytest.raises(SourceUnavailable) as caught:
            once.slices(MEASURE, Span(0, HOUR_MS), 60_000)
        found.append(caught.value)
    assert found[0] is found[1]
