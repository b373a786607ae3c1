"""Emulation: what a journey's browser passes itself off as, where the region's own will not do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from prober.units import duration_ms

#: Of a viewport's side, in CSS pixels.
_MOST_PIXELS: Final = 10_000
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
        if locale is not None and not _LOCALE.fullmatch(locale):
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


def _viewport(text: str) -> tuple[int, int]:
    sides = [int(side) for side in text.split("x") if side.isdecimal()]
    if len(sides) != 2 or text.count("x") != 1 or not all(0 < s <= _MOST_PIXELS for s in sides):
        raise ValueError(f"viewport {text!r} is none, write width x height such as '390x844'")
    return sides[0], sides[1]


def _check_timezone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        wrong = f"timezone {name!r} is not known, write one such as Europe/Berlin"
        raise ValueError(wrong) from None


def _network(wanted: str | Mapping[str, str]) -> Network:
    if isinstance(wanted, str):
        if wanted not in NETWORKS:
            raise ValueError(f"network {wanted!r} is not known, {_SUCH}")
        return NETWORKS[wanted]
    if set(wanted) != {"latency", "down", "up"}:
        raise ValueError(f"network has {', '.join(sorted(wanted)) or 'nothing'}, {_SUCH}")
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


def _rate(way: str, text: str) -> int:
    """Bytes a second."""
    if not (found := _RATE.fullmatch(text)):
        raise ValueError(f"network {way} {text!r} is not a rate, write one such as '1600 kbit/s'")
    return int(found[1]) * _BYTES[found[2]]
