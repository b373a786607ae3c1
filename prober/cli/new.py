"""`prober new`: the files of a journey that runs at once, with what is the author's to decide."""

from __future__ import annotations

import keyword
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from prober.cli.where import JOURNEYS, REGIONS, Journeys, Regions
from prober.errors import ProberError

_NAME = re.compile(r"[a-z]([a-z0-9_]{0,61}[a-z0-9])?")
#: What the files below import: a function of that name would take its place.
_OURS = frozenset({"expect", "journey", "page", "step"})
_BROWSER = '''\
"""What a user comes for, in one sentence."""

import re

from playwright.sync_api import Page, expect

from prober import journey, step


@journey(every="5m", timeout="60s")  # how often in each region, and how long it may take
def {name}(page: Page) -> None:
    with step("open site"):
        page.goto("/")
        # Better: expect(page.get_by_role("heading", name="…")).to_be_visible()
        expect(page.locator("body")).to_contain_text(re.compile(r"\\w"))

    with step("open it again"):  # what the user does next, in a few words
        page.reload()  # such as page.get_by_role("link", name="…").click()
        expect(page.locator("body")).to_contain_text(re.compile(r"\\w"))
'''
_HTTP = '''\
"""What a program comes for, in one sentence."""

import httpx

from prober import journey, step


@journey(every="1m", timeout="20s")  # how often in each region, and how long it may take
def {name}(http: httpx.Client) -> None:
    with step("open site"):
        reply = http.get("/", follow_redirects=True)
        assert reply.status_code == 200
        assert reply.text.strip(), "the reply is empty"

    with step("open it again"):  # what the program does next, in a few words
        reply = http.get("/", follow_redirects=True)
        # Better: assert reply.json().get("…") == "…"
        assert reply.status_code == 200
        assert reply.text.strip(), "the reply is empty"
'''
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


def command(
    name: Annotated[str, typer.Argument(help="The journey's name: a-z, 0-9 and _.")],
    url: Annotated[
        str | None, typer.Option(help="The site, for the first region, as https://shop.example.")
    ] = None,
    http: Annotated[
        bool, typer.Option("--http", help="A journey without a browser, only HTTP.")
    ] = False,
    region: Annotated[str, typer.Option(help="The name of the first region.")] = "here",
    json: Annotated[bool, typer.Option("--json", help="One JSON object, nothing else.")] = False,
    journeys: Journeys = JOURNEYS,
    regions: Regions = REGIONS,
) -> None:
    """Write a journey and its contract, and the first region. Overwrites nothing."""
    from json import dumps

    _refuse(name)
    label = name.replace("_", "-")
    files = {
        journeys / f"{name}.py": (_HTTP if http else _BROWSER).format(name=name),
        journeys / f"{name}.slo.yaml": _CONTRACT.format(name=name, label=label),
    }
    files |= _first_region(regions, region, url)
    _write(files)
    next_ = [f"pytest {journeys / name}.py", *_commands(name, journeys, regions)]
    wrote = [str(path) for path in files]
    found = {"name": name, "wrote": wrote, "next": next_}
    print(dumps(found, indent=2) if json else _text(wrote, next_))


def _refuse(name: str) -> None:
    """Names that a journey, its function or its file cannot have."""
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


def _first_region(directory: Path, name: str, url: str | None) -> dict[Path, str]:
    """Where the site is, unless there are regions that say so."""
    from prober.address import origin
    from prober.config import region_files
    from prober.writing import flow

    if known := region_files(directory):
        if url is not None:
            names = ", ".join(file.stem for file in known)
            raise ProberError(f"--url is for the first region, and {names} is there: leave it out")
        return {}
    if url is None:
        raise ProberError(
            f"{directory}: there is no region yet, say where the site is: --url https://shop.example"
        )
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name):
        raise ProberError(f"{name!r} is not a region's name, write one such as eu-west-1")
    try:
        site = origin(url)
    except ValueError as error:
        raise ProberError(f"--url: {error}") from None
    file = directory / f"{name}.yaml"
    return {file: _REGION.format(file=file, region=flow(name), url=flow(site))}


def _write(files: dict[Path, str]) -> None:
    """All of them, or none when one is there."""
    if there := [str(path) for path in files if path.exists()]:
        raise ProberError(f"{', '.join(there)}: is there already, move it or use another name")
    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x") as file:
                file.write(text)
        except OSError as error:
            raise ProberError(f"{path}: cannot be written: {error.strerror}") from None


def _commands(name: str, journeys: Path, regions: Path) -> list[str]:
    """What there is to be done next, where the files lie."""
    more = "" if journeys == JOURNEYS else f" --journeys {journeys}"
    more += "" if regions == REGIONS else f" --regions {regions}"
    return [f"prober {words}{more}" for words in ("check", f"run {name}", f"mutate {name}")]


def _text(wrote: list[str], next_: list[str]) -> str:
    meanings = (
        "it is a test as it stands: no other file is needed for that",
        "whether all files fit together",
        "what a scheduled run would say",
        "what it would not notice",
    )
    width = max(map(len, next_))
    lines = [f"wrote {path}" for path in wrote]
    lines += ["", "Put into them what your users do, see and are promised. To go on:"]
    lines += [
        f"  {line:<{width}}  # {meaning}" for line, meaning in zip(next_, meanings, strict=True)
    ]
    return "\n".join(lines)
