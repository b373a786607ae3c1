"""Plans: what an objective promises against how often it is asked, and what cannot work of it.

All of it is known before the first run. Source of the rules: Google SRE Workbook, ch. 5.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from prober.errors import Severity
from prober.slo.alert import PAGE
from prober.slo.burn import failures_to_trip, max_burn, share_burned
from prober.slo.composite import ceiling
from prober.slo.contract import AlertRule
from prober.slo.sight import MIN_BUDGET
from prober.units import decimal, format_ms, percent
from prober.variables import Place


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a contract that cannot work, or hardly."""

    #: One word for machines.
    code: str
    severity: Severity
    #: Where in the contract; of a plan: its field, and the number of the alert.
    place: Place
    #: With the arithmetic.
    what: str
    mend: str

    @property
    def message(self) -> str:
        """What and mend in one line."""
        return f"{self.what}, {self.mend}"


def error(code: str, place: Place, what: str, mend: str) -> Finding:
    """Something that cannot work."""
    return Finding(code, Severity.ERROR, place, what, mend)


def warning(code: str, place: Place, what: str, mend: str) -> Finding:
    """Something that works, and is likely not what was meant."""
    return Finding(code, Severity.WARNING, place, what, mend)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One objective over one window, as a contract and a schedule have it."""

    target: Fraction
    #: Runs that the window holds, or slices where slices are counted.
    runs: int
    window_ms: int
    #: From slot to slot in the slowest region.
    interval_ms: int
    regions: int
    #: So many failures are not chance.
    k_min: int = MIN_BUDGET
    alerts: tuple[AlertRule, ...] = ()
    sla: Fraction | None = None
    #: Targets of what it cannot do without.
    depends_on: tuple[Fraction, ...] = ()
    slice_ms: int | None = None


def findings(plan: Plan) -> tuple[Finding, ...]:
    """What cannot work of a plan. A target that leaves no budget leaves nothing else to say."""
    if not 0 < plan.target < 1:
        return (_out_of_range(plan),)
    rules = enumerate(plan.alerts)
    alerts = [finding for index, rule in rules for finding in _alert(plan, rule, index)]
    return (*_budget(plan), *_promises(plan), *_slice(plan), *alerts)


def _exact(share: Fraction) -> str:
    """A share for people, fine enough for every target that there is."""
    return percent(share, places=6)


def _out_of_range(plan: Plan) -> Finding:
    what = f"a target of {_exact(plan.target)} leaves no error budget, or nothing to keep"
    return error("target_out_of_range", ("target",), what, 'write one between, such as "99.9%"')


def _budget(plan: Plan) -> Iterator[Finding]:
    budget = (1 - plan.target) * plan.runs
    if budget < plan.k_min:
        yield error(
            "budget_below_k_min",
            ("target",),
            f"{_exact(1 - plan.target)} of {plan.runs} in {format_ms(plan.window_ms)} = "
            f"{decimal(budget)} that may be bad, fewer than {plan.k_min}: chance would decide",
            "lower the target, lengthen the window or run more often",
        )


def _promises(plan: Plan) -> Iterator[Finding]:
    if plan.sla is not None and plan.target <= plan.sla:
        yield error(
            "slo_not_tighter_than_sla",
            ("target",),
            f"the target of {_exact(plan.target)} is not above the SLA of {_exact(plan.sla)}: "
            "customers would hear of a miss first",
            "raise the target, so that there is time to act before the SLA is missed",
        )
    highest = ceiling(plan.depends_on)
    if plan.target > highest:
        product = " x ".join(_exact(target) for target in plan.depends_on)
        yield warning(
            "target_above_dependencies",
            ("depends_on",),
            f"dependencies that just keep their targets allow {product} = {_exact(highest)}, "
            f"less than the target of {_exact(plan.target)}",
            "lower the target or do with fewer of them",
        )


def _slice(plan: Plan) -> Iterator[Finding]:
    if plan.slice_ms is not None and plan.slice_ms < plan.interval_ms:
        slice_, interval = format_ms(plan.slice_ms), format_ms(plan.interval_ms)
        yield error(
            "slice_below_interval",
            ("slice_ms",),
            f"a slice of {slice_} is shorter than the {interval} from run to run: most slices "
            "would hold no run, and an outage would cost too little",
            f"write slice: {interval} or more",
        )


def _alert(plan: Plan, rule: AlertRule, index: int) -> Iterator[Finding]:
    at = ("alerts", index)
    yield from _burn(plan, rule, at)
    yield from _guards(plan, rule, at)
    yield from _lookbacks(plan, rule, at)


def _lookbacks(plan: Plan, rule: AlertRule, at: Place) -> Iterator[Finding]:
    """The long one is no shorter than the short one, so that is the one to look at."""
    slice_ms, short = plan.slice_ms or 0, format_ms(rule.short_ms)
    enough_ms = 2 * max(plan.interval_ms, slice_ms)
    mend = f"write short: {format_ms(enough_ms)} or more"
    if rule.short_ms < slice_ms:
        what = f"its {short} hold no whole slice of {format_ms(slice_ms)}"
        yield error("lookback_below_slice", at, f"{rule.name} can never fire: {what}", mend)
    elif rule.short_ms < enough_ms:
        interval = format_ms(plan.interval_ms)
        held = f"may hold no run of a region, or two: there are {interval} from run to run"
        if slice_ms:
            held = f"hold a single slice of {format_ms(slice_ms)}"
        what = f"the {short} of {rule.name} {held}"
        yield warning("short_window_below_two_rounds", at, what, mend)


def _burn(plan: Plan, rule: AlertRule, at: Place) -> Iterator[Finding]:
    highest = max_burn(plan.target)
    if rule.burn > highest:
        yield error(
            "burn_unreachable",
            at,
            f"{rule.name} can never fire: it waits for a burn rate of {decimal(rule.burn)}, and "
            f"when every run fails that is 1 / {_exact(1 - plan.target)} = {decimal(highest)}",
            "write a smaller share of the budget, or a lower burn rate",
        )
    if rule.burn < 1:
        yield error(
            "burn_below_one",
            at,
            f"{rule.name} fires at a burn rate of {decimal(rule.burn)}, at which the budget "
            "outlasts its window",
            "write a larger share of the budget, or a burn rate of 1 or more",
        )


def _guards(plan: Plan, rule: AlertRule, at: Place) -> Iterator[Finding]:
    share = share_burned(rule.burn, plan.window_ms, rule.long_ms)
    runs = Fraction(plan.runs, plan.regions if rule.each_region else 1)
    failures = failures_to_trip(share, runs, plan.target)
    if failures < plan.k_min and rule.min_failures < plan.k_min:
        yield Finding(
            "alert_below_k_min",
            Severity.ERROR if rule.severity == PAGE else Severity.WARNING,
            at,
            f"{rule.name} takes {_exact(share)} of {_exact(1 - plan.target)} of {decimal(runs)} = "
            f"{decimal(failures)} failures, fewer than {plan.k_min}: chance would fire it",
            f"write min_failures: {plan.k_min}, or a larger share of the budget",
        )
    if rule.min_regions > plan.regions:
        yield error(
            "alert_needs_more_regions",
            at,
            f"{rule.name} can never fire: it waits for failures in {rule.min_regions} regions, "
            f"and the journey runs in {plan.regions}",
            f"write min_regions: {plan.regions}",
        )
