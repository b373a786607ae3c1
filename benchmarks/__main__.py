"""`python -m benchmarks [NAME …] [--runs N]`: measure, print a table, write latest.json.

Exit code 1 when something that was promised did not hold.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import (
    evaluate,
    evidence,
    gate,
    loaded,
    memory,
    neighbour,
    overhead,
    pages,
    punctual,
    run,
    scale,
    soak,
    stuck,
)
from benchmarks.contest import wait_for_quiet
from benchmarks.report import Figure, Result, table, write
from benchmarks.settings import Settings
from benchmarks.shop import open_shop
from prober.agent.installed import find
from prober.units import duration_ms, format_ms

BENCHMARKS: Mapping[str, Callable[[Settings], list[Result]]] = {
    module.NAME: module.measure
    for module in (
        *(run, overhead, evidence, memory, punctual, neighbour, stuck),
        *(evaluate, pages, gate, scale, loaded, soak),
    )
}
#: These are given a time, and run only when they are named: a soak takes an hour.
_TIMED = (loaded.NAME, soak.NAME)
_USUAL = [name for name in BENCHMARKS if name not in _TIMED]
LATEST = Path(__file__).parent / "latest.json"


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    options = _parser().parse_args(arguments)
    browser, broken = find("headless-shell"), []
    with open_shop() as (url, pid):
        settings = Settings(
            url=url,
            browser=browser,
            runs=options.runs,
            others=(pid, os.getpid()),
            patience_s=options.patience,
            journals=options.journals,
            fleet=options.fleet,
            soak_s=options.span_ms / 1000,
            samples=options.samples,
        )
        for name in options.names or _USUAL:
            wait_for_quiet(options.patience)
            start = time.monotonic()
            results = BENCHMARKS[name](settings)
            write(options.out, results, _version(browser), _options(name, options))
            print(f"{table(results)}\n\n{name} took {time.monotonic() - start:.0f} s\n", flush=True)
            broken += [each for each in results if isinstance(each, Figure) and not each.held]
    for each in broken:
        print(f"{each.benchmark}: {each.name} did not hold: {each.note}")
    if broken:
        sys.exit(1)


def _options(name: str, options: argparse.Namespace) -> str:
    """What makes a figure of a benchmark again."""
    if name in _TIMED:
        return f"--for {format_ms(options.span_ms)}"
    return f"--runs {options.runs}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", type=_name, metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--runs", type=_count, default=30, help="per figure (default 30)")
    parser.add_argument(
        "--journals",
        type=_counts,
        default=Settings.__dataclass_fields__["journals"].default,
        help="runs in the journals that `evaluate` judges, with commas between",
    )
    parser.add_argument(
        "--fleet",
        type=_fleet,
        default=Settings.__dataclass_fields__["fleet"].default,
        metavar="50x100",
        help="regions and journeys of the fleet that `scale` simulates",
    )
    parser.add_argument(
        "--for",
        type=_span,
        default="1h",
        dest="span_ms",
        metavar="1h",
        help="how long `soak` watches once it is warm, and each part of `loaded` (default 1h)",
    )
    parser.add_argument("--samples", type=Path, help="where `soak` keeps each look, as CSV")
    parser.add_argument(
        "--patience", type=float, default=30.0, help="seconds to wait for a quiet machine"
    )
    parser.add_argument("--out", type=Path, default=LATEST, help="where the JSON goes")
    return parser


def _name(text: str) -> str:
    if text not in BENCHMARKS:
        known = ", ".join(BENCHMARKS)
        raise argparse.ArgumentTypeError(f"{text!r} is no benchmark, name some of {known}")
    return text


def _count(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of runs, write one from 1 on")
    return int(text)


def _span(text: str) -> int:
    try:
        return duration_ms(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _counts(text: str) -> tuple[int, ...]:
    return tuple(_count(part) for part in text.split(","))


def _fleet(text: str) -> tuple[int, int]:
    if not (found := re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no fleet, write such as 50x100")
    return int(found[1]), int(found[2])


def _version(browser: str) -> str:
    said = subprocess.run([browser, "--version"], capture_output=True, text=True, check=True)
    kind = Path(browser).name
    return f"{kind} {' '.join(re.findall(r'[0-9.]+', said.stdout)[:1])}"


if __name__ == "__main__":
    main(sys.argv[1:])
