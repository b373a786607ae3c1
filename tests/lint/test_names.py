"""The names of steps and assertions: all that code could say, and nothing where it may say more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from prober.discovery import discover, load
from prober.lint.library import Library
from prober.lint.names import Names, names
from prober.slo.contract import Correctness, Latency
from prober.slo.format import load_contracts
from prober.slo.lint import lint_names
from tests.conftest import ROOT

LOOK = """\
import prober
from prober import assertion, journey, step

@journey()
def look(page):
    with step("open"):
        page.goto("/")
    with step(name="read", status=404), assertion("title"):
        assert page.title()
"""
KNOWN = Names(frozenset({"open", "read"}), frozenset({"title"}))
#: What may come after it, and may give a step a name that is not written there.
STEPS = {
    "a variable": "def more(name):\n    with step(name): pass\n",
    "an f-string": 'def more(n):\n    with step(f"open {n}"): pass\n',
    "a sum": 'def more(n):\n    with step("open " + n): pass\n',
    "arguments unpacked": "def more(*names):\n    with step(*names): pass\n",
    "keywords unpacked": "def more(**said):\n    with step(**said): pass\n",
    "handed on": "def more(page):\n    page.each(step)\n",
    "another name for it": "begin = prober.step\n",
    "imported by another name": "from prober import step as begin\n",
    "a table of words": "WORDS = {'step': step}\n",
}
#: Of these anything may come.
ALL = {
    "a module of others": "import allure\n",
    "a name of others": "from allure import step\n",
    "a module of others, in a function": "def more():\n    import allure\n",
    "beside nothing": "from ._flows import pay\n",
    "a package that lists its modules": "from flows import *\n",
    "a file that is not Python": "def more():\n    import _broken\n",
    "by its name": "def more(word):\n    return getattr(prober, word)\n",
    "by its name, renamed": "from operator import attrgetter as a\n",
    "modules by name": "from importlib import import_module\n",
    "code as text": "def more(text):\n    exec(text)\n",
    "all names there are": "def more(page):\n    globals()['pay'](page)\n",
    "in what is imported": "import _strange\n",
}
#: These change nothing.
PLAIN = {
    "nothing": "",
    "modules that are known": (
        "import re, os.path\nimport httpx\nfrom playwright.sync_api import Page\n"
    ),
    "the words in full": (
        "def more():\n    with prober.step('open'), prober.assertion('title'): pass\n"
    ),
    "steps of another kind": (
        "def more(page, steps):\n    for each in steps: page.go(each, step=1)\n"
    ),
    "a journey that nobody calls": (
        "@journey()\ndef other(page, name='x'):\n"
        "    with step(name), step('other'), assertion('other'): pass\n"
    ),
}
#: What is beside it and imported, with one more step, `pay`.
PAY = 'import prober\ndef pay(page):\n    with prober.step("pay"):\n        page.click("Pay")\n'


def of(directory: Path, text: str, files: Mapping[str, str] = {}) -> Names:
    """What is known of the journey `look` when its file says this, and others are beside it."""
    look = directory / "look.py"
    look.write_text(LOOK)
    [(found, _)] = load(look)
    for name, content in {**files, "look.py": text}.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text(content)
    return names(found, Library(directory, {}))


@pytest.mark.parametrize("what", PLAIN)
def test_names_that_are_written_are_known(tmp_path: Path, what: str) -> None:
    assert of(tmp_path, LOOK + PLAIN[what]) == KNOWN


@pytest.mark.parametrize("what", STEPS)
def test_of_a_name_that_is_computed_nothing_is_known(tmp_path: Path, what: str) -> None:
    assert of(tmp_path, LOOK + STEPS[what]) == Names(None, KNOWN.assertions)
    other = STEPS[what].replace("step", "assertion")
    assert of(tmp_path, LOOK + other) == Names(KNOWN.steps, None)


@pytest.mark.parametrize("what", ALL)
def test_of_code_that_cannot_be_seen_nothing_is_known(tmp_path: Path, what: str) -> None:
    files = {
        "_broken.py": "1 +\n",
        "_strange.py": "import allure\n",
        "flows/__init__.py": "__all__ = ['pay']\n",
        "flows/pay.py": PAY,
    }
    assert of(tmp_path, LOOK + ALL[what], files) == Names(None, None)


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("import _pay", "_pay.py"),
        ("def more(page):\n    from _pay import pay\n    pay(page)", "_pay.py"),
        ("from _pay import *", "_pay.py"),
        ("import flows", "flows/__init__.py"),
        ("import flows.pay", "flows/pay.py"),
        ("import flows.cart", "flows/__init__.py"),
        ("from flows import pay", "flows/pay.py"),
        ("from flows.pay import pay", "flows/pay.py"),
        ("from flows.more import pay", "flows/_pay.py"),
        ("import other", "other.py"),
    ],
)
def test_what_is_imported_counts(tmp_path: Path, line: str, file: str) -> None:
    files = {
        "flows/more.py": "from . import cart\nfrom ._pay import pay\n",
        "flows/cart.py": "from . import more\n",
        "flows/_pay.py": "",
        file: PAY,
    }
    known = KNOWN.steps or frozenset()
    assert of(tmp_path, f"{LOOK}{line}\n", files) == Names(known | {"pay"}, KNOWN.assertions)


@pytest.mark.parametrize(
    "line", ["other(None)", "each = [other]", "from look import other", "import look; look.other()"]
)
def test_a_journey_that_is_spoken_of_counts(tmp_path: Path, line: str) -> None:
    other = "@journey()\ndef other(page):\n    with step('other'): pass\n"
    found = of(tmp_path, f"{LOOK}{other}def more():\n    {line}\n").steps
    assert found == {"open", "read", "other"}


@pytest.mark.parametrize("mark", ["@keep\n@journey()", "@keep", "@keep()"])
def test_a_function_that_something_else_may_keep_counts(tmp_path: Path, mark: str) -> None:
    other = f"def keep(body): return body\n{mark}\ndef other(page):\n    with step('other'): pass\n"
    assert of(tmp_path, LOOK + other).steps == {"open", "read", "other"}


def test_the_step_of_the_whole_is_one(tmp_path: Path) -> None:
    (tmp_path / "look.py").write_text(LOOK)
    [(found, _)] = load(tmp_path / "look.py")
    whole = names(replace(found, step="look"), Library(tmp_path, {}))
    assert whole.steps == {"open", "read", "look"}


def test_the_examples_are_known_and_their_contracts_speak_of_them() -> None:
    directory = ROOT / "journeys"
    library = Library(directory, {})
    known = {each.name: names(each, library) for each, _ in discover(directory)}
    assert None not in {part for each in known.values() for part in (each.steps, each.assertions)}
    contracts = load_contracts(directory)
    kinds = {type(objective.sli) for each in contracts for objective in each.objectives}
    assert {Latency, Correctness} <= kinds
    assert list(lint_names(contracts, known.__getitem__)) == []
