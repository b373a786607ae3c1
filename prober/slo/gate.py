"""The gate: whether a change may ship, from how the SLOs that it touches stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby
from typing import Final, NamedTuple

from prober.slo.moment import iso
from prober.slo.override import Override
from prober.slo.policy import ChangeClass, OnInconclusive, Policy, Verdict
from prober.slo.projection import available
from prober.slo.state import URGENCY, State, state_of
from prober.units import DAY_MS, percent, span

#: Exit codes; 1 is a crash and 2 a usage error, so that neither is ever read as a verdict.
EXITS: Final = {
    Verdict.ALLOW: 0,
    Verdict.APPROVAL: 10,
    Verdict.BLOCK: 20,
    Verdict.INCONCLUSIVE: 30,
}
#: What a gate says when only an override lets the change pass.
ALLOW_OVERRIDDEN: Final = "allow_overridden"
#: Of the slots due in the last `RECENT_MS`, so many must have run.
MIN_RECENT_COVERAGE: Final = Fraction(4, 5)
RECENT_MS: Final = DAY_MS
_SEVERITY: Final = tuple(Verdict)
#: Changes that may be the cure for knowing too little.
_CURES: Final = (ChangeClass.RELIABILITY, ChangeClass.SECURITY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What somebody wants to ship."""

    kind: ChangeClass
    #: Whether it touches what users cannot do without.
    critical_path: bool = False
    high_risk: bool = False
    #: Share of a whole budget that it is expected to burn.
    estimate: Fraction | None = None
    commit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """How one objective of an SLO stands over a window that gates."""

    slo: str
    objective: str
    window: str
    policy: Policy
    state: State
    #: Share of the budget; None: undefined.
    consumed: Fraction | None
    #: Why it cannot be relied on, as a clause; empty when it can.
    doubt: str = ""
    #: Alerts of severity `page` that are firing.
    paging: tuple[str, ...] = ()
    #: Share of the budget that is kept back for something else.
    reserved: Fraction = Fraction(0)
    #: A draft is judged like any other and stops nothing.
    draft: bool = False

    @property
    def known(self) -> State:
        """Its state, as far as it can be relied on."""
        return State.UNKNOWN if self.doubt else self.state


class _Weighed(NamedTuple):
    """What one objective over one window says about a change."""

    verdict: Verdict
    #: Who can let the change pass, all of them.
    roles: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What the gate says about one SLO."""

    slo: str
    policy: Policy
    state: State
    verdict: Verdict
    #: Who can let the change pass, all of them; empty when nothing stops it.
    roles: tuple[str, ...] = ()
    #: What speaks against the change, as sentences without a full stop.
    reasons: tuple[str, ...] = ()
    draft: bool = False
    #: Overrides that let it pass after all.
    overrides: tuple[Override, ...] = ()
    #: Overrides that do not hold, and why.
    ignored: tuple[str, ...] = ()

    @property
    def actions(self) -> tuple[str, ...]:
        """What the policy has people do in its state."""
        return self.policy.actions.get(self.state, ())

    @property
    def stops(self) -> bool:
        """Whether it stops the change."""
        return not (self.draft or self.overrides or self.verdict is Verdict.ALLOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the gate says about a change."""

    change: Change
    rulings: tuple[Ruling, ...]
    #: What was asked about and no SLO answers for, as sentences without a full stop.
    missing: tuple[str, ...]
    advisory: bool

    @property
    def answer(self) -> Verdict:
        """The worst of its rulings; what nothing vouches for is inconclusive."""
        verdicts = [ruling.verdict for ruling in self.rulings if ruling.stops]
        if self.missing or not self.rulings:
            verdicts.append(Verdict.INCONCLUSIVE)
        return max(verdicts, key=_SEVERITY.index, default=Verdict.ALLOW)

    @property
    def roles(self) -> tuple[str, ...]:
        """Who must approve, or can lift what stops the change."""
        stopping = [ruling for ruling in self.rulings if ruling.stops]
        asked = [role for ruling in stopping for role in ruling.roles]
        return stopping[0].policy.together(asked) if stopping else ()

    @property
    def verdict(self) -> str:
        """`allow`, `allow_overridden`, `approval:sre+product`, `block` or `inconclusive`."""
        if self.answer is Verdict.APPROVAL:
            return f"{self.answer}:{'+'.join(self.roles)}"
        if self.answer is Verdict.ALLOW and any(ruling.overrides for ruling in self.rulings):
            return ALLOW_OVERRIDDEN
        return str(self.answer)

    @property
    def exit(self) -> int:
        """The exit code; an advisory gate stops nothing."""
        return 0 if self.advisory else EXITS[self.answer]

    @property
    def text(self) -> str:
        """What it means, in a line."""
        if self.answer is Verdict.ALLOW:
            return _allowed(self.rulings)
        if self.answer is Verdict.BLOCK:
            return f"{self.change.kind} changes are frozen"
        if self.answer is Verdict.APPROVAL:
            return f"it takes approval by {' and '.join(self.roles)}"
        return "too little is known to let anything ship"

    @property
    def conditions(self) -> tuple[str, ...]:
        """How to ship what may ship, or may with approval."""
        if self.answer not in (Verdict.ALLOW, Verdict.APPROVAL):
            return ()
        wanted = (
            condition
            for ruling in self.rulings
            if not ruling.draft
            for condition in ruling.policy.conditions.get(ruling.state, ())
        )
        return tuple(dict.fromkeys(wanted))


