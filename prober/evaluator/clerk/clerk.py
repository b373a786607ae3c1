"""The clerk: unpacks and reads what regions send, and writes the journal; nobody else does."""

from __future__ import annotations

import logging
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple, Protocol, Self, TypeVar

from prober.errors import JournalError, JournalLocked
from prober.journal.journal import Journal
from prober.journal.tally import Rule
from prober.telemetry import answer, decode

_logger = logging.getLogger(__name__)
Value = TypeVar("Value")
GZIP: Final = 31  # zlib's word for: a gzip header and nothing else
SPANS_REFUSED: Final = (
    "the evaluator keeps run records, not spans: send traces to a tracing backend"
)
#: A clerk whose evaluator was killed ends as soon as it has written what it was writing.
_PATIENCE_S: Final = 3.0
_PAUSE_S: Final = 0.05


class Signal(StrEnum):
    """What a body of OTLP holds."""

    LOGS = "logs"
    METRICS = "metrics"
    TRACES = "traces"


class Unfit(Exception):
    """A body that nobody can take: what HTTP calls that, and why it is so."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status, self.reason = status, reason


class Taken(NamedTuple):
    """A body was taken in, and what it held is committed."""

    #: The body of the answer.
    reply: bytes
    #: How many runs the sender says it has counted, by journey and region.
    claims: Mapping[tuple[str, str], int] = {}
    #: When it said so, and how much its runs left at the target for good, by journey and region.
    orphans: Mapping[tuple[str, str], tuple[int, int]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """How the journal is."""

    #: Records since its birth.
    written: int
    #: Damaged journals that lie beside it.
    damaged_ones: int
    #: When the newest backup was taken.
    backed_up_ms: int | None


class Writing(Protocol):
    """What the evaluator asks of whoever writes its journal."""

    @property
    def path(self) -> Path:
        """Of the journal."""

    @property
    def note(self) -> str:
        """What a person should know of its opening; empty when nothing."""

    @property
    def trouble(self) -> str:
        """Why nothing can be written now; empty when it can."""

    def take(self, signal: Signal, packed: bytes, gzipped: bool, limit_bytes: int) -> Taken:
        """Take a body in, each record once.

        Args:
            signal: what it holds.
            packed: as it was sent.
            gzipped: whether it is packed at all.
            limit_bytes: it may be so long when it is unpacked.

        Raises:
            Unfit: it cannot be unpacked or read, or is over the limit.
            JournalError: it cannot be committed now.
        """

    def judge_by(self, rules: Iterable[Rule]) -> None:
        """See `Journal.judge_by`."""

    def condemn(self, what: str) -> None:
        """See `Journal.condemn`."""

    def damage(self) -> str | None:
        """What damage was met since the journal was opened; None: none."""

    def facts(self) -> Facts:
        """How the journal is; touches the disk."""


@dataclass(slots=True)
class Clerk:
    """Writes a journal; safe to call from several threads."""

    journal: Journal
    #: Of a clerk nobody needs to start again.
    trouble: str = field(default="", init=False)

    @classmethod
    def open(cls, path: Path, rules: Iterable[Rule], *, whole: bool) -> Self:
        """Open the journal; for its arguments and errors see `Journal.open`."""
        ends_s = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return cls(Journal.open(path, rules, whole=whole, histograms=False))
            except JournalLocked:
                if time.monotonic() > ends_s:
                    raise
            time.sleep(_PAUSE_S)

    def close(self) -> None:
        """Finish what is being written, and close the journal."""
        self.journal.close()

    @property
    def path(self) -> Path:
        """See `Writing`."""
        return self.journal.path

    @property
    def note(self) -> str:
        """See `Writing`."""
        mishap = self.journal.mishap
        if not mishap:
            return ""
        aside = f" and set aside as {mishap.set_aside}" if mishap.set_aside else ""
        instead = (
            f"the backup {mishap.backup} took its place" if mishap.backup else "counts begin anew"
        )
        return f"The journal was damaged{aside}: {instead}."

    def take(self, signal: Signal, packed: bytes, gzipped: bool, limit_bytes: int) -> Taken:
        """See `Writing`."""
        body = unpack(packed, limit_bytes) if gzipped else packed
        match signal:
            case Signal.LOGS:
                return self._logs(body)
            case Signal.METRICS:
                return self._metrics(body)
            case Signal.TRACES:
                return Taken(_readable(lambda body: answer.traces(body, SPANS_REFUSED), body))

    def judge_by(self, rules: Iterable[Rule]) -> None:
        """See `Writing`."""
        self.journal.judge_by(rules)

    def condemn(self, what: str) -> None:
        """See `Writing`."""
        self.journal.condemn(what)

    def damage(self) -> str | None:
        """See `Writing`."""
        return self.journal.damage

    def facts(self) -> Facts:
        """See `Writing`."""
        return Facts(
            written=self.journal.written,
            damaged_ones=self.journal.damaged_ones,
            backed_up_ms=self.journal.backed_up_ms,
        )

    def keep(self, now_ms: int) -> None:
        """Look the journal over, have a young backup of it, and let old rows go; slow.

        A disk that refuses the first wants the last all the more; not so damage: nothing is
        dropped of a journal that is to be saved.
        """
        try:
            self.journal.keep_safe(now_ms)
        except JournalError:  # it is damaged, or being closed
            raise
        except Exception:
            _logger.exception("the journal could not be looked over")
        self.journal.keep_small(now_ms)

    def _logs(self, body: bytes) -> Taken:
        """Write records; the reply says how many were not taken."""
        decoded = _readable(decode.records, body)
        self.journal.write(decoded.records)
        refused = decoded.rejected + decoded.skipped
        why = decoded.first_error or "events other than prober's"
        return Taken(answer.logs(refused, why))

    def _metrics(self, body: bytes) -> Taken:
        """Read what a region says of its runs and orphans; nothing else of it is kept."""
        claimed, totals = _readable(decode.claims, body), Counter[tuple[str, str]]()
        for (journey, region, _, _), total in claimed.runs.items():
            totals[journey, region] += total
        return Taken(answer.metrics(), dict(totals), claimed.orphans)


def _readable(read: Callable[[bytes], Value], body: bytes) -> Value:
    try:
        return read(body)
    except ValueError as error:
        raise Unfit(400, f"the body is {error}") from error


def unpack(packed: bytes, limit_bytes: int) -> bytes:
    """What a gzip body holds; stops at the limit, however much more there would be.

    Raises:
        Unfit: 400, it is not gzip or is cut off; 413, it is over the limit.
    """
    stream = zlib.decompressobj(GZIP)
    try:
        plain = stream.decompress(packed, limit_bytes + 1)
    except zlib.error as error:
        raise Unfit(400, f"the body is not gzip: {error}") from error
    if len(plain) > limit_bytes:
        raise Unfit(413, f"the body is over {limit_bytes} bytes unpacked, send less at once")
    if not stream.eof or stream.unused_data:
        raise Unfit(400, "the body is not one whole gzip stream, send it again")
    return plain
