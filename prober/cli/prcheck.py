"""`prober prcheck`: what a change touches, as a comment for its reviewers."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Annotated, Final

import typer

from prober.cli.ask import CONTRACTS, DEFAULT_URL, ask, show
from prober.cli.where import AsJson, Contracts, Journal, Url
from prober.errors import ProberError

#: Where git says nothing: also of a clone that is too shallow.
_APART: Final = "it has no commit in common with HEAD here, fetch the history of both"


def command(
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="Changed paths, from the top of the repository.", show_default=False),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(help="Take what git says has changed since it left this branch instead."),
    ] = None,
    url: Url = DEFAULT_URL,
    journal: Journal = None,
    contracts: Contracts = CONTRACTS,
    as_json: AsJson = False,
) -> None:
    """Say which SLOs a change touches, with labels and a checklist in Markdown."""
    if not paths and base is None:
        raise ProberError("nothing is said to have changed: name paths, or a commit with --base")
    changed = [*(paths or ()), *(_changed_since(base) if base is not None else ())]
    answer = ask("prcheck", {"paths": changed}, url=url, journal=journal, contracts=contracts)
    show(answer, [answer["markdown"].rstrip("\n")], as_json)


def _changed_since(base: str) -> list[str]:
    """Paths that a branch changed since it left another, from the top of the repository.

    What is not committed yet is among them; what others did to `base` meanwhile is not.
    """
    if base.startswith("-"):
        raise ProberError(f"--base {base!r} is not a commit, write one such as origin/main")
    # `git diff --merge-base` says the same, but refuses where branches were merged both ways.
    left = _git(base, "merge-base", base, "HEAD").strip()
    said = _git(base, "diff", "--name-only", "-z", "--no-renames", left, "--")
    return [path for path in said.split("\0") if path]


def _git(base: str, *words: str) -> str:
    """What git says."""
    try:
        done = subprocess.run(["git", *words], capture_output=True, check=False, cwd=Path.cwd())
    except FileNotFoundError as error:
        raise ProberError("there is no git here: name the changed paths instead") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        why = said[0] if said else _APART
        raise ProberError(f"git cannot compare with {base}: {why}")
    return done.stdout.decode(errors="replace")
