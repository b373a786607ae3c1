"""Policies: what a team does in which state of an error budget, and which changes may ship.

`seed-5` is built in; `prober.slo.policy_format` reads the files of others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import time
from enum import StrEnum
from typing import Final, NamedTuple

from prober.slo.off_peak import Hours, OffPeak
from prober.slo.state import SEED_5_BANDS, Bands, State
from prober.units import DAY_MS


class ChangeClass(StrEnum):
    """What a change is for."""

    FEATURE = "feature"
    CONFIG = "config"
    RELIABILITY = "reliability"
    SECURITY = "security"


class Verdict(StrEnum):
    """What a gate says, mildest first.

    Not to know is worse than to need approval, for silence and outages go together; what is known
    to be blocked stays blocked.
    """

    ALLOW = "allow"
    APPROVAL = "approval"
    INCONCLUSIVE = "inconclusive"
    BLOCK = "block"


class OnInconclusive(StrEnum):
    """What a gate that knows too little lets pass."""

    ALLOW = "allow"  #: everything
    APPROVE = "approve"  #: reliability and security changes, with approval: one may be the cure
    BLOCK = "block"  #: nothing


class Answer(NamedTuple):
    """What the table says about a change."""

    verdict: Verdict
    #: Who must approve, all of them.
    roles: tuple[str, ...] = ()
    #: With high risk only in off-peak hours.
    off_peak: bool = False

    def __str__(self) -> str:
        """As it is written in files and logs: `approval:sre+product`."""
        if self.off_peak:
            return f"{self.verdict}:off-peak"
        return f"{self.verdict}:{'+'.join(self.roles)}" if self.roles else str(self.verdict)


class Answers(NamedTuple):
    """The answers for one class of change."""

    other: Answer
    critical_path: Answer


Row = Mapping[ChangeClass, Answers]

_ALLOW: Final = Answer(Verdict.ALLOW)
_BLOCK: Final = Answer(Verdict.BLOCK)
_SRE: Final = Answer(Verdict.APPROVAL, ("sre",))
_BOTH: Final = Answer(Verdict.APPROVAL, ("sre", "product"))
_VP: Final = Answer(Verdict.APPROVAL, ("vp_engineering",))


def _row(feature: Answers, config: Answers, cure: Answers) -> Row:
    return {
        ChangeClass.FEATURE: feature,
        ChangeClass.CONFIG: config,
        ChangeClass.RELIABILITY: cure,
        ChangeClass.SECURITY: cure,
    }


def _same(answer: Answer) -> Answers:
    return Answers(answer, answer)


#: By state; UNKNOWN has no row, see `OnInconclusive`.
SEED_5_GATE: Final[Mapping[State, Row]] = {
    State.FULL: _row(_same(_ALLOW), _same(_ALLOW), _same(_ALLOW)),
    State.CAUTION: _row(
        Answers(Answer(Verdict.ALLOW, off_peak=True), _SRE),
        Answers(_ALLOW, _SRE),
        Answers(_ALLOW, _SRE),
    ),
    State.WARNING: _row(Answers(_SRE, _BLOCK), _same(_SRE), _same(_SRE)),
    State.CRITICAL: _row(_same(_BLOCK), _same(_BOTH), _same(_BOTH)),
    State.EXHAUSTED: _row(_same(_BLOCK), _same(_BLOCK), _same(_VP)),
}

#: In the words of the articles that the policy comes from.
SEED_5_ACTIONS: Final[Mapping[State, tuple[str, ...]]] = {
    State.FULL: ("Permission to take risks",),
    State.CAUTION: (
        "SRE review required for changes on the critical path",
        "High-risk changes in off-peak hours",
        "Review recent changes",
        "Weekly budget review",
    ),
    State.WARNING: (
        "Alert engineering leadership",
        "Require additional approval",
        "Freeze non-essential changes",
        "Daily budget review",
        "Reliability improvement work prioritized in sprint",
    ),
    State.CRITICAL: (
        "Active reliability incident",
        "Pause non-critical deployments",
        "Freeze feature deployments",
        "Root cause analysis mandatory",
    ),
    State.EXHAUSTED: (
        "Deployments are blocked automatically, only critical fixes ship",
        "All engineering capacity redirected to reliability",
        "All releases require VP Engineering approval",
        "Formal reliability review before any production change",
        "Incident review for any further failures",
        "SLO renegotiation if structural limits",
    ),
    State.UNKNOWN: ("Find out why so little is known: it is not good news until it is known",),
}

SEED_5_OFF_PEAK: Final = OffPeak("UTC", (Hours(start=time(22), end=time(6)),))
_CAREFUL: Final = ("release as a canary", "SRE on-call during the release")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What consumed shares mean, and what follows from them. Left out is as in `seed-5`."""

    name: str
    bands: Bands = SEED_5_BANDS
    #: What people do in a state, in sentences.
    actions: Mapping[State, tuple[str, ...]] = field(default_factory=lambda: SEED_5_ACTIONS)
    #: Which changes may ship in a state.
    gate: Mapping[State, Row] = field(default_factory=lambda: SEED_5_GATE)
    #: How a change that may ship should ship.
    conditions: Mapping[State, tuple[str, ...]] = field(
        default_factory=lambda: dict.fromkeys(tuple(State)[1:-1], _CAREFUL)
    )
    #: Who may approve; a role may stand in for one of lower rank, not for one of its own.
    ranks: Mapping[str, int] = field(
        default_factory=lambda: {"sre": 1, "product": 1, "vp_product": 2, "vp_engineering": 3}
    )
    #: Who approves what the table would allow, when something speaks against it.
    reviewer: str = "sre"
    #: Who may lift a block, and a gate that knows too little.
    lifts: str = "vp_engineering"
    #: How often the budget is reviewed, in milliseconds.
    review_ms: Mapping[State, int] = field(
        default_factory=lambda: {
            State.CAUTION: 7 * DAY_MS,
            State.WARNING: DAY_MS,
            State.CRITICAL: DAY_MS,
            State.EXHAUSTED: DAY_MS,
        }
    )
    off_peak: OffPeak = SEED_5_OFF_PEAK
    on_inconclusive: OnInconclusive = OnInconclusive.BLOCK

    def answer(self, state: State, change: ChangeClass, *, critical_path: bool) -> Answer:
        """What the table says; UNKNOWN is inconclusive."""
        if state is State.UNKNOWN:
            return Answer(Verdict.INCONCLUSIVE)
        answers = self.gate[state][change]
        return answers.critical_path if critical_path else answers.other

    def may(self, role: str, required: str) -> bool:
        """Whether a role can give the approval that is required of another."""
        if role not in self.ranks or required not in self.ranks:
            return False
        return role == required or self.ranks[role] > self.ranks[required]

    def together(self, roles: Iterable[str]) -> tuple[str, ...]:
        """Roles without those that another of them stands in for, as they first came."""
        asked = tuple(dict.fromkeys(roles))
        return tuple(
            role
            for role in asked
            if not any(other != role and self.may(other, role) for other in asked)
        )


#: The built-in policy.
SEED_5: Final = Policy(name="seed-5")
#: By the name that a contract gives.
POLICIES: Final[Mapping[str, Policy]] = {SEED_5.name: SEED_5}
