"""A region file says where journeys run; its defaults, its secrets, its fit with journeys."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from jsonschema_rs import validator_for
from ruamel.yaml import YAML

from prober.config import (
    Address,
    Control,
    Region,
    Viewport,
    check_region,
    load_region,
    load_regions,
    resolve,
    schema,
)
from prober.destination import SIGNALS, Destination, Signal
from prober.errors import InputError
from prober.journey import Journey
from prober.origin import SecretSource, names_of
from tests.conftest import ROOT

TOKEN = "correct-horse-battery"
FULL = """\
region: eu-west-1
fleet: [us-east-1, ap-south-1, eu-west-1]
base_url: https://shop.example:8443/
first_party: [CDN.example]
allow_hosts: [127.0.0.1, "::1", localhost]
journeys:
  checkout: {every: 10m, timeout: 30s}
  login: {paused: true}
only: [checkout, login]
secrets:
  shop_password: ${SHOP_PASSWORD}
otlp:
  - name: main
    endpoint: https://otel.example:4318/
    headers: {Authorization: "Bearer ${TOKEN}"}
  - name: metrics
    endpoint: http://metrics.example:4317
    signals: [metrics]
    protocol: grpc
    compression: none
    timeout: 3s
metrics_interval: 30s
isolation: process
concurrency: 3
sandbox: off
saturation: off
data: /var/lib/prober
listen: 0.0.0.0:9000
locale: de-DE
timezone: Europe/Berlin
viewport: {width: 390, height: 844}
user_agent_suffix: ShopProbe
artefacts: {keep: 30d, most: 200MB, copy_to: "file:///srv/evidence"}
control: {references: ["https://one.example/up", "tcp://10.0.0.53:53"], every: 1m, timeout: 2s}
"""
MINIMAL = "region: eu\nbase_url: https://shop.example\n"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """`write(text, name)`: the path of a region file."""

    def write(text: str, name: str = "eu") -> Path:
        path = tmp_path / f"{name}.yaml"
        path.write_text(text)
        return path

    return write


def journey(name: str, *secrets: str) -> Journey:
    return Journey(
        name=name,
        file=f"{name}.py",
        line=1,
        every_ms=300_000,
        timeout_ms=60_000,
        max_duration_ms=None,
        secrets=secrets,
        browser="headless-shell",
        parameters=("page",),
        summary="",
        hash="",
    )


def complaint(load: Callable[[], object]) -> list[str]:
    with pytest.raises(InputError) as caught:
        load()
    return str(caught.value).splitlines()


def test_every_key_is_read(write: Write) -> None:
    environ = {"SHOP_PASSWORD": TOKEN, "TOKEN": TOKEN}
    region = load_region(write(FULL, "eu-west-1"), environ)
    main, metrics = region.otlp
    assert region.position == Fraction(1, 3)
    assert region.base_url == "https://shop.example:8443"
    assert (region.first_party, region.allow_hosts) == (
        ("cdn.example",),
        ("127.0.0.1", "::1", "localhost"),
    )
    assert region.secrets["shop_password"].get_secret_value() == TOKEN
    assert main.headers["Authorization"].get_secret_value() == f"Bearer {TOKEN}"
    assert (main.signals, main.protocol, main.compression) == (SIGNALS, "http/protobuf", "gzip")
    assert (metrics.signals, metrics.protocol, metrics.timeout_ms) == (("metrics",), "grpc", 3000)
    assert (region.metrics_interval_ms, region.isolation, region.concurrency) == (
        30_000,
        "process",
        3,
    )
    assert (region.sandbox, region.saturation) == ("off", "off")
    assert region.data == Path("/var/lib/prober")
    assert region.listen == Address("0.0.0.0", 9000)
    assert (region.locale, region.timezone) == ("de-DE", "Europe/Berlin")
    assert region.viewport == Viewport(width=390, height=844)
    assert region.user_agent_suffix == "ShopProbe"
    assert region.control.references == ("https://one.example/up", "tcp://10.0.0.53:53")
    assert (region.control.every_ms, region.control.timeout_ms) == (60_000, 2000)


def test_what_is_left_out_has_a_default(write: Write) -> None:
    region = load_region(write(MINIMAL), {})
    assert (region.name, region.fleet, region.position) == ("eu", ("eu",), Fraction(0))
    assert (region.otlp, region.secrets, region.only, region.listen) == ((), {}, (), None)
    assert (region.metrics_interval_ms, region.isolation, region.sandbox) == (
        15_000,
        "browser",
        "on",
    )
    assert region.saturation == "on"
    assert region.concurrency >= 1
    assert region.data == Path(".prober/eu")
    assert (region.locale, region.timezone, region.viewport) == (
        "en-US",
        "UTC",
        Viewport(width=1280, height=720),
    )
    assert region.control == Control()
    assert region.user_agent_suffix.startswith("Prober")
    assert region.user_agent_suffix.endswith("(synthetic)")


def test_the_fleet_is_all_region_files_unless_it_is_listed(write: Write) -> None:
    paths = [write(f"region: {name}\nbase_url: http://a.example\n", name) for name in "cab"]
    write("services: {}\n", "compose")
    assert [load_region(path, {}).position for path in paths] == [
        Fraction(2, 3),
        Fraction(0),
        Fraction(1, 3),
    ]


def test_a_secret_is_never_shown(write: Write) -> None:
    environ = {"SHOP_PASSWORD": TOKEN, "TOKEN": TOKEN}
    region = load_region(write(FULL, "eu-west-1"), environ)
    shown = [repr(region), str(region), repr(region.otlp), str(region.model_dump())]
    assert not any(TOKEN in text for text in shown)


def test_a_mistake_of_a_list_does_not_show_what_its_items_held(write: Write) -> None:
    path = write(MINIMAL + "fleet: [eu, '${TOKEN}', '${TOKEN}']\n")
    assert complaint(lambda: load_region(path, {"TOKEN": TOKEN})) == [
        f"{path}:3: fleet: what ${{TOKEN}} stands for cannot be used here, "
        "write what this key takes"
    ]


def test_a_region_survives_the_way_to_another_process(write: Write) -> None:
    region = load_region(write(MINIMAL), {})
    assert pickle.loads(pickle.dumps(region)) == region


def test_a_region_cannot_be_changed(write: Write) -> None:
    region = load_region(write(MINIMAL), {})
    with pytest.raises(ValueError, match="frozen"):
        region.name = "us"  # type: ignore[misc]  # that it is refused is what is tested


@pytest.mark.parametrize(
    ("protocol", "signal", "url"),
    [
        ("http/protobuf", "traces", "https://o.example/v1/traces"),
        ("http/protobuf", "logs", "https://l.example/push"),
        ("grpc", "traces", "https://o.example"),
        ("grpc", "logs", "https://l.example/push"),
    ],
)
def test_a_signal_has_its_url(protocol: str, signal: Signal, url: str) -> None:
    keys = {
        "name": "main",
        "endpoint": "https://o.example/",
        "endpoints": {"logs": "https://l.example/push"},
        "protocol": protocol,
    }
    destination = Destination.model_validate(keys)
    assert destination.url(signal) == url


def test_without_otlp_the_destination_is_what_the_environment_says(
    write: Write, tmp_path: Path
) -> None:
    certificate = tmp_path / "ca.pem"
    certificate.touch()
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.example:4318",
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "https://logs.example/otlp",
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b${c},tenant=shop",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": str(certificate),
        "OTEL_METRIC_EXPORT_INTERVAL": "60000",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "Cumulative",
    }
    region = load_region(write(MINIMAL), environ)
    (destination,) = region.otlp
    assert [destination.url(signal) for signal in SIGNALS] == [
        "https://logs.example/otlp",
        "https://collector.example:4318/v1/metrics",
        "https://collector.example:4318/v1/traces",
    ]
    headers = {name: value.get_secret_value() for name, value in destination.headers.items()}
    assert headers == {"api-key": "a b${c}", "tenant": "shop"}
    assert (destination.compression, destination.timeout_ms) == ("none", 2500)
    assert (destination.certificate, region.metrics_interval_ms) == (certificate, 60_000)
    assert destination.signals == SIGNALS


def test_a_certificate_that_cannot_be_looked_at_is_not_there(write: Write) -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.example:4318",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": "too-long" * 40,
    }
    with pytest.raises(InputError, match="is not a file that is there, write the path of one"):
        load_region(write(MINIMAL), environ)


def test_an_endpoint_of_one_signal_alone_sends_only_that(write: Write) -> None:
    environ = {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://metrics.example/v1/metrics"}
    (destination,) = load_region(write(MINIMAL), environ).otlp
    assert destination.signals == ("metrics",)
    assert destination.url("metrics") == "http://metrics.example/v1/metrics"


@pytest.mark.parametrize(
    ("text", "environ"),
    [
        pytest.param(MINIMAL, {"OTEL_SDK_DISABLED": "TRUE"}, id="when telemetry is disabled"),
        pytest.param(MINIMAL + "otlp: []\n", {}, id="when the file says none"),
    ],
)
def test_nothing_is_sent(write: Write, text: str, environ: dict[str, str]) -> None:
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.example:4318"}
    assert load_region(write(text), endpoint | environ).otlp == ()


def test_a_wrong_environment_is_told_without_its_values(write: Write) -> None:
    path = write(MINIMAL)
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "collector-of-ours",
        "OTEL_EXPORTER_OTLP_HEADERS": "only-a-token",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2.5s",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
        "OTEL_METRIC_EXPORT_INTERVAL": "often",
    }
    assert complaint(lambda: load_region(path, environ)) == [
        f"{path}: metrics_interval: '${{OTEL_METRIC_EXPORT_INTERVAL}}ms' is not a duration, "
        "write a number and ms, s, m, h, d or w: 90s",
        f"{path}: otlp[0].endpoint: '${{OTEL_EXPORTER_OTLP_ENDPOINT}}' is not a web address, "
        "write http:// or https:// and a host",
        f"{path}: otlp[0].headers.?: '?' is not a header, write such as Authorization",
        f"{path}: otlp[0].protocol: '${{OTEL_EXPORTER_OTLP_PROTOCOL}}' is not known, "
        "write http/protobuf or grpc",
        f"{path}: otlp[0].timeout: '${{OTEL_EXPORTER_OTLP_TIMEOUT}}ms' is not a duration, "
        "write a number and ms, s, m, h, d or w: 90s",
    ]


def test_counters_that_start_again_from_zero_are_refused(write: Write) -> None:
    path = write(MINIMAL)
    environ = {"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta"}
    (line,) = complaint(lambda: load_region(path, environ))
    assert line.endswith("asks for other than cumulative, which a restart would falsify, unset it")


@pytest.mark.parametrize("line", ["a\nb", "a\0b"], ids=["a line break", "a zero"])
def test_a_header_with_a_control_character_is_refused(write: Write, line: str) -> None:
    path = write(MINIMAL + "otlp: [{name: a, endpoint: 'http://a', headers: {X: '${TOKEN}'}}]\n")
    assert complaint(lambda: load_region(path, {"TOKEN": line})) == [
        f"{path}:3: otlp[0].headers.X: the header holds a line break or a control character, "
        "take it out"
    ]


@pytest.mark.parametrize(
    "url",
    ["", "shop.example", "ftp://shop.example", "http://", "http://a:port", "http://[::1", "//a"],
)
def test_what_is_no_web_address_is_refused(write: Write, url: str) -> None:
    path = write(f"region: eu\nbase_url: '{url}'\n")
    (line,) = complaint(lambda: load_region(path, {}))
    assert "is not a web address, write http:// or https:// and a host" in line


@pytest.mark.parametrize(
    "listen", ["9000", ":9000", "localhost", "localhost:", "localhost:70000", "a b:1", "::1:80"]
)
def test_what_is_no_address_to_listen_on_is_refused(write: Write, listen: str) -> None:
    path = write(f"{MINIMAL}listen: '{listen}'\n")
    (line,) = complaint(lambda: load_region(path, {}))
    assert "is not host:port" in line


def test_an_address_of_the_sixth_version_is_written_in_brackets(write: Write) -> None:
    region = load_region(write(MINIMAL + "listen: '[::1]:9000'\n"), {})
    assert region.listen == Address("::1", 9000)


@pytest.mark.parametrize("zone", ["", "Mars/Base", "../../etc/passwd", "Europe", "/etc/localtime"])
def test_what_is_no_time_zone_is_refused(write: Write, zone: str) -> None:
    path = write(f"{MINIMAL}timezone: '{zone}'\n")
    (line,) = complaint(lambda: load_region(path, {}))
    assert "is not a time zone, write one such as Europe/Berlin" in line


def test_all_regions_of_a_directory_are_loaded(write: Write, tmp_path: Path) -> None:
    for name in ("us", "eu"):
        write(f"region: {name}\nbase_url: http://a.example\n", name)
    assert list(load_regions(tmp_path, {})) == ["eu", "us"]


def test_all_problems_of_a_directory_are_told_at_once(write: Write, tmp_path: Path) -> None:
    write("region: eu\nbase_url: http://a.example\nsandbox: maybe\n")
    write("region: usa\nbase_url: http://a.example\n", "us")
    (tmp_path / "ap.yml").touch()
    assert complaint(lambda: load_regions(tmp_path, {})) == [
        f"{tmp_path}/ap.yml: is not read, rename it to ap.yaml",
        f"{tmp_path}/eu.yaml:3: sandbox: 'maybe' is not known, write on or off",
        f"{tmp_path}/us.yaml:1: region: differs from the file's name, us.yaml, "
        "write us or rename the file",
    ]


def test_regions_must_know_of_the_same_fleet(write: Write, tmp_path: Path) -> None:
    write("region: ap\nbase_url: http://a.example\n", "ap")
    write("region: eu\nbase_url: http://a.example\nfleet: [eu, us]\n")
    assert complaint(lambda: load_regions(tmp_path, {})) == [
        f"{tmp_path}/eu.yaml:3: fleet: differs from that of region ap, "
        "list the same regions in every file"
    ]


def test_a_directory_without_regions_is_a_problem(tmp_path: Path) -> None:
    assert complaint(lambda: load_regions(tmp_path, {})) == [
        f"{tmp_path}: there is no region here, write one region to a file, such as eu-west-1.yaml"
    ]


@pytest.fixture
def region(write: Write) -> Region:
    text = """\
