"""The pipelines in `examples/` work as they stand, shell and all, against a real evaluator."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.cli.judge import COMMIT, Judge
from tests.conftest import ROOT

EXAMPLES = ROOT / "examples"
#: Of another commit, which no override is for.
OTHER = "90d3f2c1ab90d3f2c1ab90d3f2c1ab90d3f2c1ab"
Steps = list[tuple[str, dict[str, str]]]


def load(name: str) -> dict[str, Any]:
    parsed: dict[str, Any] = YAML(typ="safe").load((EXAMPLES / name).read_text())
    return parsed


def github(commit: str) -> Steps:
    """Each step's script, and what GitHub sets for it."""
    workflow = load("github-actions.yml")
    (job,) = workflow["jobs"].values()
    assert job["defaults"]["run"]["shell"] == "bash"
    mine = {k: v for k, v in job["env"].items() if "${{" not in v}
    environ = {**mine, "GITHUB_SHA": commit, "GITHUB_STEP_SUMMARY": "summary.md"}
    return [(step["run"], environ) for step in job["steps"] if "run" in step]


def gitlab(commit: str) -> Steps:
    """Each job's script, and what GitLab sets for it."""
    pipeline = load("gitlab-ci.yml")
    environ = {**pipeline["variables"], "CI_COMMIT_SHA": commit}
    return [("\n".join(pipeline[stage]["script"]), environ) for stage in pipeline["stages"]]


PIPELINES = [pytest.param(github, id="GitHub Actions"), pytest.param(gitlab, id="GitLab CI")]


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    running = Judge(tmp_path_factory.mktemp("judge"))
    yield running
    running.close()


class Runner:
    """A checkout with a `deploy` in it, and what the pipeline's machine knows."""

    def __init__(self, directory: Path, environ: Mapping[str, str]) -> None:
        self.directory = directory
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environ = {**environ, "PATH": path}
        deploy = directory / "deploy"
        deploy.write_text("#!/bin/sh\ntouch deployed\n")
        deploy.chmod(0o755)

    def run(self, steps: Steps, **environ: str) -> tuple[int, str]:
        """The exit code of the first step that fails, or 0, and all that was printed."""
        said = ""
        for script, given in steps:
            end = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
                cwd=self.directory,
                env={**self.environ, **given, **environ},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=120,
                check=False,
            )
            said += end.stdout
            if end.returncode:
                return end.returncode, said
        return 0, said

    @property
    def deployed(self) -> bool:
        return (self.directory / "deployed").exists()


@pytest.fixture
def runner(judge: Judge, tmp_path: Path) -> Runner:
    return Runner(tmp_path, judge.environ)


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_a_change_that_may_ship_is_deployed_and_noted(
    pipeline: Callable[[str], Steps], runner: Runner, judge: Judge
) -> None:
    code, said = runner.run(pipeline(COMMIT), SLO="search")
    assert (code, runner.deployed) == (0, True), said
    assert "allow: budget available: ship" in said
    assert COMMIT in judge.prober("mark", "list").stdout


@pytest.mark.parametrize("pipeline", PIPELINES)
@pytest.mark.parametrize(
    ("slo", "code", "line"),
    [
        pytest.param("login", 10, "approval:sre: it takes approval by sre", id="approval"),
        pytest.param("account", 20, "block: feature changes are frozen", id="block"),
        pytest.param("signup", 30, "inconclusive: too little is known", id="inconclusive"),
    ],
)
def test_a_change_that_is_stopped_is_not_deployed(
    pipeline: Callable[[str], Steps], runner: Runner, slo: str, code: int, line: str
) -> None:
    found, said = runner.run(pipeline(OTHER), SLO=slo)
    assert (found, runner.deployed) == (code, False), said
    assert line in said
    assert (runner.directory / "gate.txt").read_text().startswith(line)


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_a_change_that_is_overridden_is_deployed(
    pipeline: Callable[[str], Steps], runner: Runner, judge: Judge
) -> None:
    assert runner.run(pipeline(OTHER), SLO="checkout")[0] == 20
    granted = judge.prober(
        "override", "grant", "--slo", "checkout", "--commit", COMMIT,
        "--role", "vp_engineering", "--by", "ada", "--reason", "legal deadline",
    )  # fmt: skip
    assert granted.returncode == 0, granted.stderr
    code, said = runner.run(pipeline(COMMIT), SLO="checkout")
    assert (code, runner.deployed) == (0, True), said
    assert "allow_overridden: overridden by ada (vp_engineering)" in said


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_a_reliability_change_is_said_to_be_one(
    pipeline: Callable[[str], Steps], runner: Runner
) -> None:
    code, said = runner.run(pipeline(OTHER), SLO="checkout", CHANGE="reliability")
    assert code == 10
    assert "approval:vp_engineering" in said


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_a_gate_that_cannot_be_asked_stops_the_change(
    pipeline: Callable[[str], Steps], runner: Runner
) -> None:
    assert runner.run(pipeline(COMMIT), SLO="search", PROBER_TOKEN="wrong")[0] == 2
    assert runner.run(pipeline(COMMIT), SLO="search", PROBER_URL="http://127.0.0.1:1")[0] == 30
    assert not runner.deployed


def test_github_shows_the_decision_in_its_summary_and_the_error_in_a_line(runner: Runner) -> None:
    _, said = runner.run(github(OTHER), SLO="account")
    assert "::error title=Deploys are frozen::block: feature changes are frozen\n" in said
    summary = (runner.directory / "summary.md").read_text()
    assert summary.startswith("```\nblock: feature changes are frozen\n")
    assert summary.endswith("```\n")


def test_no_script_holds_an_expression_that_only_the_platform_can_read() -> None:
    for script, _ in [*github(COMMIT), *gitlab(COMMIT)]:
        assert "${{" not in script  # nor could a branch's name become shell
