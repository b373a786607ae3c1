"""`prober new`: the files of a journey that runs at once, with what is the author's to decide."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prober.cli import scaffold
from prober.cli.where import JOURNEYS, REGIONS, Journeys, Regions
from prober.errors import ProberError

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

    scaffold.refuse(name)
    code, contract = scaffold.files(journeys, name)
    files = {
        code: (_HTTP if http else _BROWSER).format(name=name),
        contract: scaffold.contract(name),
    }
    files |= _first_region(regions, region, url)
    scaffold.write(files)
    verbs = ("check", f"run {name}", f"mutate {name}")
    next_ = [f"pytest {code}", *scaffold.commands(verbs, journeys, regions)]
    wrote = [str(path) for path in files]
    found = {"name": name, "wrote": wrote, "next": next_}
    print(dumps(found, indent=2) if json else _text(wrote, next_))


def _first_region(directory: Path, name: str, url: str | None) -> dict[Path, str]:
    """Where the site is, unless there are regions that say so."""
    from prober.address import origin
    from prober.config import region_files

    if known := region_files(directory):
        if url is not None:
            names = ", ".join(file.stem for file in known)
            raise ProberError(f"--url is for the first region, and {names} is there: leave it out")
        return {}
    if url is None:
        raise ProberError(
            f"{directory}: there is no region yet, say where the site is: --url https://shop.example"
        )
    try:
        site = origin(url)
    except ValueError as error:
        raise ProberError(f"--url: {error}") from None
    return scaffold.region(directory, name, site)


def _text(wrote: list[str], next_: list[str]) -> str:
    meanings = (
        "it is a test as it stands: no other file is needed for that",
        "whether all files fit together",
        "what a scheduled run would say",
        "what it would not notice",
    )
    lines = [f"wrote {path}" for path in wrote]
    lines += ["", "Put into them what your users do, see and are promised. To go on:"]
    return "\n".join(lines + scaffold.listed(dict(zip(next_, meanings, strict=True))))
