"""Each fault as a client meets it, on a real port."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from prober.demo.faults import FAULTS, PLACES, Counting, Faults, Traffic, place_of
from prober.demo.shop import Customer
from tests.conftest import PATIENCE_S, wait_until

COMMAND = [sys.executable, "-m", "prober.demo.shop", "--port", "0"]
CREDENTIALS = {"user": Customer().user, "password": Customer().password}
ADDRESS = {"name": "Ada Example", "address": "1 Test Street"}
#: A place's plainest request.
PATHS = {"checkout": "/checkout", "login": "/login", "api": "/api/account", "products": "/"}


@contextmanager
def running() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A shop's URL and process, ended however the test ends."""
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().split()[-1], process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running() as (url, _):
        yield url


@pytest.fixture
def shop(url: str) -> Iterator[httpx.Client]:
    """A customer with one print of €18.90 in the cart; the shop is healed afterwards."""
    with httpx.Client(base_url=url, follow_redirects=True, timeout=PATIENCE_S) as client:
        client.post("/login", data=CREDENTIALS)
        client.post("/cart", data={"add": "quiet-valley"})
        yield client
        client.post("/_faults", json={"fault": None})


def break_(shop: httpx.Client, fault: str, **options: object) -> None:
    shop.post("/_faults", json={"fault": fault, **options}).raise_for_status()


def ask(url: str, path: str) -> socket.socket:
    """A raw connection on which a request was sent."""
    parts = urlsplit(url)
    connection = socket.create_connection((str(parts.hostname), int(parts.port or 0)))
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
    return connection


def metric(shop: httpx.Client, name: str) -> int:
    found = re.search(rf"^{re.escape(name)} (\d+)$", shop.get("/metrics").text, re.MULTILINE)
    assert found
    return int(found[1])


def test_error_is_500_with_a_page(shop: httpx.Client) -> None:
    before = metric(shop, "shop_responses_5xx_total")
    break_(shop, "error")
    reply = shop.get("/checkout")
    assert reply.status_code == 500
    assert "<h1>Something went wrong</h1>" in reply.text
    assert metric(shop, "shop_responses_5xx_total") == before + 1


def test_error_empty_is_500_with_nothing(shop: httpx.Client) -> None:
    break_(shop, "error_empty")
    reply = shop.get("/checkout")
    assert (reply.status_code, reply.content) == (500, b"")


def test_wrong_total_is_silent(shop: httpx.Client) -> None:
    before = metric(shop, "shop_responses_5xx_total")
    break_(shop, "wrong_total")
    assert "€18.90" in shop.get("/cart").text
    assert 'aria-label="Total">€23.80<' in shop.get("/checkout").text
    confirmation = shop.post("/checkout", data=ADDRESS)
    assert confirmation.status_code == 200
    assert 'aria-label="Total">€23.80<' in confirmation.text
    assert metric(shop, "shop_responses_5xx_total") == before


def test_wrong_total_at_the_api_is_a_balance_that_is_not_the_sum(shop: httpx.Client) -> None:
    break_(shop, "wrong_total", where="api")
    token = shop.post("/api/token", json=CREDENTIALS).json()["token"]
    account = shop.get("/api/account", headers={"Authorization": f"Bearer {token}"}).json()
    cents = sum(int(order["total"].replace(".", "")) for order in account["orders"])
    assert int(account["balance"].replace(".", "")) == cents + 490


@pytest.mark.parametrize(
    ("where", "path", "button"),
    [
        pytest.param("checkout", "/checkout", "<button>Pay", id="nobody can pay"),
        pytest.param("login", "/login", "<button>Sign in", id="nobody can sign in"),
    ],
)
def test_missing_button_leaves_the_rest(
    shop: httpx.Client, where: str, path: str, button: str
) -> None:
    assert button in shop.get(path).text
    break_(shop, "missing_button", where=where)
    reply = shop.get(path)
    assert reply.status_code == 200
    assert "<label>" in reply.text
    assert button not in reply.text


def test_expired_session_lands_on_sign_in(shop: httpx.Client) -> None:
    break_(shop, "expired_session")
    reply = shop.get("/checkout")
    assert (reply.status_code, reply.url.path) == (200, "/login")
    assert "Hello, " not in shop.get("/").text


def test_expired_session_at_the_api_is_401(shop: httpx.Client) -> None:
    break_(shop, "expired_session", where="api")
    token = shop.post("/api/token", json=CREDENTIALS).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert shop.get("/api/account", headers=headers).status_code == 401