region: eu
base_url: https://shop.example
secrets: {shop_password: correct-horse}
only: [checkout, login]
journeys:
  checkout: {every: 2m, timeout: 30s}
  login: {paused: true}
"""
    return load_region(write(text), {})


def test_journeys_run_with_the_overrides_of_their_region(region: Region) -> None:
    checkout, login, search = journey("checkout"), journey("login"), journey("search")
    assert resolve(region, [checkout, login, search]) == [
        replace(checkout, every_ms=120_000, timeout_ms=30_000),
        login,
    ]
    assert [region.paused(name) for name in ("checkout", "login", "search")] == [
        False,
        True,
        False,
    ]


def test_a_region_without_restriction_runs_every_journey(write: Write) -> None:
    journeys = [journey("checkout"), journey("search")]
    assert resolve(load_region(write(MINIMAL), {}), journeys) == journeys


def test_a_region_that_fits_its_journeys_has_no_problem(region: Region) -> None:
    journeys = [journey("checkout", "shop_password"), journey("login"), journey("search", "other")]
    assert check_region(region, journeys) == []


def test_what_a_region_and_its_journeys_do_not_agree_on_is_told(
    write: Write,
) -> None:
    text = """\
region: eu
base_url: https://shop.example
secrets: {a_token: correct-horse}
only: [checkout, serch]
journeys:
  checkout: {every: 1m}
  logn: {paused: true}
