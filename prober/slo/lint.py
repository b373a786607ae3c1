"""Lints: what is likely wrong with contracts that can be read, told before anybody relies on them.

`prober.slo.plan` holds the arithmetic of one objective over one window; here is the rest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from prober.document import did_you_mean
from prober.errors import Severity
from prober.slo.alert import length_ms, rules_of
from prober.slo.contract import Contract, Correctness, Latency, Objective, Sli
from prober.slo.plan import Finding, Plan, error, findings, warning
from prober.slo.region import Mode
from prober.slo.signoff import has_policy, standing
from prober.slo.window import Calendar, Rolling, Window
from prober.units import DAY_MS, HOUR_MS, format_ms
from prober.variables import Place

if TYPE_CHECKING:
    from prober.lint.names import Names

#: More objectives of one journey, or contracts of one owner, than anybody heeds.
MAX_OBJECTIVES: Final = 2
MAX_CONTRACTS: Final = 5
#: Fewer words do not say why a target is what it is.
MIN_RATIONALE: Final = 5
#: How long a journal keeps single runs; sums of hours outlast them.
RUNS_KEPT_MS: Final = 93 * DAY_MS
#: The day on which midnight is looked at in a zone: zones seldom change, and any day will do.
_SOME_DAY_MS: Final = 2_000_000_000_000
_TIMESLICES: Final[Place] = ("spec", "budgeting", "timeslices")

#: By region, from slot to slot of one journey, in ms.
Periods = Mapping[str, int]
Found = tuple[Contract, Finding]


def lint_all(contracts: Sequence[Contract], periods: Mapping[str, Periods]) -> tuple[Found, ...]:
    """What is likely wrong with contracts, each by itself and all of them together.

    Args:
        contracts: which.
        periods: by journey; one that is not there runs nowhere.
    """
    alone = [
        (contract, finding)
        for contract in contracts
        for finding in lint(contract, periods.get(contract.journey, {}))
    ]
    return (*alone, *_crowded_journeys(contracts), *_crowded_owners(contracts))


def lint(contract: Contract, periods: Periods) -> tuple[Finding, ...]:
    """What is likely wrong with one contract, given the schedule of its journey."""
    found = [*_agreement(contract), *_windows(contract)]
    if not periods:
        what = f"no region runs {contract.journey}, so the state stays UNKNOWN"
        mend = "add the journey to `only` of a region"
        return (*found, warning("journey_in_no_region", ("spec", "journey"), what, mend))
    found += [*_regions(contract, periods), *_data(contract, periods)]
    for index, objective in enumerate(contract.objectives):
        found += _objective(contract, objective, index, periods)
    return tuple(dict.fromkeys(found))  # of a rule, several objectives may say the same


def lint_names(contracts: Iterable[Contract], names: Callable[[str], Names]) -> Iterator[Found]:
    """Steps and assertions that contracts name, and that no run can come to.

    Args:
        contracts: which.
        names: what a journey's code names, by the journey's name.
    """
    for contract in contracts:
        for index, objective in enumerate(contract.objectives):
            at: Place = ("spec", "objectives", index, "sli")
            for finding in _misnamed(contract.journey, objective.sli, at, names):
                yield contract, finding


def _misnamed(
    journey: str, sli: Sli, at: Place, names: Callable[[str], Names]
) -> Iterator[Finding]:
    match sli:
        case Latency(step=str(step)):
            if mend := _nearest("step", step, names(journey).steps):
                what = f"{journey} has no step {step!r}, so no run is ever good"
                yield error("unknown_step", (*at, "latency", "step"), what, mend)
        case Correctness(assertion):
            if mend := _nearest("assertion", assertion, names(journey).assertions):
                what = f"{journey} has no assertion {assertion!r}, so the state stays UNKNOWN"
                yield error("unknown_assertion", (*at, "assertion"), what, mend)


def _nearest(word: str, name: str, known: frozenset[str] | None) -> str | None:
    """What to write instead of a name that is none of those; None: it is, or may be."""
    if known is None or name in known:
        return None
    return did_you_mean(name, sorted(known)) if known else f'write with {word}("{name}"): in it'


def plan_of(contract: Contract, objective: Objective, window: Window, periods: Periods) -> Plan:
    """What a contract promises of an objective over a window, and how often it is asked."""
    window_ms, slice_ms = length_ms(window), contract.budgeting.slice_ms
    interval_ms, regions = max(periods.values()), len(periods)
    rules = rules_of(contract, window, objective, every_ms=interval_ms, regions=regions)
    # An assertion is asked only where everything before it worked.
    depends = not isinstance(objective.sli, Correctness)
    return Plan(
        target=objective.target,
        runs=judged_in(window_ms, periods, slice_ms),
        window_ms=window_ms,
        interval_ms=interval_ms,
        regions=regions,
        alerts=rules,
        sla=contract.sla_of(objective),
        depends_on=tuple(each.target for each in contract.depends_on) if depends else (),
        slice_ms=slice_ms,
    )


def judged_in(window_ms: int, periods: Periods, slice_ms: int | None = None) -> int:
    """What is counted in so long a time: whole slices, or the slots of all regions."""
    if slice_ms:
        return window_ms // slice_ms
    return sum(-(-window_ms // every_ms) for every_ms in periods.values())


def _objective(
    contract: Contract, objective: Objective, index: int, periods: Periods
) -> Iterator[Finding]:
    """The arithmetic over each window; all but that of the budget is told of the first only."""
    for number, window in enumerate(sorted(contract.windows, key=lambda each: not each.gate)):
        plan = plan_of(contract, objective, window, periods)
        if number:
            plan = replace(plan, alerts=(), sla=None, depends_on=(), slice_ms=None)
        for finding in findings(plan):
            severity = Severity.WARNING if number and not window.gate else finding.severity
            place = _place(contract, finding.place, index)
            yield replace(finding, severity=severity, place=place)


def _place(contract: Contract, place: Place, objective: int) -> Place:
    """Where in a contract the field of a plan stands."""
    match place:
        case ("target",):
            return ("spec", "objectives", objective, "target")
        case ("alerts", index) if contract.alerts.rules:
            return ("spec", "alerts", "rules", index)
        case ("alerts", _):
            return ("spec", "alerts")
        case ("slice_ms",):
            return (*_TIMESLICES, "slice")
        case _:
            return ("spec", *place)


def _agreement(contract: Contract) -> Iterator[Finding]:
    """What people agreed to."""
    if not has_policy(contract):
        what = "nothing follows from any state: there is no policy with an action for each"
        yield error("policy_missing", ("spec", "policy"), what, "write policy: seed-5")
    for lack in standing(contract).lacks:
        if lack.role:
            what = f"it is a draft and stops no deployment: {lack}"
            mend = f"let them sign sha256:{contract.hash}"
            yield warning("draft", ("spec", "signoffs"), what, mend)
    if len(contract.rationale.split()) < MIN_RATIONALE:
        what = f"{contract.rationale!r} does not say why the targets are what they are"
        mend = "write what was measured, what users complained of or what was agreed"
        yield warning("rationale_thin", ("spec", "rationale"), what, mend)


def _windows(contract: Contract) -> Iterator[Finding]:
    gating = [window for window in contract.windows if window.gate]
    if not gating:
        what, mend = "no window gates, so no state stops a deployment", "write gate: true in one"
        yield warning("no_window_gates", ("spec", "windows"), what, mend)
    elif not any(isinstance(window, Rolling) for window in gating):
        what = (
            "only the calendar gates: a budget spent early stops releases until the period ends, "
            "one left over invites risk"
        )
        yield warning("only_calendar_gates", ("spec", "windows"), what, "let a rolling one gate")
    slice_ms = contract.budgeting.slice_ms
    for index, window in enumerate(contract.windows):
        at: Place = ("spec", "windows", index)
        if isinstance(window, Rolling) and window.duration_ms < HOUR_MS:
            what = f"the window is {format_ms(window.duration_ms)}, where m is for minutes"
            mend = "write 30d, or calendar: {unit: month, time_zone: …} for months"
            yield warning("window_of_minutes", (*at, "duration"), what, mend)
        if slice_ms and (rest_ms := length_ms(window) % slice_ms):
            what = f"slices of {format_ms(slice_ms)} leave {format_ms(rest_ms)} that never counts"
            yield error("window_not_whole_slices", at, what, "write a multiple of the slice")
        yield from _kept(window, slice_ms, at)


def _kept(window: Window, slice_ms: int | None, at: Place) -> Iterator[Finding]:
    """Of what is older than single runs only the sums of whole hours are left."""
    if length_ms(window) <= RUNS_KEPT_MS:
        return
    if slice_ms and slice_ms % HOUR_MS:
        why = f"{window.name} is made of slices of {format_ms(slice_ms)}"
        mend = "write slices of whole hours"
    elif isinstance(window, Calendar) and window.period(_SOME_DAY_MS).start_ms % HOUR_MS:
        why = f"a {window.unit} of {window.time_zone} begins off the hour"
        mend = "write a time_zone whose midnight is a whole hour of UTC"
    elif isinstance(window, Rolling) and not slice_ms:
        why = f"{window.name} begins at any minute of the last {format_ms(window.duration_ms)}"
        mend = "write 93d or less, or calendar: {unit: year, time_zone: UTC}"
    else:
        return
    kept = f"single runs are kept for {format_ms(RUNS_KEPT_MS)}: from then on it stays UNKNOWN"
    place = "duration" if isinstance(window, Rolling) else "calendar"
    yield warning("window_outlives_runs", (*at, place), f"{why}, and {kept}", mend)


def _regions(contract: Contract, periods: Periods) -> Iterator[Finding]:
    """Whether the region rule and the regions know each other."""
    rule, number = contract.budgeting.rule, len(periods)
    if max(rule.quorum, rule.min_reporting) > number:
        what = f"it waits for {max(rule.quorum, rule.min_reporting)} regions, there are {number}"
        yield error("quorum_above_regions", (*_TIMESLICES, "rule"), what, f"write {number} or less")
    if rule.mode is Mode.WEIGHTED and (odd := sorted(rule.weights.keys() ^ periods.keys())):
        what = f"weights and regions differ in {', '.join(odd)}: what has no weight never counts"
        mend = f"weigh {', '.join(sorted(periods))}"
        yield warning("weights_not_of_regions", ("spec", "budgeting"), what, mend)


def _data(contract: Contract, periods: Periods) -> Iterator[Finding]:
    data, at, slice_ms = contract.data, ("spec", "data"), contract.budgeting.slice_ms
    for window in contract.windows:
        if (judged := judged_in(length_ms(window), periods, slice_ms)) < data.min_runs:
            unit = "slices" if slice_ms else "runs"
            what = f"{window.name} never holds more than {judged} {unit}, so it stays UNKNOWN"
            severity = Severity.ERROR if window.gate else Severity.WARNING
            mend = f"write min_runs: {judged} or less"
            yield Finding("min_runs_unreachable", severity, (*at, "min_runs"), what, mend)
    fastest_ms = min(periods.values())
    if data.max_staleness_ms and data.max_staleness_ms < fastest_ms:
        told, every = format_ms(data.max_staleness_ms), format_ms(fastest_ms)
        what = f"{told} may pass without a run, for there are {every} from one to the next"
        mend = f"write max_staleness: {format_ms(3 * fastest_ms)}"
        yield warning("staleness_below_interval", (*at, "max_staleness"), what, mend)


def _crowded_journeys(contracts: Iterable[Contract]) -> Iterator[Found]:
    by_journey: defaultdict[str, list[Contract]] = defaultdict(list)
    for contract in contracts:
        by_journey[contract.journey].append(contract)
    for journey, several in by_journey.items():
        number = sum(len(contract.objectives) for contract in several)
        if number > MAX_OBJECTIVES:
            what = f"{journey} has {number} objectives, and one or two are what people heed"
            mend = "keep those that people would act on"
            place: Place = ("spec", "objectives")
            yield several[-1], warning("too_many_objectives", place, what, mend)


def _crowded_owners(contracts: Iterable[Contract]) -> Iterator[Found]:
    by_owner: defaultdict[str, list[Contract]] = defaultdict(list)
    for contract in contracts:
        for owner in {contract.owners.product, contract.owners.sre}:
            by_owner[owner].append(contract)
    for owner, several in sorted(by_owner.items()):
        if len(several) > MAX_CONTRACTS:
            what = f"{owner} answers for {len(several)} SLOs, more than {MAX_CONTRACTS}"
            mend = "keep the journeys that matter most, or share the work"
            yield several[-1], warning("too_many_slos", ("spec", "owners"), what, mend)
