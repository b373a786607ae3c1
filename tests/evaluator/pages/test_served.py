"""Pages over HTTP, without a browser: what each says of when it is, and what all of them cost."""

from __future__ import annotations

import asyncio
import re
import threading
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from prober.evaluator.board import Board
from prober.evaluator.links import SERVED
from prober.evaluator.pages import served
from prober.evaluator.pages.artefacts import Artefacts
from prober.evaluator.pages.display import Display
from prober.evaluator.pages.drawing import PAGES
from prober.evaluator.pages.export import File
from prober.evaluator.pages.served import Served, overview
from tests.evaluator.office import Office

Visit = Callable[[httpx.AsyncClient], Awaitable[None]]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    there = Office(tmp_path)
    there.live([5, 6, 50])
    yield there
    there.close()


@pytest.fixture
def visit(office: Office) -> Callable[[Visit], None]:
    """`visit(what)`: somebody does that at the pages of an office."""
    board = Board(office.desk.contracts, office.view, clock=lambda: office.now_ms)
    display = Display(partial(overview, board, SERVED))
    pages = Served(board, office.desk, office.view, Artefacts(), display)
    transport = httpx.ASGITransport(app=Starlette(routes=[*pages.routes()]))

    async def come(what: Visit) -> None:
        async with httpx.AsyncClient(transport=transport, base_url="http://pages") as http:
            await what(http)

    return lambda what: asyncio.run(come(what))


@pytest.mark.parametrize("path", [*(f"/{name}" for name, _ in PAGES), "/slo/checkout"])
def test_a_page_says_as_of_when_it_is_and_renews_itself(
    visit: Callable[[Visit], None], path: str
) -> None:
    async def look(http: httpx.AsyncClient) -> None:
        html = (await http.get(path)).text
        assert '<p>As of <time datetime="2026-07-01T14:00:00Z">' in html
        assert '<noscript><meta http-equiv="refresh" content="15"></noscript>' in html
        assert '<script src="/live.js" defer></script>' in html
        assert 'id="lost"' in html, "what the script shows when nobody answers"

    visit(look)


def test_a_run_is_over_so_its_page_stays_as_it_is(visit: Callable[[Visit], None]) -> None:
    async def look(http: httpx.AsyncClient) -> None:
        found = re.search(r'href="(/run/[^"]+)"', (await http.get("/slo/checkout")).text)
        assert found
        html = (await http.get(found[1])).text
        assert "Why it did not pass" in html
        assert "live.js" not in html
        assert "refresh" not in html

    visit(look)


def test_however_many_ask_for_all_pages_they_are_drawn_once_and_nobody_else_waits(
    visit: Callable[[Visit], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go, drawn = threading.Event(), threading.Event(), list[str]()

    def slowly(*_: object) -> Iterator[File]:
        drawn.append("all")
        begun.set()
        go.wait(10)
        yield File("index.html", "here")

    monkeypatch.setattr(served, "export", slowly)

    async def flood(http: httpx.AsyncClient) -> None:
        asked = [asyncio.create_task(http.get("/site.zip")) for _ in range(60)]
        await asyncio.to_thread(begun.wait, 10)
        async with asyncio.timeout(10):
            assert (await http.get("/exceptions")).status_code == 200
        go.set()
        archives = {reply.content for reply in await asyncio.gather(*asked)}
        (archive,) = archives
        assert zipfile.ZipFile(BytesIO(archive)).namelist() == ["index.html"]
        assert (await http.get("/site.zip")).content == archive

    try:
        visit(flood)
    finally:
        go.set()
    assert drawn == ["all"]
