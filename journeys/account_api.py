"""A partner's program reads an account: no browser, only HTTP."""

import re
from decimal import Decimal
from typing import Any

import httpx

from prober import cleanup, journey, secret, step


# prober: allow[shared-account] it only reads, and what others order is in the balance too
@journey(every="1m", timeout="10s", secrets=["shop_user", "shop_password"])
def account_api(http: httpx.Client) -> None:
    with step("get token"):
        login = {"user": secret("shop_user"), "password": secret("shop_password")}
        granted = content(http.post("/api/token", json=login))
        assert granted.get("type") == "bearer"
        assert granted.get("token"), "no token in the reply"
        http.headers["Authorization"] = f"Bearer {granted['token']}"
        cleanup(lambda: http.delete("/api/token"))

    with step("read account"):
        account = content(http.get("/api/account"))
        assert account.get("name"), "the account has no name"
        assert account.get("currency") == "EUR"
        orders = account.get("orders")
        assert isinstance(orders, list), "no list of orders in the reply"
        assert all(order.get("number") for order in orders), "an order has no number"
        sum_of_orders = sum(amount(order.get("total")) for order in orders)
        assert amount(account.get("balance")) == sum_of_orders, "the balance is not its orders' sum"


def content(reply: httpx.Response) -> dict[str, Any]:
    """What a reply says, once it is sure to say something."""
    assert reply.status_code == 200, f"status {reply.status_code}"
    assert reply.headers.get("Content-Type") == "application/json"
    assert reply.text.startswith("{"), "the reply is no JSON object"
    return dict(reply.json())


def amount(text: object) -> Decimal:
    """An amount of a reply, once it is sure to be one: a script that breaks gives no verdict."""
    assert isinstance(text, str), "an amount is missing"
    assert re.fullmatch(r"\d+\.\d\d", text), f"{text!r} is no amount"
    return Decimal(text)
