"""Notices: what one evaluation gives reason to tell, before it is known what was told already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from prober.errors import SourceUnavailable
from prober.evaluator.judging.losses import Losses, losses
from prober.evaluator.judging.plain import exact
from prober.evaluator.judging.result import Evaluation, Result
from prober.evaluator.sources.once import Once
from prober.slo.advice import urgency
from prober.slo.alert import (
    HOLD_MS,
    MISSED_ROUNDS,
    PAGE,
    TICKET,
    Reading,
    Standing,
    absent,
    alert_window,
    inconclusive,
    length_ms,
    uncovered,
)
from prober.slo.budget import Number
from prober.slo.contract import Contract, Impact
from prober.slo.window import Span
from prober.units import format_ms, percent, span

#: Rules that are no burn rates.
ABSENT: Final = "absent"
ABSENT_EVERYWHERE: Final = "absent-everywhere"
VALIDITY: Final = "validity"
COVERAGE: Final = "coverage"
NOTIFICATION: Final = "notification"


class Key(NamedTuple):
    """What makes an alert the same one at every look."""

    slo: str
    rule: str
    objective: str = ""
    window: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """How an alert stands at one moment."""

    key: Key
    severity: str
    standing: Standing
    #: For people.
    text: str
    #: It is over when it has been quiet for so long.
    hold_ms: int = 0
    #: The lookback that follows an outage closely; None: this is not about burn rates.
    burst_ms: int | None = None
    #: Plain values behind the text.
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """Who gives verdicts about a journey."""

    #: By region, from slot to slot, in ms.
    periods: Mapping[str, int]
    #: By region, the slot of the newest verdict.
    newest: Mapping[str, int]
    #: By region without any: when it was first heard of.
    noted: Mapping[str, int]
    #: Why this is not news; empty when it is.
    note: str = ""

    @property
    def slowest_ms(self) -> int | None:
        """The longest period; None: nothing is due."""
        return max(self.periods.values(), default=None)


def notices(evaluation: Evaluation, presence: Presence, once: Once) -> Iterator[Notice]:
    """Everything there is to tell about a contract.

    What a source that cannot answer keeps back is not told; absence is, from what it said last.
    """
    contract, as_of_ms = evaluation.contract, evaluation.as_of_ms
    for result in evaluation.results:
        if result.note:
            continue
        if result.window == alert_window(contract):
            yield from (_burn(contract, result, reading) for reading in result.alerts)
        yield _notification(contract, result)
    yield from _absence(contract.name, presence, as_of_ms)
    if not presence.note:
        yield from _own(contract, presence, once, as_of_ms)


def _burn(contract: Contract, result: Result, reading: Reading) -> Notice:
    rule = reading.rule
    return Notice(
        key=Key(
            contract.name,
            rule.name,
            result.objective.name,
            result.window.name,
            reading.region or "",
        ),
        severity=rule.severity,
        standing=reading.standing,
        text=_burning(reading, length_ms(result.window)),
        hold_ms=min(rule.short_ms, HOLD_MS),
        burst_ms=rule.short_ms if rule.short_ms < rule.long_ms else None,
        facts={
            "threshold": exact(rule.burn),
            "burn": exact(reading.burn),
            "burn_short": exact(reading.burn_short),
            "long_ms": rule.long_ms,
            "short_ms": rule.short_ms,
            "failures": dict(reading.failures),
        },
    )


def _burning(reading: Reading, window_ms: int) -> str:
    """It reads `burns at 50x: a full budget would last 14h; 3 failures in 1h, in eu, us`."""
    rule = reading.rule
    failed = f"{reading.failed} failures in {format_ms(rule.long_ms)}"
    where = f", in {', '.join(reading.regions)}" if reading.regions else ""
    waits = ""
    if reading.standing is Standing.PENDING:
        waits = f"; it takes {rule.min_failures} in {rule.min_regions} regions"
    return f"{urgency(reading.burn, window_ms)}; {failed}{where}{waits}"


def _notification(contract: Contract, result: Result) -> Notice:
    """Whether more of a budget is consumed than the contract says somebody should be told at."""
    edge = (contract.impact or Impact()).notification_threshold
    consumed, budget = result.judgement.consumed, result.judgement.budget
    clear = consumed is not None and budget and consumed <= edge - 1 / budget
    standing = Standing.UNKNOWN if consumed is None else Standing.QUIET
    if consumed is not None and consumed >= edge:
        standing = Standing.FIRING
    spent = "no" if consumed is None else percent(consumed, 1)
    return Notice(
        key=Key(contract.name, NOTIFICATION, result.objective.name, result.window.name),
        severity=TICKET,
        standing=standing,
        text=f"{spent} of the budget is consumed, told from {percent(edge)} on",
        hold_ms=0 if clear else HOLD_MS,
        facts={"consumed": exact(consumed), "threshold": exact(edge)},
    )


def _absence(slo: str, presence: Presence, as_of_ms: int) -> Iterator[Notice]:
    """Regions that gave no verdict for three rounds; one without any waits for the first."""
    heard = {**presence.noted, **presence.newest}
    gone = absent(heard, presence.periods, as_of_ms)
    for region, every_ms in sorted(presence.periods.items()):
        quiet = Standing.QUIET if region in presence.newest else Standing.UNKNOWN
        yield Notice(
            key=Key(slo, ABSENT, region=region),
            severity=TICKET,
            standing=Standing.FIRING if region in gone else quiet,
            text=_unheard([region], heard, as_of_ms, presence.note),
            hold_ms=MISSED_ROUNDS * every_ms,
            facts={"newest_ms": presence.newest.get(region)},
        )
    if presence.periods:
        everywhere = len(gone) == len(presence.periods)
        quiet = Standing.QUIET if presence.newest else Standing.UNKNOWN
        yield Notice(
            key=Key(slo, ABSENT_EVERYWHERE),
            severity=PAGE,
            standing=Standing.FIRING if everywhere else quiet,
            text=_unheard(list(presence.periods), heard, as_of_ms, presence.note),
            hold_ms=MISSED_ROUNDS * min(presence.periods.values()),
        )


def _unheard(regions: list[str], heard: Mapping[str, int], as_of_ms: int, note: str) -> str:
    age_ms = as_of_ms - max(heard[region] for region in regions)
    why = f": {note}" if note else ""
    return f"no verdict from {', '.join(sorted(regions))} for {span(age_ms)}{why}"


def _own(contract: Contract, presence: Presence, once: Once, as_of_ms: int) -> Iterator[Notice]:
    """Whether the prober keeps what it promises of itself: to look, and to find out."""
    try:
        found = losses(contract, once, presence.slowest_ms, as_of_ms)
    except SourceUnavailable:
        span = Span(as_of_ms, as_of_ms)
        found = Losses(span=span, regions={}, lost={})
    every, least = found.every, contract.data.min_coverage
    hides = f"{found.validity}; failures could hide among them" if every.invalid else ""
    unseen = f"{found.coverage}; {percent(least)} are to have one" if found.coverage else ""
    yield _promise(contract, VALIDITY, found, inconclusive(every), every.completed, hides)
    yield _promise(contract, COVERAGE, found, uncovered(every, least), every.due, unseen)


def _promise(
    contract: Contract, rule: str, found: Losses, broken: bool, of: Number, text: str
) -> Notice:
    lookback_ms = found.span.length_ms
    quiet = Standing.QUIET if of else Standing.UNKNOWN
    return Notice(
        key=Key(contract.name, rule),
        severity=TICKET,
        standing=Standing.FIRING if broken else quiet,
        text=text or f"{rule} is full",
        hold_ms=min(HOLD_MS, lookback_ms),
        facts={"lookback_ms": lookback_ms, **found.to_dict()},
    )
