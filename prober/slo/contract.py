"""Contracts: what a journey promises, to whom, and over which windows.

What a contract is, whatever file it came from; `prober.slo.format` reads and checks the files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final

from prober.document import Document
from prober.model import canonical
from prober.slo.policy import Policy
from prober.slo.region import RegionRule
from prober.slo.window import Span, Window

#: Before every run there ever was.
_EVER_MS: Final = -(2**62)


@dataclass(frozen=True, slots=True)
class Success:
    """Good is a run that passed."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Good is a run that passed and took at most the threshold."""

    threshold_us: int
    #: The step that is timed; None: the whole run.
    step: str | None = None


@dataclass(frozen=True, slots=True)
class Correctness:
    """Good is a run in which a named assertion held; valid is one that got as far as to ask."""

    assertion: str


Sli = Success | Latency | Correctness


@dataclass(frozen=True, slots=True)
class Objective:
    """A share of runs that should be good."""

    name: str
    sli: Sli
    target: Fraction


@dataclass(frozen=True, slots=True)
class Owners:
    """Who answers for a contract; both do."""

    product: str
    sre: str


class Retry(StrEnum):
    """Which attempt of a slot counts."""

    FIRST = "first"  #: the first that gave a verdict: what a user lived through
    FINAL = "final"  #: the last that gave a verdict


class NoData(StrEnum):
    """What a time slice without a verdict is."""

    EXCLUDE = "exclude"  #: not counted
    GOOD = "good"
    BAD = "bad"


class ExclusionMode(StrEnum):
    """What becomes of runs in an approved exclusion."""

    REMOVE = "remove"  #: they leave numerator and denominator
    AS_GOOD = "as_good"  #: they count as good, so that the budget stays as large


class BudgetBasis(StrEnum):
    """Which runs a budget is a share of."""

    AUTO = "auto"  #: observed in a full rolling window, planned in one that is filling up
    OBSERVED = "observed"
    PLANNED = "planned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgeting:
    """What is counted: runs, or slices of time."""

    #: None: runs (occurrences); otherwise the length of a slice.
    slice_ms: int | None = None
    rule: RegionRule = field(default_factory=RegionRule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """How much must be known before a state is more than UNKNOWN, and how it is counted."""

    #: Valid runs in the window.
    min_runs: int = 600
    #: Completed over due slots.
    min_coverage: Fraction = Fraction(9, 10)
    #: Age of the newest run; None: three periods of the journey.
    max_staleness_ms: int | None = None
    retry: Retry = Retry.FIRST
    no_data: NoData = NoData.EXCLUDE
    exclusion_mode: ExclusionMode = ExclusionMode.REMOVE
    basis: BudgetBasis = BudgetBasis.AUTO


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """Fires when the budget burns this fast over a long and a short time, beyond the guards."""

    name: str
    #: `page` wakes somebody, `ticket` waits for the morning.
    severity: str
    burn: Fraction
    long_ms: int
    short_ms: int
    min_failures: int = 3
    min_regions: int = 2
    #: Judged in each region by its own runs, instead of by those of all.
    each_region: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts:
    """When somebody should be told."""

    #: None: derived from the window, see `prober.slo.alert.rules_of`.
    rules: tuple[AlertRule, ...] | None = None
    min_failures: int = 3
    min_regions: int = 2
    #: By severity, or by a state that is entered: who is told.
    routes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sla:
    """What was promised to customers; the objectives must be tighter."""

    target: Fraction
    public_commitment: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """What burned budget costs the business."""

    per_percent_of_burn: Fraction | None = None
    currency: str = "USD"
    journeys_per_hour: Fraction | None = None
    value_per_journey: Fraction | None = None
    #: Consumed share from which on somebody is told.
    notification_threshold: Fraction = Fraction(1, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """Something this journey cannot do without."""

    name: str
    target: Fraction


@dataclass(frozen=True, slots=True)
class ServerView:
    """What servers say of themselves; shown beside a judgement, never a part of it."""

    #: PromQL for the share of requests that failed.
    query: str
    #: A larger share is bad.
    bad_above: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Signoff:
    """A role agreed, to exactly this content."""

    role: str
    #: Of `target` and `policy`.
    scope: tuple[str, ...]
    by: str
    date: date
    #: `sha256:` and 64 digits: `Contract.hash` when it was signed.
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One SLO file."""

    name: str
    display_name: str
    labels: Mapping[str, str]
    description: str
    journey: str
    owners: Owners
    rationale: str
    #: None: from the first run.
    effective_from: date | None
    objectives: tuple[Objective, ...]
    windows: tuple[Window, ...]
    data: Data
    policy: Policy
    budgeting: Budgeting = field(default_factory=Budgeting)
    alerts: Alerts = field(default_factory=Alerts)
    sla: Sla | None = None
    impact: Impact | None = None
    depends_on: tuple[Dependency, ...] = ()
    #: None: there is nothing to compare with.
    server_view: ServerView | None = None
    #: Names of contracts or teams that build on this one.
    dependents: tuple[str, ...] = ()
    signoffs: tuple[Signoff, ...] = ()
    #: Paths in the team's repository whose change touches the journey, as globs.
    paths: tuple[str, ...] = ()
    #: Roles whose sign-off it takes before the contract may stop a deployment.
    required_roles: tuple[str, ...] = ()
    source: Document = field(repr=False, compare=False)
    #: The file of the policy; None: it is built in, or there is none.
    policy_source: Document | None = field(default=None, repr=False, compare=False)

    @property
    def effective_ms(self) -> int:
        """When it took effect, in ms; long ago when it does not say."""
        if self.effective_from is None:
            return _EVER_MS
        return int(datetime.combine(self.effective_from, time(), UTC).timestamp()) * 1000

    def in_effect(self, span: Span) -> Span:
        """What of a span it is in effect for; of length 0 when for nothing."""
        return Span(min(max(span.start_ms, self.effective_ms), span.end_ms), span.end_ms)

    def sla_of(self, objective: Objective) -> Fraction | None:
        """What customers were promised of an objective: of success, or of all if none is that."""
        about = [each for each in self.objectives if isinstance(each.sli, Success)]
        return self.sla.target if self.sla and (objective in about or not about) else None

    @property
    def times_final(self) -> bool:
        """Whether an objective judges the time of an attempt that is not a slot's first."""
        timed = any(isinstance(each.sli, Latency) for each in self.objectives)
        return timed and self.data.retry is Retry.FINAL

    @property
    def hash(self) -> str:
        """SHA-256 of what is written here and in the policy's file, sign-offs left out: 64 digits.

        Order of keys, comments and layout do not matter.
        """
        content = _plain(self.source.data)
        content["spec"].pop("signoffs", None)
        if self.policy_source:
            content["policy"] = _plain(self.policy_source.data)
        return hashlib.sha256(canonical(content).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Dates as text, which JSON has no other way to say."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value
