"""A contract as ServiceLevelObjectives of Pyrra: one of each objective and window.

Pyrra derives its alerts itself, and extrapolates its counts.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from prober.slo.contract import Contract, Objective
from prober.slo.naming import fits_label, resource_name
from prober.slo.portable import File, rolling
from prober.slo.series import events
from prober.slo.window import Rolling
from prober.units import format_ms
from prober.writing import write

TOOL: Final = "Pyrra"
#: Labels so named become labels of its rules.
_PREFIX: Final = "pyrra.dev/"


def pyrra_files(contract: Contract, window: str | None = None) -> tuple[File, ...]:
    """A contract for `pyrra generate`, `pyrra filesystem` or a cluster: one object a file.

    Args:
        contract: what is promised.
        window: the name of the only window to hand over; None: all.

    Raises:
        InputError: Pyrra cannot say what the contract does.
    """
    return tuple(
        File(f"{found['metadata']['name']}.pyrra.yaml", write(found))
        for each in rolling(contract, TOOL, window)
        for found in (_object(contract, objective, each) for objective in contract.objectives)
    )


def _object(contract: Contract, objective: Objective, window: Rolling) -> dict[str, Any]:
    labels = {
        _PREFIX + name: value
        for name, value in contract.labels.items()
        if fits_label(name) and fits_label(value)
    }
    percent = objective.target * 100
    return {
        "apiVersion": "pyrra.dev/v1alpha1",
        "kind": "ServiceLevelObjective",
        "metadata": {
            "name": resource_name(contract.name, objective.name, window.name),
            **({"labels": labels} if labels else {}),
        },
        "spec": {
            "description": contract.description or contract.display_name,
            "target": str(Decimal(percent.numerator) / percent.denominator),
            "window": format_ms(window.duration_ms),
            "indicator": {
                "ratio": {
                    "errors": {"metric": events(contract, objective, "bad")},
                    "total": {"metric": events(contract, objective)},
                }
            },
            "alerting": {"name": "ProberBudgetBurn", "absentName": "ProberAbsent"},
        },
    }
