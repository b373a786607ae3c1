"""The shop as its visitors and its operator meet it: a real process on a real port."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from prober.demo.shop import ASSETS, PRODUCTS, Customer, Session, money
from prober.demo.store import Store
from tests.conftest import PATIENCE_S

COMMAND = [sys.executable, "-m", "prober.demo.shop", "--port", "0"]
CUSTOMER = Customer()
CREDENTIALS = {"user": CUSTOMER.user, "password": CUSTOMER.password}
ADDRESS = {"name": "Ada Example", "address": "1 Test Street"}


@contextmanager
def running(*arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A shop's URL and process, ended however the test ends."""
    pipe = subprocess.PIPE
    with subprocess.Popen([*COMMAND, *arguments], stdout=pipe, stderr=pipe, text=True) as process:
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
    """A browser of its own, at nobody's account."""
    with httpx.Client(base_url=url, follow_redirects=True, timeout=PATIENCE_S) as client:
        yield client


@pytest.fixture
def ada(shop: httpx.Client) -> httpx.Client:
    shop.post("/login", data=CREDENTIALS)
    return shop


def total(html: str) -> str:
    found = re.search(r'aria-label="Total">([^<]+)<', html)
    assert found, html
    return found[1]


def counts(shop: httpx.Client) -> dict[str, int]:
    lines = shop.get("/metrics").text.splitlines()
    samples = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: int(value) for name, value in samples}


def test_products_page_has_realistic_weight(shop: httpx.Client) -> None:
    page = shop.get("/")
    addresses = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text))
    replies = [page, *map(shop.get, addresses)]
    assert {reply.status_code for reply in replies} == {200}
    assert len(replies) >= 20
    assert 140_000 < sum(len(reply.content) for reply in replies) < 160_000


def test_assets_may_be_kept_for_ever_and_pages_are_asked_for_again(shop: httpx.Client) -> None:
    page = shop.get("/")
    address = re.findall(r'src="(/static/[^"]+)"', page.text)[0]
    assert page.headers["Cache-Control"] == "private, no-cache"
    assert shop.get(address).headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_pictures_are_the_same_in_every_process(shop: httpx.Client) -> None:
    for product in PRODUCTS.values():
        reply = shop.get(f"/static/{product.picture}")
        assert reply.headers["Content-Type"] == "image/svg+xml"
        assert reply.content == ASSETS[product.picture]
    assert len({ASSETS[product.picture] for product in PRODUCTS.values()}) == len(PRODUCTS)


@pytest.mark.parametrize("path", ["/static/none.svg", "/static/..%2fshop.py", "/nowhere"])
def test_an_address_that_is_not_there_is_404(shop: httpx.Client, path: str) -> None:
    assert shop.get(path).status_code == 404


def test_wrong_password_is_401_with_a_message(shop: httpx.Client) -> None:
    reply = shop.post("/login", data=CREDENTIALS | {"password": "wrong"})
    assert reply.status_code == 401
    assert "do not go together" in reply.text
    assert "Hello, " not in shop.get("/").text


def test_sign_in_greets_and_sign_out_forgets(shop: httpx.Client) -> None:
    assert "Hello, Ada" in shop.post("/login", data=CREDENTIALS).text
    assert "Hello, " not in shop.post("/logout").text
    assert "Hello, " not in shop.get("/").text


def test_a_signed_out_session_is_worth_nothing(ada: httpx.Client) -> None:
    key = ada.cookies["shop_session"]
    ada.post("/logout")
    ada.cookies.set("shop_session", key)
    assert "Hello, " not in ada.get("/").text


def test_sign_in_keeps_the_cart_under_a_new_session_key(shop: httpx.Client) -> None:
    shop.post("/cart", data={"add": "low-sun"})
    before = shop.cookies["shop_session"]
    shop.post("/login", data=CREDENTIALS)
    assert shop.cookies["shop_session"] != before
    assert "Low sun" in shop.get("/cart").text


