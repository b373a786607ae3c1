"""One look at one contract: what begins, what goes on, what is over, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from prober.evaluator.alerts.memory import GONE, Alert, Memory
from prober.evaluator.alerts.notices import Key, Notice, Presence, notices
from prober.evaluator.alerts.scene import RECENT_MS, newest_bad, scene
from prober.evaluator.judging.counting import Counting
from prober.evaluator.judging.evaluate import evaluate
from prober.evaluator.judging.lately import Lately
from prober.evaluator.judging.result import Evaluation, Result
from prober.evaluator.judging.wording import why
from prober.evaluator.sources.once import Once
from prober.evaluator.sources.source import Measure
from prober.journal.tally import rules_of
from prober.slo.advice import Advice, Advised, Firing, advise
from prober.slo.alert import TICKET, Standing, alert_window, length_ms
from prober.slo.attribution import grouped
from prober.slo.contract import Contract
from prober.slo.exclusion import Exclusion
from prober.slo.impact import Episode, sentence
from prober.slo.window import Span
from prober.units import MINUTE_MS

#: A run counts for alerts when its record had so long to arrive, or a period if that is shorter.
LAG_MS: Final = MINUTE_MS
#: The rule that asks for a postmortem of an incident.
POSTMORTEM: Final = "postmortem"
_GRAVEST: Final = tuple(Advice)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """What an objective's burn alerts are about: open as long as one of them is."""

    objective: str
    episode: Episode
    #: What it did to users and the business.
    text: str


