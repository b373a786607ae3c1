"""`OTEL_EXPORTER_OTLP_*` verbatim: for all signals, for one of them, and nothing made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prober.config import Region, load_region
from prober.destination import SIGNALS, Destination, Signal
from prober.errors import InputError

OTLP = "OTEL_EXPORTER_OTLP_"
ENDPOINT = {f"{OTLP}ENDPOINT": "https://all.example:4318"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "here.yaml").write_text("region: here\nbase_url: https://shop.example\n")
    return tmp_path


def region(folder: Path, **variables: str) -> Region:
    environ = {
        name if name.startswith("OTEL_") else OTLP + name: v for name, v in variables.items()
    }
    return load_region(folder / "here.yaml", environ)


def of(found: Region, signal: Signal) -> Destination:
    (destination,) = (each for each in found.otlp if signal in each.signals)
    return destination


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize(
    ("variable", "value", "key", "means"),
    [
        ("PROTOCOL", "grpc", "protocol", "grpc"),
        ("COMPRESSION", "none", "compression", "none"),
        ("TIMEOUT", "2500", "timeout_ms", 2500),
    ],
)
def test_a_variable_of_one_signal_is_for_that_signal(
    variable: str, value: str, key: str, means: Any, signal: Signal, folder: Path
) -> None:
    found = region(folder, **ENDPOINT, **{f"{signal.upper()}_{variable}": value})
    others = [each for each in SIGNALS if each != signal]
    assert getattr(of(found, signal), key) == means
    assert all(getattr(of(found, each), key) != means for each in others)
    assert {each.name for each in found.otlp} == {"otel"}, "its place in the journal stays"
    assert {of(found, each).url(each) for each in others} == {
        f"https://all.example:4318/v1/{each}" for each in others
    }
    everywhere = region(folder, **ENDPOINT, **{variable: value})
    assert [getattr(each, key) for each in everywhere.otlp] == [means]


def test_headers_of_one_signal_replace_those_of_all(folder: Path) -> None:
    found = region(
        folder,
        **ENDPOINT,
        HEADERS="api-key=general,tenant=shop",
        LOGS_HEADERS="api-key=of%20logs",
    )
    assert of(found, "logs").sent_headers() == {"api-key": "of logs"}
    assert of(found, "traces").sent_headers() == {"api-key": "general", "tenant": "shop"}
    assert len(found.otlp) == 2


def test_files_of_one_signal_go_before_those_of_all(folder: Path) -> None:
    files = {name: folder / f"{name}.pem" for name in ("ca", "logs_ca", "client", "key")}
    for file in files.values():
        file.touch()
    found = region(
        folder,
        **ENDPOINT,
        CERTIFICATE=str(files["ca"]),
        LOGS_CERTIFICATE=str(files["logs_ca"]),
        METRICS_CLIENT_CERTIFICATE=str(files["client"]),
        METRICS_CLIENT_KEY=str(files["key"]),
    )
    assert [of(found, signal).certificate for signal in SIGNALS] == [
        files["logs_ca"],
        files["ca"],
        files["ca"],
    ]
    assert of(found, "metrics").client_key == files["key"]
    assert of(found, "traces").client_certificate is None


@pytest.mark.parametrize(
    ("insecure", "url"),
    [
        ({}, "https://collector.example:4317"),
        ({"INSECURE": "TRUE"}, "http://collector.example:4317"),
        ({"INSECURE": "true", "METRICS_INSECURE": "false"}, "https://collector.example:4317"),
    ],
    ids=["with TLS by itself", "without when it is asked for", "for one signal"],
)
def test_grpc_may_leave_the_scheme_out(insecure: dict[str, str], url: str, folder: Path) -> None:
    found = region(folder, ENDPOINT="collector.example:4317", PROTOCOL="grpc", **insecure)
    assert of(found, "metrics").url("metrics") == url


def test_a_scheme_goes_before_insecure(folder: Path) -> None:
    found = region(folder, ENDPOINT="https://c.example:4317", PROTOCOL="grpc", INSECURE="true")
    assert of(found, "logs").url("logs") == "https://c.example:4317"


def test_a_signal_without_exporter_is_not_sent(folder: Path) -> None:
    found = region(folder, **ENDPOINT, OTEL_TRACES_EXPORTER="None")
    assert [each.signals for each in found.otlp] == [("logs", "metrics")]


def test_a_variable_that_is_empty_says_nothing(folder: Path) -> None:
    found = region(folder, **ENDPOINT, LOGS_ENDPOINT="", LOGS_PROTOCOL="", HEADERS="")
    (destination,) = found.otlp
    assert destination.url("logs") == "https://all.example:4318/v1/logs"


def test_a_mistake_in_a_variable_of_one_signal_is_told_with_its_name(folder: Path) -> None:
    with pytest.raises(InputError) as raised:
        region(folder, **ENDPOINT, TRACES_PROTOCOL="http/json", TRACES_TIMEOUT="soon")
    assert [problem.what for problem in raised.value.problems] == [
        "'${OTEL_EXPORTER_OTLP_TRACES_PROTOCOL}' is not known",
        "'${OTEL_EXPORTER_OTLP_TRACES_TIMEOUT}ms' is not a duration",
    ]


def test_two_destinations_with_one_name_share_no_signal(folder: Path) -> None:
    text = (folder / "here.yaml").read_text() + (
        "otlp:\n"
        "  - {name: a, endpoint: 'http://a', signals: [logs]}\n"
        "  - {name: a, endpoint: 'http://b', signals: [metrics]}\n"
    )
    (folder / "here.yaml").write_text(text)
    assert [each.endpoint for each in region(folder).otlp] == ["http://a", "http://b"]
    (folder / "here.yaml").write_text(text.replace("[metrics]", "[metrics, logs]"))
    with pytest.raises(InputError, match="otlp: a is there twice, remove or rename one"):
        region(folder)


def test_a_header_beyond_ascii_is_refused_and_blanks_at_its_ends_are_not_sent(folder: Path) -> None:
    with pytest.raises(InputError, match="the header holds more than ASCII"):
        region(folder, **ENDPOINT, HEADERS="authorization=Bearer%20%C3%BC")
    found = region(folder, **ENDPOINT, HEADERS="authorization=Bearer%20abc%20%20")
    assert of(found, "logs").sent_headers() == {"authorization": "Bearer abc"}