"""
    path = write(text)
    region = load_region(path, {})
    journeys = [journey("checkout", "shop_password"), journey("login"), journey("search")]
    assert [str(problem) for problem in sorted(check_region(region, journeys))] == [
        f"{path}:3: secrets.shop_password: journey checkout asks for it and it is not given, "
        "write shop_password: ${SHOP_PASSWORD}",
        f"{path}:4: only[1]: there is no journey serch, did you mean search?",
        f"{path}:6: journeys.checkout: timeout 1m is not below every 1m: a run could still be "
        "going when the next is due, write timeout: 30s or less",
        f"{path}:7: journeys.logn: there is no journey logn, did you mean login?",
    ]


def test_the_published_schema_is_the_schema() -> None:
    """When it is not: write `json.dumps(schema(), indent=2)` and a line break to the file."""
    assert json.loads((ROOT / "docs" / "region.schema.json").read_text()) == schema()


def test_the_schema_takes_what_the_reader_takes() -> None:
    validator, files = validator_for(schema()), sorted((ROOT / "regions").glob("*-*.yaml"))
    for text in (FULL, MINIMAL, *(file.read_text() for file in files)):
        validator.validate(YAML(typ="safe").load(text))


@pytest.mark.parametrize(
    "line",
    [
        "unknown: key",
        "sandbox: perhaps",
        "concurrency: ${MANY}",
        "metrics_interval: 15",
        "listen: 9000",
        "journeys: {checkout: {every: often}}",
        "secrets: {shop_password: {nowhere: /run}}",
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(line: str, write: Write) -> None:
    text = f"region: eu-west-1\nbase_url: https://shop.example\n{line}\n"
    assert not validator_for(schema()).is_valid(YAML(typ="safe").load(text))
    with pytest.raises(InputError):
        load_region(write(text, "eu-west-1"), {"MANY": "3"})


ACCOUNTS = """\
region: eu
base_url: https://shop.example
secrets: {shop_key: correct-horse}
accounts:
  shopper:
    - {user: ada-one, password: "${PASSWORD}"}
    - {user: {file: USER}, password: {command: [pass, two], keep: 1m}, totp: JBSWY3DPEHPK3PXP}
