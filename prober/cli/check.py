"""`prober check`: everything there is to run, and whether it can be run and judged as it says."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prober.cli.findings import (
    Format,
    Row,
    count,
    line,
    of_contract,
    of_files,
    of_journeys,
    of_unjudged,
    of_warning,
)
from prober.cli.where import JOURNEYS, REGIONS, Channels, Journeys, Regions
from prober.errors import InputError, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from prober.cli.inputs import Inputs
    from prober.config import Region
    from prober.errors import Problem
    from prober.slo.contract import Contract
    from prober.slo.lint import Found, Periods

#: Something cannot work, or must not stay.
_WRONG = 2


class Written(StrEnum):
    """What people write that has a JSON Schema."""

    CONTRACT = "contract"
    REGION = "region"


def command(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Look only at these journeys, contracts and regions, and run nothing of them.",
            show_default=False,
        ),
    ] = None,
    journeys: Journeys = JOURNEYS,
    regions: Regions = REGIONS,
    channels: Channels = None,
    written: Annotated[
        Format, typer.Option("--format", help="How findings are written: text, gcc or github.")
    ] = Format.TEXT,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object, nothing else.")] = False,
    schema: Annotated[
        Written | None,
        typer.Option(help="Print the JSON Schema of such files, for editors; look at none."),
    ] = None,
) -> None:
    """Load all journeys, contracts, regions and channels, lint them, and say what they can tell.

    Exit code: 0 when everything fits, warnings or not; 2 with a line for every problem.
    """
    if schema:
        _print_json(_schema(schema))
        return
    found = _some(files, journeys) if files else _everything(journeys, regions, channels)
    rows = found.pop("rows")
    if json:
        _print_json(found)
    elif written is not Format.TEXT:
        print("".join(f"{line(row, written)}\n" for row in rows), end="")
    else:
        print(_counted(found["files"], rows) if files else _text(found))
        for said in _errors(found):
            print(said, file=sys.stderr)
    if count(rows, Severity.ERROR) or (strict and rows):
        raise typer.Exit(_WRONG)


def _schema(of: Written) -> dict[str, Any]:
    from prober import config
    from prober.slo import format as contracts

    return config.schema() if of is Written.REGION else contracts.schema()


def _print_json(found: dict[str, Any]) -> None:
    from json import dumps

    print(dumps(found, indent=2))


def _errors(found: dict[str, Any]) -> list[str]:
    """The lines of what cannot work, or must not stay."""
    of_contracts = [_line(row) for row in found["lints"] if row["severity"] == "error"]
    return of_contracts + [line(row) for row in found["findings"] if row["severity"] == "error"]


def _some(files: list[Path], journeys: Path) -> dict[str, Any]:
    """What there is to say of these files alone."""
    rows = of_files(files, journeys)
    return {"files": len(files), "findings": rows, "lints": [], "rows": rows}


def _everything(journeys: Path, regions: Path, channels: Path | None) -> dict[str, Any]:
    """All there is to say; `rows` are the findings of every kind of file."""
    from prober.cli.inputs import read_inputs
    from prober.slo.lint import lint_all

    inputs = read_inputs(journeys, regions)
    told, problems = _channels(inputs, channels)
    if problems:
        raise InputError(problems)
    periods = inputs.periods
    found = _findings(inputs, periods) | {"channels": told}
    said = [*lint_all(inputs.contracts, periods), *_misnamed(journeys, inputs)]
    found["lints"] = lints = [_lint(each) for each in said]
    found["findings"] = of_journeys(journeys, inputs.regions) + of_unjudged(journeys, inputs)
    doubts = [problem for region in inputs.regions for problem in _blind(region)]
    rows = [*map(of_contract, lints), *found["findings"], *map(of_warning, doubts)]
    return found | {"rows": rows + [of_warning(problem) for problem in told.pop("doubts")]}


def _misnamed(journeys: Path, inputs: Inputs) -> Iterator[Found]:
    """What contracts name and their journeys' code does not."""
    from prober.lint.library import Library
    from prober.lint.names import names
    from prober.slo.lint import lint_names

    library = Library(journeys, {})
    return lint_names(inputs.contracts, lambda name: names(inputs.journey(name), library))


def _channels(inputs: Inputs, path: Path | None) -> tuple[dict[str, Any], list[Problem]]:
    """Who is told, and of what nobody is; what is wrong with routes."""
    from prober.evaluator.alerts.channels import load

    found = load(path)
    doubts = list(found.unheard(inputs.contracts))
    told = {
        "names": {name: [way.id.way for way in ways] for name, ways in found.ways.items()},
        "warnings": [str(problem) for problem in doubts],
        "doubts": doubts,
    }
    return told, found.check(inputs.contracts)


def _load(region: Region, inputs: Inputs) -> Fraction:
    """Share of a region's browser places that its journeys take at their timeouts."""
    from fractions import Fraction

    from prober.config import resolve

    browsers = [j for j in resolve(region, inputs.journeys) if j.needs_browser]
    whole = sum((Fraction(j.timeout_ms, j.every_ms) for j in browsers), Fraction(0))
    return whole / region.concurrency


def _findings(inputs: Inputs, periods: dict[str, dict[str, int]]) -> dict[str, Any]:
    from prober.units import format_ms, percent

    return {
        "journeys": [
            {
                "name": journey.name,
                "every": format_ms(journey.every_ms),
                "timeout": format_ms(journey.timeout_ms),
                "browser": journey.needs_browser,
                "summary": journey.summary,
            }
            for journey in inputs.journeys
        ],
        "regions": [
            {
                "name": region.name,
                "load_at_timeouts": percent(load, 1),
                "fits": load <= 1,
                "otherwise": _otherwise(region, inputs),
                "warnings": [str(problem) for problem in (*_blind(region), *region.exposed)],
            }
            for region in inputs.regions
            for load in [_load(region, inputs)]
        ],
        "objectives": [
            row
            for contract in inputs.contracts
            for row in _sights(contract, periods.get(contract.journey, {}))
        ],
    }


