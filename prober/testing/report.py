"""What pytest reports of a journey, without its secrets: such output is often read by many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import pytest


def scrub(report: pytest.TestReport, clean: Callable[[str], str]) -> None:
    """Put each of a report's texts through `clean`: why it failed, and what was printed."""
    report.sections = _scrubbed(report.sections, clean)
    report.longrepr = _scrubbed(report.longrepr, clean)
    report.user_properties = _scrubbed(report.user_properties, clean)
    if why := getattr(report, "wasxfail", ""):
        report.wasxfail = clean(why)


def _scrubbed(part: Any, clean: Callable[[str], str]) -> Any:
    """The same of any part of it; pytest's own objects are changed where they are."""
    if isinstance(part, str):
        return clean(part)
    if isinstance(part, list):
        return [_scrubbed(each, clean) for each in part]
    if isinstance(part, tuple):
        return tuple(_scrubbed(each, clean) for each in part)
    if is_dataclass(part):
        for field in fields(part):
            found = _scrubbed(getattr(part, field.name), clean)
            object.__setattr__(part, field.name, found)  # those of other plugins may be frozen
    return part
