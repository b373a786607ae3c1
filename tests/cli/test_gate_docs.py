"""docs/gate.md holds what the code says, and its examples print what they show."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from prober.evaluator.audit import Kind
from prober.evaluator.desk import decision, notes, silences
from prober.slo.gate import EXITS
from prober.slo.policy import SEED_5, ChangeClass
from prober.slo.policy_format import SpecKeys
from prober.slo.state import State
from prober.units import percent
from tests.cli.judge import Judge
from tests.test_docs import Block, blocks, code, named, page, rows, section

PAGE = "gate.md"
EXAMPLES = [
    pytest.param(block, id=block.text.splitlines()[0][2:60])
    for block in blocks(Path(__file__).parents[2] / "docs" / PAGE)
    if block.words == ("console", "evaluator")
]
COLUMNS = [
    (ChangeClass.FEATURE, True),
    (ChangeClass.FEATURE, False),
    (ChangeClass.CONFIG, False),
    (ChangeClass.CONFIG, True),
    (ChangeClass.RELIABILITY, False),
    (ChangeClass.SECURITY, True),
]
REQUESTS: dict[str, type[BaseModel]] = {
    "gate": decision.GateRequest,
    "gate-replay": decision.ReplayRequest,
    "override-grant": notes.GrantRequest,
    "override-list": notes.EmptyRequest,
    "exclude-add": notes.ExclusionRequest,
    "exclude-revoke": notes.RevocationRequest,
    "exclude-list": notes.EmptyRequest,
    "mark-deploy": notes.DeployRequest,
    "mark-list": notes.EmptyRequest,
    "silence-add": silences.SilenceRequest,
    "silence-end": silences.EndRequest,
    "silence-list": notes.EmptyRequest,
    "budget-reserve": notes.ReserveRequest,
    "budget-release": notes.ReleaseRequest,
    "budget-reservations": notes.ReservationsRequest,
}


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    running = Judge(tmp_path_factory.mktemp("judge"))
    yield running
    running.close()


def settled(output: str) -> list[str]:
    """Without what differs from run to run: ids, moments, and shares of running windows."""
    text = re.sub(r"\b[0-9a-f]{12}\b", "<id>", output)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<moment>", text)
    return [re.sub(r"\d+(\.\d+)?% of its", "<share> of its", line) for line in text.splitlines()]


@pytest.mark.parametrize("block", EXAMPLES)
def test_an_example_prints_what_it_shows(block: Block, judge: Judge, tmp_path: Path) -> None:
    script = tmp_path / "example.sh"
    commands = [line[2:] for line in block.text.splitlines() if line.startswith("$ ")]
    script.write_text("".join(f"{line}\n" for line in commands))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    end = subprocess.run(
        ["bash", "-v", str(script)],  # -v shows each command
        env={**judge.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert settled(end.stdout) == settled(block.text.replace("$ ", ""))


def test_the_table_is_that_of_the_policy() -> None:
    table = [row for row in rows(section(page(PAGE), "## What it asks")) if len(row) == 8]
    written = {code(row[0])[0]: [code(cell)[0] for cell in row[2:]] for row in table}
    assert written == {
        str(state): [
            str(SEED_5.answer(state, change, critical_path=critical))
            for change, critical in COLUMNS
        ]
        for _, state in SEED_5.bands
    }
    edges = [row[1].split()[-1] for row in table[1:]]
    assert edges == [percent(edge) for edge, _ in SEED_5.bands[1:]]


def test_the_exit_codes_are_those_of_the_gate() -> None:
    table = [row for row in rows(page(PAGE)) if row[0].isdigit()]
    written = {code(row[1])[0].partition(":")[0]: int(row[0]) for row in table}
    assert written == {str(verdict): number for verdict, number in EXITS.items()}


def test_every_key_and_default_of_a_policy_is_documented() -> None:
    text = section(page(PAGE), "## Policies")
    (table, actions) = ([row for row in rows(text) if len(row) == width] for width in (3, 2))
    assert {code(row[0])[0] for row in table} == set(SpecKeys.model_fields)
    assert {code(row[0])[0]: tuple(row[1].split("; ")) for row in actions} == {
        str(state): SEED_5.actions[state] for state in State
    }
    defaults = {code(row[0])[0]: row[1] for row in table}
    assert code(defaults["reviewer"]) == [SEED_5.reviewer]
    assert code(defaults["lifts"]) == [SEED_5.lifts]
    assert code(defaults["on_inconclusive"]) == [SEED_5.on_inconclusive]
    assert defaults["bands"].split(", ") == [percent(edge) for edge, _ in SEED_5.bands[1:]]
    assert set(SEED_5.ranks) <= set(code(section(page(PAGE), "## Overrides")))


def test_every_kind_of_entry_is_documented() -> None:
    assert set(named(section(page(PAGE), "## The audit log"))) == set(map(str, Kind))


def test_every_verb_is_documented_with_its_keys() -> None:
    table = rows(section(page(PAGE), "## Over HTTP"))
    verbs = {**decision.VERBS, **notes.VERBS, **silences.VERBS}
    assert {code(row[0])[0]: "".join(code(row[1])) or None for row in table} == {
        name: verb.scope for name, verb in verbs.items()
    }
    for row in table:
        assert set(code(row[2])) == set(REQUESTS[code(row[0])[0]].model_fields)
