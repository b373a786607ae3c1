"""What happened: runs, their steps, and the slots they were due in.

Times of day are integer milliseconds since 1970 in UTC (`…_ms`), spans are integer
microseconds on the monotonic clock (`…_us`): integers survive storage, addition and
comparison unchanged, so a band edge stays a band edge.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple


class Outcome(StrEnum):
    """What a run says about the target."""

    PASSED = "passed"  #: the user would have got what they came for
    FAILED = "failed"  #: the target's fault
    INCONCLUSIVE = "inconclusive"  #: our fault, or the script's: no verdict


class Cause(StrEnum):
    """Why a run did not pass: a closed list, safe as a metric attribute."""

    ASSERTION = "assertion"  #: the page or reply said something else than expected
    TIMEOUT = "timeout"  #: the target did not get there in time
    HTTP_STATUS = "http_status"  #: a main-frame or API reply of 400 or more
    NETWORK = "network"  #: the connection was refused, reset, or never made
    PAGE_CRASH = "page_crash"  #: the page crashed its renderer, twice
    TOO_SLOW = "too_slow"  #: everything worked, later than `max_duration`
    BROWSER = "browser"  #: the browser did not start, died, or stopped answering
    WORKER = "worker"  #: the worker or the Playwright driver died or stopped answering
    SATURATED = "saturated"  #: this machine was too busy to measure
    EGRESS = "egress"  #: this region's own network or resolver was down
    SCRIPT = "script"  #: the journey's code raised, looped, or proved nothing
    SECRETS = "secrets"  #: a secret was not there
    CANCELLED = "cancelled"  #: the agent was told to stop


#: The causes that say something about the target; all others leave the SLI alone.
TARGET_CAUSES = frozenset(
    {
        Cause.ASSERTION,
        Cause.TIMEOUT,
        Cause.HTTP_STATUS,
        Cause.NETWORK,
        Cause.PAGE_CRASH,
        Cause.TOO_SLOW,
    }
)


class Kind(StrEnum):
    """Who asked for a run."""

    SCHEDULED = "scheduled"
    MANUAL = "manual"  #: a person or a pipeline; never counts


class SlotState(StrEnum):
    """How a due slot ended; every due slot ends in exactly one of these."""

    COMPLETED = "completed"
    SKIPPED = "skipped"
    MISSED = "missed"


class SlotReason(StrEnum):
    """Why a slot was not completed."""

    OVERLAP = "overlap"  #: skipped: the run before it was still going
    CAPACITY = "capacity"  #: skipped: no worker came free within half a period
    PAUSED = "paused"  #: skipped: an operator paused the journey
    LATE = "late"  #: missed: noticed more than half a period after it was due
    DOWN = "down"  #: missed: the agent was not running


class Phase(StrEnum):
    """Time a run costs that is not the user's time."""

    QUEUE = "queue"
    LAUNCH = "launch"
    CONTEXT = "context"
    EVIDENCE = "evidence"
    CLEANUP = "cleanup"


