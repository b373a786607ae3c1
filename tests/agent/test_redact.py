"""No secret gets past the redactor in any form it travels in, and nothing else is touched."""

from __future__ import annotations

import base64
import html
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape, quoteattr
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.agent.redact import LONGEST, Redactor
from prober.config import SECRET_LENGTH
from prober.model import Kind, Outcome, Run, RunId, Step

secrets = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")),
    min_size=SECRET_LENGTH,
    max_size=40,
).filter(lambda text: text == text.strip())
around = st.text(st.sampled_from("xyz ,.:/?=&\n"), max_size=12)

ENCODERS: dict[str, Callable[[str], str]] = {
    "itself": str,
    "percent": lambda s: quote(s, safe=""),
    "percent, small letters": lambda s: quote(s, safe="").lower() if s == s.lower() else s,
    "percent, as a path": quote,
    "a form": quote_plus,
    "encodeURIComponent": lambda s: quote(s, safe="!'()*"),
    "encodeURI": lambda s: quote(s, safe=";,/?:@&=+$-_.!~*'()#"),
    "JSON": lambda s: json.dumps(s)[1:-1],
    "JSON in UTF-8": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "Python": lambda s: repr(s)[1:-1],
    "HTML": html.escape,
    "XML text": escape,
    "XML attribute": lambda s: quoteattr(s)[1:-1],
    "HTML by numbers": lambda s: "".join(c if c.isalnum() else f"&#{ord(c)};" for c in s),
    "HTML by hex": lambda s: "".join(c if c.isalnum() else f"&#X{ord(c):X};" for c in s),
    "a shell": shlex.quote,
    "double quotes of a shell": lambda s: s.replace("\\", "\\\\").replace('"', '\\"'),
    "YAML": lambda s: s.replace("'", "''"),
    "hex": lambda s: s.encode().hex(),
    "hex, capitals": lambda s: s.encode().hex().upper(),
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64 after one byte": lambda s: base64.b64encode(b"u" + s.encode()).decode(),
    "base64 after two bytes": lambda s: base64.b64encode(b"u:" + s.encode() + b"?").decode(),
    "base64 for URLs": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
}


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


def test_an_archive_is_free_of_secrets_and_still_one(tmp_path: Path) -> None:
    path = tmp_path / "trace.zip"
    noise = bytes(range(256)) * 4
    with ZipFile(path, "w") as archive:
        archive.writestr("trace.trace", json.dumps({"value": 'c"orrect-horse'}) + "\n")
        archive.writestr("resources/page.png", noise)
    Redactor({"key": 'c"orrect-horse'}).archive(path)
    with ZipFile(path) as archive:
        assert archive.testzip() is None
        assert json.loads(archive.read("trace.trace")) == {"value": "[key]"}
        assert archive.read("resources/page.png") == noise
    assert list(tmp_path.iterdir()) == [path]
