"""Which region a journey is tested with, of those that there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from prober.config import Region, load_region, region_files
from prober.errors import ProberError

_OPTION = "--prober-region"
#: The region of this run of pytest, once it is known.
REGION = pytest.StashKey[Region]()


def region_of(config: pytest.Config, journeys: Path) -> Region:
    """The region that was named, or else the only one.

    Args:
        config: of pytest.
        journeys: the directory of the journeys; regions may lie beside it.

    Raises:
        ProberError: there is none, there are several, or its file is wrong.
    """
    if REGION not in config.stash:
        region = load_region(_file(config, journeys))
        config.stash[REGION] = _at(config, region)
    return config.stash[REGION]


def _at(config: pytest.Config, region: Region) -> Region:
    """The region with the address that was given by `--base-url`, or the option with its own."""
    if "base_url" not in config.option:  # pytest-playwright is not here
        return region
    if given := config.option.base_url or config.getini("base_url"):
        return region.model_copy(update={"base_url": given.rstrip("/")})
    config.option.base_url = region.base_url
    return region


def is_named(config: pytest.Config) -> bool:
    """Whether somebody said which region is meant."""
    return bool(config.getoption(_OPTION) or config.getini("prober_region"))


def _file(config: pytest.Config, journeys: Path) -> Path:
    here, root = Path(config.invocation_params.dir), Path(config.rootpath)
    if named := config.getoption(_OPTION):
        return here / str(named)
    if named := config.getini("prober_region"):
        return root / str(named)
    places = [each / "regions" for each in (here, journeys.parent, root)]
    directory = next((each for each in places if each.is_dir()), places[1])
    files = region_files(directory)
    if not files:
        raise ProberError(
            f"{directory}: there is no region for these journeys, write one to a file there, "
            f"or name one: {_OPTION} REGION.yaml"
        )
    if len(files) > 1:
        known = ", ".join(file.stem for file in files)
        raise ProberError(
            f"{directory}: there are several regions, {known}: "
            f"name one: {_OPTION} {files[0]}, or prober_region in pytest's own settings"
        )
    return files[0]
