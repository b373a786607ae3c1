"""One journey under test: what it does and sees, and what a run of it would come to."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from prober.agent.cleaning import Cleaning
from prober.agent.deadline import Deadline
from prober.agent.hearing import awaited, hear
from prober.agent.recorder import Recorder, TargetAnswered
from prober.agent.redact import Redactor
from prober.agent.trouble import first_lines, trouble_of
from prober.agent.verdict import Finding, Stage, Trouble, Verdict, judge
from prober.config import Region
from prober.journey import Journey, on_stage, step
from prober.model import Kind, Outcome, RunId
from prober.testing import given

if TYPE_CHECKING:
    from prober.agent.client import Client

CLEANUP_S = 10.0
_ANSWER_S = 1.0
#: Where a person looks on.
_DAY_S = 86_400.0
_MARKS = {Outcome.PASSED: "✓", Outcome.FAILED: "✗", Outcome.INCONCLUSIVE: "?"}


class Trial:
    """The stage of one journey in pytest's process."""

    def __init__(
        self, definition: Journey, region: Region | None, is_ours: bool, *, watched: bool
    ) -> None:
        self._definition = definition
        self._watched = watched
        #: pytest, and not we, has loaded the file of a test: its plain asserts were not counted.
        self._uncounted = 0 if is_ours else 1
        hosts = [urlsplit(region.base_url).netloc, *region.first_party] if region else []
        # A test may say itself where its site is.
        first_party = hosts if is_ours else ["*"]
        values = given.secrets(definition, region)
        self._lease = given.accounts(definition, region)
        values |= self._lease.values
        #: Knows what the journey may read, and nothing else.
        self.redactor = Redactor(values)
        self.recorder = Recorder(lambda event: None, values, first_party)
        now_ms = time.time_ns() // 1_000_000
        where = region.name if region else "pytest"
        self.recorder.run_name = RunId(definition.name, where, now_ms, 1, Kind.MANUAL).name
        self._region = region
        #: What pytest gave the journey's function, by name.
        self.resources: Mapping[str, Any] = {}
        self.client: Client | None = None
        self._deadline: Deadline | None = None
        self._crashed = False

    @contextmanager
    def performing(self, context: Any, deadline: Deadline | None) -> Iterator[None]:
        """Be the stage of a journey's function.

        Args:
            context: its `BrowserContext`, None when it has no browser.
            deadline: of that context's Playwright.

        Raises:
            Exception: what the function raised, with a note of what a run would say.
            pytest.fail.Exception: it raised nothing, and a run would not have passed.
        """
        self._deadline = deadline
        if context:
            hear(context, self.recorder, self._crash)
        error: Exception | None = None
        with on_stage(self.recorder), ExitStack() as limits:
            ends = self._limit(limits, _DAY_S if self._watched else self._definition.allowed_s)
            try:
                with step(self._definition.step) if self._definition.step else nullcontext():
                    yield
            except Exception as raised:  # noqa: BLE001  # whatever the author's code raises
                error = raised
            late = time.monotonic() > ends and not self._watched
        self._conclude(error, context, late=late)

    def _conclude(self, error: Exception | None, context: Any, *, late: bool) -> None:
        met = bool(self._deadline and self._deadline.met)
        counted = self._deadline.expectations if self._deadline else 0
        if error is None and self.recorder.refused:
            error = TargetAnswered(self.recorder.refused)
        trouble = self._trouble(error, context, met=met) if error else None
        if self._deadline and not self.recorder.requests:
            with self._deadline.of(_ANSWER_S):
                awaited(context, self.recorder)
        verdict = judge(self._finding(error, trouble, counted, swallowed=late or met))
        if verdict.outcome is Outcome.PASSED:
            return
        if error is None:
            pytest.fail(f"{self._said(verdict)}: {verdict.message}", pytrace=False)
        more = verdict.message or ""
        alone = more == first_lines(error)  # what pytest shows of it anyway
        error.add_note(self._said(verdict) + ("" if alone else f": {more}"))
        raise error

    def _finding(
        self, error: Exception | None, trouble: Trouble | None, counted: int, *, swallowed: bool
    ) -> Finding:
        recorder, limit_ms = self.recorder, self._definition.max_duration_ms
        took_us = recorder.duration_us
        too_slow = bool(limit_ms and took_us > limit_ms * 1000 and not self._watched and not error)
        message = f"took {took_us / 1e6:.3f} s, allowed are {limit_ms} ms" if too_slow else None
        if error:
            message = recorder.refused or first_lines(error)
            message = recorder.unreachable or message if trouble is Trouble.NETWORK else message
        return Finding(
            stage=Stage.JOURNEY if error else Stage.ENDED,
            trouble=trouble,
            message=message,
            step=recorder.step_name,
            asked_target=recorder.requests > 0,
            steps=len(recorder.steps),
            assertions=recorder.asserts + counted + self._uncounted,
            swallowed_deadline=swallowed and not error,
            too_slow=too_slow,
        )

    def _trouble(self, error: Exception, context: Any, *, met: bool) -> Trouble:
        if self._crashed:
            return Trouble.PAGE_CRASH
        if context and not (context.browser and context.browser.is_connected()):
            return Trouble.BROWSER_GONE
        return trouble_of(error, self.recorder, met=met)

    def _said(self, verdict: Verdict) -> str:
        name = self.recorder.step_name
        where = f" in step {name!r}" if name else ""
        return f"as a run: {verdict.outcome} ({verdict.cause}){where}"

    def told(self) -> str:
        """Its steps, for people."""
        return "\n".join(
            f"{_MARKS[each['outcome']]} {each['name']:<32} {each['duration_us'] / 1e6:8.3f} s"
            for each in self.recorder.steps
        )

    def clean(self) -> list[str]:
        """Run what the journey left to clean up, newest first; what failed of it."""
        with on_stage(self.recorder), ExitStack() as limits:
            ends = self._limit(limits, CLEANUP_S)
            find, give = self.recorder.noting.function, partial(self._give, ends, limits)
            errors = Cleaning(self.recorder, find, give).run((), ends)
        self.recorder.cleanups.clear()
        self._lease.release()
        return errors

    def _give(self, ends: float, limits: ExitStack, name: str) -> object:
        """What an undo asks for by parameter name: a client even where the journey had none."""
        if name in self.resources:
            return self.resources[name]
        if name == "http" and self._region:
            from prober.agent.client import Client

            headers = {"user-agent": self._region.user_agent_suffix}
            client = Client(self.recorder, base_url=self._region.base_url, headers=headers)
            client.ends = ends
            return limits.enter_context(client)
        if name == "base_url" and self._region:
            return self._region.base_url
        raise LookupError(f"this test had no {name}")

    def watch(self) -> None:
        """Somebody stopped it to look at it: its time is no longer judged."""
        self._watched = True
        if self._deadline:
            self._deadline.lift()
        if self.client:
            self.client.ends = time.monotonic() + _DAY_S

    def _limit(self, limits: ExitStack, seconds: float) -> float:
        """Cut calls of browser and client to some seconds; when these end."""
        ends = time.monotonic() + seconds
        if self._deadline:
            limits.enter_context(self._deadline.of(seconds))
        if self.client:
            self.client.ends = ends
        return ends

    def _crash(self) -> None:
        self._crashed = True
