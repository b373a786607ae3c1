"""What a period was an exception to: overrides, exclusions, and what gates decided.

Records name roles, changes and systems. Who they are that asked, approved and overrode stands in
the audit log and nowhere else.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from prober.evaluator.audit import Kind
from prober.evaluator.desk.desk import Desk
from prober.slo.contract import Contract
from prober.slo.moment import iso
from prober.slo.window import Span

Plain = dict[str, Any]


def overrides(desk: Desk, slo: str, span: Span) -> list[Plain]:
    """The overrides that were granted or used in a period, oldest first."""
    used: Counter[str] = Counter()
    for entry in desk.audit.entries(Kind.DECISION):
        if span.holds(entry.at_ms):
            rulings = (each for each in entry.body["rulings"] if each["slo"] == slo)
            used.update(name for ruling in rulings for name in ruling["overrides"])
    return [
        {
            "id": each.id,
            "state": str(each.state),
            "commit": each.commit,
            "role": each.role,
            "reason": each.reason,
            "granted": iso(each.granted_ms),
            "expires": iso(each.expires_ms),
            "used": used[each.id],
        }
        for each in desk.overrides()
        if each.slo == slo and (span.holds(each.granted_ms) or used[each.id])
    ]


def exclusions(desk: Desk, contract: Contract, span: Span) -> list[Plain]:
    """The exclusions in force that hold some of a period."""
    return [
        {
            "id": each.id,
            "category": str(each.category),
            "reason": each.reason,
            "regions": None if each.regions is None else sorted(each.regions),
            "times": [f"{iso(time.start_ms)} to {iso(time.end_ms)}" for time in times],
            "retroactive": each.retroactive,
            "evidence": each.evidence,
        }
        for each in desk.exclusions()
        if each.concerns(contract.journey) and (times := list(each.times(span)))
    ]


def decisions(desk: Desk, slo: str, span: Span) -> Plain:
    """How often gates ruled what in a period; what was only advice is told apart."""
    ruled: Counter[str] = Counter()
    advised = 0
    for entry in desk.audit.entries(Kind.DECISION):
        if not span.holds(entry.at_ms):
            continue
        for ruling in entry.body["rulings"]:
            if ruling["slo"] == slo:
                ruled[ruling["verdict"]] += 1
                advised += entry.body["advisory"]
    return {"verdicts": dict(sorted(ruled.items())), "advisory": advised}