def decide(
    stands: Iterable[Stand],
    change: Change,
    now_ms: int,
    overrides: Iterable[Override] = (),
    *,
    missing: Iterable[str] = (),
    advisory: bool = False,
) -> Decision:
    """Whether a change may ship; the worst of the SLOs that it touches decides.

    Args:
        stands: every objective over every window that gates, of every SLO that it touches.
        change: see there.
        now_ms: for overrides that expire, and for off-peak hours.
        overrides: those that were ever granted.
        missing: what was asked about and no SLO answers for.
        advisory: to say the same and stop nothing.
    """
    granted = tuple(overrides)
    by_slo = groupby(sorted(stands, key=lambda stand: stand.slo), key=lambda stand: stand.slo)
    rulings = (_rule(tuple(group), change, now_ms) for _, group in by_slo)
    return Decision(
        change=change,
        rulings=tuple(_override(ruling, granted, change, now_ms) for ruling in rulings),
        missing=tuple(missing),
        advisory=advisory,
    )


def doubt_of(age_ms: int | None, max_age_ms: int | None, coverage: Fraction | None) -> str:
    """Why a state cannot be relied on, as a clause; empty when it can.

    Args:
        age_ms: of the newest slot with a verdict; None: there is none.
        max_age_ms: an older one is stale; None: nothing says so.
        coverage: completed over due slots of the last `RECENT_MS`; None: nothing was due.

    >>> doubt_of(901_000, 900_000, Fraction(1))
    'the newest verdict is 15m old, and 15m is the most'
    """
    if age_ms is None:
        return "there is no verdict yet"
    if max_age_ms is not None and age_ms > max_age_ms:
        return f"the newest verdict is {span(age_ms)} old, and {span(max_age_ms)} is the most"
    if coverage is not None and coverage < MIN_RECENT_COVERAGE:
        least = percent(MIN_RECENT_COVERAGE)
        return f"{percent(coverage, 1)} of the last day's slots ran, and {least} is the least"
    return ""


def state_among(states: Iterable[State]) -> State:
    """The state of an SLO whose objectives are in these: the most urgent."""
    return min(states, key=URGENCY.index)


def fits(
    policy: Policy,
    consumed: Fraction,
    change: Change,
    now_ms: int,
    *,
    reserved: Fraction = Fraction(0),
) -> bool:
    """Whether a budget of which this much is consumed lets a change pass without approval."""
    stand = Stand(
        slo="",
        objective="",
        window="",
        policy=policy,
        state=state_of(consumed, policy.bands),
        consumed=consumed,
        reserved=reserved,
    )
    return _rule((stand,), change, now_ms).verdict is Verdict.ALLOW


def _rule(stands: Sequence[Stand], change: Change, now_ms: int) -> Ruling:
    """What the gate says about one SLO, overrides left aside."""
    policy = stands[0].policy
    found = [_weigh(stand, change, now_ms) for stand in stands]
    worst = max((each.verdict for each in found), key=_SEVERITY.index)
    roles = [role for each in found if each.verdict is worst for role in each.roles]
    return Ruling(
        slo=stands[0].slo,
        policy=policy,
        state=state_among(stand.known for stand in stands),
        verdict=worst,
        roles=policy.together(roles),
        reasons=tuple(dict.fromkeys(reason for each in found for reason in each.reasons)),
        draft=stands[0].draft,
    )


