"""Owners are noted when they are others than before, also by a real evaluator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from prober.evaluator.audit import AUDIT, AuditLog, Kind
from prober.evaluator.desk.ownership import changes, note_owners
from prober.slo.contract import Contract
from prober.slo.format import parse
from prober.slo.window import Span
from tests.conftest import wait_until
from tests.evaluator.conftest import Evaluator
from tests.evaluator.hours import hourly_contract

EVER = Span(0, 2**62)


def contract(sre: str) -> Contract:
    return parse(hourly_contract().replace("sre-shop", sre), "checkout.slo.yaml")


def test_owners_are_noted_once_until_they_change(tmp_path: Path) -> None:
    audit = AuditLog.open(tmp_path / AUDIT)
    for at_ms, sre in enumerate(("a", "a", "b", "b")):
        note_owners(audit, [contract(sre)], at_ms)
    noted = [(entry.at_ms, entry.body["owners"]["sre"]) for entry in audit.entries(Kind.OWNERSHIP)]
    assert noted == [(0, "a"), (2, "b")]
    (change,) = changes(audit, "checkout", EVER)
    assert (change["from"]["sre"], change["to"]["sre"]) == ("a", "b")
    assert changes(audit, "checkout", Span(0, 2)) == []
    assert changes(audit, "login", EVER) == []


def test_an_evaluator_notes_them_when_it_starts_and_when_it_reads_them_again(
    evaluator: Callable[..., Evaluator],
) -> None:
    judge = evaluator()

    def noted() -> list[str]:
        log = AuditLog.open(judge.data / AUDIT)
        return [entry.body["owners"]["sre"] for entry in log.entries(Kind.OWNERSHIP)]

    assert noted() == ["sre"]
    judge.close()
    judge.start()
    assert noted() == ["sre"]
    file = judge.contracts / "checkout.slo.yaml"
    file.write_text(file.read_text().replace("sre: sre", "sre: sre-shop"))
    assert judge.http.post("/-/reload").status_code == 200
    wait_until(lambda: noted() == ["sre", "sre-shop"])