@dataclass(frozen=True, slots=True)
class Look:
    """A look at a contract, at a moment."""

    contract: Contract
    once: Once
    presence: Presence
    exclusions: tuple[Exclusion, ...]
    memory: Memory
    now_ms: int

    @property
    def as_of_ms(self) -> int:
        """The moment that is judged: what is younger may still be on its way."""
        return self.now_ms - min(LAG_MS, self.presence.slowest_ms or LAG_MS)

    def take(self) -> tuple[Advised, tuple[Incident, ...]]:
        """Tell what is new; what to do, and the incidents that are open.

        Raises:
            SourceUnavailable: it answered no more in the middle of it; the next look goes on.
        """
        found = evaluate(self.contract, self.once, self.as_of_ms, exclusions=self.exclusions)
        told = list(notices(found, self.presence, self.once))
        for notice in told:
            self.memory.take(notice, self.now_ms, self._began_ms(notice))
        incidents = tuple(self._incidents(found))
        asked = list(self._postmortems(found, incidents))
        for notice in asked:
            self.memory.take(notice, self.now_ms)
        if self.presence.note or any(result.note for result in found.results):
            self._wait([*told, *asked])
        else:
            self._forget([*told, *asked])
        self._resolve(incidents)
        for result in found.results:
            if not result.note:
                self.memory.settle(self.contract, result, self.now_ms)
        advised = self._advised(found)
        for body in self.memory.unseen(self.contract.name):
            body["seen"] = self._scene(found, advised, incidents, body["objective"])
        return advised, incidents

    def alerts(self) -> list[Alert]:
        """The contract's alerts that fire or wait, those that fire first."""
        mine = [a for a in self.memory.alerts.values() if a.notice.key.slo == self.contract.name]
        return sorted(
            mine, key=lambda alert: (not alert.firing, alert.notice.severity, alert.since_ms)
        )

    def _began_ms(self, notice: Notice) -> int | None:
        """When the incident began that an alert is about which begins to fire; else None."""
        alert = self.memory.alerts.get(notice.key)
        begins = notice.standing is Standing.FIRING and (alert is None or not alert.firing)
        if notice.burst_ms is None or not begins:
            return None
        known = self._open(notice.key.objective)
        if known:
            return min(began_ms for began_ms, _ in known)
        long_ms = notice.facts["long_ms"]
        span = self.contract.in_effect(Span(self.as_of_ms - long_ms, self.as_of_ms))
        runs = self.once.source.failures(self._counting(notice.key.objective).measure, span)
        bursts = grouped(runs, notice.burst_ms)
        return bursts[-1][0].slot_ms if bursts else self.as_of_ms - notice.burst_ms

    def _incidents(self, found: Evaluation) -> Iterator[Incident]:
        """What the burn alerts of each objective are about, and what it took of the budget."""
        window = alert_window(self.contract)
        for result in found.results:
            opened = self._open(result.objective.name)
            budget = result.judgement.budget
            if result.window != window or result.note or not opened or not budget:
                continue
            span = Span(min(began for began, _ in opened), max(end for _, end in opened))
            counting = self._counting(result.objective.name)
            lately = Lately(counting, result.objective.target, span.end_ms)
            counts = lately.count(span.length_ms).after
            episode = Episode(span=span, counts=counts, consumed=counts.bad / budget)
            text = sentence(self.contract.journey, self.contract.impact, episode)
            yield Incident(objective=result.objective.name, episode=episode, text=text)

    def _open(self, objective: str) -> list[tuple[int, int]]:
        """Of each alert about an incident: when that began, and until when it went on."""
        return [
            (alert.began_ms, max(alert.began_ms + 1, self.as_of_ms - self._quiet(alert)))
            for alert in self.alerts()
            if alert.notice.key.objective == objective and alert.began_ms is not None
        ]

    def _scene(
        self,
        found: Evaluation,
        advised: Advised,
        incidents: Iterable[Incident],
        objective: str,
    ) -> dict[str, Any]:
        """What there is to see of an objective, or of the contract."""
        cost = next((each for each in incidents if each.objective == objective), None)
        span = Span(self.as_of_ms - RECENT_MS, self.as_of_ms)
        known = objective in (each.name for each in self.contract.objectives)
        measure = self._counting(objective).measure if known else None
        return scene(
            found,
            advised,
            objective,
            incident=cost.text if cost else None,
            cost=cost.episode.consumed if cost else None,
            run=newest_bad(self.once.source, measure, span) if measure else None,
        )

    def _quiet(self, alert: Alert) -> int:
        """For how long nothing has spoken for an alert."""
        return 0 if alert.quiet_ms is None else self.now_ms - alert.quiet_ms

    def _counting(self, objective: str) -> Counting:
        names = [each.name for each in self.contract.objectives]
        rule = rules_of([self.contract])[names.index(objective)]
        measure = Measure(rule, self.contract.data.retry)
        concerned = tuple(each for each in self.exclusions if each.concerns(self.contract.journey))
        return Counting(self.contract, measure, self.once, concerned)

    def _postmortems(self, found: Evaluation, incidents: Iterable[Incident]) -> Iterator[Notice]:
        """Whether the incident of an objective is so large that it takes one."""
        opened = {each.objective: each for each in incidents}
        for result in found.results:
            if result.note or result.window != alert_window(self.contract):
                continue
            incident = opened.get(result.objective.name)
            standing = Standing.QUIET if incident is None else Standing.UNKNOWN
            if incident and incident.episode.needs_postmortem:
                standing = Standing.FIRING
            yield Notice(
                key=Key(self.contract.name, POSTMORTEM, result.objective.name),
                severity=TICKET,
                standing=standing,
                text=incident.text if incident else "the incident is over",
            )

    def _forget(self, told: Iterable[Notice]) -> None:
        """End alerts that nobody watches any more, as of a rule or region that is gone.

        An alert that has no run to say how it stands is not watched when none is due.
        """
        due = bool(self.presence.periods)
        watched = {each.key for each in told if due or each.standing is not Standing.UNKNOWN}
        for alert in self.alerts():
            if alert.notice.key not in watched:
                self.memory.resolve(alert, self.now_ms, reason=GONE)

    def _wait(self, told: Iterable[Notice]) -> None:
        """Have alerts go on that a source could not speak of: silence ends none."""
        spoken = {each.key for each in told}
        for alert in self.alerts():
            if alert.notice.key not in spoken:
                self.memory.take(replace(alert.notice, standing=Standing.UNKNOWN), self.now_ms)

    def _resolve(self, incidents: Iterable[Incident]) -> None:
        """End alerts that have been quiet for long enough."""
        found = {each.objective: each.episode for each in incidents}
        for alert in self.alerts():
            if alert.quiet_ms is None or self._quiet(alert) < alert.notice.hold_ms:
                continue
            episode = found.get(alert.notice.key.objective)
            consumed = episode.consumed if episode and alert.began_ms is not None else None
            self.memory.resolve(alert, self.now_ms, consumed)

    def _advised(self, found: Evaluation) -> Advised:
        """What to do: the gravest of what its objectives ask for."""
        window = alert_window(self.contract)
        every = [self._advice(result) for result in found.results if result.window == window]
        return min(every, key=lambda advised: _GRAVEST.index(advised.advice))

    def _advice(self, result: Result) -> Advised:
        name = result.objective.name
        firing = [
            Firing(alert.notice.severity, alert.notice.text)
            for alert in self.alerts()
            if alert.firing and alert.notice.key.objective in ("", name)
        ]
        found = advise(
            firing,
            result.state,
            why(result, self.contract),
            result.burn_rate,
            length_ms(result.window),
        )
        return found._replace(reason=f"{name} {found.reason}")
