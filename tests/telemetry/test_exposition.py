from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from prober import conventions as names
from prober.conventions import METRICS, Metric, prometheus_name
from prober.journal.journal import Journal
from prober.journal.tally import Increment
from prober.model import Cause, Outcome, Run, Step, canonical
from prober.telemetry.exposition import CONTENT_TYPE, exposition
from prober.telemetry.totals import Reading

REGION = {"prober.region": "eu-west-1"}


@pytest.fixture
def promtool(victoria: object) -> Path:
    """Prometheus's checker, which stands beside the other backends or is skipped with them."""
    return Path(__file__).parents[2] / ".cache" / "backends" / "bin" / "promtool"


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        (names.RUNS, "prober_runs_total"),
        (names.RUN_DURATION, "prober_run_duration_seconds"),
        (names.PAGE_CLS, "prober_page_cls"),
        (names.PAGE_WEIGHT, "prober_page_weight_bytes"),
        (names.RUN_LAST, "prober_run_last_seconds"),
        (names.JOURNAL_SIZE, "prober_journal_size_bytes"),
        (names.EXPORT_BACKLOG, "prober_export_backlog"),
        (names.SLO_COMPLIANCE, "prober_slo_compliance_ratio"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_names_are_those_that_prometheus_makes(metric: Metric, name: str) -> None:
    assert prometheus_name(metric) == name


def test_names_stay_different() -> None:
    assert len({prometheus_name(metric) for metric in METRICS}) == len(METRICS)


def test_the_page_shows_the_journals_totals(
    journal: Callable[[], Journal], run: Callable[..., Run]
) -> None:
    opened = journal()
    opened.write([run(0), run(1, outcome=Outcome.FAILED, cause=Cause.TIMEOUT, took_ms=100)])
    lines = exposition(opened, [Reading(names.EXPORT_AGE, REGION, 1.5)]).splitlines()
    failed = 'prober_journey="checkout",prober_outcome="failed",prober_region="eu-west-1"'
    assert f'prober_runs_total{{error_type="timeout",{failed}}} 1' in lines
    assert f'prober_run_duration_seconds_bucket{{le="0.05",{failed}}} 0' in lines
    assert f'prober_run_duration_seconds_bucket{{le="0.1",{failed}}} 1' in lines
    assert f'prober_run_duration_seconds_bucket{{le="+Inf",{failed}}} 1' in lines
    assert f"prober_run_duration_seconds_sum{{{failed}}} 0.1" in lines
    assert f"prober_run_duration_seconds_count{{{failed}}} 1" in lines
    assert 'prober_export_age_seconds{prober_region="eu-west-1"} 1.5' in lines
    assert "# TYPE prober_run_duration_seconds histogram" in lines
    assert f"# HELP prober_runs_total {names.RUNS.meaning}" in lines


def test_what_pages_weigh_is_shown_in_bytes(
    journal: Callable[[], Journal], run: Callable[..., Run]
) -> None:
    step = Step(
        name="open", offset_us=0, duration_us=1, outcome=Outcome.PASSED,
        weight={"first_party": 412_300},
    )  # fmt: skip
    opened = journal()
    opened.write([run(0, steps=(step,))])
    where = 'prober_journey="checkout",prober_party="first_party",prober_region="eu-west-1"'
    lines = exposition(opened, ()).splitlines()
    name, where = "prober_page_weight_bytes", f'{where},prober_step="open"'
    assert f"{name}_sum{{{where}}} 412300" in lines
    for bound, count in (("300000", 0), ("500000", 1)):
        assert f'{name}_bucket{{le="{bound}",{where}}} {count}' in lines


def test_label_values_are_escaped(journal: Callable[[], Journal]) -> None:
    opened = journal()
    odd = {"prober.journey": 'a "quoted"\\\nline'}
    opened.add([Increment(names.SILENT_FAILURES.name, canonical(odd), 2)])
    assert (
        'prober_failures_silent_total{prober_journey="a \\"quoted\\"\\\\\\nline"} 2\n'
    ) in exposition(opened, ())


def test_an_old_metric_that_is_no_longer_defined_is_still_shown(
    journal: Callable[[], Journal],
) -> None:
    opened = journal()
    opened.add([Increment("prober.once", "{}", 3)])
    assert "prober_once_total 3\n" in exposition(opened, ())


def test_prometheus_own_checker_can_read_it(
    journal: Callable[[], Journal], run: Callable[..., Run], promtool: Path
) -> None:
    opened = journal()
    opened.write([run(0), run(1, outcome=Outcome.FAILED, cause=Cause.TIMEOUT)])
    text = exposition(opened, [Reading(names.JOURNAL_SIZE, REGION, 4096)])
    checked = subprocess.run(
        [promtool, "check", "metrics"],
        input=text.encode(),
        capture_output=True,
    )
    assert checked.returncode == 0, checked.stderr.decode()


def test_the_content_type_is_that_of_the_text_format() -> None:
    assert CONTENT_TYPE == "text/plain; version=0.0.4; charset=utf-8"
