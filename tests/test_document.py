"""A document reports all of its mistakes at once, each at its line, and shows no variable."""

from __future__ import annotations

import doctest
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, Field, SecretStr, model_validator

from prober import document, variables
from prober.document import Document, Duration, Strict, parse, read
from prober.errors import InputError, ProberError


def shout(text: str) -> str:
    if text != text.upper():
        raise ValueError(f"{text!r} is not loud, write it in capitals")
    return text


class Part(Strict):
    name: str = Field(examples=["door"])
    loud: Annotated[str, AfterValidator(shout)] = "LOUD"


class Whole(Strict):
    title: str = Field(examples=["House"])
    count: int = 1
    when: date = date(2026, 1, 1)
    open: bool = True
    wait_ms: Duration = Field(1000, alias="wait")
    parts: tuple[Part, ...] = ()
    by_name: Mapping[str, Part] = {}
    token: SecretStr = SecretStr("")

    @model_validator(mode="after")
    def _sizes(self) -> Whole:
        if self.count == 13:
            raise ValueError("the count is unlucky, write another")
        return self


def problems(text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse(text, "house.yaml").validate(Whole, environ)
    return str(caught.value).splitlines()


def validated(text: str, environ: Mapping[str, str] | None = None) -> Whole:
    return parse(text, "house.yaml").validate(Whole, environ)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(document).failed == 0


def test_a_right_document_becomes_its_model() -> None:
    house = validated("title: House\nwhen: 2026-07-01\nwait: 5m\nparts: [{name: door}]\n")
    assert (house.when, house.wait_ms, house.parts) == (
        date(2026, 7, 1),
        300_000,
        (Part(name="door"),),
    )


def test_every_mistake_is_reported_in_the_order_of_lines() -> None:
    text = """\
titel: House
count: "3"
open: yes
wait: 5
parts:
  - name: door
    loud: quiet
  - {nam: window}
by_name:
  back: {abc: red, name: 3}
when: soon
"""
    assert problems(text) == [
        "house.yaml:1: titel: is not a key here, did you mean title?",
        "house.yaml:2: count: '3' is not a whole number, write one such as 2",
        "house.yaml:3: open: 'yes' is not true or false, write one of the two",
        "house.yaml:4: wait: 5 is not a duration, write a number and ms, s, m, h, d or w: 90s",
        "house.yaml:7: parts[0].loud: 'quiet' is not loud, write it in capitals",
        "house.yaml:8: parts[1].nam: is not a key here, did you mean name?",
        "house.yaml:10: by_name.back.abc: is not a key here, write one of loud, name",
        "house.yaml:10: by_name.back.name: is not text, write it in quotes",
        "house.yaml:11: when: 'soon' is not a date, write year-month-day: 2026-07-01",
    ]


@pytest.mark.parametrize("key", ["<x>", "[key]"])
def test_a_key_is_told_also_when_it_looks_like_a_mark_of_the_checker(key: str) -> None:
    (said,) = problems(f'"{key}": 1\ntitle: House\n')
    assert said.startswith(f"house.yaml:1: {key}: is not a key here")


def test_a_missing_key_is_told_with_an_example_at_the_mapping_that_lacks_it() -> None:
    assert problems("count: 1\nparts:\n  - loud: A\n") == [
        "house.yaml: title: is missing, write title: House",
        "house.yaml:3: parts[0].name: is missing, write name: door",
    ]


def test_a_mistake_of_the_whole_is_told_without_a_line() -> None:
    assert problems("title: House\ncount: 13\n") == [
        "house.yaml: the count is unlucky, write another"
    ]


def test_a_list_and_a_mapping_are_not_mistaken_for_each_other() -> None:
    assert problems("title: [a]\nparts: {name: door}\nby_name: [a]\n") == [
        "house.yaml:1: title: is not text, write it in quotes",
        "house.yaml:2: parts: a mapping is not a list, write `- item` lines or [item, item]",
        "house.yaml:3: by_name: a list is not a mapping, write `key: value` lines under it",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "house.yaml: is not a mapping, write `key: value` lines", id="nothing"),
        pytest.param("- a", "house.yaml: is not a mapping, write `key: value` lines", id="a list"),
        pytest.param(
            "a: 1\nb:\n\tc: 1",
            "house.yaml:3: is indented with a tab, indent with spaces",
            id="a tab",
        ),
        pytest.param(
            "a: 'b\nc: 1\n",
            "house.yaml:1: has a quote that is not closed, close it",
            id="a quote that stays open",
        ),
        pytest.param(
            "a: 1\nb: ]\n",
            "house.yaml:2: is not YAML: expected the node content, but found ']', "
            "mend this line or the one above it",
            id="another mistake of syntax",
        ),
        pytest.param(
            "a: 1\n--- \nb: 1\n",
            "house.yaml:2: is a second document, keep one document a file",
            id="two documents",
        ),
        pytest.param(
            "a: &x [*x]\n",
            "house.yaml:1: a[0]: is an alias, write the value out",
            id="an alias to what it stands in",
        ),
        pytest.param(
            "a: *x\n", "house.yaml:1: is an alias, write the value out", id="an alias to nothing"
        ),
        pytest.param(
            "a: !env X\n", "house.yaml:1: a: has the tag !env, remove it", id="a tag of one's own"
        ),
        pytest.param(
            "a: !!set {x}\n",
            "house.yaml:1: a: has the tag tag:yaml.org,2002:set, remove it",
            id="a tag on a mapping",
        ),
        pytest.param(
            "a: 1\na: 2\n", "house.yaml:2: a: is also on line 1, keep one of the two", id="twice"
        ),
        pytest.param(
            "b:\n  a: 1\n  a: 2\n",
            "house.yaml:3: b.a: is also on line 2, keep one of the two",
            id="twice deeper down",
        ),
        pytest.param(
            "? [a, b]\n: 1\n",
            'house.yaml:1: ?: is not a name, write it in quotes: "?"',
            id="a list as key",
        ),
        pytest.param(
            "<<: {a: 1}\n",
            'house.yaml:1: <<: is not a name, write it in quotes: "<<"',
            id="a merge key",
        ),
        pytest.param(
            "a: ~\n", "house.yaml:1: a: has no value, write one or remove the key", id="null"
        ),
        pytest.param(
            "a: \x00\n",
            "house.yaml: is not YAML: it holds control characters or is nested too deep, "
            "write it as plain text",
            id="a control character",
        ),
        pytest.param(
            "[" * 1500,
            "house.yaml: is not YAML: it holds control characters or is nested too deep, "
            "write it as plain text",
            id="a very deep list",
        ),
    ],
)
def test_what_is_not_strict_yaml_is_refused_with_its_place(text: str, message: str) -> None:
    assert problems(text) == [message]


