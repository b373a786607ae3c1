"""What journeys ask for besides a page: fixtures of pytest, there once a journey is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from prober.testing.acting import DEFINITION, TRIAL

if TYPE_CHECKING:
    import httpx


@pytest.fixture
def http(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """An `httpx.Client` on the base_url, whose exchanges end when the journey's time does."""
    from prober.agent.client import Client

    if TRIAL not in request.node.stash:
        pytest.fail("http is for journeys: write a fixture of your own", pytrace=False)
    trial, region = request.node.stash[TRIAL], request.node.stash[DEFINITION].region
    headers = {"user-agent": region.user_agent_suffix} if region else {}
    base_url = request.getfixturevalue("base_url") or ""
    with Client(trial.recorder, base_url=base_url, headers=headers) as client:
        trial.client = client
        yield client
