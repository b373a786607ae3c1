"""Set-up: quick when done, plain when it cannot go on, and a pipeline that hides no failure."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a command far from the checkout, with variables of the caller's."""

    def start(*command: object, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(part) for part in command],
            cwd=tmp_path,
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    return start


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A directory with the set-up scripts of this one and nothing else."""
    place = tmp_path / "a fresh checkout"
    for name in ("setup", ".ci"):
        shutil.copytree(ROOT / name, place / name)
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, place / name)
    return place


@pytest.fixture
def poor_path(tmp_path: Path) -> str:
    """A search path with the commands every Unix has, and no apt."""
    commands = tmp_path / "commands"
    commands.mkdir()
    for name in ("bash", "dirname", "mkdir", "rm"):
        (commands / name).symlink_to(shutil.which(name) or pytest.fail(f"no {name}"))
    return str(commands)


def test_make_alone_explains_every_target(run: Run) -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = next(line for line in makefile.splitlines() if line.startswith(".PHONY:"))
    result = run("make", "-f", ROOT / "Makefile")
    shown = [line.split()[1] for line in result.stdout.splitlines()]
    assert shown == phony.split()[1:]


@pytest.mark.skipif(Path(sys.prefix) != ROOT / ".venv", reason="these tests run from elsewhere")
def test_installing_again_does_nothing_and_works_from_anywhere(run: Run) -> None:
    assert run("make", "-C", ROOT, "-s", "install").returncode == 0
    again = run("make", "-f", ROOT / "Makefile", "install")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_a_directory_with_a_space_in_its_name_is_one_directory(run: Run, checkout: Path) -> None:
    result = run("make", "-f", checkout / "Makefile", "install", PYTHON="false")
    assert "setup: false is not Python 3.11 or newer" in result.stderr


def test_an_interpreter_that_is_too_old_is_named_with_the_mend(run: Run, checkout: Path) -> None:
    result = run(checkout / "setup" / "environment", PYTHON="false")
    assert (result.returncode, result.stderr.splitlines()) == (
        1,
        [
            "setup: false is not Python 3.11 or newer:",
            "setup: install one, or name it: make install PYTHON=…",
        ],
    )


def test_a_chosen_browser_that_does_not_work_is_refused(run: Run, checkout: Path) -> None:
    result = run(sys.executable, checkout / "setup" / "browser.py", PROBER_BROWSER="/no/browser")
    assert result.returncode == 1
    assert result.stderr.startswith("setup: PROBER_BROWSER=/no/browser does not work (")
    assert result.stderr.count("\n") == 1


def test_without_apt_the_backends_are_absent_and_the_reason_is_kept(
    run: Run, checkout: Path, poor_path: str
) -> None:
    result = run(checkout / "setup" / "backends", PATH=poor_path, CI="")
    assert (result.returncode, result.stdout) == (
        0,
        "setup: no metric backends: apt is not here; tests that need them will skip\n",
    )
    assert (checkout / ".cache/backends/absent").read_text() == "apt is not here\n"


def test_without_apt_a_pipeline_fails(run: Run, checkout: Path, poor_path: str) -> None:
    result = run(checkout / "setup" / "backends", PATH=poor_path, CI="true")
    assert (result.returncode, result.stderr) == (
        1,
        "setup: no metric backends: apt is not here\n",
    )


def test_without_apt_there_is_no_strace_and_it_says_what_skips(
    run: Run, checkout: Path, poor_path: str
) -> None:
    result = run(checkout / "setup" / "strace", PATH=poor_path)
    assert (result.returncode, result.stdout) == (
        0,
        "setup: no strace: apt is not here; tests that cut the power will skip\n",
    )


#: Of the pipeline: those that run as they are, and those in short form.
WHOLE, SHORT = ("check", "cover", "test"), ("chaos", "blame", "fleet")


@pytest.mark.parametrize("fails", ["", *WHOLE, *SHORT])
def test_a_pipeline_runs_everything_and_fails_with_any_of_it(
    run: Run, checkout: Path, fails: str
) -> None:
    (checkout / "Makefile").write_text(
        "".join(
            f"{target}:\n\t@echo {target} CI=$$CI $$PROBER_LONG; test {target} != '{fails}'\n"
            for target in (*WHOLE, *SHORT)
        )
    )
    result = run("bash", checkout / ".ci" / "run")
    assert result.returncode == bool(fails)
    for target in WHOLE:
        assert f"\n{target} CI=true" in result.stdout
    for target in SHORT:
        assert f"\n{target} CI=true short" in result.stdout


def test_a_pipeline_on_a_slow_machine_says_what_it_leaves_out(run: Run, checkout: Path) -> None:
    (checkout / "Makefile").write_text(
        "".join(f"{target}:\n\t@echo {target} ran\n" for target in (*WHOLE, *SHORT))
    )
    pipeline = checkout / ".ci" / "run"
    slow_min = re.search(r"^slow_s=\$\(\((\d+) \* 60\)\)", pipeline.read_text(), re.MULTILINE)
    assert slow_min
    result = run("bash", pipeline, SECONDS=str(60 * int(slow_min[1])))
    assert result.returncode == 0
    assert re.findall(r"^(\w+) ran$", result.stdout, re.MULTILINE) == [*WHOLE, *SHORT[:1]]
    assert re.findall(r"make (\w+) is left out", result.stdout) == list(SHORT[1:])


def test_without_an_engine_there_is_no_image_and_the_reason_is_kept(
    run: Run, checkout: Path, poor_path: str
) -> None:
    result = run(checkout / "setup" / "image", PATH=poor_path, CI="true")
    assert (result.returncode, result.stdout) == (
        0,
        "setup: no image: no Docker engine answers\n",
    )
    assert (checkout / ".cache/image/absent").read_text() == "no Docker engine answers\n"


def test_an_image_gets_what_running_needs_and_not_what_developing_does(run: Run) -> None:
    def locked(work: str) -> set[str]:
        command = f"cd '{ROOT}' && '{sys.executable}' setup/locked.py {work}"
        said = run("bash", "-c", command).stdout
        return {line.split("==")[0] for line in said.splitlines() if "==" in line}

    assert {"playwright", "greenlet", "protobuf", "certifi"} <= locked("run")
    assert not {"pytest", "mypy", "ruff", "hatchling"} & locked("run")
    assert {"hatchling", "pathspec"} <= locked("build")
    assert "playwright" not in locked("build")


def test_the_lock_names_no_place_that_packages_come_from() -> None:
    assert "://" not in (ROOT / "requirements.lock").read_text()


def test_victoria_keeps_what_it_was_given_over_a_restart(victoria: Callable[[], Any]) -> None:
    server = victoria()
    server.http.post("/api/v1/import/prometheus", content="runs_total 7").raise_for_status()
    server.restart()
    assert [point["value"][1] for point in server.query("runs_total")] == ["7"]


def test_the_shop_is_a_running_process_that_can_be_broken(shop: Any) -> None:
    shop.fault("error", where="products")
    assert shop.http.get("/").status_code == 500
    shop.fault(None)
    assert shop.http.get("/").status_code == 200
    assert "5xx" in shop.metrics()
