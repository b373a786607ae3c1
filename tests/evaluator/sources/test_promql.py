"""The same judgement from a journal and from the counters of real backends."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prober.errors import SourceUnavailable
from prober.evaluator.board import FRESH_AFAR_MS, Board
from prober.evaluator.judging.evaluate import evaluate
from prober.evaluator.judging.result import Evaluation
from prober.evaluator.sources.journal import JournalSource
from prober.evaluator.sources.promql import PromSource
from prober.evaluator.sources.source import Measure
from prober.journal.tally import rules_of
from prober.journal.view import View
from prober.model import Cause, Outcome
from prober.slo.contract import Contract, Retry
from prober.slo.format import parse
from prober.slo.state import State
from prober.slo.window import Span
from tests.conftest import Server, Victoria, require_backends, unused_port
from tests.evaluator.fleet import (
    EVERY_MS,
    EXPORT_MS,
    HOUR_MS,
    MINUTE_MS,
    SECOND_MS,
    Fleet,
    Prometheus,
)

#: 20:00 UTC, so that a history holds a midnight.
BEGIN_MS = 1_772_395_200_000
#: So long after a whole period there is no run that was not exported, nor is it an export.
CLEAN_MS = 21 * SECOND_MS
SITES = ("ap-south-1", "eu-west-1", "us-east-1")
CONTRACT = """
apiVersion: prober/v1
kind: SLO
metadata: {name: checkout}
spec:
  description: Customers get their order
  journey: checkout
  owners: {product: pm, sre: sre}
  rationale: complaints start below
  objectives:
    - {name: availability, sli: success, target: "95%"}
    - {name: speed, sli: {latency: {threshold: 5s}}, target: "90%"}
    - {name: total, sli: {assertion: order-total}, target: "97%"}
  windows:
    - {name: short, duration: 2h}
    - {name: rolling, duration: 4h}
    - {name: filling, duration: 30d}
    - {name: day, calendar: {unit: day, time_zone: UTC}}
  data: {min_runs: 10, min_coverage: "50%"}
