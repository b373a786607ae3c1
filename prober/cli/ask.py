"""Asking the desk: an evaluator over HTTP, or the same desk over a journal without one.

A gate stands in every pipeline and has little time: whatever is heavy is imported when needed.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from prober.errors import InputError, ProberError, Problem
from prober.variables import given

if TYPE_CHECKING:
    from prober.evaluator.desk.desk import Desk

DEFAULT_URL = "http://127.0.0.1:8750"
TIMEOUT_S = 30

CONTRACTS = Path("journeys")
#: As terminals number them.
_COLOURS = {"red": 31, "green": 32, "yellow": 33, "magenta": 35}


def paint(text: str, colour: str) -> str:
    """Text in a colour, where somebody looks at it and wants colours."""
    wanted = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return f"\033[1;{_COLOURS[colour]}m{text}\033[0m" if wanted else text


def show(answer: Mapping[str, Any], lines: Iterable[str], as_json: bool) -> None:
    """Print an answer: whole as JSON, or as lines for people."""
    if as_json:
        print(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        for line in lines:
            print(line)


def left_out(unread: Mapping[str, Any]) -> str:
    """What the log holds and nobody can read, in a line."""
    return f"{unread['id']} cannot be read and is left out: {unread['why']}"


class Unreachable(ProberError):
    """No evaluator answers."""


def ask(
    verb: str,
    request: Mapping[str, Any],
    url: str = DEFAULT_URL,
    journal: Path | None = None,
    contracts: Path = CONTRACTS,
) -> dict[str, Any]:
    """What the desk answers.

    Args:
        verb: see `prober.evaluator.verbs`.
        request: plain values; a key whose value is None is not sent.
        url: where the evaluator is; PROBER_TOKEN is shown to it.
        journal: ask this journal instead.
        contracts: with a journal: directory of contracts.

    Raises:
        Unreachable: no evaluator answers there.
        InputError: a part of the request is no text; or it is wrong, with a journal.
        ProberError: the request was refused.
    """
    asked = {key: value for key, value in request.items() if value is not None}
    if halves := [key for key, value in asked.items() if not _is_text(value)]:
        what, mend = "it holds what is no text", "write it in UTF-8"
        raise InputError(Problem("request", 0, key, what, mend) for key in halves)
    if journal is None:
        return _post(verb, asked, url)
    with opened(journal, contracts) as desk:
        return desk.answer(verb, asked)


def bearer() -> dict[str, str]:
    """The header that shows PROBER_TOKEN; none without it."""
    token = given("PROBER_TOKEN", os.environ)
    return {"Authorization": f"Bearer {token}"} if token else {}


@contextlib.contextmanager
def opened(journal: Path, contracts: Path) -> Iterator[Desk]:
    """The desk over a journal, or over the one in a directory.

    Raises:
        ProberError: it cannot be read, or a contract does not load.
    """
    from prober.evaluator.audit import AUDIT, AuditLog
    from prober.evaluator.desk.desk import Desk
    from prober.evaluator.given import JOURNAL, judged
    from prober.evaluator.sources.journal import JournalSource
    from prober.evaluator.verbs import VERBS
    from prober.journal.view import View

    loaded = judged(contracts)
    path = journal / JOURNAL if os.path.isdir(journal) else journal
    view = View.open(path)
    try:
        yield Desk(
            contracts=loaded,
            source=JournalSource(view),
            audit=AuditLog.open(path.with_name(AUDIT)),
            verbs=VERBS,
        )
    finally:
        view.close()


def _is_text(value: object) -> bool:
    """Whether it can be said: of bytes that are not UTF-8, arguments hold halves of characters."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _post(verb: str, request: Mapping[str, Any], url: str) -> dict[str, Any]:
    status, body = _exchange(f"/api/v1/{verb}", json.dumps(request), url)
    try:
        answer = json.loads(body)
        if status == http.client.OK and isinstance(answer, dict):
            return answer
        said = answer["error"]
    except (ValueError, KeyError, TypeError):
        raise Unreachable(
            f"the evaluator at {url} cannot answer now ({status}): try again"
            if status >= http.client.INTERNAL_SERVER_ERROR
            else f"{url} answers {status}, and not as an evaluator does: name yours with --url"
        ) from None
    raise ProberError(said)


def _exchange(path: str, body: str, url: str) -> tuple[int, bytes]:
    """Plain `http.client`: importing httpx alone takes as long as a whole gate may."""
    kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    try:
        parts = urlsplit(url)
        kind, host, port = kinds[parts.scheme], parts.hostname or "", parts.port
        if not host:
            raise ValueError(url)
    except (ValueError, KeyError) as error:
        raise ProberError(f"{url!r} is not an address, write one as {DEFAULT_URL}") from error
    headers = {"Content-Type": "application/json", **bearer()}
    try:
        connection = kind(host, port, timeout=TIMEOUT_S)
        try:
            connection.request("POST", parts.path.rstrip("/") + path, body.encode(), headers)
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unreachable(
            f"no evaluator answers at {url} ({error or type(error).__name__}): start one with "
            "`prober evaluator`, name it with --url, or read a journal with --journal"
        ) from error
