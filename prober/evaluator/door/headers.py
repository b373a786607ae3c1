"""What pages say about how a browser may show them, and what every answer says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors "
)
#: Of every answer, errors too.
ALWAYS: Final = {"X-Content-Type-Options": "nosniff"}
_MORE: Final = {**ALWAYS, "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache"}
#: Of pages and pictures: nothing from elsewhere, and no other page has them in a frame.
PAGE: Final[Mapping[str, str]] = {"Content-Security-Policy": f"{_POLICY}'none'", **_MORE}
#: Of what is made to be shown within other pages, whosever they are.
EMBEDDED: Final[Mapping[str, str]] = {"Content-Security-Policy": f"{_POLICY}*", **_MORE}
#: Of files that came from a target: shown as pictures or saved, never opened as pages of ours.
ATTACHED: Final[Mapping[str, str]] = {
    **_MORE,
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Content-Disposition": "attachment",
    "Cache-Control": "private, max-age=3600, immutable",
}
#: Of Playwright's trace viewer, which has styles and a script of its own within its page.
VIEWER: Final[Mapping[str, str]] = {
    **_MORE,
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "font-src 'self' data:; script-src 'self' 'wasm-unsafe-eval'; object-src 'none'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
}
