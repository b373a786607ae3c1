"""What a schedule can see of an objective, and what it cannot: known before the first run.

A prober knows how many runs a window will hold. From that follow the size of the error budget in
runs, what one failure costs, how soon an outage shows, how often an alert fires by chance, and
whether the target can be measured at all.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NamedTuple

from prober.slo.alert import PAGE, alert_window, length_ms, rules_of
from prober.slo.burn import max_burn, whole
from prober.slo.confidence import Lookback, Trial, Trip, alarms, proof_runs, tell_apart
from prober.slo.contract import AlertRule, Contract, Objective
from prober.slo.window import Window
from prober.units import format_ms

#: A budget that holds fewer failures jumps by more than a third with each: it measures nothing.
MIN_BUDGET: Final = 3
#: The share of runs that fail in "some errors".
SOME_ERRORS: Final = Fraction(1, 10)

Periods = Mapping[str, int]


class Faults(NamedTuple):
    """After how many ms an alert fires when something breaks; None: it does not."""

    #: Every run fails, and regions take turns, as they do.
    everywhere: Fraction
    #: The same if all regions started together.
    in_step: int
    #: One region fails, that in which it takes longest. None also where slices are judged: their
    #: rule decides.
    one_region: int | None
    #: One run in ten fails: on average. The same holds of slices.
    some_errors: Fraction | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What one alert can see."""

    rule: AlertRule
    #: Failures it takes, in its long and in its short lookback; in one region if it is regional.
    #: Bad slices where they are judged, which its guards do not count.
    trip: Trip
    #: Share of the budget that those failures consume.
    consumes: Fraction
    #: Why it can never fire; empty when it can.
    unreachable: str
    #: None: never.
    after: Faults | None
    #: How often it begins to fire in a window by chance, when the target is just kept,
    false_alarms: float
    #: and when only half as many runs fail.
    false_alarms_better: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What the schedule can see of one objective in one window."""

    target: Fraction
    window_ms: int
    #: Length of a slice; None: runs are judged.
    slice_ms: int | None
    #: Runs that a window holds.
    runs: int
    #: What is judged: those runs, or slices of time.
    judged: int
    min_runs: int
    #: How long an outage lasts that is surely met by a run; None: nothing runs.
    seen_ms: Fraction | None
    #: The same if all regions started together.
    seen_in_step_ms: int | None
    #: Between two runs, on average.
    pause_ms: Fraction | None
    watches: tuple[Watch, ...]

    @property
    def allowed(self) -> Fraction:
        """The share that may be bad."""
        return 1 - self.target

    @property
    def budget(self) -> Fraction:
        """How many runs, or slices, may be bad."""
        return self.allowed * self.judged

    @property
    def budget_ms(self) -> Fraction:
        """The same as time without service."""
        return self.allowed * self.window_ms

    @property
    def quantum(self) -> Fraction | None:
        """The share of the budget that one failure consumes."""
        return 1 / self.budget if self.budget else None

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the target cannot be measured so; empty when it can."""
        found = []
        if not self.runs:
            return ("no region runs the journey",)
        if self.budget < MIN_BUDGET:
            found.append(f"the budget holds fewer than {MIN_BUDGET} failures")
        if self.runs < self.min_runs:
            found.append(f"a window holds {self.runs} of the {self.min_runs} runs it takes")
        return tuple(found)

    @property
    def proof_runs(self) -> int:
        """Runs in a row without failure that prove the target."""
        return proof_runs(self.target)

    @property
    def worse(self) -> Fraction:
        """The share of good runs with twice as many failures as the target allows."""
        return 1 - 2 * self.allowed

    @property
    def doubled(self) -> Trial | None:
        """How many runs tell the target from that; None: there cannot be twice as many."""
        return tell_apart(self.target, self.worse) if self.worse > 0 else None

    def lasts_ms(self, runs: int) -> Fraction | None:
        """How long so many runs take."""
        return None if self.pause_ms is None else runs * self.pause_ms

    @property
    def judged_after_ms(self) -> Fraction | None:
        """How long it takes until there is enough to judge; None: nothing runs."""
        if self.slice_ms and self.pause_ms is not None:
            return Fraction(self.min_runs * self.slice_ms)
        return self.lasts_ms(self.min_runs)

    @property
    def false_pages(self) -> float:
        """How often somebody is woken in a window by chance, when the target is just kept."""
        return sum((watch.false_alarms for watch in self._pages), 0.0)

    @property
    def false_pages_better(self) -> float:
        """The same when only half as many runs fail."""
        return sum((watch.false_alarms_better for watch in self._pages), 0.0)

    @property
    def _pages(self) -> list[Watch]:
        return [watch for watch in self.watches if watch.rule.severity == PAGE]


def sight(contract: Contract, objective: Objective, window: Window, periods: Periods) -> Sight:
    """What a schedule can see.

    Args:
        contract: whose alerts and data rules hold.
        objective: one of its objectives, or what it might be instead.
        window: over which it is judged; a month counts as 30 days, a quarter as 91. Alerts guard
            the budget of one window, and are told of with that one.
        periods: by region, from slot to slot, in ms.
    """
    window_ms, slice_ms = length_ms(window), contract.budgeting.slice_ms
    every = sorted(periods.values())
    slowest_ms, number = (every[-1], len(every)) if every else (None, None)
    rules = rules_of(contract, window, objective, every_ms=slowest_ms, regions=number)
    watched = every and window == alert_window(contract)
    runs = sum(_held(every, window_ms))
    return Sight(
        target=objective.target,
        window_ms=window_ms,
        slice_ms=slice_ms,
        runs=runs,
        judged=window_ms // slice_ms if slice_ms and every else runs,
        min_runs=contract.data.min_runs,
        seen_ms=_turns_ms(every, 1) if every else None,
        seen_in_step_ms=every[0] if every else None,
        pause_ms=_pause_ms(every) if every else None,
        watches=tuple(
            _watch(_Rule(rule, objective.target, slice_ms), every, window_ms)
            for rule in rules
            if watched
        ),
    )


