"""What every answer to a browser says about itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors "
)
#: Of pages and of all that programs read.
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": f"{_POLICY}'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
#: Of what other sites may show in a frame: it has nothing to click that does anything here.
EMBEDDED: Final[Mapping[str, str]] = {**HEADERS, "Content-Security-Policy": f"{_POLICY}*"}
#: Of files that came from a target: shown as pictures or saved, never opened as pages of ours.
ATTACHED: Final[Mapping[str, str]] = {
    **HEADERS,
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Content-Disposition": "attachment",
    "Cache-Control": "private, max-age=3600, immutable",
}
#: Of Playwright's trace viewer, which has styles and a script of its own within its page.
VIEWER: Final[Mapping[str, str]] = {
    **HEADERS,
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "font-src 'self' data:; script-src 'self' 'wasm-unsafe-eval'; object-src 'none'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
}
