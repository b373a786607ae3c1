"""`prober slo`, `prober budget` and `prober prcheck` as processes over a real journal."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
import pytest

from prober.journal.journal import Journal
from prober.journal.outbox import Entry
from prober.journal.tally import rules_of
from prober.model import Cause, Kind, Outcome, Record, Run, RunId, Schedule, Step
from prober.slo.format import load_contracts
from prober.telemetry import encode

MINUTE_MS = 60_000
CONTRACT = """\
apiVersion: prober/v1
kind: SLO
metadata: {name: checkout}
spec:
  journey: checkout
  owners: {product: pm, sre: sre}
  rationale: complaints start below it, says support
  objectives:
    - {name: availability, sli: success, target: "90%"}
  windows: [{name: rolling, duration: 1h}]
  data: {min_runs: 10, min_coverage: "0%", max_staleness: 1h}
  paths: [services/pay/**]
"""


def records(now_ms: int) -> list[Record]:
    """Two runs a minute for nearly four hours; both regions failed for six minutes of late.

    Some lie in the future: whenever it is asked, the last hour has 120 runs, 12 of them bad.
    """
    newest = now_ms - now_ms % MINUTE_MS + 10 * MINUTE_MS
    found: list[Record] = []
    for region in ("eu", "us"):
        found.append(
            Schedule(
                journey="checkout",
                region=region,
                from_ms=newest - 240 * MINUTE_MS,
                every_ms=MINUTE_MS,
                phase_ms=0,
            )
        )
        for n in range(240):
            failed = 20 <= n < 26
            outcome = Outcome.FAILED if failed else Outcome.PASSED
            step = Step(name="pay\x1b[31m", offset_us=0, duration_us=1_500_000, outcome=outcome)
            found.append(
                Run(
                    id=RunId("checkout", region, newest - n * MINUTE_MS, 1, Kind.SCHEDULED),
                    outcome=outcome,
                    cause=Cause.TIMEOUT if failed else None,
                    step=step.name if failed else None,
                    started_ms=newest,
                    finished_ms=newest,
                    duration_us=1_500_000,
                    steps=(step,),
                )
            )
    return found


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("contracts")
    (directory / "checkout.slo.yaml").write_text(CONTRACT)
    return directory


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, contracts: Path) -> Path:
    """A directory with a journal in it."""
    directory = tmp_path_factory.mktemp("data")
    now_ms = time.time_ns() // 1_000_000
    journal = Journal.open(directory / "journal.db", rules_of(load_contracts(contracts)))
    journal.write(records(now_ms), now_ms=now_ms)
    journal.close()
    return directory


@pytest.fixture(scope="module")
def url(contracts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a real evaluator is, with the same runs in it."""
    process = subprocess.Popen(
        [*(sys.executable, "-m", "prober", "evaluator", "--contracts", str(contracts)),
         *("--data", str(tmp_path_factory.mktemp("evaluator")), "--listen", "127.0.0.1:0")],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    found = re.search(r"http://[\d.:]+\d", process.stdout.readline())
    assert found
    now_ms = time.time_ns() // 1_000_000
    entries = [Entry(n, 1, record) for n, record in enumerate(records(now_ms), 1)]
    httpx.post(
        f"{found[0]}/v1/logs",
        content=encode.logs(entries, {}),
        headers={"Content-Type": "application/x-protobuf"},
        timeout=60,
        trust_env=False,
    ).raise_for_status()
    yield found[0]
    process.terminate()
    process.wait(60)
    process.stdout.close()


def prober(
    *words: str, cwd: Path | None = None, **environ: str
) -> subprocess.CompletedProcess[str]:
    """The real command's end."""
    return subprocess.run(
        [sys.executable, "-m", "prober", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=cwd,
        env=os.environ | {"NO_COLOR": "1"} | environ,
    )


@pytest.fixture
def here(data: Path, contracts: Path) -> list[str]:
    """The options that name the journal."""
    return ["--journal", str(data), "--contracts", str(contracts)]


def said(*words: str, **environ: str) -> str:
    done = prober(*words, **environ)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def result(text: str) -> dict[str, Any]:
    """The only result in an answer."""
    (slo,) = json.loads(text)["slos"]
    (found,) = slo["results"]
    assert isinstance(found, dict)
    return found


def test_slo_explain_says_what_the_schedule_can_see(here: list[str]) -> None:
    lines = said("slo", "explain", *here).splitlines()
    assert lines[0] == "checkout availability over 1h: 90%"
    assert "  120 runs: 12 runs may be bad, or 6m; each costs 8.33%" in lines
    assert any(
        line.startswith("  an outage of 30s is surely met by a run; of 1m") for line in lines
    )
    (header,) = (line for line in lines if line.startswith("alert "))
    assert re.split(r"\s{2,}", header.strip())[:5] == [
        "alert",
        "severity",
        "burn",
        "over",
        "failures",
    ]
    assert any(line.startswith("page-slow ") for line in lines)


def test_slo_explain_gives_machines_the_same(here: list[str]) -> None:
    told = result(said("slo", "explain", "checkout", *here, "--json"))
    assert told["budget"] == {"exact": "12", "decimal": "12"}
    assert told["outage_seen_ms"] == 30_000


def test_slo_suggest_says_what_the_journey_has_kept(here: list[str]) -> None:
    text = said("slo", "suggest", *here, "--cost", "95%=a second database")
    assert text.startswith("checkout availability over 1h: suggested is ")
    assert "today's 90% is" in text
    (row,) = (line for line in text.splitlines() if line.startswith("95% "))
    assert "a second database" in row
    told = result(said("slo", "suggest", *here, "--json", "--objective", "availability"))
    assert len(told["windows"]) == 3
    assert exact(told["windows"][0]["compliance"]) < exact(told["windows"][1]["compliance"])


def test_slo_whatif_puts_another_target_beside_todays(here: list[str]) -> None:
    text = said("slo", "whatif", "--target", "99%", *here)
    assert text.startswith("checkout availability over 1h: 99% instead of 90%")
    (row,) = (line for line in text.splitlines() if line.startswith("runs that may be bad"))
    assert re.split(r"\s{2,}", row.strip()) == ["runs that may be bad", "12", "1.2"]
    assert "cannot be measured: the budget holds fewer than 3 failures" in text
    told = result(said("slo", "whatif", "checkout", "--target", "99%", *here, "--json"))
    assert (told["missed_now"], told["missed_then"]) == (0, 1)


def test_budget_explain_says_what_spent_it(here: list[str], data: Path) -> None:
    told = result(said("budget", "explain", *here, "--json"))
    for division in told["divisions"].values():
        assert sum(exact(part["share"]) for part in division) == exact(told["consumed"])
    assert [part["name"] for part in told["divisions"]["cause"]] == ["timeout"]
    text = said("budget", "explain", "checkout", *here)
    assert re.match(r"checkout availability over 1h: EXHAUSTED, 100% consumed: 12 bad runs", text)
    assert re.search(r"^region +eu +6 +50%", text, re.MULTILINE)
    assert "silent, while no server said 5xx: 12 bad" in text
    assert "\x1b" not in text  # a step may be called anything


def test_a_deploy_is_held_against_what_failed_soon_after_it(here: list[str]) -> None:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 30 * 60))
    assert prober("mark", "deploy", "v1.2.3", "--at", at, *here).returncode == 0
    told = result(said("budget", "explain", *here, "--json", "--within", "1h"))
    assert [part["name"] for part in told["divisions"]["origin"]] == ["deploy"]
    assert [each["name"] for each in told["deploys"]] == ["v1.2.3"]
    late = result(said("budget", "explain", *here, "--json", "--within", "1s"))
    assert exact(late["deploys"][0]["share"]) == 0


def test_a_narrow_terminal_gets_whole_words(here: list[str]) -> None:
    text = said("slo", "explain", *here, COLUMNS="40")
    assert "\n  page-slow\n    severity: page\n" in text
    assert "…" not in text


def test_an_evaluator_answers_as_the_journal_does(url: str, here: list[str]) -> None:
    there = json.loads(said("slo", "explain", "--url", url, "--json"))
    local = json.loads(said("slo", "explain", *here, "--json"))
    assert there["slos"] == local["slos"]
    assert "checkout availability over 1h" in said("budget", "explain", PROBER_URL=url)
    assert "touches no journey" in said("prcheck", "README.md", PROBER_URL=url)


def test_prcheck_answers_for_named_paths(here: list[str]) -> None:
    text = said("prcheck", "services/pay/api.py", "README.md", *here)
    assert "Labels: `slo/checkout`, `budget/exhausted`" in text
    assert "- [ ] Timeout:" in text
    told = json.loads(said("prcheck", "journeys/checkout.py", *here, "--json"))
    assert told["slos"][0]["paths"] == ["journeys/checkout.py"]


def git(directory: Path, *words: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run(["git", *identity, *words], cwd=directory, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository in which a file was changed, and another one renamed, since its first commit."""
    git(tmp_path, "init", "-q")
    (tmp_path / "services" / "pay").mkdir(parents=True)
    (tmp_path / "services" / "pay" / "größe api.py").write_text("1")
    (tmp_path / "README.md").write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    git(tmp_path, "tag", "base")
    (tmp_path / "services" / "pay" / "größe api.py").write_text("2")
    git(tmp_path, "commit", "-qam", "second")
    return tmp_path


def test_prcheck_takes_what_git_says_has_changed(repository: Path, here: list[str]) -> None:
    done = prober("prcheck", "--base", "base", *here, "--json", cwd=repository / "services")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["slos"][0]["paths"] == ["services/pay/größe api.py"]
    done = prober("prcheck", "--base", "HEAD", *here, cwd=repository)
    assert "This change touches no journey that has an SLO." in done.stdout


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        pytest.param(["slo", "explain", "checkin"], "did you mean checkout", id="no such SLO"),
        pytest.param(["slo", "explain", "--window", "x"], "write rolling", id="no such window"),
        pytest.param(["slo", "whatif", "--target", "99.9"], 'write "99.9%"', id="no percent"),
        pytest.param(["slo", "suggest", "--cost", "99%"], "write 99.9%=", id="no words"),
        pytest.param(["slo", "suggest", "--cost", "x=y"], "not a share", id="no target"),
        pytest.param(["budget", "explain", "--within", "2"], "write a number", id="no unit"),
        pytest.param(["prcheck"], "name paths, or a commit with --base", id="no change"),
        pytest.param(["prcheck", "--base", "nowhere"], "git cannot compare", id="no commit"),
        pytest.param(["prcheck", "--base=--output=x"], "is not a commit", id="an option"),
    ],
)
def test_a_mistake_ends_with_2_and_one_line_with_its_mend(
    words: list[str], mend: str, here: list[str], repository: Path
) -> None:
    done = prober(*words, *here, cwd=repository)
    assert done.returncode == 2
    assert mend in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_without_git_paths_can_be_named(here: list[str], tmp_path: Path) -> None:
    done = prober("prcheck", "--base", "main", *here, cwd=tmp_path, PATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "name the changed paths instead" in done.stderr


def test_without_an_evaluator_it_says_how_to_get_one() -> None:
    done = prober("slo", "explain", "--url", "http://127.0.0.1:9")
    assert done.returncode == 2
    assert "start one with `prober evaluator`" in done.stderr


def exact(value: dict[str, str]) -> Fraction:
    return Fraction(value["exact"])
