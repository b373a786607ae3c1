"""What an evaluation finds: how each objective of a contract stands over each window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Final, NamedTuple

from prober.evaluator.sources.source import Received
from prober.slo.alert import PAGE, Reading
from prober.slo.budget import Basis, Counts, Doubt, Judgement
from prober.slo.contract import Contract, Objective
from prober.slo.exclusion import Exclusion, fingerprint
from prober.slo.projection import Projection
from prober.slo.state import URGENCY, State
from prober.slo.window import Span, Window
from prober.units import HOUR_MS

#: The burn rate that is shown is that of the last hour.
LOOKBACK_MS: Final = HOUR_MS


class Priority(StrEnum):
    """What a team should work on."""

    FEATURES = "FEATURES"  #: there is budget to take risks with
    RELIABILITY = "RELIABILITY"  #: there is not enough of it, or nobody knows


class Regional(NamedTuple):
    """What one region adds to a result."""

    region: str
    #: As exclusions leave them.
    counts: Counts
    silent: int
    #: The newest slot whose run gave a verdict.
    newest_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One objective over one window."""

    objective: Objective
    window: Window
    #: What is counted: the part of the window that has passed, from the contract's beginning on.
    span: Span
    #: The whole window, also what is to come of it.
    period: Span
    #: As exclusions leave things, and as they were.
    judgement: Judgement
    raw: Judgement
    #: By lookback in ms, those of the alert rules and the last hour. None: nothing valid in it.
    burn_rates: Mapping[int, Fraction | None] = field(default_factory=dict)
    alerts: tuple[Reading, ...] = ()
    #: How much faster than evenly a calendar window spends its budget; None: another window.
    pace: Fraction | None = None
    #: None: there is no budget.
    projection: Projection | None = None
    regions: tuple[Regional, ...] = ()
    #: From the newest slot with a verdict to the moment of judgement.
    staleness_ms: int | None = None
    #: Older than this is stale; None: there is no schedule to say so.
    max_staleness_ms: int | None = None
    #: What deserves a second look, in sentences.
    flags: tuple[str, ...] = ()
    #: Why the source could not answer; empty when it did.
    note: str = ""
    #: What arrived and was not counted; None: nobody asked, or the source does not know.
    received: Received | None = None

    @property
    def state(self) -> State:
        """How the objective stands."""
        return self.judgement.state

    @property
    def reason(self) -> Doubt | None:
        """Why the state is UNKNOWN."""
        return self.judgement.reason

    @property
    def basis(self) -> Basis:
        """What the budget is a share of."""
        return self.judgement.basis

    @property
    def met(self) -> bool | None:
        """Whether compliance reaches the target now."""
        return self.judgement.met

    @property
    def on_track(self) -> bool | None:
        """Whether the budget will last to the window's end, at the recent rate."""
        return None if self.projection is None else self.projection.on_track

    @property
    def returned(self) -> Fraction | None:
        """The share of the budget that exclusions gave back; None: nothing tells it."""
        before, after = self.raw.consumed, self.judgement.consumed
        return None if before is None or after is None else before - after

    @property
    def burn_rate(self) -> Fraction | None:
        """That of the last hour."""
        return self.burn_rates.get(LOOKBACK_MS)

    @property
    def firing(self) -> tuple[Reading, ...]:
        """The alerts that fire."""
        return tuple(reading for reading in self.alerts if reading.fires)

    @property
    def pages(self) -> bool:
        """Whether an alert fires that has somebody come at once."""
        return any(reading.rule.severity == PAGE for reading in self.firing)

    @property
    def priority(self) -> Priority:
        """What this result alone speaks for."""
        calm = self.state in (State.FULL, State.CAUTION) and not self.pages
        return Priority.FEATURES if calm else Priority.RELIABILITY

    @property
    def stale(self) -> bool:
        """Whether the newest verdict is too old to say how things stand."""
        return is_stale(self.staleness_ms, self.max_staleness_ms)

    @property
    def silent(self) -> int:
        """Failures in the window that no first-party 5xx gave away."""
        return sum(regional.silent for regional in self.regions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A contract at one moment."""

    contract: Contract
    as_of_ms: int
    #: What had arrived by then was counted; None: everything.
    known_ms: int | None
    #: In force, those about other journeys left out.
    exclusions: tuple[Exclusion, ...]
    results: tuple[Result, ...]

    @property
    def state(self) -> State:
        """The most urgent state of its results."""
        return min((result.state for result in self.results), key=URGENCY.index)

    @property
    def deciding(self) -> tuple[Result, ...]:
        """The results over windows that gate; all of them where none does."""
        gating = tuple(result for result in self.results if result.window.gate)
        return gating or self.results

    @property
    def deciding_state(self) -> State:
        """The most urgent state of those."""
        return min((result.state for result in self.deciding), key=URGENCY.index)

    @property
    def actions(self) -> tuple[str, ...]:
        """What the policy has people do in that state."""
        return tuple(self.contract.policy.actions.get(self.deciding_state, ()))

    @property
    def exclusions_hash(self) -> str:
        """SHA-256 of the exclusions in force: 64 digits."""
        return fingerprint(self.exclusions)


def urgency(result: Result) -> tuple[int, Fraction]:
    """What sorts results: the most urgent state first, in it the one with the least budget."""
    return URGENCY.index(result.state), result.judgement.remaining or Fraction(0)


def is_stale(age_ms: int | None, max_ms: int | None) -> bool:
    """Whether a newest verdict is older than allowed; unknown ages and limits say nothing."""
    return age_ms is not None and max_ms is not None and age_ms > max_ms
