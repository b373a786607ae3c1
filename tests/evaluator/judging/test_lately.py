"""The last hours of an objective, while runs go on arriving."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from prober.evaluator.judging.counting import Counting
from prober.evaluator.judging.lately import Lately
from prober.evaluator.sources.journal import JournalSource
from prober.evaluator.sources.once import Once
from prober.evaluator.sources.source import Measure
from prober.journal.journal import Journal
from prober.journal.tally import rules_of
from prober.journal.view import View
from prober.model import Outcome, Run
from prober.slo import format
from prober.slo.alert import PAGE, Standing
from prober.slo.contract import AlertRule

MINUTE_MS = 60_000
RULE = AlertRule(
    name="regional",
    severity=PAGE,
    burn=Fraction(1),
    long_ms=60 * MINUTE_MS,
    short_ms=5 * MINUTE_MS,
    each_region=True,
)


def test_a_region_that_appears_between_two_questions_is_not_judged_yet(
    journal: Callable[..., Path], contract_text: Callable[..., str], run: Callable[..., Run]
) -> None:
    contract = format.parse(contract_text(), "checkout.slo.yaml")
    (rule,) = rules = rules_of([contract])
    path, now_ms = journal([], rules), 100 * MINUTE_MS
    view = View.open(path)
    measure = Measure(rule, contract.data.retry)
    lately = Lately(Counting(contract, measure, Once(JournalSource(view))), Fraction("0.9"), now_ms)
    assert lately.count(RULE.short_ms).regions == {}

    book = Journal.open(path, rules, now_ms=now_ms)
    book.write([run(now_ms - MINUTE_MS, Outcome.FAILED)], now_ms=now_ms)
    book.close()

    (reading,) = lately.readings([RULE])
    assert (reading.standing, reading.failures) == (Standing.UNKNOWN, {"eu-west-1": 1})
    view.close()
