"""A worker: runs journeys for the supervisor, one at a time, and says what it saw.

Started by exec with one end of a private socket as its only way in and out. The journey's
code, Playwright and the secrets of one run live here and nowhere else. A worker may hang or
die at any moment; the supervisor holds every deadline and writes every record.

Orders in: `setup`, `stage`, `run`, `answer`, `where`, `stop`. Events out: `ready`, `staged`,
`unstaged`, `began`, `step`, `stepped`, `assertion`, `effect`, `judged`, `kept`, `undone`,
`remained`, `cleaned`, `done`, `where`; of a run with an intrusion `struck` and `surveyed`.
"""

from __future__ import annotations

import gc
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import BrowserContext, Error, Page

from prober.agent import evidence
from prober.agent.browser import BrowserSettings, Driver
from prober.agent.cleaning import Cleaning
from prober.agent.intrusion import Intrusion
from prober.agent.line import Line
from prober.agent.paint import Paint
from prober.agent.propagation import propagation
from prober.agent.recorder import Recorder, TargetAnswered
from prober.agent.strain import Reading
from prober.agent.trouble import explained, first_lines, trouble_of
from prober.agent.undo import Noting, Undo
from prober.agent.verdict import Finding, Stage, Trouble
from prober.agent.weight import Weight
from prober.discovery import Declaration, function, load
from prober.errors import EffectUnnoted, InputError
from prober.journey import Journey, on_stage, perform

if TYPE_CHECKING:
    from prober.agent.client import Client

EVIDENCE_S = 5.0
CLEANUP_S = 10.0
#: How long a journey waits until what it is about to make is on disk: a millisecond, as a rule.
NOTE_S = 5.0
#: So many objects more than were let go before a worker looks for those that hold each other.
GARBAGE = 10_000


@dataclass(slots=True)
class Worker:
    """The state of a worker between runs."""

    line: Line
    settings: dict[str, Any]
    driver: Driver | None = None
    _loaded: dict[str, list[Declaration]] = field(default_factory=dict)

    def serve(self, orders: queue.SimpleQueue[dict[str, Any]]) -> None:
        """Carry out orders until told to stop."""
        while (order := orders.get())["do"] != "stop":
            if order["do"] == "stage":
                self.stage()
            elif order["do"] == "run":
                self.run(order)
        if self.driver:
            self.driver.stop()

    def stage(self) -> None:
        """Have a browser and a page ready for the next run."""
        try:
            kinds = self.settings["executables"]
            self._driver().stage(
                "headless-shell" if "headless-shell" in kinds else next(iter(kinds))
            )
        except Exception as error:  # noqa: BLE001  # whatever stops a browser is ours, and is told
            self.line.tell({"at": "unstaged", "message": first_lines(error)})
        else:
            self.line.tell({"at": "staged"})

    def run(self, order: dict[str, Any]) -> None:
        """One run, from staging to teardown."""
        recorder = Recorder(self.line.tell, order["secrets"], order["first_party"])
        recorder.run_name = order["name"]
        recorder.noting = Noting(partial(function, Path(order["file"])), self.note)
        with ExitStack() as stack:
            intrusion = Intrusion(order["mutation"], recorder, self.line.tell)
            run = _Run(self, order, recorder, stack, intrusion)
            finding = run.attempt()
            self.line.tell({"at": "judged", "finding": finding.to_dict(), **run.seen()})
            self.line.tell({"at": "kept", **run.keep(finding)})
            self.line.tell({"at": "cleaned", **run.clean()})
            reference_us = run.compare(finding)
            close_us = run.strike(keep_browser=order["keep_browser"])
        self.line.tell({"at": "done", "close_us": close_us, "reference_us": reference_us})

    def note(self, action: str, reference: str) -> int | None:
        """Have an effect noted; its number, or None where the agent goes on without.

        Raises:
            EffectUnnoted: the agent gave no answer.
            ValueError: it must not be noted.
        """
        try:
            event = {"at": "effect", "action": action, "reference": reference}
            answer = self.line.ask(event, NOTE_S)
        except TimeoutError:
            raise EffectUnnoted from None
        if answer["refused"]:
            raise ValueError(answer["refused"])
        number: int | None = answer["effect"]
        return number

    def body(self, journey: str, file: str) -> tuple[Journey, Callable[..., object]]:
        """A journey's function, loaded once per worker.

        Raises:
            InputError: its file cannot be loaded.
            LookupError: its file no longer declares it.
        """
        if file not in self._loaded:
            self._loaded[file] = load(Path(file))
        for definition, body in self._loaded[file]:
            if definition.name == journey:
                return definition, body
        raise LookupError(f"{file} no longer declares a journey {journey!r}")

    def _driver(self) -> Driver:
        if self.driver is None:
            settings = self.settings | {"allow_hosts": tuple(self.settings["allow_hosts"])}
            driver = self.driver = Driver(BrowserSettings(**settings))
            self.line.past = lambda: driver.deadline.met and not driver.deadline.unanswered
            # What is loaded by now stays. Steps are not the time to look for garbage in it.
            gc.freeze()
            gc.set_threshold(GARBAGE)
        return self.driver


