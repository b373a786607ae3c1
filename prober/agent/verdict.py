"""The verdict: from what was seen, by stage and type, never by text.

A worker reports a Finding; `judge` alone decides whose fault it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from prober.model import Cause, Outcome

#: Statuses of what stands between, on the way to the target: log in here first.
FROM_BETWEEN: Final = frozenset({407, 511})


class Stage(StrEnum):
    """How far a run came."""

    LAUNCH = "launch"  #: driver, browser, context: nothing of the target's yet
    JOURNEY = "journey"  #: the author's code was running
    ENDED = "ended"  #: the author's code came back


class Trouble(StrEnum):
    """What was seen, by the type of what was raised or by an event."""

    ASSERTION = "assertion"
    TIMEOUT = "timeout"
    HTTP_STATUS = "http_status"
    FROM_BETWEEN = "from_between"  #: a status that something on the way may have answered
    NETWORK = "network"
    PAGE_CRASH = "page_crash"
    BROWSER_GONE = "browser_gone"  #: crashed, disconnected, or no longer answering
    DRIVER_GONE = "driver_gone"  #: the Playwright driver or the worker itself
    OUR_NETWORK = "our_network"  #: the browser says that the network here gave way
    OUR_RESOURCES = "our_resources"  #: the browser says that this machine had nothing left
    SECRET = "secret"  #: one was asked for and not there
    SCRIPT = "script"  #: any other exception
    STUCK = "stuck"  #: the code did not stop and was killed
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The facts a verdict rests on."""

    stage: Stage
    trouble: Trouble | None = None
    message: str | None = None
    #: The step that was open, or the last one before the trouble.
    step: str | None = None
    #: At least one first-party request was made.
    asked_target: bool = False
    steps: int = 0
    assertions: int = 0
    #: The journey's own time ran out and its code carried on as if nothing had happened.
    swallowed_deadline: bool = False
    too_slow: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a pipe."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Finding:
        """Inverse of `to_dict`."""
        trouble = Trouble(raw["trouble"]) if raw["trouble"] else None
        return cls(**{**raw, "stage": Stage(raw["stage"]), "trouble": trouble})


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why what was seen may be ours, found outside of the run."""

    #: `egress`: our own network did not work. `saturated`: our own machine was too busy.
    cause: Cause
    message: str

    def excuses(self, verdict: Verdict) -> bool:
        """Whether a verdict cannot stand beside it.

        An answer with an error status came from the target, however we were, unless it is one
        of those that a network of ours may give. A run that passed had a network; on a busy
        machine it passed too, but nobody knows how fast.
        """
        if verdict.outcome is Outcome.INCONCLUSIVE:
            return False
        if verdict.cause is Cause.HTTP_STATUS:
            return verdict.from_between and self.cause is Cause.EGRESS
        return self.cause is Cause.SATURATED or verdict.cause in _BY_NETWORK


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a finding means."""

    outcome: Outcome
    cause: Cause | None = None
    message: str | None = None
    #: Failed by a status that something on the way may have answered.
    from_between: bool = False


_TARGET = {
    Trouble.ASSERTION: Cause.ASSERTION,
    Trouble.TIMEOUT: Cause.TIMEOUT,
    Trouble.HTTP_STATUS: Cause.HTTP_STATUS,
    Trouble.FROM_BETWEEN: Cause.HTTP_STATUS,
    Trouble.NETWORK: Cause.NETWORK,
    Trouble.PAGE_CRASH: Cause.PAGE_CRASH,
}
#: What a network of ours that does not work can bring about.
_BY_NETWORK = {Cause.NETWORK, Cause.TIMEOUT, Cause.ASSERTION}
_OURS = {
    Trouble.BROWSER_GONE: Cause.BROWSER,
    Trouble.DRIVER_GONE: Cause.WORKER,
    Trouble.OUR_NETWORK: Cause.EGRESS,
    Trouble.OUR_RESOURCES: Cause.BROWSER,
    Trouble.SECRET: Cause.SECRETS,
    Trouble.SCRIPT: Cause.SCRIPT,
    Trouble.STUCK: Cause.SCRIPT,
    Trouble.CANCELLED: Cause.CANCELLED,
}
#: What is said before the message where that does not tell.
_SAID = {
    Trouble.OUR_NETWORK: "the browser says that this region's own network gave way",
    Trouble.OUR_RESOURCES: "the browser says that this machine had nothing left for it",
}


def judge(finding: Finding, doubts: Iterable[Doubt] = ()) -> Verdict:
    """Whose fault it was.

    Before the first request to the target nothing can be its fault; after that, what its
    users would have met is, unless our own browser, driver or worker gave way, or a doubt
    stands against it.
    """
    verdict = _by_what_was_seen(finding)
    for doubt in doubts:
        if doubt.excuses(verdict):
            return _inconclusive(doubt.cause, _while(doubt.message, verdict.message))
    return verdict


def _by_what_was_seen(finding: Finding) -> Verdict:
    trouble = finding.trouble
    if trouble in _SAID:
        return _inconclusive(_OURS[trouble], _while(_SAID[trouble], finding.message))
    if trouble in _OURS:
        return _inconclusive(_OURS[trouble], finding.message)
    if finding.stage is Stage.LAUNCH:
        return _inconclusive(Cause.BROWSER, finding.message)
    if trouble and not finding.asked_target:
        return _inconclusive(Cause.SCRIPT, f"before any request to the target: {finding.message}")
    if trouble:
        between = trouble is Trouble.FROM_BETWEEN
        return Verdict(Outcome.FAILED, _TARGET[trouble], finding.message, between)
    if reason := _vacuous(finding):
        return _inconclusive(Cause.SCRIPT, reason)
    if finding.too_slow:
        return Verdict(Outcome.FAILED, Cause.TOO_SLOW, finding.message)
    return Verdict(Outcome.PASSED)


def settled(outcome: Outcome, held: Mapping[str, bool | None]) -> dict[str, bool]:
    """Which named assertions a run may speak of, None being one that did not come to its end.

    That one did not hold says something about the target, so an inconclusive run cannot say it.
    """
    blames = outcome is not Outcome.INCONCLUSIVE
    return {name: each for name, each in held.items() if each or (each is False and blames)}


def _vacuous(finding: Finding) -> str | None:
    """Why a run that raised nothing proves nothing."""
    if finding.swallowed_deadline:
        return "the journey caught its own deadline and went on: let the error through"
    if not finding.steps:
        return 'it has no step: wrap what the user does in `with step("…")`'
    if not finding.asked_target:
        return "it asked nothing of the target: go to a page of the region's base_url"
    if not finding.assertions:
        return "it asserted nothing: say with `expect` or `assert` what the user must see"
    return None


def _while(why: str, met: str | None) -> str:
    return f"{why}, while the run met: {met}" if met else why


def _inconclusive(cause: Cause, message: str | None) -> Verdict:
    return Verdict(Outcome.INCONCLUSIVE, cause, message)
