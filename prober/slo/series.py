"""What Prometheus and VictoriaMetrics have counted of an objective, in PromQL.

A count over a lookback is a difference of two totals. `rate` and `increase` would extrapolate it,
and half a failed run is none that anybody had.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from textwrap import indent
from typing import Final

from prober import conventions as names
from prober.conventions import prometheus_label as label
from prober.conventions import prometheus_name
from prober.slo.contract import Contract, Objective

REGION: Final = label(names.REGION)
SLO: Final = label(names.SLO)
OBJECTIVE: Final = label(names.OBJECTIVE)
WINDOW: Final = label(names.WINDOW)
JOURNEY: Final = label(names.JOURNEY)


def events(
    contract: Contract, objective: Objective | None = None, result: str | None = None
) -> str:
    """The series that count runs, `good` and `bad` or one of the two, of an objective or of all."""
    labels = {SLO: contract.name}
    if objective:
        labels[OBJECTIVE] = objective.name
    if result:
        labels[label(names.RESULT)] = result
    return selector(prometheus_name(names.SLI_EVENTS), labels)


def runs(contract: Contract, region: str | None = None, *outcomes: str) -> str:
    """The series that count a journey's runs, of all regions or of one, of all outcomes or some."""
    labels = {JOURNEY: contract.journey} | ({REGION: region} if region else {})
    return selector(prometheus_name(names.RUNS), labels, *_among(names.OUTCOME, outcomes))


def slots(contract: Contract, *states: str) -> str:
    """The series that count a journey's due slots, of all ends or of some."""
    labels = {JOURNEY: contract.journey}
    return selector(prometheus_name(names.SLOTS), labels, *_among(names.SLOT_STATE, states))


def _among(name: str, values: Sequence[str]) -> list[str]:
    """A matcher of some values of an attribute; none: of all, for which it takes no matcher."""
    return [f'{label(name)}=~"{"|".join(values)}"'] if values else []


def selector(name: str, labels: dict[str, str], *more: str) -> str:
    """A series selector.

    >>> selector("up", {"job": "shop"}, 'code=~"5.."')
    'up{job="shop",code=~"5.."}'
    """
    pairs = [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in labels.items()]
    return f"{name}{{{','.join((*pairs, *more))}}}"


def summed(series: str, lookback: str, by: str = "") -> str:
    """How much counters grew over a lookback, added up, as lines.

    >>> summed("up", "5m").splitlines()[0]
    'sum ('
    """
    return f"sum {by}(\n{indent(counted(series, lookback), '  ')}\n)\n"


def counted(series: str, lookback: str) -> str:
    """How much counters grew over a lookback: exact, and without a sample where there is none.

    Between the newest total in the lookback and the one at its start; where a gap lies over the
    start, the first one after it. A total below that began anew: all of it is new.
    """
    newest = f"last_over_time({series}[{lookback}])"
    first = f"({series} offset {lookback} or min_over_time({series}[{lookback}]))"
    return f"{newest}\n- {first} >= 0\nor {newest}"


def labels_of(contract: Contract) -> dict[str, str]:
    """A contract's own labels by names that Prometheus allows; empty ones are none there."""
    named = {label(name): value for name, value in contract.labels.items() if value}
    return {f"_{name}" if name[:1].isdigit() else name: value for name, value in named.items()}
