"""What spent a budget: each record is read once, and of no more than there is room for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from prober.journal.body import pack
from prober.journal.reasons import Reasons
from prober.model import Outcome, Run
from prober.slo.attribution import failure

MakeRun = Callable[..., Run]


class Kept:
    """A store of failed runs, those below 10 gone, that notes which are read."""

    def __init__(self, run: MakeRun) -> None:
        self.run, self.read = run, list[int]()

    def all(self, query: str, seqs: str) -> list[tuple[int, bytes]]:
        """The bodies of records."""
        assert query == "list_bodies"
        asked = [int(seq) for seq in seqs.strip("[]").split(",")]
        self.read += asked
        return [(seq, pack(self.run(seq, Outcome.FAILED))) for seq in asked if seq >= 10]


def reasons(run: MakeRun) -> tuple[Reasons, Kept, Callable[..., Any]]:
    store: Any = Kept(run)
    return Reasons(store), store, lambda *seqs: [failure(run(n, Outcome.FAILED)) for n in seqs]


def test_a_record_is_read_once_however_often_it_is_asked_for(run: MakeRun) -> None:
    found, store, expected = reasons(run)
    assert found.of([12, 11]) == expected(12, 11), "in the order in which they are asked for"
    assert found.of([13, 11, 12]) == expected(13, 11, 12)
    assert store.read == [12, 11, 13]
    assert found.unread([14, 13, 12]) == [14]


def test_a_run_that_is_gone_is_left_out(run: MakeRun) -> None:
    found, _, expected = reasons(run)
    assert found.of([9, 10]) == expected(10)


def test_no_more_are_kept_than_there_is_room_for_and_all_are_told(
    run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prober.journal.reasons.MOST", 3)
    found, store, expected = reasons(run)
    assert found.of([11, 12, 13, 14, 15]) == expected(11, 12, 13, 14, 15)
    assert len(found) == 3
    assert found.of([14, 15, 16]) == expected(14, 15, 16)
    assert (store.read[5:], len(found)) == ([16], 3)
    assert found.unread([21, 22, 23, 24]) == [], "more than can be kept"


def test_many_are_read_in_parts(run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prober.journal.reasons.AT_ONCE", 2)
    found, store, expected = reasons(run)
    seqs = [15, 11, 14, 12, 13]
    assert found.of(seqs) == expected(*seqs)
    assert store.read == seqs
