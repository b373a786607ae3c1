"""The stage under a journey: steps, statuses, and whose host it was."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from prober.agent.recorder import (
    KEPT_LINES,
    MOST_ASSERTIONS,
    MOST_STEPS,
    Recorder,
    TargetAnswered,
)
from prober.errors import SecretMissing, StepMisuse
from prober.journey import Statuses
from prober.model import Outcome

HOST = "shop.example"


def recorder(*hosts: str, told: list[dict[str, Any]] | None = None) -> Recorder:
    heard: list[dict[str, Any]] = [] if told is None else told
    return Recorder(heard.append, {"key": "value"}, hosts or (HOST,))


@pytest.mark.parametrize(
    ("listed", "url", "first"),
    [
        ("shop.example", "https://shop.example/cart", True),
        ("shop.example", "https://shop.example:8443/cart", True),
        ("shop.example", "https://SHOP.example/", True),
        ("Shop.Example", "https://shop.example/", True),
        ("shop.example:443", "https://shop.example/", True),
        ("shop.example:80", "http://shop.example/", True),
        ("shop.example:80", "https://shop.example/", False),
        ("shop.example:8080", "http://shop.example:9090/", False),
        ("*.shop.example", "https://api.shop.example/", True),
        ("*.shop.example", "https://shop.example.evil.example/", False),
        ("shop.example", "https://notshop.example/", False),
        ("shop.example", "https://evil.example/?shop.example", False),
        ("[::1]:8000", "http://[::1]:8000/", True),
        ("127.0.0.1:8000", "http://127.0.0.1:8000/", True),
        ("shop.example", "data:text/html,shop.example", False),
        ("shop.example", "about:blank", False),
        ("*", "https://[object", False),
        ("*", "http://localhost:undefined/api", False),
        ("*", 'https://shop.example:8443"', False),
    ],
)
def test_first_party_is_what_the_region_lists(listed: str, url: str, first: bool) -> None:
    assert recorder(listed).is_first_party(url) is first


def test_replies_are_counted_by_class_and_party() -> None:
    stage = recorder()
    for status in (200, 204, 302, 404, 503):
        stage.replied(f"https://{HOST}/", status, decisive=False)
    stage.replied("https://cdn.example/", 200, decisive=False)
    stage.went_unanswered("https://cdn.example/", "reset", decisive=False)
    stage.went_unanswered(f"https://{HOST}/x", "refused", decisive=False)
    assert stage.responses == {"2xx": 2, "3xx": 1, "4xx": 1, "5xx": 1, "none": 1}
    assert stage.third_party == {"2xx": 1, "none": 1}
    assert stage.failed_requests[2:] == [
        "https://cdn.example/: reset", f"https://{HOST}/x: refused",
    ]  # fmt: skip


def test_a_refusal_of_the_target_is_kept_with_method_address_and_status() -> None:
    stage = recorder()
    stage.replied(f"https://{HOST}/api/pay", 500, decisive=False, method="POST")
    stage.replied(f"https://{HOST}/logo.png", 404, decisive=False)
    stage.replied(f"https://{HOST}/cart", 399, decisive=False)
    stage.replied("https://cdn.example/ads.js", 503, decisive=False)
    stage.replied(f"https://{HOST}/", 502, decisive=True)
    assert stage.failed_requests == [
        f"POST https://{HOST}/api/pay: 500",
        f"GET https://{HOST}/logo.png: 404",
        f"GET https://{HOST}/: 502",
    ]


def test_an_answer_that_the_step_accepts_is_no_request_that_failed() -> None:
    stage = recorder()
    with stage.step("a basket that is gone", 404):
        stage.replied(f"https://{HOST}/basket/1", 404, decisive=True)
        stage.replied(f"https://{HOST}/logo.png", 404, decisive=False)
    assert stage.failed_requests == [f"GET https://{HOST}/logo.png: 404"]


def test_errors_of_the_page_are_counted_by_whose_code_they_are_of() -> None:
    stage = recorder()
    for url in (f"https://{HOST}/app.js", "", "https://cdn.example/ads.js"):
        stage.erred(f"error: {url}", url)
    stage.said("warning: old")
    assert stage.page_errors == {"first_party": 2, "third_party": 1}
    assert len(stage.console) == 4


@pytest.mark.parametrize(
    ("accepted", "status", "fails"),
    [
        (None, 399, False),
        (None, 400, True),
        (None, 500, True),
        (404, 404, False),
        (404, 500, True),
        ({401, 403}, 403, False),
        ([401, 403], 404, True),
        ("any", 599, False),
    ],
)
def test_a_step_accepts_what_it_says(accepted: Statuses, status: int, fails: bool) -> None:
    stage = recorder()

    def visit() -> None:
        with stage.step("open", accepted):
            stage.replied(f"https://{HOST}/", status, decisive=True)

    if fails:
        with pytest.raises(TargetAnswered, match=f"{HOST}/ answered {status}"):
            visit()
    else:
        visit()
    assert stage.steps[0]["outcome"] is (Outcome.FAILED if fails else Outcome.PASSED)


def test_an_exception_of_the_step_is_not_replaced() -> None:
    stage = recorder()

    def visit() -> None:
        with stage.step("open", None):
            stage.replied(f"https://{HOST}/", 500, decisive=True)
            raise KeyError

    with pytest.raises(KeyError):
        visit()
    assert stage.refused


def test_steps_do_not_nest_and_do_not_go_on_for_ever() -> None:
    stage = recorder()
    with stage.step("outer", None), pytest.raises(StepMisuse, match="inside step 'outer'"):
        stage.step("inner", None).__enter__()
    for number in range(MOST_STEPS - 1):
        with stage.step(str(number), None):
            pass
    with pytest.raises(StepMisuse, match="at most"):
        stage.step("more", None).__enter__()


def test_the_supervisor_hears_of_a_step_at_both_ends() -> None:
    told: list[dict[str, Any]] = []
    stage = recorder(told=told)
    with stage.step("open", None):
        assert told == [{"at": "step", "name": "open"}]
    assert [event["at"] for event in told] == ["step", "stepped"]
    assert told[1]["offset_us"] == 0
    assert stage.duration_us == told[1]["duration_us"]


def test_the_supervisor_hears_of_an_assertion_before_and_after() -> None:
    told: list[dict[str, Any]] = []
    stage = recorder(told=told)
    with stage.assertion("order-total"):
        assert told == [{"at": "assertion", "name": "order-total", "held": None}]
    assert told[1:] == [{"at": "assertion", "name": "order-total", "held": True}]


@pytest.mark.parametrize("error", [AssertionError, TimeoutError, KeyError, KeyboardInterrupt])
def test_an_assertion_does_not_hold_when_its_block_raises(error: type[BaseException]) -> None:
    stage = recorder()
    with pytest.raises(error), stage.assertion("order-total"):
        raise error
    assert stage.held == {"order-total": False}


@pytest.mark.parametrize(
    ("raises", "held"),
    [
        pytest.param([False, False], True, id="it held each time"),
        pytest.param([True, False], False, id="it did not at first"),
        pytest.param([False, True], False, id="it did not in the end"),
    ],
)
def test_an_assertion_asked_twice_must_hold_each_time(raises: list[bool], held: bool) -> None:
    told: list[dict[str, Any]] = []
    stage = recorder(told=told)
    for each in raises:
        with suppress(AssertionError), stage.assertion("price"):
            assert not each
    assert stage.held == {"price": held}
    assert told[-1]["held"] is held


def test_an_assertion_does_not_hold_on_a_page_that_was_refused_in_it() -> None:
    stage = recorder()
    with stage.assertion("profile"):
        stage.replied(f"https://{HOST}/", 500, decisive=True)
    with stage.assertion("menu"):
        pass
    assert stage.held == {"profile": False, "menu": True}


def test_names_of_assertions_made_in_a_loop_are_stopped() -> None:
    stage = recorder()
    for number in range(MOST_ASSERTIONS):
        with stage.assertion(f"item-{number}"):
            pass
    with stage.assertion("item-0"):
        pass
    with pytest.raises(StepMisuse, match="at most 100 named assertions"):
        stage.assertion("more").__enter__()


def test_a_secret_is_read_by_name_only() -> None:
    assert recorder().secret("key") == "value"
    with pytest.raises(SecretMissing, match="'other' is not the journey's to read"):
        recorder().secret("other")


def test_a_page_that_never_stops_talking_fills_no_memory() -> None:
    stage = recorder()
    for _ in range(1000):
        stage.said("x" * 1_000_000)
        stage.went_unanswered("https://a.example/" + "x" * 1_000_000, "reset", decisive=False)
    assert len(stage.console) == len(stage.failed_requests) == KEPT_LINES
    assert sum(map(len, stage.console + stage.failed_requests)) < 1_000_000


def test_a_target_that_never_stops_refusing_fills_no_memory() -> None:
    stage = recorder()
    for _ in range(1000):
        stage.replied(f"https://{HOST}/" + "x" * 1_000_000, 500, decisive=False)
    assert len(stage.failed_requests) == KEPT_LINES
    assert sum(map(len, stage.failed_requests)) < 1_000_000
