"""The rules for journeys: what each finds, and what looks like it and is well."""

from __future__ import annotations

from pathlib import Path

import pytest

from prober.config import Region, load_region
from prober.lint.finding import Finding, Rule
from prober.lint.lint import lint, lint_files
from tests.test_docs import blocks, named, page, section

HEAD = """\
import time
import httpx
from playwright.sync_api import Page, expect
from prober import cleanup, journey, secret, step
"""
SEEN = 'expect(page.locator("h1")).to_be_visible()'


def browser(*lines: str, options: str = "", after: str = SEEN) -> str:
    """A journey that does something in a step, and then sees that it worked."""
    body = "".join(f"        {line}\n" for line in (*lines, after) if line)
    return (
        f'{HEAD}@journey({options})\ndef look(page: Page) -> None:\n    with step("look"):\n{body}'
    )


def http(*lines: str) -> str:
    body = "".join(f"        {line}\n" for line in (*lines, "assert http"))
    return f'{HEAD}@journey()\ndef ask(http: httpx.Client) -> None:\n    with step("ask"):\n{body}'


def plain(text: str) -> str:
    """A journey with a body of its own."""
    lines = "".join(f"    {line}\n" for line in text.splitlines())
    return f"{HEAD}@journey()\ndef look(page: Page) -> None:\n{lines}"


def found(directory: Path, *files: str, regions: tuple[Region, ...] = ()) -> list[Finding]:
    for number, text in enumerate(files):
        (directory / f"file_{number}.py").write_text(text)
    return lint(directory, regions)


BAD = {
    Rule.SYNTAX: ["def look(:\n"],
    Rule.SLEEP: [
        browser("time.sleep(3)"),
        f"from time import sleep as doze\n{browser('doze(3)')}",
        browser("page.wait_for_timeout(500)"),
        browser('page.wait_for_load_state("networkidle")'),
        browser('page.goto("/", wait_until="networkidle")'),
        browser("for _ in range(3):", "    time.sleep(1)"),
    ],
    Rule.SECRET_LITERAL: [
        browser('page.get_by_label("Password").fill("hunter22")'),
        browser('page.fill("#password", "hunter22")'),
        browser('password = page.locator("#p")', 'password.fill("hunter22")'),
        f'PASSWORD = "hunter22"\n{browser()}',
        http('http.get("/", auth=("ada", "hunter22"))'),
        http('http.headers["Authorization"] = "Bearer abcdef123456"'),
        http('http.get("/", headers={"X-Api-Key": "abcdef123456"})'),
        http('call = dict(token="abcdef123456")'),
        browser('page.fill("#q", "kT7bQ2xV9mZp4RwL8sNd")'),
        browser('page.goto("/?token=abcdef123456")'),
    ],
    Rule.HOST_LITERAL: [
        browser('page.goto("https://shop.example/cart")'),
        browser('page.goto(f"https://shop.example/{page.url}")'),
        f'BASE = "https://shop.example"\n{browser("page.goto(BASE + page.url)")}',
        http('http.get("http://127.0.0.1:8000/api")'),
        http('http.request("GET", "https://shop.example/api")'),
        http('other = httpx.Client(base_url="https://shop.example")'),
    ],
    Rule.CSS_PATH: [
        browser('page.locator("ul > li:nth-child(3)").click()'),
        browser('page.click("div.a > div.b > span")'),
        browser('page.locator("main section article a").click()'),
        browser('page.locator("//button[2]").click()'),
        browser('page.fill("#react-select-3-input", "x")'),
        browser('page.locator(".css-1q2w3e").click()'),
    ],
    Rule.IDLE_EXPECT: [
        browser('expect(page.get_by_text("Hello"))'),
        browser('expect(page.get_by_text("Hello")).to_be_visible'),
    ],
    Rule.NO_STEP: [plain(f'page.goto("/")\n{SEEN}')],
    Rule.NO_ASSERTION: [browser('page.goto("/")', after="")],
    Rule.ENDS_ON_ACTION: [browser('page.get_by_text("Next").click()', after="").replace(
        'step("look"):', f'step("look"):\n        {SEEN}')],
    Rule.STEP_NAME: [
        browser().replace('step("look")', 'step(f"look {page.url}")'),
        browser().replace('step("look")', "step()"),
        browser().replace('step("look")', "step"),
        browser().replace('step("look")', 'step(" ")'),
    ],
    Rule.SAME_STEP: [
        plain(f'with step("a"):\n    {SEEN}\nwith step("a"):\n    {SEEN}'),
        plain(f'for _ in range(2):\n    with step("a"):\n        {SEEN}'),
    ],
    Rule.NESTED_STEP: [plain(f'with step("a"):\n    with step("b"):\n        {SEEN}')],
    Rule.OUTSIDE_STEP: [plain(f'page.goto("/")\nwith step("a"):\n    {SEEN}')],
    Rule.TIMEOUT: [
        browser('page.goto("/", timeout=90_000)'),
        browser('page.goto("/", timeout=0)'),
        browser('page.goto("/", timeout=30)'),
        browser("page.set_default_timeout(2 * 60 * 1000)"),
        browser("page.wait_for_timeout(40_000)", "time.sleep(30)"),
        http('http.get("/", timeout=90)'),
        browser(options='max_duration="60s"'),
    ],
    Rule.NO_CLEANUP: [
        browser('page.get_by_role("button", name="Place order").click()'),
        browser("page.click(\"button:has-text('Save')\")"),
        browser('page.get_by_test_id("create-account").click()'),
        browser('page.get_by_role("button", name="Add to cart").click()', options='secrets=["k"]'),
        http('http.post("/api/orders", json={})'),
        http('http.request("DELETE", "/api/orders/1")'),
    ],
    Rule.SHARED_ACCOUNT: [
        browser(options='secrets=["shop_user"]')
        + '\n@journey(secrets=("shop_user",))\ndef other(page: Page) -> None:\n'
        + f'    with step("look"):\n        {SEEN}\n'
    ],
    Rule.RAW_FILE: [
        browser('page.context.browser.new_context(record_har_path="all.har")'),
        browser('page.context.browser.new_page(**{"record_har_path": "all.har"})'),
        browser('page.context.tracing.start_har("all.har")'),
        browser('page.route_from_har("all.har", update=True)'),
        browser('page.context.route_from_har("all.har", update=page.url == "/")'),
        browser('page.context.browser.new_context(record_video_dir="films")'),
        browser('page.screenshot(path="account.png")'),
        browser('page.get_by_role("main").screenshot(path="main.png")'),
        browser('page.context.storage_state(path="state.json")'),
        browser('page.screenshot(**{"path": "account.png"})'),
        browser('page.context.tracing.stop(path="trace.zip")'),
        browser('page.context.browser.start_tracing(path="trace.json")'),
        browser('page.video.save_as("film.webm")'),
    ],
    Rule.ALLOWANCE: [
        browser("time.sleep(3)  # prober: allow[sleep]"),
        browser("# prober: allow[sleep] the wait is meant"),
        browser("# prober: allow[sleeep] the wait is meant"),
        browser("# prober: allow sleep, the wait is meant"),
    ],
}  # fmt: skip

