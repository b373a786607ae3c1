"""Messages: what is told of one contract at once, in plain words and as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, NamedTuple

from prober.evaluator.alerts.look import POSTMORTEM
from prober.evaluator.alerts.news import BUDGET, News
from prober.evaluator.alerts.notices import (
    ABSENT,
    ABSENT_EVERYWHERE,
    COVERAGE,
    NOTIFICATION,
    VALIDITY,
)
from prober.evaluator.links import Site
from prober.slo.advice import Advice
from prober.slo.alert import PAGE
from prober.slo.moment import iso
from prober.units import percent, span

#: Of the JSON that webhooks get: another number when a key changes its meaning or goes.
VERSION: Final = 1
FIRING: Final = "firing"
RESOLVED: Final = "resolved"
TEST: Final = "test"


class _Words(NamedTuple):
    """What a title says of a rule."""

    begins: str
    ends: str


_BURNS: Final = _Words("users fail", "users get through again")
_WORDS: Final[Mapping[str, _Words]] = {
    ABSENT: _Words("a region gives no verdict", "the region gives verdicts again"),
    ABSENT_EVERYWHERE: _Words("no region gives a verdict", "verdicts come again"),
    VALIDITY: _Words("too many runs say nothing", "runs say something again"),
    COVERAGE: _Words("too many slots have no run", "slots have their runs again"),
    NOTIFICATION: _Words("much of the error budget is consumed", "the error budget has recovered"),
    POSTMORTEM: _Words("an incident takes a postmortem", "the incident is over"),
    TEST: _Words("this is a test", "the test is over"),
    BUDGET: _Words("the error budget runs out", "the error budget has recovered"),
}
_RECOVERS: Final = _Words("the error budget recovers", "the error budget has recovered")
_GONE: Final = _Words("", "what was told is no longer judged")
#: The gravest first; what stands between are burn rates.
_FIRST: Final = (ABSENT_EVERYWHERE,)
_LAST: Final = (BUDGET, POSTMORTEM, NOTIFICATION, COVERAGE, VALIDITY, ABSENT)
_ADVICE: Final = {
    Advice.ACT_NOW: "act now",
    Advice.TICKET: "it can wait for the morning, not for longer",
    Advice.NO_ACTION: "nothing needs to be done",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What began and what ended of a contract, told together."""

    #: The same however often it is sent: that of the first entry it is made of.
    id: str
    #: The gravest first, what began before what ended; at least one.
    news: tuple[News, ...]
    #: Address of the evaluator, without a slash at the end.
    url: str

    @classmethod
    def of(cls, news: Iterable[News], url: str) -> Message:
        """A message of some news of one contract."""
        found = sorted(news, key=_rank)
        return cls(id=min(found, key=lambda each: each.number).id, news=tuple(found), url=url)

    @property
    def first(self) -> News:
        """The gravest."""
        return self.news[0]

    @property
    def status(self) -> str:
        """Whether something is the matter that was not before."""
        return FIRING if self.first.begins else RESOLVED

    @property
    def severity(self) -> str:
        """The gravest of what the message is about."""
        about = [each.severity for each in self.news if each.begins == self.first.begins]
        return PAGE if PAGE in about else about[0]

    @property
    def since_ms(self) -> int:
        """Since when it is so, or had been."""
        return min(each.since_ms for each in self.news if each.begins == self.first.begins)

    @property
    def regions(self) -> tuple[str, ...]:
        """Where, as far as that can be told."""
        found = {region for each in self.news for region in each.facts.get("failures", ())}
        return tuple(sorted(found | {each.region for each in self.news if each.region}))

    @property
    def seen(self) -> Mapping[str, Any]:
        """What was seen of it; empty: nothing was."""
        return next((each.seen for each in self.news if each.seen), {})

    @property
    def run(self) -> Mapping[str, Any] | None:
        """The newest run that failed; None: none is known."""
        return next((each.seen["run"] for each in self.news if each.seen.get("run")), None)

    @property
    def name(self) -> str:
        """What people call the contract."""
        return str(self.seen.get("name", self.first.slo))

    @property
    def title(self) -> str:
        """One line."""
        words = _words(self.first)
        if not self.first.begins:
            return f"[{RESOLVED}] {self.name}: {words.ends}"
        state = f", it is {self.first.state}" if self.first.state else ""
        where = f" in {self.first.region}" if self.first.region else ""
        return f"[{self.severity}] {self.name}: {words.begins}{where}{state}"

    @property
    def text(self) -> str:
        """All there is to say, a line each."""
        return "\n".join(self._lines())

    @property
    def slo_url(self) -> str:
        """The contract's page."""
        return Site(root=f"{self.url}/").slo(self.first.slo)

    @property
    def run_url(self) -> str | None:
        """The page of the newest run that failed."""
        return Site(root=f"{self.url}/").run(self.run["id"]) if self.run else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as webhooks get them."""
        seen = self.seen
        return {
            "version": VERSION,
            "id": self.id,
            "status": self.status,
            "slo": self.first.slo,
            "journey": self.first.journey,
            "name": self.name,
            "description": seen.get("description", ""),
            "severity": self.severity,
            "at": iso(self.first.at_ms),
            "since": iso(self.since_ms),
            "regions": list(self.regions),
            "title": self.title,
            "text": self.text,
            "alerts": [_alert(each) for each in self.news],
            "budget": {key: seen.get(key) for key in ("state", "consumed", "remaining", "over")},
            "actions": seen.get("actions", []),
            "advice": seen.get("advice"),
            "run": self.run,
            "links": {"slo": self.slo_url, "run": self.run_url},
        }

    def _lines(self) -> Iterator[str]:
        began = [each for each in self.news if each.begins]
        if any(each.rule not in _WORDS for each in began):
            yield from self._users()
        where = f", in {', '.join(self.regions)}" if self.regions and began else ""
        yield f"{'Since' if began else 'From'} {_clock(self.since_ms)}{where}:"
        for each in self.news:
            yield f"- {sentence(each)}"
        yield from self._failure()
        yield from self._budget()
        yield from self._actions()
        if self.run_url:
            yield f"Run: {self.run_url}"
        yield f"SLO: {self.slo_url}"

    def _users(self) -> Iterator[str]:
        """What it means for people."""
        what = self.seen.get("description") or self.name
        journey = f" (journey {self.first.journey})" if self.first.journey else ""
        yield f"What users cannot rely on: {what}{journey}."
        if incident := self.seen.get("incident"):
            yield str(incident)

    def _failure(self) -> Iterator[str]:
        if self.run and self.first.begins:
            step = f" in step “{self.run['step']}”" if self.run["step"] else ""
            said = f": “{self.run['message']}”" if self.run["message"] else ""
            cause = self.run["cause"] or "too slow"
            at = f"{self.run['region']} at {_clock(self.run['slot_ms'])}"
            yield f"Newest failure, {at}: {cause}{step}{said}."

    def _budget(self) -> Iterator[str]:
        """What it cost, and what is left."""
        cost, remaining = self.seen.get("cost"), self.seen.get("remaining")
        if cost is not None:
            yield f"It cost {_share(cost)} of the error budget so far."
        if remaining is not None:
            state = self.seen["state"]
            yield f"Error budget left: {_share(remaining)} over {self.seen['over']}, {state}."

    def _actions(self) -> Iterator[str]:
        """What to do now, by how fast it goes and by the policy."""
        if not self.seen:
            return
        advice = _ADVICE[Advice(self.seen["advice"])]
        yield f"Now: {advice}."
        if self.seen["actions"]:
            listed = "; ".join(self.seen["actions"])
            yield f"The policy for {self.seen['deciding']}: {listed}."


def sentence(news: News) -> str:
    """A piece of news in one line.

    It reads `page page-fast: availability burns at 50x: a full budget would last 14h; …`.
    """
    where = f" in {news.region}" if news.region else ""
    if not news.begins:
        lasted = span(news.at_ms - news.since_ms)
        took = f", and took {_share(news.cost)} of the error budget" if news.cost else ""
        over = "is no longer judged" if news.gone else "is over"
        return f"{news.name}{where} {over} after {lasted}{took}"
    if news.rule == BUDGET:
        consumed = news.facts["consumed"]
        spent = f": {_share(consumed)} of its error budget is consumed" if consumed else ""
        return f"{news.severity} {news.name}: {news.text}{spent}"
    about = f"{news.key.objective} " if news.rule not in _WORDS else ""
    return f"{news.severity} {news.name}{where}: {about}{news.text}"


def _words(news: News) -> _Words:
    if news.gone:
        return _GONE
    return _RECOVERS if news.recovers else _WORDS.get(news.rule, _BURNS)


def _alert(news: News) -> dict[str, Any]:
    return {
        "id": news.id,
        "status": FIRING if news.begins else RESOLVED,
        "rule": news.rule,
        "state": news.state,
        "objective": news.key.objective or None,
        "window": news.key.window or None,
        "region": news.region or None,
        "severity": news.severity,
        "since": iso(news.since_ms),
        "since_ms": news.since_ms,
        "ended": None if news.begins else iso(news.at_ms),
        "cost": news.cost,
        "text": sentence(news),
    }


def _rank(news: News) -> tuple[bool, bool, int, int]:
    """What began first; pages; the gravest rules; the oldest."""
    place = 1 + _LAST.index(news.rule) if news.rule in _LAST else 0
    grave = -1 if news.rule in _FIRST else place
    return (not news.begins, news.severity != PAGE, grave, news.number)


def _share(exact: str) -> str:
    return percent(Fraction(exact), 1)


def _clock(time_ms: int) -> str:
    """A moment for people, to the minute.

    >>> _clock(1_782_741_600_000)
    '2026-06-29 14:00 UTC'
    """
    return f"{iso(time_ms)[:16].replace('T', ' ')} UTC"
