"""`prober slo export` and `prober slo import`: contracts in the formats of other tools."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prober.cli.where import JOURNEYS, REGIONS, AsJson, Journeys, Regions
from prober.errors import InputError, ProberError, Problem

if TYPE_CHECKING:
    from prober.slo.contract import Contract
    from prober.slo.portable import File
    from prober.slo.sight import Periods

Output = Annotated[
    Path | None, typer.Option(help="Directory to write to; without it, standard output.")
]


class Tool(StrEnum):
    """Whose format it is."""

    OPENSLO = "openslo"
    PROMETHEUS = "prometheus"
    SLOTH = "sloth"
    PYRRA = "pyrra"


#: Their files may hold several documents.
_STREAMED = (Tool.OPENSLO, Tool.PYRRA)


def export_command(
    tool: Annotated[Tool, typer.Argument(help="Whose format to write.", show_default=False)],
    contracts: Annotated[list[Path], typer.Argument(help="Contract files.", show_default=False)],
    output: Output = None,
    window: Annotated[
        str | None, typer.Option(help="Only this window; default all. Not for openslo.")
    ] = None,
    journeys: Journeys = JOURNEYS,
    regions: Regions = REGIONS,
    as_json: AsJson = False,
) -> None:
    """Write contracts in the format of another tool.

    Rules for Prometheus depend on how often a journey runs, and where: they read the directories
    of journeys and regions.
    """
    if window and tool is Tool.OPENSLO:
        raise ProberError("an export to OpenSLO has every window, leave --window out")
    found = _read(contracts)
    periods = _periods(found, journeys, regions) if tool is Tool.PROMETHEUS else {}
    files = _exported(tool, found, periods, window)
    if as_json:
        _show_json(files, [])
    elif output is None:
        _print(files, streamed=tool in _STREAMED)
    else:
        _write(files, output)


def import_command(
    file: Annotated[Path, typer.Argument(help="A file of OpenSLO v1.", show_default=False)],
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Make contracts of OpenSLO; what they do not say is told, and is to be filled in."""
    from prober.document import read_text
    from prober.slo.openslo_import import imported

    found = imported(read_text(file), str(file))
    files, notes = [each.file for each in found], [(e.file.name, n) for e in found for n in e.notes]
    if as_json:
        _show_json(files, notes)
        return
    if output is None:
        _print(files, streamed=False)
    else:
        _keep([output / each.name for each in files], files)
        _write(files, output)
    for name, note in notes:
        print(f"{name}: {note}", file=sys.stderr)


def _read(paths: Iterable[Path]) -> list[Contract]:
    from prober.slo.format import load

    contracts: list[Contract] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            contracts.append(load(path))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(set(problems))
    return contracts


def _periods(
    contracts: Iterable[Contract], journeys: Path, regions: Path
) -> dict[str, dict[str, int]]:
    """By journey and region, from slot to slot; every contract's journey runs somewhere."""
    from prober.cli.inputs import read_inputs

    periods = read_inputs(journeys, regions).periods
    mend = "let a region run it, or name their directories with --journeys and --regions"
    idle = [
        contract.source.problem(("spec", "journey"), "no region runs this journey", mend)
        for contract in contracts
        if not periods.get(contract.journey)
    ]
    if idle:
        raise InputError(idle)
    return periods


def _exported(
    tool: Tool,
    contracts: Iterable[Contract],
    periods: dict[str, dict[str, int]],
    window: str | None,
) -> list[File]:
    files: list[File] = []
    problems: list[Problem] = []
    for contract in contracts:
        try:
            files += _files(tool, contract, periods.get(contract.journey, {}), window)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return files


def _files(tool: Tool, contract: Contract, periods: Periods, window: str | None) -> Sequence[File]:
    from prober.slo.openslo import openslo_file
    from prober.slo.pyrra import pyrra_files
    from prober.slo.rules import rule_file
    from prober.slo.sloth import sloth_file

    match tool:
        case Tool.OPENSLO:
            return [openslo_file(contract)]
        case Tool.PROMETHEUS:
            return [rule_file(contract, periods, window)]
        case Tool.SLOTH:
            return [sloth_file(contract, window)]
        case Tool.PYRRA:
            return pyrra_files(contract, window)


def _show_json(files: Iterable[File], notes: Iterable[tuple[str, str]]) -> None:
    from json import dumps

    found = {
        "files": [each._asdict() for each in files],
        "notes": [{"file": name, "note": note} for name, note in notes],
    }
    print(dumps(found, indent=2))


def _print(files: Sequence[File], *, streamed: bool) -> None:
    if len(files) > 1 and not streamed:
        raise ProberError(f"it would be {len(files)} files, name a directory with --output")
    print("---\n".join(each.text for each in files), end="")


def _keep(paths: Iterable[Path], files: Iterable[File]) -> None:
    """Contracts are written by people: none is overwritten with something else."""
    for path, file in zip(paths, files, strict=True):
        if path.exists() and path.read_text(encoding="utf-8") != file.text:
            raise ProberError(f"{path} is there already and says something else, move one of them")


def _write(files: Iterable[File], directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for each in files:
            path = directory / each.name
            path.write_text(each.text, encoding="utf-8")
            print(path)
    except OSError as error:
        raise ProberError(f"{directory} cannot be written to: {error.strerror}") from error
