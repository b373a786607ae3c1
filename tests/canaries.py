"""Forty secrets that are hard to keep, and the forms in which the world shows them."""

from __future__ import annotations

import base64
import html
import json
import shlex
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape, quoteattr

_WORD = "canary-7Qz"

#: By name. None is in any text of Prober's own, nor likely by chance in numbers and digests.
CANARIES: Final = {
    f"c{number:02}": value
    for number, value in enumerate(
        (
            "zQ7!kX",  # as short as may be
            "Xw9-Lk",
            "837465029184",  # digits only
            "5f2b9c0d71e84a36",  # hex digits only
            "canaryLettersOnly",
            f"{_WORD}" * 20,  # long
            "y8Tn/+=w" * 25,
            f"{_WORD}.base",  # each a part of the next ones
            f"{_WORD}.base.and.more",
            f"pre.{_WORD}.base.and.more",
            'double "quoted" 7Qz',
            "single 'quoted' 7Qz",
            "back\\slash\\7Qz",
            "tick`7Qz`$(7Qz)",
            "a blank 7Qz",
            "two  blanks 7Qz",
            "percent%41%7Qz",
            "100%-7Qz-100%",
            "amp&lt;7Qz&amp;",
            "<b>7Qz</b>",
            "q?a=7Qz&b=7Qz#7Qz",
            "plus+7Qz+plus",
            "slash/7Qz/slash",
            "at@7Qz.example:7Qz",
            "semi;7Qz,comma|7Qz",
            "re.*[7Qz](7Qz)^$",
            "{7Qz}${7Qz}%(7Qz)s",
            "under_7Qz_score~",
            "equals==7Qz==",
            "é7Qz-ünïcode",
            "密码密码7Qz",
            "пароль-7Qz",
            "🔑7Qz🔒7Qz",
            "ẞ7Qz-İ-ſ",
            "\u00a07Qz\u2009thin",
            "MiXeD-CaSe-7qZ",
            "\\u0041-7Qz-\\x42",
            "'outer quotes 7Qz'",
            "line one 7Qz\nline two 7Qz",
            "JBSWY3DPEHPK3PXP",  # of one-time codes
        )
    )
}

ENCODERS: Final[dict[str, Callable[[str], str]]] = {
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
    "base64 of a header": lambda s: base64.b64encode(f"user:{s}".encode()).decode(),
    "base64 of JSON": lambda s: base64.b64encode(json.dumps({"p": s}).encode()).decode(),
    "base64 of a form": lambda s: base64.b64encode(f"p={quote_plus(s)}&q".encode()).decode(),
    "base64 in a URL": lambda s: quote(base64.b64encode(s.encode()), safe=""),
    "base64 twice": lambda s: base64.b64encode(base64.b64encode(f"u:{s}".encode())).decode(),
    "base64 in lines": lambda s: base64.encodebytes(b"x" * 57 + s.encode() + b"x" * 30).decode(),
    "base64 of UTF-16": lambda s: base64.b64encode(s.encode("utf-16-le")).decode(),
    "percent, every letter": lambda s: "".join(f"%{byte:02X}" for byte in s.encode()),
    "percent, twice": lambda s: quote(quote(s, safe=""), safe=""),
    "JSON, every letter": lambda s: "".join(
        f"\\u{int.from_bytes(unit, 'big'):04x}"
        for char in s
        for raw in [char.encode("utf-16-be")]
        for unit in (raw[i : i + 2] for i in range(0, len(raw), 2))
    ),
    "JSON in JSON": lambda s: json.dumps(json.dumps(s)[1:-1])[1:-1],
    "a URL in JSON in HTML": lambda s: html.escape(json.dumps(quote(s, safe=""))[1:-1]),
    "JSON in a URL in JSON": lambda s: json.dumps(quote(json.dumps(s), safe=""))[1:-1],
    "HTML by numbers, every letter": lambda s: "".join(f"&#{ord(c)};" for c in s),
    "HTML in HTML": lambda s: html.escape(html.escape(s)),
    "bytes as Python shows them": lambda s: repr(s.encode())[2:-1],
}


def forms(value: str) -> Iterator[tuple[str, bytes]]:
    """What to search bytes for: each form of a secret, by its name."""
    for way, encode in ENCODERS.items():
        text = encode(value)
        # The last letters of base64 are another's too, where something follows.
        yield way, (text.rstrip("=\n")[:-2] if "base64" in way else text).encode()
    yield "UTF-16", value.encode("utf-16-le")
    yield "JSON in UTF-8 in JSON", json.dumps(json.dumps(value, ensure_ascii=False))[2:-2].encode()
