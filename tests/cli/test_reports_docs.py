"""docs/reports.md: its examples print what they show, and it has every verb, kind and question."""

from __future__ import annotations

from pathlib import Path

import pytest

from prober.evaluator.desk import feedback, misses, reviews
from prober.evaluator.reports import report
from prober.evaluator.reports.quarterly import QUESTIONS, STREAK
from prober.evaluator.reports.worth import WORTH
from prober.slo.miss import ChangeKind
from prober.slo.review import ReviewKind
from prober.units import percent
from tests.cli.examples import examples, printed, shown
from tests.cli.past import PAGE, shop
from tests.test_docs import code, prose, rows, section

PROSE = prose(PAGE)
REQUESTS = {
    "report": report.ReportRequest,
    "reviews": reviews.ReviewsRequest,
    "review-record": reviews.RecordRequest,
    "misses": misses.MissesRequest,
    "miss-close": misses.CloseRequest,
    "feedback-add": feedback.FeedbackRequest,
    "feedback-list": feedback.EmptyRequest,
}


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shop(tmp_path_factory.mktemp("past"))


@pytest.mark.parametrize("example", examples(PAGE), ids=lambda text: text.splitlines()[0][2:])
def test_an_example_prints_what_it_shows(example: str, there: Path) -> None:
    assert printed(example, there) == shown(example)


def test_every_verb_is_documented_with_its_keys() -> None:
    verbs = {**report.VERBS, **reviews.VERBS, **misses.VERBS, **feedback.VERBS}
    table = rows(section(PROSE, "## Over HTTP"))
    assert {code(row[0])[0]: row[1] == "yes" for row in table} == {
        name: verb.scope is not None for name, verb in verbs.items()
    }
    for row in table:
        assert set(code(row[2])) == set(REQUESTS[code(row[0])[0]].model_fields)


def test_every_question_of_the_review_is_documented() -> None:
    table = rows(section(PROSE, "### `prober report quarterly`"))
    assert [row[0] for row in table if row[0] in QUESTIONS.values()] == list(QUESTIONS.values())


def test_every_kind_of_review_and_change_is_documented() -> None:
    written = {code(row[0])[0] for row in rows(section(PROSE, "## Reviews")) if code(row[0])}
    assert set(map(str, ReviewKind)) <= written
    assert set(map(str, ChangeKind)) <= set(code(section(PROSE, "## Misses")))


def test_figures_are_those_of_the_code() -> None:
    text = " ".join(PROSE.split())
    assert f"{percent(WORTH)} of the budget" in text
    assert STREAK == 3
    assert "three quarters in a row" in text
