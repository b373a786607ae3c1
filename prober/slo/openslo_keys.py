"""What an SLO of OpenSLO v1 may hold, as far as Prober can take it over.

Source: github.com/OpenSLO/OpenSLO, README, "Object Types"; what it leaves open is as its Go SDK
has it. What Prober cannot measure is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, time
from fractions import Fraction
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from prober import conventions as names
from prober.document import Strict, Text, TimeZone
from prober.slo.openslo import API, CALENDAR
from prober.slo.values import Either, Label, word
from prober.slo.window import first_day

_SHORTHAND: Final = re.compile(r"[1-9][0-9]*[mhdwMQY]")
_METHODS: Final = ("Occurrences", "Timeslices", "RatioTimeslices")
_TYPES: Final = ("otlp", "prober")
_METRICS: Final = (names.SLI_EVENTS.name, names.RUNS.name)
#: A shorter window, in minutes, is likely meant to be one of months.
_SHORTEST: Final = 60
_UNITS: Final = {text: unit for unit, text in CALENDAR.items()}


def _refused(mend: str) -> BeforeValidator:
    def check(_: object) -> object:
        raise ValueError(f"is nothing that Prober can take over, {mend}")

    return BeforeValidator(check)


def _shorthand(text: str) -> str:
    if not _SHORTHAND.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration, write a number and m, h, d, w, M, Q or Y")
    return text


def _minutes(value: object) -> object:
    """A bare number is one of minutes."""
    return f"{value}m" if isinstance(value, int) and not isinstance(value, bool) else value


def _moment(value: object) -> datetime:
    """A local time, to the second; a YAML reader may have taken it for one already."""
    try:
        return datetime.fromisoformat(str(value)).replace(microsecond=0, tzinfo=None)
    except ValueError:
        raise ValueError(f'{value!r} is not a time, write such as "2024-01-01 00:00:00"') from None


def _one(items: tuple[TimeWindowKeys, ...]) -> tuple[TimeWindowKeys, ...]:
    if len(items) != 1:
        raise ValueError(f"has {len(items)} windows, write exactly one and an SLO for each other")
    return items


def _number(value: object) -> Fraction:
    """Exactly what is written: the shortest text of a float is that."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ValueError(f"{value!r} is not a number of 0 or more, write one such as 0.995")
    return Fraction(str(value))


def _share(value: Fraction) -> Fraction:
    if value >= 1:
        raise ValueError(
            f"{float(value):g} is no share below 1, write 0.995 or targetPercent: 99.5"
        )
    return value


def _percent(value: Fraction) -> Fraction:
    if value >= 100:
        raise ValueError(f"{float(value):g} is nothing below 100, write such as 99.5")
    return value


def _whole_slice(value: Fraction) -> Fraction:
    if value != 1:
        raise ValueError("is a share of runs, and regions decide over a slice of Prober, write 1")
    return value


Number = Annotated[Fraction, BeforeValidator(_number)]
Shorthand = Annotated[str, AfterValidator(_shorthand)]
Composite = Annotated[Any, _refused("write an SLO for each objective, and its indicator there")]
Threshold = Annotated[Any, _refused("write ratioMetric, with good and total")]


class MetadataKeys(Strict):
    """What a resource is called."""

    name: Label = Field(examples=["checkout"])
    display_name: Text | None = Field(None, alias="displayName")
    labels: Mapping[str, str | tuple[str, ...]] = {}
    annotations: Mapping[str, str] = {}


class CountKeys(Strict):
    """What is counted; `sli` says in a contract's words which runs are good."""

    metric: Annotated[str, word(_METRICS)] = Field(examples=[names.SLI_EVENTS.name])
    attributes: Mapping[str, str] = {}
    sli: Any = None


class SourceKeys(Strict):
    """Where a count comes from."""

    type: Annotated[str, word(_TYPES)] = Field(examples=["otlp"])
    spec: CountKeys
    reference: Annotated[Any, _refused("write type: otlp and what is counted")] = Field(
        None, alias="metricSourceRef"
    )


class MetricKeys(Strict):
    """A count."""

    source: SourceKeys = Field(alias="metricSource")


class RatioKeys(Either):
    """Good or bad runs, and all of them."""

    EITHER = ("good", "bad")
    counter: Literal[True] = True
    good: MetricKeys | None = None
    bad: MetricKeys | None = None
    total: MetricKeys
    raw: Threshold = None
    raw_type: Threshold = Field(None, alias="rawType")

    @property
    def sli(self) -> Any:
        """The indicator in a contract's words; None: nothing says."""
        count = (self.good or self.bad or self.total).source.spec
        return count.sli or ("success" if count.metric == names.RUNS.name else None)


class IndicatorSpecKeys(Strict):
    """How good is told from bad."""

    description: str | None = None
    threshold: Threshold = Field(None, alias="thresholdMetric")
    ratio: RatioKeys = Field(alias="ratioMetric")


