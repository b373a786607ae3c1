"""What the evaluator says while its audit log cannot be gone by, and after it is mended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prober.errors import ProberError
from prober.evaluator.audit import AUDIT, AuditLog, Kind
from prober.evaluator.board import Board
from prober.evaluator.given import JOURNAL
from prober.evaluator.pages.slo import gather
from prober.slo.moment import iso
from tests.evaluator.office import MINUTE_MS, NOW_MS, Office

Evaluator = Any
#: What an older version made of `UNTIL=02260801T000000Z`.
RULE = {"rule": "FREQ=WEEKLY;INTERVAL=1;UNTIL=2260801T000000Z", "time_zone": "UTC"}
TIMES = {"start_ms": NOW_MS, "end_ms": NOW_MS + MINUTE_MS, "journeys": None, "recurrence": RULE}
WHO = {"requested_by": "bob", "approved_by": "eve", "reason": "db", "category": "other"}
EXCLUSION = {**TIMES, **WHO, "id": "x1", "regions": None, "created_ms": NOW_MS, "evidence": None}
SILENCE = {**TIMES, "slos": None, "rule": None, "region": None, "by": "ann", "reason": "db"}
LEFT_OUT = "cannot be read and is left out (UNTIL is not a moment in UTC"


def write_as_another_version(log: AuditLog, kind: Kind, body: dict[str, Any]) -> str:
    """What this version would not write; its id."""
    return log._append(kind, body, NOW_MS).id


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    there = Office(tmp_path)
    there.live(bad=range(1, 13))
    yield there
    there.close()


def note(office: Office) -> str:
    """What the page of checkout says is not shown."""
    board = Board(office.desk.contracts, office.view, clock=lambda: office.now_ms)
    page = gather(board, office.desk, "checkout")
    assert page
    return page.note


def test_an_exclusion_that_cannot_be_read_is_told_on_the_page(office: Office) -> None:
    assert note(office) == ""
    write_as_another_version(office.desk.audit, Kind.EXCLUSION, EXCLUSION)
    assert f"exclusion x1 {LEFT_OUT}" in note(office)
    assert office.desk.exclusions() == ()
    assert [each.id for each in office.desk.unread()] == ["x1"]
    assert office.desk.unread(until=0) == ()


def test_the_page_of_a_contract_says_that_the_log_is_broken(office: Office) -> None:
    office.ask("mark-deploy", name="v1")
    (office.directory / AUDIT).write_text("")
    assert "the audit log is not what was written" in note(office)


def test_a_typo_in_the_year_is_refused_and_nothing_is_written(office: Office) -> None:
    times = {"start": iso(NOW_MS), "end": iso(NOW_MS + MINUTE_MS)}
    for year in ("0226", "2025"):
        with pytest.raises(ProberError, match="UNTIL lies before"):
            office.ask(
                "exclude-add", **times, **WHO, repeat=f"FREQ=WEEKLY;UNTIL={year}0801T000000Z"
            )
    assert office.desk.audit.length == 0


def test_no_entry_that_cannot_be_read_takes_the_evaluator_down(
    evaluator: Callable[..., Evaluator], tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    log = AuditLog(tmp_path / "data" / AUDIT)
    write_as_another_version(log, Kind.EXCLUSION, EXCLUSION)
    silence = write_as_another_version(log, Kind.SILENCE, SILENCE)
    judge = evaluator()
    told = judge.status()["note"]
    assert f"exclusion x1 {LEFT_OUT}" in told
    assert f"silence {silence} {LEFT_OUT}" in told
    for path in ("/", "/slo/checkout", "/metrics", "/readyz", "/exceptions"):
        assert judge.http.get(path).status_code == 200, path


def test_a_log_that_is_mended_is_broken_no_longer(
    evaluator: Callable[..., Evaluator], until: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / JOURNAL).write_bytes(b"this is no journal" * 1000)
    judge = evaluator()
    path = judge.data / AUDIT

    def mark(name: str) -> int:
        return int(judge.http.post("/api/v1/mark-deploy", json={"name": name}).status_code)

    def noted(said: bool) -> bool:
        told = judge.status()["note"]
        assert "The journal was damaged and set aside" in told
        return ("the audit log is not what was written" in told) is said

    assert mark("v1") == 200
    kept = path.read_bytes()
    path.write_bytes(kept[:-20])
    until(lambda: noted(True))
    assert mark("v2") == 409
    path.write_bytes(kept)
    until(lambda: noted(False))
    assert mark("v3") == 200
    path.write_bytes(kept[:-20])
    until(lambda: noted(True))
    for file in (path, path.with_suffix(".head")):
        file.rename(f"{file}.old")
    until(lambda: noted(False))
    assert mark("v4") == 200
    assert [each.body["name"] for each in AuditLog.open(path).entries(Kind.DEPLOY)] == ["v4"]


def test_a_gate_is_inconclusive_while_an_exclusion_cannot_be_read(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.live()
    before = office.gate()
    assert before["verdict"] == "allow"
    write_as_another_version(office.desk.audit, Kind.EXCLUSION, EXCLUSION)
    decided = office.gate()
    assert (decided["verdict"], decided["exit"]) == ("inconclusive", 30)
    assert f"exclusion x1 {LEFT_OUT}" in decided["missing"][0]
    for each in (before, decided):
        assert office.ask("gate-replay", decision=each["decision"])["same"]
    assert [each["id"] for each in office.ask("exclude-list")["unread"]] == ["x1"]
    office.ask("exclude-revoke", id="x1", by="ann", reason="a typo")
    assert office.gate()["verdict"] == "allow"
    assert office.ask("exclude-list")["unread"] == []
    office.close()
