"""`prober mutate`: the examples notice everything, and a weak journey is told what it lacks."""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, SHORT, Shop
from tests.test_docs import blocks, is_file, settled

PROBER = Path(sys.executable).parent / "prober"
PAGE = ROOT / "docs" / "authors.md"
CONTRACT = (ROOT / "journeys" / "account_api.slo.yaml").read_text()
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def place(tmp_path: Path, shop: Shop) -> Path:
    """A directory with a region for the shop, and no journeys yet."""
    (tmp_path / "regions").mkdir()
    (tmp_path / "journeys").mkdir()
    (tmp_path / "regions" / "here.yaml").write_text(
        f"region: here\nbase_url: {shop.url}\n"
        "secrets:\n  shop_user: ada@shop.example\n  shop_password: analytical-engine\n"
        "  partner_user: ada@shop.example\n  partner_password: analytical-engine\n"
        "accounts: {shopper: [{user: ada@shop.example, password: analytical-engine}]}\n"
        f"sandbox: {'off' if os.geteuid() == 0 else 'on'}\ndata: {tmp_path / 'data'}\n"
    )
    return tmp_path


@pytest.fixture
def prober(place: Path) -> Run:
    """`prober(*arguments)`: `prober mutate` in that directory, to its end."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(PROBER), "mutate", *arguments],
            env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=900,
            cwd=place,
        )
        assert "Traceback" not in done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def examples(place: Path) -> None:
    """The example journeys, as they are."""
    for path in (ROOT / "journeys").glob("*.*"):
        (place / "journeys" / path.name).write_text(path.read_text())


@pytest.fixture
def weak(place: Path) -> None:
    """The journeys of the page about journeys: short, and good for an example."""
    for block in filter(is_file, blocks(PAGE)):
        (place / block.words[1]).write_text(block.text)
    for name in ("fill_cart", "read_account"):
        contract = CONTRACT.replace("account-api", name.replace("_", "-"))
        contract = contract.replace("journey: account_api", f"journey: {name}")
        (place / "journeys" / f"{name}.slo.yaml").write_text(contract)


def noticed(done: subprocess.CompletedProcess[str]) -> None:
    """Every one of them was, and they were some."""
    assert done.returncode == 0, done.stdout
    (found,) = re.findall(r"^(\d+) of (\d+) noticed$", done.stdout, re.MULTILINE)
    assert found[0] == found[1]
    assert "✗" not in done.stdout


@pytest.mark.usefixtures("examples")
def test_the_account_journey_notices_what_is_wrong_with_replies(prober: Run, place: Path) -> None:
    noticed(prober("account_api", "--skip", "slow *"))
    assert list((place / "data").glob("evidence/*")) == []


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.browser
@pytest.mark.usefixtures("examples")
@pytest.mark.parametrize("journey", ["account_api", "checkout", "login"])
def test_an_example_journey_notices_everything(prober: Run, journey: str) -> None:
    noticed(prober(journey, *(["--limit", "7"] if SHORT else [])))


@pytest.mark.usefixtures("weak")
def test_a_weak_journey_without_a_browser_is_told_what_it_lacks(prober: Run) -> None:
    done = prober("read_account", "--skip", "slow *", "--skip", "* of POST *", "--json")
    assert (done.returncode, done.stderr) == (1, "")
    found = json.loads(done.stdout)
    assert (found["journey"], found["region"], found["standing"]) == (
        "read_account", "here", "unnoticed",
    )  # fmt: skip
    assert found["plain"]["outcome"] == "passed"
    assert found["known"] > len(found["mutations"])
    lacking = {
        each["name"]: each["assertion"]
        for each in found["mutations"]
        if each["standing"] == "unnoticed"
    }
    assert lacking["removed balance of GET /api/account"] == (
        'assert reply.json().get("balance"), "balance is missing"'
    )
    assert lacking["emptied orders[].number of GET /api/account"] == (
        'assert all(each.get("number") for each in reply.json()["orders"])'
    )
    for line in lacking.values():
        ast.parse(line)


@pytest.mark.usefixtures("weak")
def test_a_script_that_breaks_does_not_notice(prober: Run) -> None:
    """Its runs have no verdict, so no SLI would hear of an API that answers nothing."""
    done = prober("read_account", "--only", "blank", "--json")
    assert done.returncode == 1
    first, second = json.loads(done.stdout)["mutations"]
    assert (first["standing"], first["cause"]) == ("unnoticed", "script")
    assert first["why"].startswith("no verdict: JSONDecodeError")
    assert second["name"] == "blank GET /api/account"


def shown() -> str:
    [block] = [block for block in blocks(PAGE) if block.words == ("console", "mutate")]
    return block.text


@pytest.mark.long
@pytest.mark.browser
@pytest.mark.usefixtures("weak")
def test_the_example_of_the_page_prints_what_it_shows(prober: Run) -> None:
    command, *lines, asked, code = shown().splitlines()
    done = prober(*command.removeprefix("$ prober mutate ").split())
    assert (asked, str(done.returncode)) == ("$ echo $?", code)
    assert settled(done.stdout) == settled("\n".join(lines))


@pytest.mark.long
@pytest.mark.browser
@pytest.mark.usefixtures("weak")
def test_what_it_says_is_lacking_is_all_that_is_lacking(prober: Run, place: Path) -> None:
    """Pasted where it says, the named lines notice what they were named for."""
    steps = re.split(r"^  (?=\w)", shown().split("an assertion would:")[1], flags=re.MULTILINE)
    lines = {
        step.splitlines()[0]: re.findall(r"^    (expect.*)$", step, re.MULTILINE)
        for step in steps[1:]
    }
    journey = (place / "journeys" / "fill_cart.py").read_text()
    journey = journey.replace("Page\n", "Page, expect\n").replace(
        'page.goto("/")\n', f'page.goto("/")\n        {"; ".join(lines["open shop"])}\n'
    )
    last = "\n        ".join(lines["add to cart"])
    (place / "journeys" / "fill_cart.py").write_text(
        f'{journey}    with step("look"):\n        {last}\n'
    )
    noticed(prober("fill_cart", "--only", "amount"))


@pytest.mark.usefixtures("examples")
def test_a_journey_that_fails_by_itself_is_not_broken_further(prober: Run, shop: Shop) -> None:
    shop.fault("error", "api")
    done = prober("account_api")
    assert done.returncode == 1
    assert "failed (http_status)" in done.stdout
    assert done.stdout.endswith("nothing was changed yet: mend the journey or the site first\n")
    object_ = json.loads(prober("account_api", "--json").stdout)
    assert (object_["standing"], object_["mutations"]) == ("inconclusive", [])


@pytest.mark.usefixtures("examples")
def test_nothing_can_be_said_when_nothing_is_tried(prober: Run) -> None:
    done = prober("account_api", "--skip", "*", "--skip", "eror *")
    assert done.returncode == 3
    assert "0 of 0 noticed" in done.stdout
    assert done.stderr == (
        "--skip 'eror *' fits no mutation, write a name as it is shown, or 'slow *'\n"
    )


@pytest.mark.usefixtures("examples")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["chekcout"], "there is no journey 'chekcout'"),
        (["account_api", "--region", "mars"], "there is no region 'mars'"),
        (["account_api", "--only", "everything"], "everything"),
        (["account_api", "--limit", "0"], "--limit"),
    ],
)
def test_a_wrong_word_is_exit_2(prober: Run, arguments: list[str], said: str) -> None:
    done = prober(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


@pytest.mark.usefixtures("examples")
def test_an_interrupt_leaves_the_rest_unsaid(place: Path) -> None:
    command: list[Any] = [PROBER, "mutate", "account_api", "--only", "slow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=place) as running:
        assert running.stdout
        for line in running.stdout:
            if "mutations, a run each" in line:
                running.send_signal(signal.SIGINT)
        code = running.wait(60)
    assert code == 3
