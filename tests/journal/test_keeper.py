"""The log beside the file: it stays small, whoever reads, and what it held is sealed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prober.journal import keeper, store
from prober.journal.journal import Journal
from prober.journal.view import View
from prober.model import Run

MIB = 2**20
MakeRun = Callable[..., Run]


def log_size(path: Path) -> int:
    return path.with_name("journal.db-wal").stat().st_size


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is emptied ten times as often."""
    monkeypatch.setattr(keeper, "_FRAMES", 100)
    monkeypatch.setattr(keeper, "_FRAMES_TOO_MANY", 1600)


@pytest.mark.usefixtures("often")
def test_the_log_stays_small(journal: Any, run: MakeRun) -> None:
    book: Journal = journal()
    for n in range(300):
        book.write([run(n)])
        assert log_size(book.path) < 2 * MIB
    assert len(book.outbox.entries(0, 1000, 1000)) == 300


@pytest.mark.usefixtures("often")
def test_a_log_that_readers_let_grow_is_cut_back(
    journal: Any, run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_LOG_BYTES", MIB // 4)
    book: Journal = journal()
    book.write([run(0)])
    look = View.open(book.path)
    with look.at_one_moment():
        assert look.newest_seq() == 1
        for n in range(1, 100):
            book.write([run(n)])
        grown = log_size(book.path)
        assert grown > MIB, "what somebody reads cannot be overwritten"
        assert look.newest_seq() == 1
    for n in range(100, 150):
        book.write([run(n)])
    assert log_size(book.path) <= MIB
    assert look.newest_seq() == 150
    look.close()
    book.keeper.look_over()


def test_every_page_is_sealed(journal: Any, run: MakeRun) -> None:
    book: Journal = journal()
    book.write(run(n) for n in range(500))
    book.keeper.checkpoint()
    data = book.path.read_bytes()
    seals = book.keeper._seals
    for page in range(1, len(data) // 4096 + 1):
        changed = bytearray(data[(page - 1) * 4096 : page * 4096])
        assert not seals.broken(page, 1, memoryview(changed))
        changed[page % 4096] ^= 1
        assert seals.broken(page, 1, memoryview(changed)) == [page]
