"""The policy file format: `kind: Policy`, read strictly; what is left out is as in `seed-5`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import time
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BeforeValidator, Discriminator, Field, PositiveInt, Tag

from prober import document
from prober.document import Duration, Strict, Text, TimeZone, did_you_mean, matching
from prober.errors import InputError
from prober.slo.off_peak import DAYS, Hours, OffPeak
from prober.slo.policy import (
    SEED_5,
    Answer,
    Answers,
    ChangeClass,
    OnInconclusive,
    Policy,
    Row,
    Verdict,
)
from prober.slo.state import SEED_5_BANDS, State
from prober.slo.values import Label, Part, word, word_or_mapping
from prober.variables import Place

Value = TypeVar("Value")


def load(path: Path) -> Policy:
    """The policy in a file.

    Raises:
        InputError: with every problem found.
    """
    source = document.read(path)
    policy = source.validate(PolicyKeys).build()
    if problems := [source.problem(*mistake) for mistake in _mistakes(policy)]:
        raise InputError(problems)
    return policy


def _answer(text: object) -> Answer:
    if not isinstance(text, str) or not _ANSWER.fullmatch(text):
        raise ValueError(
            f"{text!r} is not an answer, write allow, allow:off-peak, block, or a role that must "
            "approve: approval:sre"
        )
    verdict, _, rest = text.partition(":")
    roles = () if rest in ("", "off-peak") else tuple(rest.split("+"))
    return Answer(Verdict(verdict), roles, off_peak=rest == "off-peak")


def _clock(text: object) -> time:
    if not isinstance(text, str) or not re.fullmatch("([01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise ValueError(f"{text!r} is not a time of day, write one such as 22:00")
    return time.fromisoformat(text)


_ANSWER: Final = re.compile(r"allow(:off-peak)?|block|approval:[a-z_]+(\+[a-z_]+)*")
Judged = Literal["FULL", "CAUTION", "WARNING", "CRITICAL", "EXHAUSTED"]
Named = Literal["FULL", "CAUTION", "WARNING", "CRITICAL", "EXHAUSTED", "UNKNOWN"]
Burned = Literal["CAUTION", "WARNING", "CRITICAL", "EXHAUSTED"]
Class = Literal["feature", "config", "reliability", "security"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
OneAnswer = Annotated[Answer, BeforeValidator(_answer)]
Clock = Annotated[time, BeforeValidator(_clock)]
Role = Annotated[str, matching("[a-z_]+", "a role", "write a-z and _, such as vp_engineering")]
Texts = tuple[Text, ...]


class AnswersKeys(Strict):
    """The answers for one class of change."""

    other: OneAnswer = Field(examples=["allow"])
    critical_path: OneAnswer = Field(examples=["approval:sre"])


Cell = Annotated[
    Annotated[OneAnswer, Tag("<word>")] | Annotated[AnswersKeys, Tag("<mapping>")],
    Discriminator(word_or_mapping),
]


class HoursKeys(Strict):
    """Hours of the day; over midnight when they do not end later."""

    days: tuple[Day, ...] = DAYS
    start: Clock = Field(alias="from", examples=["22:00"])
    end: Clock = Field(alias="to", examples=["06:00"])

    def build(self) -> Hours:
        """The hours meant."""
        return Hours(start=self.start, end=self.end, days=frozenset(self.days))


class OffPeakKeys(Strict):
    """Off-peak hours of a place."""

    time_zone: TimeZone = Field(examples=["Europe/Berlin"])
    hours: tuple[HoursKeys, ...] = Field(examples=[[{"from": "22:00", "to": "06:00"}]])

    def build(self) -> OffPeak:
        """The hours meant."""
        return OffPeak(self.time_zone, tuple(hours.build() for hours in self.hours))


class SpecKeys(Strict):
    """What is otherwise than in `seed-5`."""

    bands: Mapping[Burned, Part] = {}
    actions: Mapping[Named, Texts] = {}
    conditions: Mapping[Judged, Texts] = {}
    gate: Mapping[Judged, Mapping[Class, Cell]] = {}
    roles: Mapping[Role, PositiveInt] = {}
    reviewer: Role | None = None
    lifts: Role | None = None
    reviews: Mapping[Judged, Duration] = {}
    off_peak: OffPeakKeys | None = None
    on_inconclusive: Annotated[OnInconclusive, Field(strict=False), word(tuple(OnInconclusive))] = (
        OnInconclusive.BLOCK
    )


class NameKeys(Strict):
    """What the policy is called."""

    name: Label = Field(examples=["payments"])


class PolicyKeys(Strict):
    """One policy file."""

    api_version: Literal["prober/v1"] = Field(alias="apiVersion", examples=["prober/v1"])
    kind: Literal["Policy"] = Field(examples=["Policy"])
    metadata: NameKeys = Field(examples=[{"name": "payments"}])
    spec: SpecKeys

    def build(self) -> Policy:
        """The policy meant."""
        spec = self.spec
        gate = _by_state(spec.gate)
        edges = {state: edge for edge, state in SEED_5_BANDS} | _by_state(spec.bands)
        return Policy(
            name=self.metadata.name,
            bands=tuple((edge, state) for state, edge in edges.items()),
            actions={**SEED_5.actions, **_by_state(spec.actions)},
            conditions={**SEED_5.conditions, **_by_state(spec.conditions)},
            gate={
                state: {**row, **_row(gate.get(state, {}))} for state, row in SEED_5.gate.items()
            },
            ranks={**SEED_5.ranks, **spec.roles},
            reviewer=spec.reviewer or SEED_5.reviewer,
            lifts=spec.lifts or SEED_5.lifts,
            review_ms={**SEED_5.review_ms, **_by_state(spec.reviews)},
            off_peak=spec.off_peak.build() if spec.off_peak else SEED_5.off_peak,
            on_inconclusive=spec.on_inconclusive,
        )


def _by_state(written: Mapping[Any, Value]) -> dict[State, Value]:
    return {State(name): value for name, value in written.items()}


def _row(written: Mapping[Class, Answer | AnswersKeys]) -> Row:
    return {
        ChangeClass(name): Answers(cell, cell)
        if isinstance(cell, Answer)
        else Answers(cell.other, cell.critical_path)
        for name, cell in written.items()
    }


def _mistakes(policy: Policy) -> Iterator[tuple[Place, str, str]]:
    """What one key alone cannot show: bands out of order, roles that nobody has."""
    for (lower, _), (edge, state) in pairwise(policy.bands):
        if edge <= lower:
            yield ("spec", "bands", state), "does not begin above the band before it", "write more"
    used: list[tuple[Place, str]] = [
        (("spec", "reviewer"), policy.reviewer),
        (("spec", "lifts"), policy.lifts),
    ]
    used += [
        (("spec", "gate", state, change), role)
        for state, row in policy.gate.items()
        for change, answers in row.items()
        for role in dict.fromkeys(answers.other.roles + answers.critical_path.roles)
    ]
    for place, role in used:
        if role not in policy.ranks:
            yield place, f"there is no role {role}", did_you_mean(role, policy.ranks)
