"""Tidying: ruff's own layout, by the author's settings, and no harm without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from prober.recording import tidy

LONG = 'page.get_by_role("textbox", name="Delivery address").fill("1 Test Street, Testing")\n'


def test_long_lines_are_broken_by_the_authors_settings(tmp_path: Path) -> None:
    file = tmp_path / "journeys" / "buy.py"
    assert tidy.tidy(LONG, file) == LONG
    (tmp_path / "ruff.toml").write_text("line-length = 40\n")
    file.parent.mkdir()
    assert len(tidy.tidy(LONG, file).splitlines()) > 1


def test_without_ruff_the_text_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tidy.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tidy.tidy("a = 'b'\n", tmp_path / "buy.py") == "a = 'b'\n"


def test_what_ruff_cannot_read_is_left_as_it_is(tmp_path: Path) -> None:
    assert tidy.tidy("def (:\n", tmp_path / "buy.py") == "def (:\n"