class IndicatorKeys(Strict):
    """An indicator inside its SLO."""

    metadata: MetadataKeys | None = None
    spec: IndicatorSpecKeys


class CalendarKeys(Strict):
    """Where periods of the calendar begin."""

    start: Annotated[datetime, BeforeValidator(_moment)] = Field(alias="startTime")
    time_zone: TimeZone = Field(alias="timeZone")


class TimeWindowKeys(Strict):
    """The time that is judged. `m` is a minute, `M` a month: each may be meant by the other."""

    duration: Shorthand = Field(examples=["30d"])
    rolling: bool = Field(False, alias="isRolling")
    calendar: CalendarKeys | None = None

    @model_validator(mode="after")
    def _sound(self) -> TimeWindowKeys:
        if self.rolling == (self.calendar is not None):
            what = "is rolling and has a calendar" if self.rolling else "is neither of the two"
            raise ValueError(f"{what}, write isRolling: true or a calendar")
        return self._sound_rolling() if self.rolling else self._sound_calendar()

    def _sound_rolling(self) -> TimeWindowKeys:
        number, unit = int(self.duration[:-1]), self.duration[-1]
        if unit in "MQY":
            raise ValueError(f"{self.duration} is no fixed time, write such as 30d, or a calendar")
        if unit == "m" and number < _SHORTEST:
            mend = f"write {number}M and a calendar if months are meant, else an hour or more"
            raise ValueError(f"{self.duration} is a time of minutes, {mend}")
        return self

    def _sound_calendar(self) -> TimeWindowKeys:
        if self.duration not in _UNITS:
            minutes = self.duration.endswith("m")
            what = "a time of minutes" if minutes else "no period of Prober's calendar"
            raise ValueError(f"{self.duration} is {what}, write 1d, 1w, 1M (a month), 1Q or 1Y")
        assert self.calendar
        start, unit = self.calendar.start, _UNITS[self.duration]
        if start != datetime.combine(first_day(unit, start), time()):
            raise ValueError(
                f"startTime is not the start of a {unit}, write the midnight on which one begins"
            )
        return self

    def build(self) -> dict[str, Any]:
        """The window in a contract's words."""
        if self.calendar is None:
            return {"name": "rolling", "duration": self.duration}
        unit = str(_UNITS[self.duration])
        return {"name": unit, "calendar": {"unit": unit, "time_zone": self.calendar.time_zone}}


class TargetKeys(Either):
    """A share of runs that should be good."""

    EITHER = ("target", "targetPercent")
    display_name: Text | None = Field(None, alias="displayName")
    share: Annotated[Number, AfterValidator(_share)] | None = Field(None, alias="target")
    percent: Annotated[Number, AfterValidator(_percent)] | None = Field(None, alias="targetPercent")
    slice_target: Annotated[Number, AfterValidator(_whole_slice)] | None = Field(
        None, alias="timeSliceTarget"
    )
    slice_window: Annotated[Shorthand, BeforeValidator(_minutes)] | None = Field(
        None, alias="timeSliceWindow"
    )
    op: Threshold = None
    value: Threshold = None
    indicator: Composite = None
    indicator_ref: Composite = Field(None, alias="indicatorRef")
    weight: Composite = Field(None, alias="compositeWeight")

    @property
    def target(self) -> Fraction:
        """The share, 0 to 1."""
        return (self.percent or Fraction(0)) / 100 if self.share is None else self.share


class SpecKeys(Strict):
    """What is promised."""

    description: str | None = None
    service: Label = Field(examples=["checkout"])
    indicator: IndicatorKeys
    reference: Annotated[Any, _refused("write the indicator itself, under indicator")] = Field(
        None, alias="indicatorRef"
    )
    windows: Annotated[tuple[TimeWindowKeys, ...], AfterValidator(_one)] = Field(
        alias="timeWindow", examples=[[{"duration": "30d", "isRolling": "true"}]]
    )
    method: Annotated[str, word(_METHODS)] = Field(
        alias="budgetingMethod", examples=["Occurrences"]
    )
    objectives: tuple[TargetKeys, ...] = Field(min_length=1, examples=[[{"target": 0.995}]])
    alerts: tuple[Any, ...] = Field((), alias="alertPolicies")

    @model_validator(mode="after")
    def _sliced(self) -> SpecKeys:
        if self.method == "Timeslices" and any(o.slice_target is None for o in self.objectives):
            raise ValueError("slices have no target, write timeSliceTarget: 1 in each objective")
        if self.method != "Occurrences" and len({o.slice_window for o in self.objectives}) > 1:
            raise ValueError("has slices of several lengths, write an SLO for each")
        return self


class SloKeys(Strict):
    """One SLO."""

    api_version: Annotated[str, word([API])] = Field(alias="apiVersion", examples=[API])
    kind: Literal["SLO"]
    metadata: MetadataKeys
    spec: SpecKeys
