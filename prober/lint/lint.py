"""Linting: all rules over a directory of journeys, or over some of its files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from prober.lint import account, conduct, habits, secrecy
from prober.lint.allowance import excuse
from prober.lint.event import Declared
from prober.lint.finding import OF_REGIONS, Finding, Rule
from prober.lint.library import Library

if TYPE_CHECKING:
    from prober.config import Region


def lint(directory: Path, regions: Sequence[Region]) -> list[Finding]:
    """What is likely wrong with the journeys of a directory, and with the modules they import."""
    library = _read(directory, sorted(directory.glob("[!_]*.py")), {})
    return _judge(library, regions or None)


def lint_files(files: Sequence[Path], directory: Path) -> list[Finding]:
    """What is likely wrong with some files; the others of their directory are read for them.

    Args:
        files: journeys and page objects.
        directory: of the journeys; a file that is not below it is looked at where it is.
    """
    found = []
    roots = {_root(path, directory) for path in files}
    for root in sorted(roots):
        own = [path for path in files if _root(path, directory) == root]
        asked = {path.resolve(): str(path) for path in own}
        others = [path for path in sorted(root.glob("[!_]*.py")) if path.resolve() not in asked]
        library = _read(root, [*own, *(path for path in others if _declares(path))], asked)
        names = set(asked.values())
        found += [finding for finding in _judge(library, None) if finding.file in names]
    return sorted(set(found))


def _root(path: Path, directory: Path) -> Path:
    inside = path.resolve().is_relative_to(directory.resolve())
    return directory if inside else path.parent


def _declares(path: Path) -> bool:
    """Whether a file may declare journeys: others are not worth their reading."""
    try:
        return b"journey(" in path.read_bytes()
    except OSError:
        return False


def _read(root: Path, files: Sequence[Path], names: Mapping[Path, str]) -> Library:
    library = Library(root, names)
    for path in files:
        library.load(path)
    return library


def _judge(library: Library, regions: Sequence[Region] | None) -> list[Finding]:
    journeys = list(library.journeys())
    found = [*_of_journeys(journeys, regions)]
    hosts = {urlsplit(region.base_url).hostname or "" for region in regions or ()} - {""}
    judged = set(Rule) - (OF_REGIONS if regions is None else set())
    findings = list(library.unreadable)
    for source in library.sources:
        own = {finding for finding in found if finding.file == source.name}
        own |= {*secrecy.secrets(source), *secrecy.hosts(source, hosts), *habits.sleeps(source)}
        own |= {*habits.idle_expects(source), *habits.css_paths(source), *secrecy.raw_files(source)}
        findings += excuse(source, sorted(own), judged)
    return sorted(set(findings))


def _of_journeys(
    journeys: Sequence[Declared], regions: Sequence[Region] | None
) -> Iterator[Finding]:
    for journey in journeys:
        yield from conduct.steps(journey)
        yield from conduct.checks(journey)
        yield from conduct.patience(journey, _longest_ms(journey, regions or ()))
        yield from conduct.traces(journey)
    yield from account.shared(journeys, regions)


def _longest_ms(journey: Declared, regions: Sequence[Region]) -> int | None:
    """The most that any region gives a run."""
    changed = [
        override.timeout_ms
        for region in regions
        if (override := region.journeys.get(journey.name)) and override.timeout_ms
    ]
    return max([journey.timeout_ms, *changed]) if journey.timeout_ms else None
