"""The pages over HTTP."""

from __future__ import annotations

import importlib.resources
import importlib.util
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from prober.evaluator.board import Board
from prober.evaluator.desk.desk import Desk
from prober.evaluator.door.headers import ATTACHED, EMBEDDED, PAGE, VIEWER
from prober.evaluator.links import Site
from prober.evaluator.pages import records, run, slo
from prober.evaluator.pages.artefacts import Artefacts
from prober.evaluator.pages.display import Display
from prober.evaluator.pages.drawing import draw
from prober.evaluator.pages.export import export, packed
from prober.evaluator.pages.kept import Kept, KeptArchive
from prober.journal.view import View

_PACKAGE = importlib.resources.files("prober.evaluator") / "templates"
#: Within the installed Playwright, which is not imported here.
_VIEWER: Final = Path("driver/package/lib/vite/traceViewer")
_CHUNK: Final = 1 << 16
Endpoint = Callable[[Request], Awaitable[Response]]


def overview(board: Board, site: Site) -> str:
    """The page about all contracts."""
    return draw("overview.html", site, "", status=board.status(), alive=True)


def viewer() -> Path | None:
    """The trace viewer that came with Playwright; None: there is none."""
    found = importlib.util.find_spec("playwright")
    if not (found and found.origin):
        return None
    directory = Path(found.origin).parent / _VIEWER
    return directory if (directory / "index.html").is_file() else None


class Served:
    """Every page, as things stand when it is asked for."""

    def __init__(
        self, board: Board, desk: Desk, shelf: View, artefacts: Artefacts, display: Display
    ) -> None:
        """Show a board.

        Args:
            board: how things stand.
            desk: what is on record.
            shelf: single runs.
            artefacts: files of runs.
            display: the overview.
        """
        self._board, self._desk, self._shelf = board, desk, shelf
        self._artefacts, self._display = artefacts, display
        self._viewer = viewer()
        self._site = Site(viewer=self._viewer is not None)
        self._slos = Kept(self._slo)
        self._all = KeptArchive(lambda: packed(export(self._board, self._desk)))

    def routes(self) -> Iterator[Route]:
        """Where they are."""
        yield Route("/", self._overview)
        yield Route("/slo/{name}", self._kept)
        yield Route("/run/{key}", self._page(lambda given: self._run(given["key"])))
        yield Route("/card/{name}", self._page(lambda given: self._card(given["name"]), EMBEDDED))
        for name in records.LISTINGS:
            yield Route(f"/{name}", self._page(self._listing(name)))
        yield Route("/evidence/{folder}/{file}", self._evidence)
        yield Route("/trace/{file:path}", self._trace)
        yield Route("/site.zip", self._export)
        yield Route("/site.css", _file("site.css", "text/css"))
        yield Route("/live.js", _file("live.js", "text/javascript"))

    async def _overview(self, _: Request) -> Response:
        html = self._display.page() or await run_in_threadpool(self._display.make)
        return Response(html, media_type="text/html", headers=PAGE)

    def _page(
        self,
        make: Callable[[dict[str, str]], str | None],
        headers: Mapping[str, str] = PAGE,
    ) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            return _html(await run_in_threadpool(make, request.path_params), headers)

        return endpoint

    async def _kept(self, request: Request) -> Response:
        """An SLO's page; when it is due it is made anew for those who look next."""
        name = request.path_params["name"]
        look = await run_in_threadpool(self._slos.look, name)
        return _html(look.html, PAGE, BackgroundTask(self._slos.renew, name) if look.due else None)

    def _slo(self, name: str) -> str | None:
        page = slo.gather(self._board, self._desk, name)
        return draw("slo.html", self._site, page=page, alive=True) if page else None

    def _run(self, key: str) -> str | None:
        page = run.gather(self._shelf, self._desk.contracts, self._artefacts, key)
        return draw("run.html", self._site, page=page) if page else None

    def _card(self, name: str) -> str | None:
        status = self._board.lately()
        for evaluation in status.evaluations:
            if evaluation.contract.name == name:
                return draw(
                    "card.html", self._site, evaluation=evaluation, as_of_ms=status.as_of_ms
                )
        return None

    def _listing(self, name: str) -> Callable[[dict[str, str]], str]:
        gather = records.LISTINGS[name]

        def make(_: dict[str, str]) -> str:
            values = {"alive": True, "as_of_ms": self._desk.clock()}
            values |= gather(self._board, self._desk)
            return draw(f"{name}.html", self._site, name, **values)

        return make

    async def _export(self, _: Request) -> Response:
        """The site as files, as it was some seconds ago or is now."""
        archive = await self._all.get()
        return Response(archive, media_type="application/zip", headers=ATTACHED)

    async def _evidence(self, request: Request) -> Response:
        name = "{folder}/{file}".format_map(request.path_params)
        file = await run_in_threadpool(self._artefacts.open, name)
        if file is None:
            return PlainTextResponse("there is no such file here", 404, PAGE)
        kind = "image/png" if name.endswith(".png") else "application/zip"
        return StreamingResponse(_chunks(file), media_type=kind, headers=ATTACHED)

    async def _trace(self, request: Request) -> Response:
        """A file of the trace viewer: no link leads out of its directory."""
        if self._viewer is None:
            return PlainTextResponse("there is no trace viewer here", 404, PAGE)
        path = (self._viewer / request.path_params["file"]).resolve()
        if not (path.is_relative_to(self._viewer.resolve()) and path.is_file()):
            return PlainTextResponse("there is no such file", 404, PAGE)
        return FileResponse(path, headers=VIEWER)


def _html(
    html: str | None, headers: Mapping[str, str], after: BackgroundTask | None = None
) -> Response:
    """A page, or that there is none; `after`: what is done once it is sent."""
    if html is None:
        return PlainTextResponse("there is no such page", 404, PAGE)
    return Response(html, media_type="text/html", headers=headers, background=after)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _file(name: str, media_type: str) -> Endpoint:
    content = (_PACKAGE / name).read_bytes()

    async def endpoint(_: Request) -> Response:
        return Response(content, media_type=media_type, headers=PAGE)

    return endpoint
