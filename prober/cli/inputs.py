"""What the commands are given: journeys, contracts and regions, checked against each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from prober.agent import devices
from prober.config import Region, check_region, load_region, load_regions, resolve
from prober.discovery import describe
from prober.errors import InputError, ProberError, Problem
from prober.journey import Journey
from prober.slo.contract import Contract
from prober.slo.format import check, load_contracts

T = TypeVar("T")

#: Of a directory without journeys: what, and the mend.
_NONE = (
    "no file here declares a journey",
    "put @journey(…) on a function of a file whose name does not begin with _",
)


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything that files say."""

    journeys: tuple[Journey, ...]
    contracts: tuple[Contract, ...]
    regions: tuple[Region, ...]

    @property
    def periods(self) -> dict[str, dict[str, int]]:
        """By journey and region, from slot to slot in ms."""
        found: dict[str, dict[str, int]] = {}
        for region in self.regions:
            for journey in resolve(region, self.journeys):
                found.setdefault(journey.name, {})[region.name] = journey.every_ms
        return found

    def journey(self, name: str) -> Journey:
        """A journey by name; raises ProberError when there is none."""
        for journey in self.journeys:
            if journey.name == name:
                return journey
        if not self.journeys:
            raise ProberError(", ".join(_NONE))
        known = ", ".join(journey.name for journey in self.journeys)
        raise ProberError(f"there is no journey {name!r}, there are {known}")

    def region(self, name: str | None) -> Region:
        """A region by name, the first when none is asked for; raises ProberError."""
        for region in self.regions:
            if name in (None, region.name):
                return region
        known = ", ".join(region.name for region in self.regions)
        raise ProberError(f"there is no region {name!r}, there are {known}")


def read_inputs(journeys: Path, regions: Path | None) -> Inputs:
    """Load a directory of journeys and contracts, and region files.

    Args:
        journeys: the directory.
        regions: one region's file, or a directory of them; None for none.

    Raises:
        InputError: with every problem of every file.
    """
    problems: list[Problem] = []
    found = _collect(problems, lambda: _journeys(journeys))
    problems += devices.check(found)
    contracts = _collect(problems, lambda: load_contracts(journeys))
    places = _collect(problems, lambda: _regions(regions))
    for region in places:
        problems += check_region(region, found) if found else []
    for contract in contracts:
        problems += check(contract, found) if found else []
    if problems:
        raise InputError(problems)
    return Inputs(found, contracts, places)


def read_region(regions: Path, name: str | None) -> Region:
    """One region, the first when none is asked for, whatever the journeys are like.

    Raises:
        InputError: with every problem of every region file.
        ProberError: there is no such region.
    """
    return Inputs((), (), _regions(regions)).region(name)


def _journeys(directory: Path) -> list[Journey]:
    """The journeys of a directory; an empty one may have none."""
    found = describe(directory)
    files = (path for kind in ("*.py", "*.slo.yaml") for path in directory.rglob(kind))
    if not found and any(files):
        raise InputError([Problem(str(directory), 0, "", *_NONE)])
    return found


def _regions(path: Path | None) -> tuple[Region, ...]:
    if path is None:
        return ()
    if path.suffix == ".yaml":
        return (load_region(path),)
    return tuple(load_regions(path).values())


def _collect(problems: list[Problem], load: Callable[[], Iterable[T]]) -> tuple[T, ...]:
    """What `load` gives, or nothing and its problems."""
    try:
        return tuple(load())
    except InputError as error:
        problems += error.problems
        return ()