def test_slow_answers_no_sooner_than_asked(shop: httpx.Client) -> None:
    break_(shop, "slow", seconds=0.7)
    began = time.monotonic()
    assert shop.get("/checkout").status_code == 200
    assert time.monotonic() - began >= 0.7


def test_hang_never_answers_and_disturbs_nobody_else(shop: httpx.Client, url: str) -> None:
    before = metric(shop, 'shop_requests_total{route="checkout",status="none"}')
    break_(shop, "hang")
    with ask(url, "/checkout") as connection:
        connection.settimeout(0.5)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        assert shop.get("/").status_code == 200
        wait_until(lambda: metric(shop, 'shop_requests_waiting{route="checkout"}') == 1)
    # The request of the client that left does not stay open.
    wait_until(lambda: metric(shop, 'shop_requests_total{route="checkout",status="none"}') > before)


def test_reset_is_a_true_tcp_reset(shop: httpx.Client, url: str) -> None:
    break_(shop, "reset")
    with ask(url, "/checkout") as connection:
        connection.settimeout(PATIENCE_S)
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


@pytest.mark.parametrize("where", ["checkout", "login", "api", "everywhere"])
def test_a_fault_strikes_only_where_it_was_asked_for(shop: httpx.Client, where: str) -> None:
    break_(shop, "error", where=where)
    broken = {place for place, path in PATHS.items() if shop.get(path).status_code == 500}
    assert broken == ({where} if where in PATHS else set(PATHS))


def test_assets_metrics_and_the_switch_itself_never_break(shop: httpx.Client) -> None:
    break_(shop, "error", where="everywhere")
    for path in ("/static/base.css", "/metrics", "/_faults"):
        assert shop.get(path).status_code == 200


def test_healing_ends_a_fault(shop: httpx.Client) -> None:
    break_(shop, "error")
    assert shop.get("/_faults").json()["fault"] == "error"
    healed = shop.post("/_faults", json={"fault": None}).json()
    assert healed["fault"] is None
    assert shop.get("/checkout").status_code == 200


def test_the_switch_explains_every_fault(shop: httpx.Client) -> None:
    table = shop.get("/_faults").json()["faults"]
    assert table.keys() == FAULTS.keys()
    assert all(sentence.endswith(".") for sentence in table.values())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b'{"fault": "flood"}', "slow, error", id="an unknown fault names the known"),
        pytest.param(
            b'{"fault": "hang", "where": "moon"}', "checkout", id="an unknown place names the known"
        ),
        pytest.param(
            b'{"fault": "missing_button", "where": "api"}',
            "checkout, login, everywhere",
            id="a place where the fault makes no sense is refused",
        ),
        pytest.param(b'{"fault": "slow", "seconds": -1}', "number", id="no negative delay"),
        pytest.param(b'{"fault": "slow", "seconds": "x"}', "number", id="no delay in words"),
        pytest.param(b'{"fault": "slow", "sekonds": 1}', "seconds", id="no unknown key"),
        pytest.param(b'{"fault": ["slow"]}', "where", id="a fault is a name"),
        pytest.param(b"[]", "where", id="the body is an object"),
        pytest.param(b"{", "Expecting", id="the body is JSON"),
    ],
)
def test_a_wrong_switch_changes_nothing(shop: httpx.Client, body: bytes, words: str) -> None:
    reply = shop.post("/_faults", content=body)
    assert reply.status_code == 400
    assert words in reply.json()["error"]
    assert shop.get("/_faults").json()["fault"] is None


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_can_strike_the_checkout(name: str) -> None:
    faults = Faults()
    faults.switch(name)
    assert faults.at("checkout") == name
    assert faults.at("static") is None


def test_every_place_has_a_name_even_for_odd_paths() -> None:
    for path in ("/", "//", "*", "", "/api", "/static/x", "/confirmation", "/checkout/"):
        assert place_of(path) in PLACES


def test_a_page_that_raises_counts_as_5xx() -> None:
    async def broken(request: Request) -> Response:
        raise OSError("a bug of the shop")

    traffic = Traffic()
    middleware = [Middleware(Counting, traffic=traffic)]
    site = Starlette(routes=[Route("/cart", broken)], middleware=middleware)
    reply = TestClient(site, raise_server_exceptions=False).get("/cart")
    assert reply.status_code == 500
    assert +traffic.replies == {("cart", "5xx"): 1}
    assert not +traffic.waiting


def test_sigterm_ends_it_at_once_while_requests_hang() -> None:
    with running() as (url, process):
        httpx.post(f"{url}/_faults", json={"fault": "hang"}, timeout=PATIENCE_S).raise_for_status()
        with ask(url, "/checkout") as connection:
            connection.settimeout(0.3)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE_S) == 0
