"""The words of a journey: the decorator, and what they do with and without a run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from http import HTTPStatus
from typing import Any

import pyotp
import pytest

from prober import assertion, cleanup, journey, secret, step, totp
from prober.agent.recorder import Recorder
from prober.emulation import Network
from prober.errors import SecretMissing
from prober.journey import Journey, asserted, declared, on_stage


def define(body: Callable[..., object], **options: Any) -> Journey:
    declared.clear()
    assert journey(**options)(body) is body
    return declared[-1][0]


def visit(page: object) -> None:
    """Looks.

    At length.
    """


def test_a_journey_is_described_by_its_function() -> None:
    found = define(visit, every="2m", timeout="30s", max_duration="1s", secrets=["key"])
    assert (found.name, found.summary, found.parameters) == ("visit", "Looks.", ("page",))
    assert (found.every_ms, found.timeout_ms, found.max_duration_ms) == (120_000, 30_000, 1000)
    assert (found.file, found.secrets, found.needs_browser) == (__file__, ("key",), True)


def test_a_definition_travels_by_pipe() -> None:
    found = define(visit, secrets=["key"])
    assert Journey.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_a_definition_travels_with_what_its_browser_passes_itself_off_as() -> None:
    found = define(
        visit, device="Pixel 7", viewport="390x844", locale="de-DE", timezone="Europe/Berlin",
        network={"latency": "150ms", "down": "2 Mbit/s", "up": "750 kbit/s"},
    )  # fmt: skip
    assert found.emulation.viewport == (390, 844)
    assert found.emulation.network == Network(latency_ms=150, down=250_000, up=93_750)
    assert Journey.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"viewport": "390"}, "viewport '390' is none, write width x height such as '390x844'"),
        ({"viewport": "0x844"}, "viewport '0x844' is none"),
        ({"viewport": "390xx844"}, "viewport '390xx844' is none"),
        ({"viewport": "10001x844"}, "viewport '10001x844' is none"),
        (
            {"viewport": (390, 844)},
            "viewport (390, 844) is none, write width x height such as '390x844'",
        ),
        ({"viewport": {"width": 390, "height": 844}}, "viewport {'width': 390, 'height': 844} is"),
        ({"device": ["Pixel 7"]}, "device ['Pixel 7'] is none, write a name of Playwright's list"),
        ({"locale": 49}, "locale 49 is not one, write one such as en-US"),
        ({"timezone": ["UTC"]}, "timezone ['UTC'] is not known, write one such as Europe/Berlin"),
        ({"network": 3}, "network 3 is not known, write one of 3g, slow-4g, fast-4g, or"),
        ({"network": {3: "g", "4": "g"}}, "network has 3, 4, write one of 3g"),
        (
            {"network": {"latency": "1s", "down": 1600, "up": "1 kbit/s"}},
            "network down 1600 is not a rate, write one such as '1600 kbit/s'",
        ),
        ({"locale": "German"}, "locale 'German' is not one, write one such as en-US"),
        ({"timezone": "Mars"}, "timezone 'Mars' is not known, write one such as Europe/Berlin"),
        ({"timezone": "../x"}, "timezone '../x' is not known"),
        ({"network": "2g"}, "network '2g' is not known, write one of 3g, slow-4g, fast-4g, or"),
        ({"network": {"latency": "1s"}}, "network has latency, write one of 3g"),
        (
            {"network": {"latency": "1", "down": "1 kbit/s", "up": "1 kbit/s"}},
            "network latency '1' is not a duration",
        ),
        (
            {"network": {"latency": "1s", "down": "fast", "up": "1 kbit/s"}},
            "network down 'fast' is not a rate, write one such as '1600 kbit/s'",
        ),
    ],
)
def test_a_browser_cannot_pass_itself_off_as_what_is_not(
    options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        define(visit, **options)


def test_without_a_page_there_is_nothing_to_pass_off() -> None:
    def call(http: object) -> None: ...

    with pytest.raises(ValueError, match="only a page has a device"):
        define(call, network="3g")


def test_a_test_becomes_a_journey_of_its_own_name() -> None:
    def test_checkout(http: object) -> None: ...

    found = define(test_checkout)
    assert (found.name, found.needs_browser) == ("checkout", False)
    assert define(test_checkout, name="other").name == "other"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"timeout": "5m"}, "timeout 5m is not below every 5m.*write timeout='150s' or less"),
        ({"every": "1"}, "every"),
        ({"every": "-1m"}, "every"),
        ({"max_duration": "fast"}, "max_duration"),
        ({"name": "Check out"}, "not a journey name"),
        ({"name": 5}, "5 is not a journey name"),
        ({"secrets": "key"}, r"write a list: secrets=\['key'\]"),
        ({"secrets": ["No Name"]}, "not a secret's name"),
        ({"browser": "firefox"}, "write one of headless-shell, chromium"),
    ],
)
def test_a_wrong_value_is_refused_with_the_mend(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        define(visit, **options)


def test_what_cannot_be_given_is_refused() -> None:
    def wants(page: object, database: object) -> None: ...

    async def later(page: object) -> None: ...

    with pytest.raises(ValueError, match="parameter database cannot be given"):
        define(wants)
    with pytest.raises(ValueError, match="it is async"):
        define(later)


def test_a_parameter_with_a_default_is_left_alone() -> None:
    def buy(page: object, item: str = "Quiet valley") -> None: ...

    assert define(buy).parameters == ("page",)


def test_outside_a_run_the_words_are_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[int] = []
    with step("outer"), step("inner", status=404):
        cleanup(lambda: ran.append(1))
        asserted()
        with assertion("order-total"):
            pass
    assert ran == []
    with pytest.raises(SecretMissing, match="set PROBER_SECRET_SHOP_KEY"):
        secret("shop_key")
    monkeypatch.setenv("PROBER_SECRET_SHOP_KEY", "value")
    assert secret("shop_key") == "value"


@pytest.fixture(params=["as a run", "by pytest"])
def stage(request: pytest.FixtureRequest) -> Iterator[Recorder]:
    """What a step acts on, where it acts at all."""
    recorder = Recorder(lambda event: None, {}, ["shop.example"])
    with on_stage(recorder) if request.param == "as a run" else nullcontext():
        yield recorder


@pytest.mark.usefixtures("stage")
@pytest.mark.parametrize("name", ["", " \n", None, 5, ["pay"]])
def test_a_step_has_a_name(name: Any) -> None:
    def pays() -> None:
        """All of it one step."""

    said = f"{name!r} is not a step's name, write what the user does in a few words"
    with pytest.raises(ValueError, match=re.escape(said)):
        step(name)
    if name is not None:  # then a journey is not one step
        with pytest.raises(ValueError, match=re.escape(said)):
            journey(step=name)(pays)


@pytest.mark.usefixtures("stage")
@pytest.mark.parametrize(
    "status", ["404", "4xx", "", "Any", {"404"}, {404, "any"}, 40, 600, 404.0, True, [[404]]]
)
def test_a_step_accepts_nothing_that_is_no_status(status: Any) -> None:
    said = f"status {status!r} is none, write 404, {{401, 403}} or 'any'"
    with pytest.raises(ValueError, match=re.escape(said)):
        step("pay", status=status)


@pytest.mark.parametrize(
    ("status", "accepted"),
    [
        (None, []),
        (404, [404]),
        (HTTPStatus.NOT_FOUND, [404]),
        ({401, 404}, [401, 404]),
        ([401, 404], [401, 404]),
        ((404,), [404]),
        (range(400, 500), [401, 404]),
        ((each for each in (401, 404)), [401, 404]),
        ((), []),
        ("any", [401, 404, 503]),
    ],
)
def test_a_step_accepts_one_status_several_or_every_one(status: Any, accepted: list[int]) -> None:
    recorder = Recorder(lambda event: None, {}, ["shop.example"])
    refused = []
    with on_stage(recorder), step("pay", status=status):
        for each in (401, 404, 503):
            recorder.replied("https://shop.example/", each, decisive=True)
            refused += [each] if recorder.refused else []
            recorder.refused = None
    assert refused == [each for each in (401, 404, 503) if each not in accepted]


@pytest.mark.parametrize("name", ["", "Order Total", "order_total", "-total", "x" * 64, 5])
def test_an_assertion_is_named_so_that_a_contract_can_name_it(name: Any) -> None:
    with pytest.raises(ValueError, match="not an assertion's name, use a-z, 0-9 and -"):
        assertion(name)


def test_outside_a_run_an_assertion_lets_its_error_through() -> None:
    with pytest.raises(AssertionError), assertion("order-total"):
        raise AssertionError


def test_on_stage_the_words_act_on_the_run() -> None:
    told: list[dict[str, Any]] = []
    recorder = Recorder(told.append, {"seed": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"}, ["shop.example"])
    with on_stage(recorder):
        with step("open"):
            asserted()
            with assertion("order-total"):
                pass
        clock = pyotp.TOTP("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
        before, told_code, after = clock.now(), totp("seed"), clock.now()
        assert told_code in (before, after)
        cleanup(print)
    assert [each["name"] for each in recorder.steps] == ["open"]
    assert (recorder.asserts, recorder.cleanups) == (1, [print])
    assert recorder.held == {"order-total": True}
    with step("after"):
        pass
    assert len(recorder.steps) == 1
