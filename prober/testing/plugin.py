"""What pytest loads: options, and a look at each file and function for whether it is a journey.

Every run of pytest loads this file wherever Prober is installed. So it imports nothing heavy,
and the rest of the room is only entered when there is a journey.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

import pytest

from prober.journey import MARK

if TYPE_CHECKING:
    from prober.journey import Journey

#: A file of journeys says these words.
_WORDS = re.compile(rb"\bprober\b.*\bjourney\b", re.DOTALL)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which region is meant, and where journeys lie."""
    group = parser.getgroup("prober", "journeys as tests")
    group.addoption(
        "--prober-region",
        metavar="REGION.yaml",
        help="region whose base_url, secrets and browser settings journeys get; "
        "default: the only one in regions/",
    )
    parser.addini("prober_region", "the same; relative to the root directory of pytest")
    parser.addini(
        "prober_journeys",
        "names of directories whose files are journeys",
        type="args",
        default=["journeys"],
    )


def pytest_configure(config: pytest.Config) -> None:
    """Let `-m journey` select them."""
    config.addinivalue_line("markers", "journey: a journey of Prober; set by itself")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a file of journeys that pytest would not look into."""
    if parent.session.isinitpath(file_path):
        return None  # pytest asks for its module, see below
    return _collector(file_path, parent)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> pytest.Collector | None:
    """Collect a file of journeys that was named on the command line."""
    return _collector(module_path, parent)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> list[pytest.Function] | None:
    """Collect a journey among the tests of a file, whatever its name is."""
    if _definition(obj, collector.path) is None:
        return None
    from prober.testing.collection import enter

    enter(collector)
    if collector.istestfunction(obj, name):
        return None  # pytest does it
    return list(collector._genfunctions(name, obj))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Note that a test is a journey as well."""
    if definition := _definition(getattr(item, "function", None), item.path):
        from prober.testing.collection import note

        note(item, definition)


def _definition(body: object, path: Path) -> Journey | None:
    """Of a function that its own file made a journey of."""
    found: Any = body.__dict__.get(MARK) if isinstance(body, FunctionType) else None
    return found if found and Path(found.file) == path else None


def _collector(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if not _is_for_us(path, parent):
        return None
    from prober.testing.collection import JourneyFile

    return JourneyFile.from_parent(parent, path=path)


def _is_for_us(path: Path, parent: pytest.Collector) -> bool:
    """Whether it is a file of journeys and none of tests."""
    if path.suffix != ".py" or path.name.startswith("_") or path.name == "conftest.py":
        return False
    directories = parent.config.getini("prober_journeys")
    if path.parent.name not in directories and not parent.session.isinitpath(path):
        return False
    if any(path.match(pattern) for pattern in parent.config.getini("python_files")):
        return False
    return bool(_WORDS.search(path.read_bytes()))