@dataclass(slots=True)
class _Run:
    """One run inside the worker."""

    worker: Worker
    order: dict[str, Any]
    recorder: Recorder
    stack: ExitStack
    intrusion: Intrusion
    context: BrowserContext | None = None
    page: Page | None = None
    client: Client | None = None
    paint: Paint | None = None
    weight: Weight | None = None
    regime: dict[str, str] = field(default_factory=dict)
    phases: dict[str, int] = field(default_factory=dict)
    host: dict[str, float] = field(default_factory=dict)
    expectations: int = 0

    def attempt(self) -> Finding:
        """Prepare, then let the journey's code run; what came of it."""
        try:
            definition, body = self.worker.body(self.order["journey"], self.order["file"])
            self.regime["journey"] = definition.hash
            resources = self._resources(definition)
        except (InputError, LookupError) as error:
            return self._finding(Stage.JOURNEY, Trouble.SCRIPT, error)
        except Exception as error:  # noqa: BLE001  # before the journey's code, all of it is ours
            gone = Trouble.BROWSER_GONE if self._driver_works() else Trouble.DRIVER_GONE
            return self._finding(Stage.LAUNCH, gone, error)
        return self._perform(definition, body, resources)

    def _perform(
        self, definition: Journey, body: Callable[..., object], resources: dict[str, Any]
    ) -> Finding:
        seconds = self.order["seconds"]
        before = Reading.take(os.getpid())
        self.worker.line.tell({"at": "began", "started_ms": time.time_ns() // 1_000_000})
        deadline = self.worker.driver.deadline if self.context and self.worker.driver else None
        error: BaseException | None = None
        ends = time.monotonic() + seconds
        self._give_client(seconds)
        with on_stage(self.recorder), ExitStack() as limits:
            if deadline:
                limits.enter_context(deadline.of(seconds, self.intrusion.patience_s))
            try:
                perform(definition, body, resources)
            except BaseException as raised:  # noqa: BLE001  # whatever the author's code raises
                error = raised
            late = time.monotonic() > ends
            self.host |= Reading.take(os.getpid()).since(before)
            self.intrusion.stop()
        swallowed = late or bool(deadline and deadline.met)
        self.expectations = deadline.expectations if deadline else 0
        if error is None and self.recorder.refused:
            error = TargetAnswered(self.recorder.refused)
        if error is not None:
            return self._finding(Stage.JOURNEY, self._trouble(error), error)
        finding = self._finding(Stage.ENDED, self._caught(), None)
        return self._with_limits(finding, definition, swallowed=swallowed)

    def _with_limits(self, finding: Finding, definition: Journey, *, swallowed: bool) -> Finding:
        limit_ms = definition.max_duration_ms
        took_us = self.recorder.duration_us
        too_slow = limit_ms is not None and took_us > limit_ms * 1000
        message = f"took {took_us / 1e6:.3f} s, allowed are {limit_ms} ms" if too_slow else None
        return replace(finding, message=message, too_slow=too_slow, swallowed_deadline=swallowed)

    def _resources(self, definition: Journey) -> dict[str, Any]:
        """What the journey asks for by parameter name."""
        resources: dict[str, Any] = {"base_url": self.worker.settings["base_url"]}
        if "http" in definition.parameters:
            resources["http"] = self.client = self._open_client()
            self.intrusion.into_client(self.client)
        if definition.needs_browser:
            driver = self.worker._driver()
            driver.stage(definition.browser, definition.emulation)
            self.context, self.page = driver.take(self.recorder)
            self.intrusion.into_browser(self.context)
            if self.order["trace"]:
                film = not (self.order["secrets"] or self.order["mask"])
                evidence.start_trace(self.context, film=film)
            elif not self.order["mutation"]:
                self.paint = Paint(self.page, self.recorder, driver.deadline)
                self.weight = Weight(self.context, self.page, self.recorder.scale)
            self.phases = {"launch": driver.launch_us, "context": driver.context_us}
            self.host = {"launch": driver.launch_times} if driver.launch_times else {}
            self.regime["browser"] = driver.version
            resources |= {"page": self.page, "context": self.context}
        return resources

    def _open_client(self) -> Client:
        from prober.agent.client import Client  # only HTTP journeys pay for httpx

        headers = {"user-agent": self.worker.settings["user_agent_suffix"]}
        base_url = self.worker.settings["base_url"]
        client = Client(self.recorder, base_url=base_url, headers=headers)
        told = propagation(self.order["trace_context"], self.order["traceparent_to"])
        client.event_hooks["request"].append(told)
        return self.stack.enter_context(client)

    def _trouble(self, error: BaseException) -> Trouble:
        """What an exception means, by its type and by what the browser reported."""
        driver = self.worker.driver if self.context else None
        met = driver is not None and driver.deadline.met  # before `_gone` asks with another one
        if driver and isinstance(error, Error | AssertionError) and (gone := self._gone(driver)):
            return gone
        return trouble_of(error, self.recorder, met=met)

    def _caught(self) -> Trouble | None:
        """What an assertion that did not hold, and that the journey caught, may be owed to."""
        driver = self.worker.driver if self.context else None
        return self._gone(driver) if driver and False in self.recorder.held.values() else None

    def _gone(self, driver: Driver) -> Trouble | None:
        """Whether browser or driver gave way under the journey."""
        if driver.crashed:
            return Trouble.PAGE_CRASH
        if not driver.driver_answers():
            return Trouble.DRIVER_GONE
        # A browser that stands still is still connected, and the driver ends an `expect` by
        # its own watch: only asking tells it from a page that does not show what it should.
        if not driver.connected or not driver.answers():
            return Trouble.BROWSER_GONE
        return None

    def _give_client(self, seconds: float) -> None:
        if self.client:
            self.client.ends = time.monotonic() + seconds

    def _driver_works(self) -> bool:
        return self.worker.driver is not None and self.worker.driver.driver_answers()

    def _finding(
        self, stage: Stage, trouble: Trouble | None, error: BaseException | None
    ) -> Finding:
        if self.context and self.worker.driver and (trouble or not self.recorder.requests):
            self.worker.driver.awaited(self.context, self.recorder)
        return Finding(
            stage=stage,
            trouble=trouble,
            message=explained(error, Path(self.order["file"]).parent) if error else None,
            step=self.recorder.step_name,
            asked_target=self.recorder.requests > 0,
            steps=len(self.recorder.steps),
            assertions=self.recorder.asserts + self.expectations,
        )

    def seen(self) -> dict[str, Any]:
        """What the browser and the client reported, for the record."""
        return {
            "duration_us": self.recorder.duration_us,
            "responses": dict(self.recorder.responses),
            "third_party": dict(self.recorder.third_party),
            "page_errors": dict(self.recorder.page_errors),
            "console": self.recorder.console,
            "requests": self.recorder.failed_requests,
            "phases": self.phases,
            "regime": self.regime,
            "host": self.host,
        }

    def keep(self, finding: Finding) -> dict[str, Any]:
        """Take the evidence: the trace if there is one, and a picture unless all went well."""
        start, order, found = time.perf_counter(), self.order, list[evidence.Kept]()
        vitals = self.paint.vitals() if self.paint else {}
        told = {"vitals": vitals, "weight": self._weights()}
        if self.context and (page := self.page) and self.worker.driver:
            folder = Path(order["evidence"])
            with self.worker.driver.deadline.of(EVIDENCE_S):
                if order["trace"]:  # before the page is changed for its picture
                    found.append(evidence.stop_trace(self.context, folder))
                if finding.trouble and not page.is_closed():
                    found.append(evidence.screenshot(page, folder, order["mask"], order["secrets"]))
        took_us = round((time.perf_counter() - start) * 1e6)
        return {**evidence.told(found), **told, "evidence_us": took_us}

    def _weights(self) -> dict[int, dict[str, int]]:
        """By number of a step, how many bytes came; as of vitals, not of runs with a trace."""
        if self.context and not self.weight:
            return {}
        if self.weight:
            self.weight.ask()
        if self.client:
            self.client.weigh(over=True)
        return self.recorder.scale.weights

    def clean(self) -> dict[str, Any]:
        """Run what the journey and earlier runs left to clean up; its failure is only told."""
        start, ends = time.perf_counter(), time.monotonic() + CLEANUP_S
        left = [Undo(**each) for each in self.order["left"]]
        cleaning = Cleaning(
            self.recorder,
            self.recorder.noting.function,
            lambda name: self._give(name, ends),
            self.worker.line.tell,
        )
        with ExitStack() as limits:
            if self.context and self.worker.driver:
                limits.enter_context(self.worker.driver.deadline.of(CLEANUP_S))
            self._give_client(CLEANUP_S)
            limits.enter_context(on_stage(self.recorder))
            errors = cleaning.run(left, ends)
        took_us = round((time.perf_counter() - start) * 1e6)
        used = self.recorder.cleanups or left
        return {"errors": errors, "cleanup_us": took_us if used else 0}

    def _give(self, name: str, ends: float) -> object:
        """What an undo asks for by parameter name: a client even where the journey had none."""
        if name == "http" and self.client is None:
            self.client = self._open_client()
            self.client.ends = ends
        base_url = self.worker.settings["base_url"]
        resources = {"page": self.page, "context": self.context, "http": self.client}
        if (found := (resources | {"base_url": base_url})[name]) is None:
            raise LookupError(f"this run had no {name}")
        return found

    def compare(self, finding: Finding) -> int:
        """How long a page of our own takes in this browser, in µs; 0 where that tells nothing."""
        wanted = finding.trouble or finding.too_slow or self.order["compare"]
        if wanted and self.context and self.worker.driver:
            keep_browser = self.order["keep_browser"]
            return self.worker.driver.reference_us(self.context, keep_browser=keep_browser)
        return 0

    def strike(self, *, keep_browser: bool) -> int:
        """Take the run's context down; how long it took."""
        start = time.perf_counter()
        if self.context and self.worker.driver:
            self.worker.driver.strike(self.context, keep_browser=keep_browser)
        return round((time.perf_counter() - start) * 1e6)


def main(descriptor: int) -> None:
    """Serve the supervisor at the other end of an inherited socket."""
    line = Line(descriptor)
    orders: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=line.listen, args=(orders,), daemon=True).start()
    setup = orders.get()
    worker = Worker(line, setup["settings"])
    line.tell({"at": "ready", "pid": os.getpid()})
    worker.serve(orders)


if __name__ == "__main__":
    main(int(sys.argv[1]))
