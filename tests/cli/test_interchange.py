"""`prober slo export` and `prober slo import` as a user calls them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from prober.slo.format import load
from tests.conftest import BACKENDS, ROOT, require_backends

Run = Callable[..., subprocess.CompletedProcess[str]]
PAGE = (ROOT / "docs" / "interchange.md").read_text()
LOGIN, CHECKOUT = "journeys/login.slo.yaml", "journeys/checkout.slo.yaml"


@pytest.fixture
def slo(tmp_path: Path) -> Run:
    """`slo(*arguments)` among the example journeys."""
    for name in ("journeys", "regions"):
        (tmp_path / name).symlink_to(ROOT / name)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "prober", "slo", *arguments]
        environ = {"SHOP_URL": "http://127.0.0.1:1", "PATH": ""}
        return subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)

    return run


def files(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_rules_of_several_contracts_are_a_file_each_that_promtool_takes(
    slo: Run, tmp_path: Path
) -> None:
    require_backends()
    done = slo("export", "prometheus", LOGIN, CHECKOUT, "--window", "rolling", "--output", "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert files(tmp_path / "out") == {"login.rules.yaml", "checkout.rules.yaml"}
    paths = map(str, (tmp_path / "out").iterdir())
    command = [str(BACKENDS / "bin" / "promtool"), "check", "rules", "--lint-fatal", *paths]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_rules_know_how_often_and_where_a_journey_runs(slo: Run, tmp_path: Path) -> None:
    text = slo("export", "prometheus", LOGIN).stdout
    regions = {path.stem for path in (ROOT / "regions").glob("*.yaml")} - {"compose"}
    assert set(re.findall(r"no verdict from ([\w-]+) for 15m", text)) == regions
    (tmp_path / "empty").mkdir()
    done = slo("export", "prometheus", LOGIN, "--regions", "empty")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_standard_output_holds_one_file_or_a_stream_where_the_tool_takes_one(slo: Run) -> None:
    assert slo("export", "openslo", LOGIN, CHECKOUT).stdout.count("kind: Service\n") == 2
    done = slo("export", "sloth", LOGIN, CHECKOUT, "--window", "rolling")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "prober: it would be 2 files, name a directory with --output\n"


def test_a_contract_goes_out_and_comes_back(slo: Run, tmp_path: Path) -> None:
    slo("export", "openslo", CHECKOUT, "--output", "out")
    done = slo("import", "out/checkout.openslo.yaml", "--output", "back")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "back/checkout.slo.yaml\n"
    assert load(tmp_path / "back" / "checkout.slo.yaml").hash == load(ROOT / CHECKOUT).hash
    again = slo("import", "out/checkout.openslo.yaml", "--output", "back")
    assert again.returncode == 0


def test_a_contract_that_says_something_else_is_not_overwritten(slo: Run, tmp_path: Path) -> None:
    slo("export", "openslo", CHECKOUT, "--output", "out")
    (tmp_path / "out" / "checkout.slo.yaml").write_text("mine: 1\n")
    done = slo("import", "out/checkout.openslo.yaml", "--output", "out")
    assert done.returncode == 2
    assert "out/checkout.slo.yaml is there already and says something else" in done.stderr
    assert (tmp_path / "out" / "checkout.slo.yaml").read_text() == "mine: 1\n"


OTHER = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: basket}
spec:
  service: basket
  indicator:
    spec:
      ratioMetric:
        good: {metricSource: {type: otlp, spec: {metric: prober.runs}}}
        total: {metricSource: {type: otlp, spec: {metric: prober.runs}}}
  timeWindow: [{duration: 4w, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.995}]
"""


def test_what_is_to_be_filled_in_is_told_beside_the_contract(slo: Run, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(OTHER)
    done = slo("import", "other.yaml")
    assert done.returncode == 0
    assert "journey: basket" in done.stdout
    assert [line.split(": ")[:2] for line in done.stderr.splitlines()] == [
        ["basket.slo.yaml", "spec.journey"],
        ["basket.slo.yaml", "spec.owners"],
        ["basket.slo.yaml", "spec.rationale"],
    ]
    found = json.loads(slo("import", "other.yaml", "--json").stdout)
    assert [file["name"] for file in found["files"]] == ["basket.slo.yaml"]
    assert {note["file"] for note in found["notes"]} == {"basket.slo.yaml"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("export", "openslo", "none.yaml"), "none.yaml: cannot be read"),
        (("export", "nagios", LOGIN), "'nagios' is not one of"),
        (("export", "sloth", CHECKOUT), f"{CHECKOUT}:19: spec.windows[1]: Sloth knows no calendar"),
        (("export", "pyrra", LOGIN, "--window", "week"), "there is no window week, name one of"),
        (("export", "openslo", LOGIN, "--window", "rolling"), "leave --window out"),
        (("export", "openslo", LOGIN, "--output", LOGIN), "cannot be written to"),
        (("import", "none.yaml"), "none.yaml: cannot be read"),
        (("import", LOGIN), f"{LOGIN}:1: apiVersion: 'prober/v1' is not known"),
    ],
)
def test_a_mistake_is_a_clear_line_and_exit_2(
    slo: Run, arguments: tuple[str, ...], said: str
) -> None:
    done = slo(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_documented_names_are_those_of_the_rules(slo: Run) -> None:
    text = slo("export", "prometheus", LOGIN).stdout
    section = PAGE.split("\n## Prometheus\n")[1].split("\n## ")[0]
    names = set(re.findall(r"`(prober:[\w:]+|Prober\w+)`", section))
    assert names == {name for name in names if re.search(rf"(record|alert): {name}\n", text)}
    kinds = set(re.findall(r"alert: (\w+)", text))
    assert kinds <= names