@dataclass(frozen=True, slots=True)
class _Rule:
    """An alert rule as it is applied to runs, or to slices."""

    rule: AlertRule
    target: Fraction
    slice_ms: int | None

    @property
    def sliced(self) -> bool:
        """Whether it is slices that it looks at; in each region it looks at runs."""
        return self.slice_ms is not None and not self.rule.each_region

    def groups(self, every: list[int]) -> list[list[int]]:
        """What it looks at together, as periods."""
        if self.rule.each_region:
            return [[each] for each in every]
        return [every] if self.slice_ms is None else [[self.slice_ms]]

    def trip(self, every: list[int]) -> Trip:
        """What it takes, where a lookback holds as many runs as it can."""
        rule, needed = self.rule, self.rule.burn * (1 - self.target)
        guards = (1, 1) if self.sliced else (rule.min_failures, rule.min_regions)
        regions = 1 if rule.each_region else guards[1]
        failures = whole(needed * sum(_held(every, rule.long_ms)))
        return Trip(
            failures=max(failures, guards[0], regions),
            recent=whole(needed * sum(_held(every, rule.short_ms))),
            regions=regions,
        )

    def unreachable(self, every: list[int], trip: Trip) -> str:
        """Why it never fires."""
        highest, held = max_burn(self.target), sum(_held(every, self.rule.long_ms))
        if self.rule.burn > highest:
            return f"its burn rate is above {float(highest):g}, that of every run failing"
        if self.slice_ms and self.rule.short_ms < self.slice_ms:
            short, whole_slice = format_ms(self.rule.short_ms), format_ms(self.slice_ms)
            return f"its {short} hold no whole slice of {whole_slice}"
        if trip.regions > len(every):
            return f"it waits for {trip.regions} regions, there are {len(every)}"
        if trip.failures > held:
            return f"it waits for {trip.failures} failures, its lookback holds {held} runs"
        return ""

    def faults(self, every: list[int], trip: Trip) -> Faults:
        """When it fires, of what it looks at together."""
        rule, needed = self.rule, max(trip.failures, trip.recent) + self.sliced
        in_step = max(_in_step_ms(every, needed), every[trip.regions - 1])
        long, short = _held(every, rule.long_ms), _held(every, rule.short_ms)
        alone = trip.regions == 1 and trip.failures <= min(long) and trip.recent <= min(short)
        some = rule.burn * (1 - self.target) <= SOME_ERRORS
        some = some and trip.failures <= SOME_ERRORS * sum(long)
        return Faults(
            everywhere=min(Fraction(in_step), _turns_ms(every, needed)),
            in_step=in_step,
            one_region=needed * every[-1] if alone and not self.sliced else None,
            some_errors=trip.failures / SOME_ERRORS * _pause_ms(every) if some else None,
        )


def _watch(rule: _Rule, every: list[int], window_ms: int) -> Watch:
    groups = [(group, rule.trip(group)) for group in rule.groups(every)]
    slowest, bad = max(trip for _, trip in groups), 1 - rule.target
    judged = sum(_held([rule.slice_ms] if rule.slice_ms else every, window_ms))
    unreachable = rule.unreachable(groups[0][0], slowest)
    able = [] if unreachable else groups
    faults = [rule.faults(group, trip) for group, trip in able]
    spans = (window_ms, rule.rule.long_ms, rule.rule.short_ms)
    held = [
        ([Lookback(*(_held([each], ms)[0] for ms in spans)) for each in group], trip)
        for group, trip in able
    ]

    def by_chance(share: Fraction) -> float:
        return sum((alarms(lookbacks, trip, share) for lookbacks, trip in held), 0.0)

    return Watch(
        rule=rule.rule,
        trip=slowest,
        consumes=slowest.failures / (bad * judged),
        unreachable=unreachable,
        after=_soonest(faults) if faults else None,
        false_alarms=by_chance(bad),
        false_alarms_better=by_chance(bad / 2),
    )


def _soonest(each: list[Faults]) -> Faults:
    """When the first of several fires; for one region, which may be any of them, the last."""
    alone = [faults.one_region for faults in each if faults.one_region is not None]
    some = [faults.some_errors for faults in each if faults.some_errors is not None]
    return Faults(
        everywhere=min(faults.everywhere for faults in each),
        in_step=min(faults.in_step for faults in each),
        one_region=max(alone) if len(alone) == len(each) else None,
        some_errors=min(some, default=None),
    )


def _held(every: list[int], span_ms: int) -> list[int]:
    """How many runs of each region a span holds at most."""
    return [-(-span_ms // each) for each in every]


def _in_step_ms(every: list[int], runs: int) -> int:
    """How long so many runs take at most, whenever each region starts."""
    return bisect_left(range(runs * every[0]), runs, key=lambda ms: sum(ms // e for e in every))


def _pause_ms(every: list[int]) -> Fraction:
    """Between two runs, on average."""
    return Fraction(1) / sum(Fraction(1, each) for each in every)


def _turns_ms(every: list[int], runs: int) -> Fraction:
    """How long so many runs take at most: regions of one period take turns."""
    if every[0] == every[-1]:
        return Fraction(runs * every[0], len(every))
    return Fraction(runs * every[0])  # the fastest region alone
