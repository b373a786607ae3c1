"""A month, replayed: who was told what and when, against a list that was worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from prober.journal.journal import Journal
from prober.journal.tally import rules_of
from prober.model import Outcome, Record, Schedule
from prober.slo.contract import Contract
from prober.slo.format import parse
from prober.slo.moment import moment_ms
from tests.evaluator.conftest import build_contract, build_run
from tests.evaluator.hearing import Alertmanager, Receiver
from tests.evaluator.watch import LAG_MS, Watch, channels

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
#: Midnight before the first day.
BEGIN_MS = 200 * DAY_MS
DAYS = 26
#: They start a minute apart.
REGIONS = ("ap", "eu", "us")
EXPECTED = Path(__file__).parent / "month.expected"
#: Days with one failure at 03:00, in a region each in turn.
NOISE = (1, 3, 5, 7, 9, 11, 13, 15, 19, 21, 23, 25)


class Told(NamedTuple):
    """A line of the list."""

    #: Minutes since the beginning that were judged.
    minute: int
    begins: bool
    alert: str
    region: str


def at(day: int, hour: int = 0, minute: int = 0) -> int:
    """Minutes since the beginning."""
    return (day * 24 + hour) * 60 + minute


def expected() -> list[Told]:
    """The list that was written by hand."""
    found = []
    for line in EXPECTED.read_text().splitlines():
        if said := line.partition("#")[0].split():
            day, clock, sign, alert, *region = said
            hour, minute = map(int, clock.split(":"))
            found.append(Told(at(int(day), hour, minute), sign == "+", alert, "".join(region)))
    return found


def failed(minute: int, region: str) -> bool:
    """Whether the run of a region in a round fails."""
    day, within = divmod(minute, 24 * 60)
    number = REGIONS.index(region)
    if day in NOISE and within == 3 * 60 and day % 3 == number:
        return True
    if at(4, 10) <= minute < at(4, 10, 40):
        return True
    if at(10, 14) <= minute < at(10, 15) and region == "eu":
        return True
    hourly = day in (16, 17) and within % 60 == 30
    return hourly and (minute - at(16)) // 60 % 3 == number


def records(run: Callable[..., Record]) -> Iterator[Record]:
    """All of the month."""
    for number, region in enumerate(REGIONS):
        phase_ms = number * MINUTE_MS
        yield Schedule(
            journey="checkout",
            region=region,
            from_ms=BEGIN_MS,
            every_ms=5 * MINUTE_MS,
            phase_ms=phase_ms,
        )
        for minute in range(0, at(DAYS), 5):
            if not at(20, 2) <= minute < at(20, 5):
                outcome = Outcome.FAILED if failed(minute, region) else Outcome.PASSED
                yield run(BEGIN_MS + minute * MINUTE_MS + phase_ms, outcome, region=region)


def looks() -> list[int]:
    """The minutes that are judged: often where much happens in an hour."""
    close = [
        *range(at(4, 9, 30), at(4, 18), 5),
        *range(at(10, 13, 30), at(10, 22), 5),
        *range(at(20, 1, 30), at(20, 6), 5),
    ]
    return sorted({*range(60, at(25), 60), *close})


@pytest.fixture(scope="module")
def contract() -> Contract:
    text = build_contract(
        target="99.5%", window="30d", min_runs=600, min_coverage="90%", max_staleness="15m"
    )
    return parse(text, "checkout.slo.yaml")


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory, contract: Contract) -> Path:
    """The journal."""
    path = tmp_path_factory.mktemp("month") / "journal.db"
    journal = Journal.open(path, rules_of([contract]), now_ms=1)
    journal.write(records(build_run), now_ms=1)
    journal.close()
    return path


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    there = Receiver()
    yield there
    there.close()


def heard(receiver: Receiver) -> list[Told]:
    """What was told, each message once however often it came."""
    messages = {message["id"]: message for message in receiver.messages}
    return [
        Told(
            _minute(message["at"]),
            each["status"] == "firing",
            each["state"] or ("WARNING" if each["rule"] == "budget" else each["rule"]),
            each["region"] or "",
        )
        for message in messages.values()
        for each in message["alerts"]
    ]


def _minute(moment: str) -> int:
    return (moment_ms(moment) - LAG_MS - BEGIN_MS) // MINUTE_MS


def look(watch: Watch, minute: int) -> None:
    watch.look_at(BEGIN_MS + minute * MINUTE_MS + LAG_MS)


def ringing(minute: int) -> set[tuple[str, ...]]:
    """What fires after a look, as an Alertmanager calls it."""
    found: set[tuple[str, ...]] = set()
    for each in expected():
        if each.minute <= minute:
            name = "budget-warning" if each.alert == "WARNING" else each.alert
            key = tuple(filter(None, (name, each.region)))
            (found.add if each.begins else found.discard)(key)
    return found


def test_a_month_tells_exactly_what_was_worked_out_by_hand(
    month: Path,
    contract: Contract,
    receiver: Receiver,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    alertmanager = Alertmanager(tmp_path_factory.mktemp("alertmanager"))
    told = channels(("webhook", receiver.url), ("alertmanager", alertmanager.url), default="oncall")
    watch = Watch(month, tmp_path, contract, told, BEGIN_MS, real_time=True)
    changes = {each.minute for each in expected()}
    try:
        for minute in looks():
            look(watch, minute)
            if minute in changes:
                assert set(alertmanager.firing()) == ringing(minute)
    finally:
        watch.close()
        alertmanager.close()
    assert sorted(heard(receiver)) == sorted(expected())


def test_restarts_at_awkward_moments_change_nothing(
    month: Path, contract: Contract, receiver: Receiver, tmp_path: Path
) -> None:
    """Killed between a look and the telling, and between an acknowledgement and its note."""
    told = channels(("webhook", receiver.url), default="oncall")
    watch = Watch(month, tmp_path, contract, told, BEGIN_MS, real_time=True)
    changes = {each.minute for each in expected()}
    for number, minute in enumerate(looks()):
        before = watch.place().read_text() if watch.place().exists() else None
        if minute in changes and number % 2:
            watch.alerts.look(BEGIN_MS + minute * MINUTE_MS + LAG_MS)
            watch.restart()
            watch.post.deliver()
        else:
            look(watch, minute)
        if minute in changes and number % 3 == 0 and before is not None:
            watch.place().write_text(before)
            watch.restart()
        if number % 50 == 0:
            watch.restart()
    watch.close()
    assert sorted(heard(receiver)) == sorted(expected())
    assert len(receiver.messages) > len({message["id"] for message in receiver.messages})
