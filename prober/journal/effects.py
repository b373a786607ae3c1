"""Effects: what runs make at the target, noted before it is made, until it was taken back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from prober.journal.store import Store
from prober.journal.tally import effect as counted
from prober.model import EffectState, Kind, RunId, canonical
from prober.units import DAY_MS, MINUTE_MS

#: An effect that could not be taken back so often is an orphan, and is tried once a day.
MOST_TRIES: Final = 5
#: What a run tries of earlier runs' at most.
AT_ONCE: Final = 20
_GONE: Final = "its journey runs here no more"


class Effect(NamedTuple):
    """Something that a run makes at the target, and how it is taken back."""

    id: int
    #: Which made it.
    run: RunId
    #: A function of the journey's file, and what it is called with.
    action: str
    reference: str
    #: What the run signed in with: by pool, a digest of the login.
    accounts: Mapping[str, str]
    #: How often it could not be taken back, and why not the last time.
    tries: int
    error: str | None

    def __str__(self) -> str:
        return f"{self.run.journey}: {self.action}({self.reference!r}) of {self.run.name}"


def pause_ms(tries: int) -> int:
    """How long to wait after so many tries that failed.

    >>> [pause_ms(tries) // 60_000 for tries in (1, 2, 3, 4, 5, 500)]
    [1, 5, 25, 125, 1440, 1440]
    """
    return DAY_MS if tries >= MOST_TRIES else MINUTE_MS * 5 ** (tries - 1)


@dataclass(frozen=True, slots=True)
class Effects:
    """The effects of an agent's runs; every method is one transaction."""

    store: Store

    def note(self, run: RunId, action: str, reference: str, accounts: Mapping[str, str]) -> int:
        """Take an effect down; its number."""
        with self.store.transaction():
            found = self.store.value(
                "add_effect",
                **_columns(run),
                action=action,
                reference=reference,
                accounts=canonical(dict(accounts)),
            )
            self._count(run.region, run.journey, EffectState.NOTED)
        return int(found)

    def undone(self, number: int) -> None:
        """It was taken back: nothing is left to be known of it."""
        with self.store.transaction():
            for journey, region in self.store.all("drop_effect", id=number):
                self._count(region, journey, EffectState.UNDONE)

    def remained(self, number: int, error: str, now_ms: int) -> Effect | None:
        """It could not be taken back; the effect, when that makes it an orphan.

        Args:
            number: which.
            error: why, redacted.
            now_ms: the time.
        """
        with self.store.transaction():
            row = self.store.one("get_effect", id=number)
            if row is None:
                return None
            effect = _effect(*row)
            effect = effect._replace(tries=effect.tries + 1, error=error)
            values = {"tries": effect.tries, "next_ms": now_ms + pause_ms(effect.tries)}
            self.store.change("put_off_effect", id=number, error=error, **values)
            if effect.tries != MOST_TRIES:
                return None
            self._count(effect.run.region, effect.run.journey, EffectState.ORPHANED)
        return effect

    def due(self, run: RunId, now_ms: int) -> list[Effect]:
        """What earlier runs of its journey left, and a run may try; the newest first."""
        rows = self.store.all("due_effects", **_columns(run), now_ms=now_ms, limit=AT_ONCE)
        return [_effect(*row) for row in rows]

    def give_up(self, region: str, journeys: Iterable[str]) -> int:
        """Make orphans of what no journey of a region is there to take back; how many."""
        values = {"region": region, "journeys": json.dumps(list(journeys))}
        with self.store.transaction():
            rows = self.store.all("give_up_effects", most=MOST_TRIES, error=_GONE, **values)
            for (journey,) in rows:
                self._count(region, journey, EffectState.ORPHANED)
        return len(rows)

    def orphans(self) -> list[Effect]:
        """What could not be taken back, the oldest first."""
        return [_effect(*row) for row in self.store.all("list_orphans", most=MOST_TRIES)]

    def _count(self, region: str, journey: str, state: EffectState) -> None:
        self.store.change("add_counter", **counted(region, journey, state)._asdict())


def _columns(run: RunId) -> dict[str, Any]:
    """A run as the table has it; only scheduled ones note effects."""
    columns = run._asdict()
    del columns["kind"]
    return columns


def _effect(
    number: int,
    journey: str,
    region: str,
    slot_ms: int,
    attempt: int,
    action: str,
    reference: str,
    accounts: str,
    tries: int,
    error: str | None,
) -> Effect:
    run = RunId(journey, region, slot_ms, attempt, Kind.SCHEDULED)
    return Effect(number, run, action, reference, json.loads(accounts), tries, error)
