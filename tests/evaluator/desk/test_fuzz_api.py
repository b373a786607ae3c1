"""A running evaluator is asked for all that its description allows, and for what it does not.

Schemathesis makes requests of the description. It does not know what there is to ask about, so good
requests are changed as well, a value or two at a time.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.evaluator.desk.api import DESCRIPTION
from tests.conftest import SHORT
from tests.evaluator.conftest import Evaluator
from tests.evaluator.desk.test_openapi import REQUESTS, as_described, running
from tests.evaluator.test_fuzz import anything, everything_answers, places, replaced, tried

JSON = {"Content-Type": "application/json"}
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
    ask_all(judge, tmp_path, "--phases", phases, "--max-examples", "20" if SHORT else "100")
    everything_answers(judge)


#: What stands at an edge of something that requests may say.
EDGES = st.sampled_from([
    "", " ", "\x00", "-1", "checkout", "availability", "rolling", "eu-west-1", "../../etc/passwd",
    "1ms", "365000d", "0.0001s", "0%", "100%", "99.99999999999999999999999999999999%", "0",
    "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999-23:59",
    "2016-12-31T23:59:60Z", "2026-07-01", "2035-01-06T02:30:00Z", "1969-12-31T23:59:59Z",
    "FREQ=DAILY", "FREQ=DAILY;COUNT=999999999999", "FREQ=WEEKLY;UNTIL=99991231T235959Z",
    "FREQ=DAILY;COUNT=" + "9" * 5000, "FREQ=DAILY;INTERVAL=366", "FREQ=;;=", "UNTIL=1",
    "Europe/Berlin", "Pacific/Kiritimati", "../zone", "America/" + "x" * 300,
    "scheduled_maintenance", "feature", "security", "high", "sre", "vp_engineering",
    ["checkout"], ["checkout"] * 500, [], [""], {}, {"0%": "x"}, {"99%": "a", "99.0%": "b"},
])  # fmt: skip


def try_requests(judge: Evaluator, short: int, long: int = 0) -> None:
    description = judge.http.get(DESCRIPTION).json()

    @tried(short, long)
    @given(st.data())
    def attempt(data: st.DataObject) -> None:
        verb = data.draw(st.sampled_from(list(REQUESTS)))
        asked = REQUESTS[verb]
        for _ in range(data.draw(st.integers(1, 2))):
            at = data.draw(st.sampled_from(list(places(asked))[1:] or [()]))
            asked = replaced(asked, at, data.draw(EDGES | anything))
        reply = judge.http.post(f"/api/v1/{verb}", content=json.dumps(asked), headers=JSON)
        assert reply.status_code in (200, 400, 409), (verb, asked, reply.text)
        as_described(description, "post", f"/api/v1/{verb}", reply)

    attempt()


def test_a_good_request_that_was_changed_is_answered_or_refused(judge: Evaluator) -> None:
    try_requests(judge, 100)
    everything_answers(judge)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_thousands_of_changed_requests_are_answered_or_refused(judge: Evaluator) -> None:
    try_requests(judge, 1_000, 5_000)
    everything_answers(judge)
