"""One run as the supervisor follows it, deadline by deadline, to the record it becomes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from prober.agent import process, retention, strain
from prober.agent.control import Control
from prober.agent.effects import OfRun
from prober.agent.hand import Hand, now
from prober.agent.strain import Lag, Usual
from prober.agent.vault import Origin, Unread
from prober.agent.verdict import Doubt, Finding, Stage, Trouble, Verdict, judge, settled
from prober.errors import Problem
from prober.journey import Journey
from prober.model import Cause, Outcome, Phase, Run, RunId, Step
from prober.origin import place_of
from prober.variables import Place

#: What an event says of a step, beside its outcome.
_OF_A_STEP = ("name", "offset_us", "duration_us", "network")
#: What is only known of steps when the verdict stands.
_LEARNED_LATER = ("vitals", "weight")
#: The kind of evidence that says which files were not kept, and why.
WITHHELD = "withheld"
#: How long a worker may take to have a browser ready.
STAGE_S = 25.0
_EVIDENCE_S = 7.5
_CLEANUP_S = 11.0
_CLOSE_S = 6.0
_ASK_S = 0.3
_MAYBE_STOPPED = {
    Trouble.TIMEOUT,
    Trouble.ASSERTION,
    Trouble.NETWORK,
    Trouble.BROWSER_GONE,
    Trouble.DRIVER_GONE,
}

log = logging.getLogger(__name__)

Listener = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every run of an agent has in common."""

    first_party: tuple[str, ...]
    #: Origins that `http` tells which run a request is of.
    traceparent_to: tuple[str, ...] = ()
    #: Those of accounts too.
    secrets: Mapping[str, Origin] = field(repr=False)
    #: browser, context or process: what is new for each run.
    isolation: str
    #: Where screenshots and traces are kept.
    evidence: Path
    #: What measures, for the record: versions by name.
    regime: Mapping[str, str] = field(default_factory=dict)
    #: Whether runs that a busy machine falsified are set aside.
    saturation: bool = True
    #: By journey file, the copy that is loaded in its place.
    copies: Mapping[str, str] = field(default_factory=dict, repr=False)
    #: By pool, for each of its accounts the names of its secrets.
    accounts: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    #: Where in the region's file something is, for people.
    problem: Callable[[Place, str, str], Problem] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A run to be made."""

    id: RunId
    journey: Journey
    #: How late it already is.
    start_delay_us: int = 0
    trace: bool = False
    #: How long it may wait for a worker and a place.
    patience_s: float = 60.0
    #: What the worker is to look for or to change on the way, as `mutation.Mutation.order`
    #: says it; such a run is nobody's measurement.
    mutation: Mapping[str, Any] | None = None


class Watch:
    """One run as the supervisor follows it, deadline by deadline."""

    def __init__(
        self,
        hand: Hand,
        order: Order,
        around: Surroundings,
        values: Mapping[str, str],
        cancelled: asyncio.Event,
        listener: Listener,
        queue_us: int,
        control: Control,
        reference: Usual,
        effects: OfRun,
    ) -> None:
        self._hand = hand
        self._reference, self._reference_us = reference, 0
        self._lag = Lag()
        self._control = control
        self._effects = effects
        self._order = order
        self._around = around
        self._values = values
        self._cancelled = cancelled
        self._listener = listener
        self._phases: dict[Phase, int] = {Phase.QUEUE: queue_us}
        self._steps: list[Step] = []
        self._held: dict[str, bool | None] = {}
        self._open: tuple[str, float] | None = None
        self._last: str | None = None
        self._began = self._first = 0.0
        self._started_ms = _wall_ms()
        self._seen: dict[str, Any] = {}
        self._where: dict[str, Any] = {}
        self._artefacts: list[str] = []
        self._withheld: list[str] = []
        self.outcome: Outcome | None = None
        self.close_us = 0
        #: Set when the worker must be killed: `killed` or `died`.
        self.lost: str | None = None

    async def run(self) -> Run:
        """Follow the run to its end and compose the record."""
        self._hand.runs += 1
        self._hand.doing = self._order.id
        folder = self._around.evidence / secrets.token_urlsafe(12)
        with contextlib.suppress(OSError):  # a full disk costs the evidence, not the run
            folder.mkdir(parents=True)
        self._hand.tell(self._message(folder))
        async with self._lag:
            finding = await self._await_verdict()
        asking = self._control.doubts(judge(finding), self._began)
        doubts, _ = await asyncio.gather(asking, self._await_leavings(folder))
        await self._effects.settled()
        with contextlib.suppress(OSError):
            folder.rmdir()  # only goes when nothing was kept
        run = self._compose(finding, doubts)
        if run.outcome is Outcome.PASSED:
            retention.mark_passed(folder)
        return run

    def _message(self, folder: Path) -> dict[str, Any]:
        journey = self._order.journey
        return {
            "do": "run",
            "journey": journey.name,
            "file": self._around.copies.get(journey.file, journey.file),
            "seconds": journey.allowed_s,
            "secrets": self._values,
            "mask": journey.mask,
            "first_party": self._around.first_party,
            "traceparent_to": () if self._order.mutation else self._around.traceparent_to,
            "trace_context": self._order.id.trace_context,
            "keep_browser": self._around.isolation == "context",
            "trace": self._order.trace,
            "evidence": str(folder),
            "compare": self._hand.runs == 1,
            "mutation": self._order.mutation,
            "name": self._order.id.name,
            "left": self._effects.left,
        }

    async def _await_verdict(self) -> Finding:
        began = await self._follow({"began", "judged"}, now() + STAGE_S)
        if began and began["at"] == "began":
            self._began = now()
            self._started_ms = began["started_ms"]
            ends = self._began + self._order.journey.timeout_ms / 1000
            began = await self._follow({"judged"}, ends)
        if began:
            self._seen = began
            return self._checked(Finding.from_dict(began["finding"]))
        return await self._lose()

    async def _await_leavings(self, folder: Path) -> None:
        if self.lost:
            return
        kept = await self._follow({"kept"}, now() + _EVIDENCE_S)
        if kept:
            self._phases[Phase.EVIDENCE] = kept["evidence_us"]
            self._artefacts = [f"{folder.name}/{name}" for name in kept["files"]]
            self._withheld = kept["withheld"]
            for part in _LEARNED_LATER:
                for number, found in kept[part].items():
                    step = self._steps[int(number)]
                    self._steps[int(number)] = replace(step, **{part: found})
            cleaned = await self._follow({"cleaned"}, now() + _CLEANUP_S)
            if cleaned:
                self._note_cleanup(cleaned)
                done = await self._follow({"done"}, now() + _CLOSE_S)
                if done:
                    self.close_us, self._reference_us = done["close_us"], done["reference_us"]
                    self._phases[Phase.EVIDENCE] += self._reference_us
                    return
        self.lost = self.lost or "killed"  # the verdict stands, the worker does not

    def _note_cleanup(self, cleaned: dict[str, Any]) -> None:
        if cleaned["cleanup_us"]:
            self._phases[Phase.CLEANUP] = cleaned["cleanup_us"]
        for error in cleaned["errors"]:
            log.warning("%s: cleanup failed: %s", self._order.journey.name, error)

    async def _follow(self, wanted: set[str], ends: float) -> dict[str, Any] | None:
        """The next wanted event; steps are noted on the way. None: time up, dead, cancelled."""
        cancel = asyncio.ensure_future(self._cancelled.wait())
        try:
            while True:
                next_event = asyncio.ensure_future(self._hand.next(ends))
                await asyncio.wait({next_event, cancel}, return_when=asyncio.FIRST_COMPLETED)
                if not next_event.done():
                    next_event.cancel()
                    return None
                event = next_event.result()
                if event is None or event["at"] == "gone":
                    self.lost = "died" if event else None
                    return None
                self._note(event)
                if event["at"] in wanted:
                    return event
        finally:
            cancel.cancel()

    def _note(self, event: dict[str, Any]) -> None:
        if not self._seen:  # what cleanup does, after the verdict, is no part of the run
            self._keep(event)
        self._effects.hear(event, self._hand.tell)
        self._listener(event)

    def _keep(self, event: dict[str, Any]) -> None:
        if event["at"] == "step":
            since = now()
            self._open = (event["name"], since)
            self._first = self._first or since
            self._last = event["name"]
        elif event["at"] == "stepped":
            self._open = None
            fields = {name: event[name] for name in _OF_A_STEP}
            self._steps.append(Step(outcome=Outcome(event["outcome"]), **fields))
        elif event["at"] == "assertion":
            self._held[event["name"]] = event["held"]

    def _checked(self, finding: Finding) -> Finding:
        """Nothing is the target's fault when somebody stopped one of our processes."""
        if finding.trouble in _MAYBE_STOPPED and (halt := self._halted()):
            self.lost = "killed"  # no evidence can be had, and no order obeyed
            return replace(finding, trouble=halt[0], message=halt[1])
        return finding

    def _halted(self) -> tuple[Trouble, str] | None:
        names = process.stopped(self._hand.pid)
        if not names:
            return None
        trouble = Trouble.DRIVER_GONE if any(names.values()) else Trouble.BROWSER_GONE
        return trouble, f"{', '.join(sorted(names))} was stopped"

    async def _lose(self) -> Finding:
        """The worker gave no verdict: say why, and have it killed."""
        stage = Stage.JOURNEY if self._began else Stage.LAUNCH
        trouble, message = await self._diagnose()
        self.lost = self.lost or "killed"
        return Finding(stage=stage, trouble=trouble, message=message, step=self._last)

    async def _diagnose(self) -> tuple[Trouble, str]:
        if self._cancelled.is_set():
            return Trouble.CANCELLED, "the agent was told to stop"
        if self.lost == "died":
            return Trouble.DRIVER_GONE, "the worker process died"
        if not self._began:
            return Trouble.BROWSER_GONE, f"no browser was ready within {STAGE_S:.0f} s"
        if halt := self._halted():
            return halt
        self._hand.tell({"do": "where"})
        where = await self._hand.expect({"where"}, now() + _ASK_S)
        self._where = where or {}
        limit = f"{self._order.journey.timeout_ms / 1000:g} s"
        if where and where["waiting"] and not where["past"]:
            return Trouble.BROWSER_GONE, f"Playwright gave no answer within {limit}"
        if where and where["past"]:
            return Trouble.STUCK, f"the journey caught its own deadline of {limit} and went on"
        place = where["stack"][-1] if where else "code that holds the interpreter"
        return Trouble.STUCK, f"the journey did not end within {limit}, it was at {place}"

    def _compose(self, finding: Finding, doubts: Iterable[Doubt]) -> Run:
        host = self._host(judge(finding))
        strained = strain.doubts(host) if self._around.saturation else ()
        verdict = judge(finding, [*doubts, *strained])
        self.outcome = verdict.outcome
        passed = verdict.outcome is Outcome.PASSED
        if passed:
            self._reference.note(self._reference_us)
        steps = self._finished_steps(verdict.outcome)
        phases = self._phases | {
            Phase(name): us for name, us in self._seen.get("phases", {}).items()
        }
        return Run(
            id=self._order.id,
            outcome=verdict.outcome,
            cause=verdict.cause,
            step=None if passed else finding.step,
            message=verdict.message,
            started_ms=self._started_ms,
            finished_ms=_wall_ms(),
            start_delay_us=self._order.start_delay_us + self._phases[Phase.QUEUE],
            duration_us=sum(step.duration_us for step in steps),
            steps=steps,
            phases=phases,
            responses=self._seen.get("responses", {}),
            third_party=self._seen.get("third_party", {}),
            page_errors=self._seen.get("page_errors", {}),
            assertions=finding.assertions,
            held=settled(verdict.outcome, self._held),
            regime=self._regime(),
            host=host,
            evidence={} if passed else self._evidence(),
            artefacts=tuple(self._artefacts),
        )

    def _host(self, seen: Verdict) -> dict[str, float]:
        """The machine around the run; how fast its browser still was, when something went wrong."""
        found = {**self._seen.get("host", {}), "loop_lag": round(self._lag.longest_s, 4)}
        times = self._reference.times(self._reference_us)
        return found | ({"reference": times} if times and seen.outcome is Outcome.FAILED else {})

    def _finished_steps(self, outcome: Outcome) -> tuple[Step, ...]:
        """The steps as the user lived them; of an inconclusive run none says `failed`."""
        steps = list(self._steps)
        if self._open:
            name, since = self._open
            ended_us = max((step.offset_us + step.duration_us for step in steps), default=0)
            offset_us = max(ended_us, round((since - self._first) * 1e6))
            took_us = round((now() - since) * 1e6)
            steps.append(
                Step(
                    name=name,
                    offset_us=offset_us,
                    duration_us=took_us,
                    outcome=Outcome.INCONCLUSIVE,
                )
            )
        if outcome is not Outcome.INCONCLUSIVE:
            return tuple(steps)
        return tuple(
            step if step.outcome is Outcome.PASSED else _inconclusive(step) for step in steps
        )

    def _regime(self) -> dict[str, str]:
        return {
            **self._around.regime,
            "journey": self._order.journey.hash,
            **self._seen.get("regime", {}),
        }

    def _evidence(self) -> dict[str, tuple[str, ...]]:
        lines = {
            "console": self._seen.get("console", ()),
            "requests": self._seen.get("requests", ()),
            "where": self._where.get("stack", ()),
            WITHHELD: self._withheld,
        }
        return {name: tuple(kept) for name, kept in lines.items() if kept}


def unstarted(order: Order, around: Surroundings, missing: Unread) -> Run:
    """The record of a run that could not begin for want of a secret; it says what to mend."""
    why, now_ms = missing.why, _wall_ms()
    return Run(
        id=order.id,
        outcome=Outcome.INCONCLUSIVE,
        cause=Cause.SECRETS,
        message=str(around.problem(place_of(missing.name), why.what, why.mend)),
        started_ms=now_ms,
        finished_ms=now_ms,
        start_delay_us=order.start_delay_us,
        duration_us=0,
        regime={**around.regime, "journey": order.journey.hash},
    )


def _inconclusive(step: Step) -> Step:
    return replace(step, outcome=Outcome.INCONCLUSIVE)


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
