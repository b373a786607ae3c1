"""What backends call our metrics, as real ones store them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prober import conventions as names
from prober.errors import SourceUnavailable
from prober.evaluator.sources.naming import Naming
from prober.evaluator.sources.promql import PromSource
from prober.evaluator.sources.source import Measure
from prober.slo.budget import Counts
from prober.slo.window import Span
from tests.conftest import Victoria
from tests.evaluator.crafted import START_MS, Told, rule
from tests.evaluator.fleet import EVERY_MS, HOUR_MS, Fleet

OTLP = Naming(dots=True, suffixes=False, label_dots=True)
PROMETHEUS = Naming(dots=False, suffixes=True, label_dots=False)
CHECKOUT = rule("checkout")


def passes(region: str, slot_ms: int) -> dict[str, Any]:
    return {}


@pytest.mark.parametrize(
    ("flags", "naming"),
    [
        pytest.param((), OTLP, id="as they were sent"),
        pytest.param(("-opentelemetry.usePrometheusNaming",), PROMETHEUS, id="as Prometheus does"),
        pytest.param(
            ("-usePromCompatibleNaming",),
            dataclasses.replace(PROMETHEUS, suffixes=False),
            id="without suffixes",
        ),
    ],
)
def test_every_naming_is_found_and_judged(
    flags: tuple[str, ...], naming: Naming, victoria: Callable[..., Victoria], tmp_path: Path
) -> None:
    backend = victoria(*flags)
    fleet = Fleet(tmp_path, [CHECKOUT], START_MS, "eu-west-1")
    fleet.start()
    fleet.deliver(backend)
    fleet.live(HOUR_MS, passes)
    fleet.deliver(backend)
    backend.http.get("/internal/force_flush").raise_for_status()
    source = PromSource.connect(backend.url, [CHECKOUT], {})
    source.counters.clock = lambda: fleet.now_ms
    number = HOUR_MS // EVERY_MS
    span = Span(START_MS, fleet.now_ms)
    assert source.counts(Measure(CHECKOUT), span) == {"eu-west-1": Counts(number, 0, 0, number)}
    assert source.slices(Measure(CHECKOUT), span, HOUR_MS) == {"eu-west-1": {0: Counts(number)}}
    assert source.periods("checkout", fleet.now_ms) == {"eu-west-1": EVERY_MS}
    assert source.newest("checkout", fleet.now_ms)["eu-west-1"]
    assert source.counters.naming == naming
    source.close()
    fleet.close()


def test_two_namings_at_once_are_refused(victoria: Callable[..., Victoria]) -> None:
    backend = victoria()
    told = Told(backend, "checkout", START_MS)
    told.all(10)
    told.one("completed", range(10), __name__="prober_slots")
    source = told.source()
    with pytest.raises(SourceUnavailable, match="prober_slots, prober_slots_total"):
        source.counts(Measure(CHECKOUT), Span(START_MS - HOUR_MS, START_MS))
    source.close()


@pytest.mark.parametrize(
    ("naming", "selector"),
    [
        pytest.param(
            OTLP,
            '{__name__="prober.runs","prober.journey"=~"a|b\\\\-c",cluster="eu"}',
            id="with dots, a label stands in quotes",
        ),
        pytest.param(
            PROMETHEUS,
            '{__name__="prober_runs_total",prober_journey=~"a|b\\\\-c",cluster="eu"}',
            id="without, it does not",
        ),
        pytest.param(
            dataclasses.replace(PROMETHEUS, label_dots=True),
            '{__name__="prober_runs_total","prober.journey"=~"a|b\\\\-c",cluster="eu"}',
            id="with dots in labels alone",
        ),
    ],
)
def test_a_selector_names_series_exactly(naming: Naming, selector: str) -> None:
    wanted = {names.JOURNEY: ("b-c", "a")}
    assert naming.selector(names.RUNS, wanted, 'cluster="eu"') == selector
