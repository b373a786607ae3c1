"""Telling people: each thing once and in order, over restarts, outages and refusals."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prober.evaluator.alerts.channels import Way, WayId
from prober.evaluator.alerts.courier import send
from prober.evaluator.alerts.message import Message
from prober.model import Record
from prober.slo.contract import Contract
from prober.slo.format import parse
from prober.telemetry.timing import Timing
from tests.evaluator.alerts.test_alerts import EVERY_MS, NOON_MS, REGIONS, outage, runs
from tests.evaluator.alerts.test_message import SEEN, news
from tests.evaluator.hearing import Alertmanager, Receiver, rung
from tests.evaluator.watch import MINUTE_MS, URL, Watch, channels, one_rule

#: It begins at noon, and is over twenty minutes after its last failure.
SHORT = outage(0, 5)
BEGUN, OVER = 5, 30


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    there = Receiver()
    yield there
    there.close()


@pytest.fixture
def other() -> Iterator[Receiver]:
    there = Receiver()
    yield there
    there.close()


@pytest.fixture
def watch(
    tmp_path: Path,
    run: Callable[..., Record],
    schedule: Callable[..., Record],
    contract_text: Callable[..., str],
    journal: Callable[..., Path],
    receiver: Receiver,
) -> Iterator[Callable[..., Watch]]:
    """`watch(failed, told=…, contract=…)`: one that tells a receiver, unless told otherwise."""
    made: list[Watch] = []

    def build(
        failed: Mapping[str, Iterable[int]],
        told: Any = None,
        *,
        real_time: bool = False,
        **more: Any,
    ) -> Watch:
        contract = more.pop("contract", one_rule)(
            parse(contract_text(target="99.9%", window="30d"), "checkout.slo.yaml")
        )
        schedules = [schedule(EVERY_MS, each, NOON_MS - 120 * MINUTE_MS) for each in REGIONS]
        path = journal([*schedules, *runs(run, failed, **more)])
        told = told or channels(("webhook", receiver.url))
        made.append(Watch(path, tmp_path, contract, told, NOON_MS, real_time=real_time))
        return made[-1]

    yield build
    for each in made:
        each.close()


# Each thing once


def test_an_outage_is_told_when_it_begins_and_when_it_is_over(
    watch: Callable[..., Watch], receiver: Receiver
) -> None:
    watch(SHORT).until(OVER)
    assert receiver.told == [("firing", "fast"), ("resolved", "fast")]


def test_a_restart_tells_nothing_again(watch: Callable[..., Watch], receiver: Receiver) -> None:
    there = watch(SHORT)
    for minute in range(OVER + 1):
        there.restart()
        there.at(minute)
        there.restart()
    assert receiver.told == [("firing", "fast"), ("resolved", "fast")]


def test_what_was_acknowledged_before_a_kill_is_sent_again_under_the_same_id(
    watch: Callable[..., Watch], receiver: Receiver
) -> None:
    there = watch(SHORT)
    there.at(0)
    before = there.place().read_text()
    there.at(BEGUN)
    there.place().write_text(before)
    there.restart()
    there.at(BEGUN + 1)
    first, again = receiver.heard
    assert first.text == again.text
    assert first.headers["idempotency-key"] == again.headers["idempotency-key"] == first.body["id"]
    there.until(OVER, start=BEGUN + 2)
    assert [each["status"] for each in receiver.messages] == ["firing", "firing", "resolved"]


def test_all_that_begins_at_one_look_is_one_message(
    watch: Callable[..., Watch], receiver: Receiver
) -> None:
    there = watch(outage(0, 30), contract=_usual)
    there.at(30)
    (message,) = receiver.messages
    assert {each["rule"] for each in message["alerts"]} >= {"page-fast", "page-slow", "budget"}
    assert message["severity"] == "page"
    assert message["alerts"][0]["rule"] == "page-fast"


# What is in the way


def test_a_receiver_that_was_down_hears_everything_in_order(
    watch: Callable[..., Watch], receiver: Receiver
) -> None:
    there = watch(outage(0, 5) | {"eu": [1, 61], "sa": [2, 62], "uk": [3, 63], "us": [4, 64]})
    there.at(0)
    receiver.close()
    there.until(95)
    assert there.troubles[0].startswith("oncall.webhook-0: 4 alerts wait, for ")
    assert there.readings["prober.notifications.waiting", "webhook-0"] == 4
    assert there.readings["prober.notifications.age", "webhook-0"] > 3600
    assert there.readings["prober.notifications.failing", "webhook-0"] == 1
    there.restart()
    receiver.open()
    there.at(96)
    assert receiver.told == [("firing", "fast"), ("resolved", "fast")] * 2
    assert there.troubles == []
    assert there.readings["prober.notifications.waiting", "webhook-0"] == 0


@pytest.mark.parametrize("status", [302, 307, 404, 500])
def test_only_a_status_of_the_200_class_is_an_acknowledgement(
    watch: Callable[..., Watch], receiver: Receiver, other: Receiver, status: int
) -> None:
    receiver.status, receiver.headers = status, {"Location": other.url}
    there = watch(SHORT)
    there.until(BEGUN + 2)
    assert [str(status) in each for each in there.troubles] == [True]
    assert other.asked == []
    receiver.status = 204
    there.at(BEGUN + 3)
    assert receiver.told == [("firing", "fast")]


def test_a_way_that_fails_holds_no_other_back(
    watch: Callable[..., Watch], receiver: Receiver, other: Receiver
) -> None:
    receiver.status = 503
    there = watch(SHORT, channels(("webhook", receiver.url), ("webhook", other.url)))
    there.until(OVER)
    assert receiver.told == []
    assert other.told == [("firing", "fast"), ("resolved", "fast")]
    assert [each.split(":")[0] for each in there.troubles] == ["oncall.webhook-0"]


def test_a_way_that_hangs_holds_no_other_back(
    watch: Callable[..., Watch],
    receiver: Receiver,
    other: Receiver,
    until: Callable[..., Any],
) -> None:
    receiver.awake.clear()
    there = watch(SHORT, channels(("webhook", receiver.url), ("webhook", other.url)))
    for minute in range(OVER + 1):
        there.now_ms = NOON_MS + (minute + 1) * MINUTE_MS
        there.alerts.look(there.now_ms)
        there.post.carry_on()
    until(lambda: other.told == [("firing", "fast"), ("resolved", "fast")])
    assert receiver.told == []
    receiver.awake.set()
    until(lambda: receiver.told == [("firing", "fast"), ("resolved", "fast")])


def test_a_way_that_refuses_is_tried_again_by_itself(
    watch: Callable[..., Watch], receiver: Receiver, until: Callable[..., Any]
) -> None:
    receiver.status = 500
    there = watch(SHORT)
    there.post.timing = Timing(first_s=0.01, longest_s=0.05)
    for courier in there.post._couriers.values():
        courier.timing = there.post.timing
    there.alerts.look(NOON_MS + (BEGUN + 1) * MINUTE_MS)
    there.post.carry_on()
    until(lambda: len(receiver.asked) > 2)
    receiver.status = 200
    until(lambda: there.troubles == [])
    assert receiver.told == [("firing", "fast")]
    there.post.stop()


def test_a_damaged_place_has_what_fires_told_anew_under_the_same_id(
    watch: Callable[..., Watch], receiver: Receiver
) -> None:
    there = watch(SHORT)
    there.until(BEGUN)
    there.place().write_text("{")
    there.restart()
    there.at(BEGUN + 1)
    first, again = receiver.messages
    assert first["id"] == again["id"]
    there.until(OVER, start=BEGUN + 2)
    assert receiver.told[2:] == [("resolved", "fast")]


def test_a_log_that_was_changed_tells_nobody_and_says_so(
    watch: Callable[..., Watch], receiver: Receiver
) -> None:
    there = watch(SHORT)
    there.at(BEGUN)
    whole = there.audit.path.read_text()
    there.audit.path.write_text(whole.replace("page", "pace"))
    there.post = type(there.post)(
        type(there.audit)(there.audit.path), there.directory, there.channels, (there.contract,), URL
    )
    there.post.deliver()
    assert there.troubles[0].startswith("nobody is told of anything: ")
    assert len(receiver.heard) == 1
    there.audit.path.write_text(whole)
    there.restart()
    there.until(OVER, start=BEGUN + 1)
    assert receiver.told == [("firing", "fast"), ("resolved", "fast")]


# Who is told


def test_a_way_that_is_added_later_begins_with_what_fires_now(
    watch: Callable[..., Watch], receiver: Receiver, other: Receiver
) -> None:
    there = watch(outage(0, 5) | {"eu": [1, 61], "sa": [2, 62], "uk": [3, 63], "us": [4, 64]})
    there.until(66)
    there.channels = channels(("webhook", receiver.url), ("webhook", other.url))
    there.restart()
    there.until(68, start=67)
    assert receiver.told == [("firing", "fast"), ("resolved", "fast"), ("firing", "fast")]
    assert other.told == [("firing", "fast")]


def test_a_way_that_comes_back_is_told_no_old_stories(
    watch: Callable[..., Watch], receiver: Receiver, other: Receiver
) -> None:
    both = channels(("webhook", receiver.url), ("webhook", other.url))
    there = watch(SHORT, both)
    there.at(0)
    there.post.go_by((there.contract,), channels(("webhook", receiver.url)))
    there.until(OVER, start=1)
    there.post.go_by((there.contract,), both)
    there.at(OVER + 1)
    assert (len(receiver.told), other.told) == (2, [])


def test_pages_tickets_and_states_go_to_whom_the_contract_names(
    watch: Callable[..., Watch], receiver: Receiver, other: Receiver
) -> None:
    leaders = Receiver()
    told = channels(
        ("webhook", receiver.url),
        team=(("webhook", other.url),),
        leaders=(("webhook", leaders.url),),
    )
    routes = {"page": "oncall", "WARNING": "leaders", "EXHAUSTED": "leaders"}
    there = watch(
        outage(0, 60),
        replace(told, default="team"),
        contract=lambda contract: _routed(contract, **routes),
    )
    there.until(62)
    leaders.close()
    assert {rule for _, rule, *_ in receiver.told} == {"page-fast", "page-slow"}
    assert leaders.told == [("firing", "WARNING"), ("firing", "EXHAUSTED")]
    assert ("firing", "CRITICAL") in other.told
    assert {rule for _, rule, *_ in other.told} >= {"notification", "ticket-fast", "postmortem"}


def test_what_has_no_route_is_told_to_nobody(
    watch: Callable[..., Watch], receiver: Receiver
) -> None:
    there = watch(SHORT, contract=lambda contract: one_rule(contract, ticket="oncall"))
    there.until(OVER)
    assert receiver.asked == []


def test_who_was_told_of_a_beginning_is_told_of_its_end_whatever_became_of_the_contract(
    watch: Callable[..., Watch], receiver: Receiver
) -> None:
    there = watch(SHORT)
    there.until(BEGUN)
    there.contract = replace(there.contract, name="renamed")
    there.restart()
    there.at(BEGUN + 1)
    assert ("resolved", "fast") in receiver.told


def test_a_state_is_told_when_it_is_entered_and_left_and_not_while_nobody_knows(
    watch: Callable[..., Watch], receiver: Receiver
) -> None:
    """Silence makes the state UNKNOWN; what was told of it before still stands."""
    there = watch(
        outage(0, 25),
        contract=_states_only,
        silent={region: range(60, 150) for region in REGIONS},
    )
    there.until(178, step=2)
    states = [entry.body["to"] for entry in there.audit.entries("state")]
    assert states == ["FULL", "CAUTION", "WARNING", "UNKNOWN", "WARNING"]
    assert receiver.told.count(("firing", "WARNING")) == 1
    assert ("resolved", "budget") not in receiver.told


def _renamed(contract: Contract) -> Contract:
    """Its window has another name."""
    return replace(contract, windows=(replace(contract.windows[0], name="month"),))


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(_renamed, id="window"),
        pytest.param(lambda contract: replace(contract, name="renamed"), id="contract"),
        pytest.param(
            lambda contract: replace(
                contract, objectives=(replace(contract.objectives[0], name="renamed"),)
            ),
            id="objective",
        ),
    ],
)
def test_who_was_told_of_a_state_is_told_of_its_end_whatever_became_of_its_budget(
    watch: Callable[..., Watch],
    receiver: Receiver,
    other: Receiver,
    changed: Callable[[Contract], Contract],
) -> None:
    """A way that is new hears of the budget that is judged now, and of no other."""
    there = watch(outage(0, 60), contract=_states_only)
    there.until(62, step=2)
    there.contract = changed(there.contract)
    there.channels = channels(("webhook", receiver.url), ("webhook", other.url))
    there.restart()
    there.at(63)
    assert receiver.told.count(("resolved", "budget")) == 1
    assert ("resolved", "budget") not in other.told
    assert other.told.count(("firing", "EXHAUSTED")) == 1
    there.restart()
    there.at(64)
    assert receiver.told.count(("resolved", "budget")) == 1
    (end,) = (
        each
        for message in receiver.messages
        for each in message["alerts"]
        if (each["status"], each["rule"]) == ("resolved", "budget")
    )
    assert "budget is no longer judged after " in end["text"]
    assert end["since"] < end["ended"]


def test_a_state_that_nobody_knows_any_more_ends_with_its_budget(
    watch: Callable[..., Watch], receiver: Receiver
) -> None:
    there = watch(outage(0, 25), contract=_states_only, last=60)
    there.until(140, step=10)
    assert there.audit.entries("state")[-1].body["to"] == "UNKNOWN"
    assert ("resolved", "budget") not in receiver.told
    there.contract = _renamed(there.contract)
    there.restart()
    there.at(141)
    assert receiver.told.count(("resolved", "budget")) == 1


def test_a_state_that_an_older_version_left_without_a_budget_is_told_to_be_over(
    watch: Callable[..., Watch], receiver: Receiver
) -> None:
    there = watch({}, contract=_states_only)
    budget = {"slo": "checkout", "objective": "availability", "window": "before"}
    entry = {**budget, "from": "CRITICAL", "to": "EXHAUSTED", "consumed": "1", "reason": None}
    there.audit.append("state", entry, NOON_MS - MINUTE_MS)
    there.restart()
    there.post.deliver()
    assert receiver.told == [("firing", "EXHAUSTED")]
    there.at(0)
    assert receiver.told == [("firing", "EXHAUSTED"), ("resolved", "budget")]
    assert receiver.messages[-1]["since"] == "1970-04-10T23:59:00Z"


def test_a_budget_that_comes_back_is_told_of_anew(
    watch: Callable[..., Watch], receiver: Receiver
) -> None:
    there = watch(outage(0, 60), contract=_states_only)
    there.until(62, step=2)
    before = there.contract
    for contract in (_renamed(before), before):
        there.contract = contract
        there.restart()
        there.at(63)
    assert receiver.told.count(("firing", "EXHAUSTED")) == 3


# What is sent


def test_a_webhook_sees_by_its_signature_who_sent_a_message(
    watch: Callable[..., Watch], receiver: Receiver
) -> None:
    way = Way(
        id=WayId("oncall", "webhook-0"),
        kind="webhook",
        url=receiver.url,
        secret="correct-horse",
        headers={"Authorization": "Bearer battery"},
    )
    there = watch(SHORT, replace(channels(), ways={"oncall": (way,)}))
    there.at(BEGUN)
    (request,) = receiver.heard
    digest = hmac.new(b"correct-horse", request.text.encode(), hashlib.sha256).hexdigest()
    assert request.headers["prober-signature"] == f"sha256={digest}"
    assert request.headers["authorization"] == "Bearer battery"
    assert request.headers["content-type"] == "application/json"
    assert "correct-horse" not in repr(way)
    assert receiver.url not in repr(way)


def test_a_page_s_words_call_nobody_in_a_chat(receiver: Receiver) -> None:
    run = SEEN["run"] | {"message": "<!channel> @everyone"}
    message = Message.of([news(seen=SEEN | {"run": run})], URL)
    address = f"json://127.0.0.1:{receiver.port}/"
    way = Way(id=WayId("oncall", "chat"), kind="apprise", url=address)
    assert send(way, message) == ""
    (told,) = receiver.heard
    assert "“‹!channel› ＠everyone”" in told.body["message"]
    assert f"SLO: {URL}/slo/checkout" in told.body["message"]


def test_apprise_is_told_in_short_text(watch: Callable[..., Watch], receiver: Receiver) -> None:
    address = f"json://127.0.0.1:{receiver.port}/"
    there = watch(SHORT, channels(("apprise", address)))
    there.until(OVER)
    first, last = (request.body for request in receiver.heard)
    assert first["title"] == "[page] Checkout completes: users fail"
    assert "- page fast: availability burns at " in first["message"]
    assert f"SLO: {URL}/slo/checkout" in first["message"]
    assert last["title"] == "[resolved] Checkout completes: users get through again"


def test_apprise_says_that_it_could_not_deliver(
    watch: Callable[..., Watch], receiver: Receiver
) -> None:
    receiver.status = 500
    there = watch(SHORT, channels(("apprise", f"json://127.0.0.1:{receiver.port}/")))
    there.at(BEGUN)
    assert there.troubles[0].startswith("oncall.apprise-0: 1 alert waits")
    receiver.status = 200
    there.at(BEGUN + 1)
    assert (there.troubles, len(receiver.heard)) == ([], 1)


# Silences


def test_what_still_fires_when_a_silence_ends_is_told_then(
    watch: Callable[..., Watch], receiver: Receiver
) -> None:
    there = watch(outage(0, 40))
    there.at(0)
    there.ask("silence-add", slos=["checkout"], lasts="20m", by="ann", reason="a new database")
    there.until(19, start=1)
    assert receiver.asked == []
    assert there.audit.entries("alert"), "it is judged all the same"
    there.restart()
    there.at(21)
    assert fast(receiver) == ["firing"]
    there.until(70, start=22)
    assert fast(receiver) == ["firing", "resolved"]


def test_what_began_and_ended_in_a_silence_is_never_told(
    watch: Callable[..., Watch], receiver: Receiver
) -> None:
    there = watch(SHORT)
    there.at(0)
    there.ask("silence-add", everything=True, lasts="1h", by="ann", reason="a new database")
    there.until(90, start=1)
    assert receiver.asked == []
    assert [e.body["phase"] for e in there.audit.entries("alert")] == ["firing", "resolved"]


def test_what_began_and_ended_in_a_silence_is_not_told_by_a_receiver_that_was_down(
    watch: Callable[..., Watch], receiver: Receiver
) -> None:
    there = watch(outage(0, 5) | {"eu": [1, 61], "sa": [2, 62], "uk": [3, 63], "us": [4, 64]})
    receiver.status = 500
    there.until(59)
    there.ask("silence-add", everything=True, lasts="1h", by="ann", reason="a new database")
    there.until(125, start=60)
    receiver.status = 200
    there.at(126)
    assert receiver.told == [("firing", "fast"), ("resolved", "fast")]


def test_an_end_within_a_silence_is_told_after_it(
    watch: Callable[..., Watch], receiver: Receiver
) -> None:
    there = watch(SHORT)
    there.until(BEGUN)
    there.ask("silence-add", journeys=["checkout"], lasts="1h", by="ann", reason="enough of it")
    there.until(60, start=BEGUN + 1)
    assert receiver.told == [("firing", "fast")]
    there.until(70, start=61)
    assert receiver.told == [("firing", "fast"), ("resolved", "fast")]


def test_a_silence_that_is_ended_by_hand_keeps_nothing_back(
    watch: Callable[..., Watch], receiver: Receiver
) -> None:
    there = watch(outage(0, 40))
    there.at(0)
    about = {"slos": ["checkout"], "by": "ann", "reason": "a new database"}
    silence = there.ask("silence-add", **about, lasts="20m")["silence"]
    there.until(BEGUN + 1, start=1)
    there.ask("silence-end", id=silence["id"], by="bob")
    there.at(BEGUN + 2)
    assert receiver.told == [("firing", "fast")]


def test_a_silence_of_a_region_keeps_back_what_is_about_it_alone(
    watch: Callable[..., Watch], receiver: Receiver
) -> None:
    failing = {"eu": range(1, 30, 5), "us": range(4, 30, 5)}
    there = watch(failing, contract=_usual)
    there.ask("silence-add", everything=True, region="eu", lasts="3h", by="ann", reason="a cable")
    there.until(30)
    assert ("firing", "regional", "us") in receiver.told
    assert ("firing", "regional", "eu") not in receiver.told
    assert ("firing", "page-fast") in receiver.told


def test_a_silence_of_a_rule_keeps_back_no_other(
    watch: Callable[..., Watch], receiver: Receiver
) -> None:
    there = watch(outage(0, 30), contract=_usual)
    there.ask("silence-add", everything=True, rule="page-fast", lasts="3h", by="ann", reason="x")
    there.until(30)
    rules = {rule for _, rule, *_ in receiver.told}
    assert "page-slow" in rules
    assert "page-fast" not in rules


# Alertmanager


@pytest.fixture
def alertmanager(
    receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Alertmanager]:
    """A real one, which tells the receiver."""
    there = Alertmanager(tmp_path_factory.mktemp("alertmanager"), receiver.url)
    yield there
    there.close()


def test_an_alertmanager_rings_once_for_an_outage_and_once_for_its_end(
    watch: Callable[..., Watch],
    alertmanager: Alertmanager,
    receiver: Receiver,
    until: Callable[..., Any],
) -> None:
    there = watch(SHORT, channels(("alertmanager", alertmanager.url)), real_time=True)
    there.until(BEGUN)
    (alert,) = alertmanager.firing().values()
    assert alert["labels"] == {
        "alertname": "fast",
        "slo": "checkout",
        "journey": "checkout",
        "objective": "availability",
        "window": "rolling",
        "severity": "page",
    }
    assert alert["startsAt"].startswith("1970-04-11T00:00:00")
    assert alert["generatorURL"] == f"{URL}/slo/checkout"
    assert alert["annotations"]["summary"] == "[page] Checkout completes: users fail"
    until(lambda: rung(receiver) == [("firing", "fast")])
    there.restart()
    there.until(OVER - 10, start=BEGUN + 1)
    assert alertmanager.firing()["fast",]["startsAt"] == alert["startsAt"]
    assert alertmanager.firing()["fast",]["endsAt"] >= alert["endsAt"]
    there.restart()
    there.until(OVER, start=OVER - 9)
    assert alertmanager.firing() == {}
    until(lambda: rung(receiver) == [("firing", "fast"), ("resolved", "fast")])


def test_an_alertmanager_that_was_away_learns_what_fires_and_what_is_over(
    watch: Callable[..., Watch], alertmanager: Alertmanager
) -> None:
    there = watch(SHORT, channels(("alertmanager", alertmanager.url)), real_time=True)
    there.at(0)
    alertmanager.stop()
    there.until(BEGUN)
    assert there.troubles[0].startswith("oncall.alertmanager-0: 1 alert waits")
    alertmanager.start()
    there.at(BEGUN + 1)
    assert list(alertmanager.firing()) == [("fast",)]
    alertmanager.stop()
    there.until(OVER, start=BEGUN + 2)
    alertmanager.start()
    there.at(OVER + 1)
    assert (alertmanager.firing(), there.troubles) == ({}, [])


def test_an_alertmanager_gets_nothing_that_is_silenced(
    watch: Callable[..., Watch], alertmanager: Alertmanager
) -> None:
    there = watch(outage(0, 40), channels(("alertmanager", alertmanager.url)), real_time=True)
    about = {"everything": True, "by": "ann", "reason": "a new database"}
    silence = there.ask("silence-add", **about, lasts="20m")["silence"]
    there.until(20)
    assert alertmanager.firing() == {}
    there.ask("silence-end", id=silence["id"], by="ann")
    there.at(21)
    assert ("fast",) in alertmanager.firing()


def test_a_state_takes_the_place_of_another_at_an_alertmanager(
    watch: Callable[..., Watch], alertmanager: Alertmanager
) -> None:
    there = watch(
        outage(0, 60),
        channels(("alertmanager", alertmanager.url)),
        real_time=True,
        contract=_states_only,
    )
    there.until(24)
    assert [name for (name, *_) in alertmanager.firing() if "budget" in name] == ["budget-warning"]
    there.until(62, start=25)
    assert [name for (name, *_) in alertmanager.firing() if "budget" in name] == [
        "budget-exhausted"
    ]


def test_an_alertmanager_rings_no_longer_for_a_budget_that_is_gone(
    watch: Callable[..., Watch], alertmanager: Alertmanager
) -> None:
    told = channels(("alertmanager", alertmanager.url))
    there = watch(outage(0, 60), told, real_time=True, contract=_states_only)
    there.until(62, step=2)
    there.contract = _renamed(there.contract)
    there.restart()
    there.at(63)
    labels = [each["labels"] for each in alertmanager.http.get("/api/v2/alerts").json()]
    budgets = [each["window"] for each in labels if each["alertname"] == "budget-exhausted"]
    assert budgets == ["month"]


def fast(receiver: Receiver) -> list[str]:
    """What it was told of one rule."""
    return [status for status, rule, *_ in receiver.told if rule == "fast"]


def _routed(contract: Contract, **routes: str) -> Contract:
    """With the usual rules."""
    return replace(contract, alerts=replace(contract.alerts, routes=routes))


def _usual(contract: Contract) -> Contract:
    return _routed(contract, page="oncall", ticket="oncall")


def _states_only(contract: Contract) -> Contract:
    return _routed(one_rule(contract), ticket="oncall")