def test_session_cookie_is_out_of_reach_of_scripts(shop: httpx.Client) -> None:
    reply = shop.post("/login", data=CREDENTIALS, follow_redirects=False)
    assert "HttpOnly" in reply.headers["Set-Cookie"]
    assert "SameSite=lax" in reply.headers["Set-Cookie"]


def test_cart_total_is_the_sum_of_its_items(shop: httpx.Client) -> None:
    shop.post("/cart", data={"add": "low-sun"})
    both = shop.post("/cart", data={"add": "quiet-valley"})
    assert total(both.text) == "€48.80"
    assert total(shop.post("/cart", data={"remove": "low-sun"}).text) == "€18.90"


def test_a_product_that_is_not_sold_is_not_added(shop: httpx.Client) -> None:
    assert "nothing in it" in shop.post("/cart", data={"add": "<script>"}).text


def test_two_customers_do_not_see_each_others_carts(url: str, ada: httpx.Client) -> None:
    with httpx.Client(base_url=url, follow_redirects=True, timeout=PATIENCE_S) as other:
        other.post("/login", data=CREDENTIALS)
        ada.post("/cart", data={"add": "low-sun"})
        other.post("/cart", data={"add": "quiet-valley"})
        assert total(ada.post("/checkout", data=ADDRESS).text) == "€29.90"
        assert total(other.post("/checkout", data=ADDRESS).text) == "€18.90"


def test_an_order_has_a_number_and_the_exact_amount(ada: httpx.Client) -> None:
    ada.post("/cart", data={"add": "low-sun"})
    ada.post("/cart", data={"add": "first-light"})
    assert total(ada.get("/checkout").text) == "€54.40"
    confirmation = ada.post("/checkout", data=ADDRESS)
    assert confirmation.url.path == "/confirmation"
    assert re.search(r"R-\d{6}", confirmation.text)
    assert total(confirmation.text) == "€54.40"
    assert "nothing in it" in ada.get("/cart").text


def test_checkout_without_sign_in_asks_for_it(shop: httpx.Client) -> None:
    shop.post("/cart", data={"add": "low-sun"})
    assert shop.get("/checkout").url.path == "/login"


def test_checkout_of_an_empty_cart_leads_to_the_cart(ada: httpx.Client) -> None:
    assert ada.get("/checkout").url.path == "/cart"


def test_checkout_without_an_address_takes_no_money(ada: httpx.Client) -> None:
    ada.post("/cart", data={"add": "low-sun"})
    assert ada.post("/checkout", data={"name": "Ada"}).status_code == 422
    assert "Low sun" in ada.get("/cart").text


def test_confirmation_without_an_order_leads_home(ada: httpx.Client) -> None:
    assert ada.get("/confirmation").url.path == "/"


def test_account_lists_orders_and_a_balance_that_is_their_sum(ada: httpx.Client) -> None:
    ada.post("/cart", data={"add": "low-sun"})
    ada.post("/checkout", data=ADDRESS)
    token = ada.post("/api/token", json=CREDENTIALS).json()["token"]
    account = ada.get("/api/account", headers={"Authorization": f"Bearer {token}"}).json()
    cents = [int(order["total"].replace(".", "")) for order in account["orders"]]
    assert account["name"] == "Ada"
    assert cents[-1] == 2990
    assert account["balance"] == money(sum(cents)).removeprefix("€")


def test_account_without_a_valid_token_is_401(shop: httpx.Client) -> None:
    token = shop.post("/api/token", json=CREDENTIALS).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert shop.get("/api/account").status_code == 401
    assert shop.get("/api/account", headers=headers).status_code == 200
    assert shop.delete("/api/token", headers=headers).status_code == 204
    assert shop.get("/api/account", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b'{"user": "ada", "password": "x"}', 401, id="a wrong password is refused"),
        pytest.param(b'{"user": "ada"}', 401, id="a missing password is refused"),
        pytest.param(b"{", 400, id="a body that is not JSON is a bad request"),
        pytest.param(b"7", 400, id="a body that is no object is a bad request"),
    ],
)
def test_token_is_only_for_the_customer(shop: httpx.Client, body: bytes, status: int) -> None:
    assert shop.post("/api/token", content=body).status_code == status


