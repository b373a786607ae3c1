"""Finding journeys: loading their files, in a process that may import Playwright.

The supervisor never imports a journey; it asks `describe`, which loads them in a child.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.machinery import FileFinder, ModuleSpec, SourceFileLoader
from inspect import signature
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from prober.errors import InputError, Problem, SecretMissing
from prober.journey import Journey, declared
from prober.journey import journey as mark

#: How long loading all journeys may take.
LOAD_S = 60
Declaration = tuple[Journey, Callable[..., object]]
#: Given the tree of a file and its source.
Rewrite = Callable[[ast.Module, bytes], object]
#: A ValueError of `prober.journey`: what, and the mend.
_SAID = re.compile(r"(.*), ((?:write|use|ask) .*)")


def describe(directory: Path) -> list[Journey]:
    """The journeys in a directory's files, loaded in a child process.

    Raises:
        InputError: with every problem of every file.
    """
    command = [sys.executable, "-m", __name__, str(directory)]
    try:
        child = subprocess.run(command, stdout=subprocess.PIPE, timeout=LOAD_S, check=False)
        reply = json.loads(child.stdout.splitlines()[-1])  # files may have written before it
    except (subprocess.TimeoutExpired, IndexError, ValueError) as error:
        late = isinstance(error, subprocess.TimeoutExpired)
        what = f"loading it does not end within {LOAD_S} s" if late else "loading it ends Python"
        mend = "let journey files define things and do no more"
        raise InputError([Problem(str(directory), 0, "", what, mend)]) from error
    if reply["problems"]:
        raise InputError(Problem(**problem) for problem in reply["problems"])
    return [Journey.from_dict(raw) for raw in reply["journeys"]]


def discover(directory: Path) -> list[Declaration]:
    """Load every `*.py` of a directory, but for `_….py` and the conftest.py of pytest.

    Raises:
        InputError: with every problem of every file.
    """
    found: list[Declaration] = []
    problems: list[Problem] = []
    if not os.path.isdir(directory):  # the method raises where nobody may look
        raise InputError(
            [Problem(str(directory), 0, "", "there is no such directory", "name one of journeys")]
        )
    for path in sorted({*directory.glob("[!_]*.py")} - {directory / "conftest.py"}):
        try:
            found += load(path)
        except InputError as error:
            known = {_mistake(problem) for problem in problems}
            problems += (each for each in error.problems if _mistake(each) not in known)
    problems += _duplicates(found)
    if problems:
        raise InputError(problems)
    return found


def load(path: Path, rewrite: Rewrite | None = None) -> list[Declaration]:
    """The journeys that one file declares.

    Args:
        path: of the file.
        rewrite: changes the code of the file once its asserts are counted.

    Raises:
        InputError: the file cannot be imported; the problem names the line.
    """
    path = path.resolve()
    declared.clear()
    finder = _CountingFinder(str(path.parent))
    if finder not in sys.meta_path:
        sys.meta_path.insert(0, finder)  # so that journeys can import their page objects
    name = module_name(path)
    loader = _CountingLoader(name, str(path))
    loader.rewrite = rewrite
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        loader.exec_module(module)
    except BaseException as error:  # whatever a file raises is its author's to mend
        raise InputError([_problem(path, error)]) from error
    # Without those of other journey files that this one imports.
    found = [each for each in declared if each[0].file == str(path)]
    declared.clear()
    return found


def function(path: Path, name: str) -> Callable[..., object]:
    """A function of a file that `load` has loaded, or that it imports; raises LookupError."""
    found: object = vars(sys.modules[module_name(path.resolve())]).get(name)
    if not callable(found):
        raise LookupError(f"{path.name} has no function {name} any more")
    return found


def module_name(path: Path) -> str:
    """Where the module of a file is kept: dataclasses look theirs up. No import finds it so."""
    return f"journeys:{path.stem}"


def _duplicates(found: Iterable[Declaration]) -> Iterator[Problem]:
    first: dict[str, Journey] = {}
    for journey, _ in found:
        other = first.setdefault(journey.name, journey)
        if other is not journey:
            yield Problem(
                journey.file,
                journey.line,
                journey.name,
                f"the name is taken by {other.file}:{other.line}",
                "rename one, or give it name=…",
            )


def _problem(path: Path, error: BaseException) -> Problem:
    """What went wrong in an import, and where: a page object is named with who imports it."""
    file, line = _place(path, error)
    what, mend = _words(error, file)
    importer = "" if file == str(path) else f", for {path} imports it"
    return Problem(file, line, "", what, f"{mend}{importer}")


def _mistake(problem: Problem) -> tuple[str, int, str]:
    """The same for all journeys that import the file."""
    return problem.file, problem.line, problem.what


def _place(path: Path, error: BaseException) -> tuple[str, int]:
    """The deepest line of the author's own that an import came to, and its file."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [(str(path), 0), *((frame.filename, frame.lineno or 0) for frame in frames)]
    if isinstance(error, SyntaxError) and error.filename:
        places.append((error.filename, error.lineno or 0))
    return [place for place in places if _is_authors(Path(place[0]), path.parent)][-1]