class Exchange(StrEnum):
    """What requests over HTTP spend their time on."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    WAIT = "wait"  #: for the answer, once the request is sent
    TRANSFER = "transfer"


class Party(StrEnum):
    """Whose hosts answered."""

    FIRST = "first_party"  #: the target's, and those that the region lists
    THIRD = "third_party"


class EffectState(StrEnum):
    """What became of something that a run makes at the target."""

    NOTED = "noted"  #: taken down, before it is made
    UNDONE = "undone"  #: taken back
    ORPHANED = "orphaned"  #: not taken back when that was tried often; it may be undone later


class RunId(NamedTuple):
    """What makes a run the same run, however often its record arrives."""

    journey: str
    region: str
    slot_ms: int
    attempt: int
    kind: Kind

    @property
    def trace_id(self) -> bytes:
        """16 bytes, the same in every process and after every restart."""
        return self.digest()[:16]

    @property
    def key(self) -> str:
        """What pages call it: its slot, by which it is found at once, and 32 digits of digest."""
        return f"{self.slot_ms}-{self.trace_id.hex()}"

    @property
    def name(self) -> str:
        """What a run calls what it creates: a-z, 0-9 and `-`, the same for no other run.

        >>> RunId("fill_cart", "eu-west-1", 1767225600000, 1, Kind.SCHEDULED).name
        'prober-fill-cart-eu-west-1-1767225600000-1'
        """
        last = self.attempt if self.kind is Kind.SCHEDULED else self.kind
        return f"prober-{self.journey.replace('_', '-')}-{self.region}-{self.slot_ms}-{last}"

    @property
    def trace_context(self) -> dict[str, str]:
        """Headers by which a target's own traces join that of the run, and lead to its page."""
        parent = f"00-{self.trace_id.hex()}-{self.span_id().hex()}-01"
        return {"traceparent": parent, "tracestate": f"prober={self.key}"}

    def span_id(self, step: str = "") -> bytes:
        """8 bytes for the journey's span, or for one of its steps."""
        return self.digest(step)[16:24]

    def digest(self, part: str = "") -> bytes:
        """32 bytes that identify this run, or a named part of it."""
        text = "\x1f".join(map(str, (*self, part)))
        return hashlib.sha256(text.encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A named, timed part of a run."""

    name: str
    #: From the start of the run's first step.
    offset_us: int
    duration_us: int
    outcome: Outcome
    #: Web vitals of the page the step ended on: ttfb, fcp, lcp in µs, cls in millionths.
    vitals: Mapping[str, int] = field(default_factory=dict)
    #: Of an HTTP journey: what its requests spent the time on, by the names of `Exchange`, in µs.
    network: Mapping[str, int] = field(default_factory=dict)
    #: How many bytes came over the network for it, by the names of `Party`; one of which that is
    #: not known is left out.
    weight: Mapping[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; what is not known of a step is left out, as in older records."""
        found = _plain(self)
        for name in ("network", "weight"):
            if not found[name]:
                del found[name]
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of a journey, complete enough to rebuild its journal row."""

    id: RunId
    outcome: Outcome
    cause: Cause | None = None
    #: The step that did not pass.
    step: str | None = None
    #: One redacted line for people.
    message: str | None = None
    #: Wall clock at the first step; a label, never subtracted from.
    started_ms: int
    finished_ms: int
    #: How long after its slot the run began.
    start_delay_us: int = 0
    #: Sum of the step windows: the user's time.
    duration_us: int
    steps: tuple[Step, ...] = ()
    phases: Mapping[Phase, int] = field(default_factory=dict)
    #: First-party replies by class: `2xx` … `5xx`, and `none` for requests without reply.
    responses: Mapping[str, int] = field(default_factory=dict)
    #: The same for everybody else's hosts.
    third_party: Mapping[str, int] = field(default_factory=dict)
    #: Errors on the page's console, uncaught ones too, by whose code they are of: `first_party`
    #: or `third_party`.
    page_errors: Mapping[str, int] = field(default_factory=dict)
    assertions: int = 0
    #: Named assertions that the run came to: whether each held.
    held: Mapping[str, bool] = field(default_factory=dict)
    #: What measured: `prober`, `playwright`, `browser`, `journey` (hash of its file), `machine`
    #: (digest of processor, cores and kernel).
    regime: Mapping[str, str] = field(default_factory=dict)
    #: The machine around the run, by the names of docs/authors.md, e.g. `cpu_wait` in seconds.
    host: Mapping[str, float] = field(default_factory=dict)
    #: Redacted text kept for a run that did not pass: `console`, `requests`, `where`.
    evidence: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: Opaque ids of files kept by the agent.
    artefacts: tuple[str, ...] = ()

    @property
    def silent(self) -> bool:
        """Failed while the browser saw no first-party 5xx: servers look healthy."""
        return self.outcome is Outcome.FAILED and not self.responses.get("5xx")

    @property
    def counts(self) -> bool:
        """Whether the run may enter an SLI: scheduled, and what a user lived through."""
        return self.id.kind is Kind.SCHEDULED and self.id.attempt == 1

    @property
    def confirms(self) -> bool:
        """Whether it tried again at once what had failed: for evidence, and to tell flakes."""
        return self.id.kind is Kind.SCHEDULED and self.id.attempt > 1

    def to_json(self) -> str:
        """One canonical line: equal runs give equal bytes."""
        steps = [step.to_dict() for step in self.steps]
        return canonical(_plain(self) | {"id": self.id._asdict(), "steps": steps})

    @classmethod
    def from_json(cls, text: str | bytes) -> Run:
        """Inverse of `to_json`.

        Raises:
            ValueError: the text is not a run record.
        """
        try:
            raw = json.loads(text)
            raw["id"] = RunId(**raw["id"] | {"kind": _KINDS[raw["id"]["kind"]]})
            raw["outcome"] = _OUTCOMES[raw["outcome"]]
            raw["cause"] = _CAUSES[raw["cause"]] if raw["cause"] else None
            raw["steps"] = tuple(
                Step(**step | {"outcome": _OUTCOMES[step["outcome"]]}) for step in raw["steps"]
            )
            raw["phases"] = {_PHASES[name]: us for name, us in raw["phases"].items()}
            raw["evidence"] = {name: tuple(lines) for name, lines in raw["evidence"].items()}
            raw["artefacts"] = tuple(raw["artefacts"])
            return cls(**raw)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a run record: {error}") from error


# Calling an enum takes three times as long, and runs are read by the thousand.
_KINDS = {str(kind): kind for kind in Kind}
_OUTCOMES = {str(outcome): outcome for outcome in Outcome}
_CAUSES = {str(cause): cause for cause in Cause}
_PHASES = {str(phase): phase for phase in Phase}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Consecutive slots of one journey in one region that were not completed."""

    journey: str
    region: str
    #: First and last slot of the range, both in it.
    first_ms: int
    last_ms: int
    count: int
    state: SlotState
    reason: SlotReason

    def to_json(self) -> str:
        """One canonical line: equal gaps give equal bytes."""
        return canonical(_plain(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Gap:
        """Inverse of `to_json`; raises ValueError."""
        try:
            raw = json.loads(text)
            raw["state"] = SlotState(raw["state"])
            raw["reason"] = SlotReason(raw["reason"])
            return cls(**raw)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a gap record: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Which slots of a journey are due in a region, from a moment on.

    Slot k is at `phase_ms + k * every_ms`. A schedule holds until the next one of the same
    journey and region; `every_ms` 0 ends it: the journey was removed.
    """

    journey: str
    region: str
    from_ms: int
    every_ms: int
    phase_ms: int

    def first_at(self, time_ms: int) -> int:
        """The first slot at or after a time."""
        return time_ms + (self.phase_ms - time_ms) % self.every_ms

    def count(self, start_ms: int, end_ms: int) -> int:
        """How many slots lie in [start, end).

        >>> Schedule(journey="j", region="r", from_ms=0, every_ms=60, phase_ms=10).count(10, 130)
        2
        """
        if not self.every_ms or end_ms <= start_ms:
            return 0
        return -((self.first_at(start_ms) - end_ms) // self.every_ms)

    def to_json(self) -> str:
        """One canonical line: equal schedules give equal bytes."""
        return canonical(_plain(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Schedule:
        """Inverse of `to_json`; raises ValueError."""
        try:
            return cls(**json.loads(text))
        except TypeError as error:
            raise ValueError(f"not a schedule record: {error}") from error


#: Whatever an agent writes down and ships.
Record = Run | Gap | Schedule


def _plain(record: Record | Step) -> dict[str, Any]:
    """Its fields by name, as they are: `asdict` would copy what is in them as well."""
    return {name: getattr(record, name) for name in record.__slots__}


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
