"""How a secret is spelled on its way: escapes taken out of a text, and encodings of a value.

Pages, URLs, headers, logs and traces escape text, often several times over. Rather than to guess
every way, `Plain` undoes one layer of them, whatever they are, and remembers where each
character came from. Encodings that change the whole value cannot be undone one character at a
time; `encoded` lists those of a value.
"""

from __future__ import annotations

import base64
import html
import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from html.entities import html5
from urllib.parse import quote, quote_plus

#: Layers of escapes that are looked through: a URL in JSON in a string in a trace has three.
LAYERS = 4
#: Shorter than this nothing encoded is taken for a secret.
LEAST = 6

#: It begins with a set of characters, so that all others are passed over at once.
_ESCAPE = re.compile(
    r"""
    [%&\\\0\r\n] (?:
    (?P<percent> (?<=%)(?:[c-fC-F][0-9a-fA-F](?:%[89abAB][0-9a-fA-F])+|[0-9a-fA-F]{2}) )
  | (?P<number> (?<=&)\#(?:[xX]0*[0-9a-fA-F]{1,6}|0*[0-9]{1,7});? )
  | (?P<entity> (?<=&)[A-Za-z][A-Za-z0-9]{1,31}; )
  | (?P<pair> (?<=\\)u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2} )
  | (?P<unicode> (?<=\\)(?:u[0-9a-fA-F]{4}|u\{[0-9a-fA-F]{1,6}\}|U[0-9a-fA-F]{8})
               | (?<=%)u[0-9a-fA-F]{4} )
  | (?P<bytes> (?<=\\)(?:x[c-fC-F][0-9a-fA-F](?:\\x[89abAB][0-9a-fA-F])+
                        |3[0-7]{2}(?:\\2[0-7]{2})+) )
  | (?P<byte> (?<=\\)(?:x[0-9a-fA-F]{2}|[0-3][0-7]{2}) )
  | (?P<letter> (?<=\\). )
  | (?P<nothing> (?<=[A-Za-z0-9+/]{60}\n)(?=[A-Za-z0-9+/=])
               | (?<=[A-Za-z0-9+/]{60}\r)\n(?=[A-Za-z0-9+/=])
               | (?<=[\x20-\x7e]\0) | (?<=\0)(?=[\x20-\x7e]) )
    )""",
    re.VERBOSE,
)
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}


@dataclass(frozen=True, slots=True)
class Plain:
    """A text, and which part of the one it was made of each part of it stands for."""

    text: str
    #: Where pieces begin here and there; every second one took the place of an escape.
    _here: list[int] = field(default_factory=lambda: [0])
    _there: list[int] = field(default_factory=lambda: [0])
    _below: Plain | None = None

    def unescaped(self) -> Plain | None:
        """The text with one layer of escapes undone; None when it has none."""
        parts: list[str] = []
        here, there, at, length = [0], [0], 0, 0
        for match in _ESCAPE.finditer(self.text):
            start, end = match.span()
            meant = _meant(match)
            length += start - at
            here += (length, length + len(meant))
            there += (start, end)
            parts += (self.text[at:start], meant)
            at, length = end, length + len(meant)
        if not at:
            return None
        return Plain("".join((*parts, self.text[at:])), here, there, self)

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Which part of the text as it was written a part of this one stands for."""
        if self._below is None:
            return start, end
        return self._below.origin(self._source(start)[0], self._source(end - 1)[1])

    def _source(self, at: int) -> tuple[int, int]:
        """Where one character came from."""
        piece = bisect_right(self._here, at) - 1
        if piece % 2:
            return self._there[piece], self._there[piece + 1]
        since = self._there[piece] + at - self._here[piece]
        return since, since + 1


def layers(text: str) -> Iterator[Plain]:
    """The text as written, then with one layer of escapes less at a time."""
    plain: Plain | None = Plain(text)
    for _ in range(LAYERS + 1):
        if plain is None:
            return
        yield plain
        plain = plain.unescaped()


def encoded(value: str) -> frozenset[str]:
    """What of a value's base64 and hex is the same wherever it stands in a longer one.

    Of the value by itself, and as other formats escape it: a header's `user:password`, a token
    with JSON in it, a form, a string of JavaScript or of Windows.
    """
    found: set[str] = set()
    for raw in _bytes_of(value):
        found |= {raw.hex(), raw.hex().upper()}
        for once in _base64_forms(raw):
            found |= {once, *_base64_forms(once.encode())}
    return frozenset(form for form in found if len(form) > LEAST)


def _meant(match: re.Match[str]) -> str:
    return _MEANINGS[match.lastgroup or ""](match[0])


def _percent(text: str) -> str:
    return bytes.fromhex(text.replace("%", "")).decode(errors="surrogateescape")


def _number(text: str) -> str:
    digits = text[2:].rstrip(";")
    code = int(digits[1:], 16) if digits[0] in "xX" else int(digits)
    return chr(code) if code < 0x110000 else text


def _entity(text: str) -> str:
    return html5.get(text[1:], text)


def _pair(text: str) -> str:
    return str(json.loads(f'"{text}"'))


def _unicode(text: str) -> str:
    code = int(text[2:].strip("{}"), 16)
    return chr(code) if code < 0x110000 else text


def _bytes(text: str) -> str:
    base = 16 if "x" in text else 8
    codes = [int(code, base) for code in text.replace("x", "").split("\\")[1:]]
    return bytes(codes).decode(errors="surrogateescape")


def _byte(text: str) -> str:
    return chr(int(text[2:], 16) if text[1] == "x" else int(text[1:], 8))


def _letter(text: str) -> str:
    return _LETTERS.get(text[1], text[1])


def _nothing(text: str) -> str:
    return ""


_MEANINGS: dict[str, Callable[[str], str]] = {
    "percent": _percent,
    "number": _number,
    "entity": _entity,
    "pair": _pair,
    "unicode": _unicode,
    "bytes": _bytes,
    "byte": _byte,
    "letter": _letter,
    "nothing": _nothing,
}


def _bytes_of(value: str) -> Iterator[bytes]:
    """The value as bytes, in the alphabets and escapes that it is encoded from."""
    ways = (
        str,
        lambda text: json.dumps(text)[1:-1],
        lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
        html.escape,
        partial(quote, safe="", errors="surrogateescape"),
        partial(quote_plus, errors="surrogateescape"),
    )
    for text in {way(value) for way in ways}:
        yield text.encode(errors="surrogateescape")
    for codec in ("latin-1", "utf-16-le"):  # `btoa` of JavaScript; PowerShell
        try:
            yield value.encode(codec)
        except UnicodeEncodeError:
            continue


def _base64_forms(raw: bytes) -> Iterator[str]:
    """The part of base64 text that bytes determine, at each of three offsets."""
    for offset in range(3):
        whole = base64.b64encode(b"\0" * offset + raw).decode()
        start = (0, 2, 3)[offset]
        stable = whole.rstrip("=")[start:]
        if (len(raw) + offset) % 3:
            stable = stable[:-1]
        yield stable
        yield stable.replace("+", "-").replace("/", "_")