def _is_authors(file: Path, directory: Path) -> bool:
    """Whether a file is a journey or its page object, and no library installed below them."""
    below = file.is_relative_to(directory)
    return below and "site-packages" not in file.relative_to(directory).parts


def _words(error: BaseException, file: str) -> tuple[str, str]:
    """What went wrong in an import, and the mend, for people; the file is where it did."""
    text = str(error).split("\n")[0]
    if isinstance(error, SyntaxError) and error.filename == file:
        return f"is not Python: {error.msg}", "mend this line or the one above it"
    if isinstance(error, SecretMissing):
        return "a secret is read while the file is loaded", "call secret() inside the journey"
    if isinstance(error, TypeError) and text.startswith("journey() "):
        unknown = re.search(r"argument '(\w+)'", text)
        what = f"has no argument {unknown[1]}" if unknown else "takes only named arguments"
        return f"@journey {what}", f"write none or some of {', '.join(signature(mark).parameters)}"
    if isinstance(error, ValueError) and (said := _SAID.fullmatch(text)):
        return said[1], said[2]
    return f"{type(error).__name__}: {text}", "mend it so that the file can be imported"


class _CountingLoader(SourceFileLoader):
    """Loads a module so that every `assert` statement it executes is counted.

    Playwright's `expect` is counted on the wire; a plain `assert` leaves no trace, and a
    journey that checks nothing must not pass.
    """

    rewrite: Rewrite | None = None

    def source_to_code(  # type: ignore[override]  # typeshed lacks the private argument
        self, data: bytes, path: str, *, _optimize: int = -1
    ) -> CodeType:
        tree = ast.fix_missing_locations(_CountAsserts().visit(ast.parse(data, path)))
        if self.rewrite:
            self.rewrite(tree, data)
        return compile(tree, path, "exec", dont_inherit=True)

    def path_stats(self, path: str) -> Mapping[str, Any]:
        """No cached bytecode: pytest shares the directory and must not meet ours."""
        raise OSError


class _CountAsserts(ast.NodeTransformer):
    def visit_Assert(self, node: ast.Assert) -> list[ast.stmt]:
        count = ast.parse("__import__('sys').modules['prober.journey'].asserted()").body[0]
        return [ast.copy_location(count, node), node]


@dataclass(frozen=True, slots=True)
class _CountingFinder:
    """Finds the modules below a directory of journeys, page objects included."""

    directory: str

    def find_spec(
        self, name: str, path: Iterable[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What the import system asks for every module."""
        for place in path or [self.directory]:
            if place.startswith(self.directory):
                spec = FileFinder(place, (_CountingLoader, [".py"])).find_spec(name, target)
                if spec:
                    return spec
        return None


def main(directory: str) -> None:
    """Print what `discover` finds, as one JSON object."""
    reply: dict[str, Any] = {"journeys": [], "problems": []}
    with contextlib.redirect_stdout(sys.stderr):
        try:
            reply["journeys"] = [journey.to_dict() for journey, _ in discover(Path(directory))]
        except InputError as error:
            reply["problems"] = [asdict(problem) for problem in error.problems]
    print(json.dumps(reply))


if __name__ == "__main__":
    main(sys.argv[1])
