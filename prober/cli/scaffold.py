"""What stands around a journey that is new: its name, its contract, the first region."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path

from prober.cli.where import JOURNEYS, REGIONS
from prober.errors import ProberError

_NAME = re.compile(r"[a-z]([a-z0-9_]{0,61}[a-z0-9])?")
#: What journeys import: a function of that name would take its place.
_OURS = frozenset({"expect", "journey", "page", "secret", "step", "totp"})
_CONTRACT = """\
# What is promised of {name}: its error budget, alerts and the gate follow from this file.
apiVersion: prober/v1
kind: SLO
metadata:
  name: {label}
spec:
  journey: {name}
  # Who answers for it: one for what users want, one for what runs.
  owners: {{product: product-owner, sre: on-call}}
  # Why the targets are what they are: what do users do when this does not work?
  rationale: To be written by its owners
  objectives:
    # The share of runs that should pass. `prober slo suggest` names one from what was measured.
    - {{name: availability, sli: success, target: "99.5%"}}
    # And that should be quick. `prober run {name}` shows how long it takes.
    # - {{name: latency, sli: {{latency: {{threshold: 8s}}}}, target: "99%"}}
  windows:
    - {{name: rolling, duration: 30d}}
  # What follows when the budget is spent: this one, or the path of your own.
  policy: seed-5
"""
_REGION = """\
# Where journeys run from: `prober agent {file}`. One file a region.
region: {region}
base_url: {url}
# What journeys name in @journey(secrets=[…]), from the environment:
# secrets: {{shop_password: "${{SHOP_PASSWORD}}"}}
sandbox: ${{PROBER_SANDBOX:-on}} # `off` where the agent must run as root
"""


def refuse(name: str) -> None:
    """Turn down names that a journey, its function or its file cannot have.

    Raises:
        ProberError: with the mend.
    """
    if not _NAME.fullmatch(name) or "__" in name:
        raise ProberError(f"{name!r} is not a journey's name, use a-z, 0-9 and _ between them")
    if name.startswith("test_") or name in ("conftest", "compose"):
        raise ProberError(f"{name!r} is what files of tests are called, use another name")
    if keyword.iskeyword(name) or name in _OURS:
        raise ProberError(f"{name!r} is a word of journeys or of Python, use another name")
    if name in sys.stdlib_module_names or _is_module(name):
        raise ProberError(
            f"{name!r} is a module that others import, and would find the journey instead, "
            f"use another name, such as {name}_works"
        )


def _is_module(name: str) -> bool:
    try:
        found = find_spec(name)
    except ValueError:  # one that is being run
        return True
    return found is not None and found.origin is not None


def files(journeys: Path, name: str) -> tuple[Path, Path]:
    """Where a journey and its contract are to be."""
    return journeys / f"{name}.py", journeys / f"{name}.slo.yaml"


def contract(name: str) -> str:
    """The contract of a journey, with what is its owners' to decide."""
    return _CONTRACT.format(name=name, label=name.replace("_", "-"))


def region(directory: Path, name: str, site: str) -> dict[Path, str]:
    """The file of a first region, by its path.

    Args:
        directory: of region files.
        name: of the region.
        site: scheme and host.

    Raises:
        ProberError: the name is not one.
    """
    from prober.writing import flow

    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name):
        raise ProberError(f"{name!r} is not a region's name, write one such as eu-west-1")
    file = directory / f"{name}.yaml"
    return {file: _REGION.format(file=file, region=flow(name), url=flow(site))}


def refuse_existing(paths: Iterable[Path]) -> None:
    """Overwrite nothing.

    Raises:
        ProberError: one of them is there.
    """
    if there := [str(path) for path in paths if path.exists()]:
        raise ProberError(f"{', '.join(there)}: is there already, move it or use another name")


def write(texts: Mapping[Path, str]) -> None:
    """Write all of them, or none when one is there.

    Raises:
        ProberError: one is there, or cannot be written.
    """
    refuse_existing(texts)
    for path, text in texts.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x") as file:
                file.write(text)
        except OSError as error:
            raise ProberError(f"{path}: cannot be written: {error.strerror}") from None


def commands(verbs: Iterable[str], journeys: Path, regions: Path) -> list[str]:
    """What there is to be done next, where the files lie."""
    more = "" if journeys == JOURNEYS else f" --journeys {journeys}"
    more += "" if regions == REGIONS else f" --regions {regions}"
    return [f"prober {words}{more}" for words in verbs]


def listed(lines: Mapping[str, str]) -> list[str]:
    """Commands with what each tells, one below the other."""
    width = max(map(len, lines))
    return [f"  {line:<{width}}  # {meaning}" for line, meaning in lines.items()]