"""


def test_accounts_are_secrets_that_belong_together(write: Write, tmp_path: Path) -> None:
    user = tmp_path / "user"
    user.write_text("ada-two\n")
    region = load_region(write(ACCOUNTS.replace("USER", str(user))), {"PASSWORD": TOKEN})
    origins = region.origins
    assert [*origins] == [
        *("shop_key", "shopper[0].user", "shopper[0].password"),
        *("shopper[1].user", "shopper[1].password", "shopper[1].totp"),
    ]
    assert (origins["shopper[0].user"], origins["shopper[0].password"]) == ("ada-one", TOKEN)
    command = origins["shopper[1].password"]
    assert isinstance(command, SecretSource)
    assert (command.command, command.keep_ms) == (("pass", "two"), 60_000)
    assert names_of(region.accounts)["shopper"][0] == ("shopper[0].user", "shopper[0].password")
    assert not [value for value in (TOKEN, "ada-one") if value in repr(region)]
    user.chmod(0o644)
    [exposed] = region.exposed
    assert str(exposed).startswith(f"{tmp_path / 'eu.yaml'}:7: accounts.shopper[1].user: every")


def test_an_account_that_cannot_be_read_is_told_by_its_place(write: Write, tmp_path: Path) -> None:
    path = write(ACCOUNTS.replace("USER", str(tmp_path / "none")))
    [line] = complaint(lambda: load_region(path, {"PASSWORD": TOKEN}))
    assert line.startswith(f"{path}:7: accounts.shopper[1].user: its file cannot be read")


def test_a_journey_that_asks_for_accounts_that_there_are_not_is_told(region: Region) -> None:
    [problem] = check_region(region, [replace(journey("checkout"), accounts=("shopper",)),
                                      journey("login")])  # fmt: skip
    assert (problem.path, problem.what, problem.mend) == (
        "accounts.shopper",
        "journey checkout asks for an account of it and there is none",
        "write shopper: [{user: …, password: …}]",
    )
