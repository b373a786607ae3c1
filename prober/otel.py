"""The `OTEL_*` variables as keys of a region file, so that both are read and refused alike.

A variable of one signal (`OTEL_EXPORTER_OTLP_LOGS_HEADERS`) goes before that of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

_OTLP = "OTEL_EXPORTER_OTLP_"
#: Asks for counters that start again, which a region refuses.
TEMPORALITY = f"{_OTLP}METRICS_TEMPORALITY_PREFERENCE"
#: Keys of a destination that are what their variable says.
_VERBATIM = ("protocol", "compression", "certificate", "client_certificate", "client_key")
_SETTINGS = (*(key.upper() for key in _VERBATIM), "TIMEOUT", "HEADERS", "INSECURE")


def keys(environ: Mapping[str, str], signals: Iterable[str]) -> dict[str, Any]:
    """The keys that variables stand for, written as in a region file.

    Signals that are sent in the same way are one destination. All have the name `otel`, so that
    a signal keeps its place in the journal when it gets a variable of its own.
    """
    found: dict[str, Any] = {}
    if environ.get("OTEL_METRIC_EXPORT_INTERVAL"):
        found["metrics_interval"] = "${OTEL_METRIC_EXPORT_INTERVAL}ms"
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return found
    alike: dict[tuple[str | None, ...], list[str]] = {}
    for signal in signals:
        wanted = environ.get(f"OTEL_{signal.upper()}_EXPORTER", "").lower() != "none"
        if wanted and _variable(environ, signal, "ENDPOINT"):
            settings = tuple(_variable(environ, signal, what) for what in _SETTINGS)
            alike.setdefault(settings, []).append(signal)
    if alike:
        found["otlp"] = tuple(_destination(environ, group) for group in alike.values())
    return found


def _destination(environ: Mapping[str, str], signals: Sequence[str]) -> dict[str, Any]:
    """What the variables say for signals that share all of them but the endpoint."""
    first = signals[0]
    names = {what: _variable(environ, first, what) for what in _SETTINGS}
    general = f"{_OTLP}ENDPOINT"
    endpoints = {signal: _variable(environ, signal, "ENDPOINT") for signal in signals}
    own = {
        signal: _address(environ, name, names)
        for signal, name in endpoints.items()
        if name and name != general
    }
    destination: dict[str, Any] = {
        "name": "otel",
        "endpoint": _address(environ, general, names) if environ.get(general) else own[first],
        "endpoints": own,
        "signals": tuple(signals),
        "headers": _headers(environ[names["HEADERS"]]) if names["HEADERS"] else {},
    }
    if names["TIMEOUT"]:
        destination["timeout"] = f"${{{names['TIMEOUT']}}}ms"
    return destination | {
        key: f"${{{names[key.upper()]}}}" for key in _VERBATIM if names[key.upper()]
    }


def _variable(environ: Mapping[str, str], signal: str, what: str) -> str | None:
    """The variable that says something for a signal; one that is empty says nothing."""
    names = (f"{_OTLP}{signal.upper()}_{what}", f"{_OTLP}{what}")
    return next((name for name in names if environ.get(name)), None)


def _address(environ: Mapping[str, str], name: str, names: Mapping[str, str | None]) -> str:
    """What an endpoint's variable stands for; gRPC may leave the scheme to `…_INSECURE`."""
    protocol, insecure = (environ.get(names[what] or "") for what in ("PROTOCOL", "INSECURE"))
    if protocol != "grpc" or "://" in environ[name]:
        return f"${{{name}}}"
    scheme = "http" if insecure and insecure.lower() == "true" else "https"
    return f"{scheme}://${{{name}}}"


def _headers(text: str) -> dict[str, str]:
    """`name=value` pairs with commas between, percent-encoded."""
    pairs = (pair.partition("=") for pair in text.split(",") if pair.strip())
    return {
        name.strip() if equals else "?": unquote(value.strip()).replace("$", "$$")
        for name, equals, value in pairs
    }
