"""Which make of machine it is, without a name."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import pytest

from prober.agent.make import make

CPU = "processor\t: 0\nmodel name\t: Quick Processor 9000\nflags\t\t: fpu\n"


def test_equal_machines_have_equal_digests(tmp_path: Path) -> None:
    (tmp_path / "one").write_text(CPU)
    (tmp_path / "other").write_text(CPU + CPU.replace(": 0", ": 1"))
    assert make(tmp_path / "one") == make(tmp_path / "other") == make(tmp_path / "one")
    assert re.fullmatch("[0-9a-f]{8}", make())


def test_another_processor_kernel_or_number_of_cores_is_another_make(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one").write_text(CPU)
    (tmp_path / "other").write_text(CPU.replace("9000", "9001"))
    seen = {make(tmp_path / "one"), make(tmp_path / "other"), make(tmp_path / "nowhere")}
    monkeypatch.setattr(os, "cpu_count", lambda: 1234)
    seen.add(make(tmp_path / "one"))
    monkeypatch.setattr(platform, "release", lambda: "99.9")
    seen.add(make(tmp_path / "one"))
    assert len(seen) == 5


def test_the_name_of_a_machine_is_no_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one").write_text(CPU)
    before = make(tmp_path / "one")
    monkeypatch.setattr(platform, "node", lambda: "elsewhere")
    assert make(tmp_path / "one") == before
