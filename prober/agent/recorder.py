"""The stage a journey runs on: steps and their times, replies by class, what went wrong."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from prober.agent.scale import Scale
from prober.agent.undo import Noting, Undo
from prober.agent.verdict import FROM_BETWEEN, Trouble
from prober.errors import SecretMissing, StepMisuse
from prober.journey import Statuses
from prober.model import Exchange, Outcome, Party

#: Lines of the console, and of requests that failed, that are kept for a run that did not pass.
KEPT_LINES = 50
#: Generous, for the supervisor cuts lines when secrets are out of them.
KEPT_CHARACTERS = 4000
MOST_STEPS = 100
MOST_ASSERTIONS = 100
MOST_EFFECTS = 100
#: Statuses that say of something that is to be taken back that it is not there any more.
GONE = (404, 410)
_PORTS = {"http": 80, "https": 443}


class TargetAnswered(Exception):
    """The target answered with a status that the step does not accept."""


class Recorder:
    """What one run does and sees; implements `prober.journey.Stage`."""

    #: What it means that a status was refused.
    refusal = Trouble.HTTP_STATUS
    #: What gave way here, by what the browser says of a request that failed.
    ours: Trouble | None = None

    def __init__(
        self,
        tell: Callable[[dict[str, Any]], None],
        secrets: dict[str, str],
        first_party: Iterable[str],
    ) -> None:
        self._tell, self._secrets = tell, secrets
        self._first_party = tuple(host.lower() for host in first_party)
        self.is_first_party = lru_cache(maxsize=1024)(self._is_first_party)
        self._began: float | None = None
        self._accepted: Statuses = None
        #: The open step, or the last one.
        self.step_name: str | None = None
        self._open = False
        self.steps: list[dict[str, Any]] = []
        #: What requests of the open step spent, in µs.
        self._network: Counter[str] = Counter()
        self.scale = Scale(self.is_first_party)
        self.asserts = 0
        #: Named assertions that the run came to: whether each held, each time.
        self.held: dict[str, bool] = {}
        self.requests = 0
        #: How many pages, or answers of an API, have come.
        self.documents = 0
        self.responses, self.third_party = Counter[str](), Counter[str]()
        self.page_errors: Counter[str] = Counter()
        #: A main-frame or API status nobody accepted, as a line for people.
        self.refused: str | None = None
        #: A main-frame request that got no reply, as a line for people.
        self.unreachable: str | None = None
        self.console, self.failed_requests = list[str](), list[str]()
        #: Called with the name of a step that went well, when its time is no longer counted.
        self.after_step: Callable[[str], object] = lambda name: None
        self.cleanups: list[Callable[..., object] | Undo] = []
        #: What the run may call what it creates.
        self.run_name = ""
        #: What it is about to make is noted by this.
        self.noting = Noting()
        #: How long the open step waited for that.
        self._aside_s = 0.0

    # What a journey's code calls

    @contextmanager
    def step(self, name: str, status: Statuses) -> Iterator[None]:
        """A step window. What the supervisor is told, it is told outside of it."""
        if self._open:
            raise StepMisuse(
                f"step {name!r} is inside step {self.step_name!r}: its time would count twice, "
                "end one before the next begins"
            )
        if len(self.steps) == MOST_STEPS:
            raise StepMisuse(f"a journey has at most {MOST_STEPS} steps, is one in a loop?")
        self._open, self.step_name, self._accepted = True, name, status
        self._network.clear()
        self.unreachable = None
        self._tell({"at": "step", "name": name})
        outcome, self._aside_s = Outcome.INCONCLUSIVE, 0.0
        self.scale.begin()
        start = time.perf_counter()
        if self._began is None:
            self._began = start
        try:
            yield
            outcome = Outcome.FAILED if self.refused else Outcome.PASSED
        except GeneratorExit:
            raise
        except BaseException:
            outcome = Outcome.FAILED
            raise
        finally:
            end = time.perf_counter() - self._aside_s
            self._open, self._accepted = False, None
            self._ended(name, start, end, outcome)
        if self.refused:
            raise TargetAnswered(self.refused)
        self.after_step(name)

    @contextmanager
    def assertion(self, name: str) -> Iterator[None]:
        """A named assertion: the supervisor is told at once, for a run may be killed.

        Until the second word, nobody knows whether it held.
        """
        if name not in self.held and len(self.held) == MOST_ASSERTIONS:
            raise StepMisuse(
                f"a journey has at most {MOST_ASSERTIONS} named assertions, "
                "is a name made in a loop?"
            )
        self._tell({"at": "assertion", "name": name, "held": None})
        refused, held = self.refused, False
        try:
            yield
            held = self.refused == refused
        finally:
            self.held[name] = held and self.held.get(name, True)
            self._tell({"at": "assertion", "name": name, "held": self.held[name]})

    def secret(self, name: str) -> str:
        """The value of a secret that the journey named."""
        if name not in self._secrets:
            raise SecretMissing(
                f"secret {name!r} is not the journey's to read, "
                f"add it to @journey(secrets=[…]) and to the region's secrets"
            )
        return self._secrets[name]

    def account(self, name: str) -> dict[str, str]:
        """What the run signs in with, of a pool that the journey named."""
        own = f"{name}."
        found = {
            key.removeprefix(own): value
            for key, value in self._secrets.items()
            if key.startswith(own)
        }
        if not found:
            raise SecretMissing(
                f"account {name!r} is not the journey's to use, "
                f"add it to @journey(accounts=[…]) and to the region's accounts"
            )
        return found

    def cleanup(self, action: Callable[..., object], reference: str | None = None) -> None:
        """Keep an action for after the verdict; what has a reference is noted before it is made.

        The step that is open does not pay for that.
        """
        if reference is None:
            self.cleanups.append(action)
            return
        if sum(isinstance(each, Undo) for each in self.cleanups) == MOST_EFFECTS:
            raise StepMisuse(f"a run takes back at most {MOST_EFFECTS} things, is one in a loop?")
        began = time.perf_counter()
        self.cleanups.append(self.noting.undo(action, reference))
        self._aside_s += time.perf_counter() - began

    @contextmanager
    def undoing(self) -> Iterator[None]:
        """Something is taken back: what is not there any more is well, other refusals are not."""
        self.refused, self._accepted = None, GONE
        try:
            yield
        finally:
            self._accepted = None
        if self.refused:
            raise TargetAnswered(self.refused)

    def asserted(self) -> None:
        """Count a plain `assert`."""
        self.asserts += 1

    # What browser and HTTP client report

    def requested(self, url: str) -> None:
        """A request is being made."""
        if self.is_first_party(url):
            self.requests += 1

    def replied(self, url: str, status: int, *, decisive: bool, method: str = "GET") -> None:
        """A reply came; `decisive` when it is the page itself, or an API's answer.

        One of the target's that refuses is kept as a line, whatever it was asked for.
        """
        ours = self.is_first_party(url)
        (self.responses if ours else self.third_party)[f"{status // 100}xx"] += 1
        if decisive:
            self.documents += 1
            self.unreachable = None
        if status < 400 or (decisive and self._accepts(status)):
            return
        if ours:
            self._failed(f"{method} {url}: {status}")
        if decisive and not self.refused:
            self.refused = f"{url} answered {status}"
            between = status in FROM_BETWEEN
            self.refusal = Trouble.FROM_BETWEEN if between else Trouble.HTTP_STATUS

    def spent(self, part: Exchange, seconds: float) -> None:
        """A request spent time on a part of its exchange."""
        self._network[part] += round(seconds * 1e6)

    def went_unanswered(self, url: str, reason: str, *, decisive: bool) -> None:
        """A request ended without a reply."""
        party = self.responses if self.is_first_party(url) else self.third_party
        party["none"] += 1
        line = f"{url}: {reason}"
        if decisive:
            self.unreachable = line
        self._failed(line)

    def gave_way(self, ours: Trouble, url: str, reason: str, *, decisive: bool) -> None:
        """Something here gave way under a request, so says the browser."""
        if decisive or self.is_first_party(url):
            self.ours = self.ours or ours
            self.said(f"{url}: {reason}")

    def awaited(self, url: str) -> None:
        """A request has no reply yet, now that the run is over."""
        self._failed(f"{url}: no reply yet")

    def erred(self, line: str, url: str) -> None:
        """An error of the page, and whose code it is of; without a URL it is the page's own."""
        ours = not url or self.is_first_party(url)
        self.page_errors[Party.FIRST if ours else Party.THIRD] += 1
        self.said(line)

    def said(self, line: str) -> None:
        """A line of the console that is kept for a run that did not pass."""
        if len(self.console) < KEPT_LINES:
            self.console.append(line[:KEPT_CHARACTERS])

    def _failed(self, line: str) -> None:
        if len(self.failed_requests) < KEPT_LINES:
            self.failed_requests.append(line[:KEPT_CHARACTERS])

    @property
    def duration_us(self) -> int:
        """Sum of the step windows."""
        return sum(step["duration_us"] for step in self.steps)

    def _ended(self, name: str, start: float, end: float, outcome: Outcome) -> None:
        assert self._began is not None
        step = {
            "name": name,
            "offset_us": round((start - self._began) * 1e6),
            "duration_us": round((end - start) * 1e6),
            "outcome": outcome,
            "network": dict(self._network),
        }
        self.steps.append(step)
        self._tell({"at": "stepped", **step})

    def _accepts(self, status: int) -> bool:
        accepted = self._accepted
        if accepted is None or accepted == "any":
            return accepted == "any"
        return status == accepted if isinstance(accepted, int) else status in accepted

    def _is_first_party(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS.get(parts.scheme)
        except ValueError:  # a page may name any nonsense as an address
            return False
        names = {parts.netloc, parts.hostname or "", f"{parts.hostname}:{port}"}
        return any(
            name == host or fnmatchcase(name, host) for host in self._first_party for name in names
        )
