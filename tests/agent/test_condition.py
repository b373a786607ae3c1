"""What makes an agent unready, and what is only told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prober.agent.condition import Condition, shown
from prober.agent.control import Look
from prober.agent.reference import Reply
from prober.telemetry.deliver import Health

WELL: dict[str, Any] = {
    "running": True,
    "unwritten": 0,
    "set_aside": None,
    "skew_ms": 0,
    "look": None,
    "uncovered": {"checkout": 2},
    "saturated": {"checkout": 2},
    "deliveries": (),
    "metrics_interval_ms": 15_000,
    "refused": (),
    "uncopied": "",
}


def late(age_s: float, error: str | None = None) -> Health:
    return Health("main", "logs", 7, age_s, 0, error, None)


def seen(trouble: str | None = None, ahead_s: float | None = None) -> Look:
    return Look(0, 0, (Reply("https://a.example", None, ahead_s=ahead_s),), trouble)


@pytest.mark.parametrize(
    ("change", "part", "line", "ready"),
    [
        ({"running": False}, "agent", "no slot is run: it begins, or it ends", False),
        ({"unwritten": 7}, "journal", "7 records wait for the disk", False),
        ({"uncovered": {"a": 3}}, "coverage", "a: its last 3 slots were not completed", False),
        (
            {"saturated": {"a": 3}},
            "saturation",
            "a: its last 3 runs were set aside, this machine is too busy",
            True,
        ),
        ({"skew_ms": 61_000}, "clock", "slots are 1m ahead of the wall clock", False),
        (
            {"look": seen(ahead_s=61.0)},
            "clock",
            "this machine's clock is 1m ahead of its references",
            False,
        ),
        (
            {"look": seen(ahead_s=-6.0)},
            "clock_offset",
            "this machine's clock is 6s behind its references",
            True,
        ),
        ({"look": seen("2 of 3 gave no answer")}, "egress", "2 of 3 gave no answer", True),
        ({"deliveries": [late(61, "401")]}, "export", "logs to main: 1m behind: 401", False),
        ({"deliveries": [late(7200)]}, "export", "logs to main: 2h behind", False),
        ({"set_aside": Path("j.corrupt-1")}, "set_aside", "damaged, now j.corrupt-1", True),
        ({"refused": ("a.py:1: no",)}, "reload", "a.py:1: no", True),
        ({"orphans": ("a: cancel('R-1')",)}, "orphans", "a: cancel('R-1')", True),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)  # fmt: skip
def test_a_trouble_is_told_by_its_part(
    change: dict[str, Any], part: str, line: str, ready: bool
) -> None:
    found = shown(Condition(**WELL | change), region="here")
    assert found["troubles"] == {part: [line]}
    assert found["ready"] is ready
    assert found["region"] == "here"


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"skew_ms": 60_000},
        {"look": seen(ahead_s=5.4)},
        {"look": seen()},
        {"deliveries": [late(59.9)]},
        {"deliveries": [late(120)], "metrics_interval_ms": 60_000},
    ],
    ids=[
        "nothing",
        "a little skew",
        "a clock that is a little off",
        "no clock",
        "an export on its way",
        "an interval that is long",
    ],
)
def test_what_is_well_is_not_told(change: dict[str, Any]) -> None:
    condition = Condition(**WELL | change)
    assert condition.troubles == {}
    assert condition.ready
