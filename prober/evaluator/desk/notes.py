"""What people write into the audit log: overrides, exclusions, reservations, deploys."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, TypeVar

from prober.document import Duration, Strict, Text, TimeZone, did_you_mean, split_message
from prober.errors import InputError, ProberError, Problem, SourceUnavailable
from prober.evaluator.audit import Entry, Kind
from prober.evaluator.desk.desk import Answer, Desk, Verb, read
from prober.evaluator.door.tokens import Scope
from prober.evaluator.judging.result import Evaluation
from prober.evaluator.judging.stands import Stands
from prober.model import canonical
from prober.slo.exclusion import Category, Exclusion
from prober.slo.gate import state_among
from prober.slo.moment import moment_ms
from prober.slo.override import Override
from prober.slo.reservation import Reservation
from prober.slo.values import Part
from prober.units import HOUR_MS

Value = TypeVar("Value")


class GrantRequest(Strict):
    """Who lets what pass, and why."""

    slo: Text
    commit: Text
    role: Text
    by: Text
    reason: Text
    expires: Duration = 4 * HOUR_MS


class ExclusionRequest(Strict):
    """Which time should not count, and why."""

    start: Text
    end: Text
    category: Text
    reason: Text
    requested_by: Text
    approved_by: Text
    regions: tuple[Text, ...] | None = None
    journeys: tuple[Text, ...] | None = None
    evidence: Text | None = None
    repeat: Text | None = None
    time_zone: TimeZone = "UTC"


class RevocationRequest(Strict):
    """Which exclusion should hold no longer, and why."""

    id: Text
    by: Text
    reason: Text


class DeployRequest(Strict):
    """What went out: a commit or a version."""

    name: Text
    at: Text | None = None
    journeys: tuple[Text, ...] | None = None
    note: Text | None = None


class ReserveRequest(Strict):
    """How much of an SLO's budgets to keep back, and what for."""

    slo: Text
    share: Part
    reason: Text
    until: Text | None = None


class ReleaseRequest(Strict):
    """Which reservation should hold no longer."""

    id: Text


class ReservationsRequest(Strict):
    """Whose reservations."""

    slo: Text


class EmptyRequest(Strict):
    """Nothing is asked for but what there is."""


