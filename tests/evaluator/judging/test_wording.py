"""What people read: it names the figure, and cuts where it would flatter."""

from __future__ import annotations

import doctest
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from prober.evaluator.judging import wording
from prober.evaluator.judging.result import Evaluation, Result
from prober.evaluator.judging.wording import few, headline, length, outlook, paging, summary, why
from prober.slo import format
from prober.slo.alert import PAGE, TICKET, Reading, Standing
from prober.slo.budget import Counts, judge, unknown
from prober.slo.contract import AlertRule, Budgeting, Contract
from prober.slo.projection import Aged, project_rolling
from prober.slo.window import Calendar, Rolling, Span, Unit

HOUR_MS = 3_600_000
TARGET = Fraction(9, 10)


@pytest.fixture
def contract(contract_text: Callable[..., str]) -> Contract:
    return format.parse(contract_text(min_runs=10, min_coverage="90%"), "checkout.slo.yaml")


@pytest.fixture
def result(contract: Contract) -> Callable[..., Result]:
    """`result(counts, …)`: how the objective stands, by those counts."""

    def judged(counts: Counts, runs: Counts | None = None, **fields: Any) -> Result:
        stale = fields.get("staleness_ms") is not None
        judgement = judge(TARGET, counts, 10, TARGET, runs=runs, stale=stale)
        return Result(
            objective=contract.objectives[0],
            window=contract.windows[0],
            span=Span(0, HOUR_MS),
            period=Span(0, HOUR_MS),
            judgement=judgement,
            raw=judgement,
            **fields,
        )

    return judged


@pytest.fixture
def evaluation(contract: Contract, result: Callable[..., Result]) -> Callable[..., Evaluation]:
    """`evaluation(name, counts, …)`: a contract whose results have those counts."""

    def judged(name: str, *counts: Counts) -> Evaluation:
        return Evaluation(
            contract=replace(contract, name=name),
            as_of_ms=0,
            known_ms=None,
            exclusions=(),
            results=tuple(map(result, counts)),
        )

    return judged


FULL, CAUTION = Counts(good=100), Counts(good=195, bad=5)
SPENT, UNKNOWN = Counts(good=80, bad=20), Counts()


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(wording).failed == 0


def test_the_summary_names_the_most_urgent_first(evaluation: Callable[..., Evaluation]) -> None:
    spent, full = evaluation("checkout-completion", SPENT), evaluation("login", FULL)
    assert summary([full]) == "All budgets are FULL"
    assert summary([full, spent, full]) == "1 of 3 SLOs is EXHAUSTED: checkout-completion"
    assert summary([full, evaluation("api", UNKNOWN), spent]) == (
        "1 of 3 SLOs is EXHAUSTED: checkout-completion; 1 is UNKNOWN: api"
    )
    assert summary([]) == "There are no SLOs"


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        pytest.param([FULL], "FEATURES: login availability has 100% of its", id="full"),
        pytest.param([FULL, CAUTION], "FEATURES: login availability has 75% of its", id="tightest"),
        pytest.param([FULL, SPENT], "RELIABILITY: login availability has -100% of its", id="spent"),
        pytest.param(
            [CAUTION, UNKNOWN],
            "RELIABILITY: login availability is UNKNOWN over 1h",
            id="nobody knows",
        ),
    ],
)
def test_the_headline_says_what_to_work_on_and_why(
    counts: list[Counts], said: str, evaluation: Callable[..., Evaluation]
) -> None:
    assert headline([evaluation("login", *counts)]).startswith(said)


def test_without_an_slo_nothing_speaks_for_features() -> None:
    assert headline([]).startswith("RELIABILITY: ")


