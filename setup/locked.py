"""Prints the part of requirements.lock that some work needs, hashes and all.

`python setup/locked.py run` for running Prober, `build` for making its wheel. The lock holds
what developing needs too, and an image should not. It runs before anything is installed.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

#: What pyproject.toml asks for, by work.
ASKED = {
    "run": lambda project: (
        project["project"]["dependencies"] + project["project"]["optional-dependencies"]["s3"]
    ),
    "build": lambda project: project["build-system"]["requires"],
}


def part(lock: str, roots: set[str]) -> str:
    """The blocks of a lock that roots lead to, by who it says each package is there for."""
    blocks = re.findall(r"^(?:[^\s#].*\n)(?:[ #].*\n)*", lock, re.MULTILINE)
    by_name = {named(block): block for block in blocks}
    wanted = set(roots)
    while more := {name for name in by_name if wanted & parents(by_name[name])} - wanted:
        wanted |= more
    if absent := wanted - by_name.keys():
        sys.exit(f"setup: requirements.lock lacks {', '.join(sorted(absent))}: make lock")
    return "".join(block for name, block in by_name.items() if name in wanted)


def parents(block: str) -> set[str]:
    """The packages that a block names after `via`."""
    comments = [line.strip("# ") for line in block.splitlines() if line.lstrip().startswith("#")]
    return {named(comment.removeprefix("via").strip()) for comment in comments}


def named(text: str) -> str:
    """The name that a requirement begins with, as locks spell it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", text, maxsplit=1)[0]).lower()


def main() -> None:
    """Print it."""
    if len(sys.argv) != 2 or sys.argv[1] not in ASKED:
        sys.exit(f"setup: say one of {', '.join(ASKED)}")
    project = tomllib.loads(Path("pyproject.toml").read_text())
    roots = {named(requirement) for requirement in ASKED[sys.argv[1]](project)}
    print(part(Path("requirements.lock").read_text(), roots), end="")


if __name__ == "__main__":
    main()
