"""The bench of tests/faults serves the agent's tests too, and a whole agent is there for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.whole import Agent, Target
from tests.faults.bench import bench, make_bench, site

__all__ = ["bench", "make_bench", "site"]


@pytest.fixture
def target() -> Iterator[Target]:
    site = Target()
    yield site
    site.close()


@pytest.fixture
def agent(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    target: Target,
    free_port: Callable[[], int],
    until: Callable[..., Any],
) -> Iterator[Agent]:
    """A running one; its journey is another where a test names one as the parameter."""
    one = Agent(tmp_path, target, free_port())
    if hasattr(request, "param"):
        one.write("ping.py", request.param)
    one.start()
    until(one.ready, 60)
    yield one
    target.answers.set()
    one.stop()
    one.http.close()
