"""What alerts were worth: how often each rule fired, and what budget its incidents really spent."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from prober.evaluator.alerts.memory import FIRING, RESOLVED
from prober.evaluator.audit import AuditLog, Kind
from prober.evaluator.judging.plain import exact
from prober.slo.window import Span

Plain = dict[str, Any]
#: An incident that spent less than this was not worth an alert: it is the smallest share that
#: the SRE workbook's rules guard.
WORTH: Final = Fraction(1, 50)


@dataclass(slots=True)
class _Rule:
    severity: str
    fired: int = 0
    #: Of each alert that ended and was about a budget, what its incident consumed.
    consumed: list[Fraction] = field(default_factory=list)


def worth(audit: AuditLog, slo: str, span: Span) -> list[Plain]:
    """By rule, what its alerts of a period were worth; an alert belongs to when it began or ended.

    `precision` is the share of the alerts that ended whose incident spent a fiftieth of the budget
    or more; null when none ended, or the rule is not about a budget.
    """
    rules: dict[str, _Rule] = {}
    for entry in audit.entries(Kind.ALERT):
        body = entry.body
        if body["slo"] != slo or not span.holds(entry.at_ms):
            continue
        rule = rules.setdefault(body["rule"], _Rule(body["severity"]))
        if body["phase"] == FIRING:
            rule.fired += 1
        elif body["phase"] == RESOLVED and body["consumed"] is not None:
            rule.consumed.append(Fraction(body["consumed"]))
    return [_plain(name, rule) for name, rule in sorted(rules.items())]


def _plain(name: str, rule: _Rule) -> Plain:
    ended = len(rule.consumed)
    worthy = sum(each >= WORTH for each in rule.consumed)
    return {
        "rule": name,
        "severity": rule.severity,
        "fired": rule.fired,
        "ended": ended,
        "worth_it": worthy,
        "consumed": exact(sum(rule.consumed, Fraction(0))),
        "precision": exact(Fraction(worthy, ended)) if ended else None,
    }
