"""What contracts ask of a run beyond its outcome: each has a bit in the rows of a journey."""

from __future__ import annotations

import logging
import re
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from prober.journal.body import quoted, text
from prober.journal.rollup import (
    OUTCOMES,
    PASSED,
    RAW_FROM,
    Change,
    Finding,
    Rollups,
    contribution,
)
from prober.journal.store import Store
from prober.journal.tally import Rule, in_time
from prober.model import Outcome, Run
from prober.slo.moment import iso
from prober.units import HOUR_MS

log = logging.getLogger(__name__)

#: So many marks of one journey have a bit of their own.
BITS = 62
#: The bit that no run has: by it good is what passed.
PLAIN = BITS
#: Later than every slot.
NEVER_MS = 2**62
#: So much of the past is looked at in one transaction,
_AT_ONCE_MS = 6 * HOUR_MS
#: and so often it is said how far that has come.
_SAY_S = 10.0


class Mark(NamedTuple):
    """A rule, whatever it is called, and its bit."""

    bit: int
    rule: Rule
    #: Runs of earlier slots are not marked.
    from_ms: int


def find(run: Run, marks: Iterable[Mark]) -> Finding:
    """What counting needs to know of a run."""
    outcome, odd, unasked = OUTCOMES.index(run.outcome), 0, 0
    if run.outcome is not Outcome.INCONCLUSIVE:
        for bit, rule, _ in marks:
            if not rule.valid(run):
                unasked |= 1 << bit
            elif rule.good(run) != (run.outcome is Outcome.PASSED):
                odd |= 1 << bit
    return Finding(outcome, int(run.silent), odd, unasked)


def marks_of(store: Store, journey: str) -> list[Mark]:
    """The marks of a journey."""
    rows = store.all("list_marks", journey=journey)
    return [
        Mark(bit, _rule(journey, threshold_us, step, assertion), from_ms)
        for bit, threshold_us, step, assertion, from_ms in rows
    ]


@lru_cache(maxsize=1000)  # asked with every count
def unnamed(rule: Rule) -> Rule:
    """A rule as marks keep it: contracts that ask the same share a mark."""
    return _rule(rule.journey, rule.threshold_us, rule.step, rule.assertion)


def _rule(journey: str, threshold_us: int | None, step: str | None, assertion: str | None) -> Rule:
    return Rule("", "", journey, threshold_us, step, assertion)


def _find_again(before: Finding, mark: Mark, body: bytes | None) -> Finding:
    """What counting needs to know of a run, now that there is one more mark.

    Unpacking a run would take five times as long as a look at its text, and says no more: a
    quote inside of a JSON text is never bare, so what is looked for stands nowhere else.
    """
    passed, bit, rule = before.outcome == PASSED, 1 << mark.bit, mark.rule
    if body is None:  # a run that took too long
        good = False
    elif rule.assertion is None:
        name = re.escape(quoted(rule.step or ""))
        took = re.findall(rb'"duration_us":(\d+),"name":%s[,}]' % name, text(body))
        good = passed and in_time(map(int, took), rule.threshold_us)
    else:
        said = re.search(rb"%s:(true|false)" % re.escape(quoted(rule.assertion)), text(body))
        if said is None:
            return before._replace(unasked=before.unasked | bit)
        good = said[1] == b"true"
    return before if good == passed else before._replace(odd=before.odd | bit)


@dataclass(frozen=True, slots=True)
class Marks:
    """The writing side of the marks."""

    store: Store
    rollups: Rollups
    _known: dict[str, list[Mark]] = field(default_factory=dict)

    def find(self, run: Run) -> Finding:
        """What counting needs to know of a run."""
        return find(run, self._of(run.id.journey))

    def register(self, rules: Iterable[Rule]) -> None:
        """Give every rule that asks for more than a pass a mark, in earlier runs as well.

        That a run took too long stands in its row. What a step took or an assertion said has
        to be looked up in records, a quarter of a minute for a million; it goes back in time,
        some hours in a transaction, and is taken up again if the process ends meanwhile.
        """
        for rule in dict.fromkeys(map(unnamed, rules)):
            if rule.threshold_us is None and rule.assertion is None:
                continue
            known = {mark.rule: mark for mark in self._of(rule.journey)}
            if rule not in known and len(known) == BITS:
                log.warning("%s: %d marks are in use, more are slow", rule.journey, BITS)
                continue
            self._look_back(known.get(rule) or self._add(rule, len(known)))
            self._known.pop(rule.journey, None)

    def _of(self, journey: str) -> list[Mark]:
        known = self._known.get(journey)
        if known is None:
            known = self._known[journey] = marks_of(self.store, journey)
        return known

    def _add(self, rule: Rule, bit: int) -> Mark:
        mark = Mark(bit, rule, NEVER_MS)
        asked = {"threshold_us": rule.threshold_us, "step": rule.step, "assertion": rule.assertion}
        with self.store.transaction():
            self.store.change("add_mark", journey=rule.journey, bit=bit, from_ms=NEVER_MS, **asked)
            self._known.pop(rule.journey, None)  # what is written from now on is marked
        return mark

    def _look_back(self, mark: Mark) -> None:
        """Mark earlier runs, the youngest first, down to those of which only sums are left."""
        oldest_ms = int(self.store.value("get_meta", key=RAW_FROM) or 0)
        journey, bit, say_s = mark.rule.journey, mark.bit, time.monotonic() + _SAY_S
        while mark.from_ms > oldest_ms:
            before_ms = mark.from_ms
            newest_ms = self.store.value("newest_slot", journey=journey, before_ms=before_ms) or 0
            mark = mark._replace(from_ms=max(oldest_ms, newest_ms - newest_ms % _AT_ONCE_MS))
            with self.store.transaction():
                self._mark(mark, before_ms)
                self.store.change("set_mark_from", journey=journey, bit=bit, from_ms=mark.from_ms)
            if time.monotonic() > say_s:
                say_s += _SAY_S
                log.warning(
                    "%s: earlier runs are read for a new objective, so far back to %s",
                    journey,
                    iso(mark.from_ms),
                )

    def _mark(self, mark: Mark, before_ms: int) -> None:
        """Mark the runs from the mark's beginning to a moment."""
        changes: dict[tuple[int, int], Counter[Change]] = {}
        for series, slot_ms, attempt, kind, *old, counted, body in self._rows(mark, before_ms):
            before = Finding(*old)
            after = _find_again(before, mark, body)
            if after == before:
                continue
            key = {"series": series, "slot_ms": slot_ms, "attempt": attempt, "kind": kind}
            self.store.change("set_marks", odd=after.odd, unasked=after.unasked, **key)
            change = changes.setdefault((series, slot_ms // HOUR_MS), Counter())
            change.update(contribution(after, counted))
            change.subtract(contribution(before, counted))
        for (series, hour), change in changes.items():
            self.rollups.add(series, hour * HOUR_MS, change)
            self.store.change("touch_series", series=series)

    def _rows(self, mark: Mark, before_ms: int) -> list[tuple[Any, ...]]:
        """Runs that the mark may say something about."""
        span = {"journey": mark.rule.journey, "start_ms": mark.from_ms, "end_ms": before_ms}
        if mark.rule.step is None and mark.rule.assertion is None:
            return self.store.all("list_slow", threshold_us=mark.rule.threshold_us, **span)
        return self.store.all("list_to_mark", **span)
