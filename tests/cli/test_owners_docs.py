"""docs/owners.md: every option is there with its default, and the examples print what they show."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
import typer

from prober.cli import build
from prober.evaluator.audit import AuditLog, Kind
from prober.evaluator.desk.owners import VERBS
from prober.journal.journal import Journal
from prober.journal.tally import rules_of
from prober.model import Cause, Outcome, Record, Run, RunId, Schedule, Step
from prober.model import Kind as RunKind
from prober.slo.attribution import Origin
from prober.slo.format import load_contracts
from tests.cli.examples import examples, printed, shown
from tests.conftest import ROOT

MINUTE_MS = 60_000
HALF_HOUR_MS = 30 * MINUTE_MS
DAY_MS = 86_400_000
REGIONS = ("eu-west-1", "us-east-1")
PAGE = (ROOT / "docs" / "owners.md").read_text()
COMMANDS = {
    "prober slo explain": ("slo", "explain"),
    "prober slo suggest": ("slo", "suggest"),
    "prober slo whatif": ("slo", "whatif"),
    "prober budget explain": ("budget", "explain"),
    "prober budget reserve": ("budget", "reserve"),
    "prober budget release": ("budget", "release"),
    "prober budget reservations": ("budget", "reservations"),
    "prober prcheck": ("prcheck",),
}
PROSE = re.sub(r"^```.*?^```$", "", PAGE, flags=re.MULTILINE | re.DOTALL)


def command(words: tuple[str, ...]) -> Any:
    found: Any = typer.main.get_command(build(words[:1]))
    for word in words:
        found = found.commands[word]
    return found


def options(title: str) -> dict[str, str]:
    """The documented options of a command and their defaults."""
    section = re.split(r"\n##+ ", PROSE.split(f"### `{title}`\n")[1])[0]
    rows = re.findall(r"^\| `(--[a-z-]+)` \| (.*?) \|", section, re.MULTILINE)
    return {name: default.strip("`") for name, default in rows}


@pytest.mark.parametrize("title", COMMANDS)
def test_every_option_is_documented_with_its_default(title: str) -> None:
    found = command(COMMANDS[title])
    given = {param.opts[0]: param for param in found.params if param.opts[0].startswith("--")}
    written = options(title)
    assert found.help
    assert sorted(written) == sorted(given)
    for name, param in given.items():
        if param.required:
            assert written[name] == "required"
        elif param.default not in (None, False):
            assert written[name] == str(param.default)
        else:
            assert written[name] in ("none", "off", "all")


def test_every_verb_and_origin_is_documented() -> None:
    for verb in (*VERBS, "prcheck"):
        assert f"`{verb}`" in PAGE
    table = PAGE.split("| origin | when |\n|---|---|\n")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == [str(origin) for origin in Origin]


def slots_of(now_ms: int) -> range:
    """Those of both regions, in turns; as many whenever it is asked."""
    end_ms = now_ms - now_ms % HALF_HOUR_MS
    return range(end_ms - 70 * DAY_MS, end_ms, HALF_HOUR_MS // 2)


def records(now_ms: int) -> list[Record]:
    """Two regions, in turns, every half hour for 70 days: a bad deploy, and a failure at times."""
    start_ms = slots_of(now_ms)[0]
    found: list[Record] = [
        Schedule(
            journey="checkout",
            region=region,
            from_ms=start_ms,
            every_ms=HALF_HOUR_MS,
            phase_ms=index * HALF_HOUR_MS // 2,
        )
        for index, region in enumerate(REGIONS)
    ]
    slots = slots_of(now_ms)
    for number, slot_ms in enumerate(slots):
        left = len(slots) - number
        deployed, unlucky = 900 <= left < 906, left % 400 == 50
        outcome = Outcome.FAILED if deployed or unlucky else Outcome.PASSED
        cause = Cause.ASSERTION if deployed else Cause.TIMEOUT
        pay_us = 800_000 + number % 100 * 4_000
        found.append(
            Run(
                id=RunId("checkout", REGIONS[number % 2], slot_ms, 1, RunKind.SCHEDULED),
                outcome=outcome,
                cause=cause if outcome is Outcome.FAILED else None,
                step="pay" if outcome is Outcome.FAILED else None,
                started_ms=slot_ms,
                finished_ms=slot_ms + 2000,
                duration_us=600_000 + pay_us,
                responses={"2xx": 40},
                third_party={"5xx": 1} if unlucky else {"2xx": 3},
                steps=(
                    Step(name="browse", offset_us=0, duration_us=600_000, outcome=Outcome.PASSED),
                    Step(name="pay", offset_us=600_000, duration_us=pay_us, outcome=outcome),
                ),
            )
        )
    return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the page's contract, and a journal of it."""
    directory = tmp_path_factory.mktemp("shop")
    (directory / "journeys").mkdir()
    text = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0]
    (directory / "journeys" / "checkout.slo.yaml").write_text(text)
    now_ms = time.time_ns() // 1_000_000
    rules = rules_of(load_contracts(directory / "journeys"))
    journal = Journal.open(directory / "journal.db", rules, now_ms=now_ms - 70 * DAY_MS)
    journal.write(records(now_ms), now_ms=now_ms)
    journal.close()
    at_ms = slots_of(now_ms)[-906]
    body = {"name": "v2.31.0", "at_ms": at_ms, "journeys": None, "note": None}
    AuditLog.open(directory / "audit.jsonl").append(Kind.DEPLOY, body, at_ms)
    return directory


def settled(text: str) -> list[str]:
    """Without ids, numbers and white space: they depend on when the example is run.

    An incident that goes on past midnight has a second date.
    """
    named = re.sub(r"\b[0-9a-f]{12}\b", "0", text)
    lines = [" ".join(re.sub(r"\d+(\.\d+)?", "0", line).split()) for line in named.splitlines()]
    return [line.replace("to 0-0-0 0:0", "to 0:0") for line in lines]


@pytest.mark.parametrize("example", examples(PAGE), ids=lambda text: text.splitlines()[0][2:])
def test_an_example_prints_what_it_shows(example: str, shop: Path) -> None:
    said = printed(example, shop)
    assert settled(said.rstrip("\n")) == settled(shown(example).rstrip("\n")), said
