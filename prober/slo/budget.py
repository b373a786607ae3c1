"""Error budgets: the judgement of one objective over one window, in exact fractions.

Source of every formula: Google SRE Workbook, ch. 2 and 5. No floats: with them 1 bad run of
1000 at 99.9 % spends 0.9999999999999991 of the budget, and a deployment passes that must not.

99.9 % of a window with one run a minute for 30 days leaves 43.2 bad runs, or minutes:

>>> judgement = judge(Fraction("0.999"), Counts(good=43_157, bad=43, due=43_200))
>>> judgement.budget, judgement.consumed, judgement.state
(Fraction(216, 5), Fraction(215, 216), <State.CRITICAL: 'CRITICAL'>)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from prober.slo.state import SEED_5_BANDS, Bands, State, state_of

#: Weights and slices divide: then a count is a fraction of them.
Number = int | Fraction


@dataclass(frozen=True, slots=True)
class Counts:
    """What happened in a window; regions and parts of it may be added up.

    Raises:
        ValueError: a count is negative: counters went backwards, no number made of it is true.
    """

    good: Number = 0
    bad: Number = 0
    #: Inconclusive runs: they say nothing about the target.
    invalid: int = 0
    #: Slots that were due.
    due: int = 0
    #: Completed runs that approved exclusions hold.
    excluded: int = 0
    #: Slices of time that nobody can say anything about.
    no_data_slices: int = 0

    def __post_init__(self) -> None:
        if min(self.good, self.bad, self.invalid, self.due) < 0:
            raise ValueError(f"a count is negative, which nothing can be: {self}")

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.good + other.good,
            self.bad + other.bad,
            self.invalid + other.invalid,
            self.due + other.due,
            self.excluded + other.excluded,
            self.no_data_slices + other.no_data_slices,
        )

    @property
    def valid(self) -> Number:
        """Runs that say something about the target."""
        return self.good + self.bad

    @property
    def completed(self) -> Number:
        """Runs that ended, whatever they said."""
        return self.valid + self.invalid

    @property
    def compliance(self) -> Fraction | None:
        """Good over valid."""
        return _ratio(self.good, self.valid)

    @property
    def coverage(self) -> Fraction | None:
        """Completed runs over due slots."""
        return _ratio(self.completed, self.due)

    @property
    def validity(self) -> Fraction | None:
        """Valid over completed runs."""
        return _ratio(self.valid, self.completed)


class Doubt(StrEnum):
    """Why a state is UNKNOWN."""

    NO_DATA = "no_data"
    ALL_EXCLUDED = "all_excluded"
    ALL_INVALID = "all_invalid"
    INSUFFICIENT_RUNS = "insufficient_runs"
    LOW_COVERAGE = "low_coverage"
    STALE = "stale"  #: the newest verdict is too old to say how things stand
    SOURCE = "source"  #: counts cannot be had


class Basis(StrEnum):
    """Which runs a budget is a share of."""

    OBSERVED = "observed"  #: the valid runs there were: for full windows
    PLANNED = "planned"  #: all that the schedule plans: for windows that are filling up


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """How an objective stands in a window. None: undefined."""

    target: Fraction
    #: What is judged: runs, or slices of time.
    counts: Counts
    #: The runs that the counts are made of; the counts themselves where runs are judged.
    runs: Counts
    #: How many there will be when the window is full; None: no schedule says so.
    planned: int | None
    basis: Basis
    #: Runs that may be bad.
    budget: Fraction | None
    #: Share of the budget that is spent: above 1 when overspent; None also when a budget of
    #: 0 (target 100 %) is overspent, which no number says.
    consumed: Fraction | None
    state: State
    #: Why the state is UNKNOWN, else None.
    reason: Doubt | None

    @property
    def compliance(self) -> Fraction | None:
        """Good over valid."""
        return self.counts.compliance

    @property
    def met(self) -> bool | None:
        """Whether compliance reaches the target. Met and EXHAUSTED can both be true."""
        return None if self.compliance is None else self.compliance >= self.target

    @property
    def remaining(self) -> Fraction | None:
        """1 − consumed: below 0 when overspent."""
        return None if self.consumed is None else 1 - self.consumed

    @property
    def left(self) -> Fraction | None:
        """How many more runs, or slices, may be bad; below 0 when overspent."""
        return None if self.budget is None else self.budget - self.counts.bad

    @property
    def coverage(self) -> Fraction | None:
        """Completed runs over due slots."""
        return self.runs.coverage

    @property
    def validity(self) -> Fraction | None:
        """Valid over completed runs."""
        return self.runs.validity


def judge(
    target: Fraction,
    counts: Counts,
    min_runs: int = 1,
    min_coverage: Fraction = Fraction(0),
    planned: int | None = None,
    basis: Basis = Basis.OBSERVED,
    *,
    runs: Counts | None = None,
    stale: bool = False,
    bands: Bands = SEED_5_BANDS,
) -> Judgement:
    """How an objective stands.

    Args:
        target: share of valid runs that should be good, 0 to 1.
        counts: what happened in the window.
        min_runs: with fewer valid runs the state is UNKNOWN,
        min_coverage: and so it is below this coverage,
        planned: unless more are bad than all slots of the window, due or not yet, allow.
        basis: what the budget is a share of.
        runs: what the counts are made of, where they are something else than runs.
        stale: whether the newest verdict is too old, which makes the state UNKNOWN as well.
        bands: which state which consumed share is.
    """
    budget = _budget(target, counts, planned, basis)
    consumed = _consumed(counts, budget)
    proven = _proven(target, counts, planned)
    reason = None if proven else _doubt(counts, runs or counts, min_runs, min_coverage, stale)
    return Judgement(
        target=target,
        counts=counts,
        runs=runs or counts,
        planned=planned,
        basis=basis,
        budget=budget,
        consumed=consumed,
        state=State.UNKNOWN if reason else _state(consumed, bands),
        reason=reason,
    )


def unknown(target: Fraction) -> Judgement:
    """How an objective stands whose counts cannot be had: nobody knows.

    >>> unknown(Fraction("0.999")).state
    <State.UNKNOWN: 'UNKNOWN'>
    """
    return Judgement(
        target=target,
        counts=Counts(),
        runs=Counts(),
        planned=None,
        basis=Basis.OBSERVED,
        budget=None,
        consumed=None,
        state=State.UNKNOWN,
        reason=Doubt.SOURCE,
    )


def _budget(target: Fraction, counts: Counts, planned: int | None, basis: Basis) -> Fraction | None:
    """A plan is known before anything has run; of what was observed there is no share yet."""
    if basis is Basis.OBSERVED:
        return (1 - target) * counts.valid if counts.valid else None
    if planned is None:
        raise ValueError("a planned budget needs the number of planned runs")
    return (1 - target) * planned


def _proven(target: Fraction, counts: Counts, planned: int | None) -> bool:
    """Whether the target is missed however all slots of the window still end."""
    return bool(counts.bad) and planned is not None and counts.bad >= (1 - target) * planned


def _consumed(counts: Counts, budget: Fraction | None) -> Fraction | None:
    if budget is None:
        return None
    if not counts.bad:
        return Fraction(0)
    return counts.bad / budget if budget else None


def _state(consumed: Fraction | None, bands: Bands) -> State:
    """Beyond doubt, a share that no number says is a budget of 0 overspent."""
    return State.EXHAUSTED if consumed is None else state_of(consumed, bands)


def _doubt(
    counts: Counts, runs: Counts, min_runs: int, min_coverage: Fraction, stale: bool
) -> Doubt | None:
    """The first that applies. Slices that are good by rule alone say nothing without a verdict."""
    if not runs.completed:
        return Doubt.ALL_EXCLUDED if runs.excluded else Doubt.NO_DATA
    if not runs.valid:
        return Doubt.ALL_INVALID
    if not counts.valid:
        return Doubt.NO_DATA
    if counts.valid < min_runs:
        return Doubt.INSUFFICIENT_RUNS
    if runs.coverage is not None and runs.coverage < min_coverage:
        return Doubt.LOW_COVERAGE
    return Doubt.STALE if stale else None


def _ratio(part: Number, whole: Number) -> Fraction | None:
    return Fraction(part, whole) if whole else None
