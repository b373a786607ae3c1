"""Alerts on burn rates, made for few runs: nobody is woken by a single failure.

With b = X · W ÷ L, failures that trip an alert are X · N · (1 − target), however long its lookback
L is: at 99.9 % and a run a minute, 2 % of a month's budget is less than one run. Only a count of
failures, and of regions that saw one, keeps such an alert quiet. Source of the shares: Google SRE
Workbook, ch. 5, "Alerting on SLOs".
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from typing import Final, NamedTuple

from prober.slo.budget import Counts
from prober.slo.burn import burn_rate, max_burn, threshold, whole
from prober.slo.contract import AlertRule, Contract, Objective
from prober.slo.state import SEED_5_BANDS, Bands, State
from prober.slo.window import Rolling, Unit, Window
from prober.units import DAY_MS, HOUR_MS

PAGE: Final = "page"
TICKET: Final = "ticket"
#: So many rounds without a verdict are silence.
MISSED_ROUNDS: Final = 3
#: A larger share of inconclusive runs hides what they did not see.
INCONCLUSIVE_SHARE: Final = Fraction(1, 20)
#: It is that of such a part of a window: a day of 30.
VALIDITY_PARTS: Final = 30
#: A better state is told after so long at the latest.
HOLD_MS: Final = HOUR_MS
#: A short lookback holds so many rounds: one may hold no run of a region, or two.
_ROUNDS: Final = 2
#: What a period of the calendar is taken for where a burn rate is derived from it.
_NOMINAL_DAYS: Final = {Unit.DAY: 1, Unit.WEEK: 7, Unit.MONTH: 30, Unit.QUARTER: 91, Unit.YEAR: 365}


class _Preset(NamedTuple):
    name: str
    severity: str
    #: Of the budget.
    share: Fraction
    #: Windows are so many lookbacks long: 720 makes an hour of 30 days.
    parts: int
    each_region: bool = False
    #: That share must have failed of all that a full window holds, whenever in the lookback.
    absolute: bool = False

    @property
    def shorts(self) -> int:
        """So many short lookbacks are a long one."""
        return 1 if self.absolute else 12

    @property
    def one_region(self) -> bool:
        """Whether failures in one region are enough."""
        return self.each_region or self.absolute


_PRESETS: Final = (
    _Preset("page-fast", PAGE, Fraction(2, 100), 720),
    _Preset("page-slow", PAGE, Fraction(5, 100), 120),
    _Preset("ticket-fast", TICKET, Fraction(10, 100), 30),
    _Preset("ticket-slow", TICKET, Fraction(10, 100), 10),
    _Preset("regional", TICKET, Fraction(2, 100), 720, each_region=True),
    # A failure now and then: where runs are few, no short lookback ever holds enough of them.
    _Preset("leak", TICKET, Fraction(25, 100), 4, absolute=True),
)


#: The names of the rules that are derived from a window.
PRESETS: Final = tuple(preset.name for preset in _PRESETS)


class Standing(StrEnum):
    """What the runs say about an alert."""

    QUIET = "quiet"
    PENDING = "pending"  #: the budget burns fast enough; the guards wait for more
    FIRING = "firing"
    UNKNOWN = "unknown"  #: a lookback is empty: whatever was said last still stands


class Reading(NamedTuple):
    """A rule held against the runs."""

    rule: AlertRule
    standing: Standing
    #: Burn rates of the long and of the short lookback; None: nothing valid in it.
    burn: Fraction | None
    burn_short: Fraction | None
    #: Bad runs in the long lookback, of the regions that saw one.
    failures: Mapping[str, int]
    #: The one it was judged in; None: all of them together.
    region: str | None = None

    @property
    def fires(self) -> bool:
        """Whether it fires."""
        return self.standing is Standing.FIRING

    @property
    def failed(self) -> int:
        """Bad runs in the long lookback."""
        return sum(self.failures.values())

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that saw one."""
        return tuple(sorted(self.failures))


def rules_of(
    contract: Contract,
    window: Window,
    objective: Objective | None = None,
    *,
    every_ms: int | None = None,
    regions: int | None = None,
) -> tuple[AlertRule, ...]:
    """The burn rules of a contract: its own, or those derived for a window.

    Args:
        contract: whose guards hold.
        window: whose budget burns.
        objective: derived rules that its target lets fire; None: that any target does.
        every_ms: from slot to slot in the slowest region; a short lookback holds two rounds, or
            slices if they are longer, a long one enough of them for the failures it takes.
        regions: how many there are; no alert waits for more of them.
    """
    if contract.alerts.rules is not None:
        return contract.alerts.rules
    targets = [each.target for each in ((objective,) if objective else contract.objectives)]
    slice_ms, window_ms = contract.budgeting.slice_ms, length_ms(window)
    runs = window_ms * Fraction(regions or 0, every_ms) if every_ms else Fraction(0)
    judged = Fraction(window_ms, slice_ms) if slice_ms else runs
    plan = _Plan(
        window_ms=window_ms,
        round_ms=max(every_ms or 0, slice_ms or 0),
        regions=regions,
        budget=(1 - max(targets)) * judged,
        highest=max(map(max_burn, targets)),
        min_failures=contract.alerts.min_failures,
        min_regions=contract.alerts.min_regions,
    )
    return _derived(plan)


def alert_window(contract: Contract) -> Window:
    """The window whose budget the burn rules guard: the first that gates, else the first."""
    return next((window for window in contract.windows if window.gate), contract.windows[0])


def length_ms(window: Window) -> int:
    """How long a window is; of the calendar's, which vary, the usual length."""
    if isinstance(window, Rolling):
        return window.duration_ms
    return _NOMINAL_DAYS[window.unit] * DAY_MS


