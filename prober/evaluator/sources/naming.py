"""What a PromQL backend calls our metrics and attributes.

OTLP names arrive translated: `prober.sli.events` is `prober_sli_events_total` in Prometheus,
the same as sent in a VictoriaMetrics that is not told otherwise, and there are halves of both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from prober import conventions as names
from prober.errors import SourceUnavailable
from prober.evaluator.sources.backend import Backend, Labels

#: Every agent has it from its birth on, by whatever name.
_TELLTALE = names.SLOTS
_PLAIN = re.compile("[a-zA-Z_][a-zA-Z0-9_]*")


@dataclass(frozen=True, slots=True)
class Naming:
    """One way to translate names."""

    #: Dots in metrics' names stay.
    dots: bool
    #: Units and `_total` are appended.
    suffixes: bool
    #: Dots in labels' names stay.
    label_dots: bool

    def metric(self, metric: names.Metric) -> str:
        """A metric's name.

        >>> Naming(dots=False, suffixes=True, label_dots=False).metric(names.SLI_EVENTS)
        'prober_sli_events_total'
        """
        suffix = names.prometheus_name(metric)[len(metric.name) :] if self.suffixes else ""
        return (metric.name if self.dots else _flat(metric.name)) + suffix

    def label(self, attribute: str) -> str:
        """A label's name."""
        return attribute if self.label_dots else _flat(attribute)

    def selector(
        self, metric: names.Metric, wanted: Mapping[str, Collection[str]], match: str = ""
    ) -> str:
        """A selector of a metric's series.

        Args:
            metric: which.
            wanted: by attribute, the values that will do; all where an attribute is left out.
            match: more matchers, as PromQL.
        """
        matchers = [f"__name__={_quoted(self.metric(metric))}"]
        for attribute, values in wanted.items():
            pattern = "|".join(re.escape(value) for value in sorted(values))
            matchers.append(f"{_name(self.label(attribute))}=~{_quoted(pattern)}")
        return "{" + ",".join([*matchers, *([match] if match else [])]) + "}"


def discover(backend: Backend, start_ms: int, end_ms: int) -> Naming:
    """The naming of the series that a backend holds in a span.

    Raises:
        SourceUnavailable: there are none of ours, or they have several namings.
    """
    pattern = "prober[._]slots(_total)?"
    match = f",{backend.match}" if backend.match else ""
    found = backend.series(f"{{__name__=~{_quoted(pattern)}{match}}}", start_ms, end_ms)
    namings = {_naming(labels) for labels in found}
    if not namings:
        raise SourceUnavailable(f"{backend.where} holds no {_TELLTALE.name} of any agent")
    if len(namings) > 1:
        called = _listed(labels["__name__"] for labels in found)
        raise SourceUnavailable(
            f"{backend.where} holds {_TELLTALE.name} under several names ({called}), as if it came "
            "by several ways: choose those of one with PROBER_SOURCE_MATCH"
        )
    return namings.pop()


def _naming(labels: Labels) -> Naming:
    called = labels["__name__"]
    return Naming(
        dots="." in called, suffixes=called.endswith("_total"), label_dots=names.REGION in labels
    )


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(sorted(set(texts)))


def _flat(dotted: str) -> str:
    return dotted.replace(".", "_")


def _name(label: str) -> str:
    """A label in a selector: with a dot in it, it stands in quotes."""
    return label if _PLAIN.fullmatch(label) else _quoted(label)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
