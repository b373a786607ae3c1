"""A journey beside its servers, whose metrics a real backend holds."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from prober.errors import InputError
from prober.evaluator.asides import Asides
from prober.evaluator.board import Board
from prober.evaluator.judging.comparison import Comparing
from prober.evaluator.judging.rates import Rates, servers
from prober.evaluator.sources.backend import connect
from prober.evaluator.sources.journal import JournalSource
from prober.journal.journal import Journal
from prober.journal.view import View
from prober.model import Outcome, Record
from prober.slo.agreement import Accord
from prober.slo.format import parse
from prober.slo.window import Span
from tests.conftest import Victoria, require_backends, wait_until
from tests.evaluator.conftest import Evaluator, build_contract, build_run, build_schedule
from tests.evaluator.crafted import MINUTE_MS, START_MS

HOUR_MS = 60 * MINUTE_MS
STEP_MS = 5 * MINUTE_MS
ERRORS = 'sum(rate(http_requests_total{job="JOB", code=~"5.."}[5m])) or vector(0)'
QUERY = f'({ERRORS}) / sum(rate(http_requests_total{{job="JOB"}}[5m]))'
#: Minutes of two hours.
BOTH, ONLY_USERS, ONLY_SERVER, ABSENT = range(20, 30), range(40, 55), range(70, 75), range(90, 110)


def contract_text(query: str, **changes: str | int) -> str:
    view = f"  server_view: {{query: {json.dumps(query)}, bad_above: '5%'}}\n"
    return build_contract(**{"window": "2h"} | changes) + view


def lived(begin_ms: int) -> list[Record]:
    """A run a minute for two hours; servers knew of some of the failures."""
    found: list[Record] = [build_schedule(MINUTE_MS, from_ms=begin_ms)]
    for minute in range(120):
        slot_ms = begin_ms + minute * MINUTE_MS
        if minute in BOTH:
            found.append(build_run(slot_ms, Outcome.FAILED, responses={"5xx": 1}))
        else:
            failed = minute in ONLY_USERS
            found.append(build_run(slot_ms, Outcome.FAILED if failed else Outcome.PASSED))
    return found


def serve(victoria: Victoria, job: str, begin_ms: int) -> str:
    """Two hours of what servers count of themselves; the query for it."""
    total = failed = 0
    counted: dict[str, list[tuple[int, int]]] = {"200": [], "500": []}
    for minute in range(-5, 131):
        bad = 30 if minute - 1 in {*BOTH, *ONLY_SERVER} else 0
        total, failed = total + 60 - bad, failed + bad
        if minute - 1 not in ABSENT:
            time_ms = begin_ms + minute * MINUTE_MS
            counted["200"].append((time_ms, total))
            counted["500"].append((time_ms, failed))
    for code, points in counted.items():
        labels = {"__name__": "http_requests_total", "job": job, "code": code}
        put(victoria, labels, points)
    return QUERY.replace("JOB", job)


def put(victoria: Victoria, labels: dict[str, str], points: Iterable[tuple[int, float]]) -> None:
    given = list(points)
    line = {
        "metric": labels,
        "values": [value for _, value in given],
        "timestamps": [time_ms for time_ms, _ in given],
    }
    victoria.http.post("/api/v1/import", content=json.dumps(line)).raise_for_status()
    victoria.http.get("/internal/force_flush").raise_for_status()


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victoria]:
    require_backends()
    server = Victoria(tmp_path_factory.mktemp("victoria"))
    yield server
    server.close()


@pytest.fixture
def comparing(journal: Callable[..., Path]) -> Iterator[Callable[..., Comparing]]:
    """`comparing(url, query, …)`: two hours of runs beside what a backend says."""
    with ExitStack() as opened:

        def compare(url: str | None, query: str, **changes: str | int) -> Comparing:
            contract = parse(contract_text(query, **changes), "checkout.slo.yaml")
            view = View.open(journal(lived(START_MS)))
            opened.callback(view.close)
            asked = connect(url, {}) if url else None
            if asked:
                opened.callback(asked.close)
            assert contract.server_view
            source = JournalSource(view)
            return Comparing(contract, contract.server_view, source, Rates(asked, query))

        yield compare


#: The last step has settled.
NOW_MS = START_MS + 2 * HOUR_MS + 2 * MINUTE_MS


def test_each_step_is_in_the_table_once(
    backend: Victoria, comparing: Callable[..., Comparing]
) -> None:
    found = comparing(backend.url, serve(backend, "table", START_MS)).look(NOW_MS)
    assert found.note == ""
    assert found.agreement.span == Span(START_MS, START_MS + 2 * HOUR_MS)
    assert {str(accord): found.agreement.steps(accord) for accord in Accord} == {
        "both": 2, "only_users": 3, "only_server": 1, "unknown": 4, "neither": 14,
    }  # fmt: skip


def test_the_times_they_differed_are_told(
    backend: Victoria, comparing: Callable[..., Comparing]
) -> None:
    found = comparing(backend.url, serve(backend, "times", START_MS)).look(NOW_MS)
    told = found.to_dict(NOW_MS)["differed"]
    assert [(each["who"], each["start"], each["end"], each["failed"]) for each in told] == [
        ("only_server", "2026-03-01T21:10:00Z", "2026-03-01T21:15:00Z", {}),
        ("only_users", "2026-03-01T20:40:00Z", "2026-03-01T20:55:00Z", {"eu-west-1": 15}),
    ]
    assert [each["highest"]["exact"] for each in told] == ["1/2", "0"]


def test_the_share_of_failures_that_were_silent_is_told(
    backend: Victoria, comparing: Callable[..., Comparing]
) -> None:
    found = comparing(backend.url, serve(backend, "silent", START_MS)).look(NOW_MS)
    assert (found.failed, found.silent, str(found.silent_share)) == (25, 15, "3/5")


def test_of_a_latency_objective_nobody_says_which_failures_were_silent(
    comparing: Callable[..., Comparing],
) -> None:
    slow = comparing(None, "x")
    contract = parse(
        contract_text("x").replace("sli: success", "sli: {latency: {threshold: 8s}}"), "x.slo.yaml"
    )
    assert contract.server_view
    found = Comparing(contract, contract.server_view, slow.source, slow.rates).look(NOW_MS)
    assert (found.silent, found.silent_share) == (None, None)


def test_servers_that_nobody_can_ask_are_unknown_and_agree_with_nothing(
    comparing: Callable[..., Comparing],
) -> None:
    found = comparing("http://127.0.0.1:9", "errors / requests").look(NOW_MS)
    assert found.agreement.steps(Accord.UNKNOWN) == 24
    assert "http://127.0.0.1:9 does not answer" in found.note
    assert found.asked_ms is None
    assert (found.failed, found.silent) == (25, 15)


def test_a_backend_that_goes_down_leaves_what_it_said(
    victoria: Callable[..., Victoria], comparing: Callable[..., Comparing]
) -> None:
    backend = victoria()
    compare = comparing(backend.url, serve(backend, "down", START_MS))
    assert compare.look(NOW_MS).agreement.steps(Accord.UNKNOWN) == 4
    backend.stop()
    found = compare.look(NOW_MS + 2 * STEP_MS)
    assert "does not answer" in found.note
    assert found.asked_ms == NOW_MS
    assert found.age_ms(NOW_MS + 2 * STEP_MS) == 2 * STEP_MS
    assert found.agreement.steps(Accord.UNKNOWN) == 6
    assert found.agreement.steps(Accord.BOTH) == 2
    backend.start()
    found = compare.look(NOW_MS + 2 * STEP_MS)
    assert (found.note, found.asked_ms) == ("", NOW_MS + 2 * STEP_MS)


@pytest.mark.parametrize(
    ("query", "why"),
    [
        pytest.param("nothing_of_that_name", "gives no value", id="absent"),
        pytest.param("0 / 0", "gives no value", id="no requests"),
        pytest.param("vector(7)", "gives 7, which is no share", id="no share"),
        pytest.param("sum(", "answers 4", id="no PromQL"),
        pytest.param("vector(time() > 5e9)", "gives no value", id="nothing passes"),
    ],
)
def test_what_is_no_error_rate_is_unknown(
    query: str, why: str, backend: Victoria, comparing: Callable[..., Comparing]
) -> None:
    found = comparing(backend.url, query).look(NOW_MS)
    assert why in found.note
    assert found.agreement.steps(Accord.UNKNOWN) == 24


def test_several_series_are_no_one_error_rate(
    backend: Victoria, comparing: Callable[..., Comparing]
) -> None:
    serve(backend, "several", START_MS)
    found = comparing(backend.url, 'rate(http_requests_total{job="several"}[5m]) * 0').look(NOW_MS)
    assert "gives 2 series: write sum(…)" in found.note
    assert found.agreement.steps(Accord.UNKNOWN) == 24


def test_a_point_is_asked_for_once_unless_it_is_young(
    backend: Victoria, comparing: Callable[..., Comparing]
) -> None:
    query = serve(backend, "once", START_MS)
    compare = comparing(backend.url, query)
    compare.look(NOW_MS)
    asked: list[tuple[int, int]] = []
    backend_asked = compare.rates.backend
    assert backend_asked

    class Heard:
        def grid(self, query: str, first_ms: int, last_ms: int, step_ms: int) -> Any:
            asked.append((first_ms, last_ms))
            return backend_asked.grid(query, first_ms, last_ms, step_ms)

    heard: Any = Heard()
    compare.rates.backend = heard
    compare.look(NOW_MS)
    assert asked == []
    found = compare.look(NOW_MS + STEP_MS)
    end_ms = START_MS + 2 * HOUR_MS + STEP_MS
    assert asked == [(end_ms - HOUR_MS + STEP_MS, end_ms)]
    assert found.agreement.steps(Accord.BOTH) == 2


def test_a_window_is_compared_from_the_first_schedule_on(
    backend: Victoria, comparing: Callable[..., Comparing]
) -> None:
    found = comparing(backend.url, serve(backend, "young", START_MS), window="30d").look(NOW_MS)
    assert found.agreement.span.start_ms == START_MS


def test_no_judgement_depends_on_what_servers_say(
    backend: Victoria, journal: Callable[..., Path]
) -> None:
    query = serve(backend, "apart", START_MS)
    path = journal(lived(START_MS))

    def judged(text: str) -> dict[str, Any]:
        contract = parse(text, "checkout.slo.yaml")
        view = View.open(path)
        board = Board((contract,), view, clock=lambda: NOW_MS)
        asides = Asides.connect([contract], board.judges_from, backend.url, {})
        asides.look(NOW_MS)
        board.asides = lambda: asides.found
        status = board.status().to_dict()
        asides.close()
        view.close()
        return status

    alone, beside = judged(build_contract(window="2h")), judged(contract_text(query))
    (alone_slo,), (beside_slo,) = alone.pop("slos"), beside.pop("slos")
    assert alone_slo.pop("agreement") is None
    assert beside_slo.pop("agreement")["only_users"] == 3
    assert alone_slo.pop("hash") != beside_slo.pop("hash")
    assert (alone, alone_slo) == (beside, beside_slo)


def test_where_the_servers_metrics_are_is_said_by_the_environment_or_else_the_source() -> None:
    environ = {"PROBER_SERVER_SOURCE": "http://127.0.0.1:9/servers"}
    for source, environment, where in (
        (None, environ, "http://127.0.0.1:9/servers"),
        ("http://127.0.0.1:9/agents", environ, "http://127.0.0.1:9/servers"),
        ("http://127.0.0.1:9/agents", {}, "http://127.0.0.1:9/agents"),
    ):
        found = servers(source, environment)
        assert found
        assert found.where == where
        found.close()
    assert servers(None, {}) is None
    with pytest.raises(InputError, match="PROBER_SERVER_SOURCE: 'nowhere' is not a web address"):
        servers(None, {"PROBER_SERVER_SOURCE": "nowhere"})


def test_the_token_of_one_backend_is_not_shown_to_the_other() -> None:
    environ = {
        "PROBER_SERVER_SOURCE": "http://127.0.0.1:9",
        "PROBER_SERVER_SOURCE_TOKEN": "for-servers",
        "PROBER_SOURCE_TOKEN": "for-agents",
    }
    for found, token in ((servers(None, environ), "for-servers"), (servers("http://h", {}), None)):
        assert found
        assert found.http.headers.get("Authorization") == (token and f"Bearer {token}")
        found.close()


@pytest.fixture
def told(backend: Victoria, tmp_path: Path) -> Iterator[Callable[..., Evaluator]]:
    """`told(query)`: an evaluator that compares the last two hours with a backend."""
    with ExitStack() as running:

        def start(query: str, begin_ms: int) -> Evaluator:
            contracts = tmp_path / "contracts"
            contracts.mkdir()
            (contracts / "checkout.slo.yaml").write_text(contract_text(query, window="130m"))
            book = Journal.open(tmp_path / "data" / "journal.db")
            book.write(lived(begin_ms))
            book.close()
            environ = dict(os.environ) | {"PROBER_SERVER_SOURCE": backend.url}
            judge = Evaluator(contracts, tmp_path / "data", environ)
            running.callback(judge.close)
            return judge

        yield start


def begin() -> int:
    """Two hours and some minutes ago, at the beginning of a step."""
    now_ms = time.time_ns() // 1_000_000
    return now_ms - now_ms % STEP_MS - 2 * HOUR_MS - STEP_MS


def test_an_evaluator_shows_it_in_the_api_and_on_the_page_and_by_status(
    backend: Victoria, told: Callable[..., Evaluator]
) -> None:
    begin_ms = begin()
    judge = told(serve(backend, "shown", begin_ms), begin_ms)
    (slo,) = wait_until(lambda: [each for each in judge.status()["slos"] if each.get("agreement")])
    found = slo["agreement"]
    assert (found["both"], found["only_users"], found["only_server"]) == (2, 3, 1)
    assert found["steps"]["failed"] == {"bad": 2, "fine": 3, "unknown": 0}
    assert found["silent_share"]["exact"] == "3/5"
    assert 0 <= found["age_ms"] < 60_000
    page = judge.http.get("/").text
    assert "checkout beside its servers" in page
    assert "15 of 25 failures were silent: 60%" in page
    assert re.search(r'<th scope="row">Users failed</th><td>2</td><td>3</td><td>0</td>', page)
    command = [sys.executable, "-m", "prober", "status", "--url", judge.url]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "checkout availability beside its servers over 130m, in steps of 5m, asked " in said
    assert re.search(r"users failed +2 +3 +0\n", said)
    assert "only users: 15 failed in eu-west-1; servers said 0% at most" in said
    assert "silent, while no server said 5xx: 15 of 25 failures, 60%" in said


def test_what_a_backend_complains_of_is_shown_as_text(told: Callable[..., Evaluator]) -> None:
    judge = told("<script>alert(1)</script>", begin())
    wait_until(lambda: judge.status()["slos"][0]["agreement"])
    page = judge.http.get("/").text
    assert "Not all is known" in page
    assert "<script>alert" not in page


def test_a_journal_alone_is_compared_too(backend: Victoria, tmp_path: Path) -> None:
    begin_ms = begin()
    text = contract_text(serve(backend, "alone", begin_ms), window="130m")
    (tmp_path / "checkout.slo.yaml").write_text(text)
    book = Journal.open(tmp_path / "journal.db")
    book.write(lived(begin_ms))
    book.close()
    command = [sys.executable, "-m", "prober", "status", "--journal", str(tmp_path), "--json"]
    said = subprocess.run(
        [*command, "--contracts", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=dict(os.environ) | {"PROBER_SERVER_SOURCE": backend.url},
    )
    (slo,) = json.loads(said.stdout)["slos"]
    assert slo["agreement"]["only_users"] == 3