GOOD = {
    "a pause in a loop that asks again": http(
        "while http.get('/job').json()['state'] != 'done':", "    time.sleep(1)"
    ),
    "a pause in a loop that ends when it sees": http(
        "for _ in range(9):", "    if http.get('/'):", "        break", "    time.sleep(1)"
    ),
    "a field that is given a secret": browser(
        'page.get_by_label("Password").fill(secret("shop_password"))',
        options='secrets=["shop_password"]',
    ),
    "a password that is to be refused": browser(
        'page.get_by_label("Password").fill("wrong-password")'
    ),
    "the name of a secret": f'PASSWORD = "shop_password"\n{browser("secret(PASSWORD)")}',
    "a label, a selector and a path": (
        f'PASSWORD = "Your password"\nTOKEN = "/api/token"\nSECRET = "#secret"\n'
        f'NO_TOKEN = "Give a token, as PROBER_TOKEN does."\n{browser()}'
    ),
    "long words and digests": browser(
        'page.fill("#q", "callFunctionCheckIfDataAlreadyExists2")',
        'page.fill("#q", "0f343b0931126a20f133d67c2b018a3b")',
    ),
    "an address that is waited for": browser('page.wait_for_url("https://bank.example/ok")'),
    "short selectors and numbers of things": browser(
        'page.locator("#cart .item").click()', 'page.locator("[data-testid=row-4711] a").click()'
    ),
    "a timeout that fits": browser('page.goto("/", timeout=20_000)'),
    "the step of a table that is written out": plain(
        f'for name in ("one", "two"):\n    with step(f"open {{name}}"):\n        {SEEN}'
    ),
    "one of two steps": plain(
        f'if page.url:\n    with step("a"):\n        {SEEN}\n'
        f'else:\n    with step("a"):\n        {SEEN}'
    ),
    "a wait that shows what an action did": browser(
        SEEN, 'page.get_by_text("Next").click()', after='page.wait_for_url("/next")'
    ),
    "an action whose request is waited for": browser(
        SEEN, 'with page.expect_response("/x"):', '    page.get_by_text("Next").click()', after=""
    ),
    "what is taken back": http('http.post("/api/orders")', "cleanup(lambda: http.delete('/x'))"),
    "a sign-in and a search": http('http.post("/api/token")', 'http.post("/search", json={})'),
    "a visitor's cart": browser('page.get_by_role("button", name="Add to cart").click()'),
    "a link to a form": browser('page.get_by_role("link", name="Create account").click()'),
    "an allowance at the end": browser("time.sleep(3)  # prober: allow[sleep] it is slow"),
    "an allowance above": browser("# prober: allow[sleep] it is slow", "time.sleep(3)"),
    "a HAR that is read, and what is not asked for or stays in memory": browser(
        'page.route_from_har("bank.har")',
        'page.route_from_har("bank.har", update=False)',
        "page.context.browser.new_context(record_har_path=None, record_video_dir=None)",
        "page.context.browser.new_context(storage_state=page.context.storage_state())",
        'page.context.browser.new_context(**{"record_video_dir": None})',
        'len(page.screenshot(**{"full_page": True}))',
        'page.clock.stop(path="/")',
    ),
    "code of others": f"from ours import buy\n{plain('buy(page)')}",
    "no journey at all": "PRICE = 3\n",
}


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        pytest.param(rule, text, id=f"{rule} {number}")
        for rule, texts in BAD.items()
        for number, text in enumerate(texts, 1)
    ],
)
def test_a_rule_finds(tmp_path: Path, rule: Rule, text: str) -> None:
    assert rule in {finding.rule for finding in found(tmp_path, text)}


