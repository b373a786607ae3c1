"""Emulation: what a journey's browser passes itself off as, where the region's own will not do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from prober.units import duration_ms

#: Of a viewport's side, in CSS pixels.
_MOST_PIXELS: Final = 10_000
_VIEWPORT = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_RATE = re.compile(r"([1-9][0-9]{0,5}) ?(kbit|Mbit)/s")
_BYTES: Final = {"kbit": 125, "Mbit": 125_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A connection that is slower than the region's own."""

    #: What each request waits for at least.
    latency_ms: int
    #: Bytes a second from and to the target.
    down: int
    up: int


#: By name, as the developer tools of Chromium have them.
NETWORKS: Final = {
    "3g": Network(latency_ms=2000, down=50_000, up=50_000),
    "slow-4g": Network(latency_ms=563, down=180_000, up=84_375),
    "fast-4g": Network(latency_ms=165, down=1_012_500, up=168_750),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulation:
    """What is not as the region says; None: as the region says."""

    #: A name of Playwright's list; only a driver knows whether it is there.
    device: str | None = None
    #: Width and height in CSS pixels.
    viewport: tuple[int, int] | None = None
    locale: str | None = None
    timezone: str | None = None
    network: Network | None = None

    @classmethod
    def read(
        cls,
        device: str | None,
        viewport: str | None,
        locale: str | None,
        timezone: str | None,
        network: str | Mapping[str, str] | None,
    ) -> Emulation:
        """As an author writes it; None is as the region says.

        Args:
            device: a name of Playwright's list.
            viewport: width and height in CSS pixels, such as `390x844`.
            locale: such as `de-DE`.
            timezone: such as `Europe/Berlin`.
            network: `3g`, `slow-4g`, `fast-4g`, or its latency, down and up.

        Raises:
            ValueError: a value cannot be, with the mend.
        """
        if device is not None and not isinstance(device, str):
            raise ValueError(f"device {device!r} is none, write a name of Playwright's list")
        if locale is not None and not _found(_LOCALE, locale):
            raise ValueError(f"locale {locale!r} is not one, write one such as en-US")
        if timezone is not None:
            _check_timezone(timezone)
        return cls(
            device=device,
            viewport=None if viewport is None else _viewport(viewport),
            locale=locale,
            timezone=timezone,
            network=None if network is None else _network(network),
        )

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Emulation:
        """From what `asdict` made of one, also after JSON made lists of tuples."""
        viewport, network = raw["viewport"], raw["network"]
        return cls(
            **dict(raw)
            | {
                "viewport": viewport and tuple(viewport),
                "network": network and Network(**network),
            }
        )


#: Nothing is asked for.
PLAIN: Final = Emulation()


def _found(pattern: re.Pattern[str], given: object) -> re.Match[str] | None:
    """What an author gave, where it is a text of that form."""
    return pattern.fullmatch(given) if isinstance(given, str) else None


def _viewport(given: object) -> tuple[int, int]:
    found = _found(_VIEWPORT, given)
    width, height = map(int, found.groups()) if found else (0, 0)
    if not (0 < width <= _MOST_PIXELS and 0 < height <= _MOST_PIXELS):
        raise ValueError(f"viewport {given!r} is none, write width x height such as '390x844'")
    return width, height


def _check_timezone(given: object) -> None:
    with suppress(ZoneInfoNotFoundError, ValueError, OSError):
        if isinstance(given, str) and ZoneInfo(given):
            return
    raise ValueError(f"timezone {given!r} is not known, write one such as Europe/Berlin")


def _network(wanted: object) -> Network:
    if isinstance(wanted, str) and wanted in NETWORKS:
        return NETWORKS[wanted]
    if not isinstance(wanted, Mapping):
        raise ValueError(f"network {wanted!r} is not known, {_SUCH}")
    if set(wanted) != {"latency", "down", "up"}:
        has = ", ".join(sorted(map(str, wanted))) or "nothing"
        raise ValueError(f"network has {has}, {_SUCH}")
    try:
        latency_ms = duration_ms(wanted["latency"])
    except ValueError as error:
        raise ValueError(f"network latency {error}") from None
    return Network(
        latency_ms=latency_ms, down=_rate("down", wanted["down"]), up=_rate("up", wanted["up"])
    )


_SUCH = (
    f"write one of {', '.join(NETWORKS)}, or latency, down and up "
    "such as {'latency': '150ms', 'down': '1600 kbit/s', 'up': '750 kbit/s'}"
)


def _rate(way: str, given: object) -> int:
    """Bytes a second."""
    if not (found := _found(_RATE, given)):
        raise ValueError(f"network {way} {given!r} is not a rate, write one such as '1600 kbit/s'")
    return int(found[1]) * _BYTES[found[2]]
