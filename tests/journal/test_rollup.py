"""Buckets: days and the hours beside them hold each hour once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from prober.journal.rollup import LEVELS, Change, Finding, contribution, cover


@given(st.integers(0, 200), st.integers(0, 200))
def test_pieces_hold_every_hour_once_and_no_other(first: int, last: int) -> None:
    held = [
        hour
        for level, begin, end in cover(first, max(first, last))
        for hour in range(begin * LEVELS[level], end * LEVELS[level])
    ]
    assert held == list(range(first, last))


def test_whole_days_are_read_as_days() -> None:
    assert [piece for piece in cover(23, 24 * 30 + 1) if piece.first < piece.last] == [
        (0, 23, 24),
        (1, 1, 30),
        (0, 720, 721),
    ]


def test_an_attempt_adds_to_the_first_ones_and_to_what_final_ones_add() -> None:
    found = Finding(1, silent=1)
    first, final = Change(0, found), Change(1, found)
    assert contribution(found, 3) == {first: 1, final: 0}
    assert contribution(found, 1) == {first: 1, final: -1}
    assert contribution(found, 2) == {first: 0, final: 1}
    assert contribution(found, 0) == {first: 0, final: 0}
