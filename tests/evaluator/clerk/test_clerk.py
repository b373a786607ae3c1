from __future__ import annotations

import gzip
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prober.evaluator.clerk.__main__ import keep_hourly
from prober.evaluator.clerk.clerk import Clerk, Unfit, unpack
from prober.journal import backup
from tests.conftest import PATIENCE_S


def test_a_gzip_bomb_stops_at_the_limit() -> None:
    limit = 1 << 20
    bomb = gzip.compress(bytes(256 << 20))
    tracemalloc.start()
    with pytest.raises(Unfit) as refused:
        unpack(bomb, limit)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused.value.status == 413
    assert peak < 4 * limit
    assert len(unpack(gzip.compress(bytes(limit)), limit)) == limit


def test_a_journal_that_is_closed_while_it_is_backed_up_is_no_trouble(
    tmp_path: Path,
    until: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(backup, "_REST", 1e9)  # after the first pages
    clerk = Clerk.open(tmp_path / "journal.db", (), whole=True)
    keeping = threading.Thread(target=keep_hourly, args=[clerk], daemon=True)
    keeping.start()
    until((tmp_path / backup.FOLDER / "part").exists)
    clerk.close()
    keeping.join(PATIENCE_S)
    assert not keeping.is_alive()
    assert not caplog.records
