"""A browser's run: what it meets is noted, and one thing of it goes wrong for real."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from prober.agent.mutation import SURVEY, Kind
from prober.agent.watch import Order
from prober.model import Kind as KindOfRun
from prober.model import Outcome, Run, RunId
from tests.faults.bench import Bench, Site, page

pytestmark = [pytest.mark.browser, pytest.mark.long]

ROW = "<li><b>Print</b> <span>€10.00</span></li>"
SHOP = page(
    f"""<h1>Prints</h1><ul>{ROW * 3}</ul><h2>News</h2>
    <dl><dt>Shipping<dd>€4.90<dt>Total<dd>€14.90</dl><p hidden>€99.00</p>
    <a href="/paid">Pay 14.90 EUR</a>"""
)
PAID = page(
    """<main></main><script>
    const main = document.querySelector('main');
    // Drawn anew again and again, as a page with a framework does.
    setInterval(() => main.innerHTML =
        '<h1>Thank you</h1><output aria-label=Total>14,90 €</output>', 20);
    fetch('/json').then(r => r.json()).then(j => document.title = String(j.ok), () => {});
    </script>"""
)
BUY = """\
def buy(page: Page):
    with step("look"):
        page.goto("/prints")
        price = page.locator("dd").last.inner_text()
    with step("pay"):
        page.get_by_role("link").click()
        expect(page.get_by_role("link")).to_be_hidden()
        expect(page).to_have_url(re.compile("/paid"))
        page.wait_for_timeout(300)
"""
WANTED = """
    with step("read"):
        expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
        expect(page.get_by_label("Total")).to_have_text("14,90 €")
        expect(page).to_have_title("true")
"""


@pytest.fixture(scope="module", autouse=True)
def shop(site: Site) -> Iterator[Site]:
    site.pages |= {"/prints": SHOP, "/paid": PAID}
    yield site
    del site.pages["/prints"], site.pages["/paid"]


def run(bench: Bench, source: str, mutation: dict[str, Any]) -> tuple[Run, list[dict[str, Any]]]:
    definition = bench.journey(source)
    run_id = RunId(definition.name, "here", next(bench._numbers), 1, KindOfRun.MANUAL)
    heard: list[dict[str, Any]] = []
    order = Order(id=run_id, journey=definition, mutation=mutation)
    return bench.do(bench.pool.run(order, heard.append)), heard


def survey(bench: Bench, source: str) -> list[dict[str, Any]]:
    done, heard = run(bench, source, {"kind": SURVEY})
    assert done.outcome is Outcome.PASSED, done.message
    [told] = [event for event in heard if event["at"] == "surveyed"]
    return list(told["places"])


@pytest.fixture(scope="module")
def places(bench: Bench, shop: Site) -> list[dict[str, Any]]:
    """What a run meets that stays until the last page is drawn and has its answer."""
    drawn = "document.querySelector('output') && document.title === 'true'"
    return survey(bench, BUY.replace("timeout(300)", f'function("{drawn}")'))


def test_a_run_notes_what_it_needs(places: list[dict[str, Any]]) -> None:
    asked = [
        (each["step"], each["method"], each["path"], each["type"])
        for each in places
        if each["sort"] == "request"
    ]
    assert asked == [
        ("look", "GET", "/prints", "document"),
        ("pay", "GET", "/paid", "document"),
        ("pay", "GET", "/json", "fetch"),
    ]
    shown = {
        (each["text"], each["use"], each["heading"], each["amount"])
        for each in places
        if each["sort"] == "element"
    }
    assert shown == {
        ("€14.90", "read", False, True),
        ("€4.90", "", False, True),
        ("Prints", "", True, False),
        ("Pay 14.90 EUR", "acted", False, True),
        ("Thank you", "", True, False),
        ("14,90 €", "", False, True),
    }  # neither one of many prices, nor a second heading, nor what is hidden


def place(places: list[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    [found] = [each for each in places if wanted.items() <= each.items()]
    return found


@pytest.mark.parametrize(
    ("kind", "wanted", "said"),
    [
        pytest.param(Kind.TEXT, {"text": "Thank you"}, "be visible", id="a text"),
        pytest.param(Kind.REMOVED, {"text": "Thank you"}, "be visible", id="an element"),
        pytest.param(Kind.AMOUNT, {"text": "14,90 €"}, "15,90 €", id="an amount"),
        pytest.param(Kind.ABORT, {"path": "/json"}, "title", id="an answer that is cut"),
        pytest.param(Kind.ERROR, {"path": "/json"}, "title", id="an error"),
        pytest.param(Kind.BLANK, {"path": "/json"}, "title", id="an empty answer"),
        pytest.param(Kind.SLOW, {"path": "/json"}, "title", id="an answer that does not come"),
        pytest.param(Kind.ABORT, {"path": "/paid"}, "chrome-error", id="a page"),
    ],
)
def test_one_thing_goes_wrong(
    bench: Bench, places: list[dict[str, Any]], kind: Kind, wanted: dict[str, Any], said: str
) -> None:
    sort = "element" if "text" in wanted else "request"
    met = place(places, sort=sort, **wanted)
    order = {"kind": kind, "place": met, "patience_s": 1.5}
    done, heard = run(bench, BUY + WANTED, order)
    assert done.outcome is Outcome.FAILED
    assert said in (done.message or "")
    assert [event["at"] for event in heard].count("struck") == 1
    assert done.steps[-1].duration_us < 4.5e6  # an `expect` of its own has five seconds


@pytest.mark.parametrize(
    ("kind", "wanted", "other"),
    [
        pytest.param(Kind.TEXT, {"text": "Thank you"}, {"path": "/other"}, id="another page"),
        pytest.param(Kind.ABORT, {"path": "/json"}, {"nth": 2}, id="a second time"),
    ],
)
def test_what_is_not_met_is_not_told(
    bench: Bench,
    places: list[dict[str, Any]],
    kind: Kind,
    wanted: dict[str, Any],
    other: dict[str, Any],
) -> None:
    met = place(places, **wanted) | other
    done, heard = run(bench, BUY + WANTED, {"kind": kind, "place": met, "patience_s": 5})
    assert done.outcome is Outcome.PASSED, done.message
    assert "struck" not in {event["at"] for event in heard}


def test_the_run_that_follows_is_an_ordinary_one(
    bench: Bench, places: list[dict[str, Any]]
) -> None:
    run(bench, BUY, {"kind": Kind.ABORT, "place": places[0], "patience_s": 1.5})
    assert bench.run(BUY + WANTED).outcome is Outcome.PASSED
