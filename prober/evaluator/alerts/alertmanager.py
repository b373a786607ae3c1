"""Alertmanager: what fires is posted again and again, what is over with its end.

It knows alerts by their labels and groups, silences and repeats by its own rules, so everything
it is told may be told again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from prober.evaluator.alerts.channels import Way
from prober.evaluator.alerts.message import Message
from prober.evaluator.alerts.news import News
from prober.evaluator.alerts.webhook import as_json, post
from prober.slo.moment import iso
from prober.units import MINUTE_MS

#: So long what fires goes on there when nobody posts it again: an evaluator that is gone does
#: not ring for ever.
LEASE_MS: Final = 5 * MINUTE_MS
PATH: Final = "/api/v2/alerts"


def tell(
    way: Way, firing: Iterable[News], over: Iterable[tuple[News, int]], url: str, now_ms: int
) -> str:
    """Post what fires and what is over: empty when it was acknowledged, else why not.

    Args:
        way: where it is.
        firing: what fires now.
        over: what fired and does no longer, each with its end in ms.
        url: address of the evaluator.
        now_ms: when.
    """
    alerts = [_alert(each, url, now_ms + LEASE_MS) for each in firing]
    alerts += [_alert(each, url, end_ms) for each, end_ms in over]
    return post(f"{way.url.rstrip('/')}{PATH}", as_json(alerts), way.headers) if alerts else ""


def _alert(news: News, url: str, end_ms: int) -> dict[str, Any]:
    message = Message.of([news], url)
    labels = {
        "alertname": news.name,
        "slo": news.slo,
        "journey": news.journey,
        "objective": news.key.objective,
        "window": news.key.window,
        "region": news.region,
        "severity": news.severity,
    }
    annotations = {
        "summary": message.title,
        "description": message.text,
        "run": message.run_url or "",
    }
    return {
        "labels": {name: value for name, value in labels.items() if value},
        "annotations": {name: value for name, value in annotations.items() if value},
        "startsAt": iso(news.since_ms),
        "endsAt": iso(max(end_ms, news.since_ms + 1000)),
        "generatorURL": message.slo_url,
    }
