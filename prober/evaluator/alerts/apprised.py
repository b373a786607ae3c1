"""Whatever `apprise` speaks: mail, chat, telephones; the one place that knows the library."""

from __future__ import annotations

import logging
import warnings
from functools import lru_cache
from typing import Any, Final

#: What comes of a message that was not taken; the library says no more than that.
_REFUSED: Final = "apprise could not deliver it"


def apprise_problem(address: str) -> str | None:
    """What is wrong with an address; None: the library knows what to do with it."""
    return None if _object_of(address) else "the address is none that apprise knows"


def say(address: str, title: str, text: str, *, grave: bool) -> str:
    """Tell something by an address: empty when it was taken, else why not.

    The library has its own time limits, about 8 s for a request.
    """
    library = _library()
    there = _object_of(address)
    if there is None:
        return "the address is none that apprise knows"
    kind = library.NotifyType.FAILURE if grave else library.NotifyType.INFO
    heard = _Heard()
    logger = logging.getLogger("apprise")
    logger.addHandler(heard)
    try:
        taken = there.notify(
            body=text, title=title, notify_type=kind, body_format=library.NotifyFormat.TEXT
        )
    finally:
        logger.removeHandler(heard)
    return "" if taken else heard.last or _REFUSED


class _Heard(logging.Handler):
    """The last warning of the library: the only way it says why."""

    last = ""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            self.last = record.getMessage()


def _object_of(address: str) -> Any:
    library = _library()
    asset = library.AppriseAsset(app_id="Prober", app_desc="Prober", async_mode=False)
    found = library.Apprise(asset=asset)
    return found if found.add(address) else None


@lru_cache(maxsize=1)
def _library() -> Any:
    """The library with all its services, which take their time and few evaluators need."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what its services import
        import apprise

        apprise.Apprise.instantiate("json://localhost")
    return apprise
