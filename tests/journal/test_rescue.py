"""A rescue that a full disk stops: it is taken up again, and nothing is used up meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from prober.journal.journal import Journal
from prober.model import Run
from prober.units import HOUR_MS
from tests.journal.conftest import NEW_YEAR_MS, open_without_room


@pytest.mark.parametrize(
    ("room", "why"),
    [
        pytest.param(0, "cannot be noted", id="for nothing"),
        pytest.param(4096, "no room to put a backup in place", id="for the note and no more"),
    ],
)
def test_starts_on_a_full_disk_use_no_backup_up(
    tmp_path: Path, run: Callable[..., Run], room: int, why: str
) -> None:
    path, note = tmp_path / "journal.db", tmp_path / "journal.damaged"
    book = Journal.open(path, now_ms=NEW_YEAR_MS)
    book.write(run(n) for n in range(300))
    kept = [book.keep_safe(NEW_YEAR_MS + hour * HOUR_MS) for hour in range(2)]
    book.condemn("page 3")
    book.close()
    data = path.read_bytes()
    for _ in range(3):
        said = open_without_room(path, room)
        assert said.startswith("JournalError")
        assert why in said
        assert sorted((tmp_path / "backup").iterdir()) == kept
    assert note.read_text().startswith("page 3"), "what was noted stays"
    assert path.exists() == (room == 0), "nothing is moved before it is noted"
    book = Journal.open(path, now_ms=NEW_YEAR_MS + 2 * HOUR_MS)
    assert book.mishap
    assert (book.mishap.what, book.mishap.backup) == ("page 3", kept[-1])
    assert book.set_aside
    assert book.set_aside.read_bytes() == data
    book.close()
    assert not [*tmp_path.glob("*.draft"), *tmp_path.glob("*.part")]