@pytest.mark.parametrize("what", GOOD)
def test_nothing_is_found_in(tmp_path: Path, what: str) -> None:
    assert found(tmp_path, GOOD[what]) == []


def test_every_rule_has_an_example_and_its_place_in_the_documentation() -> None:
    assert BAD.keys() == set(Rule)
    table = section(page("authors.md"), "## The linter")
    assert named(table) == [str(rule) for rule in Rule]


def test_only_what_can_never_pass_or_leaks_is_an_error(tmp_path: Path) -> None:
    errors = {
        rule
        for rule, texts in BAD.items()
        for finding in found(tmp_path, texts[0])
        if finding.rule is rule and finding.severity == "error"
    }
    assert errors == {
        Rule.SYNTAX, Rule.SECRET_LITERAL, Rule.HOST_LITERAL, Rule.NO_STEP, Rule.NO_ASSERTION,
        Rule.NESTED_STEP,
    }  # fmt: skip


PAGE_OBJECT = f"""\
from contextlib import contextmanager
from playwright.sync_api import Page, expect
from prober import step

@contextmanager
def part(name: str):
    with step(name):
        yield

class Shop:
    def __init__(self, page: Page) -> None:
        self.page = page

    @property
    def title(self):
        return self.page.get_by_role("heading")

    @property
    def button(self):
        return self.page.get_by_role("button", name="Pay")

    def open(self, path: str = "/") -> None:
        with step("open"):
            self.page.goto(path)
            expect(self.title).to_be_visible()

    def pay(self) -> None:
        self.button.click()
        page = self.page
        {SEEN}
"""


def test_an_allowance_without_a_reason_excuses_nothing(tmp_path: Path) -> None:
    rules = [
        each.rule for each in found(tmp_path, browser("time.sleep(3)  # prober: allow[sleep]"))
    ]
    assert sorted(rules) == [Rule.ALLOWANCE, Rule.SLEEP]


def test_page_objects_are_the_journeys_own_code(tmp_path: Path) -> None:
    (tmp_path / "_shop.py").write_text(PAGE_OBJECT)
    body = 'shop = Shop(page)\nshop.open()\nwith part("pay"):\n    shop.pay()'
    [finding] = found(tmp_path, f"from _shop import Shop, part\n{plain(body)}")
    assert (Path(finding.file).name, finding.rule) == ("_shop.py", Rule.NO_CLEANUP)
    again = lint_files([tmp_path / "_shop.py"], tmp_path)
    assert again == [finding], "the journeys that use it are read for it"


