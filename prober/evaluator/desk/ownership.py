"""Ownership: who has answered for each contract, as the evaluator noted it when it loaded them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from prober.evaluator.audit import AuditLog, Kind
from prober.slo.contract import Contract
from prober.slo.moment import iso
from prober.slo.window import Span

Plain = dict[str, Any]


def note_owners(audit: AuditLog, contracts: Iterable[Contract], at_ms: int) -> None:
    """Note each contract whose owners are others than were noted last.

    Raises:
        ProberError: the log cannot be written, or was changed.
    """
    noted = {each.body["slo"]: each.body["owners"] for each in audit.entries(Kind.OWNERSHIP)}
    for contract in contracts:
        owners = owners_of(contract)
        if noted.get(contract.name) != owners:
            body = {"slo": contract.name, "owners": owners, "hash": contract.hash}
            audit.append(Kind.OWNERSHIP, body, at_ms)


def owners_of(contract: Contract) -> dict[str, str]:
    """Who answers for it, by what they look after."""
    return {"product": contract.owners.product, "sre": contract.owners.sre}


def changes(audit: AuditLog, slo: str, span: Span) -> list[Plain]:
    """Changes of owners in a period, oldest first; the first note of all is none."""
    noted = [each for each in audit.entries(Kind.OWNERSHIP) if each.body["slo"] == slo]
    found: list[Plain] = []
    before: Mapping[str, str] | None = None
    for entry in noted:
        owners = entry.body["owners"]
        if before is not None and span.holds(entry.at_ms):
            found.append({"at": iso(entry.at_ms), "from": dict(before), "to": dict(owners)})
        before = owners
    return found
