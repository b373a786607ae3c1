"""Asking the desk: what cannot be said is refused before it is asked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from prober.evaluator.audit import AUDIT
from tests.evaluator.office import Office

AGREED = {"--category": "other", "--requested-by": "bob", "--approved-by": "eve"}
TIMES = {"--start": "2035-01-06T02:00:00Z", "--end": "2035-01-06T03:00:00Z"}
EXCLUDE = [word for pair in (AGREED | TIMES).items() for word in pair]


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["mark", "deploy", b"caf\xe9"], "name"),
        (["exclude", "add", *EXCLUDE, "--reason", b"caf\xe9"], "reason"),
        (["exclude", "add", *EXCLUDE, "--reason", "db", "--region", b"\xff"], "regions"),
    ],
    ids=["a deploy", "a reason", "one of a list"],
)
@pytest.mark.parametrize("local", [True, False], ids=["of a journal", "over HTTP"])
def test_a_byte_that_is_no_text_is_one_clear_line(
    words: list[str | bytes], key: str, local: bool, tmp_path: Path
) -> None:
    office = Office(tmp_path)
    here = ["--journal", str(tmp_path), "--contracts", str(office.contracts)]
    where = here if local else ["--url", "http://127.0.0.1:9"]
    command = map(os.fsencode, [sys.executable, "-m", "prober", *words, *where])
    said = subprocess.run(list(command), capture_output=True, text=True, timeout=60, check=False)
    office.close()
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr == f"request: {key}: it holds what is no text, write it in UTF-8\n"
    assert not (tmp_path / AUDIT).exists()
