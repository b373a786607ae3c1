"""The display that a person sees a browser on."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from prober.errors import ProberError

_PLACES: Final = ("DISPLAY", "WAYLAND_DISPLAY")
#: Who may show something there; by default it is a file of the user's.
_PASS: Final = "XAUTHORITY"


def require_display(mend: str, environ: Mapping[str, str] = os.environ) -> None:
    """A person has to see the browser.

    Args:
        mend: what to do where there is none.
        environ: of the process that is going to start one.

    Raises:
        ProberError: nothing can be shown here.
    """
    if sys.platform.startswith("linux") and not any(environ.get(name) for name in _PLACES):
        raise ProberError(f"there is no display here to show a browser on, {mend}")


def variables(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a process has to know to show something, and has not in a home of its own."""
    names = (*_PLACES, _PASS, "XDG_RUNTIME_DIR")
    found = {_PASS: str(Path.home() / ".Xauthority")}
    return found | {name: environ[name] for name in names if name in environ}
