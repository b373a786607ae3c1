"""A contract as a rule file of Prometheus, which vmalert reads as well.

Counts are kept by region and lookback; compliance, budget and burn rates divide their sums. An
alert compares whole numbers, q · bad ≥ p · valid with p ÷ q = burn rate · (1 − target): they are
exact below 2^53 where a quotient of floats is not, so that an alert fires here when it does there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any, Final

from prober.model import SlotState
from prober.slo.alert import (
    INCONCLUSIVE_SHARE,
    MISSED_ROUNDS,
    PAGE,
    TICKET,
    alert_window,
    rules_of,
    watched_ms,
)
from prober.slo.contract import AlertRule, BudgetBasis, Contract, Objective
from prober.slo.portable import File, rolling
from prober.slo.series import (
    JOURNEY,
    OBJECTIVE,
    REGION,
    SLO,
    WINDOW,
    events,
    labels_of,
    runs,
    selector,
    slots,
    summed,
)
from prober.slo.sight import Periods
from prober.slo.window import Rolling
from prober.units import format_ms, percent
from prober.writing import write

TOOL: Final = "Prometheus"
#: Recorded counts and burn rates; the lookback is appended.
BAD: Final = "prober:sli_bad:count"
VALID: Final = "prober:sli_valid:count"
BURN: Final = "prober:slo_burn_rate:ratio"
COMPLIANCE: Final = "prober:slo_compliance:ratio"
REMAINING: Final = "prober:slo_budget_remaining:ratio"
#: Label of an alert: the rule that fires.
RULE: Final = "rule"
_OBJECTIVE: Final = f"sum by ({SLO}, {OBJECTIVE})"


def rule_file(contract: Contract, periods: Periods, window: str | None = None) -> File:
    """Recording and alert rules for a contract.

    Args:
        contract: what is promised.
        periods: by region, from slot to slot, in ms; not empty.
        window: the name of the only window to record; None: all.

    Raises:
        InputError: Prometheus cannot say what the contract counts.
    """
    windows = rolling(contract, TOOL, window)
    sheets = [_Sheet(contract, objective, periods) for objective in contract.objectives]
    lookbacks = {window.duration_ms for window in windows}
    for rule in (rule for sheet in sheets for rule in sheet.alerts):
        lookbacks |= {rule.long_ms, rule.short_ms}
    found = [  # counts first: a group's rules are evaluated in their order
        *(_count(contract, *which) for which in product(sorted(lookbacks), (BAD, VALID))),
        *(rule for sheet in sheets for rule in sheet.rules(windows)),
        *_absence(contract, periods),
        *_vitals(contract, periods),
    ]
    group = {"name": f"prober-{contract.name}", "rules": found}
    return File(f"{contract.name}.rules.yaml", write({"groups": [group]}))


def _count(contract: Contract, lookback_ms: int, name: str) -> dict[str, Any]:
    lookback = format_ms(lookback_ms)
    series = events(contract, result="bad" if name == BAD else None)
    return _record(name + lookback, summed(series, lookback, f"by ({REGION}, {SLO}, {OBJECTIVE}) "))


@dataclass(frozen=True, slots=True)
class _Sheet:
    """One objective's rules."""

    contract: Contract
    objective: Objective
    periods: Periods

    @property
    def alerts(self) -> tuple[AlertRule, ...]:
        """The burn rules that guard it."""
        return rules_of(
            self.contract,
            alert_window(self.contract),
            self.objective,
            every_ms=max(self.periods.values()),
            regions=len(self.periods),
        )

    def rules(self, windows: Iterable[Rolling]) -> Iterator[dict[str, Any]]:
        """Burn rates, how it stands in windows, and alerts."""
        for lookback_ms in sorted({rule.long_ms for rule in self.alerts}):
            bad, valid = self._sum(BAD, lookback_ms), self._sum(VALID, lookback_ms)
            yield _record(BURN + format_ms(lookback_ms), self._burn(bad, valid), self._named)
        for window in windows:
            yield from self._standing(window)
        for rule in self.alerts:
            yield self._alert(rule)

    @property
    def _named(self) -> dict[str, str]:
        return {SLO: self.contract.name, OBJECTIVE: self.objective.name}

    def _standing(self, window: Rolling) -> Iterator[dict[str, Any]]:
        """Compliance, and what is left of the budget."""
        bad, valid = self._sum(BAD, window.duration_ms), self._sum(VALID, window.duration_ms)
        labels = self._named | {WINDOW: window.name}
        yield _record(COMPLIANCE, f"({valid} - {bad}) / ({valid} > 0)", labels)
        spent = self._burn(bad, valid)
        if self.contract.data.basis is BudgetBasis.PLANNED:
            budget = (1 - self.objective.target) * self._planned(window.duration_ms)
            spent = f"{budget.denominator} * {bad} / {budget.numerator} and {valid} > 0"
        yield _record(REMAINING, f"1 - ({spent})", labels)

    def _planned(self, window_ms: int) -> int:
        return sum(-(-window_ms // every_ms) for every_ms in self.periods.values())

    def _burn(self, bad: str, valid: str) -> str:
        allowed = 1 - self.objective.target
        return f"{allowed.denominator} * {bad} / ({allowed.numerator} * ({valid} > 0))"

    def _alert(self, rule: AlertRule) -> dict[str, Any]:
        pick = self._each if rule.each_region else self._sum
        bad, valid = pick(BAD, rule.long_ms), pick(VALID, rule.long_ms)
        rate = rule.burn * (1 - self.objective.target)
        lines = [self._burn(bad, valid), _reaches(rate, bad, valid)]
        if rule.short_ms != rule.long_ms:
            lines.append(_reaches(rate, pick(BAD, rule.short_ms), pick(VALID, rule.short_ms)))
        lines.append(f"{bad} >= {rule.min_failures}")
        if not rule.each_region and rule.min_regions > 1:
            failing = f"{self._each(BAD, rule.long_ms)} > 0"
            lines.append(f"count by ({SLO}, {OBJECTIVE}) ({failing}) >= {rule.min_regions}")
        where = " in {{ $labels." + REGION + " }}" if rule.each_region else ""
        pace = '{{ printf "%.3g" $value }} times as fast as allowed'
        return {
            "alert": "ProberBudgetBurn",
            "expr": "\nand ".join(lines) + "\n",
            "labels": _labels(self.contract, rule.severity) | self._named | {RULE: rule.name},
            "annotations": {
                "summary": f"{_literal(self.contract.display_name)}: {self.objective.name} burns "
                f"its budget{where} {pace} over {format_ms(rule.long_ms)}"
            },
        }

    def _each(self, name: str, lookback_ms: int) -> str:
        return selector(name + format_ms(lookback_ms), self._named)

    def _sum(self, name: str, lookback_ms: int) -> str:
        return f"{_OBJECTIVE} ({self._each(name, lookback_ms)})"


def _reaches(rate: Fraction, bad: str, valid: str) -> str:
    """Whether so large a share is bad, in whole numbers."""
    return f"{rate.denominator} * {bad} >= {rate.numerator} * ({valid} > 0)"


def _absence(contract: Contract, periods: Periods) -> Iterator[dict[str, Any]]:
    """No verdict for three rounds: of one region for a ticket, of any for a page."""
    for region, every_ms in sorted(periods.items()):
        yield _absent(contract, TICKET, MISSED_ROUNDS * every_ms, region)
    yield _absent(contract, PAGE, MISSED_ROUNDS * max(periods.values()))


def _absent(
    contract: Contract, severity: str, lookback_ms: int, region: str | None = None
) -> dict[str, Any]:
    lookback, where = format_ms(lookback_ms), region or "any region"
    heard = summed(runs(contract, region, "passed", "failed"), lookback)
    return {
        "alert": "ProberAbsent",
        "expr": f"vector(1) unless on () {heard.rstrip()} > 0\n",
        "labels": _labels(contract, severity) | ({REGION: region} if region else {}),
        "annotations": _told(contract, f"no verdict from {where} for {lookback}"),
    }


def _vitals(contract: Contract, periods: Periods) -> Iterator[dict[str, Any]]:
    """Whether the prober keeps what it promises of itself: to find out, and to look."""
    lookback = format_ms(watched_ms(contract, max(periods.values())))
    least = contract.data.min_coverage
    yield _lost(
        contract,
        "ProberInconclusive",
        summed(runs(contract, None, "inconclusive"), lookback),
        summed(runs(contract), lookback),
        INCONCLUSIVE_SHARE,
        f"{{{{ $value }}}} runs gave no verdict in {lookback}",
    )
    yield _lost(
        contract,
        "ProberCoverage",
        summed(slots(contract, SlotState.SKIPPED, SlotState.MISSED), lookback),
        summed(slots(contract), lookback),
        1 - least,
        f"{{{{ $value }}}} due slots have no run in {lookback}; {percent(least)} are to have one",
    )


def _lost(
    contract: Contract, alert: str, lost: str, whole: str, share: Fraction, what: str
) -> dict[str, Any]:
    """More than a share of a whole, and at least three: so much could hide failures."""
    lost = lost.rstrip()
    return {
        "alert": alert,
        "expr": f"{lost} >= {MISSED_ROUNDS}\n"
        f"and {share.denominator} * {lost} > {share.numerator} * {whole}",
        "labels": _labels(contract, TICKET),
        "annotations": _told(contract, what),
    }


def _told(contract: Contract, what: str) -> dict[str, str]:
    return {"summary": f"{_literal(contract.display_name)}: {what}"}


def _labels(contract: Contract, severity: str) -> dict[str, str]:
    route = contract.alerts.routes.get(severity)
    own = labels_of(contract) | ({"route": route} if route else {})
    told = {name: _literal(value) for name, value in own.items()}
    return told | {"severity": severity, JOURNEY: contract.journey, SLO: contract.name}


def _record(name: str, expr: str, labels: dict[str, str] | None = None) -> dict[str, Any]:
    return {"record": name, "expr": expr} | ({"labels": labels} if labels else {})


def _literal(text: str) -> str:
    """Text in which Prometheus finds no template."""
    return text.replace("{{", '{{ "{{" }}')
