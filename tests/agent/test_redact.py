"""No secret gets past the redactor in any form it travels in, and nothing else is touched."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.agent.redact import LONGEST, Redactor
from prober.model import Kind, Outcome, Run, RunId, Step
from prober.source import SECRET_LENGTH
from tests.canaries import CANARIES, ENCODERS
from tests.conftest import ROOT

secrets = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")),
    min_size=SECRET_LENGTH,
    max_size=40,
).filter(lambda text: text == text.strip())
around = st.text(st.sampled_from("xyz ,.:/?=&\n"), max_size=12)


@pytest.mark.parametrize("encode", ENCODERS.values(), ids=ENCODERS.keys())
@given(secret=secrets, before=around, after=around)
def test_a_secret_is_found_as(
    encode: Callable[[str], str], secret: str, before: str, after: str
) -> None:
    redacted = Redactor({"key": secret}).text(f"{before}{encode(secret)}{after}")
    assert "[key]" in redacted
    if secret not in f"{before}{after}[key]":
        assert secret not in redacted


@pytest.mark.parametrize(
    "secret", ["p\"a's s<w>&ö%r\\d", "'quoted-value'", '"quoted-value"', "日本語パスワード"]
)
@pytest.mark.parametrize("encode", ENCODERS.values(), ids=ENCODERS.keys())
def test_an_awkward_secret_is_found_as(encode: Callable[[str], str], secret: str) -> None:
    assert Redactor({"key": secret}).text(f"<{encode(secret)}>").count("[key]") == 1


@given(st.text(st.sampled_from("abc 123,.%&;\\\"'+/=")))
def test_other_text_is_left_alone(text: str) -> None:
    assert Redactor({"key": "correct-horse", "other": "ZZZZ-battery"}).text(text) == text


def test_quotes_around_a_secret_are_not_needed_to_know_it() -> None:
    assert Redactor({"key": '"hunter-2000"'}).text("it was hunter-2000!") == "it was [key]!"


def test_the_longer_of_two_secrets_is_named() -> None:
    redactor = Redactor({"short": "correct", "long": "correct-horse"})
    assert redactor.text("correct-horse, correct") == "[long], [short]"


def test_without_secrets_nothing_happens() -> None:
    assert Redactor({}).text("anything") == "anything"
    assert Redactor({"empty": "", "tiny": "ab"}).text("ab anything") == "ab anything"


def test_a_secret_of_several_lines_is_known_when_they_are_joined() -> None:
    redactor = Redactor({"key": "-----BEGIN\nabc\ndef"})
    assert redactor.text("it is -----BEGIN · abc · def") == "it is [key]"


@pytest.mark.parametrize("start", range(LONGEST - 20, LONGEST + 1))
def test_no_part_of_a_secret_is_left_where_a_line_is_cut(start: int) -> None:
    text = "x" * start + "correct-horse-battery"
    message = Redactor({"key": "correct-horse-battery"}).run(record(text)).message
    assert message is not None
    assert "corr" not in message
    assert len(message) <= LONGEST


def record(text: str) -> Run:
    return Run(
        id=RunId("j", "r", 0, 1, Kind.MANUAL),
        outcome=Outcome.FAILED,
        step=text,
        message=text,
        started_ms=0,
        finished_ms=0,
        duration_us=1,
        steps=(Step(name=text, offset_us=0, duration_us=1, outcome=Outcome.FAILED),),
        evidence={"console": (text,), "requests": (text, text)},
    )


def test_a_record_is_free_of_secrets_wherever_text_can_be() -> None:
    redacted = Redactor({"key": "correct-horse"}).run(record("a correct-horse b"))
    assert "correct" not in redacted.to_json()
    assert redacted.to_json().count("a [key] b") == 6


def test_capital_letters_hide_nothing() -> None:
    assert Redactor({"key": "Ünicode-Horse"}).text("at ünicode-horse.example") == "at [key].example"


def test_blanks_that_a_page_runs_together_hide_nothing() -> None:
    assert Redactor({"key": "correct  horse\tbattery"}).text("a correct horse battery") == "a [key]"


def test_accents_apart_hide_nothing() -> None:
    assert Redactor({"key": "caf\u00e9-horse"}).text("cafe\u0301-horse") == "[key]"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ('<input value="correct-hors…">', '<input value="[key]…">'),
        ("input_value='correct...battery'", "input_value='[key]...[key]'"),
        ("it ends in correct-horse-b", "it ends in [key]"),
        ("corre…", "corre…"),
    ],
)
def test_a_part_of_a_secret_where_others_cut_it_is_one(text: str, redacted: str) -> None:
    assert Redactor({"key": "correct-horse-battery"}).text(text) == redacted


def test_a_secret_right_after_another_is_found() -> None:
    redactor = Redactor({"key": "100%-horse-100%"})
    assert redactor.text("100%-horse-100%100%25-horse-100%25") == "[key][key]"


def test_each_line_of_a_secret_is_one() -> None:
    redactor = Redactor({"key": "-----BEGIN-----\nabcdefghij\nklmnopqrst\n"})
    assert redactor.text("BEGIN · klmnopqrst") == "BEGIN · [key]"


def test_what_a_secret_was_before_stays_known() -> None:
    redactor = Redactor({"key": "correct-horse"})
    redactor.learn({"key": "another-horse"})
    assert redactor.text("correct-horse another-horse") == "[key] [key]"


def test_a_secret_that_looks_like_an_escape_is_known_escaped_and_not() -> None:
    redactor = Redactor({"key": "50%25&amp;\\u00e9-horse"})
    assert redactor.text("50%25&amp;\\u00e9-horse") == "[key]"
    assert redactor.text(json.dumps("50%25&amp;\\u00e9-horse")) == '"[key]"'
    assert redactor.text(quote("50%25&amp;\\u00e9-horse", safe="")) == "[key]"


def test_a_secret_of_any_length_is_searched_for_at_once() -> None:
    redactor = Redactor({"key": "line of a key that is long\n" * 60, "other": "z" * 4000})
    assert redactor.text("z" * 3000) == "[other]"


def test_of_forty_awkward_secrets_none_is_missed_in_any_form_and_no_other_text_is_taken() -> None:
    redactor = Redactor(CANARIES)
    missed = [
        (value, way)
        for value in CANARIES.values()
        for way, encode in ENCODERS.items()
        if redactor.text(f"<{encode(value)}>").count("[c") != 1
    ]
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    taken = [page.name for page in pages for _ in redactor.spans(page.read_text())]
    characters = sum(page.stat().st_size for page in pages)
    print(
        f"{len(CANARIES)} secrets in {len(ENCODERS)} forms: {len(missed)} missed; "
        f"{len(taken)} ordinary texts taken in {characters} characters of documentation"
    )
    assert (missed, taken) == ([], [])
