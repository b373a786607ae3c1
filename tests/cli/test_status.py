from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from prober import conventions as names
from prober.evaluator.audit import AUDIT, AuditLog, Kind
from prober.journal.journal import Journal
from prober.journal.outbox import Entry
from prober.model import Cause, Outcome, Record, Run, RunId, Schedule
from prober.model import Kind as RunKind
from prober.slo.exclusion import Category, Exclusion
from prober.telemetry import encode
from prober.telemetry.totals import Reading
from tests.conftest import wait_until

CONTRACT = """\
apiVersion: prober/v1
kind: SLO
metadata: {{name: {name}}}
spec:
  journey: {journey}
  owners: {{product: pm, sre: sre}}
  rationale: complaints start below
  objectives:
    - {{name: availability, sli: success, target: "90%"}}
  windows:
    - {{name: rolling, duration: 1h}}
  data: {{min_runs: 10, min_coverage: "90%", max_staleness: 1h}}
"""


def records() -> list[Record]:
    """A run a minute for two hours; checkout fails every other time, login never.

    Some lie in the future: whenever it is asked, the last hour has 60 runs, 30 of them bad.
    """
    now_ms = time.time_ns() // 1_000_000
    newest = now_ms - now_ms % 60_000 + 600_000
    found: list[Record] = []
    for journey in ("checkout", "login"):
        found.append(
            Schedule(journey=journey, region="eu-west-1", from_ms=0, every_ms=60_000, phase_ms=0)
        )
        for n in range(120):
            failed = journey == "checkout" and n % 2
            found.append(
                Run(
                    id=RunId(journey, "eu-west-1", newest - n * 60_000, 1, RunKind.SCHEDULED),
                    outcome=Outcome.FAILED if failed else Outcome.PASSED,
                    cause=Cause.TIMEOUT if failed else None,
                    started_ms=newest,
                    finished_ms=newest,
                    duration_us=1,
                )
            )
    return found


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("contracts")
    for name, journey in (("checkout-completion", "checkout"), ("login", "login"), ("api", "api")):
        text = CONTRACT.format(name=name, journey=journey)
        (directory / f"{journey}.slo.yaml").write_text(text)
    return directory


