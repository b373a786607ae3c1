"""What a region file means for its workers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from urllib.parse import urlsplit

from prober.agent.control import ControlSettings
from prober.agent.installed import find
from prober.agent.make import make
from prober.agent.pool import PoolSettings
from prober.agent.watch import Surroundings
from prober.config import Region
from prober.errors import ProberError
from prober.journey import Journey
from prober.origin import names_of


def pool_settings(
    region: Region, journeys: Iterable[Journey], *, headed: bool = False
) -> PoolSettings:
    """What a region says of browsers, secrets and evidence, as the pool takes it.

    Raises:
        ProberError: a journey needs a browser and there is none, or it wants a sandbox that
            cannot be had.
    """
    _refuse_unsandboxed_root(region)
    kinds = {journey.browser for journey in journeys if journey.needs_browser}
    return PoolSettings(
        browser={
            "executables": {kind: find("chromium" if headed else kind) for kind in kinds},
            "headed": headed,
            "sandbox": region.sandbox == "on",
            "base_url": region.base_url,
            "locale": region.locale,
            "timezone": region.timezone,
            "viewport": region.viewport.model_dump(),
            "user_agent_suffix": region.user_agent_suffix,
            "allow_hosts": [*region.allow_hosts, *_own_host(region)],
        },
        around=_surroundings(region),
        control=ControlSettings(
            target=region.base_url,
            references=region.control.references,
            every_s=region.control.every_ms / 1000,
            timeout_s=region.control.timeout_ms / 1000,
            user_agent=region.user_agent_suffix,
        ),
        places=region.concurrency,
    )


def _surroundings(region: Region) -> Surroundings:
    return Surroundings(
        first_party=(urlsplit(region.base_url).netloc, *region.first_party),
        traceparent_to=region.traceparent_to,
        secrets=region.origins,
        accounts=names_of(region.accounts),
        problem=region.problem,
        isolation=region.isolation,
        saturation=region.saturation == "on",
        evidence=region.evidence.resolve(),
        regime={
            "prober": version("prober"),
            "playwright": version("playwright"),
            "machine": make(),
        },
    )


def _refuse_unsandboxed_root(region: Region) -> None:
    """Chromium's sandbox does not work for root; going without must be said."""
    if region.sandbox == "on" and os.geteuid() == 0:
        raise ProberError(
            f"region {region.name} wants Chromium's sandbox, which cannot work for root: "
            "run as another user, or write `sandbox: off` in the region file"
        )


def _own_host(region: Region) -> Iterator[str]:
    """The target may be on this machine: naming it in `base_url` is leave enough."""
    if host := urlsplit(region.base_url).hostname:
        yield host