def test_a_file_is_called_what_it_was_asked_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "journeys").mkdir()
    shop = tmp_path / "journeys" / "_shop.py"
    shop.write_text(f"import time\n{PAGE_OBJECT}        time.sleep(1)\n")
    look = tmp_path / "journeys" / "look.py"
    look.write_text(f"from _shop import Shop\n{plain('Shop(page).open()')}")
    monkeypatch.chdir(tmp_path)
    found_there = lint_files([look, shop], Path("journeys"))
    assert [(each.file, each.rule) for each in found_there] == [(str(shop), Rule.SLEEP)]


def test_helpers_that_call_each_other_over_and_over_come_to_an_end(tmp_path: Path) -> None:
    chain = "".join(f"def f{n}(page):\n    f{n + 1}(page)\n    f{n + 1}(page)\n" for n in range(30))
    text = f"{chain}def f30(page):\n    f0(page)\n{plain('f0(page)')}"
    assert found(tmp_path, text) == [], "what was not walked to its end is not judged"


def test_a_test_that_becomes_a_journey_is_one(tmp_path: Path) -> None:
    text = f"{HEAD}def test_look(page):\n    page.goto('/')\n\njourney(every='5m')(test_look)\n"
    assert {finding.rule for finding in found(tmp_path, text)} == {Rule.NO_STEP, Rule.NO_ASSERTION}


def test_a_step_of_the_whole_is_one(tmp_path: Path) -> None:
    text = f'{HEAD}@journey(step="look")\ndef look(page):\n    page.goto("/")\n    {SEEN}\n'
    assert found(tmp_path, text) == []
    within = browser('page.goto("/")', options='step="all"')
    assert {finding.rule for finding in found(tmp_path, within)} == {Rule.NESTED_STEP}


def test_regions_say_which_accounts_and_hosts_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "regions").mkdir()

    def region(name: str, user: str) -> Region:
        file = tmp_path / "regions" / f"{name}.yaml"
        file.write_text(
            f"region: {name}\nbase_url: https://shop.example\nsecrets: {{shop_user: {user}}}\n"
        )
        return load_region(file, {})

    text = browser(options='secrets=["shop_user"]')
    assert found(tmp_path, text, regions=(region("a", "ada-one"), region("b", "ada-two"))) == []
    one = region("a", "ada-one"), region("b", "ada-one")
    [finding] = found(tmp_path, text, regions=one)
    assert (finding.rule, "one in a and b" in finding.message) == (Rule.SHARED_ACCOUNT, True)
    assert "ada-one" not in str(finding)
    named_host = browser('expect(page).to_have_url("https://shop.example/cart")')
    assert [each.rule for each in found(tmp_path, named_host, regions=one)] == [Rule.HOST_LITERAL]


def test_accounts_that_are_leased_are_shared_by_nobody(tmp_path: Path) -> None:
    (tmp_path / "regions").mkdir()
    file = tmp_path / "regions" / "a.yaml"
    file.write_text(
        "region: a\nbase_url: https://shop.example\nsecrets: {shop_user: ada-one}\n"
        "accounts: {shopper: [{user: ada-one, password: correct-horse}]}\n"
    )
    regions = (load_region(file, {}),)
    leased = browser(options='accounts=["shopper"]')
    other = leased.replace("look", "browse")
    assert found(tmp_path, leased, other, regions=regions) == []
    read = browser(options='secrets=["shop_user"]')
    [finding] = found(tmp_path, read, other, regions=regions)
    assert finding.rule is Rule.SHARED_ACCOUNT
    assert finding.message.endswith("to itself: the pool shopper of a has it")


def test_a_cart_of_somebody_who_signs_in_is_left_behind(tmp_path: Path) -> None:
    click = 'page.get_by_role("button", name="Add to cart").click()'
    visitor, customer = browser(click), browser(click, options='accounts=["shopper"]')
    assert found(tmp_path, visitor) == []
    assert [each.rule for each in found(tmp_path, customer)] == [Rule.NO_CLEANUP]


def test_the_journeys_of_the_documentation_are_clean(tmp_path: Path) -> None:
    for block in blocks(Path(__file__).parents[2] / "docs" / "authors.md"):
        if block.words[0:1] == ("python",):
            (tmp_path / Path(block.words[1]).name).write_text(block.text)
    assert lint(tmp_path, ()) == []
