"""Every metric, attribute and event name that Prober emits, with unit and meaning.

These names are promises to users. docs/metrics.md lists the same, and a test compares them.
Unit strings follow UCUM, as OpenTelemetry asks.
"""

from __future__ import annotations

from typing import Final, NamedTuple

# Attributes
REGION: Final = "prober.region"
JOURNEY: Final = "prober.journey"
OUTCOME: Final = "prober.outcome"
ERROR_TYPE: Final = "error.type"
STEP: Final = "prober.step"
SLO: Final = "prober.slo"
OBJECTIVE: Final = "prober.objective"
WINDOW: Final = "prober.window"
RESULT: Final = "prober.result"
SLOT_STATE: Final = "prober.slot.state"
SLOT_REASON: Final = "prober.slot.reason"
#: Of a schedule, in milliseconds: since when it holds, since 1970, and where its slots lie.
SCHEDULE_FROM: Final = "prober.schedule.from"
SCHEDULE_PHASE: Final = "prober.schedule.phase"
PHASE: Final = "prober.phase"
NETWORK_PHASE: Final = "prober.network.phase"
PARTY: Final = "prober.party"
EFFECT_STATE: Final = "prober.effect.state"
DESTINATION: Final = "prober.destination"
SIGNAL: Final = "prober.signal"
REASON: Final = "prober.reason"
REFERENCE: Final = "prober.reference"
CHANNEL: Final = "prober.channel"
WAY: Final = "prober.way"
SYNTHETIC: Final = "user_agent.synthetic.type"
ATTEMPT: Final = "prober.attempt"
KIND: Final = "prober.kind"
#: When the slot was due, in milliseconds since 1970; of a range, its first slot.
SLOT_TIME: Final = "prober.slot.time"
#: Hex digest of the run's identity: the same however often the record arrives.
DEDUPE_KEY: Final = "prober.key"
#: Of an exemplar: what pages call its run, see `RunId.key`. With the ids of trace and span, and
#: its own name, it is just short enough for the 128 characters that OpenMetrics allows.
RUN_KEY: Final = "prober.run.key"

# Events: the names of log records
EVENT_RUN: Final = "prober.run"
EVENT_GAP: Final = "prober.gap"
EVENT_SCHEDULE: Final = "prober.schedule"

SCOPE: Final = "prober"


class Metric(NamedTuple):
    """A metric's name and what it means."""

    name: str
    #: counter, gauge or histogram
    kind: str
    unit: str
    meaning: str
    #: Attributes beyond `prober.region`.
    attributes: tuple[str, ...]


