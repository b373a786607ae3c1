"""The worst contributors, named in lines that an overview has room for."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from prober.evaluator.reports.chapter import Chapter
from prober.evaluator.reports.episodes import spent
from prober.evaluator.reports.worst import worst
from prober.evaluator.sources.once import Once
from prober.model import Cause, Outcome
from prober.units import percent
from tests.evaluator.conftest import build_run, build_schedule
from tests.evaluator.office import MINUTE_MS, NOW_MS, Office, contract

MET = (
    (Cause.TIMEOUT, "pay"),
    (Cause.ASSERTION, "pay"),
    (Cause.ASSERTION, "search"),
    (Cause.NETWORK, "open"),
)


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


#: More than were ever read for it one by one.
MANY = 20_000


@pytest.mark.long
def test_of_thousands_of_bad_runs_the_largest_are_those_that_a_count_by_hand_finds(
    tmp_path: Path,
) -> None:
    text = contract().replace("100m", "30d")
    there = Office(tmp_path, text)
    chance = random.Random(7)
    met = [
        (region, *chance.choice(MET), chance.random() < 0.5)
        for _ in range(MANY // 2)
        for region in ("eu-west-1", "us-east-1")
    ]
    there.journal.write(
        [
            *(build_schedule(MINUTE_MS, region=region) for region in ("eu-west-1", "us-east-1")),
            *(
                build_run(
                    NOW_MS - (1 + number // 2) * MINUTE_MS,
                    Outcome.FAILED,
                    region=region,
                    cause=cause,
                    step=step,
                    responses={"5xx": 1} if loud else {"2xx": 7},
                )
                for number, (region, cause, step, loud) in enumerate(met)
            ),
        ],
        now_ms=NOW_MS,
    )
    try:
        chapter = Chapter(there.desk, there.desk.contracts[0], Once(there.desk.source))
        lines, decides = worst(chapter), chapter.evaluation.deciding[0]
        about = chapter.subjects[0].abouts[0]
        found = spent(about, ())
    finally:
        there.close()
    budget = decides.judgement.budget
    assert budget and found
    for parts, column in ((found.regions, 0), (found.causes, 1), (found.steps, 2)):
        assert {part.name: part.bad for part in parts} == Counter(each[column] for each in met)
        assert all(part.share == part.bad / budget for part in parts)
    assert found.silent.bad == sum(not loud for *_, loud in met)
    (step, n), *_ = Counter(step for _, _, step, _ in met).most_common()
    assert lines[0] == f"step {step}: {percent(n / budget, 1)} of the budget"
    assert [line.split()[0] for line in lines] == ["step", "cause", "region", "incident"]


def test_of_more_than_can_be_read_none_is_named(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.live([5, 6, 7])
    monkeypatch.setattr("prober.evaluator.reports.worst._MOST", 2)
    assert named(office) == ()
    monkeypatch.setattr("prober.evaluator.reports.worst._MOST", 3)
    assert named(office)


def test_of_one_region_the_region_is_no_news(office: Office) -> None:
    office.live([5])
    assert not any(line.startswith("region") for line in named(office))


def test_where_nothing_was_spent_nothing_is_named(office: Office) -> None:
    assert named(office) == ()
    office.live()
    assert named(office) == ()
