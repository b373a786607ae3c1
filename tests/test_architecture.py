"""The shape of the house: direction of imports, size of rooms, and nothing of this machine."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "prober").rglob("*.py"))
LONGEST_FILE = 400
LONGEST_FUNCTION = 40

# Written in pieces, so that this file is not an example of what it forbids.
MACHINE_PATH = re.compile(r"/(?:root|work|Users/\w+|home/(?!prober\b)\w+)" + r"/")
REGISTRY = re.compile(
    r"\b(?:"
    + "|".join(
        name.replace(" ", r"\.")
        for name in (
            "pypi org",
            "pythonhosted org",
            "debian org",
            "archive ubuntu com",
            "ports ubuntu com",
            "npmjs (?:org|com)",
            "proxy golang org",
            "docker (?:io|com)",
            "ghcr io",
            "quay io",
            "gcr io",
            "pkg dev",
            "cdn playwright dev",
        )
    )
    + r")\b"
)


def files_in_git() -> list[Path]:
    """Tracked files, and new ones that are not ignored."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = (ROOT / name for name in listing.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_imports_point_down_and_heavy_libraries_stay_at_home() -> None:
    lint = Path(sys.executable).parent / "lint-imports"
    result = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_file_fits_in_one_sitting(path: Path) -> None:
    length = len(path.read_text().splitlines())
    assert length <= LONGEST_FILE


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_function_fits_on_a_screen(path: Path) -> None:
    too_long = [
        f"{relative(path)}:{f.lineno}: {f.name}"
        for f in functions(path)
        if (f.end_lineno or f.lineno) - f.lineno >= LONGEST_FUNCTION
    ]
    assert too_long == []


@pytest.mark.parametrize(
    "forbidden",
    [
        pytest.param(MACHINE_PATH, id="a path of one machine"),
        pytest.param(REGISTRY, id="a package registry's host"),
    ],
)
def test_no_file_names(forbidden: re.Pattern[str]) -> None:
    found = [
        f"{relative(path)}:{number}: {line.strip()}"
        for path in files_in_git()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if forbidden.search(line)
    ]
    assert found == []