RUNS: Final = Metric(
    "prober.runs", "counter", "{run}",
    "Scheduled first attempts by outcome; error.type is the cause, absent when passed",
    (JOURNEY, OUTCOME, ERROR_TYPE),
)  # fmt: skip
RUN_DURATION: Final = Metric(
    "prober.run.duration", "histogram", "s",
    "Sum of a run's step windows: the user's time, no browser start, no evidence",
    (JOURNEY, OUTCOME),
)  # fmt: skip
STEP_DURATION: Final = Metric(
    "prober.step.duration", "histogram", "s",
    "One step's window",
    (JOURNEY, STEP, OUTCOME),
)  # fmt: skip
SLI_EVENTS: Final = Metric(
    "prober.sli.events", "counter", "{run}",
    "Runs that enter an SLI, good or bad: ready for any SLO backend",
    (SLO, OBJECTIVE, RESULT),
)  # fmt: skip
RUN_CPU_WAIT: Final = Metric(
    "prober.run.cpu_wait", "histogram", "s",
    "How long a run's processes waited for processors that other work had",
    (JOURNEY,),
)  # fmt: skip
SILENT_FAILURES: Final = Metric(
    "prober.failures.silent", "counter", "{run}",
    "Failed runs during which the browser saw no first-party 5xx",
    (JOURNEY,),
)  # fmt: skip
CONFIRMATIONS: Final = Metric(
    "prober.confirmations", "counter", "{run}",
    "Second attempts of slots whose first failed, by outcome: passed is a flake",
    (JOURNEY, OUTCOME),
)  # fmt: skip
SLOTS: Final = Metric(
    "prober.slots", "counter", "{slot}",
    "Due slots by the state they ended in",
    (JOURNEY, SLOT_STATE),
)  # fmt: skip
PAGE_TTFB: Final = Metric(
    "prober.page.ttfb", "histogram", "s",
    "Time to first byte of the page a step ended on",
    (JOURNEY, STEP),
)  # fmt: skip
PAGE_FCP: Final = Metric(
    "prober.page.fcp", "histogram", "s",
    "First contentful paint of the page a step ended on",
    (JOURNEY, STEP),
)  # fmt: skip
PAGE_LCP: Final = Metric(
    "prober.page.lcp", "histogram", "s",
    "Largest contentful paint of the page a step ended on",
    (JOURNEY, STEP),
)  # fmt: skip
PAGE_CLS: Final = Metric(
    "prober.page.cls", "histogram", "1",
    "Cumulative layout shift of the page a step ended on",
    (JOURNEY, STEP),
)  # fmt: skip
PAGE_WEIGHT: Final = Metric(
    "prober.page.weight", "histogram", "By",
    "Bytes that came over the network for what a step asked for, first and third party apart",
    (JOURNEY, STEP, PARTY),
)  # fmt: skip
NETWORK_DURATION: Final = Metric(
    "prober.network.duration", "histogram", "s",
    "What a step's HTTP requests spent together on dns, connect, tls, wait or transfer",
    (JOURNEY, STEP, NETWORK_PHASE),
)  # fmt: skip
PHASE_DURATION: Final = Metric(
    "prober.phase.duration", "histogram", "s",
    "Time a run costs that is not the user's: queue, launch, context, evidence, cleanup",
    (PHASE,),
)  # fmt: skip
EFFECTS: Final = Metric(
    "prober.effects", "counter", "{effect}",
    "What runs make at the target and have to take back: noted, undone, orphaned",
    (JOURNEY, EFFECT_STATE),
)  # fmt: skip
ORPHANS: Final = Metric(
    "prober.effects.orphans", "gauge", "{effect}",
    "What runs left at the target and could not take back, and nobody else has until now",
    (JOURNEY,),
)  # fmt: skip
RUN_LAST: Final = Metric(
    "prober.run.last", "gauge", "s",
    "End of a journey's newest run, seconds since 1970; absent when older than two periods",
    (JOURNEY,),
)  # fmt: skip
SCHEDULE_PERIOD: Final = Metric(
    "prober.schedule.period", "gauge", "s",
    "From slot to slot, of each schedule that a journey has had; 0 ends it",
    (JOURNEY, SCHEDULE_FROM, SCHEDULE_PHASE),
)  # fmt: skip
INFO: Final = Metric(
    "prober.info", "gauge", "1",
    "Always 1; what is running: version, browser, Playwright, isolation, sandbox",
    ("prober.version", "prober.browser.version", "prober.playwright.version",
     "prober.isolation", "prober.sandbox"),
)  # fmt: skip
EXPORT_BACKLOG: Final = Metric(
    "prober.export.backlog", "gauge", "{record}",
    "Records or snapshots that a destination has not acknowledged",
    (DESTINATION, SIGNAL),
)  # fmt: skip
EXPORT_AGE: Final = Metric(
    "prober.export.age", "gauge", "s",
    "Age of the oldest record that a destination has not acknowledged, 0 when none",
    (DESTINATION, SIGNAL),
)  # fmt: skip
EXPORT_ACCEPTED: Final = Metric(
    "prober.export.accepted", "counter", "{request}",
    "Requests that a destination acknowledged",
    (DESTINATION, SIGNAL),
)  # fmt: skip
EXPORT_REJECTED: Final = Metric(
    "prober.export.rejected", "counter", "{record}",
    "Records, points or spans that a destination took the request of and refused (partial success)",
    (DESTINATION, SIGNAL),
)  # fmt: skip
EXPORT_ERRORS: Final = Metric(
    "prober.export.errors", "counter", "{request}",
    "Requests not acknowledged, by error.type: HTTP or gRPC status, timeout, network, tls",
    (DESTINATION, SIGNAL, ERROR_TYPE),
)  # fmt: skip
EXPORT_QUARANTINED: Final = Metric(
    "prober.export.quarantined", "gauge", "{record}",
    "Records that a destination refuses alone with 400; kept and tried again once an hour",
    (DESTINATION, SIGNAL),
)  # fmt: skip
WORKERS: Final = Metric(
    "prober.workers.live", "gauge", "{process}",
    "Worker processes alive",
    (),
)  # fmt: skip
WORKERS_RENEWED: Final = Metric(
    "prober.workers.renewed", "counter", "{process}",
    "Workers replaced, by why: runs, age, memory, inconclusive, slow_close, unstaged, killed, died",
    (REASON,),
)  # fmt: skip
WORKERS_KILLED: Final = Metric(
    "prober.workers.killed", "counter", "{process}",
    "Workers killed from outside because something did not stop",
    (),
)  # fmt: skip
ARTEFACTS_WITHHELD: Final = Metric(
    "prober.artefacts.withheld", "counter", "{file}",
    "Screenshots and traces that were not kept, for a secret could be in them",
    (),
)  # fmt: skip
ARTEFACTS_AGE: Final = Metric(
    "prober.artefacts.age", "gauge", "s",
    "Age of the oldest record whose files may not be copied yet, 0 when none",
    (),
)  # fmt: skip
JOURNAL_RECORDS: Final = Metric(
    "prober.journal.records", "counter", "{record}",
    "Records written since the journal's birth",
    (),
)  # fmt: skip
JOURNAL_SIZE: Final = Metric(
    "prober.journal.size", "gauge", "By",
    "Size of the journal's files",
    (),
)  # fmt: skip
JOURNAL_UNWRITTEN: Final = Metric(
    "prober.journal.unwritten", "gauge", "{record}",
    "Records that wait for a full or failing disk, and those given up since the agent began; "
    "of an evaluator 1 while it can keep none",
    (),
)  # fmt: skip
JOURNAL_SET_ASIDE: Final = Metric(
    "prober.journal.set_aside", "gauge", "{file}",
    "Damaged journals that lie beside the journal until somebody takes them away",
    (),
)  # fmt: skip
JOURNAL_BACKUP_AGE: Final = Metric(
    "prober.journal.backup.age", "gauge", "s",
    "Age of the journal's newest backup; absent while there is none",
    (),
)  # fmt: skip
CLOCK_SKEW: Final = Metric(
    "prober.clock.skew", "gauge", "s",
    "How far the agent's slot clock is ahead of the wall clock, after that was set back",
    (),
)  # fmt: skip
CLOCK_OFFSET: Final = Metric(
    "prober.clock.offset", "gauge", "s",
    "How far this machine's clock is ahead of its references', whole seconds; absent when unknown",
    (),
)  # fmt: skip
CLOCK_STEPS: Final = Metric(
    "prober.clock.steps", "counter", "{step}",
    "How often the wall clock was set by more than a second, by what that meant for slots",
    (REASON,),
)  # fmt: skip
CONTROL_UP: Final = Metric(
    "prober.control.up", "gauge", "{reference}",
    "1 when a reference target answered the last control check, 0 when it did not",
    (REFERENCE,),
)  # fmt: skip
CONTROL_FAILED: Final = Metric(
    "prober.control.failed", "counter", "{check}",
    "Control checks that found this region's own network in doubt",
    (),
)  # fmt: skip
CONFIG_RELOAD: Final = Metric(
    "prober.config.reload.success", "gauge", "{reload}",
    "1; 0 when the files were read again and refused, so that the old go on",
    (),
)  # fmt: skip
CONFIG_READ: Final = Metric(
    "prober.config.reload.last", "gauge", "s",
    "When the files that are in force were read, seconds since 1970",
    (),
)  # fmt: skip
ALERTS_LOOKED: Final = Metric(
    "prober.alerts.looked", "gauge", "s",
    "When every contract was last looked at for alerts, and what is new written down; "
    "seconds since 1970",
    (),
)  # fmt: skip
ACCESS_REFUSED: Final = Metric(
    "prober.access.refused", "counter", "{request}",
    "Requests that the evaluator refused at its door, by why; docs/api.md has the reasons",
    (REASON,),
)  # fmt: skip
NOTIFICATIONS_WAITING: Final = Metric(
    "prober.notifications.waiting", "gauge", "{alert}",
    "Alerts that began or ended and that a way of a channel has not acknowledged",
    (CHANNEL, WAY),
)  # fmt: skip
NOTIFICATIONS_AGE: Final = Metric(
    "prober.notifications.age", "gauge", "s",
    "Age of the oldest of them, 0 when none",
    (CHANNEL, WAY),
)  # fmt: skip
NOTIFICATIONS_FAILING: Final = Metric(
    "prober.notifications.failing", "gauge", "{way}",
    "1 when a way of a channel refused the last attempt, 0 when it did not",
    (CHANNEL, WAY),
)  # fmt: skip
SLO_COMPLIANCE: Final = Metric(
    "prober.slo.compliance", "gauge", "1",
    "Good over valid in the window; absent when nothing is valid",
    (SLO, OBJECTIVE, WINDOW),
)  # fmt: skip
SLO_BUDGET: Final = Metric(
    "prober.slo.budget.remaining", "gauge", "1",
    "Share of the error budget left; negative when overspent",
    (SLO, OBJECTIVE, WINDOW),
)  # fmt: skip
SLO_BURN_RATE: Final = Metric(
    "prober.slo.burn_rate", "gauge", "1",
    "How many times faster than allowed the budget is being spent over the last hour",
    (SLO, OBJECTIVE, WINDOW),
)  # fmt: skip
SLO_COVERAGE: Final = Metric(
    "prober.slo.coverage", "gauge", "1",
    "Completed over due slots in the window",
    (SLO, OBJECTIVE, WINDOW),
)  # fmt: skip
SLO_VALIDITY: Final = Metric(
    "prober.slo.validity", "gauge", "1",
    "Runs with a verdict over completed ones in the window",
    (SLO, OBJECTIVE, WINDOW),
)  # fmt: skip

