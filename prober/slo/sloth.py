"""A contract as a file of Sloth (`prometheus/v1`), which makes Prometheus rules of it.

Sloth derives its alerts itself, without a guard of failures or regions, and unless told otherwise
averages five-minute ratios over its period.
"""

from __future__ import annotations

from typing import Any, Final

from prober.errors import InputError
from prober.slo.contract import Contract, Objective
from prober.slo.portable import File, rolling, unsaid
from prober.slo.series import events, labels_of, summed
from prober.slo.window import Rolling
from prober.units import DAY_MS, format_ms
from prober.writing import write

TOOL: Final = "Sloth"
#: The periods it comes with.
_PERIODS: Final = (28 * DAY_MS, 30 * DAY_MS)
#: Where it puts each of its lookbacks.
_LOOKBACK: Final = "{{.window}}"


def sloth_file(contract: Contract, window: str | None = None) -> File:
    """A contract for `sloth generate`.

    Args:
        contract: what is promised.
        window: the name of the window meant; None: the only one.

    Raises:
        InputError: Sloth cannot say what the contract does.
    """
    windows = rolling(contract, TOOL, window)
    for each in windows:
        if each.duration_ms not in _PERIODS:
            why = f"{TOOL} has periods of 28d and 30d, not {format_ms(each.duration_ms)}"
            raise InputError([unsaid(contract, each, why)])
    if len(windows) > 1:
        raise InputError([unsaid(contract, windows[1], f"{TOOL} takes one window a file")])
    return File(f"{contract.name}.sloth.yaml", _text(contract, windows[0]))


def _text(contract: Contract, window: Rolling) -> str:
    head = {"version": "prometheus/v1", "service": contract.name}
    labels = {"labels": found} if (found := labels_of(contract)) else {}
    slos = [_slo(contract, objective) for objective in contract.objectives]
    usage = f"# sloth generate --default-slo-period={window.duration_ms // DAY_MS}d\n"
    return usage + write(head | labels | {"slos": slos})


def _slo(contract: Contract, objective: Objective) -> dict[str, Any]:
    bad = summed(events(contract, objective, "bad"), _LOOKBACK)
    valid = summed(events(contract, objective), _LOOKBACK)
    return {
        "name": f"{contract.name}-{objective.name}",
        "objective": float(objective.target * 100),
        "description": contract.description or contract.display_name,
        "sli": {
            "events": {
                "error_query": bad,
                "total_query": f"{valid.rstrip()} > 0\n",  # nothing counted is no sample
            }
        },
        "alerting": {
            "name": "ProberBudgetBurn",
            "page_alert": _alert(contract, "page"),
            "ticket_alert": _alert(contract, "ticket"),
        },
    }


def _alert(contract: Contract, severity: str) -> dict[str, Any]:
    route = contract.alerts.routes.get(severity)
    return {"labels": {"severity": severity} | ({"route": route} if route else {})}
