"""The Collector in `examples/collector`: as far as it can be held without a Collector to run it.

The keys are those of the Collector's own documentation, written down here by hand: receiver/
otlpreceiver, exporter/otlphttpexporter, exporter/exporterhelper, config/confighttp, and contrib's
extension/storage/filestorage. A key that is misspelt is an error to the Collector, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
from ruamel.yaml import YAML

from prober.config import load_region
from prober.destination import SIGNALS
from prober.units import duration_ms
from tests.conftest import ROOT

EXAMPLE = ROOT / "examples" / "collector"
#: What may stand below a place; `*` is any name.
KEYS: Mapping[str, set[str]] = {
    "": {"receivers", "extensions", "exporters", "service"},
    "receivers": {"otlp"},
    "receivers.otlp": {"protocols"},
    "receivers.otlp.protocols": {"http", "grpc"},
    "receivers.otlp.protocols.http": {"endpoint"},
    "receivers.otlp.protocols.grpc": {"endpoint"},
    "extensions": {"file_storage"},
    "extensions.file_storage": {
        "directory", "timeout", "fsync", "create_directory", "directory_permissions", "compaction",
    },
    "extensions.file_storage.compaction": {
        "directory", "on_start", "on_rebound", "cleanup_on_start", "max_transaction_size",
        "rebound_needed_threshold_mib", "rebound_trigger_threshold_mib", "check_interval",
    },
    "exporters": {"otlp_http"},
    "exporters.otlp_http": {
        "endpoint", "headers", "compression", "timeout", "tls", "sending_queue",
        "retry_on_failure",
    },
    "exporters.otlp_http.headers": {"authorization"},
    "exporters.otlp_http.sending_queue": {
        "enabled", "num_consumers", "wait_for_result", "block_on_overflow", "sizer",
        "queue_size", "storage", "batch",
    },
    "exporters.otlp_http.retry_on_failure": {
        "enabled", "initial_interval", "max_interval", "max_elapsed_time", "multiplier",
    },
    "service": {"extensions", "pipelines"},
    "service.pipelines": {"logs", "metrics", "traces"},
    **{
        f"service.pipelines.{signal}": {"receivers", "processors", "exporters"}
        for signal in ("logs", "metrics", "traces")
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def collector() -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load((EXAMPLE / "collector.yaml").read_text())
    return loaded


def unknown(found: Any, place: str = "") -> Iterator[str]:
    if isinstance(found, dict):
        for key, value in found.items():
            below = f"{place}.{key}".strip(".")
            if key not in KEYS[place]:
                yield below
            else:
                yield from unknown(value, below)


def test_it_has_no_key_that_the_collector_does_not_know(collector: dict[str, Any]) -> None:
    assert list(unknown(collector)) == []


def test_what_it_names_is_there(collector: dict[str, Any]) -> None:
    service = collector["service"]
    assert set(service["extensions"]) <= set(collector["extensions"])
    assert set(service["pipelines"]) == set(SIGNALS)
    for pipeline in service["pipelines"].values():
        assert set(pipeline["receivers"]) <= set(collector["receivers"])
        assert set(pipeline["exporters"]) <= set(collector["exporters"])
    queue = collector["exporters"]["otlp_http"]["sending_queue"]
    assert queue["storage"] in service["extensions"]
    assert not queue.get("wait_for_result"), "the Collector refuses it beside a storage"


def test_it_never_drops_and_keeps_the_order(collector: dict[str, Any]) -> None:
    exporter = collector["exporters"]["otlp_http"]
    assert exporter["sending_queue"]["block_on_overflow"] is True
    assert exporter["sending_queue"]["num_consumers"] == 1
    assert exporter["retry_on_failure"]["max_elapsed_time"] == "0s"
    assert collector["extensions"]["file_storage"]["fsync"] is True
    assert "processors" not in collector
    assert not any("processors" in each for each in collector["service"]["pipelines"].values())
    for name in ("initial_interval", "max_interval"):
        assert duration_ms(exporter["retry_on_failure"][name]) > 0


def test_the_agent_beside_it_sends_where_it_listens(collector: dict[str, Any]) -> None:
    environ = {"PROBER_EVALUATOR": "https://prober.example", "PROBER_TOKEN": "a token of ours"}
    region = load_region(EXAMPLE / "eu-west-1.yaml", environ)
    (beside,) = (each for each in region.otlp if each.name == "collector")
    protocols = collector["receivers"]["otlp"]["protocols"]
    listens = {name: protocols[name]["endpoint"] for name in ("http", "grpc")}
    assert urlsplit(beside.endpoint).netloc == listens["http"]
    assert beside.protocol == "http/protobuf"
    assert beside.signals == SIGNALS
    assert all(address.startswith("127.0.0.1:") for address in listens.values())


def test_the_page_shows_the_files_as_they_are() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    for name in ("collector.yaml", "eu-west-1.yaml"):
        assert f"(../examples/collector/{name})" in page
    assert "was not run" in page
