"""The door: who may do what, by the token that is shown, and how often.

`PROBER_TOKEN` is good for everything, a token of the file for its scopes. Where there is neither
and only this machine reaches the evaluator, everybody may write but pages of other sites, which
a browser of this machine might show.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NoReturn
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from prober.access import is_loopback
from prober.errors import ProberError
from prober.evaluator.door import pace
from prober.evaluator.door.pace import Buckets, Rate, Room, client_of
from prober.evaluator.door.tokens import Scope, Token, TokenFile, fingerprint, in_order
from prober.slo.moment import iso

#: What entries of the audit log call the token that is no token of the file.
ALL: Final = "PROBER_TOKEN"
NEEDED: Final = (
    "a token is needed, set PROBER_TOKEN or send `Authorization: Bearer …`: "
    "`prober token create` makes one"
)
WRONG: Final = "a token is needed, and this is none: `prober token list` shows which there are"
#: What goes with a 401, where a program asks and where somebody may look with a browser: that
#: shows nothing to whoever offers it two ways in one line.
_PROGRAMS: Final = {"WWW-Authenticate": "Bearer"}
_BROWSERS: Final = {"WWW-Authenticate": 'Basic realm="Prober", charset="UTF-8"'}
_GETS: Final = ("GET", "HEAD")
_logger = logging.getLogger(__name__)


class Reason(StrEnum):
    """Why somebody was not let in."""

    NO_TOKEN = "no_token"
    WRONG_TOKEN = "wrong_token"
    EXPIRED = "expired"
    SCOPE = "scope"
    PAGE = "page"
    LIMIT = "limit"


@dataclass(slots=True, kw_only=True)
class Door:
    """Lets in who may; asked by the event loop alone."""

    #: PROBER_TOKEN; None: there is none.
    token: str | None = None
    tokens: TokenFile | None = None
    #: Whether nobody but this machine reaches the evaluator.
    loopback: bool = True
    #: Whether reading takes a token too.
    protect_reads: bool = False
    #: So many times the usual rates; 0: no limit but those of size.
    limits: int = 1
    room: Room = field(default_factory=Room)
    #: How often somebody was not let in, by why.
    refused: Counter[Reason] = field(default_factory=Counter)
    clock: Callable[[], float] = time.monotonic
    _buckets: dict[Rate, Buckets] = field(default_factory=dict)
    #: Who has shown a good token: they are let in also while others of their address guess.
    _known: OrderedDict[tuple[str, str], None] = field(default_factory=OrderedDict)

    @property
    def is_open(self) -> bool:
        """Whether writing takes no token."""
        made = self.tokens is not None and self.tokens.is_there
        return self.loopback and self.token is None and not made and not self.protect_reads

    def admit(self, asked: HTTPConnection, scope: Scope) -> str | None:
        """Let in who may do this; the name of the token shown, None where none is needed.

        Raises:
            HTTPException: 401, 403 or 429.
        """
        client = client_of(asked)
        name = self._identify(asked, scope, client)
        if scope is not Scope.INGEST:  # that is counted in bytes
            rate = pace.PAGES if asked.scope["method"] in _GETS else pace.VERBS
            self.hold_back(rate, (client, scope))
            self.draw(rate, (client, scope))
        return name

    def hold_back(self, rate: Rate, client: Hashable) -> None:
        """Refuse, with 429, who has nothing left."""
        if self.limits and (wait_s := self._bucket(rate).wait_s(client)):
            self.refused[Reason.LIMIT] += 1
            raise pace.later(429, "too many requests from this address, send it later", wait_s)

    def draw(self, rate: Rate, client: Hashable, amount: int = 1) -> None:
        """Note what a client has had."""
        if self.limits:
            self._bucket(rate).draw(client, amount)

    def reads(self, asked: HTTPConnection) -> bool:
        """Whether somebody may read, where they are answered in any case."""
        if not self.protect_reads:
            return True
        if not _shown(asked, Scope.READ):
            return False
        try:
            self._identify(asked, Scope.READ, client_of(asked))
        except HTTPException:
            return False
        return True

    def _identify(self, asked: HTTPConnection, scope: Scope, client: str) -> str | None:
        if scope is Scope.READ and not self.protect_reads:
            return None
        if self.is_open:
            if "origin" in asked.headers or not _meant_for_loopback(asked):
                self._refuse(403, Reason.PAGE, "pages may not ask for this")
            return None
        challenge = _BROWSERS if scope is Scope.READ else _PROGRAMS
        if not (shown := _shown(asked, scope)):
            self._refuse(401, Reason.NO_TOKEN, NEEDED, challenge)
        token, who = self._token(shown), (client, fingerprint(shown))
        may_be_guessed = token is None or token.name == ALL  # nobody guesses one of the file
        if may_be_guessed and who not in self._known:
            self.hold_back(pace.FAILURES, client)
        if token is None:
            self.draw(pace.FAILURES, client)
            _logger.warning("a token that is not known was shown from %s", client)
            self._refuse(401, Reason.WRONG_TOKEN, WRONG, challenge)
        self._remember(who)
        self._check(token, scope, challenge)
        return token.name

    def _token(self, shown: str) -> Token | None:
        """The token that is shown; None: it is not known."""
        found = None
        if self.tokens:
            try:
                found = self.tokens.find(shown)
            except ProberError as error:
                _logger.error("until it is mended no token of it is good: %s", error)
        if self.token is not None and hmac.compare_digest(shown.encode(), self.token.encode()):
            every = frozenset(Scope)
            return Token(name=ALL, scopes=every, hash=fingerprint(shown), created_ms=0)
        return found

    def _check(self, token: Token, scope: Scope, challenge: dict[str, str]) -> None:
        if _over(token):
            since = iso(token.expires_ms or 0)
            said = f"the token {token.name} has expired at {since}, make another"
            self._refuse(401, Reason.EXPIRED, said, challenge)
        if scope not in token.scopes:
            has = ", ".join(in_order(token.scopes))
            said = f"the token {token.name} is for {has}, and this takes one for {scope}"
            self._refuse(403, Reason.SCOPE, said)

    def _refuse(
        self, status: int, reason: Reason, said: str, headers: dict[str, str] | None = None
    ) -> NoReturn:
        self.refused[reason] += 1
        raise HTTPException(status, said, headers)

    def _remember(self, who: tuple[str, str]) -> None:
        self._known[who] = None
        self._known.move_to_end(who)
        if len(self._known) > pace.CLIENTS:
            self._known.popitem(last=False)

    def _bucket(self, rate: Rate) -> Buckets:
        if rate not in self._buckets:
            self._buckets[rate] = Buckets(rate.times(self.limits), clock=self.clock)
        return self._buckets[rate]


def _shown(asked: HTTPConnection, scope: Scope) -> str | None:
    """The token in a request.

    A browser sends a password by itself, whichever site has it ask: it is good for reading only.
    """
    kind, _, rest = asked.headers.get("authorization", "").partition(" ")
    if kind == "Bearer":
        return rest.strip()
    if kind == "Basic" and scope is Scope.READ:
        try:
            return base64.b64decode(rest, validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            return None
    return None


def _meant_for_loopback(asked: HTTPConnection) -> bool:
    """Whether it was asked by a name of this machine: a page can make its own name lead here."""
    try:
        return is_loopback(urlsplit(f"//{asked.headers.get('host', '')}").hostname or "")
    except ValueError:
        return False


def _over(token: Token) -> bool:
    return token.expired(time.time_ns() // 1_000_000)
