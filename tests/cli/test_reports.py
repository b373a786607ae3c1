"""`prober report`, `review`, `miss` and `feedback` as processes over a real journal."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path

import pytest

from tests.cli.past import MONDAY, prober, shop

HERE = ("--journal", ".")
KINDS = ("daily", "weekly", "sprint", "quarterly")


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shop(tmp_path_factory.mktemp("past"))


def said(there: Path, *words: str) -> str:
    done = prober(there, *words, *HERE)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_is_markdown_html_or_exact_json(there: Path, kind: str) -> None:
    text = said(there, "report", kind, "--at", MONDAY)
    assert text.startswith("# ")
    assert text.endswith("\n")
    assert f"As of {MONDAY}. " in text
    html = said(there, "report", kind, "--at", MONDAY, "--format", "html")
    assert html.startswith("<!doctype html>")
    told = said(there, "report", kind, "--at", MONDAY, "--format", "json")
    assert told == said(there, "report", kind, "--at", MONDAY, "--json")
    report = json.loads(told)
    assert (report["report"], report["as_of"], "text" in report) == (kind, MONDAY, False)


def test_numbers_of_the_json_are_fractions(there: Path) -> None:
    report = json.loads(said(there, "report", "daily", "--at", MONDAY, "--json"))
    day = report["slos"][0]["objectives"][0]["day"]
    assert (day["bad"], day["valid"]) == ("7", "96")
    assert Fraction(day["compliance"]["exact"]) == Fraction(89, 96)


def test_the_topic_is_one_line(there: Path) -> None:
    (line,) = said(there, "report", "daily", "--topic", "--at", MONDAY).splitlines()
    assert re.fullmatch(r"checkout [A-Z]+ [\d.]+% ↓", line)


def test_without_a_moment_it_is_about_now(there: Path) -> None:
    text = said(there, "report", "daily")
    assert "UNKNOWN: no run" in text  # it is long past that anything ran


def test_a_miss_is_listed_closed_and_listed_as_closed(tmp_path: Path) -> None:
    there = shop(tmp_path)
    (line,) = said(there, "miss", "list").splitlines()
    assert re.fullmatch(
        r"[0-9a-f]{12} checkout availability over month, 2025-05-28T09:14:00Z: budget spent, 101% "
        r"consumed; one structural change overdue since 2025-05-31T22:00:00Z",
        line,
    )
    words = ("--change", "a voucher is tried", "--kind", "test", "--link", "https://git.example/7")
    closed = said(there, "miss", "close", line[:12], *words)
    assert closed.rstrip().endswith("with a test: a voucher is tried (https://git.example/7)")
    assert said(there, "miss", "list", "--slo", "checkout") == closed
    assert json.loads(said(there, "miss", "list", "--json"))["misses"][0]["standing"] == "closed"


def test_a_review_is_due_recorded_and_due_again(tmp_path: Path) -> None:
    there = shop(tmp_path)
    (line,) = said(there, "review", "list").splitlines()
    assert line == ("checkout quarterly review overdue since 2025-09-30T22:00:00Z, never held")
    words = ("--slo", "checkout", "--by", "product", "--notes", "the target is right")
    recorded = said(there, "review", "record", *words, "--kind", "quarterly")
    assert "checkout quarterly review by product: the target is right" in recorded
    due, held = said(there, "review", "list", "--slo", "checkout").splitlines()
    assert due.startswith("checkout quarterly review due ")
    assert held == recorded.rstrip("\n")


def test_a_complaint_is_added_and_listed(tmp_path: Path) -> None:
    there = shop(tmp_path)
    assert said(there, "feedback", "list") == "no complaint was ever noted\n"
    words = ("--from", "2025-06-20T10:00:00Z", "--to", "2025-06-20T12:00:00Z")
    added = said(there, "feedback", "add", "--text", "vouchers\x1b[31m", *words)
    told = "2025-06-20T10:00:00Z to 2025-06-20T12:00:00Z, any journey: vouchers"
    assert added[13:] == f"{told}\N{REPLACEMENT CHARACTER}[31m\n"
    assert said(there, "feedback", "list") == added
    one = said(there, "feedback", "add", "--text", "slow", *words, "--journey", "checkout")
    assert "checkout: slow" in one


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        pytest.param(["report", "daily", "--slo", "chekout"], "did you mean checkout", id="no SLO"),
        pytest.param(["report", "daily", "--at", "today"], "is not a moment", id="no moment"),
        pytest.param(["report", "weekly", "--at", "2999-01-01T00:00:00Z"], "is to come", id="soon"),
        pytest.param(
            ["report", "daily", "--at", "0001-01-01T00:00:00Z"], "is before 1970", id="long ago",
        ),
        pytest.param(["miss", "list", "--slo", "x"], "there is no SLO 'x'", id="no SLO to miss"),
        pytest.param(
            ["review", "record", "--slo", "checkout", "--kind", "yearly", "--by", "sre", "--notes",
             "n"], "kind: 'yearly'", id="no kind of review",
        ),
        pytest.param(
            ["review", "record", "--slo", "checkout", "--kind", "budget", "--by", "Ada", "--notes",
             "n"], "'Ada' is no role that reviews it", id="a person",
        ),
        pytest.param(
            ["miss", "close", "abc", "--change", "c", "--kind", "test", "--link", "x"],
            "is not an address", id="no address",
        ),
        pytest.param(
            ["feedback", "add", "--text", "x", "--from", "1", "--to", "2"], "is not a moment",
            id="no time",
        ),
    ],
)  # fmt: skip
def test_a_mistake_ends_with_2_and_one_line_with_its_mend(
    there: Path, words: list[str], mend: str
) -> None:
    done = prober(there, *words, *HERE)
    assert (done.returncode, done.stdout) == (2, "")
    assert mend in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_an_evaluator_it_says_how_to_get_one(there: Path) -> None:
    done = prober(there, "report", "daily", "--url", "http://127.0.0.1:9")
    assert done.returncode == 2
    assert "start one with `prober evaluator`" in done.stderr
