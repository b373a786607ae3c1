"""A running evaluator that is given other contracts: judged by as a whole, or refused."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from prober.journal.outbox import Entry
from prober.model import Outcome, Record
from prober.telemetry import encode

Evaluator = Any
Until = Callable[..., Any]
LATENCY = """
    - {name: speed, sli: {latency: {threshold: 500ms, step: pay}}, target: "90%"}
"""


def send(judge: Evaluator, records: Iterable[Record]) -> None:
    entries = [Entry(seq, 1, record) for seq, record in enumerate(records, 1)]
    headers = {"Content-Type": "application/x-protobuf"}
    judge.http.post(
        "/v1/logs", content=encode.logs(entries, {}), headers=headers
    ).raise_for_status()


def write(judge: Evaluator, text: str, name: str = "checkout") -> None:
    (judge.contracts / f"{name}.slo.yaml").write_text(text)


def targets(judge: Evaluator) -> dict[str, dict[str, str]]:
    """By SLO and objective."""
    return {
        slo["name"]: {each["objective"]: each["target"]["exact"] for each in slo["results"]}
        for slo in judge.status()["slos"]
    }


def lived(run: Callable[..., Any], schedule: Callable[..., Any]) -> list[Record]:
    """A run a second for the last minute: every tenth failed, each second one slow."""
    now_ms = time.time_ns() // 1_000_000 // 1000 * 1000
    return [
        schedule(1000),
        *(
            run(
                now_ms - n * 1000,
                Outcome.FAILED if n % 10 == 0 else Outcome.PASSED,
                duration_us=1_000_000 if n % 2 else 100_000,
            )
            for n in range(60)
        ),
    ]


def test_contracts_are_taken_up_or_refused_as_a_whole(
    evaluator: Callable[..., Evaluator],
    contract_text: Callable[..., str],
    run: Callable[..., Any],
    schedule: Callable[..., Any],
    until: Until,
) -> None:
    judge = evaluator()
    send(judge, lived(run, schedule))
    write(judge, contract_text(target="101%"))
    write(judge, "nonsense: true\n", "other")
    reply = judge.http.post("/-/reload")
    assert reply.status_code == 422
    problems = reply.json()["problems"]
    assert any("checkout.slo.yaml:10: spec.objectives[0].target" in each for each in problems)
    assert any("other.slo.yaml" in each for each in problems)
    assert targets(judge) == {"checkout": {"availability": "9/10"}}
    ready = judge.http.get("/readyz")
    assert (ready.status_code, ready.json()["troubles"]["reload"]) == (200, problems)
    until(lambda: problems[0] in judge.status()["note"])
    assert "prober_config_reload_success 0" in judge.http.get("/metrics").text

    write(judge, contract_text(target="50%", more=LATENCY))
    write(judge, contract_text(name="second"), "other")
    judge.process.send_signal(signal.SIGHUP)
    until(lambda: "second" in targets(judge))
    assert targets(judge)["checkout"] == {"availability": "1/2", "speed": "9/10"}
    # That they were taken up is noted when they are in force, and a status holds for a second.
    until(lambda: judge.status()["note"] == "")
    said = until(
        lambda: text if "prober_config_reload_success 1" in (text := metrics(judge)) else ""
    )
    assert re.search(r"^prober_config_reload_last_seconds \d", said, re.MULTILINE)
    assert judge.http.post("/-/reload").json()["changed"] == []

    results = {each["objective"]: each for each in first(judge)["results"]}
    assert results["availability"]["counts"]["bad"] == 6
    assert results["speed"]["counts"]["bad"] == 6 + 30, "runs from before it are measured by it"


def first(judge: Evaluator) -> dict[str, Any]:
    found: dict[str, Any] = next(s for s in judge.status()["slos"] if s["name"] == "checkout")
    return found


def test_a_contract_that_is_gone_is_not_judged(
    evaluator: Callable[..., Evaluator], contract_text: Callable[..., str]
) -> None:
    judge = evaluator(token="correct-horse")
    assert judge.http.post("/-/reload").status_code == 401
    right = {"authorization": "Bearer correct-horse"}
    write(judge, contract_text(name="renamed"))
    reply = judge.http.post("/-/reload", headers=right)
    assert reply.json()["changed"] == ["contract checkout: removed", "contract renamed: added"]
    assert set(targets(judge)) == {"renamed"}
    (judge.contracts / "checkout.slo.yaml").unlink()
    reply = judge.http.post("/-/reload", headers=right)
    assert reply.status_code == 422
    assert "there is no *.slo.yaml in it" in reply.json()["problems"][0]
    assert set(targets(judge)) == {"renamed"}


def test_a_page_of_another_site_has_nothing_read(shared_evaluator: Evaluator) -> None:
    headers = {"origin": "https://elsewhere.example"}
    assert shared_evaluator.http.post("/-/reload", headers=headers).status_code == 403


def test_what_it_says_of_itself_is_on_its_metrics(
    shared_evaluator: Evaluator, until: Until
) -> None:
    text = until(
        lambda: t if "prober_alerts_looked_seconds" in (t := metrics(shared_evaluator)) else None
    )
    assert "# TYPE prober_journal_records_total counter\n" in text
    assert re.search(r'^prober_info_ratio\{prober_version="[\d.]+"\} 1$', text, re.MULTILINE)
    assert re.search(r"^prober_journal_size_bytes \d+$", text, re.MULTILINE)


def metrics(judge: Evaluator) -> str:
    return str(judge.http.get("/metrics").raise_for_status().text)


@pytest.mark.parametrize("line", ["nothing", "a line"])
def test_a_silent_region_is_told_and_does_not_make_the_judge_unready(
    line: str,
    evaluator: Callable[..., Evaluator],
    run: Callable[..., Any],
    schedule: Callable[..., Any],
) -> None:
    judge = evaluator()
    if line == "a line":
        long_ago_ms = time.time_ns() // 1_000_000 - 600_000
        send(judge, [schedule(1000, from_ms=long_ago_ms - 1000), run(long_ago_ms)])
    ready = judge.http.get("/readyz")
    told = ready.json()["troubles"].get("coverage", [])
    assert ready.status_code == 200
    assert told == ([] if line == "nothing" else ["checkout in eu-west-1: no run for 10m"])
