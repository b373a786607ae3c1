"""Which mutations there are of what a run met, what they are called, and what would notice them."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from prober.agent.mutation import OF_REQUESTS, Kind, Mutation, chosen, masked, mutations, unfitting

HEADING = 'get_by_role("heading", name="Thank you")'


def element(text: str, locator: str | None, **more: Any) -> dict[str, Any]:
    about = {"sort": "element", "step": "pay", "steps": ["pay"], "host": "shop.example"}
    place = {"path": "/paid", "chain": "p:nth-of-type(1)", "sign": "||", "tag": "p"}
    found = {"text": text, "locator": locator, "amount": "€" in text, "use": "", "heading": False}
    return about | place | found | more


def request(kind: str = "document", **more: Any) -> dict[str, Any]:
    about = {"sort": "request", "step": "pay", "host": "shop.example", "method": "POST"}
    return about | {"path": "/pay", "type": kind, "nth": 1} | more


def field(name: str, holds: str, **more: Any) -> dict[str, Any]:
    about = {"sort": "field", "step": "read", "host": "shop.example", "method": "GET"}
    return about | {"path": "/api", "nth": 1, "field": name, "holds": holds} | more


def kinds(place: dict[str, Any]) -> list[str]:
    return [str(each.kind) for each in mutations([place])]


def mends(*places: dict[str, Any]) -> dict[str, str]:
    return {each.name: each.mend for each in mutations(places)}


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        pytest.param(request(), [*OF_REQUESTS], id="a page that is asked for"),
        pytest.param(request("fetch"), [*OF_REQUESTS], id="an answer that a page asks for"),
        pytest.param(
            element("Thank you", HEADING, heading=True), ["removed", "text"], id="a heading"
        ),
        pytest.param(element("€9.00", "get_by_label('Total')"), ["amount"], id="an amount"),
        pytest.param(
            element("€9.00", None, use="asserted"), ["removed", "amount"], id="an asserted amount"
        ),
        pytest.param(element("Hi", None, use="read"), ["removed", "text"], id="what is read"),
        pytest.param(element("Pay €9.00", None, use="acted"), ["removed"], id="a button"),
        pytest.param(element("Hi", None, use="present"), ["removed"], id="what is to be there"),
        pytest.param(element("", None, use="asserted"), ["removed"], id="what says nothing"),
        pytest.param(element("w " * 50, None, use="asserted"), ["removed"], id="half the page"),
        pytest.param(field("name", "content"), ["removed", "emptied"], id="a field"),
        pytest.param(
            field("total", "amount", value="9.00"), ["removed", "emptied", "amount"], id="a sum"
        ),
        pytest.param(field("id", "other"), ["removed"], id="a field that cannot be empty"),
    ],
)
def test_the_mutations_of(place: dict[str, Any], expected: list[str]) -> None:
    assert kinds(place) == [str(kind) for kind in expected]


def test_a_page_is_missed_by_its_heading() -> None:
    heading = element("Thank you", HEADING, heading=True)
    assert mends(request(), heading)["abort POST /pay"] == f"expect(page.{HEADING}).to_be_visible()"


def test_numbers_that_differ_from_run_to_run_are_a_pattern() -> None:
    found = mends(element("Order R-17", 'get_by_text("Order R-17")', use="asserted"))
    assert found['text get_by_text("Order R-#") on /paid'] == (
        r'expect(page.get_by_text(re.compile(r"Order R-\d+"))).to_be_visible()'
    )


def test_an_amount_is_one_to_the_cent() -> None:
    label = 'get_by_label("Total")'
    assert mends(element("€9.00", label)) == {
        f"amount {label} on /paid": f'expect(page.{label}).to_have_text("€9.00")'
    }
    assert mends(element("€9.00", 'get_by_text("€9.00")')) == {
        'amount get_by_text("€#.#") on /paid': 'expect(page.get_by_text("€9.00")).to_be_visible()'
    }


def test_a_field_is_named_where_it_is() -> None:
    found = mends(field("orders[].total", "amount", value="9.00"))
    assert found == {
        "removed orders[].total of GET /api": (
            'assert all(each.get("total") for each in reply.json()["orders"])'
        ),
        "emptied orders[].total of GET /api": (
            'assert all(each.get("total") for each in reply.json()["orders"])'
        ),
        "amount orders[].total of GET /api": (
            'assert reply.json()["orders"][0]["total"] == "9.00"  # or what it is the sum of'
        ),
    }


def test_every_line_that_is_named_can_be_pasted() -> None:
    places = [
        request("xhr"),
        element('Say "hi" to 7', 'get_by_text("Say \\"hi\\" to 7")', use="asserted"),
        element("Hi", None, use="read"),
        element("€9.00", None),
        {**request(), "sort": "reply"},
        field("a.b[].c", "amount", value=9.5),
        field("a", "content"),
    ]
    for line in mends(*places).values():
        ast.parse(f"{line}\n    pass" if line.startswith("with ") else line)


def test_what_is_met_twice_is_mutated_once() -> None:
    one = element("Thank you", HEADING, heading=True)
    assert len(mutations([one, one | {"chain": "p:nth-of-type(2)"}])) == 2


def test_what_differs_only_in_who_asks_or_is_asked_is_told_apart() -> None:
    by_http = {**field("", ""), "sort": "reply", "method": "POST", "path": "/pay"}
    same = request(), request("fetch"), request(host="api.shop.example"), by_http
    assert [each.name for each in mutations(same) if each.kind is Kind.ABORT] == [
        "abort POST /pay",
        "abort POST /pay by fetch",
        "abort POST /pay at api.shop.example",
        "abort POST /pay by http",
    ]


def test_addresses_of_orders_and_sessions_are_the_same_in_each_run() -> None:
    assert masked("/orders/17/of/0b1c9d3e-aa00-4e4e-8f8f-123456789abc") == "/orders/#/of/#"
    assert masked("/checkout") == "/checkout"
    assert masked("/prober-tasks-here-1721800000000-1/x") == "/prober-tasks-here-#-#/x"


def all_kinds() -> list[Mutation]:
    return mutations([request(), element("Thank you", HEADING, heading=True)])


def test_only_some_kinds_are_chosen() -> None:
    assert [each.kind for each in chosen(all_kinds(), only=[Kind.TEXT])] == [Kind.TEXT]


def test_a_pattern_leaves_some_out() -> None:
    left = chosen(all_kinds(), skip=["* POST /pay", "text *"])
    assert [each.name for each in left] == [f"removed {HEADING} on /paid"]


def redacted(name: str) -> str:
    return name.replace("ada", "[shop_user]")


def test_a_name_as_it_is_shown_leaves_out_what_it_is_shown_for() -> None:
    own = mutations([request(path="/ada/"), request(path="/cart/")])
    shown = ["abort POST /[shop_user]/", "slow POST /[shop_user]/"]
    left = [each.name for each in chosen(own, skip=shown, shown=redacted)]
    assert left == [
        "error POST /ada/", "blank POST /ada/", "abort POST /cart/", "error POST /cart/",
        "blank POST /cart/", "slow POST /cart/",
    ]  # fmt: skip
    assert unfitting(own, shown, redacted) == []


def test_the_name_of_a_field_in_lists_is_a_pattern_of_it() -> None:
    found = mutations([field("a[].b[].c", "other")])
    assert chosen(found, skip=["removed a[].b[].c of GET /api"]) == []


def test_patterns_that_no_name_fits_are_known() -> None:
    skip = ["slow *", "eror *", "text get_by_text(*", "* POST /pay"]
    assert unfitting(all_kinds(), skip) == ["eror *", "text get_by_text(*"]


def test_a_limit_takes_of_every_kind_in_turn_and_keeps_the_order() -> None:
    twice = mutations([request(), request(path="/cart")])
    names = [each.name for each in chosen(twice, limit=5)]
    assert names == [
        "abort POST /pay", "error POST /pay", "blank POST /pay", "slow POST /pay",
        "abort POST /cart",
    ]  # fmt: skip
    assert chosen(twice, limit=100) == twice
