"""Evidence is copied to where others reach it, whatever ends in between."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from prober.agent.copies import NOTE, Copies
from prober.config import Region
from prober.errors import StorageError
from prober.journal.journal import Journal
from prober.model import Outcome, Run
from tests.conftest import unused_port
from tests.fileserver import file_server
from tests.journal.conftest import build_run


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal.open(tmp_path / "data" / "journal.db")) as opened:
        yield opened


@pytest.fixture
def region(tmp_path: Path) -> Callable[[str], Region]:
    """`region(url)`: one that copies to a storage."""

    def made(url: str) -> Region:
        keys = {"region": "eu-west-1", "base_url": "https://shop.example", "fleet": ("eu-west-1",)}
        artefacts = {"copy_to": url} if url else {}
        return Region.model_validate(
            keys | {"data": str(tmp_path / "data"), "artefacts": artefacts}
        )

    return made


def failed(number: int, data: Path) -> Run:
    """A run of which a screenshot is kept."""
    name = f"{number:016d}/screenshot.png"
    (data / "evidence" / name).parent.mkdir(parents=True)
    (data / "evidence" / name).write_bytes(b"picture %d" % number)
    return build_run(number, Outcome.FAILED, artefacts=(name,))


def names(directory: Path) -> list[str]:
    return sorted(str(file.relative_to(directory)) for file in directory.rglob("*.png"))


def test_each_file_is_copied_once_and_after_a_restart_what_is_new(
    journal: Journal, region: Callable[[str], Region], tmp_path: Path
) -> None:
    data, there = tmp_path / "data", tmp_path / "there"
    here = region(f"file://{there}")
    journal.write([build_run(0), failed(1, data), failed(2, data)])
    Copies(journal, lambda: here).carry_on()
    assert len(names(there)) == 2
    for copied in there.rglob("*.png"):
        copied.unlink()
    journal.write([failed(3, data)])
    again = Copies(journal, lambda: here)
    again.carry_on()
    assert names(there) == ["0000000000000003/screenshot.png"]
    assert again.age_s(now_ms=2**50) == 0


def test_what_could_not_be_copied_is_when_the_storage_is_back(
    journal: Journal, region: Callable[[str], Region], tmp_path: Path
) -> None:
    data, port = tmp_path / "data", unused_port()
    here = region(f"ftp://prober:correct-horse@127.0.0.1:{port}/")
    journal.write([failed(1, data)], now_ms=1000)
    copies = Copies(journal, lambda: here)
    with pytest.raises(StorageError):
        copies.carry_on()
    assert copies.age_s(now_ms=61_000) == 60
    with file_server(tmp_path / "there", port):
        copies.carry_on()
    assert names(tmp_path / "there") == ["0000000000000001/screenshot.png"]
    assert copies.age_s(now_ms=61_000) == 0


def test_another_storage_gets_all_that_is_still_here(
    journal: Journal, region: Callable[[str], Region], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    journal.write([failed(1, data), failed(2, data)])
    (data / "evidence" / f"{1:016d}" / "screenshot.png").unlink()  # it had to make room
    places = [region(f"file://{tmp_path}/first"), region(f"file://{tmp_path}/second")]
    copies = Copies(journal, lambda: places[0])
    copies.carry_on()
    del places[0]
    copies.carry_on()
    assert names(tmp_path / "first") == names(tmp_path / "second") == [f"{2:016d}/screenshot.png"]


def test_a_journal_that_began_anew_is_copied_from_its_beginning(
    journal: Journal, region: Callable[[str], Region], tmp_path: Path
) -> None:
    data, here = tmp_path / "data", region(f"file://{tmp_path}/there")
    (data / NOTE).write_text(json.dumps({"to": "another", "journal": 1, "seq": 10**6}))
    journal.write([failed(1, data)])
    Copies(journal, lambda: here).carry_on()
    assert names(tmp_path / "there") == [f"{1:016d}/screenshot.png"]


def test_where_nothing_is_said_nothing_is_copied(
    journal: Journal, region: Callable[[str], Region], tmp_path: Path
) -> None:
    journal.write([failed(1, tmp_path / "data")])
    copies = Copies(journal, lambda: region(""))
    copies.carry_on()
    assert copies.age_s(now_ms=2**50) is None
    assert not (tmp_path / "data" / NOTE).exists()
