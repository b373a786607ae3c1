"""The desk: what owners and pipelines ask, answered the same over HTTP and from a journal.

A verb is a function from a request to an answer, both plain values; `prober.evaluator.verbs`
lists all there are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from inspect import getdoc
from typing import Any, Final, TypeVar

from prober.document import Document, Strict, did_you_mean
from prober.errors import ProberError
from prober.evaluator.audit import AuditLog, Kind
from prober.evaluator.door.tokens import Scope
from prober.evaluator.judging.evaluate import evaluate
from prober.evaluator.judging.result import Evaluation
from prober.evaluator.sources.once import Once
from prober.evaluator.sources.source import Source
from prober.slo.attribution import Deploy
from prober.slo.contract import Contract
from prober.slo.exclusion import Exclusion, Unread, in_force, unread_exclusions
from prober.slo.override import Override
from prober.slo.reservation import Reservation

Request = TypeVar("Request", bound=Strict)
Answer = dict[str, Any]
_EXCLUDING: Final = (Kind.EXCLUSION, Kind.REVOCATION)
#: What answers about a moment say of it, see `Verb.says`.
AS_OF: Final = {"as_of": "string", "as_of_ms": "integer"}


@dataclass(frozen=True, slots=True)
class Verb:
    """Something that can be asked."""

    #: Given the desk and what was asked; see `read`. Raises InputError for a request that is
    #: wrong and ProberError for one that cannot be answered.
    answer: Callable[[Desk, Mapping[str, Any]], Answer]
    #: What it reads a request as.
    request: type[Strict]
    #: By key of its answers, the JSON types of what stands there; a space is between two.
    says: Mapping[str, str]
    #: What the caller's token must be for, where tokens are needed. It adds to the audit log then;
    #: None: it adds nothing, and takes what reading takes.
    scope: Scope | None = None

    @property
    def summary(self) -> str:
        """What it does, in one line."""
        return (getdoc(self.answer) or "").partition("\n")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Answers verbs about some contracts; safe to use from several threads."""

    contracts: tuple[Contract, ...]
    source: Source
    audit: AuditLog
    verbs: Mapping[str, Verb]
    clock: Callable[[], int] = field(default=lambda: time.time_ns() // 1_000_000)

    def answer(self, verb: str, request: Mapping[str, Any]) -> Answer:
        """What there is to say.

        Raises:
            InputError: the request is wrong; with every mistake.
            ProberError: there is no such verb, or it cannot be answered.
        """
        return self.verb(verb).answer(self, request)

    def verb(self, name: str) -> Verb:
        """A verb by name; raises ProberError when there is none."""
        if name not in self.verbs:
            raise ProberError(f"there is no verb {name!r}, {did_you_mean(name, self.verbs)}")
        return self.verbs[name]

    def contract(self, name: str) -> Contract:
        """A contract by name; raises ProberError when there is none."""
        named = {contract.name: contract for contract in self.contracts}
        if name not in named:
            raise ProberError(f"there is no SLO {name!r}, {did_you_mean(name, named)}")
        return named[name]

    def exclusions(self, until: int | None = None) -> tuple[Exclusion, ...]:
        """The exclusions in force; `until`: at an earlier length of the log."""
        return in_force(self.audit.entries(_EXCLUDING, until=until))

    def unread(self, until: int | None = None) -> tuple[Unread, ...]:
        """The exclusions that should be in force and cannot be read; `until`: see `exclusions`."""
        return unread_exclusions(self.audit.entries(_EXCLUDING, until=until))

    def deploys(self, journey: str, known_ms: int | None = None) -> tuple[Deploy, ...]:
        """What went out that may have changed a journey, oldest first.

        `known_ms`: only what was noted by then.
        """
        bodies = (entry.body for entry in self.audit.entries(Kind.DEPLOY, known_ms))
        return tuple(
            sorted(
                Deploy(body["at_ms"], body["name"])
                for body in bodies
                if body["journeys"] is None or journey in body["journeys"]
            )
        )

    def overrides(self, until: int | None = None) -> tuple[Override, ...]:
        """Every override that was granted; `until`: at an earlier length of the log."""
        entries = self.audit.entries(Kind.OVERRIDE, until=until)
        return tuple(Override.from_dict(entry.id, entry.body) for entry in entries)

    def reservations(self, slo: str, until: int | None = None) -> tuple[Reservation, ...]:
        """What is kept back of an SLO's budgets; `until`: at an earlier length of the log."""
        entries = self.audit.entries((Kind.RESERVATION, Kind.RELEASE), until=until)
        released = {entry.body["id"] for entry in entries if entry.kind is Kind.RELEASE}
        return tuple(
            Reservation.from_dict(entry.id, entry.body)
            for entry in entries
            if entry.kind is Kind.RESERVATION and entry.body["slo"] == slo
            if entry.id not in released
        )

    def evaluate(
        self,
        contracts: Iterable[Contract],
        as_of_ms: int | None = None,
        known_ms: int | None = None,
        *,
        until: int | None = None,
    ) -> tuple[Evaluation, ...]:
        """Contracts judged at one moment, with the exclusions in force.

        A source that cannot answer makes them UNKNOWN, with its reason.

        Args:
            contracts: which.
            as_of_ms: the moment; None: now.
            known_ms: from what had arrived by then; None: everything that is known now.
            until: with the exclusions of an earlier length of the log.
        """
        moment_ms = self.clock() if as_of_ms is None else as_of_ms
        exclusions = self.exclusions(until)
        once = Once(self.source if known_ms is None else self.source.known_by(known_ms))
        with self.source.at_one_moment():
            return tuple(
                evaluate(each, once, moment_ms, known_ms=known_ms, exclusions=exclusions)
                for each in contracts
            )


def read(request: Mapping[str, Any], model: type[Request]) -> Request:
    """A request as a model, as strict as a file.

    Raises:
        InputError: with every mistake.
    """
    return Document("request", _plain(request)).validate(model)


def _plain(value: Any) -> Any:
    """JSON as documents hold it: lists are tuples, and a key without value is not there."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    return tuple(map(_plain, value)) if isinstance(value, (list, tuple)) else value