def grant(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """Let one commit pass the gate of an SLO in the state it is in now."""
    asked, now_ms = read(request, GrantRequest), desk.clock()
    contract = desk.contract(asked.slo)
    known("role", asked.role, contract.policy.ranks)
    (evaluation,) = desk.evaluate([contract], now_ms)
    stands = Stands(evaluation, desk.source).stands()
    override = Override(
        id="",
        slo=contract.name,
        state=state_among(stand.known for stand in stands),
        commit=asked.commit,
        role=asked.role,
        by=asked.by,
        reason=asked.reason,
        granted_ms=now_ms,
        expires_ms=now_ms + asked.expires,
    )
    entry = desk.audit.append(Kind.OVERRIDE, override.to_dict(), now_ms)
    return {"override": _override(Override.from_dict(entry.id, entry.body))}


def overrides(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """Every override, and which decisions it let pass."""
    read(request, EmptyRequest)
    used: dict[str, list[str]] = {}
    for entry in desk.audit.entries(Kind.DECISION):
        for name in (name for ruling in entry.body["rulings"] for name in ruling["overrides"]):
            used.setdefault(name, []).append(entry.id)
    now_ms = desk.clock()
    return {
        "overrides": [
            _override(each)
            | {"expired": now_ms >= each.expires_ms, "decisions": used.get(each.id, [])}
            for each in desk.overrides()
        ]
    }


def exclude(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """Exclude a time; what that gives back is told at once."""
    asked, now_ms = read(request, ExclusionRequest), desk.clock()
    known("category", asked.category, list(Category))
    journeys = {each.journey for each in desk.contracts}
    for journey in asked.journeys or ():
        known("journeys", journey, journeys)
    if asked.regions and (regions := _regions(desk, asked.journeys or journeys, now_ms)):
        for region in asked.regions:
            known("regions", region, regions)
    body = {
        "start_ms": said("start", moment_ms, asked.start),
        "end_ms": said("end", moment_ms, asked.end),
        "regions": asked.regions,
        "journeys": asked.journeys,
        "category": asked.category,
        "reason": asked.reason,
        "requested_by": asked.requested_by,
        "approved_by": asked.approved_by,
        "created_ms": now_ms,
        "evidence": asked.evidence,
        "recurrence": asked.repeat and {"rule": asked.repeat, "time_zone": asked.time_zone},
    }
    name = hashlib.sha256(canonical(body).encode()).hexdigest()[:12]
    exclusion = said("", Exclusion.from_dict, body | {"id": name})
    desk.audit.append(Kind.EXCLUSION, exclusion.to_dict(), now_ms)
    concerned = [each for each in desk.contracts if exclusion.concerns(each.journey)]
    effects = [effect for each in desk.evaluate(concerned, now_ms) for effect in _effects(each)]
    return {"exclusion": exclusion.to_dict(), "effects": effects}


def revoke(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """Let excluded time count again."""
    asked = read(request, RevocationRequest)
    held = [*(each.id for each in desk.exclusions()), *(each.id for each in desk.unread())]
    if asked.id not in held:
        raise ProberError(f"no exclusion {asked.id!r} is in force, {did_you_mean(asked.id, held)}")
    body = {"id": asked.id, "by": asked.by, "reason": asked.reason}
    desk.audit.append(Kind.REVOCATION, body, desk.clock())
    return {"revoked": body}


def exclusions(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """Every exclusion that was ever made, and whether it is in force."""
    read(request, EmptyRequest)
    entries = desk.audit.entries((Kind.EXCLUSION, Kind.REVOCATION))
    revoked = {entry.body["id"]: dict(entry.body) for entry in entries if _revokes(entry)}
    return {
        "exclusions": [
            {**entry.body, "revoked": revoked.get(entry.body["id"])}
            for entry in entries
            if not _revokes(entry)
        ],
        "unread": [each.to_dict() for each in desk.unread()],
    }


def reserve(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """Keep back a share of an SLO's budgets."""
    asked, now_ms = read(request, ReserveRequest), desk.clock()
    until_ms = None if asked.until is None else said("until", moment_ms, asked.until)
    if until_ms is not None and until_ms <= now_ms:
        what, mend = f"{asked.until!r} is past", "write a moment that is to come"
        raise InputError([Problem("request", 0, "until", what, mend)])
    reservation = Reservation(
        id="",
        slo=desk.contract(asked.slo).name,
        share=asked.share,
        reason=asked.reason,
        reserved_ms=now_ms,
        until_ms=until_ms,
    )
    entry = desk.audit.append(Kind.RESERVATION, reservation.to_dict(), now_ms)
    return {"reservation": {"id": entry.id, **entry.body}}


def release(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """Keep a reserved share back no longer."""
    asked, now_ms = read(request, ReleaseRequest), desk.clock()
    found = (each for slo in desk.contracts for each in desk.reservations(slo.name))
    held = [each.id for each in found if each.holds(now_ms)]
    if asked.id not in held:
        what = f"no reservation {asked.id!r} is in force"
        raise ProberError(f"{what}, {did_you_mean(asked.id, held)}" if held else what)
    desk.audit.append(Kind.RELEASE, {"id": asked.id}, now_ms)
    return {"released": {"id": asked.id}}


def reservations(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """Every reservation that was ever made for an SLO, and whether it is in force."""
    slo, now_ms = desk.contract(read(request, ReservationsRequest).slo).name, desk.clock()
    held = {each.id for each in desk.reservations(slo) if each.holds(now_ms)}
    return {
        "reservations": [
            {"id": entry.id, **entry.body, "in_force": entry.id in held}
            for entry in desk.audit.entries(Kind.RESERVATION)
            if entry.body["slo"] == slo
        ]
    }


def deploy(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """Note that something went out."""
    asked, now_ms = read(request, DeployRequest), desk.clock()
    for journey in asked.journeys or ():
        known("journeys", journey, [each.journey for each in desk.contracts])
    body = {
        "name": asked.name,
        "at_ms": now_ms if asked.at is None else said("at", moment_ms, asked.at),
        "journeys": asked.journeys,
        "note": asked.note,
    }
    entry = desk.audit.append(Kind.DEPLOY, body, now_ms)
    return {"deploy": {"id": entry.id, **entry.body}}


def marks(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """Every deploy that was noted."""
    read(request, EmptyRequest)
    entries = desk.audit.entries(Kind.DEPLOY)
    return {"deploys": [{"id": entry.id, **entry.body} for entry in entries]}


_EXCLUDED: Final = {"exclusion": "object", "effects": "array"}
VERBS: Final[Mapping[str, Verb]] = {
    "override-grant": Verb(grant, GrantRequest, {"override": "object"}, Scope.OVERRIDE),
    "override-list": Verb(overrides, EmptyRequest, {"overrides": "array"}),
    "exclude-add": Verb(exclude, ExclusionRequest, _EXCLUDED, Scope.EXCLUDE),
    "exclude-revoke": Verb(revoke, RevocationRequest, {"revoked": "object"}, Scope.EXCLUDE),
    "exclude-list": Verb(exclusions, EmptyRequest, {"exclusions": "array", "unread": "array"}),
    "mark-deploy": Verb(deploy, DeployRequest, {"deploy": "object"}, Scope.MARK),
    "mark-list": Verb(marks, EmptyRequest, {"deploys": "array"}),
    "budget-reserve": Verb(reserve, ReserveRequest, {"reservation": "object"}, Scope.RESERVE),
    "budget-release": Verb(release, ReleaseRequest, {"released": "object"}, Scope.RESERVE),
    "budget-reservations": Verb(reservations, ReservationsRequest, {"reservations": "array"}),
}


def _override(override: Override) -> Answer:
    return {"id": override.id, **override.to_dict()}


def _effects(evaluation: Evaluation) -> list[Answer]:
    """What exclusions give back, and what of them deserves a second look."""
    return [
        {
            "slo": evaluation.contract.name,
            "objective": result.objective.name,
            "window": result.window.name,
            "state": str(result.state),
            "raw_state": str(result.raw.state),
            "returned": None if result.returned is None else str(result.returned),
            "flags": list(result.flags),
        }
        for result in evaluation.results
    ]


def _regions(desk: Desk, journeys: Iterable[str], now_ms: int) -> set[str]:
    """Where journeys run or are to run; empty before that is known, and while nobody can tell."""
    try:
        with desk.source.at_one_moment():
            return {region for each in journeys for region in desk.source.newest(each, now_ms)}
    except SourceUnavailable:
        return set()


def _revokes(entry: Entry) -> bool:
    return entry.kind is Kind.REVOCATION


def known(key: str, name: str, names: Collection[str]) -> None:
    """Refuse a name that is not among those there are; raises InputError."""
    if name not in names:
        what = f"{name!r} is not known"
        raise InputError([Problem("request", 0, key, what, did_you_mean(name, list(names)))])


def said(key: str, make: Callable[[Any], Value], given: object) -> Value:
    """What was given as what it means; a ValueError says what is wrong with it."""
    try:
        return make(given)
    except ValueError as error:
        raise InputError([Problem("request", 0, key, *split_message(str(error)))]) from error
