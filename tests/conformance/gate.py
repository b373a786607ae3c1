"""Vectors of gate decisions, asked of the public functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

from prober.slo.gate import RECENT_MS, Change, Stand, decide, doubt_of, state_among
from prober.slo.moment import moment_ms
from prober.slo.override import Override
from prober.slo.policy import SEED_5, ChangeClass, OnInconclusive, Policy
from prober.slo.state import State, state_of
from prober.units import share

Given = Mapping[str, Any]
Answer = dict[str, Any]

COMMIT, OTHER = "3f2c1ab90d", "90d3f2c1ab"
#: Within and outside of the off-peak hours of the policy: 02:00 and 14:00 UTC.
NIGHT_MS, DAY_MS = 1_782_871_200_000, 1_782_914_400_000


def gate(given: Given) -> Answer:
    """What the gate decides about a change, given how SLOs stand."""
    policy, now_ms = _policy(given), _now_ms(given)
    stands = list(_stands(given, policy))
    estimate = given.get("estimate")
    change = Change(
        kind=ChangeClass(given.get("change", "feature")),
        critical_path=given.get("critical_path", False),
        high_risk=given.get("risk") == "high" or given.get("high_risk", False),
        estimate=None if estimate is None else _share(estimate),
        commit=COMMIT,
    )
    overrides = [o for stand in stands for o in _overrides(given, stand, stands, now_ms)]
    decision = decide(stands, change, now_ms, overrides, advisory=given.get("advisory", False))
    return {"verdict": decision.verdict, "exit": decision.exit}


ANSWERS: Mapping[str, Callable[[Given], Answer]] = {"gate": gate}


def _policy(given: Given) -> Policy:
    return replace(SEED_5, on_inconclusive=OnInconclusive(given.get("on_inconclusive", "block")))


def _now_ms(given: Given) -> int:
    for key in ("now", "as_of", "at", "time"):
        if key in given:
            return moment_ms(given[key])
    return NIGHT_MS if given.get("off_peak") else DAY_MS


def _stands(given: Given, policy: Policy) -> Iterator[Stand]:
    states = given.get("states")
    if states is None:
        states = [given]
    elif isinstance(states, Mapping):
        states = [{"state": state, "journey": journey} for journey, state in states.items()]
    for number, each in enumerate(states):
        own = dict(given) | (dict(each) if isinstance(each, Mapping) else {"state": each})
        yield _stand(own, f"slo-{own.get('slo') or own.get('journey') or number}", policy)


def _stand(given: Given, slo: str, policy: Policy) -> Stand:
    consumed = _consumed(given)
    state = given.get("state") or ("UNKNOWN" if consumed is None else state_of(consumed))
    return Stand(
        slo=slo,
        objective="availability",
        window="rolling",
        policy=policy,
        state=State(state),
        consumed=consumed,
        doubt=_doubt(given),
        paging=("page",) if _pages(given) else (),
        reserved=_share(given.get("reserved", 0)),
        draft=given.get("draft", False) or given.get("status") == "draft",
    )


def _consumed(given: Given) -> Fraction | None:
    for key in ("consumed", "burned"):
        if given.get(key) is not None:
            return _share(given[key])
    if given.get("remaining") is not None:
        return 1 - _share(given["remaining"])
    edges = {str(state): edge for edge, state in SEED_5.bands}
    return edges.get(given.get("state", ""))  # the least that its state says


def _doubt(given: Given) -> str:
    if given.get("fresh") is False or given.get("stale"):
        return "stale"
    age, every = (_first(given, keys) for keys in (_AGES, ("interval_s", "every_s")))
    coverage = _first(given, _COVERAGES)
    return doubt_of(
        int(Fraction(age or 0) * 1000),
        None if every is None else int(3000 * Fraction(every)),
        None if coverage is None else _share(coverage),
    )


_AGES = ("staleness_s", "age_s", "newest_age_s")
_COVERAGES = ("coverage_24h", "coverage_last_24h", "last_24h_coverage", "recent_coverage")


def _pages(given: Given) -> bool:
    """Whether any key speaks of a page, in whichever words."""
    said = [value for key, value in given.items() if "page" in key or "paging" in key]
    said += ["page" in str(given.get(key)) for key in ("alert", "alerts", "firing")]
    return any(said)


def _overrides(given: Given, stand: Stand, stands: list[Stand], now_ms: int) -> Iterator[Override]:
    """The overrides given, for this SLO; a match that is not denied is one."""
    several = given.get("overrides") or [given["override"]] if _overridden(given) else []
    for number, each in enumerate(several):
        state = state_among(s.known for s in stands if s.slo == stand.slo)
        other = State.FULL if state is not State.FULL else State.CAUTION
        yield Override(
            id=f"{stand.slo}-{number}",
            slo=stand.slo if each.get("slo_match", True) else "another",
            state=State(each["state"]) if "state" in each else _if(each, "state", state, other),
            commit=_if(each, "commit", COMMIT, OTHER),
            role=each.get("approver_role") or each.get("role", ""),
            by="somebody",
            reason=each.get("reason") or "",
            granted_ms=now_ms - RECENT_MS,
            expires_ms=now_ms + int(Fraction(each.get("expires_in_s", 3600)) * 1000),
        )


def _overridden(given: Given) -> bool:
    return bool(given.get("override") or given.get("overrides"))


def _if(given: Given, what: str, match: Any, other: Any) -> Any:
    return match if given.get(f"{what}_match", True) else other


def _first(given: Given, keys: tuple[str, ...]) -> Any:
    return next((given[key] for key in keys if given.get(key) is not None), None)


def _share(value: object) -> Fraction:
    """A share as a rational, or in percent."""
    return share(value) if isinstance(value, str) and "%" in value else Fraction(str(value))
