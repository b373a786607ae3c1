"""A rehearsal: a test message by every way of a channel, and what each said to it."""

from __future__ import annotations

from collections.abc import Iterator

from prober.document import did_you_mean
from prober.errors import ProberError
from prober.evaluator.alerts import alertmanager
from prober.evaluator.alerts.channels import ALERTMANAGER, Channels, Way
from prober.evaluator.alerts.courier import send
from prober.evaluator.alerts.message import FIRING, TEST, Message
from prober.evaluator.alerts.news import News
from prober.evaluator.alerts.notices import Key
from prober.slo.alert import TICKET


def rehearse(channels: Channels, channel: str, url: str, now_ms: int) -> Iterator[tuple[Way, str]]:
    """Each way of a channel, and what it had against a test message; empty: nothing.

    Raises:
        ProberError: there is no such channel.
    """
    if channel not in channels.ways:
        mend = did_you_mean(channel, channels.ways) if channels.ways else "write a channels.yaml"
        raise ProberError(f"there is no channel {channel!r}, {mend}")
    news = rehearsal(channel, now_ms)
    for way in channels.ways[channel]:
        if way.kind == ALERTMANAGER:
            said = alertmanager.tell(way, [news], [], url, now_ms)
        else:
            said = send(way, Message.of([news], url))
        yield way, way.hide(said)


def rehearsal(channel: str, now_ms: int) -> News:
    """News of nothing."""
    return News(
        number=0,
        id=f"test-{now_ms}",
        at_ms=now_ms,
        key=Key(TEST, TEST),
        severity=TICKET,
        now=FIRING,
        since_ms=now_ms,
        text=f"somebody tries whether the channel {channel} works: nothing is the matter",
        facts={},
        cost=None,
        seen={},
    )
