"""The whole site as files: to be served from anywhere, or read from a disk."""

from __future__ import annotations

import importlib.resources
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from prober.evaluator.board import Board
from prober.evaluator.desk.desk import Desk
from prober.evaluator.links import Site
from prober.evaluator.pages import records, run, slo
from prober.evaluator.pages.artefacts import Artefacts
from prober.evaluator.pages.drawing import badge, draw

_INDEX = "index.html"
_STYLE = "site.css"


class File(NamedTuple):
    """A file of the site."""

    #: Relative, with slashes.
    path: str
    content: str


def export(board: Board, desk: Desk) -> Iterator[File]:
    """Every page as things stand now, and of runs those that pages lead to.

    What agents keep of runs is left out: it may hold more than should be public.
    """
    status = board.status()
    pages = {
        each.contract.name: slo.gather(board, desk, each.contract.name)
        for each in status.evaluations
    }
    found = [page for page in pages.values() if page]
    keys = {each.run.key for page in found if page.details for each in page.details.troubles}
    keys |= {row.trouble.key for rows in status.rows.values() for row in rows if row.trouble}
    yield _page("", keys, "overview.html", "", status=status)
    for name, gather in records.LISTINGS.items():
        values = {"as_of_ms": desk.clock()} | gather(board, desk) | {"alive": False}
        yield _page(name, keys, f"{name}.html", name, **values)
    for page in found:
        name = page.contract.name
        yield _page(f"slo/{name}", keys, "slo.html", page=page)
        yield File(f"badge/{name}.svg", badge(name, page.evaluation.state))
    for key in sorted(keys) if board.view else ():
        assert board.view
        if shown := run.gather(board.view, desk.contracts, Artefacts(), key):
            yield _page(f"run/{key}", keys, "run.html", page=shown)
    yield File("status.json", json.dumps(status.to_dict(), ensure_ascii=False))
    style = importlib.resources.files("prober.evaluator") / "templates" / _STYLE
    yield File(_STYLE, style.read_text())


def packed(files: Iterator[File]) -> bytes:
    """Files in a zip archive."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.writestr(file.path, file.content)
    return packed.getvalue()


def _page(
    directory: str, keys: set[str], template: str, here: str | None = None, **values: object
) -> File:
    depth = len(PurePosixPath(directory).parts)
    site = Site(root="../" * depth, index=_INDEX, runs=frozenset(keys))
    path = f"{directory}/{_INDEX}" if directory else _INDEX
    return File(path, draw(template, site, here, **{"alive": False} | values))
