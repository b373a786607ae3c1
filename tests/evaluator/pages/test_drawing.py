"""What is drawn of runs, and for how long it is kept."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import pytest

from prober.evaluator.pages import drawing
from prober.journal.shown import Glimpse
from prober.model import Run


def test_a_run_is_drawn_once_however_often_it_is_shown(
    run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []

    def told(glimpse: Glimpse) -> str:
        drawn.append(glimpse.slot_ms)
        return "a run"

    monkeypatch.setattr(drawing, "_told", told)
    runs = [Glimpse.of(run(number)) for number in range(3)]
    first, second = drawing._strip(runs[:2]), drawing._strip(runs)
    assert second.startswith(first)
    assert drawn == [glimpse.slot_ms for glimpse in runs]


def test_what_was_drawn_of_a_run_does_not_keep_it(run: Callable[..., Run]) -> None:
    shown = Glimpse.of(run(1))
    gone, cells = weakref.ref(shown), len(drawing._drawn)
    drawing._strip([shown])
    assert len(drawing._drawn) == cells + 1
    del shown
    gc.collect()
    assert gone() is None
    assert len(drawing._drawn) == cells
