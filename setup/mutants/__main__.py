"""Tries the tests of prober/slo on every small mistake that mutmut knows how to make in it.

`python setup/mutants [FUNCTION…]`, such as `gate.*` or `room.Course.fits`; without any it is all
of them, and `--listed` leaves out whatever did not survive before. Whatever survives has to be
listed in docs/mutants.md, and whatever is listed has to survive: the exit code is 1 when the two
differ.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from pathlib import Path

import listed
import tree
from listed import Mutant

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / ".cache" / "mutants"
LIST = ROOT / "docs" / "mutants.md"
TESTS = ("tests/slo", "tests/conformance", "tests/test_invalid.py")
#: It starts a process with an environment of its own, in which no mutant wakes up.
ASLEEP = "tests/slo/test_contract.py::test_time_zones_are_known_where_the_system_has_none"
#: Few cases of each law, always the same: a mutant that survives today survives tomorrow.
PYTEST = (
    *(sys.executable, "-m", "pytest", "-p", "trial", "-q", "-s", "--tb=no", "--timeout=120"),
    *("-p", "no:cacheprovider", "-p", "no:playwright", "-p", "no:cov"),
    *("--hypothesis-profile=quick", "--deselect", ASLEEP, *TESTS),
)


def main(arguments: list[str]) -> int:
    """Try mutants and hold the survivors against the list."""
    began_s = time.monotonic()
    again = "--listed" in arguments
    patterns = [each for each in arguments if each != "--listed"]
    expected = {each for each in listed.read(LIST) if wanted(each, patterns)}
    known = tree.plant(ROOT, PLACE / "tree", [each.partition(".")[0] for each in patterns] or ["*"])
    chosen = {
        name: mutant
        for name, mutant in known.items()
        if (mutant in expected if again else wanted(mutant, patterns))
    }
    print(f"{len(chosen)} mutants of {len({m.function for m in chosen.values()})} functions")
    outcomes = tried(list(chosen))
    print(table((chosen[name].module, outcome) for name, outcome in outcomes.items()))
    print(f"in {(time.monotonic() - began_s) / 60:.0f} minutes\n")
    alive = {chosen[name] for name, outcome in outcomes.items() if outcome == "survived"}
    return held_against(alive, expected)


def wanted(mutant: Mutant, patterns: list[str]) -> bool:
    """Whether it was asked for."""
    return not patterns or any(fnmatch(mutant.function, pattern) for pattern in patterns)


def tried(names: list[str]) -> Mapping[str, str]:
    """What became of each: killed, survived or timeout."""
    plan = PLACE / "plan.json"
    plan.write_text(json.dumps(names))
    if run(MUTANTS_PLAN=str(plan)).returncode:
        sys.exit("mutants: the lines above say why")
    found = json.loads((PLACE / "outcomes.json").read_text())
    outcomes: dict[str, str] = found["outcomes"]
    for name, outcome in outcomes.items():
        # A fork has imported everything already: what runs just then was not the mutant.
        if outcome == "survived" and name.partition("__mutmut_")[0] in found["imported"]:
            again = run("-x", MUTANT_UNDER_TEST=name, stdout=subprocess.DEVNULL)
            outcomes[name] = "killed" if again.returncode else "survived"
    return outcomes


def run(
    *arguments: str, stdout: int | None = None, **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """Run the tests on the tree of mutants."""
    # Also for the processes that tests start: what .venv has goes before what mutmut brought.
    places = [PLACE / "tree", Path(__file__).parent, sysconfig.get_path("purelib"), PLACE / "tool"]
    path = os.pathsep.join(map(str, places))
    environ = os.environ | {"PYTHONPATH": path} | variables
    return subprocess.run([*PYTEST, *arguments], cwd=PLACE / "tree", env=environ, stdout=stdout)


def table(outcomes: Iterable[tuple[str, str]]) -> str:
    """How many mutants of each module had which outcome, as Markdown."""
    counts = Counter(outcomes)
    kinds = ("killed", "timeout", "survived")
    lines = ["| module | mutants | killed | timeout | survived |", "|---|--:|--:|--:|--:|"]
    for module in [*sorted({module for module, _ in counts}), None]:
        numbers = [
            sum(n for (m, k), n in counts.items() if k == kind and module in (m, None))
            for kind in kinds
        ]
        cells = [f"`{module}`" if module else "all", str(sum(numbers)), *map(str, numbers)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def held_against(alive: set[Mutant], expected: set[Mutant]) -> int:
    """Say what survived and is not listed, and what is listed and did not survive."""
    for mutant in sorted(alive - expected):
        print(f"survived and is not listed: {mutant.function}\n{mutant.item}")
    for mutant in sorted(expected - alive):
        print(f"listed and did not survive: {mutant.function}\n{mutant.item}")
    return int(alive != expected)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
