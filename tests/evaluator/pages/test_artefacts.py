"""Files of runs are given out by their opaque ids, and nothing else that a record may name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from prober.evaluator.pages.artefacts import Artefacts, Form

FOLDER = "N9Qkbu_qneIY-08D"


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """An evidence directory with a screenshot and a trace, and a secret beside it."""
    folder = tmp_path / "evidence" / FOLDER
    folder.mkdir(parents=True)
    (folder / "screenshot.png").write_bytes(b"picture")
    (folder / "trace.zip").write_bytes(b"trace")
    (tmp_path / "secret").write_text("secret")
    return tmp_path / "evidence"


def read(artefacts: Artefacts, name: str) -> bytes | None:
    file = artefacts.open(name)
    if file is None:
        return None
    with file:
        return file.read()


def test_a_file_is_found_in_whichever_directory_it_is(kept: Path, tmp_path: Path) -> None:
    artefacts = Artefacts((tmp_path / "nowhere", tmp_path / "secret", kept))
    assert read(artefacts, f"{FOLDER}/screenshot.png") == b"picture"
    assert read(artefacts, f"{FOLDER}/trace.zip") == b"trace"


def test_of_a_run_it_is_told_which_files_are_here(kept: Path) -> None:
    names = [f"{FOLDER}/trace.zip", "0000000000000000/screenshot.png", "../secret", "secret"]
    found = Artefacts((kept,)).of(names)
    assert [(each.form, each.here) for each in found] == [
        (Form.TRACE, True),
        (Form.SCREENSHOT, False),
    ]


@pytest.mark.parametrize(
    "name",
    [
        "../secret",
        f"{FOLDER}/../../secret",
        f"{FOLDER}/screenshot.png/../../../secret",
        "/etc/passwd",
        f"{FOLDER}/",
        FOLDER,
        "",
        f"{FOLDER}/screenshot.png\n",
        f"{FOLDER}/journal.db",
        f"{FOLDER}\0/screenshot.png",
        f"{FOLDER[:-1]}/screenshot.png",
    ],
)
def test_what_no_agent_would_call_a_file_is_not_looked_for(kept: Path, name: str) -> None:
    assert Artefacts((kept,)).open(name) is None


def test_no_link_leads_out(kept: Path, tmp_path: Path) -> None:
    linked = kept / "linkedlinked-_00"
    linked.symlink_to(kept / FOLDER)
    inside = kept / "insideinside-_00"
    inside.mkdir()
    (inside / "screenshot.png").symlink_to(tmp_path / "secret")
    artefacts = Artefacts((kept,))
    assert artefacts.open(f"{linked.name}/screenshot.png") is None
    assert artefacts.open(f"{inside.name}/screenshot.png") is None


def test_what_is_no_file_is_not_waited_for(kept: Path) -> None:
    folder = kept / "pipepipepipe-_00"
    folder.mkdir()
    os.mkfifo(folder / "screenshot.png")
    (folder / "trace.zip").mkdir()
    artefacts = Artefacts((kept,))
    assert artefacts.open(f"{folder.name}/screenshot.png") is None
    assert artefacts.open(f"{folder.name}/trace.zip") is None


def test_nothing_stays_open(kept: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    artefacts = Artefacts((kept, kept))
    for name in (f"{FOLDER}/screenshot.png", "0000000000000000/trace.zip", "../secret"):
        artefacts.of([name])
        read(artefacts, name)
    assert len(os.listdir("/proc/self/fd")) == before


def test_what_lies_in_no_directory_is_looked_for_in_storages(kept: Path, tmp_path: Path) -> None:
    artefacts = Artefacts.at([str(tmp_path / "nowhere"), f"file://{kept}"])
    assert [each.here for each in artefacts.of([f"{FOLDER}/trace.zip"])] == [True]
    assert read(artefacts, f"{FOLDER}/trace.zip") == b"trace"
    assert read(artefacts, "0000000000000000/screenshot.png") is None
    assert read(artefacts, "../secret") is None
