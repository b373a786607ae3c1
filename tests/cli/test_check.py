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


def prober(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [PROBER, *arguments], cwd=place, capture_output=True, text=True, timeout=60
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done


def check(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return prober(place, "check", *arguments)


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


def test_a_step_and_an_assertion_that_the_journey_does_not_have_are_told(place: Path) -> None:
    for name, old, new in (
        ("login", "step: sign in}", "step: signin}"),
        ("checkout", "assertion: order-total", "assertion: order_total"),
    ):
        contract = place / "journeys" / f"{name}.slo.yaml"
        assert old in contract.read_text()
        contract.write_text(contract.read_text().replace(old, new))
    done = check(place)
    assert done.returncode == 2
    assert done.stdout.startswith("3 journeys, 3 regions, 6 objectives: 2 must be mended\n")
    assert done.stderr == (
        "journeys/checkout.slo.yaml:16: spec.objectives[2].sli.assertion: checkout has no "
        "assertion 'order_total', so the state stays UNKNOWN, did you mean order-total? "
        "[unknown_assertion]\n"
        "journeys/login.slo.yaml:15: spec.objectives[1].sli.latency.step: login has no step "
        "'signin', so no run is ever good, did you mean sign in? [unknown_step]\n"
    )
    login = place / "journeys" / "login.py"
    login.write_text(login.read_text() + "\n\ndef more(name: str) -> None:\n    step(name)\n")
    assert "unknown_step" not in check(place).stderr, "a name that is computed may be that one"


def test_a_step_of_a_page_object_is_the_journey_s(place: Path) -> None:
    login = place / "journeys" / "login.py"
    shared = 'from prober import step\n\n\ndef leave() -> None:\n    with step("leave"): pass\n'
    (place / "journeys" / "_pages.py").write_text(shared)
    contract = place / "journeys" / "login.slo.yaml"
    contract.write_text(contract.read_text().replace("step: sign in}", "step: leave}"))
    assert check(place).stderr.count("[unknown_step]") == 1
    login.write_text(login.read_text().replace("from prober", "import _pages\nfrom prober", 1))
    assert check(place).stderr == ""


def test_a_journey_without_a_contract_is_a_warning(place: Path) -> None:
    (place / "journeys" / "login.slo.yaml").unlink()
    line = (place / "journeys" / "login.py").read_text().split("@journey")[0].count("\n") + 1
    said = "login has no contract, so nobody judges it, write journeys/login.slo.yaml"
    done = check(place)
    assert (done.returncode, done.stderr) == (0, "")
    assert "all files load and fit together" in done.stdout
    assert done.stdout.count("no_contract") == 1
    assert f"  warning: journeys/login.py:{line}: no_contract: {said}\n" in done.stdout
    gcc = check(place, "--format", "gcc").stdout
    assert f"journeys/login.py:{line}:1: warning: {said} [no_contract]\n" in gcc
    assert check(place, "--strict").returncode == 2
    [found] = json.loads(check(place, "--json").stdout)["findings"]
    assert (found["rule"], found["severity"], found["line"]) == ("no_contract", "warning", line)


def test_without_any_contract_every_journey_is_warned_of(place: Path) -> None:
    for contract in (place / "journeys").glob("*.slo.yaml"):
        contract.unlink()
    done = check(place)
    assert (done.returncode, done.stdout.count("no_contract")) == (0, 3)


NOBODY = (
    "no file here declares a journey, "
    "put @journey(…) on a function of a file whose name does not begin with _\n"
)


@pytest.mark.parametrize("file", ["_login.py", "login.py", "conftest.py", "shop/login.py"])
def test_files_of_which_none_declares_a_journey_are_an_error(place: Path, file: str) -> None:
    text = (place / "journeys" / "login.py").read_text()
    shutil.rmtree(place / "journeys")
    written = place / "journeys" / file
    written.parent.mkdir(parents=True)
    written.write_text(text.replace("@journey", "# @journey") if file == "login.py" else text)
    done = check(place)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"journeys: {NOBODY}")


def test_contracts_alone_are_no_journeys(place: Path) -> None:
    for file in (place / "journeys").glob("*.py"):
        file.unlink()
    done = check(place)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"journeys: {NOBODY}")


def test_a_file_that_does_not_load_is_not_said_to_declare_nothing(place: Path) -> None:
    for file in (place / "journeys").glob("*.py"):
        file.write_text("1 +\n")
    done = check(place)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 3)
    assert "declares" not in done.stderr


def test_an_empty_directory_has_no_journeys_and_none_by_a_name(place: Path) -> None:
    shutil.rmtree(place / "journeys")
    (place / "journeys").mkdir()
    done = check(place)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("0 journeys, 3 regions, 0 objectives: all files load")
    for verb in ("run", "mutate"):
        said = prober(place, verb, "login")
        assert (said.returncode, said.stderr) == (2, f"prober: {NOBODY}")
        (place / "journeys" / "_login.py").touch()
        said = prober(place, verb, "login")
        assert (said.returncode, said.stderr) == (2, f"journeys: {NOBODY}")
        (place / "journeys" / "_login.py").unlink()


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
