"""What the page about a run is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from prober.evaluator.pages.artefacts import Artefacts
from prober.evaluator.pages.run import RunPage, gather
from prober.journal.journal import Journal
from prober.journal.outbox import Entry
from prober.journal.view import View
from prober.model import Kind, Outcome, Record, Run, Step
from prober.telemetry import encode

MINUTE_MS = 60_000


@pytest.fixture
def look(journal: Callable[..., Path]) -> Iterator[Callable[..., RunPage | None]]:
    """`look(records, key)`: the page of a run, from a journal that holds some."""
    views: list[View] = []

    def found(records: list[Record], key: str) -> RunPage | None:
        views.append(View.open(journal(records)))
        return gather(views[-1], (), Artefacts(), key)

    yield found
    for view in views:
        view.close()


def test_other_attempts_of_its_slot_and_the_runs_beside_it_are_found(
    look: Callable[..., RunPage | None], run: Callable[..., Run]
) -> None:
    first, again = run(MINUTE_MS, Outcome.FAILED), run(MINUTE_MS, attempt=2)
    byhand = run(MINUTE_MS, kind=Kind.MANUAL)
    before, after = run(0), run(2 * MINUTE_MS)
    others = [run(MINUTE_MS, region="us-east-1"), run(MINUTE_MS, journey="login")]
    page = look([before, first, again, byhand, after, *others], first.id.key)
    assert page
    assert page.run == first
    assert {each.id for each in page.others} == {again.id, byhand.id}
    assert (page.before, page.after) == (before.id, after.id)


def test_the_first_run_has_none_before_it(
    look: Callable[..., RunPage | None], run: Callable[..., Run]
) -> None:
    page = look([run(0)], run(0).id.key)
    assert page
    assert (page.before, page.after) == (None, None)


def record_of(run: Run, _: Journal) -> str:
    """The key that the attributes of its log record make."""
    body = encode.logs([Entry(1, 1, run)], {})
    scope = ExportLogsServiceRequest.FromString(body).resource_logs[0].scope_logs[0]
    found = {each.key: each.value for each in scope.log_records[0].attributes}
    digest = found["prober.key"].string_value
    return f"{found['prober.slot.time'].int_value}-{digest[:32]}"


def trace_of(run: Run, _: Journal) -> str:
    """The key that its trace makes."""
    body = encode.traces([Entry(1, 1, run)], {})
    scope = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0]
    found = {each.key: each.value for each in scope.spans[0].attributes}
    return f"{found['prober.slot.time'].int_value}-{scope.spans[0].trace_id.hex()}"


def exemplar_of(run: Run, journal: Journal) -> str:
    """The key beside the exemplar that stands for it."""
    journal.write([run])
    shown = encode.exemplars([Entry(1, 1, run)], journal.tally)
    body = encode.metrics(journal, run.finished_ms, (), {}, shown)
    scope = ExportMetricsServiceRequest.FromString(body).resource_metrics[0].scope_metrics[0]
    (duration,) = (each for each in scope.metrics if each.name == "prober.run.duration")
    (exemplar,) = duration.histogram.data_points[0].exemplars
    return str(exemplar.filtered_attributes[0].value.string_value)


@pytest.mark.parametrize("way", [record_of, trace_of, exemplar_of])
def test_what_is_sent_of_a_run_leads_to_its_page(
    way: Callable[[Run, Journal], str],
    look: Callable[..., RunPage | None],
    run: Callable[..., Run],
    tmp_path: Path,
) -> None:
    sent = run(7 * MINUTE_MS)
    with closing(Journal.open(tmp_path / "agent.db")) as journal:
        page = look([sent, run(7 * MINUTE_MS, region="us-east-1")], way(sent, journal))
    assert page
    assert page.run == sent


@pytest.mark.parametrize(
    "key", ["", "-", "0", "0-", "0-00", "x-1", f"{2**70}-00", "-1-00", "²-00", "9" * 400]
)
def test_what_is_no_key_is_no_run(
    look: Callable[..., RunPage | None], run: Callable[..., Run], key: str
) -> None:
    assert look([run(0)], key) is None


def test_a_key_names_the_run_and_no_other_of_its_slot(
    look: Callable[..., RunPage | None], run: Callable[..., Run]
) -> None:
    assert look([run(0)], run(0, region="us-east-1").id.key) is None


def test_steps_stand_along_time_and_none_is_too_narrow_to_see(
    look: Callable[..., RunPage | None], run: Callable[..., Run]
) -> None:
    def step(offset_us: int, duration_us: int) -> Step:
        return Step(name="s", offset_us=offset_us, duration_us=duration_us, outcome=Outcome.PASSED)

    given = run(0, steps=(step(0, 250_000), step(500_000, 0), step(500_000, 500_000)))
    page = look([given], given.id.key)
    assert page
    assert [(bar.start, bar.width) for bar in page.bars] == [(0, 250), (500, 2), (500, 500)]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "It counts."),
        ({"attempt": 2}, "It tried again"),
        ({"kind": Kind.MANUAL}, "by hand"),
        ({"outcome": Outcome.INCONCLUSIVE}, "no verdict"),
    ],
)
def test_it_says_whether_it_counts(
    look: Callable[..., RunPage | None],
    run: Callable[..., Run],
    fields: dict[str, object],
    words: str,
) -> None:
    given = run(0, **fields)
    page = look([given], given.id.key)
    assert page
    assert words in page.counted
