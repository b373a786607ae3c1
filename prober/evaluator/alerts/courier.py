"""A courier: brings the news of the audit log to one way of a channel, each once and in order.

What it was told an acknowledgement of is on disk before anything else is sent: how far in the
log it is, and what the way believes to be true. What the way believes and what is true differ
where a silence kept something back, where a route was changed, and where a way is new; when the
log is told to its end, the difference is told.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from prober.errors import ProberError
from prober.evaluator.alerts import alertmanager, webhook
from prober.evaluator.alerts.apprised import say
from prober.evaluator.alerts.channels import ALERTMANAGER, WEBHOOK, Way
from prober.evaluator.alerts.message import Message
from prober.evaluator.alerts.news import Bulletin, News
from prober.evaluator.alerts.notices import Key
from prober.evaluator.whole import replace
from prober.model import canonical
from prober.slo.silence import silencing
from prober.telemetry.timing import Timing

_logger = logging.getLogger("prober")
#: Characters that make a mention or a link of a page's words in somebody's chat.
_INERT: Final = str.maketrans({"<": "‹", ">": "›", "@": "＠"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What couriers go by: the same for all of them, another after files were read again."""

    #: The channel that is told of some news; None: nobody is.
    route: Callable[[News], str | None]
    #: Address of the evaluator, for links, without a slash at the end.
    url: str
    #: Now, in ms since 1970.
    clock: Callable[[], int]


class Told(NamedTuple):
    """What a way believes of one thing."""

    #: Of the entry that said so.
    number: int
    #: See `News`.
    now: str


