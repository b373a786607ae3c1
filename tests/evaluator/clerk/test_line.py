"""The line between evaluator and clerk: what an answer holds on to."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from prober.evaluator.clerk.line import Answer


class Body:
    """Stands for millions of bytes."""


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
def test_a_refusal_lets_go_of_the_body_at_once() -> None:
    bodies = []

    def refuse() -> None:
        body = Body()
        bodies.append(weakref.ref(body))
        try:
            try:
                raise KeyError(body.__class__.__name__)
            except KeyError as error:
                raise ValueError("it is not one") from error
        except ValueError as error:
            raise TypeError(str(error)) from error

    answer = Answer.to(1, refuse)
    assert isinstance(answer.error, TypeError)
    assert bodies[0]() is None