#: What Prometheus appends for a unit; units in braces are for people and append nothing.
_UNITS: Final = {"s": "_seconds", "By": "_bytes"}


def prometheus_name(metric: Metric) -> str:
    """What Prometheus calls a metric.

    >>> prometheus_name(RUN_DURATION), prometheus_name(RUNS)
    ('prober_run_duration_seconds', 'prober_runs_total')
    """
    unit = _UNITS.get(metric.unit, "")
    if metric.kind == "gauge" and metric.unit == "1":
        unit = "_ratio"
    return prometheus_label(metric.name) + unit + ("_total" if metric.kind == "counter" else "")


def prometheus_label(attribute: str) -> str:
    """What Prometheus calls an attribute.

    >>> prometheus_label(SLOT_STATE)
    'prober_slot_state'
    """
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in attribute)


METRICS: Final = tuple(value for value in list(globals().values()) if isinstance(value, Metric))

#: Upper bounds of every duration histogram, in microseconds; contract thresholds are added.
LADDER_US: Final = tuple(
    round(seconds * 1_000_000)
    for seconds in (
        0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5,
        7.5, 10, 15, 20, 30, 45, 60, 90, 120, 180,
    )
)  # fmt: skip
#: Upper bounds for `prober.page.cls`, in millionths.
CLS_LADDER: Final = (10_000, 25_000, 50_000, 100_000, 150_000, 250_000, 500_000, 1_000_000)
#: Upper bounds for `prober.page.weight`, in bytes.
WEIGHT_LADDER: Final = tuple(
    1000 * kilobytes
    for kilobytes in (
        1, 2, 5, 10, 20, 50, 100, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000,
        10_000, 20_000, 50_000, 100_000,
    )
)  # fmt: skip
_LADDERS: Final = {PAGE_CLS: CLS_LADDER, PAGE_WEIGHT: WEIGHT_LADDER}


def ladder(metric: Metric) -> tuple[int, ...]:
    """Upper bounds of a histogram, as the journal stores them; contracts may add to them."""
    return _LADDERS.get(metric, LADDER_US)