def _weigh(stand: Stand, change: Change, now_ms: int) -> _Weighed:
    policy, which = stand.policy, f"{stand.objective} over {stand.window}"
    answer = policy.answer(stand.known, change.kind, critical_path=change.critical_path)
    if answer.verdict is Verdict.INCONCLUSIVE:
        return _inconclusive(policy, change, f"{which} is UNKNOWN: {stand.doubt or 'no verdict'}")
    standing = f"{which} is {stand.state}"
    if stand.consumed is not None:
        standing += f", {percent(stand.consumed, 1)} of its budget is consumed"
        if stand.reserved:
            left = available(1 - stand.consumed, [stand.reserved])
            standing += f", {percent(stand.reserved, 1)} reserved, {percent(left, 1)} available"
    if answer.verdict is Verdict.BLOCK:
        return _Weighed(Verdict.BLOCK, (policy.lifts,), (standing,))
    against = list(_against(stand, change, now_ms, off_peak=answer.off_peak))
    if answer.verdict is Verdict.ALLOW and not against:
        return _Weighed(Verdict.ALLOW)
    asked = (*answer.roles, *([policy.reviewer] if against else []))
    return _Weighed(Verdict.APPROVAL, policy.together(asked), (standing, *against))


def _inconclusive(policy: Policy, change: Change, reason: str) -> _Weighed:
    """What becomes of not knowing."""
    match policy.on_inconclusive:
        case OnInconclusive.ALLOW:
            passed = f"{reason}; policy {policy.name} lets that pass"
            return _Weighed(Verdict.ALLOW, reasons=(passed,))
        case OnInconclusive.APPROVE if change.kind in _CURES:
            return _Weighed(Verdict.APPROVAL, (policy.reviewer,), (reason,))
    return _Weighed(Verdict.INCONCLUSIVE, (policy.lifts,), (reason,))


def _against(stand: Stand, change: Change, now_ms: int, *, off_peak: bool) -> Iterator[str]:
    """What speaks against a change that the table lets pass."""
    hours = stand.policy.off_peak
    if off_peak and change.high_risk and not hours.holds(now_ms):
        begins_ms = hours.next_ms(now_ms)
        when = "" if begins_ms is None else f", which begin at {iso(begins_ms)}"
        yield f"a change of high risk ships in off-peak hours{when}"
    if stand.paging:
        yield f"the budget is burning: {', '.join(stand.paging)} is firing"
    if change.estimate is not None and stand.consumed is not None:
        expected = stand.consumed + stand.reserved + change.estimate
        after = state_of(expected, stand.policy.bands)
        if after is not state_of(stand.consumed, stand.policy.bands):
            kept = f" and {percent(stand.reserved, 1)} reserved" if stand.reserved else ""
            yield (
                f"with {percent(change.estimate, 1)} more{kept} it would be {after}: "
                f"{percent(expected, 1)} consumed"
            )


def _override(ruling: Ruling, granted: Iterable[Override], change: Change, now_ms: int) -> Ruling:
    """A ruling after the overrides for its SLO."""
    if not ruling.stops:
        return ruling
    held, ignored = [], []
    for override in granted:
        if not override.concerns(ruling.slo, change.commit, now_ms):
            continue
        fault = override.fault(ruling.state, change.commit, now_ms)
        if fault is None and not any(ruling.policy.may(override.role, r) for r in ruling.roles):
            fault = f"{override.role} may not, it takes {' and '.join(ruling.roles)}"
        if fault:
            ignored.append(f"override {override.id} is ignored: {fault}")
        else:
            held.append(override)
    missing = [r for r in ruling.roles if not any(ruling.policy.may(o.role, r) for o in held)]
    if missing:
        asked = " and ".join(missing)
        ignored += [f"override {o.id} is not enough: approval by {asked} is missing" for o in held]
    return replace(ruling, overrides=() if missing else tuple(held), ignored=tuple(ignored))


def _allowed(rulings: Sequence[Ruling]) -> str:
    overridden = [override for ruling in rulings for override in ruling.overrides]
    if overridden:
        told = (f"{o.by} ({o.role}) until {iso(o.expires_ms)}: {o.reason}" for o in overridden)
        return f"overridden by {'; '.join(dict.fromkeys(told))}"
    if all(ruling.draft for ruling in rulings):
        return "only drafts match, and a draft stops nothing"
    if any(ruling.reasons for ruling in rulings if not ruling.draft):
        return "too little is known, and the policy lets that pass"
    return "budget available: ship"
