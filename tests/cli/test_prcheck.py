"""`prober prcheck --base`: what a branch itself changed, whatever others did meanwhile."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.past import prober, shop

JOURNEY = "journeys/checkout.py"


def git(directory: Path, *words: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run(["git", *identity, *words], cwd=directory, check=True, capture_output=True)


def commit(directory: Path, path: str, text: str = "x") -> None:
    """Write a file, and note it under its name."""
    (directory / path).write_text(text)
    git(directory, "add", path)
    git(directory, "commit", "-qm", path)


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A journal in a repository: on the branch `feature`, which left `main` after one commit."""
    git(shop(tmp_path), "init", "-q", "-b", "main")
    commit(tmp_path, "README.md")
    git(tmp_path, "checkout", "-qb", "feature")
    commit(tmp_path, "notes.md")
    return tmp_path


def touched(there: Path, base: str = "main") -> list[str]:
    """The paths by which the change touches the contract."""
    done = prober(there, "prcheck", "--base", base, "--journal", ".", "--json")
    assert done.returncode == 0, done.stderr
    return [path for slo in json.loads(done.stdout)["slos"] for path in slo["paths"]]


def test_what_others_changed_on_the_base_is_no_part_of_a_change(there: Path) -> None:
    git(there, "checkout", "-q", "main")
    commit(there, JOURNEY)
    git(there, "checkout", "-q", "feature")
    assert touched(there) == []


def test_what_it_changed_itself_is_committed_or_not(there: Path) -> None:
    commit(there, JOURNEY)
    assert touched(there) == [JOURNEY]
    git(there, "checkout", "-qb", "another", "main")
    commit(there, JOURNEY, "once")
    git(there, "checkout", "-q", "-B", "main")
    (there / JOURNEY).write_text("twice")
    assert touched(there) == [JOURNEY]


def test_a_branch_that_took_the_base_in_and_gave_to_it_is_compared_all_the_same(
    there: Path,
) -> None:
    git(there, "checkout", "-q", "main")
    commit(there, "theirs.md")
    git(there, "branch", "theirs")
    git(there, "merge", "-q", "--no-edit", "feature~0")
    git(there, "checkout", "-q", "feature")
    git(there, "merge", "-q", "--no-edit", "theirs")
    commit(there, JOURNEY)
    assert JOURNEY in touched(there), "two commits are the newest that both have"


@pytest.mark.parametrize("shallow", [False, True])
def test_without_a_commit_in_common_it_says_so_and_what_to_do(
    there: Path, tmp_path_factory: pytest.TempPathFactory, shallow: bool
) -> None:
    if shallow:
        commit(there, JOURNEY)
        clone = tmp_path_factory.mktemp("clone") / "it"
        git(there, "clone", "-q", "--depth=1", "--no-single-branch", there.as_uri(), str(clone))
        base = "origin/main"
    else:
        git(there, "checkout", "-q", "--orphan", "alone")
        commit(there, JOURNEY)
        clone, base = there, "main"
    done = prober(clone, "prcheck", "--base", base, "--journal", str(there))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"prober: git cannot compare with {base}: it has no commit in common with HEAD here, "
        "fetch the history of both\n"
    )
