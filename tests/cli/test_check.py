"""`prober check`: everything there is loads and fits, or every problem has its line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PROBER = Path(sys.executable).parent / "prober"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A copy of the example journeys, contracts and regions."""
    for name in ("journeys", "regions"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def check(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [PROBER, "check", *arguments], cwd=place, capture_output=True, text=True, timeout=60
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done


@pytest.mark.parametrize(("of", "file"), [("contract", "slo"), ("region", "region")])
def test_the_schemas_for_editors_come_with_the_command(tmp_path: Path, of: str, file: str) -> None:
    done = check(tmp_path, "--schema", of)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (ROOT / "docs" / f"{file}.schema.json").read_text()


def test_the_examples_fit_together(place: Path) -> None:
    done = check(place)
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 journeys, 3 regions" in done.stdout
    assert "checkout: every 5m, at most 1m, browser." in done.stdout


def test_what_a_region_does_otherwise_is_said_below_it(place: Path) -> None:
    region = place / "regions" / "eu-west-1.yaml"
    region.write_text(f"{region.read_text()}journeys: {{checkout: {{every: 15s, timeout: 14s}}}}\n")
    done = check(place)
    assert "there: every" not in done.stdout.split("  us-east-1: ")[1]
    below = done.stdout.split("  eu-west-1: ")[1].splitlines()[1]
    assert below == "    checkout there: every 15s, at most 14s"


def test_json_is_one_object(place: Path) -> None:
    found = json.loads(check(place, "--json").stdout)
    assert {"journeys", "regions", "objectives", "lints"} <= found.keys()
    assert [journey["name"] for journey in found["journeys"]] == [
        "account_api", "checkout", "login",
    ]  # fmt: skip


def test_a_region_that_cannot_doubt_its_own_network_is_warned(place: Path) -> None:
    region = place / "regions" / "eu-west-1.yaml"
    assert region.name not in check(place).stdout, "its target is on this machine"
    text = region.read_text().replace("http://127.0.0.1:8123", "https://shop.example")
    region.write_text(text)
    [line] = [line for line in check(place).stdout.splitlines() if region.name in line]
    assert "no host is named to tell this region's own network failures" in line
    region.write_text(f"{text}control: {{references: [https://one.example]}}\n")
    assert region.name not in check(place).stdout


def test_every_problem_of_every_file_has_its_line(place: Path) -> None:
    (place / "journeys" / "broken.py").write_text("1 +\n")
    region = place / "regions" / "eu-west-1.yaml"
    region.write_text(region.read_text().replace("sandbox:", "sandbx:"))
    contract = place / "journeys" / "login.slo.yaml"
    contract.write_text(contract.read_text().replace("target:", "targt:", 1))
    done = check(place)
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert any(line.startswith(f"{place}/journeys/broken.py:1:") for line in lines) or any(
        "broken.py:1:" in line for line in lines
    )
    assert any("eu-west-1.yaml" in line and "sandbx" in line for line in lines)
    assert any("login.slo.yaml" in line and "targt" in line for line in lines)


def test_a_warning_is_shown_and_stops_nothing(place: Path) -> None:
    done = check(place)
    assert done.returncode == 0
    assert (
        "  warning: journeys/checkout.slo.yaml:13: spec.objectives: checkout has 3 objectives"
        in done.stdout
    )
    assert "[too_many_objectives]" in done.stdout


def test_a_contract_that_cannot_work_has_its_line_and_the_mend(place: Path) -> None:
    contract = place / "journeys" / "login.slo.yaml"
    contract.write_text(contract.read_text().replace("99.5%", "99.999%"))
    done = check(place)
    assert done.returncode == 2
    assert done.stdout.startswith("3 journeys, 3 regions, 6 objectives: 1 must be mended\n")
    assert done.stderr == (
        "journeys/login.slo.yaml:14: spec.objectives[0].target: 0.001% of 25920 in 30d = 0.259 "
        "that may be bad, fewer than 3: chance would decide, lower the target, lengthen the window "
        "or run more often [budget_below_k_min]\n"
    )


def test_what_cannot_work_is_in_the_json_too(place: Path) -> None:
    contract = place / "journeys" / "login.slo.yaml"
    contract.write_text(contract.read_text().replace("  policy: seed-5\n", ""))
    done = check(place, "--json")
    assert (done.returncode, done.stderr) == (2, "")
    errors = [each for each in json.loads(done.stdout)["lints"] if each["severity"] == "error"]
    assert errors == [
        {
            "slo": "login",
            "code": "policy_missing",
            "severity": "error",
            "file": "journeys/login.slo.yaml",
            "line": 7,
            "path": "spec.policy",
            "what": "nothing follows from any state: there is no policy with an action for each",
            "mend": "write policy: seed-5",
        }
    ]


def test_a_journey_that_no_region_runs_is_said(place: Path) -> None:
    for region in (place / "regions").glob("*-1.yaml"):
        region.write_text(region.read_text() + "only: [login, checkout]\n")
    done = check(place)
    assert done.returncode == 0
    assert "account-api availability over 30d: no region runs its journey" in done.stdout
    assert "[journey_in_no_region]" in done.stdout


@pytest.mark.parametrize("code", ["import os; os._exit(1)", "raise KeyboardInterrupt"])
def test_a_journey_file_that_ends_python_is_one_line(place: Path, code: str) -> None:
    (place / "journeys" / "broken.py").write_text(code)
    done = check(place)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_too_much_to_do_is_said(place: Path) -> None:
    checkout = place / "journeys" / "checkout.py"
    text = checkout.read_text().replace('every="5m"', 'every="1m"').replace('"60s"', '"59s"')
    checkout.write_text(text)
    for region in (place / "regions").glob("*-1.yaml"):
        region.write_text(region.read_text() + "concurrency: 1\n")
    done = check(place)
    assert done.returncode == 0
    assert "some slots would be skipped(capacity)" in done.stdout