@pytest.mark.parametrize(
    ("severity", "standing", "said"),
    [
        (PAGE, Standing.FIRING, "Alerts page right now: login availability"),
        (PAGE, Standing.PENDING, ""),
        (TICKET, Standing.FIRING, ""),
    ],
)
def test_a_full_budget_does_not_hide_that_somebody_is_paged(
    severity: str,
    standing: Standing,
    said: str,
    result: Callable[..., Result],
    evaluation: Callable[..., Evaluation],
) -> None:
    rule = AlertRule(
        name="fast", severity=severity, burn=Fraction(14), long_ms=HOUR_MS, short_ms=HOUR_MS // 12
    )
    reading = Reading(rule, standing, Fraction(20), Fraction(20), {"eu-west-1": 5})
    judged = replace(evaluation("login"), results=(result(FULL, alerts=(reading, reading)),))
    assert summary([judged]) == "All budgets are FULL"
    assert paging([judged, evaluation("api", FULL)]) == said


@pytest.mark.parametrize(
    ("counts", "runs", "fields", "words"),
    [
        pytest.param(FULL, None, {}, "", id="judged"),
        pytest.param(Counts(), None, {}, "no run yet", id="nothing"),
        pytest.param(
            Counts(), Counts(good=9), {}, "too few regions gave a verdict", id="few regions"
        ),
        pytest.param(
            Counts(excluded=7), None, {}, "exclusions hold all of its 7 runs", id="all excluded"
        ),
        pytest.param(
            Counts(invalid=3), None, {}, "none of 3 runs gave a verdict", id="all inconclusive"
        ),
        pytest.param(Counts(good=3), None, {}, "3 of the 10 runs it takes", id="few runs"),
        pytest.param(
            Counts(good=10, due=200), None, {}, "coverage 5%, it takes 90%", id="little coverage"
        ),
        pytest.param(
            FULL, None, {"staleness_ms": 7_300_000}, "no verdict for 2h", id="no verdict lately"
        ),
    ],
)
def test_why_there_is_no_judgement_is_told_in_figures(
    counts: Counts,
    runs: Counts | None,
    fields: dict[str, Any],
    words: str,
    result: Callable[..., Result],
    contract: Contract,
) -> None:
    assert why(result(counts, runs, **fields), contract) == words


def test_slices_are_called_slices(result: Callable[..., Result], contract: Contract) -> None:
    sliced = replace(contract, budgeting=Budgeting(slice_ms=300_000))
    found = result(Counts(good=Fraction(7, 2)), Counts(good=100))
    assert why(found, sliced) == "3.5 of the 10 slices it takes"


def test_what_a_source_says_is_passed_on(result: Callable[..., Result], contract: Contract) -> None:
    nothing = unknown(TARGET)
    down = replace(result(FULL), judgement=nothing, raw=nothing, note="the backend is down")
    assert why(down, contract) == "the backend is down"


@pytest.mark.parametrize(
    ("failures", "rate", "words"),
    [
        pytest.param(12, 0, "is spent until 1970-01-01T02:50:00Z", id="it recovers"),
        pytest.param(5, 1, "is spent by 1970-01-01T01:05:00Z", id="it will be spent"),
        pytest.param(5, 0, "lasts, at the recent rate", id="it lasts"),
    ],
)
def test_what_becomes_of_a_budget_is_told_with_its_moment(
    failures: int, rate: int, words: str, result: Callable[..., Result]
) -> None:
    """Ten failures in two hours are the budget; these came ten minutes before one o'clock."""
    projection = project_rolling(
        2 * HOUR_MS, Fraction(10), [Aged(600_000, failures)], Fraction(rate, 60_000)
    )
    assert outlook(result(FULL, projection=projection), HOUR_MS).startswith(words)


def test_without_a_projection_nothing_is_foretold(result: Callable[..., Result]) -> None:
    assert outlook(result(FULL), 0) == ""


@pytest.mark.parametrize(
    ("window", "said"),
    [
        (Rolling("rolling", 30 * 24 * HOUR_MS), "30d"),
        (Calendar("q", Unit.QUARTER, "America/New_York"), "this quarter in America/New_York"),
    ],
)
def test_a_window_is_called_by_its_length(window: Rolling | Calendar, said: str) -> None:
    assert length(window) == said


@pytest.mark.parametrize(
    ("number", "said"),
    [(3, "3"), (Fraction(9, 4), "2.2"), (Fraction(1, 100), "under 0.1"), (0, "0")],
)
def test_a_little_is_not_nothing(number: int | Fraction, said: str) -> None:
    assert few(number) == said
