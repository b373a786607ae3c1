"""Alerts over a real journal: what begins, what ends, and that nothing is told twice."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from prober.errors import AuditBroken, ProberError, SourceUnavailable
from prober.evaluator.alerts.alerts import Alerts, Group
from prober.evaluator.alerts.news import Bulletin
from prober.evaluator.audit import AUDIT, AuditLog
from prober.evaluator.given import JOURNAL
from prober.evaluator.sources.journal import JournalSource
from prober.journal.journal import Journal
from prober.journal.view import View
from prober.model import Outcome, Record
from prober.slo.contract import Alerts as AlertKeys
from prober.slo.contract import Budgeting, Contract, Impact
from prober.slo.exclusion import Category, Exclusion
from prober.slo.format import parse
from prober.slo.region import Mode, RegionRule

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
EVERY_MS = 5 * MINUTE_MS
#: Regions start a minute apart.
REGIONS = ("ap", "eu", "sa", "uk", "us")
#: Runs go on for some hours before it and after it.
NOON_MS = 100 * DAY_MS
LAG_MS = MINUTE_MS


class Bench:
    """A watch over a journal, its log, and a clock."""

    def __init__(self, journal: Path, directory: Path, contract: Contract) -> None:
        self.contract, self.path, self.journal = contract, directory / AUDIT, journal
        self.source = JournalSource(View.open(journal))
        self.exclusions: tuple[Exclusion, ...] = ()
        self.restart()

    def restart(self) -> None:
        """Forget everything but the log."""
        self.audit = AuditLog.open(self.path)
        self.alerts = Alerts.restore(
            (self.contract,), self.source, self.audit, lambda: self.exclusions
        )

    def at(self, minutes: float) -> Group:
        """Look, so many minutes after noon: runs before it count."""
        self.alerts.look(NOON_MS + int(minutes * MINUTE_MS) + LAG_MS)
        return self.alerts.groups[0]

    def until(self, minutes: int, start: int = 0, step: int = 1) -> None:
        """Look once a minute, or as often."""
        for minute in range(start, minutes + 1, step):
            self.at(minute)

    def told(self, kind: str = "alert") -> list[tuple[str, ...]]:
        """What the log says, oldest first."""
        keys = ("phase", "rule", "region") if kind == "alert" else ("from", "to")
        return [
            tuple(str(entry.body[key]) for key in keys if entry.body[key] != "")
            for entry in self.audit.entries(kind)
        ]


def runs(
    build: Callable[..., Record],
    failed: Mapping[str, Iterable[int]],
    *,
    silent: Mapping[str, range] | None = None,
    first: int = -120,
    last: int = 180,
    outcome: Outcome = Outcome.FAILED,
) -> Iterator[Record]:
    """Some hours of runs, all regions every five minutes.

    Args:
        build: a run.
        failed: by region, minutes after noon whose runs did not pass.
        silent: by region, minutes after noon without runs.
        first: minutes after noon from when on there are runs,
        last: and until when.
        outcome: of those that did not pass.
    """
    for offset, region in enumerate(REGIONS):
        bad, none = set(failed.get(region, ())), (silent or {}).get(region, range(0))
        for minute in range(first + offset, last, 5):
            if minute not in none:
                found = outcome if minute in bad else Outcome.PASSED
                yield build(NOON_MS + minute * MINUTE_MS, found, region=region)


def outage(start: int, end: int) -> dict[str, list[int]]:
    """Every run of a time fails."""
    return {
        region: [m for m in range(start, end) if m % 5 == offset]
        for offset, region in enumerate(REGIONS)
    }


@pytest.fixture
def bench(
    tmp_path: Path,
    run: Callable[..., Record],
    schedule: Callable[..., Record],
    contract_text: Callable[..., str],
    journal: Callable[..., Path],
) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def build(failed: Mapping[str, Iterable[int]], **changes: Any) -> Bench:
        text = contract_text(**{"target": "99.9%", "window": "30d"} | changes.pop("text", {}))
        contract = replace(parse(text, "checkout.slo.yaml"), **changes.pop("contract", {}))
        begin_ms = NOON_MS + changes.get("first", -120) * MINUTE_MS
        schedules = [schedule(EVERY_MS, region, begin_ms) for region in REGIONS]
        path = journal([*schedules, *runs(run, failed, **changes)])
        made.append(Bench(path, tmp_path, contract))
        return made[-1]

    yield build
    for each in made:
        each.source.view.close()


def test_a_healthy_journey_needs_no_action(bench: Callable[..., Bench]) -> None:
    found = bench({}).at(0)
    assert (found.advised.advice, found.alerts, found.incidents) == ("no_action", (), ())
    assert found.advised.reason == "availability is not burning"


def test_one_failure_waits_for_its_guards_and_is_not_told(bench: Callable[..., Bench]) -> None:
    watch = bench({"eu": [1]})
    found = watch.at(2)
    assert {alert.notice.key.rule for alert in found.alerts} >= {"page-fast", "regional"}
    assert not any(alert.firing for alert in found.alerts)
    assert "it takes 3 in 2 regions" in found.alerts[0].notice.text
    assert watch.told() == []


def test_an_outage_pages_with_its_third_failure_and_ends_when_it_is_over(
    bench: Callable[..., Bench],
) -> None:
    watch = bench(outage(0, 10))
    assert watch.at(2).advised.advice == "no_action"
    found = watch.at(3)
    assert found.advised.advice == "act_now"
    assert found.advised.reason == (
        "availability burns at 50x: a full budget would last 14h; 3 failures in 1h, in ap, eu, sa"
    )
    watch.until(45, start=4)
    pages = [entry for entry in watch.told() if entry[1] == "page-fast"]
    assert pages == [("firing", "page-fast"), ("resolved", "page-fast")]
    ends = [entry for entry in watch.audit.entries("alert") if entry.body["phase"] == "resolved"]
    # The last failure leaves the short lookback after 10 minutes, which it then stays quiet for.
    assert ends[0].at_ms == NOON_MS + (9 + 10 + 1 + 10) * MINUTE_MS + LAG_MS


def test_a_restart_tells_nothing_again(bench: Callable[..., Bench]) -> None:
    watch = bench(outage(0, 10))
    watch.at(5)
    before = watch.told()
    assert ("firing", "page-fast") in before
    watch.restart()
    found = watch.at(5.25)
    assert watch.told() == before
    assert {a.notice.key.rule for a in found.alerts if a.firing} == {rule for _, rule, *_ in before}
    assert found.alerts[0].since_ms == NOON_MS + 5 * MINUTE_MS + LAG_MS
    watch.until(60, start=6)
    assert watch.told().count(("resolved", "page-fast")) == 1


def test_a_restart_puts_no_end_off(bench: Callable[..., Bench]) -> None:
    """Ten minutes after its last failure has left the short lookback, as without restarts."""
    watch = bench(outage(0, 10))
    for minute in range(46):
        watch.at(minute)
        watch.restart()
    (end,) = [
        entry.at_ms
        for entry in watch.audit.entries("alert")
        if (entry.body["phase"], entry.body["rule"]) == ("resolved", "page-fast")
    ]
    assert end == NOON_MS + 30 * MINUTE_MS + LAG_MS


def test_a_restart_puts_no_better_state_off(bench: Callable[..., Bench]) -> None:
    failing = {"eu": [1, 21, 41, 81, 101]}
    watch = bench(failing, text={"window": "1h", "target": "81.5%"})
    watch.until(61, step=10)
    for minute in range(62, 123):
        watch.at(minute)
        watch.restart()
    assert watch.told("state")[2:] == [("CAUTION", "FULL")]


def test_one_failing_region_is_a_ticket_that_names_it(bench: Callable[..., Bench]) -> None:
    watch = bench({"eu": range(1, 30, 5)})
    assert not any(alert.firing for alert in watch.at(11).alerts)
    found = watch.at(12)
    assert found.advised.advice == "ticket"
    assert watch.told() == [("firing", "regional", "eu")]
    assert found.alerts[0].notice.facts["failures"] == {"eu": 3}


def test_an_alert_flickers_no_more_than_its_short_lookback(bench: Callable[..., Bench]) -> None:
    """A failure every 12 minutes: the short lookback of 10 is burning now and then."""
    failing = {region: [m for m in range(0, 120, 12) if m % 5 == offset]
               for offset, region in enumerate(REGIONS)}  # fmt: skip
    watch = bench(failing)
    watch.until(115)
    assert [entry for entry in watch.told() if entry[1] == "page-fast"] == [("firing", "page-fast")]


def test_a_leak_that_no_short_lookback_holds_is_a_ticket(bench: Callable[..., Bench]) -> None:
    """Eleven failures, three hours apart, are a quarter of what may fail in a month: 43.2."""
    failing = {"eu": range(-1799, 2, 360), "us": range(-1616, 190, 360)}
    watch = bench(failing, first=-1800)
    watch.at(1)
    assert ("firing", "leak") not in watch.told()
    watch.at(2)
    assert ("firing", "leak") in watch.told()
    assert not [entry for entry in watch.told() if "page" in entry[1]]


def test_a_region_without_verdict_for_three_rounds_is_a_ticket_until_one_comes(
    bench: Callable[..., Bench],
) -> None:
    watch = bench({}, silent={"eu": range(1, 31)})
    watch.until(11)  # the last verdict is of -4
    assert watch.told() == []
    watch.until(12, start=12)
    assert watch.told() == [("firing", "absent", "eu")]
    assert watch.alerts.groups[0].alerts[0].notice.text == "no verdict from eu for 16m"
    watch.until(45, start=13)
    assert watch.told() == [("firing", "absent", "eu")]
    watch.at(46)  # fifteen minutes after the first verdict
    assert watch.told()[-1] == ("resolved", "absent", "eu")


def test_regions_that_all_fall_silent_page_and_end_no_other_alert(
    bench: Callable[..., Bench],
) -> None:
    watch = bench(outage(-10, 0), last=0)
    watch.at(0)
    assert ("firing", "page-fast") in watch.told()
    watch.until(300, start=1, step=10)
    found = watch.alerts.groups[0]
    assert ("firing", "absent-everywhere") in watch.told()
    assert not [entry for entry in watch.told() if entry[0] == "resolved" and "page" in entry[1]]
    assert found.advised.advice == "act_now"


def test_inconclusive_runs_are_silence_about_the_target(bench: Callable[..., Bench]) -> None:
    watch = bench(outage(0, 60), outcome=Outcome.INCONCLUSIVE)
    watch.until(40)
    assert ("firing", "absent-everywhere") in watch.told()


def test_failures_could_hide_among_many_inconclusive_runs(bench: Callable[..., Bench]) -> None:
    watch = bench({"eu": range(1, 60, 5)}, outcome=Outcome.INCONCLUSIVE)
    watch.at(32)
    assert ("firing", "validity") not in watch.told()
    watch.at(37)
    assert watch.told()[-1] == ("firing", "validity")
    found = next(a.notice for a in watch.alerts.groups[0].alerts if a.notice.key.rule == "validity")
    assert found.text == (
        "validity 94.9%: 8 of 157 runs gave no verdict in 1d: browser 8, in eu; "
        "failures could hide among them"
    )


def test_slots_without_a_run_have_an_alarm_of_their_own(bench: Callable[..., Bench]) -> None:
    text = {"min_coverage": "90%"}
    watch = bench({}, silent={"eu": range(120), "us": range(10)}, text=text)
    watch.until(90, step=5)
    assert ("firing", "coverage") not in watch.told()
    watch.until(115, start=95, step=5)
    assert ("firing", "coverage") in watch.told()
    found = next(a.notice for a in watch.alerts.groups[0].alerts if a.notice.key.rule == "coverage")
    assert re.fullmatch(
        r"coverage 8\d\.\d%: \d+ of \d+ due slots have no run in 1d: not reported \d+, in eu, us; "
        "90% are to have one",
        found.text,
    )


def test_a_region_that_never_gave_a_verdict_is_waited_for(
    bench: Callable[..., Bench],
) -> None:
    watch = bench({}, silent={"eu": range(-600, 600)})
    watch.until(16)
    assert watch.told() == []
    watch.at(17)
    assert watch.told() == [("firing", "absent", "eu")]
    watch.restart()
    watch.until(40, start=18)
    assert watch.told() == [("firing", "absent", "eu")]


class Gone(JournalSource):
    """A source that does not answer."""

    __slots__ = ()

    def counts(self, *_: Any, **__: Any) -> Any:
        raise SourceUnavailable("the backend is down")

    slices = periods = newest = since = planned = silent = counts


def test_a_source_that_does_not_answer_ends_nothing_and_pages_after_three_rounds(
    bench: Callable[..., Bench],
) -> None:
    watch = bench(outage(-10, 0))
    watch.at(0)
    before = watch.told()
    states = watch.told("state")
    watch.alerts.source = Gone(watch.source.view)
    watch.until(9, start=1)
    assert watch.told() == before
    watch.until(60, start=10)
    assert [entry for entry in watch.told() if entry[0] == "resolved"] == []
    assert ("firing", "absent-everywhere") in watch.told()
    assert any(
        alert.notice.text == "no verdict from ap, eu, sa, uk, us for 1h: the backend is down"
        for alert in watch.alerts.groups[0].alerts
    )
    assert watch.told("state") == states


def test_an_alert_that_was_quiet_does_not_end_while_the_source_does_not_answer(
    bench: Callable[..., Bench],
) -> None:
    """It would be over 10 minutes after 20; what users met from 22 on nobody knows."""
    watch = bench(outage(0, 10))
    watch.until(21)
    quiet = [a for a in watch.alerts.groups[0].alerts if a.quiet_ms is not None]
    assert "page-fast" in {alert.notice.key.rule for alert in quiet}
    watch.alerts.source = Gone(watch.source.view)
    watch.until(60, start=22)
    assert [entry for entry in watch.told() if entry[0] == "resolved"] == []
    watch.restart()
    watch.until(70, start=61)
    assert ("resolved", "page-fast") not in watch.told()
    watch.at(71)
    assert ("resolved", "page-fast") in watch.told()


def test_a_share_of_the_budget_is_told_once_and_again_only_after_it_has_recovered(
    bench: Callable[..., Bench],
) -> None:
    """A budget of 43.2 runs, told from a fifth of it on: the ninth failure."""
    failing = {"eu": range(1, 46, 5)}
    watch = bench(failing)
    watch.at(37)
    assert ("firing", "notification") not in watch.told()
    watch.until(170, start=41, step=3)
    assert watch.told().count(("firing", "notification")) == 1
    assert ("resolved", "notification") not in watch.told()


def test_an_incident_is_told_with_what_it_cost_and_asks_for_a_postmortem(
    bench: Callable[..., Bench],
) -> None:
    figures = Impact(journeys_per_hour=Fraction(4000), value_per_journey=Fraction("56.25"))
    watch = bench(outage(0, 30), contract={"impact": figures})
    watch.until(5)
    (first,) = watch.alerts.groups[0].incidents
    assert first.episode.span.start_ms == NOON_MS
    assert not first.episode.needs_postmortem
    watch.until(20, start=6)
    (found,) = watch.alerts.groups[0].incidents
    assert found.episode.consumed == Fraction(20 * 10, 432)
    assert (found.episode.severity, found.episode.needs_postmortem) == ("sev1", True)
    assert found.text == (
        "From 1970-04-11 00:00 to 00:20 UTC checkout failed for about 1,333 users, which cost "
        "about 75,000 USD (20 of 20 runs failed, 4,000 journeys an hour, 56.25 USD a journey)."
    )
    assert ("firing", "postmortem") in watch.told()
    watch.until(170, start=21, step=5)
    assert watch.told().count(("firing", "postmortem")) == 1
    assert ("resolved", "page-fast") in watch.told()
    assert ("resolved", "postmortem") not in watch.told()  # the slow rules go on
    watch.contract = replace(watch.contract, alerts=AlertKeys(rules=()))
    watch.restart()
    watch.until(172, start=171)
    assert watch.alerts.groups[0].incidents == ()
    assert watch.told()[-1] == ("resolved", "postmortem")


def test_what_alerts_were_worth_is_kept(bench: Callable[..., Bench]) -> None:
    """How often a rule fired, and what those incidents consumed: its precision."""
    watch = bench(outage(0, 10))
    watch.until(60)
    watch.restart()
    fired, consumed = watch.at(61).accounts["page-fast"]
    assert (fired, consumed) == (1, Fraction(100, 432))


def test_states_are_told_when_they_settle_and_once(bench: Callable[..., Bench]) -> None:
    """Eleven failures of 43.2 are CAUTION."""
    watch = bench({"eu": range(1, 56, 5)})
    watch.until(120, step=5)
    assert watch.told("state") == [("None", "FULL"), ("FULL", "CAUTION")]
    watch.restart()
    watch.until(125, start=121)
    assert watch.told("state") == [("None", "FULL"), ("FULL", "CAUTION")]


def test_a_state_near_its_edge_is_told_better_after_an_hour(bench: Callable[..., Bench]) -> None:
    """An hour holds 60 runs, of which 11.1 may fail: 3 are CAUTION, 2 are just below it."""
    failing = {"eu": [1, 21, 41, 81, 101]}
    watch = bench(failing, text={"window": "1h", "target": "81.5%"})
    watch.until(61, step=10)
    assert watch.told("state") == [("None", "FULL"), ("FULL", "CAUTION")]
    watch.until(121, start=62)
    assert len(watch.told("state")) == 2
    watch.at(122)
    assert watch.told("state")[2:] == [("CAUTION", "FULL")]


def test_a_state_is_told_better_a_bad_run_s_worth_below_its_edge(
    bench: Callable[..., Bench],
) -> None:
    watch = bench({"eu": [1, 21, 41]}, text={"window": "1h", "target": "81.5%"})
    watch.until(81, start=61, step=10)
    assert watch.told("state")[-1] == ("None", "CAUTION")
    watch.at(82)
    assert watch.told("state")[-1] == ("CAUTION", "FULL")


def test_the_end_of_a_state_says_since_when_there_was_something_to_tell(
    bench: Callable[..., Bench],
) -> None:
    """Two hours hold 120 runs, of which 12 may fail; 30 do, and leave again."""
    watch = bench(outage(0, 30), text={"window": "2h", "target": "90%"}, last=400)
    watch.until(80, step=2)
    watch.restart()
    watch.until(160, start=82, step=2)
    bulletin = Bulletin(watch.audit)
    bulletin.catch_up()
    states = [each for each in bulletin.after(0) if each.rule == "budget"]
    first = next(each for each in states if each.begins)
    end = next(each for each in states[states.index(first) :] if not each.begins)
    assert (first.state, first.since_ms) == ("WARNING", first.at_ms)
    assert [each.state for each in states if each.recovers] == ["CRITICAL", "WARNING"]
    assert end.since_ms == first.at_ms < end.at_ms - 2 * HOUR_MS


def test_what_is_excluded_wakes_nobody(bench: Callable[..., Bench]) -> None:
    watch = bench(outage(0, 10))
    maintenance = Exclusion(
        id="x1",
        start_ms=NOON_MS,
        end_ms=NOON_MS + HOUR_MS,
        category=Category.SCHEDULED_MAINTENANCE,
        reason="a new database",
        requested_by="ann",
        approved_by="bob",
        created_ms=NOON_MS - HOUR_MS,
    )
    watch.exclusions = (maintenance,)
    watch.until(45)
    assert watch.told() == []


def test_alerts_of_a_contract_or_rule_that_is_gone_end(bench: Callable[..., Bench]) -> None:
    watch = bench(outage(0, 10))
    watch.at(5)
    firing = {entry[1:] for entry in watch.told()}
    watch.contract = replace(watch.contract, alerts=AlertKeys(rules=()))
    watch.restart()
    watch.at(6)
    assert {entry[1:] for entry in watch.told() if entry[0] == "resolved"} == {
        entry for entry in firing if entry[0] not in ("notification", "postmortem")
    }
    watch.contract = replace(watch.contract, name="renamed")
    watch.restart()
    watch.at(7)
    told = watch.audit.entries("alert")
    ended = {e.body["rule"] for e in told if e.body["phase"] == "resolved"}
    assert {e.body["rule"] for e in told if e.body["slo"] == "checkout"} == ended


def test_an_objective_that_is_taken_out_while_its_alert_fires_costs_no_other_its_alerts(
    bench: Callable[..., Bench],
) -> None:
    more = '    - {name: latency, sli: {latency: {threshold: 8s}}, target: "99%"}'
    watch = bench(outage(0, 10), text={"more": more})
    watch.at(5)
    watch.contract = replace(watch.contract, objectives=watch.contract.objectives[:1])
    watch.restart()
    watch.at(6)
    ended = [e.body for e in watch.audit.entries("alert") if e.body["phase"] == "resolved"]
    assert {body["objective"] for body in ended} == {"latency"}
    assert ended[0]["seen"]["name"] == "Checkout completes"
    watch.restart()
    watch.until(45, start=7)
    assert ("resolved", "page-fast") in watch.told()[-3:]


class Odd(JournalSource):
    """A source that is wrong about one journey, which nobody foresaw."""

    __slots__ = ()

    def periods(self, journey: str, as_of_ms: int) -> dict[str, int]:
        if journey == "login":
            raise ValueError("nobody foresaw it")
        return super().periods(journey, as_of_ms)


def test_an_error_at_one_contract_costs_no_other_its_alerts(
    bench: Callable[..., Bench], caplog: pytest.LogCaptureFixture
) -> None:
    watch = bench(outage(0, 10))
    login = replace(watch.contract, name="login", journey="login")
    watch.alerts.judge_by((login, watch.contract), watch.source, tuple)
    before = watch.at(0)
    watch.alerts.source = Odd(watch.source.view)
    watch.at(5)
    assert ("firing", "page-fast") in watch.told()
    assert watch.alerts.groups[0] is before
    assert watch.alerts.groups[1].advised.advice == "act_now"
    assert "the alerts of login could not be judged" in caplog.text
    assert "nobody foresaw it" in caplog.text
    # Somebody is paged for it, see `ProberAlertsNotJudged`.
    assert watch.alerts.noted_ms == NOON_MS + LAG_MS
    watch.alerts.source = watch.source
    watch.at(6)
    assert watch.alerts.noted_ms == watch.alerts.looked_ms


def test_other_contracts_are_looked_at_while_what_waits_goes_on_waiting(
    bench: Callable[..., Bench],
) -> None:
    watch = bench({"eu": [1]})
    since = {alert.notice.key: alert.since_ms for alert in watch.at(2).alerts}
    assert since
    second = replace(watch.contract, name="second")
    watch.alerts.judge_by((watch.contract, second), watch.source, tuple)
    again = {alert.notice.key: alert.since_ms for alert in watch.at(3).alerts}
    assert again == since, "a reading of files puts off no alert"
    assert [group.slo for group in watch.alerts.groups] == ["checkout", "second"]
    watch.alerts.judge_by((second,), watch.source, tuple)
    assert watch.at(4).slo == "second"
    assert watch.alerts.looked_ms == NOON_MS + 4 * MINUTE_MS + LAG_MS


def test_a_log_that_takes_nothing_silences_no_alert(
    bench: Callable[..., Bench], tmp_path: Path
) -> None:
    watch = bench(outage(0, 10))
    watch.at(0)
    with unwritable(watch.path):
        with pytest.raises(ProberError):
            watch.at(5)
        assert watch.alerts.groups[0].advised.advice == "act_now"
        assert watch.alerts.noted_ms == NOON_MS + LAG_MS
    assert watch.told() == []
    watch.at(6)
    assert watch.alerts.noted_ms == watch.alerts.looked_ms
    assert watch.told().count(("firing", "page-fast")) == 1
    begun = next(e for e in watch.audit.entries("alert") if e.body["rule"] == "page-fast")
    assert begun.at_ms == NOON_MS + 5 * MINUTE_MS + LAG_MS


def test_a_log_that_was_changed_silences_no_alert(bench: Callable[..., Bench]) -> None:
    watch = bench(outage(0, 10))
    watch.at(0)
    watch.path.write_text(watch.path.read_text().replace("FULL", "NONE"))
    watch.alerts = Alerts.restore((watch.contract,), watch.source, AuditLog(watch.path))
    with pytest.raises(AuditBroken):
        watch.at(5)
    assert watch.alerts.groups[0].advised.advice == "act_now"


@contextmanager
def unwritable(path: Path) -> Iterator[None]:
    """A directory stands where the log was."""
    kept = path.rename(path.with_name("kept"))
    head = path.with_suffix(".head")
    head.rename(head.with_name("kept.head"))
    path.mkdir()
    yield
    path.rmdir()
    kept.rename(path)
    head.with_name("kept.head").rename(head)


def test_slices_of_time_burn_as_runs_do(bench: Callable[..., Bench]) -> None:
    rule = RegionRule(mode=Mode.ANY)
    watch = bench(
        outage(0, 40), contract={"budgeting": Budgeting(slice_ms=10 * MINUTE_MS, rule=rule)}
    )
    watch.until(40)
    assert ("firing", "page-fast") in watch.told()


def test_what_is_told_is_plain_values(bench: Callable[..., Bench]) -> None:
    watch = bench(outage(0, 10))
    told = watch.at(10).to_dict()
    assert told["slo"] == "checkout"
    assert told["as_of"] == "1970-04-11T00:10:00Z"
    assert told["advice"] == "act_now"
    page = told["alerts"][0]
    assert {**page, "facts": None, "text": None} == {
        "rule": "page-fast",
        "objective": "availability",
        "window": "rolling",
        "region": None,
        "severity": "page",
        "phase": "firing",
        "since": "1970-04-11T00:11:00Z",
        "since_ms": NOON_MS + 11 * MINUTE_MS,
        "text": None,
        "facts": None,
    }
    assert page["facts"]["burn"] == {"exact": "500/3", "decimal": "166.666666"}
    assert told["incidents"][0]["severity"] == "sev1"


def test_an_evaluator_that_is_killed_goes_on_where_its_log_ends(
    evaluator: Callable[..., Any],
    tmp_path: Path,
    run: Callable[..., Record],
    schedule: Callable[..., Record],
    until: Callable[..., Any],
) -> None:
    now_ms = time.time_ns() // 1_000_000 // EVERY_MS * EVERY_MS
    (tmp_path / "data").mkdir()
    journal = Journal.open(tmp_path / "data" / JOURNAL)
    journal.write([schedule(EVERY_MS, region, now_ms - HOUR_MS) for region in ("eu", "us")])
    journal.write(
        run(now_ms - back * EVERY_MS, Outcome.FAILED, region=region)
        for region in ("eu", "us")
        for back in range(4)
    )
    journal.close()
    judge = evaluator(target="99%", window="30d")

    def told() -> Any:
        return until(lambda: [group for group in judge.status()["alerts"] if group["alerts"]])

    def firing(group: Any) -> set[tuple[str, int]]:
        return {(a["rule"], a["since_ms"]) for a in group["alerts"] if a["phase"] == "firing"}

    (before,) = told()
    assert (before["slo"], before["advice"]) == ("checkout", "act_now")
    log = (judge.data / AUDIT).read_text()
    assert '"rule":"page-fast"' in log
    judge.kill()
    judge.start()
    (after,) = told()
    assert firing(after) == firing(before)
    assert (judge.data / AUDIT).read_text() == log


class Fading(JournalSource):
    """A source that does not know runs any more, while it still counts."""

    __slots__ = ()

    def failures(self, *_: Any) -> Any:
        raise SourceUnavailable("the backend is down")


def test_a_source_that_stops_in_the_middle_is_looked_at_again(
    bench: Callable[..., Bench],
) -> None:
    watch = bench(outage(0, 10))
    whole, fading = watch.source, Fading(watch.source.view)
    watch.alerts.source = fading
    before = watch.at(2)
    assert watch.at(5) == before
    watch.restart()
    watch.alerts.source = fading
    watch.alerts.look(NOON_MS + 6 * MINUTE_MS)
    assert watch.alerts.groups == ()
    watch.alerts.source = whole
    assert watch.at(6).advised.advice == "act_now"
    assert watch.told().count(("firing", "page-fast")) == 1


def test_alerts_end_when_their_journey_is_no_longer_due(
    bench: Callable[..., Bench], schedule: Callable[..., Record]
) -> None:
    watch = bench(outage(0, 10), last=10)
    watch.at(10)
    assert ("firing", "page-fast") in watch.told()
    ended = [schedule(0, region, NOON_MS + 11 * MINUTE_MS) for region in REGIONS]
    writer = Journal.open(watch.journal)
    writer.write(ended)
    writer.close()
    watch.until(45, start=15, step=15)
    assert ("resolved", "page-fast") in watch.told()
    assert not [entry for entry in watch.told() if "absent" in entry[1]]
