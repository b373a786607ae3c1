"""The board: every contract judged at one moment, with the runs behind it."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prober import conventions as names
from prober.evaluator.alerts.alerts import Group
from prober.evaluator.asides import NOTHING, Aside
from prober.evaluator.judging import plain
from prober.evaluator.judging.evaluate import evaluate
from prober.evaluator.judging.result import Evaluation
from prober.evaluator.judging.wording import headline, orphaned, paging, summary
from prober.evaluator.sources.journal import JournalSource
from prober.evaluator.sources.once import Once
from prober.evaluator.sources.source import Source
from prober.journal.shown import Glimpse
from prober.journal.view import View
from prober.model import Outcome
from prober.slo.contract import Contract
from prober.slo.exclusion import Exclusion
from prober.slo.moment import iso
from prober.slo.silence import Silence
from prober.slo.state import URGENCY, State
from prober.units import MINUTE_MS

#: As many outcomes as fit on a line.
STRIP = 40
FRESH_MS = 1000
#: What is far away is asked less often: agents report every 15 s.
FRESH_AFAR_MS = 15_000
#: A run is missed only so long after it was claimed: its record may still be on the way.
PATIENCE_MS = MINUTE_MS

#: Senders name the places, so that somebody has to say when it is enough.
PLACES = 10_000

#: A journey and a region.
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Claim:
    """How many runs a region says it has counted."""

    total: int
    #: What it said a minute ago or earlier, so that these must have arrived by now.
    overdue: int


@dataclass(slots=True)
class Claims:
    """What regions say of themselves, since this process began to listen."""

    #: By place: (received, total of runs), oldest first.
    _heard: dict[Place, list[tuple[int, int]]] = field(default_factory=dict)
    #: By place: when it was so, and how many.
    _orphans: dict[Place, tuple[int, int]] = field(default_factory=dict)

    def hear(self, place: Place, total: int, now_ms: int) -> None:
        """Note a claim; totals only grow, so a smaller one is an older one."""
        heard = self._heard.get(place)
        if heard is None:
            if len(self._heard) < PLACES:
                self._heard[place] = [(now_ms, total)]
        elif total > heard[-1][1]:
            heard.append((now_ms, total))
            del heard[: max(0, len(_old(heard, now_ms)) - 1)]

    def hear_orphans(self, place: Place, count: int, at_ms: int, now_ms: int) -> None:
        """Note how many orphans a place has, unless what is known is newer.

        Args:
            place: which.
            count: how many.
            at_ms: when, by its sender's clock; one that is ahead does not outlast the next.
            now_ms: the time.
        """
        known = self._orphans.get(place)
        if known is None and len(self._orphans) >= PLACES:
            return
        at_ms = min(at_ms, now_ms)
        if known is None or at_ms >= known[0]:
            self._orphans[place] = at_ms, count

    def orphans(self) -> dict[Place, int]:
        """How many orphans every place has that has said so, in order."""
        return {place: count for place, (_, count) in sorted(self._orphans.copy().items())}

    def now(self, now_ms: int) -> dict[Place, Claim]:
        """Every claim, as it stands."""
        claims = {}
        for place, heard in list(self._heard.items()):
            old = _old(heard, now_ms)
            claims[place] = Claim(heard[-1][1], old[-1] if old else 0)
        return claims


def _old(heard: Sequence[tuple[int, int]], now_ms: int) -> list[int]:
    """Of what was heard, the totals whose records must have arrived by now."""
    return [total for received_ms, total in heard if received_ms <= now_ms - PATIENCE_MS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A journey in a region: its last runs, and whether all of them are here."""

    region: str
    runs: tuple[Glimpse, ...]
    #: Runs in the journal, and runs the region has counted; None: it has not said.
    held: int
    claim: Claim | None
    #: Since the slot of the newest run; None: there is no run.
    age_ms: int | None
    #: From slot to slot; None: no slot is due.
    every_ms: int | None
    #: What its runs made at the target and could not take back; None: it has not said.
    orphans: int | None

    @property
    def late(self) -> bool:
        """Whether three slots went by without a run."""
        if self.age_ms is None or self.every_ms is None:
            return self.every_ms is not None
        return self.age_ms > 3 * self.every_ms

    @property
    def missing(self) -> int:
        """Runs that should have arrived by now and have not."""
        return max(0, self.claim.overdue - self.held) if self.claim else 0

    @property
    def trouble(self) -> Glimpse | None:
        """The newest of the runs shown that did not pass."""
        return next((run for run in self.runs if run.outcome is not Outcome.PASSED), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "region": self.region,
            "held": self.held,
            "claimed": self.claim.total if self.claim else None,
            "missing": self.missing,
            "age_ms": self.age_ms,
            "late": self.late,
            "orphans": self.orphans,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What the page and `prober status` show."""

    as_of_ms: int
    evaluations: tuple[Evaluation, ...]
    #: By journey.
    rows: Mapping[str, tuple[Row, ...]]
    #: What a person should know about the journal; empty when nothing.
    note: str
    #: How many, of each place that has some, whether a contract is about its journey or not.
    orphans: Mapping[Place, int] = field(default_factory=dict)
    #: By contract, as of the last look; empty where nobody looks all the time.
    alerts: tuple[Group, ...] = ()
    #: By contract: what is shown beside its judgement, as of the last look.
    asides: Mapping[str, Aside] = field(default_factory=dict)
    #: Those that hold, each with its end.
    silences: tuple[tuple[Silence, int], ...] = ()

    def aside(self, slo: str) -> Aside:
        """What is shown beside the judgement of a contract."""
        return self.asides.get(slo, NOTHING)

    @property
    def left(self) -> list[str]:
        """What runs left at the target for good, a line for each place."""
        return [orphaned(*place, count) for place, count in self.orphans.items()]

    @property
    def state(self) -> State:
        """The most urgent state there is."""
        return min((each.state for each in self.evaluations), key=URGENCY.index)

    @property
    def headline(self) -> str:
        """Whether to work on features or on reliability."""
        return headline(self.evaluations)

    @property
    def paging(self) -> str:
        """What somebody is paged for."""
        return paging(self.evaluations)

    @property
    def summary(self) -> str:
        """One sentence."""
        return summary(self.evaluations)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `--json` and the API give them."""
        return {
            "headline": self.headline,
            "summary": self.summary,
            "note": self.note,
            "as_of": iso(self.as_of_ms),
            "as_of_ms": self.as_of_ms,
            "alerts": [group.to_dict() for group in self.alerts],
            "silences": [
                silence.to_dict() | {"until": iso(until_ms), "until_ms": until_ms}
                for silence, until_ms in self.silences
            ],
            "slos": [
                plain.evaluation(each) | self.aside(each.contract.name).to_dict(self.as_of_ms)
                for each in self.evaluations
            ],
            "journeys": {
                journey: [row.to_dict() for row in rows] for journey, rows in self.rows.items()
            },
            "orphans": [
                {"journey": journey, "region": region, "count": count}
                for (journey, region), count in self.orphans.items()
            ],
        }


@dataclass(slots=True)
class Board:
    """Judges on demand; between two answers the journal grew, or a second passed."""

    contracts: tuple[Contract, ...]
    #: The runs to show; None: there is no journal.
    view: View | None
    claims: Claims = field(default_factory=Claims)
    note: str = ""
    #: What else a person should know now; empty when nothing.
    trouble: Callable[[], str] = str
    clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    #: Those in force.
    exclusions: Callable[[], Iterable[Exclusion]] = tuple
    #: What there is to tell.
    alerts: Callable[[], tuple[Group, ...]] = tuple
    #: What is shown beside judgements, by contract.
    asides: Callable[[], Mapping[str, Aside]] = dict
    #: The silences that hold at a moment, each with its end.
    silences: Callable[[int], Iterable[tuple[Silence, int]]] = lambda _: ()
    #: What is judged from; None: the journal.
    source: Source | None = None
    _status: Status | None = None
    _seq: int = -1
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def status(self) -> Status:
        """How things stand; safe to call from several threads."""
        with self._lock:
            now_ms, old = self.clock(), self._status
            grows = self.view if self.source is None else None
            seq = grows.newest_seq() if grows else 0
            fresh_ms = FRESH_MS if grows else FRESH_AFAR_MS
            if old is None or seq != self._seq or not 0 <= now_ms - old.as_of_ms < fresh_ms:
                self._status, self._seq = self._judge(now_ms), seq
            assert self._status is not None
            return self._status

    def lately(self) -> Status:
        """How things stood, at most a second ago: for pages that take longer over one contract."""
        known = self._status
        if known and 0 <= self.clock() - known.as_of_ms < FRESH_MS:
            return known
        return self.status()

    def _judge(self, now_ms: int) -> Status:
        source, excluded = self.judges_from, tuple(self.exclusions())
        orphans = self.claims.orphans()
        with source.at_one_moment():
            once = Once(source)
            evaluations = [
                evaluate(contract, once, now_ms, exclusions=excluded) for contract in self.contracts
            ]
            return Status(
                as_of_ms=now_ms,
                evaluations=tuple(sorted(evaluations, key=lambda each: URGENCY.index(each.state))),
                rows=self._rows(source, now_ms, orphans)
                if isinstance(source, JournalSource)
                else {},
                note=" ".join(filter(None, (self.note, self.trouble()))),
                orphans={place: count for place, count in orphans.items() if count},
                alerts=self.alerts(),
                asides=self.asides(),
                silences=tuple(self.silences(now_ms)),
            )

    @property
    def judges_from(self) -> Source:
        """What it judges from."""
        if self.source is None:
            assert self.view, "a board judges from a journal or from another source"
            return JournalSource(self.view)
        return self.source

    def _rows(
        self, source: JournalSource, now_ms: int, orphans: Mapping[Place, int]
    ) -> dict[str, tuple[Row, ...]]:
        held, claims = _held(source.view.counters()), self.claims.now(now_ms)
        rows = {}
        for journey in sorted({contract.journey for contract in self.contracts}):
            recent = source.glimpses(journey, now_ms, STRIP)
            periods = source.periods(journey, now_ms)
            regions = {*recent, *(region for name, region in claims if name == journey)}
            rows[journey] = tuple(
                Row(
                    region=region,
                    runs=(runs := recent.get(region, ())),
                    held=held[journey, region],
                    claim=claims.get((journey, region)),
                    age_ms=now_ms - runs[0].slot_ms if runs else None,
                    every_ms=periods.get(region),
                    orphans=orphans.get((journey, region)),
                )
                for region in sorted(regions)
            )
        return rows


def _held(counters: Iterable[tuple[str, str, int]]) -> Counter[Place]:
    held: Counter[Place] = Counter()
    for metric, attributes, value in counters:
        if metric == names.RUNS.name:
            series = json.loads(attributes)
            held[series[names.JOURNEY], series[names.REGION]] += value
    return held
