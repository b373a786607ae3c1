"""The worst contributors, named in lines that an overview has room for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from prober.evaluator.reports.chapter import Chapter
from prober.evaluator.reports.worst import worst
from prober.evaluator.sources.once import Once
from prober.model import Cause, Outcome
from tests.evaluator.conftest import build_run
from tests.evaluator.office import MINUTE_MS, NOW_MS, Office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    there = Office(tmp_path)
    yield there
    there.close()


def named(office: Office) -> tuple[str, ...]:
    desk = office.desk
    return worst(Chapter(desk, desk.contracts[0], Once(desk.source)))


def test_the_largest_of_each_kind_is_named(office: Office) -> None:
    office.live(region="us-east-1")
    office.live()
    office.journal.write(
        [
            build_run(
                NOW_MS - ago * MINUTE_MS + 1,
                Outcome.FAILED,
                region=region,
                cause=Cause.TIMEOUT if ago < 30 else Cause.ASSERTION,
                step="pay" if ago < 30 else "search",
            )
            for ago, region in ((10, "eu-west-1"), (11, "eu-west-1"), (60, "us-east-1"))
        ],
        now_ms=NOW_MS,
    )
    office.ask("mark-deploy", name="v7", at="2026-07-01T13:48:00Z")
    lines = named(office)
    assert [line.partition(":")[0] for line in lines[:4]] == [
        "step pay",
        "cause timeout",
        "region eu-west-1",
        "deploy v7",
    ]
    assert [line.startswith("incident 2026-07-01 13:4") for line in lines[4:]] == [True, False]
    assert all(line.endswith("% of the budget") for line in lines)


def test_of_one_region_the_region_is_no_news(office: Office) -> None:
    office.live([5])
    assert not any(line.startswith("region") for line in named(office))


def test_where_nothing_was_spent_nothing_is_named(office: Office) -> None:
    assert named(office) == ()
    office.live()
    assert named(office) == ()
