"""Schemathesis asks a running evaluator for all that its description allows, and for what not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from prober.evaluator.api import DESCRIPTION
from tests.conftest import SHORT
from tests.evaluator.conftest import Evaluator
from tests.evaluator.test_fuzz import everything_answers
from tests.evaluator.test_openapi import running

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evaluator]:
    """Without limits: it is asked all the time."""
    yield from running(tmp_path_factory.mktemp("asked"), "--limits", "0")


def ask_all(judge: Evaluator, directory: Path, *options: str) -> None:
    """Fails with what Schemathesis has to say, which has the request to repeat."""
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "--no-color"),
        *("run", f"{judge.url}{DESCRIPTION}", "--checks", ",".join(CHECKS)),
        *("--exclude-path-regex", "^/v1/", "--generation-database", "none", *options),
    ]
    asked = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert asked.returncode == 0, asked.stdout + asked.stderr
    print("\n".join(asked.stdout.splitlines()[-12:]))


def test_the_api_answers_as_described(judge: Evaluator, tmp_path: Path) -> None:
    ask_all(judge, tmp_path, "--phases", "fuzzing", "--max-examples", "8")
    everything_answers(judge)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_the_api_answers_as_described_whatever_is_asked(judge: Evaluator, tmp_path: Path) -> None:
    phases = "examples,coverage,fuzzing"
    ask_all(judge, tmp_path, "--phases", phases, "--max-examples", "20" if SHORT else "200")
    everything_answers(judge)
