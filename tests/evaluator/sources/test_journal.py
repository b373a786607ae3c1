"""What is remembered of a journal that was asked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from prober.evaluator.sources.journal import JournalSource
from prober.evaluator.sources.source import Measure
from prober.journal.journal import Journal
from prober.journal.view import View
from prober.model import Outcome, Run
from prober.slo.window import Span
from prober.units import HOUR_MS
from tests.evaluator.crafted import rule

BEGIN_MS = 480_000 * HOUR_MS


def test_slices_weigh_as_many_as_they_are(tmp_path: Path, run: Callable[..., Run]) -> None:
    path, now_ms = tmp_path / "journal.db", BEGIN_MS + 42 * HOUR_MS
    with contextlib.closing(Journal.open(path, (), now_ms)) as book:
        slots = (BEGIN_MS + hour * HOUR_MS for hour in range(42))
        book.write([run(slot_ms, Outcome.PASSED) for slot_ms in slots], now_ms)
    with contextlib.closing(View.open(path)) as view:
        view.sums._over.most = 100
        for hour in range(5):
            span = Span(BEGIN_MS - hour * HOUR_MS, BEGIN_MS + 40 * HOUR_MS)
            (found,) = JournalSource(view).slices(Measure(rule("checkout")), span, HOUR_MS).values()
            assert len(found) == 40
        assert len(view.sums._over) == 2
