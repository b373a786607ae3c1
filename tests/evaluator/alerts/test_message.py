"""Messages: what stands in them, in words that somebody who was woken can act by."""

from __future__ import annotations

from typing import Any

import pytest

from prober.evaluator.alerts.message import Message, sentence
from prober.evaluator.alerts.news import News
from prober.evaluator.alerts.notices import Key

URL = "http://prober.example"
MINUTE_MS = 60_000
#: 2026-06-29 14:00 UTC.
BEGAN_MS = 1_782_741_600_000
SEEN: dict[str, Any] = {
    "journey": "checkout",
    "name": "Checkout completes",
    "description": "Customers get their order",
    "state": "CAUTION",
    "over": "30d",
    "consumed": "3/10",
    "remaining": "7/10",
    "deciding": "CAUTION",
    "actions": ["Review recent changes", "Weekly budget review"],
    "advice": "act_now",
    "reason": "availability burns at 50x",
    "incident": "From 2026-06-29 14:00 to 14:03 UTC checkout failed for users (3 of 3 failed).",
    "cost": "1/20",
    "run": {
        "id": "0af7651916cd43dd8448eb211c80319c",
        "region": "eu-west-1",
        "slot_ms": BEGAN_MS + 2 * MINUTE_MS,
        "cause": "assertion",
        "step": "pay",
        "message": "expected 42 to be 43",
    },
}
BURNS = "burns at 50x: a full budget would last 14h; 3 failures in 1h, in eu-west-1, us-east-1"


def news(rule: str = "page-fast", **changes: Any) -> News:
    given: dict[str, Any] = {
        "number": 7,
        "id": "abc",
        "at_ms": BEGAN_MS + 4 * MINUTE_MS,
        "key": Key("checkout", rule, "availability", "rolling", changes.pop("region", "")),
        "severity": "page",
        "now": "firing",
        "since_ms": BEGAN_MS,
        "text": BURNS,
        "facts": {"failures": {"eu-west-1": 2, "us-east-1": 1}},
        "cost": None,
        "seen": SEEN,
    }
    return News(**given | changes)


def test_a_page_says_all_that_somebody_who_was_woken_needs() -> None:
    message = Message.of([news()], URL)
    assert message.title == "[page] Checkout completes: users fail"
    assert message.text == (
        "What users cannot rely on: Customers get their order (journey checkout).\n"
        "From 2026-06-29 14:00 to 14:03 UTC checkout failed for users (3 of 3 failed).\n"
        "Since 2026-06-29 14:00 UTC, in eu-west-1, us-east-1:\n"
        f"- page page-fast: availability {BURNS}\n"
        "Newest failure, eu-west-1 at 2026-06-29 14:02 UTC: assertion in step “pay”: "
        "“expected 42 to be 43”.\n"
        "It cost 5% of the error budget so far.\n"
        "Error budget left: 70% over 30d, CAUTION.\n"
        "Now: act now.\n"
        "The policy for CAUTION: Review recent changes; Weekly budget review.\n"
        f"Run: {URL}/run/0af7651916cd43dd8448eb211c80319c\n"
        f"SLO: {URL}/slo/checkout"
    )


def test_an_end_says_how_long_it_lasted_and_what_it_cost() -> None:
    seen = SEEN | {"advice": "no_action", "cost": None, "state": "WARNING", "actions": []}
    over = news(now=None, cost="3/13", at_ms=BEGAN_MS + 45 * MINUTE_MS, seen=seen)
    message = Message.of([over], URL)
    assert message.title == "[resolved] Checkout completes: users get through again"
    assert message.text.splitlines()[:3] == [
        "From 2026-06-29 14:00 UTC:",
        "- page-fast is over after 45m, and took 23% of the error budget",
        "Error budget left: 70% over 30d, WARNING.",
    ]
    assert "Now: nothing needs to be done." in message.text


