"""The bench: everything that judges by the contracts in force, replaced as a whole.

A request is answered by one set of contracts from beginning to end. What outlives a set: the
journal, what regions claimed, the audit log, and what alerts have told or wait to tell.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from prober.errors import AuditBroken, ProberError
from prober.evaluator.alerts.alerts import Alerts
from prober.evaluator.alerts.channels import Channels
from prober.evaluator.alerts.post import Post, silence_line
from prober.evaluator.asides import Asides
from prober.evaluator.audit import AUDIT, AuditLog, Kind, by_token
from prober.evaluator.board import Board, Claims
from prober.evaluator.clerk.clerk import Writing
from prober.evaluator.desk.api import Api
from prober.evaluator.desk.desk import Desk
from prober.evaluator.desk.ownership import note_owners
from prober.evaluator.door.door import Door
from prober.evaluator.door.porch import Porch
from prober.evaluator.door.tokens import Scope as TokenScope
from prober.evaluator.ingest import Ingest
from prober.evaluator.links import SERVED
from prober.evaluator.pages.artefacts import Artefacts
from prober.evaluator.pages.display import Display
from prober.evaluator.pages.served import Served, overview
from prober.evaluator.reports.recap import recap
from prober.evaluator.sources.promql import PromSource
from prober.evaluator.verbs import VERBS
from prober.evaluator.vitals import Vitals
from prober.evaluator.web import app
from prober.journal.tally import rules_of
from prober.journal.view import View
from prober.reload import Answer, Reload
from prober.slo.contract import Contract
from prober.slo.difference import differences
from prober.slo.exclusion import Exclusion, unread_exclusions
from prober.slo.silence import unread_silences

#: Contracts, and who is told of them.
Files = tuple[tuple[Contract, ...], Channels]
Read = Callable[[], Files]
#: What says which time is excluded or silenced.
_TIMES: Final = (Kind.EXCLUSION, Kind.REVOCATION, Kind.SILENCE, Kind.SILENCE_END)
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Sitting:
    """One set of contracts, and what judges by it."""

    contracts: tuple[Contract, ...]
    source: PromSource | None
    board: Board
    display: Display
    desk: Desk
    asides: Asides

    def close(self) -> None:
        """Close the connections to backends."""
        self.asides.close()
        if self.source:
            self.source.close()


class Bench:
    """Answers every request, by the contracts that are in force when it comes."""

    #: The one that was replaced last: requests may still ask it.
    _before: _Sitting | None = None

    def __init__(
        self,
        files: Files,
        read: Read,
        writing: Writing,
        views: tuple[View, View],
        data: Path,
        *,
        url: str,
        door: Door,
        source: str | None = None,
        evidence: tuple[str, ...] = (),
    ) -> None:
        """Judge by some contracts.

        Args:
            files: those in force.
            read: them as they are later on; raises InputError.
            writing: takes records in.
            views: the journal it writes, for judging and for looking at single runs.
            data: directory of the audit log.
            url: where people find the evaluator.
            door: lets in who may write and read.
            source: address of a PromQL backend to judge from; None: the journal.
            evidence: directories and storages of what agents keep of runs.

        Raises:
            InputError: the address cannot be used.
        """
        self._read, self._address, self._door, self._writing = read, source, door, writing
        (self._view, self._shelf), self._audit = views, AuditLog(data / AUDIT)
        contracts, self._channels = files
        self._artefacts, self._claims = Artefacts.at(evidence), Claims()
        self._ingest, self.reload = Ingest(writing, self._claims, door), Reload(self._renew)
        self._sitting = self._sit(contracts)
        self.alerts = self._restored(self._sitting)
        self.post = Post(self._audit, data, self._channels, contracts, url.rstrip("/"))
        self.vitals = self._vitals(door)
        self._app = self._served(self._sitting)
        self._note_owners(contracts)

    def _vitals(self, door: Door) -> Vitals:
        """How the evaluator itself is."""
        writing, untaken = self._writing, self._untaken
        return Vitals(writing, self.alerts, self.reload, self.post, untaken, door.refused)

    def _untaken(self) -> str:
        """Why records cannot be kept; empty when they can."""
        return self._writing.trouble or self._ingest.trouble

    def _restored(self, sitting: _Sitting) -> Alerts:
        """Alerts as they were when the evaluator last ended."""
        judges, board = sitting.desk.source, sitting.board
        return Alerts.restore(sitting.contracts, judges, self._audit, board.exclusions)

    @property
    def contracts(self) -> tuple[Contract, ...]:
        """Those in force."""
        return self._sitting.contracts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await self._app(scope, receive, send)

    def close(self) -> None:
        """Tell nobody any more, and close the connections to backends."""
        self.post.stop()
        for sitting in (self._before, self._sitting):
            if sitting:
                sitting.close()

    def look(self, now_ms: int) -> None:
        """Judge alerts, and have people told; slow.

        Raises:
            ProberError: what is to be told cannot be written down.
        """
        try:
            self.alerts.look(now_ms)
        finally:
            self.post.carry_on()

    def look_aside(self, now_ms: int) -> None:
        """Find out what is shown beside judgements; slow."""
        self._sitting.asides.look(now_ms)

    def keep_display(self) -> float:
        """Make the status page ahead, see `Display.keep`; slow."""
        return self._sitting.display.keep()

    async def _renew(self) -> Iterable[str]:
        """Read the files again and go by them, if all are right; what changed."""
        wanted, channels = await asyncio.to_thread(self._read)
        changed = list(differences(self.contracts, wanted))
        if changed:
            await asyncio.to_thread(self._take_over, wanted)
        told = list(self._channels.differences(channels))
        if changed or told:
            self._channels = channels
            await asyncio.to_thread(self.post.go_by, wanted, channels)
        return [*changed, *told]

    def _take_over(self, wanted: tuple[Contract, ...]) -> None:
        sitting = self._sit(wanted)
        try:
            self._writing.judge_by(rules_of(wanted))
        except BaseException:
            sitting.close()
            raise
        self.alerts.judge_by(wanted, sitting.desk.source, sitting.board.exclusions)
        if self._before:
            self._before.close()
        self._before = self._sitting  # requests may still ask it
        self._sitting, self._app = sitting, self._served(sitting)
        self._note_owners(wanted)

    def _note_owners(self, contracts: tuple[Contract, ...]) -> None:
        """What cannot be noted now is noted with the next set, or the next start."""
        with contextlib.suppress(ProberError):
            note_owners(self._audit, contracts, time.time_ns() // 1_000_000)

    def _sit(self, contracts: tuple[Contract, ...]) -> _Sitting:
        source = None
        if self._address is not None:
            source = PromSource.connect(self._address, rules_of(contracts))
        board = Board(
            contracts,
            self._view,
            self._claims,
            self._writing.note,
            trouble=self._trouble,
            source=source,
        )
        desk = Desk(contracts=contracts, source=board.judges_from, audit=self._audit, verbs=VERBS)
        board.exclusions = partial(_excluded, desk)
        asides = Asides.connect(
            contracts, board.judges_from, self._address, recaps=partial(recap, desk)
        )
        board.asides = lambda: asides.found
        display = Display(partial(overview, board, SERVED))
        return _Sitting(contracts, source, board, display, desk, asides)

    def _served(self, sitting: _Sitting) -> ASGIApp:
        sitting.board.alerts = lambda: self.alerts.groups
        sitting.board.silences = self.post.silenced
        reload = Route("/-/reload", self._asked, methods=["POST"])
        routes = [*self._ingest.routes(), *Api(sitting.desk, self._door).routes(), reload]
        served = Served(sitting.board, sitting.desk, self._shelf, self._artefacts, sitting.display)
        return Porch(app(sitting.board, self.vitals, [*served.routes(), *routes]), self._door)

    async def _asked(self, request: Request) -> Response:
        """`POST /-/reload`: the same as SIGHUP, with an answer."""
        try:
            token = self._door.admit(request, TokenScope.RELOAD)
        except HTTPException as error:
            return JSONResponse({"error": error.detail}, error.status_code, error.headers)
        answer = await self.reload.attempt()
        with by_token(token):
            await asyncio.to_thread(self._note, answer)
        return JSONResponse(answer.to_dict(), answer.status)

    def _note(self, answer: Answer) -> None:
        """Who had files read again, and what became of it; a broken log stops nobody."""
        try:
            self._audit.append(Kind.RELOAD, answer.to_dict(), answer.at_ms)
        except ProberError as error:
            _logger.error("that files were read again could not be noted: %s", error)

    def _trouble(self) -> str:
        return " ".join([*self._refused(), *self._left_out(), *self._unheard()])

    def _refused(self) -> Iterator[str]:
        """Why files are not in force."""
        if problems := self.reload.problems:
            more = f", and {len(problems) - 1} more" if problems[1:] else ""
            yield (
                "The files as they are now were refused, those of before are in force: "
                f"{problems[0]}{more}."
            )

    def _left_out(self) -> Iterator[str]:
        """What is not excluded and not silenced, though it should be."""
        try:
            noted = self._audit.entries(_TIMES)
        except AuditBroken as error:
            yield f"{error}. Until then nothing is excluded, and no gate decides."
            return
        for each in (*unread_exclusions(noted), *unread_silences(noted)):
            yield each.sentence

    def _unheard(self) -> Iterator[str]:
        """Of what nobody is told, by mishap or by intent."""
        if troubles := list(self.post.troubles()):
            yield f"Not told: {'; '.join(troubles)}."
        for silence, until_ms in self.post.silenced(time.time_ns() // 1_000_000):
            yield silence_line(silence, until_ms)


def _excluded(desk: Desk) -> tuple[Exclusion, ...]:
    """What is excluded; nothing when the audit log cannot be trusted, as the board's note says."""
    try:
        return desk.exclusions()
    except AuditBroken:
        return ()
