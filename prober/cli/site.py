"""`prober site`: the pages as files."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prober.cli.where import Contracts, Journal, Url
from prober.errors import ProberError

if TYPE_CHECKING:
    from prober.evaluator.pages.export import File

#: How an evaluator answers who shows no token, or one that is not good for it.
_REFUSED = (401, 403)


def command(
    directory: Annotated[Path, typer.Argument(help="Where to; what is there is overwritten.")],
    url: Url = "http://127.0.0.1:8750",
    journal: Journal = None,
    contracts: Contracts = Path("journeys"),
) -> None:
    """Write all pages as files that need no server: how every SLO stands now."""
    files = list(_fetched(url) if journal is None else _drawn(journal, contracts))
    for file in files:
        path = directory / file.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.content)
        except OSError as error:
            raise ProberError(f"{path}: cannot be written: {error.strerror}") from error
    print(f"{len(files)} files, begin with {directory / 'index.html'}")


def _fetched(url: str) -> Iterable[File]:
    """As an evaluator draws them."""
    import httpx

    from prober.cli.ask import bearer
    from prober.evaluator.pages.export import File

    try:
        reply = httpx.get(f"{url.rstrip('/')}/site.zip", headers=bearer(), timeout=60)
        if reply.status_code in _REFUSED:
            raise ProberError(
                f"{url} shows its pages to holders of a token: set PROBER_TOKEN to one of them"
            )
        reply.raise_for_status()
        with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
            names = archive.namelist()
            if any(".." in Path(name).parts or Path(name).is_absolute() for name in names):
                raise ValueError("its files lie outside of the site")
            return [File(name, archive.read(name).decode()) for name in names]
    except (httpx.HTTPError, httpx.InvalidURL, zipfile.BadZipFile, ValueError) as error:
        raise ProberError(
            f"no site is to be had at {url} ({error or type(error).__name__}): start "
            "`prober evaluator`, name it with --url, or read a journal with --journal"
        ) from error


def _drawn(journal: Path, contracts: Path) -> Iterable[File]:
    """From a journal, without an evaluator."""
    from prober.cli.ask import opened
    from prober.evaluator.board import Board
    from prober.evaluator.pages.export import export
    from prober.evaluator.sources.journal import JournalSource

    with opened(journal, contracts) as desk:
        assert isinstance(desk.source, JournalSource)
        note = " ".join(each.sentence for each in desk.unread())
        board = Board(desk.contracts, desk.source.view, note=note, exclusions=desk.exclusions)
        return list(export(board, desk))
