"""Channels: who is told of alerts, and by which ways; one YAML file, read strictly.

docs/alerts.md explains every key. Contracts name channels in `spec.alerts.routes`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, NamedTuple
from urllib.parse import urlsplit

from prober import document
from prober.destination import Endpoint, HeaderName, HeaderValue
from prober.document import Document, Strict, Text, did_you_mean, matching
from prober.errors import InputError, Problem
from prober.evaluator.alerts.apprised import apprise_problem
from prober.origin import Secret
from prober.slo.contract import Contract
from prober.source import SECRET_LENGTH
from prober.variables import Place

#: Where the file is looked for when nobody names one: in the current directory.
CHANNELS: Final = Path("channels.yaml")
ALERTMANAGER: Final = "alertmanager"
WEBHOOK: Final = "webhook"
APPRISE: Final = "apprise"
_KINDS: Final = (ALERTMANAGER, WEBHOOK, APPRISE)
#: What only a request of our own can carry.
_ONLY_OURS: Final = ("secret", "headers")

Name = Annotated[
    str, matching("[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?", "a name", "write such as oncall")
]


class WayKeys(Strict):
    """One way of telling: exactly one address, and what goes with it."""

    alertmanager: Endpoint | None = None
    webhook: Endpoint | None = None
    apprise: Secret | None = None
    name: Name | None = None
    secret: Secret | None = None
    headers: Mapping[HeaderName, HeaderValue] = {}


class ChannelsKeys(Strict):
    """The whole file."""

    channels: Mapping[Name, tuple[WayKeys, ...]]
    default: Text | None = None


class WayId(NamedTuple):
    """Which way it is: the same over restarts, and wherever its address leads."""

    channel: str
    way: str

    def __str__(self) -> str:
        return f"{self.channel}.{self.way}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way of telling. Shows neither its address nor a secret: both may open doors."""

    id: WayId
    kind: str
    url: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def hide(self, text: str) -> str:
        """A text without what opens doors: what a service answers may hold it."""
        parts = urlsplit(self.url)
        private = {self.url, parts.path, *parts.path.split("/"), parts.query, self.secret or ""}
        private |= {*self.headers.values(), parts.netloc if self.kind == APPRISE else ""}
        for value in sorted(private, key=len, reverse=True):
            if len(value) >= SECRET_LENGTH:
                text = text.replace(value, "…")
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """Every channel with its ways."""

    ways: Mapping[str, tuple[Way, ...]] = field(default_factory=dict)
    #: Who is told of what has no route; None: nobody.
    default: str | None = None

    def route(self, contract: Contract, *told: str) -> str | None:
        """Who is told of something of a contract: of a state or else of a severity."""
        routes = contract.alerts.routes
        return next((routes[each] for each in told if each in routes), self.default)

    def check(self, contracts: Iterable[Contract]) -> list[Problem]:
        """Routes of contracts that lead to no channel."""
        if not self.ways:
            return []
        return [
            contract.source.problem(
                ("spec", "alerts", "routes", told),
                f"there is no channel {name}",
                did_you_mean(name, self.ways),
            )
            for contract in contracts
            for told, name in contract.alerts.routes.items()
            if name not in self.ways
        ]

    def unheard(self, contracts: Iterable[Contract]) -> list[Problem]:
        """Severities of contracts of which nobody is told."""
        if not self.ways:
            return []
        return [
            contract.source.problem(
                ("spec", "alerts", "routes"),
                f"nobody is told of alerts of severity {severity}",
                f"write {severity}: and a channel, or a default in {CHANNELS}",
            )
            for contract in contracts
            for severity in ("page", "ticket")
            if self.route(contract, severity) is None
        ]

    def differences(self, other: Channels) -> Iterator[str]:
        """What another set of channels has otherwise, a line each."""
        for name in sorted({*self.ways, *other.ways}):
            if name not in other.ways:
                yield f"channel {name} is gone"
            elif name not in self.ways:
                yield f"channel {name} is new"
            elif self.ways[name] != other.ways[name]:
                yield f"channel {name} has other ways"
        if self.default != other.default:
            yield f"the default channel is {other.default or 'none'}"


def load(path: Path | None, environ: Mapping[str, str] = os.environ) -> Channels:
    """The channels of a file; none where nobody names one and there is no `channels.yaml`.

    Args:
        path: the file; None: `channels.yaml`, if it is there.
        environ: for `${VAR}` in the file.

    Raises:
        InputError: with every problem found.
    """
    if path is None and not CHANNELS.exists():
        return Channels()
    written = document.read(path or CHANNELS)
    keys = written.validate(ChannelsKeys, environ)
    problems = list(_mistakes(written, keys))
    if problems:
        raise InputError(problems)
    found = {
        channel: tuple(_way(channel, each) for each in ways)
        for channel, ways in keys.channels.items()
    }
    return Channels(ways=found, default=keys.default)


def _mistakes(written: Document, keys: ChannelsKeys) -> Iterator[Problem]:
    """What is right by itself and wrong together."""
    if keys.default is not None and keys.default not in keys.channels:
        what = f"there is no channel {keys.default}"
        yield written.problem(("default",), what, did_you_mean(keys.default, dict(keys.channels)))
    for channel, ways in keys.channels.items():
        at: Place = ("channels", channel)
        if not ways:
            yield written.problem(at, "is an empty list", "write at least one item")
        names = [_name(way) for way in ways]
        for number, way in enumerate(ways):
            for what, mend in _of_one(way):
                yield written.problem((*at, number), what, mend)
            if names[number] in names[:number]:
                what = f"is the second {names[number]} of the channel"
                yield written.problem((*at, number), what, "give it a `name` of its own")


def _of_one(way: WayKeys) -> Iterator[tuple[str, str]]:
    kinds = [kind for kind in _KINDS if getattr(way, kind) is not None]
    if len(kinds) != 1:
        said = f"has {' and '.join(kinds)}" if kinds else "has no address"
        yield said, f"write one of {', '.join(_KINDS)}"
    elif kinds != [WEBHOOK]:
        for key in _ONLY_OURS:
            if getattr(way, key) and (key, kinds[0]) != ("headers", ALERTMANAGER):
                yield f"has a {key}, which {kinds[0]} has no use for", "take it out"
    if way.apprise and (what := apprise_problem(way.apprise.get_secret_value())):
        yield what, "write an address as apprise has it: mailto://, slack://, …"


def _name(way: WayKeys) -> str:
    return way.name or next((kind for kind in _KINDS if getattr(way, kind) is not None), "")


def _way(channel: str, keys: WayKeys) -> Way:
    kind = next(kind for kind in _KINDS if getattr(keys, kind) is not None)
    address = keys.apprise.get_secret_value() if keys.apprise else getattr(keys, kind)
    return Way(
        id=WayId(channel, _name(keys)),
        kind=kind,
        url=address,
        secret=keys.secret.get_secret_value() if keys.secret else None,
        headers={name: value.get_secret_value().strip() for name, value in keys.headers.items()},
    )
