"""A copy of the project in which every mutant of prober/slo is there and asleep."""

from __future__ import annotations

import ast
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from difflib import unified_diff
from itertools import chain
from pathlib import Path

from listed import Mutant
from plain import plain

sys.path.append(str(Path(__file__).resolve().parents[2] / ".cache" / "mutants" / "tool"))
from mutmut.mutation.file_mutation import mutate_file_contents

#: What the tests read besides the code.
_ALSO = ("prober", "tests", "journeys", "docs")
_ORIGINAL = "__mutmut_orig"


def plant(root: Path, place: Path, modules: list[str]) -> Mapping[str, Mutant]:
    """Make the copy anew; a mutant wakes up when MUTANT_UNDER_TEST names it.

    Args:
        root: of the project.
        place: of the copy.
        modules: of prober/slo, as patterns; only these get mutants.

    Returns:
        By name: what it changes.
    """
    shutil.rmtree(place, ignore_errors=True)
    for name in _ALSO:
        shutil.copytree(root / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "pyproject.toml", place)
    (place / "setup.cfg").write_text("[mutmut]\nsource_paths=prober\ntrack_dependencies=false\n")
    (place / ".cache").symlink_to(root / ".cache")  # the tests look for promtool there
    slo = place / "prober" / "slo"
    files = sorted({path for each in modules for path in slo.glob(f"{each}.py")})
    with ProcessPoolExecutor(initializer=os.chdir, initargs=(place,)) as pool:
        return dict(chain.from_iterable(pool.map(_mutate, files)))


def _mutate(file: Path) -> list[tuple[str, Mutant]]:
    """Write all mutants of a file into it."""
    code = mutate_file_contents(str(file), plain(file.read_text())).code
    file.write_text(code)
    return [(f"prober.slo.{file.stem}.{name}", made) for name, made in _mutants(code, file.stem)]


def _mutants(code: str, module: str) -> Iterator[tuple[str, Mutant]]:
    """By name: how each mutant differs from the function that it was made of."""
    lines = code.splitlines()
    found = {
        node.name: lines[node.lineno - 1 : node.end_lineno]
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.FunctionDef) and "__mutmut_" in node.name
    }
    for name, changed in found.items():
        if not name.endswith(_ORIGINAL):
            mangled = name.partition("__mutmut_")[0]
            changed = [
                line.replace(f"def {name}(", f"def {mangled}{_ORIGINAL}(") for line in changed
            ]
            diff = list(unified_diff(found[mangled + _ORIGINAL], changed, n=0, lineterm=""))[2:]
            was, now = (
                " ".join(" ".join(line[1:] for line in diff if line[0] == sign).split())
                for sign in "-+"
            )
            yield name, Mutant(f"{module}.{_called(mangled)}", was, now)


def _called(mangled: str) -> str:
    """What mutmut calls `x_fits` and `xǁCourseǁfits`, as it is called in the file."""
    return mangled[2:].replace("ǁ", ".")