def test_words_that_older_yaml_took_for_truth_are_text() -> None:
    assert parse("a: on\nb: no\nc: 0o17\n", "f").data == {"a": "on", "b": "no", "c": 15}


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    path = tmp_path / "house.yaml"
    path.write_bytes(b"\xef\xbb\xbftitle: House\n")
    assert read(path).data == {"title": "House"}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(None, "No such file or directory", id="a file that is not there"),
        pytest.param(b"title: \xff\n", "it is not UTF-8 text", id="a file in another encoding"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "house.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read(path)
    assert str(caught.value) == f"{path}: cannot be read: {why}, name a readable text file"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("${A}", "one", id="a variable"),
        pytest.param("x-${A}-${B}", "x-one-two", id="several in a text"),
        pytest.param("${C:-three}", "three", id="a default for what is not set"),
        pytest.param("${EMPTY:-three}", "three", id="a default for what is empty"),
        pytest.param("${EMPTY}x", "x", id="an empty variable"),
        pytest.param("${C:-}x", "x", id="an empty default"),
        pytest.param("${A:-three}", "one", id="a default that is not needed"),
        pytest.param("$$", "$", id="a dollar"),
        pytest.param("$${A}", "${A}", id="a dollar before braces"),
        pytest.param("pa$word", "pa$word", id="a dollar that means nothing"),
        pytest.param("${NESTED}", "${A}", id="a variable that holds the name of another"),
    ],
)
def test_variables_are_filled_into_text(text: str, expected: str) -> None:
    environ = {"A": "one", "B": "two", "EMPTY": "", "NESTED": "${A}"}
    assert validated(f"title: '{text}'\n", environ).title == expected


