"""Who sends: the resource of every signal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import unquote

#: `service.name` and the like.
Resource = Mapping[str, str]


def resource_of(region: str, replica: str, version: str, environ: Mapping[str, str]) -> Resource:
    """A process's resource, with what `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME` add.

    The instance id is always region and replica: it stays over restarts, and one from the
    environment would be the same for all agents that are started there.
    """
    given = dict(_pairs(environ.get("OTEL_RESOURCE_ATTRIBUTES", "")))
    if name := environ.get("OTEL_SERVICE_NAME"):
        given["service.name"] = name
    service = {
        "service.name": "prober",
        "service.namespace": "prober",
        "service.version": version,
    }
    return service | given | {"service.instance.id": f"{region}/{replica}"}


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """`key=value` pairs with commas between, percent-encoded; what is no pair is left out."""
    for pair in text.split(","):
        key, equals, value = pair.partition("=")
        if equals and key.strip():
            yield unquote(key.strip()), unquote(value.strip())