class Place(NamedTuple):
    """How far a way is."""

    #: The last entry that it acknowledged, or that was nothing to tell it.
    number: int
    #: What it believes to be the matter.
    told: Mapping[Key, Told] = MappingProxyType({})

    def to_json(self) -> str:
        """One line."""
        told = [[*key, *told] for key, told in sorted(self.told.items())]
        return canonical({"number": self.number, "told": told})

    @classmethod
    def from_json(cls, text: str) -> Place:
        """Inverse of `to_json`; raises ValueError."""
        try:
            said = json.loads(text)
            told = {Key(*key): Told(int(number), str(now)) for *key, number, now in said["told"]}
            return cls(int(said["number"]), told)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a place in the log: {error}") from error

    def believing(self, told: Iterable[News], number: int | None = None) -> Place:
        """The same after some more was told."""
        believed = dict(self.told)
        for each in told:
            if each.now is not None:
                believed[each.key] = Told(each.number, each.now)
            else:
                believed.pop(each.key, None)
        return Place(self.number if number is None else number, believed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a way does."""

    channel: str
    way: str
    #: News that it has not acknowledged, and since when the oldest of them waits.
    waiting: int
    oldest_ms: int | None
    #: What it had against the last attempt; empty when nothing.
    trouble: str


@dataclass(slots=True)
class Courier:
    """Brings news to one way; one thread at a time."""

    way: Way
    bulletin: Bulletin
    #: Where its place is kept.
    path: Path
    context: Context
    timing: Timing = field(default_factory=Timing)
    #: As of the last attempt.
    health: Health = field(init=False)
    #: As it is on disk; None: not read yet.
    _place: Place | None = None
    _failures: int = 0
    _thread: threading.Thread | None = None
    _woken: threading.Event = field(default_factory=threading.Event)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._note("", ())

    def start(self) -> None:
        """Go to and fro until stopped, in a thread of its own: nobody waits for it."""
        self._thread = threading.Thread(target=self._run, name=str(self.way.id), daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Say that there may be news; a pause after a refusal is not cut short."""
        self._woken.set()

    def stop(self, within_s: float) -> None:
        """End after what is being sent; what is not acknowledged is sent by the next start."""
        self._stopping.set()
        self._woken.set()
        if self._thread:
            self._thread.join(within_s)

    def attempt(self) -> str:
        """Tell all there is to tell, until the first refusal: empty, or what it said."""
        waiting: list[News] = []
        try:
            trouble = self.way.hide(self._tell(waiting))
        except (ProberError, OSError) as error:
            trouble = str(error)
        except Exception as error:  # nothing ends the telling but a stop
            _logger.exception("%s could not be told", self.way.id)
            trouble = f"{type(error).__name__} within Prober, the log has more"
        if trouble and trouble != self.health.trouble:
            _logger.warning("%s was not told, it is tried again: %s", self.way.id, trouble)
        elif self.health.trouble and not trouble:
            _logger.warning("%s is told again", self.way.id)
        self._note(trouble, waiting)
        return trouble

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            if self.attempt():
                self._failures += 1
                self._stopping.wait(self.timing.pause_s(self._failures))
            else:
                self._failures = 0
                self._woken.wait()

    def _tell(self, waiting: list[News]) -> str:
        """What `attempt` does; fills in what still waits after a refusal."""
        place = self._place or self._begin()
        if self.way.kind == ALERTMANAGER:
            return self._post(place, waiting)
        plan = list(self._plan(place))
        for step, (news, after) in enumerate(plan):
            if self._stopping.is_set():
                break
            if news and (trouble := send(self.way, Message.of(news, self.context.url))):
                waiting += [each for later, _ in plan[step:] for each in later]
                return trouble
            self._keep(after)
        return ""

    def _begin(self) -> Place:
        """Where it was; one that is new begins with what is true now."""
        until = self.bulletin.until
        try:
            found = Place.from_json(self.path.read_text())
        except FileNotFoundError:
            found = Place(until)
        except ValueError:
            _logger.error("%s is damaged: %s hears what fires anew", self.path, self.way.id)
            found = Place(until)
        place = found._replace(number=min(found.number, until))  # it may be of another log
        self._keep(place)
        return place

    def _keep(self, place: Place) -> None:
        if place != self._place:
            replace(self.path, place.to_json())
            self._place = place

    def _plan(self, place: Place) -> Iterator[tuple[list[News], Place]]:
        """What to tell, a message each, and the place when that is acknowledged.

        First what the log says, look by look; then what is true and the way does not believe.
        """
        news = self.bulletin.after(place.number)
        passed = place
        for _, group in groupby(news, key=_message):
            together = list(group)
            wanted = [each for each in together if self._wanted(each, passed, each.at_ms)]
            passed = passed.believing(wanted, together[-1].number)
            if wanted:
                yield wanted, passed
        newest = sorted(self.bulletin.newest().values(), key=lambda each: each.number)
        missed = [each for each in newest if self._wanted(each, passed, self.context.clock())]
        for _, group in groupby(missed, key=_message):
            together = list(group)
            passed = passed.believing(together)
            yield together, passed
        yield [], passed

    def _wanted(self, news: News, place: Place, at_ms: int) -> bool:
        """Whether the way is to be told: it does not believe it, and no silence keeps it back.

        What comes late is judged by the silences of its own time, what is true by those of now.
        """
        believed = place.told.get(news.key)
        if news.now == (believed and believed.now):
            return False
        if news.begins and self.context.route(news) != self.way.id.channel:
            return False
        return silencing(self.bulletin.silences, news, at_ms) is None

    def _post(self, place: Place, waiting: list[News]) -> str:
        """Everything that fires, and the end of what was posted and fires no longer."""
        now_ms, until = self.context.clock(), self.bulletin.until
        newest = self.bulletin.newest()
        firing = {key: each for key, each in newest.items() if self._rings(each, now_ms)}
        over = [
            (posted, newest[key].at_ms)
            for key, told in place.told.items()
            if key in newest and newest[key].now != told.now
            if (posted := self.bulletin.at(told.number))
            if not silencing(self.bulletin.silences, posted, now_ms)
        ]
        trouble = alertmanager.tell(self.way, firing.values(), over, self.context.url, now_ms)
        if trouble:
            waiting += [each for key, each in firing.items() if key not in place.told]
            waiting += [newest[posted.key] for posted, _ in over]
            return trouble
        self._keep(Place(until).believing(firing.values()))
        return ""

    def _rings(self, news: News, now_ms: int) -> bool:
        """Whether an Alertmanager is to ring for it."""
        mine = news.begins and self.context.route(news) == self.way.id.channel
        return mine and silencing(self.bulletin.silences, news, now_ms) is None

    def _note(self, trouble: str, waiting: Iterable[News]) -> None:
        found = list(waiting) if trouble else []
        self.health = Health(
            channel=self.way.id.channel,
            way=self.way.id.way,
            waiting=len(found),
            oldest_ms=min((each.at_ms for each in found), default=None),
            trouble=trouble,
        )


def send(way: Way, message: Message) -> str:
    """Send a message to a webhook or by apprise: empty when it was taken, else why not."""
    if way.kind == WEBHOOK:
        return webhook.tell(way, message)
    title, text = message.title.translate(_INERT), message.text.translate(_INERT)
    return say(way.url, title, text, grave=message.first.begins)


def _message(news: News) -> tuple[str, int]:
    """What is told together: the news of one contract at one look."""
    return news.slo, news.at_ms
