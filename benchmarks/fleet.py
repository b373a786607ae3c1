"""A status of many contracts in a process of its own, as an evaluator gives it.

`python -m benchmarks.fleet JOURNAL AHEAD_MS NUMBER TIMES` answers with one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.processes import peak_mb

_BETWEEN_S = 0.05
_CONTRACT = """\
apiVersion: prober/v1
kind: SLO
metadata: {{name: {name}}}
spec:
  description: one of many
  journey: {name}
  owners: {{product: pm, sre: sre}}
  rationale: to be measured
  objectives:
    - {{name: availability, sli: success, target: "99.5%"}}
    - {{name: latency, sli: {{latency: {{threshold: 8s}}}}, target: "99%"}}
  windows:
    - {{name: rolling, duration: 30d}}
    - {{name: quarter, calendar: {{unit: quarter, time_zone: Europe/Berlin}}}}
"""


@dataclass(slots=True)
class Cost:
    """Of a first status and of later ones."""

    imports_ms: float = 0
    #: Reading the contracts' files.
    contracts_ms: float = 0
    #: Opening the journal and the first status.
    cold_ms: float = 0
    warm_ms: list[float] = field(default_factory=list)
    #: The most memory that the process ever had, in MB of 1,000,000 bytes.
    peak_mb: float = 0


def names(number: int) -> tuple[str, ...]:
    """Of so many contracts, and of their journeys."""
    return tuple(f"journey-{n}" for n in range(number))


def texts(number: int) -> Iterator[tuple[str, str]]:
    """The file and the text of so many contracts: two objectives, two windows each."""
    for name in names(number):
        yield f"{name}.slo.yaml", _CONTRACT.format(name=name)


def ask(path: Path, ahead_ms: int, number: int, times: int) -> Cost:
    """Give a status, and more of them while time passes.

    Args:
        path: of the journal.
        ahead_ms: how much later than here it is there.
        number: of contracts.
        times: how often a later status is asked for.
    """
    cost, start = Cost(), time.perf_counter()
    from prober.evaluator.board import Board
    from prober.journal.view import View
    from prober.slo.format import parse

    cost.imports_ms, start = _since(start)
    contracts = tuple(parse(text, file) for file, text in texts(number))
    cost.contracts_ms, start = _since(start)
    view = View.open(path)
    board = Board(contracts, view, clock=lambda: time.time_ns() // 1_000_000 + ahead_ms)
    status = board.status()
    cost.cold_ms, _ = _since(start)
    assert all(
        result.judgement.counts.good for each in status.evaluations for result in each.results
    )
    for _ in range(times):
        time.sleep(_BETWEEN_S)
        board._status, start = None, time.perf_counter()
        board.status()
        cost.warm_ms.append(_since(start)[0])
    view.close()
    cost.peak_mb = peak_mb(os.getpid())
    return cost


def _since(start_s: float) -> tuple[float, float]:
    """Milliseconds since a moment, and now."""
    now_s = time.perf_counter()
    return 1000 * (now_s - start_s), now_s


if __name__ == "__main__":
    where, *numbers = sys.argv[1:]
    print(json.dumps(asdict(ask(Path(where), *map(int, numbers)))))
