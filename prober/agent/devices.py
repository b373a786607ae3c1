"""Devices that a browser can pass itself off as: the names of Playwright's own list."""

from __future__ import annotations

import difflib
import importlib.util
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from prober.errors import Problem
from prober.journey import Journey

#: The driver's own description of its list; asking the driver would take it half a second to start.
_LIST = Path("driver/package/types/types.d.ts")
_NAME = re.compile(r'^  "(.+)": DeviceDescriptor;$', re.MULTILINE)


@cache
def names() -> frozenset[str]:
    """All of them; none where Playwright does not say."""
    found = importlib.util.find_spec("playwright")
    if found is None or found.origin is None:
        return frozenset()
    try:
        return frozenset(_NAME.findall((Path(found.origin).parent / _LIST).read_text()))
    except OSError:
        return frozenset()


def unknown(name: str) -> tuple[str, str]:
    """What is wrong with a name that is none, and the mend."""
    near = difflib.get_close_matches(name, sorted(names()), n=3, cutoff=0.4)
    mend = f"write {' or '.join(map(repr, near))}" if near else "write a name of Playwright's list"
    return f"Playwright knows no device {name!r}", mend


def check(journeys: Iterable[Journey]) -> Iterator[Problem]:
    """Journeys whose device there is not."""
    for journey in journeys:
        device = journey.emulation.device
        if device is not None and names() and device not in names():
            yield Problem(journey.file, journey.line, "device", *unknown(device))
