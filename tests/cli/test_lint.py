"""`prober check` as a linter of journeys: in a terminal, in editors, before a commit."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT

PROBER = Path(sys.executable).parent / "prober"
HOOK = YAML(typ="safe").load((ROOT / ".pre-commit-hooks.yaml").read_text())
JOURNEY = """\
from playwright.sync_api import Page, expect
from prober import journey, step

@journey()
def look(page: Page) -> None:
    with step("open"):
        page.goto("/")
        expect(page.locator("body")).to_be_visible()
"""
SLEEPY = JOURNEY.replace('page.goto("/")', 'page.goto("/"); page.wait_for_timeout(500)')
LEAKY = JOURNEY.replace('page.goto("/")', 'page.goto("https://shop.example/")')


def check(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [PROBER, "check", *arguments], cwd=place, capture_output=True, text=True, timeout=60
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done


@pytest.fixture
def look(tmp_path: Path) -> Path:
    """A directory with one journey."""
    (tmp_path / "journeys").mkdir()
    (tmp_path / "journeys/look.py").write_text(JOURNEY)
    return tmp_path


def test_a_file_without_findings_is_counted_and_no_more(look: Path) -> None:
    done = check(look, "journeys/look.py", "--strict")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "files: 1, errors: 0, warnings: 0\n"


def test_a_warning_stops_nothing_unless_it_is_asked_to(look: Path) -> None:
    (look / "journeys/look.py").write_text(SLEEPY)
    done = check(look, "journeys/look.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("journeys/look.py:7: sleep: a fixed wait is too long")
    assert check(look, "journeys/look.py", "--strict").returncode == 2


def test_an_error_ends_it_with_2(look: Path) -> None:
    (look / "journeys/look.py").write_text(LEAKY)
    done = check(look, "journeys/look.py")
    assert (done.returncode, done.stdout) == (2, "files: 1, errors: 1, warnings: 0\n")
    assert done.stderr == (
        "journeys/look.py:7: host-literal: it goes to shop.example, whatever the region says, "
        "write only the path, the region's base_url is put before it\n"
    )


def test_the_json_has_a_place_a_rule_and_the_mend(look: Path) -> None:
    (look / "journeys/look.py").write_text(LEAKY)
    [found] = json.loads(check(look, "journeys/look.py", "--json").stdout)["findings"]
    assert found == {
        "file": "journeys/look.py",
        "line": 7,
        "column": 19,
        "rule": "host-literal",
        "severity": "error",
        "message": "it goes to shop.example, whatever the region says",
        "mend": "write only the path, the region's base_url is put before it",
    }


def test_editors_and_github_read_the_same(look: Path) -> None:
    (look / "journeys/look.py").write_text(SLEEPY)
    gcc = check(look, "journeys/look.py", "--format", "gcc").stdout
    assert re.fullmatch(r"journeys/look\.py:7:25: warning: a fixed .* \[sleep\]\n", gcc)
    github = check(look, "journeys/look.py", "--format", "github").stdout
    told = "::warning file=journeys/look.py,line=7,col=25,title=sleep::a fixed wait"
    assert github.startswith(told)


def test_the_matcher_for_vs_code_reads_each_line(look: Path) -> None:
    page = (ROOT / "docs" / "authors.md").read_text()
    written = re.search(r'^{"version".*?^}]}$', page, re.DOTALL | re.MULTILINE)
    assert written
    [task] = json.loads(written[0])["tasks"]
    assert task["command"] == "prober check --format gcc ${relativeFile}"
    (look / "journeys/look.py").write_text(SLEEPY.replace('"body"', '"#a > div:nth-child(3)"'))
    lines = check(look, "journeys/look.py", "--format", "gcc").stdout.splitlines()
    assert len(lines) == 2
    pattern = task["problemMatcher"]["pattern"]
    for line in lines:
        found = re.match(pattern["regexp"], line)
        assert found
        told = {part: found[pattern[part]] for part in ("file", "line", "column", "severity")}
        assert told["file"] == "journeys/look.py"
        assert told["severity"] == "warning"
        assert int(told["line"]) in (7, 8) and int(told["column"]) > 1


def test_the_examples_are_clean_and_all_is_linted_with_the_rest(tmp_path: Path) -> None:
    for name in ("journeys", "regions"):
        shutil.copytree(ROOT / name, tmp_path / name)
    done = check(tmp_path, "--json")
    assert (done.returncode, json.loads(done.stdout)["findings"]) == (0, [])
    login = tmp_path / "journeys/login.py"
    login.write_text(login.read_text().replace('secret("shop_password")', '"hunter22"'))
    done = check(tmp_path)
    assert done.returncode == 2
    assert "1 must be mended" in done.stdout
    assert done.stderr.startswith("journeys/login.py:")
    assert ": secret-literal: " in done.stderr
    assert "hunter22" not in done.stdout + done.stderr


def test_contracts_and_regions_are_read_alone_and_need_no_variables(tmp_path: Path) -> None:
    shutil.copy(ROOT / "journeys/login.slo.yaml", tmp_path)
    region = tmp_path / "regions" / "here.yaml"
    region.parent.mkdir()
    region.write_text(
        "region: here\nbase_url: https://shop.example\n"
        "secrets: {shop_user: '${NOT_HERE}', shop_password: {file: /run/secrets/not-here}}\n"
    )
    assert check(tmp_path, "login.slo.yaml", "regions/here.yaml").returncode == 0
    region.write_text(region.read_text().replace("secrets", "secretz"))
    done = check(tmp_path, "login.slo.yaml", "regions/here.yaml", "--format", "gcc")
    assert done.returncode == 2
    assert done.stdout.startswith("regions/here.yaml:3:1: error: secretz: ")


def test_a_file_that_is_nothing_of_ours_is_said(tmp_path: Path) -> None:
    done = check(tmp_path, "absent.py", "notes.txt")
    assert done.returncode == 2
    assert [line.split(": ")[0] for line in done.stderr.splitlines()] == [
        "absent.py:1", "notes.txt:1",
    ]  # fmt: skip


def test_no_file_is_executed_when_files_are_named(look: Path) -> None:
    touched = look / "touched"
    (look / "journeys/look.py").write_text(f"{JOURNEY}\nopen({str(touched)!r}, 'w')\n")
    assert check(look, "journeys/look.py").returncode == 0
    assert not touched.exists()


def test_the_hook_has_what_pre_commit_asks_of_one() -> None:
    [hook] = HOOK
    assert {"id", "name", "entry", "language"} <= hook.keys()
    assert hook.keys() <= {
        "id", "name", "entry", "language", "files", "exclude", "types", "types_or",
        "exclude_types", "always_run", "fail_fast", "verbose", "pass_filenames",
        "require_serial", "description", "language_version", "minimum_pre_commit_version",
        "args", "stages", "additional_dependencies",
    }  # fmt: skip
    assert (hook["entry"], hook["language"]) == ("prober check", "python")


def test_the_hook_takes_every_file_of_ours_and_passes() -> None:
    listing = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    [hook] = HOOK
    taken = [
        name
        for name in listing
        if re.search(hook["files"], name) and not re.search(hook["exclude"], name)
    ]
    assert {"journeys/login.py", "journeys/login.slo.yaml", "regions/eu-west-1.yaml"} <= {*taken}
    done = check(ROOT, *taken, "--strict")
    assert (done.returncode, done.stderr) == (0, "")
