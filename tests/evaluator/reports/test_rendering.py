"""Whatever a page, a journey or a person wrote is text in a report and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from prober.evaluator.reports.blocks import Code, Mark
from prober.evaluator.reports.rendering import LONGEST, cell, html, markdown
from tests.evaluator.hours import EARLIER, MORNING, Hours, hourly_contract
from tests.evaluator.office import NOW_MS

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)> | a | b | `c` ``d`` "
    "[x](https://evil.example) ![y](javascript:alert(3)) <https://evil.example> "
    "https://evil.example www.evil.example **bold** &lt;b&gt; \\` \u202e \x1b[31m\n# head\n- item"
)
TITLE = "<b>Checkout</b> | `completes` *now*"
KINDS = ("daily", "weekly", "sprint", "quarterly")
READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


class Elements(HTMLParser):
    """What a browser would make of a text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: dict[str, int] = {}
        self.attributes: set[tuple[str, str | None]] = set()
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.attributes |= set(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Hours]:
    """One in which every text that can be is hostile."""
    there = Hours(tmp_path / "hostile", hourly_contract(title=TITLE))
    there.hours(step=HOSTILE, message=HOSTILE)
    fill(there, HOSTILE)
    yield there
    there.close()


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Hours]:
    """The same, harmless."""
    there = Hours(tmp_path / "plain", hourly_contract())
    there.hours(step="pay", message="pay")
    fill(there, "pay")
    yield there
    there.close()


def fill(there: Hours, text: str) -> None:
    """Say a text wherever somebody can say one."""
    there.ask("mark-deploy", name=text, at="2026-06-30T09:30:00Z")
    there.ask(
        "exclude-add",
        start="2026-06-30T12:00:00Z",
        end="2026-06-30T12:30:00Z",
        category="other",
        reason=text,
        requested_by="bob",
        approved_by="eve",
    )
    there.ask("feedback-add", text=text, start=EARLIER, end=MORNING[0])
    there.entered("EXHAUSTED", "2026-06-20T00:01:00Z", "5/4")
    there.now_ms = NOW_MS - 20 * 3_600_000
    there.ask("override-grant", slo="checkout", commit=text, role="sre", by="ada", reason=text)
    (miss,) = there.ask("misses")["misses"]
    link = "https://git.example/7"
    there.ask("miss-close", id=miss["id"], change=text, kind="test", link=link)
    there.now_ms = NOW_MS


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["md", "html"])
def test_hostile_text_makes_no_element_and_no_attribute(
    hostile: Hours, plain: Hours, kind: str, form: str
) -> None:
    told, calm = (
        Elements(READER.render(text) if form == "md" else text)
        for text in (there.report(kind, format=form)["text"] for there in (hostile, plain))
    )
    assert told.tags == calm.tags
    assert told.attributes == calm.attributes
    assert not {"script", "img", "a"} & set(told.tags)
    assert "<script>alert(1)</script><img src=x onerror=alert(2)> | a | b | `c` ``d``" in told.text
    assert "\x1b" not in told.text
    assert "\u202e" not in told.text


def test_html_stands_alone_in_light_and_dark_and_runs_nothing(plain: Hours) -> None:
    text = plain.report("weekly", format="html")["text"]
    found = Elements(text)
    assert "script" not in found.tags
    values = {value for name, value in found.attributes if name in ("src", "href")}
    assert values == {"data:,"}
    assert "prefers-color-scheme: dark" in text
    assert "url(" not in text
    assert '<strong class="state full">FULL</strong>' in text


def test_markdown_is_tables_lists_and_boxes(plain: Hours) -> None:
    found = Elements(READER.render(plain.report("weekly", format="md")["text"]))
    assert found.tags["h1"] == 1
    assert {"table", "ul", "code", "h2", "h3"} <= set(found.tags)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- x", r"\- x"),
        ("1. x", r"1\. x"),
        ("12) x", r"12\) x"),
        ("---", r"\---"),
        ("-12% left", "-12% left"),
        ("a*b_c|d", r"a\*b\_c\|d"),
        ("https://x", r"https\://x"),
        ("www.x", r"www\.x"),
        ("2026-06-30T10:00:00Z", "2026-06-30T10:00:00Z"),
        ("&amp; $x$", r"\&amp; \$x\$"),
        ("<b>x</b>", r"\<b\>x\</b\>"),
    ],
)
def test_text_is_escaped_where_markdown_would_act_upon_it(text: str, told: str) -> None:
    assert markdown(text) == told
    assert Elements(READER.render(f"- {told}")).tags == {"ul": 1, "li": 1}
    assert Elements(READER.render(f"- {told}")).text.strip() == text


@pytest.mark.parametrize("text", ["a`b", "`", "``` x", " `a` ", "a|b", "<b>"])
def test_code_is_shown_as_it_is(text: str) -> None:
    found = Elements(READER.render(markdown(Code(text))))
    assert found.text.strip() == " ".join(text.split())
    assert found.tags == {"p": 1, "code": 1}
    table = f"| x |\n|---|\n| {cell(Code(text))} |\n"
    assert Elements(READER.render(table)).text.split()[1:] == text.split()


def test_text_is_no_element_in_html() -> None:
    assert str(html(("<b>x</b>", Code("<i>")))) == "&lt;b&gt;x&lt;/b&gt;<code>&lt;i&gt;</code>"


def test_nothing_is_shown_as_nothing_and_a_long_text_is_cut() -> None:
    assert markdown(Code(" ")) == str(html(Code(" "))) == ""
    assert len(markdown(Code("x" * 1000))) == LONGEST + 2
    assert len(Elements(str(html(Code("x" * 1000)))).text) == LONGEST


def test_a_state_has_a_colour_where_there_are_any() -> None:
    assert markdown(Mark("UNKNOWN")) == "UNKNOWN"
    assert str(html(Mark("UNKNOWN"))) == '<strong class="state unknown">UNKNOWN</strong>'
