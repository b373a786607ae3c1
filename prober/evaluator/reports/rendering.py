"""Reports as Markdown and as HTML: whatever a page, a journey or a person wrote is text in both."""

from __future__ import annotations

import re
from typing import Any, Final

from jinja2 import Environment, PackageLoader
from markupsafe import Markup, escape

from prober.evaluator.reports.blocks import Blank, Code, Mark, Word, Words
from prober.evaluator.reports.outline import outline

#: What Markdown acts upon, wherever it stands.
_MARKUP: Final = re.compile(r"([\\`*_{}\[\]<>|#~!&$])")
#: What would be made a link without any of it.
_LINK: Final = re.compile(r"(?i):(?=//)|(?<=www)\.")
#: What begins a list, or is a ruler, where it comes first.
_FIRST: Final = re.compile(r"(?:[-+]|\d+[.)])(?:\s|$)|[-=]+$")
#: Longer text of a page is cut; JSON has all of it.
LONGEST: Final = 300


def render(report: dict[str, Any], format_: str) -> str:
    """A report as text.

    Args:
        report: its plain values.
        format_: `md` or `html`.
    """
    return _TEMPLATES[format_].get_template(f"report.{format_}").render(page=outline(report))


def markdown(words: Words) -> str:
    """Words in a line of Markdown."""
    return "".join(map(_word, _parts(words)))


def cell(words: Words) -> str:
    """Words in a cell of a Markdown table, which nothing in them ends."""
    return "".join(
        _code(word.text).replace("|", r"\|") if isinstance(word, Code) else _word(word)
        for word in _parts(words)
    )


def html(words: Words) -> Markup:
    """Words in an element."""
    return Markup("").join(map(_element, _parts(words)))


def _parts(words: Words) -> tuple[Word, ...]:
    return words if isinstance(words, tuple) else (words,)


def _word(word: Word) -> str:
    if isinstance(word, Blank):
        return "____"
    if isinstance(word, Mark):
        return word.state
    return _code(word.text) if isinstance(word, Code) else _text(word)


def _text(text: str) -> str:
    """Text that Markdown shows and does not act upon; spaces at its ends stay."""
    told = _printable(text)
    if _FIRST.match(told):
        told = re.sub(r"[-+=.)]", r"\\\g<0>", told, count=1)
        head, mark, rest = told.partition("\\")
        return f"{head}{mark}{rest[:1]}{_escaped(rest[1:])}"
    return _escaped(told)


def _escaped(text: str) -> str:
    return _LINK.sub(r"\\\g<0>", _MARKUP.sub(r"\\\1", text))


def _code(text: str) -> str:
    """In a span of code, which nothing in it ends."""
    told = _cut(" ".join(_printable(text).split()))
    if not told:
        return ""
    fence = "`" * (max(map(len, re.findall("`+", told)), default=0) + 1)
    pad = " " if "`" in told else ""
    return f"{fence}{pad}{told}{pad}{fence}"


def _element(word: Word) -> Markup:
    if isinstance(word, Blank):
        return Markup('<span class="blank"></span>')
    if isinstance(word, Mark):
        return Markup('<strong class="state {}">{}</strong>').format(word.state.lower(), word.state)
    if isinstance(word, Code):
        told = _cut(_printable(word.text))
        return Markup("<code>{}</code>").format(told) if told.strip() else Markup("")
    return escape(_printable(word))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _printable(text: str) -> str:
    """Without what moves a cursor, changes colours or turns the direction of writing."""
    plain = (" " if char.isspace() else char for char in text)
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in plain)


def _environment(autoescape: bool) -> Environment:
    found = Environment(
        loader=PackageLoader("prober.evaluator"),
        autoescape=autoescape,  # noqa: S701  # Markdown has filters of its own
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters.update(markdown=markdown, cell=cell, words=html)
    return found


_TEMPLATES: Final = {"md": _environment(False), "html": _environment(True)}
