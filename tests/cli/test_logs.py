"""Log lines: one a message, with what they are about, and without any secret."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from prober import logged
from prober.agent.redact import MOST_VALUES
from prober.cli import logs
from prober.cli.logs import Form
from prober.logged import about, beside

SECRET = 'canary "é pass'
log = logging.getLogger("prober.test")


@contextmanager
def written(form: Form, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is logged within, as it is written."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs._FORMS[form])
    monkeypatch.setattr(logged, "_hiding", [])
    logs._redactor.cache_clear()
    logs.hide({"shop_password": SECRET})
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield stream
    log.removeHandler(handler)


def test_a_line_for_people_holds_its_fields_and_stays_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with written(Form.TEXT, monkeypatch) as stream:
        with about(journey="checkout", attempt=1):
            log.warning("a\nb\x1b[31m\u2028%s", "c", extra=beside(attempt=2))
        log.info("after")
    first, second = stream.getvalue().splitlines()
    assert first.endswith("Z WARNING prober.test: a b [31m c [journey=checkout attempt=2]")
    assert second.endswith("Z INFO    prober.test: after")


def test_an_exception_is_on_the_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for form in Form:
        with written(form, monkeypatch) as stream:
            try:
                raise KeyError(SECRET)
            except KeyError:
                log.exception("broke")
        (line,) = stream.getvalue().splitlines()
        assert "Traceback" in line
        assert "KeyError: '[shop_password]'" in line


def test_an_object_holds_its_fields_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with written(Form.JSON, monkeypatch) as stream, about(journey="checkout", slot_ms=7):
        log.info("%s\nended", "it")
    found = json.loads(stream.getvalue())
    assert found.pop("time").endswith("Z")
    assert found == {
        "level": "info",
        "logger": "prober.test",
        "message": "it\nended",
        "journey": "checkout",
        "slot_ms": 7,
    }


@pytest.mark.parametrize("form", Form)
def test_no_secret_is_in_a_line_however_it_came_there(
    form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    with written(form, monkeypatch) as stream:
        log.info("in %s and %s", SECRET, json.dumps({"of": SECRET}))
        log.info("in a field", extra=beside(step=SECRET))
        logs.hide({"newer": "another-one"})
        log.info("old %s and new another-one", SECRET)
    text = stream.getvalue()
    assert "canary" not in text
    assert "another-one" not in text
    assert text.count("[shop_password]") == 4
    assert text.count("[newer]") == 1


def test_a_secret_that_is_read_again_for_ever_costs_a_line_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with written(Form.TEXT, monkeypatch) as stream:
        for hour in range(3 * MOST_VALUES):
            logs.hide({"token": f"hour-{hour:02}-token"})
        log.info("first hour-00-token, last hour-%02d-token", hour)
        log.info("before that hour-%02d-token", hour - MOST_VALUES + 1)
    first, second = stream.getvalue().splitlines()
    assert first.endswith("first hour-00-token, last [token]")
    assert second.endswith("before that [token]")
    assert len(logged._hiding) == 1
