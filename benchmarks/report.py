"""Figures: as a table for people, as JSON for machines."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing measured."""

    benchmark: str
    name: str
    unit: str
    n: int
    median: float
    p10: float
    p90: float
    p99: float
    #: What it should be, for people: `at most 1.10`. Empty: nothing was promised.
    target: str = ""
    note: str = ""
    #: Whether it is what was promised, where that ends in a verdict.
    held: bool = True

    @classmethod
    def of(
        cls,
        benchmark: str,
        name: str,
        unit: str,
        values: Sequence[float],
        *,
        target: str = "",
        note: str = "",
        held: bool = True,
    ) -> Figure:
        """A figure from single measurements, at least one."""
        return cls(
            benchmark=benchmark,
            name=name,
            unit=unit,
            n=len(values),
            median=median(values),
            p10=percentile(values, 10),
            p90=percentile(values, 90),
            p99=percentile(values, 99),
            target=target,
            note=note,
            held=held,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Something that could not be measured here, and why."""

    benchmark: str
    name: str
    why: str


Result = Figure | Skipped


def percentile(values: Sequence[float], share: int) -> float:
    """A percentile, linear between neighbours."""
    if len(values) == 1:
        return values[0]
    return quantiles(values, n=100, method="inclusive")[share - 1]


def table(results: Iterable[Result]) -> str:
    """Results as aligned text."""
    rows: list[tuple[str, ...]] = [("", "n", "p10", "median", "p90", "p99", "", "target")]
    for result in results:
        if isinstance(result, Skipped):
            rows.append((f"{result.benchmark}: {result.name}", *["-"] * 5, "", result.why))
            continue
        numbers = map(_number, (result.p10, result.median, result.p90, result.p99))
        said = "; ".join(filter(None, (result.target, result.note)))
        name = f"{result.benchmark}: {result.name}"
        rows.append((name, str(result.n), *numbers, result.unit, said))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def write(path: Path, results: Iterable[Result], browser: str, options: str) -> None:
    """Results as JSON; what other benchmarks wrote there before stays.

    Args:
        path: of the file.
        results: of benchmarks that are made anew.
        browser: its version.
        options: that the command was given.
    """
    fresh = [_plain(result, options) for result in results]
    renewed = {entry["benchmark"] for entry in fresh}
    kept = [entry for entry in _before(path) if entry["benchmark"] not in renewed]
    made = {
        "date": _now(),
        "cpus": os.cpu_count(),
        "browser": browser,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("prober", "playwright", "pytest-playwright")},
        },
        "figures": kept + fresh,
    }
    path.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n")


def _before(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text())["figures"]) if path.exists() else []


def _plain(result: Result, options: str) -> dict[str, Any]:
    entry = asdict(result)
    for key in ("median", "p10", "p90", "p99"):
        if key in entry:
            entry[key] = float(f"{entry[key]:.5g}")
    command = f"python -m benchmarks {result.benchmark} {options}"
    return entry | {"command": command, "date": _now()}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _number(value: float) -> str:
    if value and abs(value) < 10:
        return f"{value:.3f}"
    return f"{value:,.1f}" if abs(value) < 1000 else f"{value:,.0f}"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [row[0].ljust(widths[0])]
    cells += [cell.rjust(width) for cell, width in zip(row[1:6], widths[1:6], strict=True)]
    return "  ".join([*cells, row[6].ljust(widths[6]), row[7]]).rstrip()
