"""What incidents cost: by the articles' own examples, with the basis beside the money."""

from __future__ import annotations

import doctest
import time
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.slo import impact
from prober.slo.budget import Counts
from prober.slo.contract import Impact
from prober.slo.impact import Episode, Severity, interval, loss, sentence, severity_of
from prober.slo.window import Span

HOUR_MS = 3_600_000
TWO_PM_MS = 1_782_741_600_000
HOUR = Span(TWO_PM_MS, TWO_PM_MS + HOUR_MS)
#: 48 of 60 runs failed between 14:00 and 15:00.
INCIDENT = Episode(span=HOUR, counts=Counts(good=12, bad=48), consumed=Fraction(2, 9))
BY_JOURNEY = Impact(journeys_per_hour=Fraction(4000), value_per_journey=Fraction("56.25"))
BY_BURN = Impact(per_percent_of_burn=Fraction(45_000), currency="EUR")


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(impact).failed == 0


def test_failed_journeys_are_users_and_money() -> None:
    cost = loss(BY_JOURNEY, INCIDENT)
    assert (cost.users, cost.amount) == (3200, 180_000)


def test_burned_budget_is_money_where_journeys_have_no_value() -> None:
    cost = loss(BY_BURN, replace(INCIDENT, consumed=Fraction(1, 5)))
    assert (cost.users, cost.amount, cost.currency) == (None, 900_000, "EUR")
    both = loss(replace(BY_BURN, journeys_per_hour=Fraction(4000)), INCIDENT)
    assert (both.users, both.amount) == (3200, 1_000_000)


def test_without_figures_nothing_is_made_up() -> None:
    cost = loss(None, INCIDENT)
    assert (cost.users, cost.amount, cost.basis) == (None, None, "")
    assert loss(BY_JOURNEY, replace(INCIDENT, counts=Counts())).users is None


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        pytest.param(
            BY_JOURNEY,
            "From 2026-06-29 14:00 to 15:00 UTC checkout failed for about 3,200 users, which cost "
            "about 180,000 USD (48 of 60 runs failed, 4,000 journeys an hour, 56.25 USD a "
            "journey).",
            id="users and money",
        ),
        pytest.param(
            BY_BURN,
            "From 2026-06-29 14:00 to 15:00 UTC checkout failed for users, which cost about "
            "1,000,000 EUR (22.222% of the budget burned at 45,000 EUR a percent).",
            id="money alone",
        ),
        pytest.param(
            None,
            "From 2026-06-29 14:00 to 15:00 UTC checkout failed for users (48 of 60 runs failed).",
            id="neither",
        ),
    ],
)
def test_an_incident_is_told_in_one_sentence(figures: Impact | None, said: str) -> None:
    assert sentence("checkout", figures, INCIDENT) == said


def test_users_and_money_are_whole_and_prices_have_cents() -> None:
    third = replace(INCIDENT, counts=Counts(good=2, bad=1))
    said = sentence("checkout", replace(BY_JOURNEY, value_per_journey=Fraction("0.998")), third)
    assert "about 1,333 users, which cost about 1,330 USD (" in said
    assert "0.99 USD a journey" in said


def test_an_interval_over_midnight_names_both_days() -> None:
    night = Span(TWO_PM_MS, TWO_PM_MS + 12 * HOUR_MS)
    assert interval(night) == "From 2026-06-29 14:00 to 2026-06-30 02:00 UTC"


def test_an_interval_is_told_in_utc_wherever_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        assert interval(HOUR) == "From 2026-06-29 14:00 to 15:00 UTC"
    time.tzset()


@pytest.mark.parametrize(
    ("percent_an_hour", "severity"),
    [
        (Fraction(139), Severity.SEV1),  # a total outage at 99.9 %
        (Fraction(10), Severity.SEV1),
        (Fraction("9.9"), Severity.SEV2),
        (Fraction(2), Severity.SEV2),  # what pages: 14.4 times too fast
        (Fraction("1.99"), Severity.SEV3),
        (Fraction(5, 6), Severity.SEV3),
        (Fraction("0.83"), Severity.SEV4),
        (Fraction(0), Severity.SEV4),
    ],
)
def test_severity_is_budget_burned_an_hour(percent_an_hour: Fraction, severity: Severity) -> None:
    assert severity_of(percent_an_hour / 100) is severity


def test_what_is_over_in_minutes_is_no_graver_than_what_it_burned() -> None:
    minute = Episode(
        span=Span(0, 60_000), counts=Counts(bad=1), consumed=Fraction(231, 10_000)
    )  # fmt: skip
    assert minute.severity is Severity.SEV2
    assert replace(minute, span=Span(0, 10 * HOUR_MS)).severity is Severity.SEV4


def test_more_than_a_fifth_of_the_budget_takes_a_postmortem() -> None:
    assert not replace(INCIDENT, consumed=Fraction(1, 5)).needs_postmortem
    assert replace(INCIDENT, consumed=Fraction(201, 1000)).needs_postmortem


@given(st.integers(0, 100), st.integers(1, 100))
def test_no_more_users_fail_than_begin(bad: int, good: int) -> None:
    users = loss(BY_JOURNEY, replace(INCIDENT, counts=Counts(good=good, bad=bad))).users
    assert users is not None
    assert 0 <= users <= 4000