@pytest.mark.parametrize(
    ("about", "title", "line"),
    [
        pytest.param(
            news("regional", region="eu", severity="ticket", text="burns; 3 failures in 1h, in eu"),
            "[ticket] Checkout completes: users fail in eu",
            "ticket regional in eu: availability burns; 3 failures in 1h, in eu",
            id="regional",
        ),
        pytest.param(
            news("absent", region="eu", severity="ticket", text="no verdict from eu for 16m"),
            "[ticket] Checkout completes: a region gives no verdict in eu",
            "ticket absent in eu: no verdict from eu for 16m",
            id="absent",
        ),
        pytest.param(
            news("absent-everywhere", text="no verdict from eu, us for 16m"),
            "[page] Checkout completes: no region gives a verdict",
            "page absent-everywhere: no verdict from eu, us for 16m",
            id="absent everywhere",
        ),
        pytest.param(
            news("coverage", severity="ticket", text="coverage 80%: 20 of 100 due slots …"),
            "[ticket] Checkout completes: too many slots have no run",
            "ticket coverage: coverage 80%: 20 of 100 due slots …",
            id="coverage",
        ),
        pytest.param(
            news("validity", severity="ticket", text="validity 94%: 6 of 100 runs …"),
            "[ticket] Checkout completes: too many runs say nothing",
            "ticket validity: validity 94%: 6 of 100 runs …",
            id="validity",
        ),
        pytest.param(
            news("notification", severity="ticket", text="21% of the budget is consumed"),
            "[ticket] Checkout completes: much of the error budget is consumed",
            "ticket notification: 21% of the budget is consumed",
            id="notification threshold",
        ),
        pytest.param(
            news("postmortem", severity="ticket", text="From 14:00 checkout failed."),
            "[ticket] Checkout completes: an incident takes a postmortem",
            "ticket postmortem: From 14:00 checkout failed.",
            id="postmortem",
        ),
        pytest.param(
            news(
                "budget",
                severity="ticket",
                now="CRITICAL",
                text="availability is CRITICAL",
                facts={"consumed": "4/5", "from": "WARNING", "to": "CRITICAL"},
            ),
            "[ticket] Checkout completes: the error budget runs out, it is CRITICAL",
            "ticket budget-critical: availability is CRITICAL: 80% of its error budget is consumed",
            id="a state that is entered",
        ),
        pytest.param(
            news(
                "budget",
                severity="ticket",
                now="CRITICAL",
                text="availability is CRITICAL",
                facts={"consumed": "4/5", "from": "EXHAUSTED", "to": "CRITICAL"},
            ),
            "[ticket] Checkout completes: the error budget recovers, it is CRITICAL",
            "ticket budget-critical: availability is CRITICAL: 80% of its error budget is consumed",
            id="a state that is better than the one before",
        ),
        pytest.param(
            news("budget", now=None, at_ms=BEGAN_MS + 45 * MINUTE_MS),
            "[resolved] Checkout completes: the error budget has recovered",
            "budget is over after 45m",
            id="a state that is left",
        ),
        pytest.param(
            news("budget", now=None, at_ms=BEGAN_MS + 45 * MINUTE_MS, gone=True),
            "[resolved] Checkout completes: what was told is no longer judged",
            "budget is no longer judged after 45m",
            id="a state of a budget that is gone",
        ),
        pytest.param(
            news(now=None, at_ms=BEGAN_MS + 45 * MINUTE_MS, gone=True),
            "[resolved] Checkout completes: what was told is no longer judged",
            "page-fast is no longer judged after 45m",
            id="an alert whose rule is gone",
        ),
    ],
)
def test_each_alert_has_words_of_its_own(about: News, title: str, line: str) -> None:
    assert (Message.of([about], URL).title, sentence(about)) == (title, line)


def test_the_gravest_of_several_comes_first_and_gives_the_title() -> None:
    several = [
        news("notification", number=5, id="n", severity="ticket", text="21% is consumed"),
        news("page-slow", number=6, id="s"),
        news("ticket-fast", number=8, id="t", severity="ticket"),
        news("page-fast", number=7, id="f", now=None),
    ]
    message = Message.of(several, URL)
    assert [each.id for each in message.news] == ["s", "t", "n", "f"]
    assert (message.id, message.status, message.severity) == ("n", "firing", "page")


def test_what_is_told_is_plain_values() -> None:
    told = Message.of([news()], URL).to_dict()
    assert {**told, "text": None, "alerts": None, "run": None} == {
        "version": 1,
        "id": "abc",
        "status": "firing",
        "slo": "checkout",
        "journey": "checkout",
        "name": "Checkout completes",
        "description": "Customers get their order",
        "severity": "page",
        "at": "2026-06-29T14:04:00Z",
        "since": "2026-06-29T14:00:00Z",
        "regions": ["eu-west-1", "us-east-1"],
        "title": "[page] Checkout completes: users fail",
        "text": None,
        "alerts": None,
        "budget": {"state": "CAUTION", "consumed": "3/10", "remaining": "7/10", "over": "30d"},
        "actions": ["Review recent changes", "Weekly budget review"],
        "advice": "act_now",
        "run": None,
        "links": {
            "slo": f"{URL}/slo/checkout",
            "run": f"{URL}/run/0af7651916cd43dd8448eb211c80319c",
        },
    }
    (alert,) = told["alerts"]
    assert alert == {
        "id": "abc",
        "status": "firing",
        "rule": "page-fast",
        "state": None,
        "objective": "availability",
        "window": "rolling",
        "region": None,
        "severity": "page",
        "since": "2026-06-29T14:00:00Z",
        "since_ms": BEGAN_MS,
        "ended": None,
        "cost": None,
        "text": f"page page-fast: availability {BURNS}",
    }


def test_what_nobody_saw_is_told_without_it() -> None:
    message = Message.of([news(seen={}, facts={})], URL)
    assert message.title == "[page] checkout: users fail"
    assert message.run_url is None
    assert "budget left" not in message.text
