"""Silences at the desk: added, ended and listed in the audit log."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from prober.document import Duration, Strict, Text, TimeZone, did_you_mean
from prober.errors import InputError, ProberError, Problem
from prober.evaluator.alerts.look import POSTMORTEM
from prober.evaluator.alerts.news import BUDGET
from prober.evaluator.alerts.notices import (
    ABSENT,
    ABSENT_EVERYWHERE,
    COVERAGE,
    NOTIFICATION,
    VALIDITY,
)
from prober.evaluator.audit import Entry, Kind
from prober.evaluator.desk.desk import Answer, Desk, Verb, read
from prober.evaluator.desk.notes import EmptyRequest, known, said
from prober.evaluator.door.tokens import Scope
from prober.slo.alert import PRESETS
from prober.slo.contract import Contract
from prober.slo.moment import moment_ms
from prober.slo.silence import Silence, silences_of, unread_silences

_RULES: Final = (
    *(ABSENT, ABSENT_EVERYWHERE, BUDGET, COVERAGE, NOTIFICATION, POSTMORTEM, VALIDITY),
    *PRESETS,
)


class SilenceRequest(Strict):
    """What nobody should be told of, for how long, and why."""

    by: Text
    reason: Text
    slos: tuple[Text, ...] | None = None
    journeys: tuple[Text, ...] | None = None
    #: Of everything: said on purpose, so that nobody silences all by leaving something out.
    everything: bool = False
    rule: Text | None = None
    region: Text | None = None
    start: Text | None = None
    end: Text | None = None
    lasts: Duration | None = None
    repeat: Text | None = None
    time_zone: TimeZone = "UTC"


class EndRequest(Strict):
    """Which silence should hold no longer."""

    id: Text
    by: Text


def add(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """Keep back the messages about some alerts for a while."""
    asked, now_ms = read(request, SilenceRequest), desk.clock()
    _about(asked, desk.contracts)
    start_ms, end_ms = _times(asked, now_ms)
    body = {
        "id": "",
        "start_ms": start_ms,
        "end_ms": end_ms,
        "slos": asked.slos,
        "journeys": asked.journeys,
        "rule": asked.rule,
        "region": asked.region,
        "by": asked.by,
        "reason": asked.reason,
        "recurrence": asked.repeat and {"rule": asked.repeat, "time_zone": asked.time_zone},
    }
    silence = said("", lambda given: Silence.from_dict("", given), body)
    kept = {key: value for key, value in silence.to_dict().items() if key != "id"}
    entry = desk.audit.append(Kind.SILENCE, kept, now_ms)
    return {"silence": _told(Silence.from_dict(entry.id, entry.body), now_ms)}


def end(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """Let people be told again; what still fires is told at once."""
    asked, now_ms = read(request, EndRequest), desk.clock()
    entries = _entries(desk)
    held = [each.id for each in silences_of(entries) if _lasts(each, now_ms)]
    held += [each.id for each in unread_silences(entries)]
    if asked.id not in held:
        what = f"no silence {asked.id!r} holds or is to come"
        raise ProberError(f"{what}, {did_you_mean(asked.id, held)}" if held else what)
    body = {"id": asked.id, "by": asked.by}
    desk.audit.append(Kind.SILENCE_END, body, now_ms)
    return {"ended": body}


def list_all(desk: Desk, request: Mapping[str, Any]) -> Answer:
    """Every silence there was, and whether it holds."""
    read(request, EmptyRequest)
    entries, now_ms = _entries(desk), desk.clock()
    return {
        "silences": [_told(each, now_ms) for each in silences_of(entries)],
        "unread": [each.to_dict() for each in unread_silences(entries)],
    }


VERBS: Final[Mapping[str, Verb]] = {
    "silence-add": Verb(add, SilenceRequest, {"silence": "object"}, Scope.SILENCE),
    "silence-end": Verb(end, EndRequest, {"ended": "object"}, Scope.SILENCE),
    "silence-list": Verb(list_all, EmptyRequest, {"silences": "array", "unread": "array"}),
}


def _entries(desk: Desk) -> tuple[Entry, ...]:
    return desk.audit.entries((Kind.SILENCE, Kind.SILENCE_END))


def _told(silence: Silence, now_ms: int) -> Answer:
    until_ms = silence.until_ms(now_ms)
    return {**silence.to_dict(), "until_ms": until_ms, "ended_ms": silence.ended_ms}


def _lasts(silence: Silence, now_ms: int) -> bool:
    """Whether it keeps something back, now or later."""
    return silence.ended_ms is None and (silence.recurrence is not None or silence.end_ms > now_ms)


def _about(asked: SilenceRequest, contracts: Collection[Contract]) -> None:
    """What it is about has to be there, and has to be said."""
    for slo in asked.slos or ():
        known("slos", slo, [each.name for each in contracts])
    for journey in asked.journeys or ():
        known("journeys", journey, [each.journey for each in contracts])
    if asked.rule is not None:
        known("rule", asked.rule, sorted({*_RULES, *_own(contracts)}))
    if asked.everything == bool(asked.slos or asked.journeys):
        what = "it is about everything and about something"
        if not asked.everything:
            what = "nothing says what it is about"
        raise _wrong("", what, "name an SLO or a journey, or say that it is about all")


def _own(contracts: Iterable[Contract]) -> list[str]:
    """Names of the rules that contracts write themselves."""
    return [rule.name for contract in contracts for rule in contract.alerts.rules or ()]


def _times(asked: SilenceRequest, now_ms: int) -> tuple[int, int]:
    start_ms = now_ms if asked.start is None else said("start", moment_ms, asked.start)
    if (asked.end is None) == (asked.lasts is None):
        raise _wrong("end", "it takes one end", "say for how long, or until when")
    if asked.lasts is not None:
        end_ms = start_ms + asked.lasts
    else:
        end_ms = said("end", moment_ms, asked.end)
    if end_ms <= now_ms and asked.repeat is None:
        raise _wrong("end", "it is over already", "write a moment that is to come")
    return start_ms, end_ms


def _wrong(key: str, what: str, mend: str) -> InputError:
    return InputError([Problem("request", 0, key, what, mend)])
