"""What an incident cost the business, by a contract's own figures, and how grave it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from fractions import Fraction
from typing import Final

from prober.slo.budget import Counts
from prober.slo.contract import Impact
from prober.slo.window import Span
from prober.units import HOUR_MS, decimal, percent

#: One incident that consumes more than this gets a postmortem, whatever the contract says.
POSTMORTEM: Final = Fraction(1, 5)


class Severity(StrEnum):
    """How grave an incident is, by how long a full budget would last at its rate."""

    SEV1 = "sev1"  #: not ten hours
    SEV2 = "sev2"  #: not fifty hours, which pages
    SEV3 = "sev3"  #: not five days
    SEV4 = "sev4"  #: longer


#: Share of the budget burned an hour, from which on a severity holds.
_SEVERITIES: Final = (
    (Fraction(1, 10), Severity.SEV1),
    (Fraction(1, 50), Severity.SEV2),
    (Fraction(1, 120), Severity.SEV3),
    (Fraction(0), Severity.SEV4),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """An incident as alerts see it: runs failed, and the budget bore it."""

    #: From the first bad run's slot until users met it no more.
    span: Span
    #: Runs in it.
    counts: Counts
    #: Share of the budget that its bad runs consumed.
    consumed: Fraction

    @property
    def severity(self) -> Severity:
        """By the budget burned an hour; what took less than an hour counts as one."""
        an_hour = self.consumed * HOUR_MS / max(HOUR_MS, self.span.length_ms)
        return severity_of(an_hour)

    @property
    def needs_postmortem(self) -> bool:
        """Whether it alone consumed more than a fifth of the budget."""
        return self.consumed > POSTMORTEM


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What an incident cost. None: the contract has no figures for it."""

    #: Journeys that users began and that failed.
    users: Fraction | None
    amount: Fraction | None
    currency: str
    #: How it was reckoned, in words.
    basis: str


def severity_of(share_an_hour: Fraction) -> Severity:
    """The severity of burning a share of the budget each hour.

    >>> severity_of(Fraction(2, 100))
    <Severity.SEV2: 'sev2'>
    """
    return next(severity for edge, severity in _SEVERITIES if share_an_hour >= edge)


def by_burn(consumed: Fraction, per_percent: Fraction) -> Fraction:
    """Money lost with a share of the budget.

    >>> by_burn(Fraction(20, 100), per_percent=Fraction(45_000))
    Fraction(900000, 1)
    """
    return consumed * 100 * per_percent


def users_hit(failed: Fraction, journeys_per_hour: Fraction, span_ms: int | Fraction) -> Fraction:
    """Users whose journey failed, given the share of runs that did.

    >>> users_hit(Fraction("0.8"), journeys_per_hour=Fraction(4000), span_ms=3_600_000)
    Fraction(3200, 1)
    """
    return failed * journeys_per_hour * span_ms / HOUR_MS


def loss(impact: Impact | None, episode: Episode) -> Loss:
    """What an incident cost: by the journeys that failed, else by the budget that burned."""
    figures = impact or Impact()
    counts, users, basis = episode.counts, None, []
    amount = None
    if figures.journeys_per_hour is not None and counts.valid:
        failed = Fraction(counts.bad) / counts.valid
        users = users_hit(failed, figures.journeys_per_hour, episode.span.length_ms)
        basis = [
            f"{counts.bad} of {counts.valid} runs failed",
            f"{number(figures.journeys_per_hour)} journeys an hour",
        ]
    if users is not None and figures.value_per_journey is not None:
        amount = users * figures.value_per_journey
        basis.append(f"{number(figures.value_per_journey)} {figures.currency} a journey")
    elif figures.per_percent_of_burn is not None:
        amount = by_burn(episode.consumed, figures.per_percent_of_burn)
        a_percent = f"{number(figures.per_percent_of_burn)} {figures.currency} a percent"
        basis.append(f"{percent(episode.consumed)} of the budget burned at {a_percent}")
    return Loss(users=users, amount=amount, currency=figures.currency, basis=", ".join(basis))


def sentence(journey: str, impact: Impact | None, episode: Episode) -> str:
    """What an incident did to users and the business, over which time, and how that is known.

    It reads `From 2026-06-29 14:00 to 15:00 UTC checkout failed for about 3,200 users, which
    cost about 180,000 USD (48 of 60 runs failed, 4,000 journeys an hour, 56.25 USD a journey).`
    """
    cost = loss(impact, episode)
    counts = episode.counts
    whom = f"for about {number(cost.users, 0)} users" if cost.users is not None else "for users"
    money = ""
    if cost.amount is not None:
        money = f", which cost about {number(cost.amount, 0)} {cost.currency}"
    basis = cost.basis or f"{counts.bad} of {counts.valid} runs failed"
    return f"{interval(episode.span)} {journey} failed {whom}{money} ({basis})."


def interval(span: Span) -> str:
    """A span for people, to the minute, in UTC.

    >>> interval(Span(1_782_741_600_000, 1_782_745_200_000))
    'From 2026-06-29 14:00 to 15:00 UTC'
    """
    start, end = (datetime.fromtimestamp(ms // 1000, UTC) for ms in span)
    day = "" if start.date() == end.date() else f"{end:%Y-%m-%d} "
    return f"From {start:%Y-%m-%d %H:%M} to {day}{end:%H:%M} UTC"


def number(value: Fraction, places: int = 2) -> str:
    """A number of 0 or more for people, cut towards zero.

    >>> number(Fraction("56.25")), number(Fraction(10_000, 3), places=0)
    ('56.25', '3,333')
    """
    whole, _, rest = decimal(value, places).partition(".")
    return f"{int(whole):,}" + (f".{rest}" if rest else "")
