"""Runs that were shown: unpacked once, and forgotten when nobody is shown them any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple

import pytest

from prober.journal.shown import Glimpse, Shown
from prober.model import Run

MakeRun = Callable[..., Run]


def test_of_each_series_as_many_are_kept_as_were_asked_for_at_once(run: MakeRun) -> None:
    shown = Shown(lambda seqs: {seq: run(seq) for seq in seqs})
    for newest in range(100):
        for series in (1, 2):
            seqs = range(newest, max(newest - 3, -1), -1)
            assert seen(shown.glimpses(series, seqs)) == seen(Glimpse.of(run(seq)) for seq in seqs)
    assert len(shown) == 2 * 3


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param([[3, 2, 1], [4, 3, 2], [4], [5, 4, 3]], [3, 2, 1, 4, 5], id="in order"),
        pytest.param([[9, 1], [2, 9], [3, 2], [3, 2]], [9, 1, 2, 3], id="its record came late"),
    ],
)
def test_a_run_is_read_once_however_often_it_is_shown(
    asked: list[list[int]], expected: list[int], run: MakeRun
) -> None:
    read: list[int] = []

    def unpack(seqs: Sequence[int]) -> dict[int, Run]:
        read.extend(seqs)
        return {seq: run(seq) for seq in seqs}

    shown = Shown(unpack)
    for seqs in asked:
        shown.glimpses(1, seqs)
    assert read == expected


def test_a_run_that_is_gone_is_left_out(run: MakeRun) -> None:
    shown = Shown(lambda seqs: {seq: run(seq) for seq in seqs if seq > 1})
    found = shown.glimpses(1, [3, 2, 1])
    assert seen(found) == seen([Glimpse.of(run(3)), Glimpse.of(run(2))])


def test_of_all_series_no_more_are_kept_than_there_is_room_for(
    run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prober.journal.shown.MOST", 5)
    shown = Shown(lambda seqs: {seq: run(seq) for seq in seqs})
    for series in (1, 2, 3):
        found = shown.glimpses(series, [2, 1])
        assert seen(found) == seen([Glimpse.of(run(2)), Glimpse.of(run(1))])
    assert len(shown) == 4, "the series that was shown first is forgotten"


def seen(glimpses: Iterable[Glimpse]) -> list[tuple[object, ...]]:
    """What they say: each glimpse is itself alone."""
    return [astuple(glimpse) for glimpse in glimpses]
