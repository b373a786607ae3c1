"""The last hours of an objective: how fast its budget burns, and whom that should wake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from prober.evaluator.judging.counting import Counted, Counting
from prober.slo.alert import Reading, firing
from prober.slo.budget import Counts
from prober.slo.burn import burn_rate
from prober.slo.contract import AlertRule
from prober.slo.slices import whole
from prober.slo.window import Rolling


@dataclass(frozen=True, slots=True)
class Lately:
    """What one objective's runs said in the time before a moment."""

    counting: Counting
    target: Fraction
    as_of_ms: int

    def count(self, lookback_ms: int) -> Counted:
        """What ran in a lookback; where slices are counted, in those that have ended.

        What ran before the contract took effect wakes nobody either.
        """
        contract, lookback = self.counting.contract, Rolling("lookback", lookback_ms)
        if slice_ms := contract.budgeting.slice_ms:
            span = whole(lookback, self.as_of_ms, slice_ms, contract.effective_ms)
        else:
            span = contract.in_effect(lookback.span(self.as_of_ms))
        return self.counting.count(span, due=False)

    def rate(self, lookback_ms: int) -> Fraction | None:
        """The burn rate of a lookback; None: nothing valid in it."""
        return burn_rate(self.count(lookback_ms).after, self.target)

    def readings(self, rules: Iterable[AlertRule]) -> Iterator[Reading]:
        """Every rule held against its lookbacks; one for each region where the rule says so."""
        for rule in rules:
            long, short = self.count(rule.long_ms), self.count(rule.short_ms)
            failures = {region: int(counts.bad) for region, counts in long.regions.items()}
            if not rule.each_region:
                yield firing(rule, self.target, long.after, short.after, failures)
                continue
            for region, failed in sorted(failures.items()):
                # Its first run may have come after the short lookback was asked for.
                here, there = long.regions[region], short.regions.get(region, Counts())
                yield firing(rule, self.target, here, there, {region: failed})