"""
SLICED = CONTRACT.replace(
    "  windows:", "  budgeting: {timeslices: {slice: 10m, rule: {quorum: 2}}}\n  windows:"
).replace("name: checkout}", "name: sliced}")


def contract(text: str = CONTRACT) -> Contract:
    return parse(text, "checkout.slo.yaml")


RULES = tuple(rules_of([contract(), contract(SLICED)]))


def story(region: str, slot_ms: int) -> dict[str, Any] | None:
    """What becomes of a slot: drawn, always the same."""
    dice = random.Random(f"{region} {slot_ms}")
    fields: dict[str, Any] = {"duration_us": dice.randrange(1_000_000, 9_000_000)}
    drawn = dice.random()
    if drawn < 0.03:
        return None
    if drawn < 0.08:
        return fields | {"outcome": Outcome.INCONCLUSIVE, "cause": Cause.BROWSER}
    if drawn < 0.14:
        servers = {"5xx": 1} if dice.random() < 0.5 else {"2xx": 3}
        return fields | {"outcome": Outcome.FAILED, "responses": servers}
    return fields | {"held": {"order-total": dice.random() < 0.98}}


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Fleet, Victoria]]:
    """Restarts, an agent that was down for half an hour, and a backend that was as long."""
    require_backends()
    directory = tmp_path_factory.mktemp("fleet")
    victoria = Victoria(directory, "-opentelemetry.usePrometheusNaming")
    fleet = Fleet(directory, RULES, BEGIN_MS + CLEAN_MS, *SITES)
    fleet.start()
    fleet.deliver(victoria)
    fleet.live(HOUR_MS, story)
    fleet.deliver(victoria)
    fleet.stop("eu-west-1")  # an upgrade
    fleet.start("eu-west-1")
    fleet.live(HOUR_MS, story)
    fleet.deliver(victoria)
    fleet.stop("us-east-1")
    fleet.live(30 * MINUTE_MS, story)
    fleet.start("us-east-1")
    fleet.live(HOUR_MS, story)
    fleet.deliver(victoria)
    victoria.stop()
    fleet.live(15 * MINUTE_MS, story)
    fleet.deliver(victoria, within_s=0.2)
    fleet.stop("ap-south-1")
    fleet.start("ap-south-1")
    fleet.live(15 * MINUTE_MS, story)
    victoria.start()
    fleet.live(2 * HOUR_MS, story)
    fleet.deliver(victoria)
    victoria.http.get("/internal/force_flush").raise_for_status()
    yield fleet, victoria
    fleet.close()
    victoria.close()


@pytest.fixture(scope="module")
def prometheus(
    history: tuple[Fleet, Victoria], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    fleet, _ = history
    pages = [page for site in fleet.sites.values() for page in site.pages]
    server = Prometheus(tmp_path_factory.mktemp("prometheus"), pages)
    yield server
    server.close()


@pytest.fixture(params=["VictoriaMetrics", "Prometheus"])
def backend(request: pytest.FixtureRequest, history: tuple[Fleet, Victoria]) -> Server:
    if request.param == "Prometheus":
        found: Server = request.getfixturevalue("prometheus")
        return found
    return history[1]


@pytest.fixture
def source(backend: Server, history: tuple[Fleet, Victoria]) -> Iterator[PromSource]:
    fleet, _ = history
    found = PromSource.connect(backend.url, RULES, {})
    found.counters.clock = lambda: fleet.now_ms
    yield found
    found.close()


@pytest.fixture
def journal(history: tuple[Fleet, Victoria]) -> Iterator[JournalSource]:
    view = View.open(history[0].path)
    yield JournalSource(view)
    view.close()


def fractions(judged: Evaluation) -> list[Any]:
    """Everything exact in an evaluation, and nothing that only records can tell."""
    return [
        (
            result.objective.name,
            result.window.name,
            result.state,
            result.reason,
            result.judgement,
            result.burn_rates,
            [(each.region, each.counts, each.silent) for each in result.regions],
            [reading.fires for reading in result.alerts],
            result.note,
        )
        for result in judged.results
    ]


@pytest.mark.parametrize("text", [CONTRACT, SLICED], ids=["runs", "slices"])
@pytest.mark.parametrize(
    "before_ms",
    [
        pytest.param(0, id="at the end"),
        pytest.param(SECOND_MS, id="on an export"),
        pytest.param(4 * HOUR_MS, id="hours earlier"),
    ],
)
def test_a_contract_is_judged_the_same_from_both(
    text: str,
    before_ms: int,
    source: PromSource,
    journal: JournalSource,
    history: tuple[Fleet, Victoria],
) -> None:
    as_of_ms = history[0].now_ms - before_ms
    mine = evaluate(contract(text), journal, as_of_ms)
    with source.at_one_moment():
        theirs = evaluate(contract(text), source, as_of_ms)
    assert fractions(theirs) == fractions(mine)
    assert {result.state for result in mine.results} > {State.FULL}


def test_what_is_planned_and_since_when_is_the_same(
    source: PromSource, journal: JournalSource, history: tuple[Fleet, Victoria]
) -> None:
    now_ms = history[0].now_ms
    parts = [Span(BEGIN_MS + ms, BEGIN_MS + ms + 20_000) for ms in range(0, HOUR_MS, 20_000)]
    for span in (Span(now_ms - 30 * HOUR_MS, now_ms + HOUR_MS), Span(BEGIN_MS, now_ms), *parts):
        assert source.planned("checkout", span) == journal.planned("checkout", span)
        assert source.slots("checkout", span) == journal.slots("checkout", span)
    assert source.periods("checkout", now_ms) == journal.periods("checkout", now_ms)
    assert source.since("checkout") == journal.since("checkout")


def test_the_newest_verdict_is_that_of_the_journal_and_its_run(
    source: PromSource, journal: JournalSource, history: tuple[Fleet, Victoria]
) -> None:
    for end_ms in range(BEGIN_MS + HOUR_MS, history[0].now_ms, HOUR_MS):
        theirs, mine = source.newest("checkout", end_ms), journal.newest("checkout", end_ms)
        late = {region: (theirs[region] or 0) - (mine[region] or 0) for region in mine}
        assert all(0 <= ms < EXPORT_MS for ms in late.values()), late


def test_no_runs_are_told_and_nothing_about_arrivals(
    source: PromSource, history: tuple[Fleet, Victoria]
) -> None:
    span = Span(BEGIN_MS, history[0].now_ms)
    assert source.recent("checkout", span.end_ms, 5) == dict.fromkeys(SITES, ())
    assert source.bad_runs(Measure(RULES[0]), span) == ()
    source.read_ahead(Measure(RULES[0]), span)
    assert source.failures(Measure(RULES[0]), span) == ()
    assert source.received(Measure(RULES[0]), span, HOUR_MS) is None


@pytest.mark.parametrize(
    ("measure", "reason"),
    [
        pytest.param(Measure(RULES[0], Retry.FINAL), "`retry: final` cannot", id="retry: final"),
        pytest.param(Measure(RULES[0], known_ms=1), "known at a moment cannot", id="known_ms"),
    ],
)
def test_what_counters_cannot_answer_is_refused(
    measure: Measure, reason: str, source: PromSource
) -> None:
    with pytest.raises(SourceUnavailable, match=reason):
        source.counts(measure, Span(BEGIN_MS, BEGIN_MS + HOUR_MS))
    with pytest.raises(SourceUnavailable, match=reason):
        source.slices(measure, Span(BEGIN_MS, BEGIN_MS + HOUR_MS), HOUR_MS)


def test_several_contracts_at_one_moment_ask_little_more_than_one(
    source: PromSource, history: tuple[Fleet, Victoria]
) -> None:
    asked: list[httpx.Request] = []
    source.counters.backend.http.event_hooks = {"request": [asked.append]}
    evaluate(contract(), source, history[0].now_ms)
    alone = len(asked)
    asked.clear()
    with source.at_one_moment():
        for _ in range(5):
            evaluate(contract(), source, history[0].now_ms)
    assert len(asked) < alone
    assert len(asked) < 80


def test_the_board_shows_what_a_backend_says_and_asks_again_after_a_while(
    source: PromSource, journal: JournalSource, history: tuple[Fleet, Victoria]
) -> None:
    now_ms = history[0].now_ms
    board = Board((contract(),), None, clock=lambda: now_ms, source=source)
    status = board.status()
    assert fractions(status.evaluations[0]) == fractions(evaluate(contract(), journal, now_ms))
    now_ms += FRESH_AFAR_MS - 1
    assert board.status() is status
    now_ms += 1
    assert board.status() is not status


def test_a_backend_that_is_down_makes_a_board_unknown_with_the_reason() -> None:
    nobody = f"http://127.0.0.1:{unused_port()}"
    source = PromSource.connect(nobody, RULES, {})
    status = Board((contract(),), None, source=source).status().to_dict()
    source.close()
    for result in status["slos"][0]["results"]:
        assert (result["state"], result["reason"]) == ("UNKNOWN", "source")
        assert f"{nobody} does not answer" in result["why"]


EDGES = st.integers(0, 6 * HOUR_MS)


@pytest.mark.long
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(edges=st.tuples(EDGES, EDGES, EDGES))
def test_adjacent_spans_lose_nothing_and_share_nothing_wherever_their_edges(
    edges: tuple[int, int, int], source: PromSource
) -> None:
    first, middle, last = (BEGIN_MS + edge for edge in sorted(edges))
    for rule in RULES[:3]:
        with source.at_one_moment():
            whole = source.counts(Measure(rule), Span(first, last))
            left = source.counts(Measure(rule), Span(first, middle))
            right = source.counts(Measure(rule), Span(middle, last))
        for region, counts in whole.items():
            parts = left[region] + right[region]
            assert replace(parts, due=counts.due) == counts


# Random histories

NUMBERS = itertools.count()
#: What goes on for some periods: everything; no agent; an agent, and no backend.
PARTS = st.tuples(st.sampled_from(["live", "live", "down", "unheard"]), st.integers(1, 6))
#: Whole periods, and milliseconds from the first clean moment of one to its last.
MOMENTS = st.tuples(st.integers(-3, 40), st.integers(20 * SECOND_MS, 300 * SECOND_MS))


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    parts=st.lists(PARTS, min_size=1, max_size=6),
    moments=st.lists(MOMENTS, min_size=4, max_size=8),
)
def test_random_histories_count_the_same(
    parts: list[tuple[str, int]],
    moments: list[tuple[int, int]],
    history: tuple[Fleet, Victoria],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    victoria, journey = history[1], f"random-{next(NUMBERS)}"
    rules = [rule._replace(slo=journey, journey=journey) for rule in RULES[:3]]
    fleet = Fleet(tmp_path_factory.mktemp("random"), rules, BEGIN_MS + CLEAN_MS, "eu-west-1")
    fleet.start()
    fleet.deliver(victoria)
    down = live(fleet, victoria, parts)
    source = PromSource.connect(victoria.url, rules, {})
    source.counters.clock = lambda: fleet.now_ms
    view = View.open(fleet.path)
    times = sorted(min(BEGIN_MS + n * EVERY_MS + ms, fleet.now_ms) for n, ms in moments)
    with source.at_one_moment():
        for rule, edges in itertools.product(rules, itertools.combinations(times, 2)):
            mine = JournalSource(view).counts(Measure(rule), Span(*edges))["eu-west-1"]
            theirs = source.counts(Measure(rule), Span(*edges))["eu-west-1"]
            if any(part.holds(edge) for part in down for edge in edges):
                assert abs(theirs.due - mine.due) <= 1  # whether one slot has ended yet
                mine = replace(mine, due=theirs.due)
            assert theirs == mine, edges
    view.close()
    source.close()
    fleet.close()


def live(fleet: Fleet, victoria: Victoria, parts: list[tuple[str, int]]) -> list[Span]:
    """Let a history happen, all of which is delivered; when the agent was down."""
    down = []
    for kind, periods in parts:
        begin_ms = fleet.now_ms
        if kind == "down":
            fleet.stop()
        fleet.live(periods * EVERY_MS, story)
        if kind == "down":
            fleet.start()
            down.append(Span(begin_ms - EVERY_MS, fleet.now_ms + EVERY_MS))
        if kind != "unheard":
            fleet.deliver(victoria)
    fleet.deliver(victoria)
    victoria.http.get("/internal/force_flush").raise_for_status()
    return down
