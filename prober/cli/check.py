"""`prober check`: everything there is to run, and whether it can be run and judged as it says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prober.cli.inputs import JOURNEYS, REGIONS, Journeys, Regions
from prober.cli.where import Channels
from prober.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from prober.cli.inputs import Inputs
    from prober.config import Region
    from prober.errors import Problem
    from prober.slo.contract import Contract
    from prober.slo.lint import Found, Periods

#: Something cannot work.
_WRONG = 2


def command(
    journeys: Journeys = JOURNEYS,
    regions: Regions = REGIONS,
    channels: Channels = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object, nothing else.")] = False,
) -> None:
    """Load all journeys, contracts, regions and channels, and say what their schedule can tell.

    Exit code: 0 when everything fits, warnings or not; 2 with a line for every problem.
    """
    from json import dumps

    from prober.cli.inputs import read_inputs
    from prober.slo.lint import lint_all

    inputs = read_inputs(journeys, regions)
    told, problems = _channels(inputs, channels)
    if problems:
        raise InputError(problems)
    periods = inputs.periods
    found = _findings(inputs, periods) | {"channels": told}
    found["lints"] = lints = [_lint(each) for each in lint_all(inputs.contracts, periods)]
    errors = [row for row in lints if row["severity"] == "error"]
    print(dumps(found, indent=2) if json else _text(found))
    for row in [] if json else errors:
        print(_line(row), file=sys.stderr)
    if errors:
        raise typer.Exit(_WRONG)


def _channels(inputs: Inputs, path: Path | None) -> tuple[dict[str, Any], list[Problem]]:
    """Who is told, and of what nobody is; what is wrong with routes."""
    from prober.evaluator.alerts.channels import load

    found = load(path)
    told = {
        "names": {name: [way.id.way for way in ways] for name, ways in found.ways.items()},
        "warnings": [str(problem) for problem in found.unheard(inputs.contracts)],
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
    from prober.units import format_ms, percent

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


def _text(found: dict[str, Any]) -> str:
    severities = [row["severity"] for row in found["lints"]]
    errors = severities.count("error")
    objectives = {(row["slo"], row["objective"]) for row in found["objectives"]}
    lines = [
        f"{len(found['journeys'])} journeys, {len(found['regions'])} regions, "
        f"{len(objectives)} objectives: "
        f"{f'{errors} cannot work as written' if errors else 'all files load and fit together'}",
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
    warnings += [line for row in found["regions"] for line in row["warnings"]]
    warnings += found["channels"]["warnings"]
    if warnings:
        lines += ["", *(f"  warning: {line}" for line in warnings)]
    return "\n".join(lines)


def _region(row: dict[str, Any]) -> str:
    text = f"  {row['name']}: {row['load_at_timeouts']} busy if every run takes its whole timeout"
    return text if row["fits"] else f"{text}: some slots would be skipped(capacity)"


def _objective(row: dict[str, Any]) -> str:
    from fractions import Fraction

    from prober.units import decimal

    name = f"  {row['slo']} {row['objective']} over {row['length']}"
    if not row["runs"]:
        return f"{name}: no region runs its journey, it will stay UNKNOWN"
    slices = f" in {row['slices']} slices" if row["slices"] else ""
    return (
        f"{name}: {row['runs']} runs{slices}, {decimal(Fraction(row['budget']))} may fail, each "
        f"costs {row['one_failure_costs']}; an outage is met within {row['outage_seen_after']}"
    )


def _line(row: dict[str, Any]) -> str:
    """`file:line: path: what, mend [code]`."""
    place = f"{row['file']}:{row['line']}: {row['path']}"
    return f"{place}: {row['what']}, {row['mend']} [{row['code']}]"