def _otherwise(region: Region, inputs: Inputs) -> list[dict[str, Any]]:
    """Journeys that a region runs at other times than they say themselves."""
    from prober.config import resolve
    from prober.units import format_ms

    own = {each.name: (each.every_ms, each.timeout_ms) for each in inputs.journeys}
    return [
        {
            "name": here.name,
            "every": format_ms(here.every_ms),
            "timeout": format_ms(here.timeout_ms),
        }
        for here in resolve(region, inputs.journeys)
        if (here.every_ms, here.timeout_ms) != own[here.name]
    ]


def _blind(region: Region) -> Iterator[Problem]:
    """That a region cannot tell its own dead network from a dead target elsewhere."""
    from urllib.parse import urlsplit

    from prober.access import is_loopback

    if not region.control.references and not is_loopback(urlsplit(region.base_url).hostname or ""):
        what = "no host is named to tell this region's own network failures from the target's"
        mend = "name three that have nothing to do with it"
        yield region.problem(("control", "references"), what, mend)


def _sights(contract: Contract, periods: Periods) -> list[dict[str, Any]]:
    """What the schedule can and cannot tell about each objective."""
    from prober.slo.sight import sight
    from prober.slo.window import Rolling
    from prober.units import format_ms, percent, span

    slice_ms = contract.budgeting.slice_ms
    return [
        {
            "slo": contract.name,
            "objective": objective.name,
            "window": window.name,
            "length": format_ms(window.duration_ms)
            if isinstance(window, Rolling)
            else str(window.unit),
            "runs": seen.runs,
            "slices": seen.judged if slice_ms else None,
            "budget": str(seen.budget),
            "one_failure_costs": percent(seen.quantum, 2) if seen.quantum else None,
            "outage_seen_after": format_ms(int(seen.seen_ms)) if seen.seen_ms else None,
            "judged_from": seen.min_runs,
            "judged_after": None if seen.judged_after_ms is None else span(seen.judged_after_ms),
        }
        for objective in contract.objectives
        for window in contract.windows
        for seen in [sight(contract, objective, window, periods)]
    ]


def _lint(found: Found) -> dict[str, Any]:
    contract, finding = found
    problem = contract.source.problem(finding.place, finding.what, finding.mend)
    return {
        "slo": contract.name,
        "code": finding.code,
        "severity": str(finding.severity),
        "file": problem.file,
        "line": problem.line,
        "path": problem.path,
        "what": problem.what,
        "mend": problem.mend,
    }


def _counted(files: int, rows: list[Row]) -> str:
    """The warnings about single files, and how many findings there are."""
    warnings = [line(row) for row in rows if row["severity"] == Severity.WARNING]
    errors = len(rows) - len(warnings)
    return "\n".join([*warnings, f"files: {files}, errors: {errors}, warnings: {len(warnings)}"])


def _text(found: dict[str, Any]) -> str:
    from prober.units import counted

    errors = len(_errors(found))
    objectives = {(row["slo"], row["objective"]) for row in found["objectives"]}
    kinds = {"journey": found["journeys"], "region": found["regions"], "objective": objectives}
    lines = [
        f"{', '.join(counted(len(each), noun) for noun, each in kinds.items())}: "
        f"{f'{errors} must be mended' if errors else 'all files load and fit together'}",
        "",
    ]
    for journey in found["journeys"]:
        how = "browser" if journey["browser"] else "HTTP"
        lines.append(
            f"  {journey['name']}: every {journey['every']}, at most {journey['timeout']}, {how}. "
            f"{journey['summary']}"
        )
    lines += ["", *(_region(row) for row in found["regions"])]
    lines += ["", *(_objective(row) for row in found["objectives"])]
    warnings = [_line(row) for row in found["lints"] if row["severity"] == "warning"]
    warnings += [line(row) for row in found["findings"] if row["severity"] == "warning"]
    warnings += [said for row in found["regions"] for said in row["warnings"]]
    warnings += found["channels"]["warnings"]
    if warnings:
        lines += ["", *(f"  warning: {said}" for said in warnings)]
    return "\n".join(lines)


def _region(row: dict[str, Any]) -> str:
    text = f"  {row['name']}: {row['load_at_timeouts']} busy if every run takes its whole timeout"
    text += "" if row["fits"] else ": some slots would be skipped(capacity)"
    there = (
        "    {name} there: every {every}, at most {timeout}".format(**o) for o in row["otherwise"]
    )
    return "\n".join([text, *there])


def _objective(row: dict[str, Any]) -> str:
    from fractions import Fraction

    from prober.units import decimal

    name = f"  {row['slo']} {row['objective']} over {row['length']}"
    if not row["runs"]:
        return f"{name}: no region runs its journey, it will stay UNKNOWN"
    slices = f" in {row['slices']} slices" if row["slices"] else ""
    return (
        f"{name}: {row['runs']} runs{slices}, {decimal(Fraction(row['budget']))} may fail, each "
        f"costs {row['one_failure_costs']}; an outage is met within {row['outage_seen_after']}; "
        f"judged from {row['judged_from']} on, after about {row['judged_after']}"
    )


def _line(row: dict[str, Any]) -> str:
    """`file:line: path: what, mend [code]`."""
    place = f"{row['file']}:{row['line']}: {row['path']}"
    return f"{place}: {row['what']}, {row['mend']} [{row['code']}]"
