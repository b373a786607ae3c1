"""Findings as lines: for people, for editors and for GitHub; and those of single files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prober.errors import InputError, Problem, Severity

if TYPE_CHECKING:
    from prober.cli.inputs import Inputs

#: `file`, `line`, `column`, `rule`, `severity`, `message` and `mend`.
Row = dict[str, Any]


class Format(StrEnum):
    """How findings are written."""

    TEXT = "text"
    GCC = "gcc"
    GITHUB = "github"


def of_journeys(directory: Path, regions: Sequence[Any]) -> list[Row]:
    """What is likely wrong with the journeys of a directory."""
    from prober.lint.lint import lint

    return [finding.to_dict() for finding in lint(directory, regions)]


def of_files(files: Sequence[Path], directory: Path) -> list[Row]:
    """What is wrong with these files, read alone; nothing of them is executed.

    Args:
        files: journeys, page objects, contracts, policies and regions.
        directory: of the journeys, where modules are looked for.
    """
    from prober.lint.lint import lint_files

    code = [path for path in files if path.suffix == ".py"]
    rows = [finding.to_dict() for finding in lint_files(code, directory)] if code else []
    for path in files:
        if path.suffix != ".py":
            rows += [_row(problem) for problem in _problems(path)]
    return sorted(rows, key=lambda row: (row["file"], row["line"], row["column"]))


def of_unjudged(directory: Path, inputs: Inputs) -> list[Row]:
    """That nobody judges a journey, for no contract of its directory is about it."""
    judged = {contract.journey for contract in inputs.contracts}
    return [
        of_warning(
            Problem(
                str(directory / Path(journey.file).name),
                journey.line,
                "",
                f"{journey.name} has no contract, so nobody judges it",
                f"write {directory / journey.name}.slo.yaml",
            )
        )
        | {"rule": "no_contract"}
        for journey in inputs.journeys
        if journey.name not in judged
    ]


def of_contract(lint: dict[str, Any]) -> Row:
    """A finding about a contract as one of these."""
    return {
        "file": lint["file"],
        "line": lint["line"],
        "column": 1,
        "rule": lint["code"],
        "severity": lint["severity"],
        "message": f"{lint['path']}: {lint['what']}",
        "mend": lint["mend"],
    }


def of_warning(problem: Problem) -> Row:
    """A doubt about a file as one of these."""
    return _row(problem) | {"severity": str(Severity.WARNING)}


def line(row: Row, written: Format = Format.TEXT) -> str:
    """One finding as one line."""
    said = f"{row['message']}, {row['mend']}"
    place = f"{row['file']}:{row['line']}"
    if written is Format.GCC:
        return f"{place}:{row['column']}: {row['severity']}: {said} [{row['rule']}]"
    if written is Format.GITHUB:
        where = f"file={_escaped(row['file'], ',:')},line={row['line']},col={row['column']}"
        return f"::{row['severity']} {where},title={row['rule']}::{_escaped(said)}"
    return f"{place}: {row['rule']}: {said}"


def count(rows: Iterable[Row], severity: Severity) -> int:
    """How many are so bad."""
    return sum(row["severity"] == severity for row in rows)


def _escaped(text: str, more: str = "") -> str:
    """A text as GitHub's workflow commands want it."""
    for letter in f"%\r\n{more}":
        text = text.replace(letter, f"%{ord(letter):02X}")
    return text


def _problems(path: Path) -> Sequence[Problem]:
    """What is wrong with a file of YAML."""
    from prober.config import load_region
    from prober.slo import format as contracts
    from prober.slo import policy_format
    from prober.source import is_unread
    from prober.variables import is_unset

    if path.suffix != ".yaml" or path.name == "compose.yaml":
        mend = "name *.py, *.slo.yaml or the file of a region"
        return [Problem(str(path), 1, "", "is no journey, contract or region", mend)]
    try:
        if path.name.endswith(".slo.yaml"):
            contracts.load(path)
        elif b"kind: Policy" in (path.read_bytes() if path.is_file() else b""):
            policy_format.load(path)
        else:
            load_region(path)
    except InputError as error:
        # Where files are written and committed, nobody has the fleet's secrets.
        return [
            each for each in error.problems if not (is_unset(each.what) or is_unread(each.what))
        ]
    return []


def _row(problem: Problem) -> Row:
    path = f"{problem.path}: " if problem.path else ""
    return {
        "file": problem.file,
        "line": max(problem.line, 1),
        "column": 1,
        "rule": "file",
        "severity": str(Severity.ERROR),
        "message": f"{path}{problem.what}",
        "mend": problem.mend,
    }
