"""The name of a run, for what it creates: whoever finds it knows whose it is."""

from __future__ import annotations

import os
import time
from functools import cache

from prober.journey import acting


def run_name() -> str:
    """A name for what the run creates, a-z, 0-9 and `-`: the same all through it, and for no other.

    It has the journey, the region, the slot in milliseconds since 1970 and the attempt, as in
    `prober-checkout-eu-west-1-1767225600000-1`, so that what was left behind can be told and
    swept. Outside a run it is `prober-test-…`, another one for each test of pytest.
    """
    stage = acting()
    return stage.run_name if stage else _stand_in(_test())


def _test() -> str:
    """Which test of pytest is going on, without the part of it."""
    return os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]


@cache
def _stand_in(test: str) -> str:
    """One name a test, drawn at random."""
    return f"prober-test-{time.time_ns() // 1_000_000}-{os.urandom(3).hex()}"