def test_metrics_count_replies_by_route_and_class(shop: httpx.Client) -> None:
    before = counts(shop)
    shop.get("/")
    shop.get("/nowhere")
    shop.get("/_faults")
    shop.post("/login", data={})
    after = counts(shop)
    grown = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    assert grown == {
        'shop_requests_total{route="products",status="2xx"}': 1,
        'shop_requests_total{route="other",status="4xx"}': 1,
        'shop_requests_total{route="login",status="4xx"}': 1,
    }


def test_every_counter_is_there_at_zero_from_the_start() -> None:
    with running() as (url, _), httpx.Client(base_url=url, timeout=PATIENCE_S) as shop:
        fresh = counts(shop)
    assert fresh["shop_responses_5xx_total"] == 0
    assert fresh['shop_requests_total{route="checkout",status="5xx"}'] == 0
    assert set(fresh.values()) == {0}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_quietly(number: signal.Signals) -> None:
    with running() as (url, process):
        httpx.get(url, timeout=PATIENCE_S)
        process.send_signal(number)
        assert process.wait(timeout=PATIENCE_S) == 0
        assert process.stderr
        assert process.stderr.read() == ""


def test_who_leaves_in_the_middle_of_a_request_is_no_error_of_the_shop() -> None:
    with running() as (url, process):
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as visitor:
            visitor.sendall(b"POST /login HTTP/1.1\r\nHost: shop\r\nContent-Length: 9\r\n\r\nuser")
        assert httpx.get(url, timeout=PATIENCE_S).is_success
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE_S) == 0
        assert process.stderr
        assert process.stderr.read() == ""


def test_user_and_password_come_from_the_environment_or_the_arguments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHOP_USER", "grace")
    monkeypatch.setenv("SHOP_PASSWORD", "from the environment")
    with running("--password", "from the arguments") as (url, _):
        given = {"user": "grace", "password": "from the arguments"}
        assert httpx.post(f"{url}/api/token", json=given, timeout=PATIENCE_S).status_code == 200
        assert (
            httpx.post(f"{url}/api/token", json=CREDENTIALS, timeout=PATIENCE_S).status_code == 401
        )


def test_each_region_may_have_an_account_of_its_own() -> None:
    own = Customer("ada@shop.example", "analytical-engine")
    assert own.is_known_by("ada+eu-west-1@shop.example", "analytical-engine")
    assert Customer("1f2e", "some-password").is_known_by("1f2e+us-east-1", "some-password")
    assert not own.is_known_by("grace+eu-west-1@shop.example", "analytical-engine")
    assert not own.is_known_by("ada+eu-west-1@other.example", "analytical-engine")
    assert not own.is_known_by("ada+eu-west-1@shop.example", "")


def test_a_taken_port_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "prober.demo.shop", "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert f"127.0.0.1:{port}: " in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_store_forgets_what_is_left_idle() -> None:
    now = 0.0
    store: Store[Session] = Store(idle_s=60, now=lambda: now)
    used, idle = store.put(Session()), store.put(Session())
    now = 50
    assert store.get(used)
    now = 100
    assert store.get(used)
    assert store.get(idle) is None
    store.put(Session())
    assert len(store) == 2


def test_store_keeps_the_most_recently_used_of_too_many() -> None:
    store: Store[int] = Store(limit=2)
    first, second = store.put(1), store.put(2)
    store.get(first)
    store.put(3)
    assert store.get(first) == 1
    assert store.get(second) is None
    assert len(store) == 2
