"""What an agent works by: all that its files say, checked as a whole, and compared as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from prober.agent.code import Code
from prober.config import Region, resolve
from prober.errors import Problem
from prober.journal.tally import Rule, rules_of
from prober.journey import Journey
from prober.slo.contract import Contract
from prober.slo.difference import differences, membership
from prober.units import format_ms

#: What a running agent has open: another one takes another process.
_FIXED = ("name", "data", "listen")


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One region's files, read at one moment."""

    region: Region
    #: Those that run here, with what the region does differently.
    journeys: tuple[Journey, ...]
    contracts: tuple[Contract, ...] = ()
    #: None: workers load journeys from where they lie.
    code: Code | None = None

    @classmethod
    def of(
        cls,
        region: Region,
        journeys: Iterable[Journey],
        contracts: Iterable[Contract],
        code: Code | None = None,
    ) -> Definition:
        """What the files of all regions say, as far as it concerns one."""
        contracts = tuple(contracts)
        timed = {contract.journey for contract in contracts if contract.times_final}
        here = tuple(
            replace(journey, timed_again=journey.name in timed)
            for journey in resolve(region, list(journeys))
        )
        return cls(region=region, journeys=here, contracts=contracts, code=code)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The contracts as the journal needs them."""
        return rules_of(self.contracts)

    def refusals(self, wanted: Definition) -> Iterator[Problem]:
        """What stands between this and another definition that is to follow it."""
        for key in _FIXED:
            now, then = getattr(self.region, key), getattr(wanted.region, key)
            if now != then:
                field = type(self.region).model_fields[key]
                what = f"is not {_shown(now)}, with which this agent runs"
                yield wanted.region.problem(
                    (field.alias or key,), what, "write that, or restart the agent"
                )

    def changes(self, wanted: Definition) -> Iterator[str]:
        """What another definition has that is not as it is here, a line each; no secret."""
        before = {journey.name: journey for journey in self.journeys}
        after = {journey.name: journey for journey in wanted.journeys}
        yield from membership("journey", before, after)
        for name in sorted(before.keys() & after.keys()):
            if found := list(_differences(before[name], after[name])):
                yield f"journey {name}: {', '.join(found)}"
        if self.code != wanted.code and _hashes(before) == _hashes(after):
            yield "journeys: files that they import"
        if keys := [key for key in _keys(self.region, wanted.region) if key not in _FIXED]:
            yield f"region: {', '.join(keys)}"
        yield from differences(self.contracts, wanted.contracts)


def _differences(one: Journey, other: Journey) -> Iterator[str]:
    if (one.hash, one.file) != (other.hash, other.file):
        yield "code"
    for key in ("every", "timeout", "max_duration"):
        before, after = getattr(one, f"{key}_ms"), getattr(other, f"{key}_ms")
        if before != after:
            yield f"{key} {_span(before)} → {_span(after)}"
    for key in ("secrets", "accounts", "mask", "browser", "parameters"):
        if getattr(one, key) != getattr(other, key):
            yield key


def _hashes(journeys: dict[str, Journey]) -> dict[str, str]:
    return {name: journey.hash for name, journey in journeys.items()}


def _keys(one: Region, other: Region) -> Iterator[str]:
    """The keys of a region file whose values are not the same."""
    for key, field in Region.model_fields.items():
        if getattr(one, key) != getattr(other, key):
            yield field.alias or key


def _span(ms: int | None) -> str:
    return "none" if ms is None else format_ms(ms)


def _shown(value: Any) -> str:
    if value is None:
        return "left out"
    return ":".join(map(str, value)) if isinstance(value, tuple) else str(value)