class _Plan(NamedTuple):
    """What rules are derived from: what a schedule makes of a window, and the guards."""

    window_ms: int
    round_ms: int
    #: None: not known.
    regions: int | None
    #: Runs, or slices, that may be bad; 0: not known.
    budget: Fraction
    #: No budget burns faster.
    highest: Fraction
    min_failures: int
    min_regions: int


@lru_cache(maxsize=1000)  # a status asks anew for the rules of every objective and window
def _derived(plan: _Plan) -> tuple[AlertRule, ...]:
    rules = (
        _derive(preset, plan)
        for preset in _PRESETS
        if not (preset.each_region and plan.regions == 1)
    )
    return tuple(rule for rule in rules if 1 <= rule.burn <= plan.highest)


def _derive(preset: _Preset, plan: _Plan) -> AlertRule:
    together = 1 if preset.each_region else plan.regions or 1
    enough_ms = max(_ROUNDS, -(-plan.min_failures // together)) * plan.round_ms
    long_ms = max(plan.window_ms // preset.parts, enough_ms)
    least = plan.min_failures
    if preset.absolute:
        least = max(least, whole(preset.share * plan.budget))
    regions = 1 if preset.one_region else plan.min_regions
    return AlertRule(
        name=preset.name,
        severity=preset.severity,
        burn=threshold(preset.share, plan.window_ms, long_ms),
        long_ms=long_ms,
        short_ms=max(long_ms // preset.shorts, _ROUNDS * plan.round_ms),
        min_failures=least,
        min_regions=min(regions, plan.regions or regions),
        each_region=preset.each_region,
    )


def firing(
    rule: AlertRule, target: Fraction, long: Counts, short: Counts, failures: Mapping[str, int]
) -> Reading:
    """Hold a rule against what its two lookbacks hold.

    A rate at the threshold fires: ≥, in exact fractions.

    Args:
        rule: see there.
        target: of the objective.
        long: what the long lookback holds, of all regions, or of the one the rule is judged in.
        short: the same for the short lookback.
        failures: bad runs in the long lookback by region; only that one, if it is one.
    """
    failed = {region: count for region, count in failures.items() if count}
    burn, burn_short = burn_rate(long, target), burn_rate(short, target)
    fast = burn is not None and burn >= rule.burn
    if burn is None or (fast and burn_short is None):
        standing = Standing.UNKNOWN
    elif not fast or burn_short is None or burn_short < rule.burn:
        standing = Standing.QUIET
    elif sum(failed.values()) < rule.min_failures or len(failed) < rule.min_regions:
        standing = Standing.PENDING
    else:
        standing = Standing.FIRING
    return Reading(
        rule=rule,
        standing=standing,
        burn=burn,
        burn_short=burn_short,
        failures=failed,
        region=next(iter(failures)) if rule.each_region else None,
    )


def absent(newest: Mapping[str, int], periods: Mapping[str, int], as_of_ms: int) -> tuple[str, ...]:
    """The regions from which three rounds in a row gave no verdict.

    Args:
        newest: by region, the slot of the newest verdict, or when the region was first heard of.
        periods: by region, from slot to slot, in ms.
        as_of_ms: now; slots at and after it are not due.

    >>> absent({"eu": 0, "us": 60_000}, {"eu": 60_000, "us": 60_000}, as_of_ms=180_001)
    ('eu',)
    """
    return tuple(
        region
        for region, every_ms in sorted(periods.items())
        if as_of_ms - newest[region] > MISSED_ROUNDS * every_ms
    )


def inconclusive(counts: Counts, min_runs: int = MISSED_ROUNDS) -> bool:
    """Whether so many runs gave no verdict that failures could hide among them.

    >>> inconclusive(Counts(good=57, invalid=3)), inconclusive(Counts(good=56, invalid=4))
    (False, True)
    """
    return counts.invalid >= min_runs and counts.invalid > INCONCLUSIVE_SHARE * counts.completed


def watched_ms(contract: Contract, slowest_ms: int) -> int:
    """Over how long the prober's own promises are watched, in ms.

    A 30th of the window that alerts guard, and three rounds at least.

    Args:
        contract: whose alerts.
        slowest_ms: from slot to slot in the slowest region; 0 when there is no schedule.
    """
    window_ms = length_ms(alert_window(contract))
    return max(window_ms // VALIDITY_PARTS, MISSED_ROUNDS * slowest_ms)


def uncovered(counts: Counts, min_coverage: Fraction, min_slots: int = MISSED_ROUNDS) -> bool:
    """Whether so many due slots have no run that too little is seen.

    >>> share = Fraction(9, 10)
    >>> uncovered(Counts(good=90, due=100), share), uncovered(Counts(good=89, due=100), share)
    (False, True)
    """
    return (
        counts.due - counts.completed >= min_slots and counts.completed < min_coverage * counts.due
    )


def settled(
    held: State,
    now: State,
    consumed: Fraction | None,
    quantum: Fraction | None,
    better_ms: int,
    bands: Bands = SEED_5_BANDS,
) -> State:
    """The state to tell people: a rolling budget near an edge would tell them again and again.

    Worse is told at once, and so is UNKNOWN. Better is told when the budget is a bad run's worth
    below the edge, or has been below it for an hour.

    Args:
        held: the state that was told last.
        now: how the budget stands.
        consumed: share of it that is spent.
        quantum: share of it that one bad run spends.
        better_ms: for how long it has stood better than `held`.
        bands: of the policy.
    """
    order = [state for _, state in bands]
    if not {held, now} <= set(order) or order.index(now) >= order.index(held):
        return now
    edge = bands[order.index(held)][0]
    clear = consumed is not None and quantum is not None and consumed <= edge - quantum
    return now if clear or better_ms >= HOLD_MS else held
