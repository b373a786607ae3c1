"""Files for other tools, to the last letter: read one before you change it here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from prober.slo.format import parse
from prober.slo.openslo import openslo_file
from prober.slo.portable import File
from prober.slo.pyrra import pyrra_files
from prober.slo.rules import rule_file
from prober.slo.sloth import sloth_file
from tests.slo.test_contract import DESIGNED, MINIMAL

GOLDEN = Path(__file__).parent / "golden"
REGIONS = ("ap-south-1", "eu-west-1", "us-east-1")
#: From the contract of the design, which says much, and from one that says little.
MADE: dict[str, Callable[[], Iterable[File]]] = {
    "sloth": lambda: [
        sloth_file(parse(DESIGNED, "a.yaml"), "rolling"),
        sloth_file(parse(MINIMAL, "a.yaml")),
    ],
    "pyrra": lambda: [
        *pyrra_files(parse(DESIGNED, "a.yaml"), "rolling"),
        *pyrra_files(parse(MINIMAL, "a.yaml")),
    ],
    "openslo": lambda: [
        openslo_file(parse(DESIGNED, "a.yaml")),
        openslo_file(parse(MINIMAL, "a.yaml")),
    ],
    "rules": lambda: [
        rule_file(parse(DESIGNED, "a.yaml"), dict.fromkeys(REGIONS, 300_000), "rolling"),
        rule_file(parse(MINIMAL, "a.yaml"), {REGIONS[0]: 60_000}),
    ],
}


@pytest.mark.parametrize("tool", MADE)
def test_the_files_for_a_tool_are_those_that_were_read_and_found_right(tool: str) -> None:
    made = {file.name: file.text for file in MADE[tool]()}
    kept = {path.name: path.read_text() for path in GOLDEN.glob(f"*.{tool}.yaml")}
    assert made == kept
