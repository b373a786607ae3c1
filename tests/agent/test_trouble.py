"""What is said of an exception of a journey: enough to find the line it is about."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from playwright.sync_api import Error, TimeoutError

from prober.agent.recorder import TargetAnswered
from prober.agent.trouble import explained, first_lines


@pytest.fixture
def raised(tmp_path: Path) -> Callable[..., str]:
    """What is said of what a function `go` of a journey's file raises."""

    def say(source: str, **given: object) -> str:
        file = tmp_path / "checkout.py"
        file.write_text(dedent(source))
        spec = importlib.util.spec_from_file_location("checkout", file)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        vars(module).update(given)
        spec.loader.exec_module(module)
        with pytest.raises(Exception) as caught:  # noqa: PT011  # that is what is looked at
            module.go()
        return explained(caught.value, tmp_path)

    return say


def test_a_plain_assert_is_told_with_its_line(raised: Callable[..., str]) -> None:
    said = raised("""
        def go():
            status = 500
            assert status == 201
        """)
    assert said == "AssertionError (checkout.py:4: assert status == 201)"


def test_an_assert_with_words_is_told_by_them(raised: Callable[..., str]) -> None:
    assert raised("def go():\n    assert False, 'no total'\n") == "no total"


def test_an_error_of_the_script_is_told_with_the_deepest_line_of_it(
    raised: Callable[..., str],
) -> None:
    said = raised("""
        import json
        def read(text):
            return json.loads(text)["token"]
        def go():
            read("{}")
        """)
    assert said == "KeyError: 'token' (checkout.py:4: return json.loads(text)[\"token\"])"


def test_one_that_a_library_raised_is_told_with_the_line_that_called_it(
    raised: Callable[..., str],
) -> None:
    said = raised("import json\ndef go():\n    json.loads('')\n")
    assert said.startswith("JSONDecodeError: ")
    assert said.endswith(" (checkout.py:3: json.loads(''))")


@pytest.mark.parametrize(
    "error",
    [Error("gone"), TimeoutError("late"), TargetAnswered("500 at /")],
    ids=lambda error: type(error).__name__,
)
def test_what_names_what_it_is_about_is_left_as_it_is(
    raised: Callable[..., str], error: Exception
) -> None:
    assert raised("def go():\n    raise error\n", error=error) == first_lines(error)


def test_what_an_expectation_says_names_its_locator_already(raised: Callable[..., str]) -> None:
    source = "def go():\n    raises()\n"

    def raises() -> None:
        raise AssertionError("Locator expected to be visible")

    assert raised(source, raises=raises) == "Locator expected to be visible"


def test_a_long_line_is_cut(raised: Callable[..., str]) -> None:
    assert len(raised(f"def go():\n    assert not {'1' * 1000}\n")) < 200
