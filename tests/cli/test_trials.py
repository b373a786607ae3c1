"""What a run says about the mutation that it met, and that no secret is said with it."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from prober.agent.mutation import Kind, Mutation
from prober.agent.redact import Redactor
from prober.cli.trials import Standing, Trial, conclude, judge, line, plain, whole
from prober.model import Cause, Outcome, Run, RunId
from prober.model import Kind as KindOfRun

MUTATION = Mutation(
    kind=Kind.TEXT, step="pay", what='get_by_text("tok-4711-verdigris") on /', place={},
    mend='expect(page.get_by_text("tok-4711-verdigris")).to_be_visible()',
)  # fmt: skip
REDACTED = Redactor({"token": "tok-4711-verdigris"}).text


def run(outcome: Outcome, cause: Cause | None) -> Run:
    return Run(
        id=RunId("buy", "here", 0, 1, KindOfRun.MANUAL), outcome=outcome, cause=cause,
        message="KeyError: 'tok-4711-verdigris'", started_ms=0, finished_ms=1,
        start_delay_us=0, duration_us=0, steps=(),
    )  # fmt: skip


def trial(outcome: Outcome, cause: Cause | None = None, *, struck: bool = True) -> Trial:
    return judge(MUTATION, run(outcome, cause), struck=struck)


@pytest.mark.parametrize(
    ("outcome", "cause", "struck", "standing"),
    [
        (Outcome.FAILED, Cause.ASSERTION, True, Standing.NOTICED),
        (Outcome.FAILED, Cause.TOO_SLOW, True, Standing.NOTICED),
        (Outcome.PASSED, None, True, Standing.UNNOTICED),
        (Outcome.INCONCLUSIVE, Cause.SCRIPT, True, Standing.UNNOTICED),
        (Outcome.INCONCLUSIVE, Cause.SCRIPT, False, Standing.INCONCLUSIVE),
        (Outcome.INCONCLUSIVE, Cause.BROWSER, True, Standing.INCONCLUSIVE),
        (Outcome.FAILED, Cause.NETWORK, False, Standing.INCONCLUSIVE),
        (Outcome.PASSED, None, False, Standing.INCONCLUSIVE),
    ],
)
def test_a_run_and_whether_it_met_the_mutation_decide(
    outcome: Outcome, cause: Cause | None, struck: bool, standing: Standing
) -> None:
    assert trial(outcome, cause, struck=struck).standing is standing


def test_the_gravest_stands_for_the_whole() -> None:
    noticed = trial(Outcome.FAILED, Cause.ASSERTION)
    unknown = trial(Outcome.INCONCLUSIVE, Cause.BROWSER)
    missed = trial(Outcome.PASSED)
    assert whole([noticed]) is Standing.NOTICED
    assert whole([noticed, unknown]) is Standing.INCONCLUSIVE
    assert whole([unknown, missed, noticed]) is Standing.UNNOTICED
    assert whole([]) is Standing.INCONCLUSIVE


def test_no_secret_is_printed() -> None:
    console = Console(record=True, width=200, file=StringIO())
    broken = trial(Outcome.INCONCLUSIVE, Cause.SCRIPT)
    console.print(line(broken, REDACTED))
    conclude([broken], console, REDACTED)
    said: dict[str, Any] = dict(plain(broken, REDACTED))
    text = console.export_text() + str(said)
    assert text.count("[token]") >= 6
    assert "verdigris" not in text