def test_without_an_environment_a_dollar_is_a_dollar() -> None:
    assert validated("title: ${A} $$\n").title == "${A} $$"


def test_all_variables_that_are_not_set_are_told_and_nothing_else_of_their_keys() -> None:
    unset = "environment variable {0} is not set, set it or {0}_FILE, or write ${{{0}:-default}}"
    assert problems("title: ${A}${B}\nwait: ${C}\ncount: x\n", {}) == [
        f"house.yaml:1: title: {unset.format('A')}",
        f"house.yaml:1: title: {unset.format('B')}",
        f"house.yaml:2: wait: {unset.format('C')}",
        "house.yaml:3: count: 'x' is not a whole number, write one such as 2",
    ]


@pytest.mark.parametrize("text", ["${", "${A", "${1A}", "${A-b}", "${}", "${A B}"])
def test_a_variable_that_is_written_wrongly_is_told(text: str) -> None:
    assert problems(f"title: '{text}'\n", {"A": "one"}) == [
        "house.yaml:1: title: has a `${` without name and `}`, write ${NAME}"
    ]


def test_a_wrong_value_from_a_variable_is_told_by_the_name_of_the_variable() -> None:
    text = "title: a\nwait: ${WAIT}\nparts: [{name: a, loud: '${A}!'}]\n"
    assert problems(text, {"WAIT": "hunter2", "A": "it's \\ me"}) == [
        "house.yaml:2: wait: '${WAIT}' is not a duration, "
        "write a number and ms, s, m, h, d or w: 90s",
        "house.yaml:3: parts[0].loud: '${A}!' is not loud, write it in capitals",
    ]


@settings(deadline=None, max_examples=40)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_no_message_shows_what_a_variable_held(value: str) -> None:
    text = "title: a\ncount: ${A}\nwait: x${A}\nopen: ${A}\nwhen: ${A}${A}\nparts: ${A}\n"
    kept = problems(text, {"A": "\ue000"})
    # A value may suit a key, such as a number: then there is a message less, never another one.
    assert set(problems(text, {"A": value})) <= set(kept) or value in "\n".join(kept)


def test_a_message_that_would_quote_a_part_of_a_variable_is_kept_back() -> None:
    def half(text: str) -> str:
        raise ValueError(f"{text[:4]} is only half, write all")

    class Odd(Strict):
        title: Annotated[str, AfterValidator(half)]

    with pytest.raises(InputError) as caught:
        parse("title: ${A}${B}\n", "f").validate(Odd, {"A": "hunt", "B": "er2"})
    assert str(caught.value) == (
        "f:1: title: what ${A}${B} stands for cannot be used here, write what this key takes"
    )


def test_an_error_of_the_library_below_does_not_follow_along() -> None:
    with pytest.raises(InputError) as caught:
        validated("title: 3\n")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_document_shows_no_value_in_its_repr() -> None:
    assert repr(Document("f", {"token": "hunter2"})) == "Document(file='f')"


def test_a_variable_may_come_from_a_file_that_another_one_names(tmp_path: Path) -> None:
    (tmp_path / "title").write_text("from a file\n")
    environ = {"A_FILE": str(tmp_path / "title")}
    assert validated("title: ${A}\n", environ).title == "from a file"
    assert validated("title: ${A}\n", environ | {"A": "set"}).title == "set"
    assert problems("title: ${A}\n", {"A_FILE": str(tmp_path / "none")}) == [
        "house.yaml:1: title: the file that A_FILE names cannot be read (FileNotFoundError), "
        "name a text file that this user may read"
    ]


def test_a_token_may_come_from_a_file_that_another_variable_names(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from a file\n")
    environ = {"TOKEN_FILE": str(tmp_path / "token")}
    assert variables.given("TOKEN", environ) == "from a file"
    assert variables.given("TOKEN", environ | {"TOKEN": ""}) == ""
    assert variables.given("TOKEN", {}) is None
    with pytest.raises(ProberError, match="the file that TOKEN_FILE names cannot be read"):
        variables.given("TOKEN", {"TOKEN_FILE": str(tmp_path / "none")})