@pytest.fixture(scope="module")
def url(contracts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a real evaluator is, with runs in it."""
    data = tmp_path_factory.mktemp("data")
    process = subprocess.Popen(
        [*(sys.executable, "-m", "prober", "evaluator", "--contracts", str(contracts)),
         *("--data", str(data), "--listen", "127.0.0.1:0")],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    found = re.search(r"http://[\d.:]+\d", process.stdout.readline())
    assert found
    body = encode.logs([Entry(n, 1, record) for n, record in enumerate(records(), 1)], {})
    httpx.post(
        f"{found[0]}/v1/logs",
        content=body,
        headers={"Content-Type": "application/x-protobuf"},
        timeout=60,
        trust_env=False,
    ).raise_for_status()
    yield found[0]
    process.terminate()
    process.wait(60)
    process.stdout.close()


def prober_status(*options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The real command's end."""
    return subprocess.run(
        [sys.executable, "-m", "prober", "status", *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=dict(os.environ) | environ,
    )


def test_the_first_line_says_what_to_look_at(url: str) -> None:
    said = prober_status("--url", url)
    assert said.returncode == 0
    assert said.stdout.splitlines()[:2] == [
        "RELIABILITY: checkout-completion availability has -400% of its error budget left over 1h",
        "1 of 3 SLOs is EXHAUSTED: checkout-completion; 1 is UNKNOWN: api",
    ]


def test_the_table_has_a_line_for_each_objective(url: str) -> None:
    lines = prober_status("--url", url).stdout.splitlines()
    (header,) = (line for line in lines if line.startswith("State"))
    assert header.split("  ")[0] == "State"
    (checkout,) = (line for line in lines if line.startswith("EXHAUSTED"))
    cells = re.split(r"\s{2,}", checkout.strip())
    assert cells[1:6] == ["checkout-completion", "availability", "1h", "50%", "90%"]
    assert cells[7] == "5×"
    (api,) = (line for line in lines if line.startswith("UNKNOWN"))
    assert api.rstrip().endswith("never")
    assert "api availability over 1h is not judged: no run yet" in lines
    assert any(
        line.startswith("checkout-completion availability over 1h: the error budget is spent until")
        for line in lines
    )


def test_what_runs_left_at_the_target_is_told_with_what_to_do(url: str, tmp_path: Path) -> None:
    book = Journal.open(tmp_path / "agent.db")
    readings = [
        Reading(names.ORPHANS, {names.REGION: "eu-west-1", names.JOURNEY: journey}, count)
        for journey, count in (("order", 2), ("login", 0))
    ]
    body = encode.metrics(book, time.time_ns() // 1_000_000, readings, {})
    book.close()
    kind = {"Content-Type": "application/x-protobuf"}
    httpx.post(f"{url}/v1/metrics", content=body, headers=kind, trust_env=False).raise_for_status()

    def told() -> list[str]:
        lines = prober_status("--url", url).stdout.splitlines()
        return [line for line in lines if "orphan" in line or "/readyz" in line]

    wait_until(lambda: len(told()) == 2)
    first, second = told()
    assert first == "order in eu-west-1: 2 orphans, made at the target and not taken back"
    assert "take it away by hand" in second


def test_a_narrow_terminal_gets_whole_words(url: str) -> None:
    said = prober_status("--url", url, COLUMNS="60").stdout
    assert "EXHAUSTED checkout-completion availability over 1h" in said
    assert "…" not in said


def test_json_is_what_the_api_says_with_exact_fractions(url: str) -> None:
    status = json.loads(prober_status("--url", url, "--json").stdout)
    api = httpx.get(f"{url}/api/v1/status", timeout=60, trust_env=False).json()
    assert status.keys() == api.keys()
    (result,) = next(slo for slo in status["slos"] if slo["name"] == "checkout-completion")[
        "results"
    ]
    assert result["compliance"] == {"exact": "1/2", "decimal": "0.5"}
    assert result["state"] == "EXHAUSTED"


def test_without_colour_there_is_none(url: str) -> None:
    plain = prober_status("--url", url, NO_COLOR="1", FORCE_COLOR="1", TERM="xterm").stdout
    bright = prober_status("--url", url, FORCE_COLOR="1", TERM="xterm").stdout
    assert "\x1b[3" not in plain
    assert "\x1b[" in bright


def test_a_journal_is_judged_without_an_evaluator(tmp_path: Path, contracts: Path) -> None:
    journal = Journal.open(tmp_path / "journal.db")
    journal.write(records())
    journal.close()
    for path in (tmp_path, tmp_path / "journal.db"):
        said = prober_status("--journal", str(path), "--contracts", str(contracts))
        assert said.stdout.splitlines()[1].startswith("1 of 3 SLOs is EXHAUSTED: checkout")


def test_what_the_log_beside_a_journal_excludes_is_shown_beside_what_was(
    tmp_path: Path, contracts: Path
) -> None:
    now_ms = time.time_ns() // 1_000_000
    down = Exclusion(  # half an hour that is in the last hour whenever it is asked
        id="x1",
        start_ms=now_ms - 3_000_000,
        end_ms=now_ms - 1_200_000,
        journeys=frozenset({"checkout"}),
        category=Category.PROVIDER_OUTAGE,
        reason="the provider was down",
        requested_by="dana",
        approved_by="sre-lead",
        created_ms=now_ms,
    )
    journal = Journal.open(tmp_path / "journal.db")
    journal.write(records())
    journal.close()
    AuditLog.open(tmp_path / AUDIT).append(Kind.EXCLUSION, down.to_dict(), now_ms)
    lines = prober_status(
        "--journal", str(tmp_path), "--contracts", str(contracts)
    ).stdout.splitlines()
    name = "checkout-completion availability over 1h:"
    assert f"{name} exclusions hold 30 runs; with these compliance 50%" in lines
    assert f"{name} exclusion x1 was asked for after it had begun" in lines


@pytest.mark.parametrize(
    ("options", "mend"),
    [
        pytest.param(["--url", "http://127.0.0.1:9"], "prober evaluator", id="nobody is there"),
        pytest.param(["--url", "nonsense"], "name it with --url", id="no web address"),
        pytest.param(["--journal", "nowhere.db"], "no journal can be read", id="no journal"),
        pytest.param(["--journal", "x", "--contracts", "nowhere"], "name one", id="no contracts"),
        pytest.param(["--source", "mimir:8080"], "write such as http://", id="no address"),
    ],
)
def test_without_an_answer_it_ends_with_2_and_one_line(
    options: list[str], mend: str, contracts: Path
) -> None:
    if "--contracts" not in options:
        options = [*options, "--contracts", str(contracts)]
    said = prober_status(*options)
    assert said.returncode == 2
    assert mend in said.stderr
    assert len(said.stderr.splitlines()) == 1


def test_it_judges_from_one_thing_at_a_time() -> None:
    said = prober_status("--journal", "x", "--source", "http://mimir:8080")
    assert said.returncode == 2
    assert "give one of them" in said.stderr


def test_a_backend_that_does_not_answer_makes_every_state_unknown(contracts: Path) -> None:
    said = prober_status("--source", "http://127.0.0.1:9", "--contracts", str(contracts), "--json")
    assert said.returncode == 0
    results = [result for slo in json.loads(said.stdout)["slos"] for result in slo["results"]]
    assert {(result["state"], result["reason"]) for result in results} == {("UNKNOWN", "source")}
    assert all("http://127.0.0.1:9 does not answer" in result["why"] for result in results)


def test_another_server_is_not_taken_for_an_evaluator(url: str) -> None:
    said = prober_status("--url", f"{url}/site.css?")
    assert said.returncode == 2
    assert "no evaluator answers" in said.stderr
