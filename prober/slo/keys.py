"""The keys of a contract file: what may stand under each, and what it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, PositiveInt, Tag, model_validator

from prober.document import Duration, Strict, Text, TimeZone, distinct
from prober.slo.burn import threshold
from prober.slo.contract import (
    AlertRule,
    BudgetBasis,
    Budgeting,
    Correctness,
    Data,
    Dependency,
    ExclusionMode,
    Impact,
    Latency,
    NoData,
    Objective,
    Retry,
    ServerView,
    Signoff,
    Sla,
    Sli,
    Success,
)
from prober.slo.region import Mode, RegionRule
from prober.slo.values import (
    Currency,
    Either,
    Label,
    Names,
    Number,
    Part,
    Share,
    Target,
    WindowLength,
    word,
    word_or_mapping,
)
from prober.slo.window import Calendar, Rolling, Unit, Window


class MetadataKeys(Strict):
    """What the contract is called."""

    name: Label = Field(examples=["checkout-completion"])
    display_name: Text | None = Field(None, alias="displayName")
    labels: Mapping[str, str] = {}


class OwnersKeys(Strict):
    """Who answers for it."""

    product: Text = Field(examples=["pm-payments"])
    sre: Text = Field(examples=["sre-payments"])


class LatencyKeys(Strict):
    """Good is a run that passed and took at most the threshold."""

    threshold_ms: Duration = Field(alias="threshold", examples=["8s"])
    step: Text | None = None


class SliKeys(Either):
    """An indicator with parameters."""

    EITHER = ("latency", "assertion")
    latency: LatencyKeys | None = Field(None, examples=[{"threshold": "8s"}])
    assertion: Text | None = None

    def build(self) -> Sli:
        """The indicator meant."""
        if self.latency:
            return Latency(self.latency.threshold_ms * 1000, self.latency.step)
        return Correctness(str(self.assertion))


_SLIS = "{latency: {threshold: 8s}} or {assertion: order-total}"


class ObjectiveKeys(Strict):
    """A share of runs that should be good."""

    name: Label = Field(examples=["availability"])
    sli: Annotated[
        Annotated[Literal["success"], word(["success"], _SLIS), Tag("<word>")]
        | Annotated[SliKeys, Tag("<mapping>")],
        Discriminator(word_or_mapping),
    ] = Field(examples=["success"])
    target: Target = Field(examples=["99.5%"])

    def build(self) -> Objective:
        """The objective meant."""
        sli = self.sli.build() if isinstance(self.sli, SliKeys) else Success()
        return Objective(self.name, sli, self.target)


class CalendarKeys(Strict):
    """A period of the calendar, which begins anew with nothing burned."""

    unit: Annotated[Unit, Field(strict=False), word(Unit)] = Field(examples=["month"])
    time_zone: TimeZone = Field(examples=["America/New_York"])


class WindowKeys(Either):
    """The time that objectives are judged over."""

    EITHER = ("duration", "calendar")
    name: Label = Field(examples=["rolling"])
    duration_ms: WindowLength | None = Field(None, alias="duration")
    calendar: CalendarKeys | None = None
    gate: bool | None = Field(None, description="Default: a rolling window gates, others do not.")

    def build(self) -> Window:
        """The window meant."""
        if self.calendar:
            unit, zone = self.calendar.unit, self.calendar.time_zone
            return Calendar(self.name, unit, zone, bool(self.gate))
        return Rolling(self.name, self.duration_ms or 0, self.gate is not False)


class RuleKeys(Either):
    """A region rule with parameters."""

    EITHER = ("quorum", "weighted")
    quorum: PositiveInt | None = None
    weighted: Mapping[Label, Part] | None = None
    min_reporting: PositiveInt | None = None

    @model_validator(mode="after")
    def _sound(self) -> RuleKeys:
        if self.weighted is not None and not self.weighted:
            raise ValueError('weighs no region, write such as {eu-west-1: "50%", us-east-1: "50%"}')
        if self.quorum and self.min_reporting and self.min_reporting < self.quorum:
            what = "min_reporting is below quorum: regions that are silent would be called bad"
            raise ValueError(f"{what}, write min_reporting: {self.quorum} or more")
        return self

    def build(self) -> RegionRule:
        """The rule meant; a quorum is asked for among no fewer regions."""
        return RegionRule(
            mode=Mode.QUORUM if self.quorum else Mode.WEIGHTED,
            quorum=self.quorum or 0,
            min_reporting=self.min_reporting or self.quorum or 1,
            weights=self.weighted or {},
        )


Word = Literal["any", "all", "majority", "pooled"]
_WORDS = ("any", "all", "majority", "pooled")
_RULES = "{quorum: 2, min_reporting: 3} or {weighted: …}"
Rule = Annotated[
    Annotated[Word, word(_WORDS, _RULES), Tag("<word>")] | Annotated[RuleKeys, Tag("<mapping>")],
    Discriminator(word_or_mapping),
]


def _of_runs(rule: Word | RuleKeys) -> Word | RuleKeys:
    name = "quorum" if isinstance(rule, RuleKeys) and rule.quorum else rule
    if name in ("any", "all", "majority", "quorum"):
        what = f"{name} compares regions at the same time, and runs are not"
        raise ValueError(f"{what}, write pooled or weighted, or budget by timeslices")
    return rule


class OccurrencesKeys(Strict):
    """Runs are counted."""

    rule: Annotated[Rule, AfterValidator(_of_runs)] = "pooled"


class TimeslicesKeys(Strict):
    """Slices of time are counted."""

    slice_ms: Duration = Field(alias="slice", examples=["5m"])
    rule: Rule = Field(examples=["majority"])


class BudgetingKeys(Either):
    """What is counted, with parameters."""

    EITHER = ("occurrences", "timeslices")
    occurrences: OccurrencesKeys | None = Field(None, examples=[{"rule": "pooled"}])
    timeslices: TimeslicesKeys | None = Field(None, examples=[{"slice": "5m", "rule": "all"}])

    def build(self) -> Budgeting:
        """The budgeting meant."""
        chosen = self.timeslices or self.occurrences or OccurrencesKeys()
        rule = chosen.rule
        return Budgeting(
            slice_ms=self.timeslices.slice_ms if self.timeslices else None,
            rule=rule.build() if isinstance(rule, RuleKeys) else RegionRule(mode=Mode(rule)),
        )


class DataKeys(Strict):
    """How much must be known before a state is more than UNKNOWN, and how it is counted."""

    min_runs: PositiveInt = 600
    min_coverage: Share = Field(Fraction(9, 10), json_schema_extra={"default": "90%"})
    max_staleness_ms: Duration | None = Field(None, alias="max_staleness")
    retry: Annotated[Retry, Field(strict=False), word(Retry)] = Retry.FIRST
    no_data: Annotated[NoData, Field(strict=False), word(NoData)] = NoData.EXCLUDE
    exclusions: Annotated[ExclusionMode, Field(strict=False), word(ExclusionMode)] = (
        ExclusionMode.REMOVE
    )
    basis: Annotated[BudgetBasis, Field(strict=False), word(BudgetBasis)] = BudgetBasis.AUTO

    def build(self) -> Data:
        """The same."""
        return Data(
            min_runs=self.min_runs,
            min_coverage=self.min_coverage,
            max_staleness_ms=self.max_staleness_ms,
            retry=self.retry,
            no_data=self.no_data,
            exclusion_mode=self.exclusions,
            basis=self.basis,
        )


Severity = Literal["page", "ticket"]
#: What may be told to somebody of its own: alerts by severity, and states that are entered.
Told = Literal["page", "ticket", "WARNING", "CRITICAL", "EXHAUSTED"]


class RuleOfAlertKeys(Either):
    """An alert: budget burned this fast over a long and a short time."""

    EITHER = ("budget", "burn")
    name: Label = Field(examples=["fast"])
    severity: Severity = Field(examples=["page"])
    budget: Part | None = None
    burn: Number | None = None
    long_ms: Duration = Field(alias="long", examples=["1h"])
    short_ms: Duration = Field(alias="short", examples=["10m"])
    min_failures: PositiveInt | None = None
    min_regions: PositiveInt | None = None
    each_region: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> RuleOfAlertKeys:
        if self.short_ms > self.long_ms:
            raise ValueError("short is longer than long, write less: a twelfth of it is usual")
        return self

    def build(self, guards: AlertsKeys, window_ms: int) -> AlertRule:
        """The rule meant; a share is one of the budget of a window this long."""
        return AlertRule(
            name=self.name,
            severity=self.severity,
            burn=threshold(self.budget, window_ms, self.long_ms)
            if self.budget
            else self.burn or Fraction(0),
            long_ms=self.long_ms,
            short_ms=self.short_ms,
            min_failures=self.min_failures or guards.min_failures,
            min_regions=self.min_regions or guards.min_regions,
            each_region=self.each_region,
        )


class AlertsKeys(Strict):
    """When somebody should be told."""

    preset: Literal["probe-30d"] | None = None
    min_failures: PositiveInt = 3
    min_regions: PositiveInt = 2
    routes: Mapping[Told, Text] = {}
    rules: (
        Annotated[tuple[RuleOfAlertKeys, ...], Field(min_length=1), AfterValidator(distinct)] | None
    ) = None

    @model_validator(mode="after")
    def _one_set(self) -> AlertsKeys:
        if self.preset and self.rules:
            raise ValueError("has both preset and rules, write one of the two")
        return self


class SlaKeys(Strict):
    """What was promised to customers."""

    target: Target = Field(examples=["99%"])
    public_commitment: bool = False

    def build(self) -> Sla:
        """The same."""
        return Sla(target=self.target, public_commitment=self.public_commitment)


class ImpactKeys(Strict):
    """What burned budget costs the business."""

    per_percent_of_burn: Number | None = None
    currency: Currency = "USD"
    journeys_per_hour: Number | None = None
    value_per_journey: Number | None = None
    notification_threshold: Part = Field(Fraction(1, 5), json_schema_extra={"default": "20%"})

    def build(self) -> Impact:
        """The same."""
        return Impact(**{name: getattr(self, name) for name in type(self).model_fields})


class DependencyKeys(Strict):
    """Something this journey cannot do without."""

    name: Text = Field(examples=["psp"])
    target: Target = Field(examples=["99.95%"])

    def build(self) -> Dependency:
        """The same."""
        return Dependency(name=self.name, target=self.target)


class ServerViewKeys(Strict):
    """What servers say of themselves; shown beside the journey, never judged."""

    query: Text = Field(examples=["sum(rate(http_errors[5m])) / sum(rate(http_requests[5m]))"])
    bad_above: Share = Field(examples=["1%"])

    def build(self) -> ServerView:
        """The same."""
        return ServerView(self.query, self.bad_above)


class SignoffKeys(Strict):
    """A role agreed, to exactly this content."""

    role: Text = Field(examples=["engineering"])
    scope: Annotated[tuple[Literal["target", "policy"], ...], AfterValidator(distinct)] = Field(
        min_length=1, examples=[["target", "policy"]]
    )
    by: Text = Field(examples=["ada@example.com"])
    signed: date = Field(alias="date", examples=["2026-06-20"])
    hash: Text = Field(examples=["sha256:…"])

    def build(self) -> Signoff:
        """The same."""
        return Signoff(
            role=self.role, scope=self.scope, by=self.by, date=self.signed, hash=self.hash
        )


class SpecKeys(Strict):
    """What is promised."""

    description: Text | None = None
    journey: Text = Field(examples=["checkout"])
    owners: OwnersKeys = Field(examples=[{"product": "pm-payments", "sre": "sre-payments"}])
    rationale: Text = Field(examples=["99.7% over six months, complaints start below 99.3%"])
    effective_from: date | None = None
    objectives: Annotated[tuple[ObjectiveKeys, ...], AfterValidator(distinct)] = Field(
        min_length=1, examples=[[{"name": "availability", "sli": "success", "target": "99.5%"}]]
    )
    windows: Annotated[tuple[WindowKeys, ...], AfterValidator(distinct)] = Field(
        min_length=1, examples=[[{"name": "rolling", "duration": "30d"}]]
    )
    budgeting: Annotated[
        Annotated[
            Literal["occurrences"],
            word(["occurrences"], "{timeslices: {slice: 5m, rule: all}}"),
            Tag("<word>"),
        ]
        | Annotated[BudgetingKeys, Tag("<mapping>")],
        Discriminator(word_or_mapping),
    ] = "occurrences"
    data: DataKeys = Field(default_factory=DataKeys)
    alerts: AlertsKeys = Field(default_factory=AlertsKeys)
    policy: Text | None = Field(None, examples=["seed-5"])
    sla: SlaKeys | None = None
    business_impact: ImpactKeys | None = None
    depends_on: Annotated[tuple[DependencyKeys, ...], AfterValidator(distinct)] = ()
    server_view: ServerViewKeys | None = None
    dependents: Names = ()
    paths: Names = ()
    required_roles: Names = ()
    signoffs: tuple[SignoffKeys, ...] = ()


class ContractKeys(Strict):
    """One SLO file."""

    api_version: Literal["prober/v1"] = Field(alias="apiVersion", examples=["prober/v1"])
    kind: Literal["SLO"] = Field(examples=["SLO"])
    metadata: MetadataKeys = Field(examples=[{"name": "checkout-completion"}])
    spec: SpecKeys
