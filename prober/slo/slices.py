"""Region rules at work: the counts of several regions as one, over runs or over slices of time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields
from fractions import Fraction
from operator import attrgetter

from prober.slo.budget import Counts, Number
from prober.slo.composite import weighted
from prober.slo.contract import NoData
from prober.slo.region import Mode, RegionRule
from prober.slo.window import Calendar, Span, Window

#: In the order in which they are given.
_fields = attrgetter(*(field.name for field in fields(Counts)))


def pooled(regions: Mapping[str, Counts]) -> Counts:
    """Every run of every region, summed before anything is divided."""
    # A status of a fleet asks this thousands of times: one sum a field, not one object a region.
    return Counts(*map(sum, zip(*map(_fields, regions.values()), strict=True)))


def occurrences(regions: Mapping[str, Counts], rule: RegionRule) -> Counts:
    """The runs of all regions; weighted, as many of them are good as the weighed shares say.

    >>> half = {"A": Fraction(1, 2), "B": Fraction(1, 4), "C": Fraction(1, 4)}
    >>> rule = RegionRule(mode=Mode.WEIGHTED, weights=half)
    >>> occurrences({"A": Counts(good=3, bad=1), "B": Counts(bad=1)}, rule).good
    Fraction(5, 2)
    """
    every = pooled(regions)
    if rule.mode is not Mode.WEIGHTED:
        return every
    share = _weighed({name: counts for name, counts in regions.items() if counts.valid}, rule)
    valid = 0 if share is None else every.valid
    good = (share or 0) * valid
    return Counts(good, valid - good, every.invalid, every.due, every.excluded)


def bad_of(seen: Mapping[str, Mapping[int, Counts]], rule: RegionRule) -> dict[int, Number]:
    """How many runs of each slice are bad, those with none left out: see `occurrences`.

    Args:
        seen: by region and number of the slice.
        rule: how regions are put together.

    >>> bad_of({"A": {0: Counts(bad=1)}, "B": {0: Counts(bad=2), 1: Counts(good=1)}}, RegionRule())
    {0: 3}
    """
    bad: defaultdict[int, Number] = defaultdict(int)
    if rule.mode is Mode.WEIGHTED:
        for number in {number for slices in seen.values() for number in slices}:
            held = {region: slices[number] for region, slices in seen.items() if number in slices}
            bad[number] = occurrences(held, rule).bad
    else:
        for slices in seen.values():
            for number, counts in slices.items():
                bad[number] += counts.bad
    return {number: failures for number, failures in bad.items() if failures}


def timeslices(
    number: int,
    seen: Mapping[str, Mapping[int, Counts]],
    rule: RegionRule,
    no_data: NoData = NoData.EXCLUDE,
    lost: Collection[int] = (),
) -> Counts:
    """Slices of time as counts: a good slice is one good, and by some rules a part of one.

    Args:
        number: of slices.
        seen: by region and number of the slice: its runs.
        rule: how regions are put together.
        no_data: what a slice is in which too few regions gave a verdict,
        lost: unless an exclusion took from it what it had: such a one is left out.

    >>> seen = {"A": {0: Counts(good=1), 1: Counts(bad=1)}, "B": {0: Counts(bad=1)}}
    >>> timeslices(3, seen, RegionRule(mode=Mode.ANY))
    Counts(good=1, bad=1, invalid=0, due=0, excluded=0, no_data_slices=1)
    """
    known = shares(seen, rule)
    silent = number - len(known) - len(set(lost) - known.keys())
    good = sum(known.values()) + silent * (no_data is NoData.GOOD)
    bad = sum(1 - share for share in known.values()) + silent * (no_data is NoData.BAD)
    return Counts(good, bad, no_data_slices=silent)


def shares(seen: Mapping[str, Mapping[int, Counts]], rule: RegionRule) -> dict[int, Number]:
    """How much of each slice is good; those in which too few regions gave a verdict left out."""
    by_slice: defaultdict[int, dict[str, Counts]] = defaultdict(dict)
    for region, slices in seen.items():
        for number, counts in slices.items():
            if counts.valid:
                by_slice[number][region] = counts
    judged = {number: _share(regions, rule) for number, regions in by_slice.items()}
    return {number: share for number, share in judged.items() if share is not None}


def whole(window: Window, as_of_ms: int, slice_ms: int, from_ms: int | None = None) -> Span:
    """The part of a window that is judged: its slices that have ended.

    Slices begin with a calendar window; those of a rolling one at multiples of their length
    since 1970, so that it holds as many of them at every moment.

    Args:
        window: whose.
        as_of_ms: the moment of judgement.
        slice_ms: length of a slice.
        from_ms: what lies before it is none of ours.
    """
    anchor_ms = window.period(as_of_ms).start_ms if isinstance(window, Calendar) else 0
    end_ms = as_of_ms - (as_of_ms - anchor_ms) % slice_ms
    start_ms, _ = window.span(end_ms)
    start_ms = max(start_ms, start_ms if from_ms is None else from_ms)
    start_ms += (anchor_ms - start_ms) % slice_ms
    return Span(min(start_ms, end_ms), end_ms)


def inside(part: Span, whole: Span, slice_ms: int) -> range:
    """Numbers of the slices of a span that lie in a part of it.

    >>> inside(Span(5, 30), Span(0, 100), slice_ms=10)
    range(1, 3)
    """
    part = part.within(whole)
    first = -((whole.start_ms - part.start_ms) // slice_ms)
    return range(first, max(first, (part.end_ms - whole.start_ms) // slice_ms))


def edges(part: Span, whole: Span, slice_ms: int) -> Iterator[tuple[int, Span]]:
    """Slices of a span of which a part holds something but not all: number, and what it holds.

    >>> list(edges(Span(5, 30), Span(0, 100), slice_ms=10))
    [(0, Span(start_ms=5, end_ms=10))]
    """
    part = part.within(whole)
    if part.length_ms <= 0:
        return
    last = (part.end_ms - 1 - whole.start_ms) // slice_ms
    for number in sorted({(part.start_ms - whole.start_ms) // slice_ms, last}):
        start_ms = whole.start_ms + number * slice_ms
        held = part.within(Span(start_ms, start_ms + slice_ms))
        if held.length_ms < slice_ms:
            yield number, held


def _share(regions: Mapping[str, Counts], rule: RegionRule) -> Number | None:
    """How much of a slice is good; `regions` are those that reported a verdict."""
    if len(regions) < rule.min_reporting:
        return None
    good = sum(not counts.bad for counts in regions.values())
    match rule.mode:
        case Mode.POOLED:
            return pooled(regions).compliance
        case Mode.WEIGHTED:
            return _weighed(regions, rule)
        case Mode.ANY:
            return int(good > 0)
        case Mode.ALL:
            return int(good == len(regions))
        case Mode.MAJORITY:
            return int(2 * good > len(regions))
    return int(good >= rule.quorum)


def _weighed(regions: Mapping[str, Counts], rule: RegionRule) -> Fraction | None:
    """The share of good runs in regions with verdicts, each by its weight; None: none weighs."""
    return weighted(
        (rule.weights.get(name, Fraction(0)), Fraction(counts.good) / counts.valid)
        for name, counts in regions.items()
    )
