"""TLS by both protocols: authorities of one's own, client certificates, and clear refusals."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import grpc.aio
import pytest
import trustme

from prober.config import load_region
from prober.destination import Destination
from prober.errors import InputError
from prober.telemetry.exposition import exposition
from prober.telemetry.reply import Reply
from prober.telemetry.transport import Sender, sender

PROTOCOLS = ["http/protobuf", "grpc"]
To = Callable[..., Destination]


class Papers(NamedTuple):
    """An authority and what it signed, as files."""

    authority: trustme.CA
    server: trustme.LeafCert
    ca: str
    client: str
    key: str

    def mine(self) -> dict[str, str]:
        return {
            "certificate": self.ca,
            "client_certificate": self.client,
            "client_key": self.key,
        }


def papers_in(folder: Path, *hosts: str, **more: Any) -> Papers:
    """New papers in a folder, written over those that are there."""
    folder.mkdir(exist_ok=True)
    authority = trustme.CA()
    client = authority.issue_cert("prober@example.org")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    client.private_key_pem.write_to_path(folder / "client.key")
    client.cert_chain_pems[0].write_to_path(folder / "client.pem")
    server = authority.issue_cert(*(hosts or ("localhost",)), **more)
    files = (str(folder / name) for name in ("ca.pem", "client.pem", "client.key"))
    return Papers(authority, server, *files)


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return papers_in(tmp_path_factory.mktemp("papers"))


async def once(destination: Destination) -> Reply:
    """The reply to one request."""
    one = sender(destination, "logs")
    try:
        return await one.send(b"")
    finally:
        await one.close()


async def _accept(_: bytes, __: Any) -> bytes:
    return b""


class Server:
    """A destination with TLS, of either protocol."""

    def __init__(self, protocol: str, receiver: Any) -> None:
        self.protocol, self.receiver = protocol, receiver

    @asynccontextmanager
    async def running(
        self, papers: Papers, *, mutual: bool = False, version: Any = None
    ) -> AsyncIterator[str]:
        """Its address, for the length of a block."""
        if self.protocol == "http/protobuf":
            yield self.start_http(papers, mutual, version)
            return
        server = grpc.aio.server()
        try:
            yield await self._start_grpc(server, papers, mutual)
        finally:
            await server.stop(None)

    def start_http(self, papers: Papers, mutual: bool, version: Any) -> str:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        papers.server.configure_cert(context)
        if mutual:
            papers.authority.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        if version:
            context.maximum_version = version
        server = self.receiver()
        server.server.socket = context.wrap_socket(
            server.server.socket, server_side=True, do_handshake_on_connect=False
        )
        return str(server.url).replace("http://127.0.0.1", "https://localhost")

    async def _start_grpc(self, server: Any, papers: Papers, mutual: bool) -> str:
        service = "opentelemetry.proto.collector.logs.v1.LogsService"
        method = grpc.unary_unary_rpc_method_handler(_accept)
        server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(service, {"Export": method})]
        )
        chain = b"".join(pem.bytes() for pem in papers.server.cert_chain_pems)
        pair = (papers.server.private_key_pem.bytes(), chain)
        credentials = grpc.ssl_server_credentials(
            [pair], papers.authority.cert_pem.bytes() if mutual else None, mutual
        )
        port = server.add_secure_port("127.0.0.1:0", credentials)
        await server.start()
        return f"https://localhost:{port}"


@pytest.fixture(params=PROTOCOLS)
def server(request: pytest.FixtureRequest, receiver: Any) -> Server:
    return Server(request.param, receiver)


def send(
    server: Server,
    papers: Papers,
    to: To,
    *,
    mutual: bool = False,
    version: Any = None,
    **mine: str,
) -> Reply:
    async def main() -> Reply:
        async with server.running(papers, mutual=mutual, version=version) as url:
            return await once(to(url, protocol=server.protocol, **mine))

    return asyncio.run(main())


def test_an_authority_of_ones_own_is_trusted(server: Server, papers: Papers, to: To) -> None:
    assert send(server, papers, to, certificate=papers.ca).verdict == "accepted"


@pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"]
)
def test_a_client_certificate_is_shown_to_who_asks(
    version: Any, server: Server, papers: Papers, to: To
) -> None:
    reply = send(server, papers, to, mutual=True, version=version, **papers.mine())
    assert reply.verdict == "accepted"


def test_a_client_certificate_needs_no_authority_beside_it(
    papers: Papers, receiver: Any, to: To, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", papers.ca)
    mine = papers.mine()
    del mine["certificate"]
    one = Server("http/protobuf", receiver)
    assert send(one, papers, to, mutual=True, **mine).verdict == "accepted"


@pytest.mark.parametrize(
    ("hosts", "dates", "says"),
    [
        pytest.param(
            ("localhost",),
            {"not_after": datetime.now(UTC) - timedelta(days=1)},
            "its certificate is refused: certificate has expired, "
            "renew it there, or set this machine's clock right",
            id="expired",
        ),
        pytest.param(
            ("elsewhere.example",), {}, "use an address that it is for", id="of another host"
        ),
    ],
)
def test_a_certificate_that_is_not_good_gives_one_clear_error(
    hosts: tuple[str, ...],
    dates: dict[str, Any],
    says: str,
    server: Server,
    tmp_path: Path,
    to: To,
) -> None:
    papers = papers_in(tmp_path / "papers", *hosts, **dates)
    reply = send(server, papers, to, certificate=papers.ca)
    assert (reply.verdict, reply.error_type) == ("retry", "tls")
    assert says in reply.message
    assert "\n" not in reply.message
    assert len(reply.message) < 200


def test_an_authority_that_nobody_named_gives_one_clear_error(
    server: Server, papers: Papers, to: To
) -> None:
    reply = send(server, papers, to)
    assert (reply.verdict, reply.error_type) == ("retry", "tls")
    assert "its certificate is refused" in reply.message
    assert "name its authority in `certificate`" in reply.message


def test_a_client_certificate_of_strangers_or_none_is_refused(
    server: Server, papers: Papers, tmp_path: Path, to: To
) -> None:
    strangers = papers_in(tmp_path / "strangers").mine() | {"certificate": papers.ca}
    for mine in (strangers, {"certificate": papers.ca}):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            reply = send(server, papers, to, mutual=True, version=version, **mine)
            assert reply.verdict == "retry"
            assert reply.error_type in ("tls", "network", "UNAVAILABLE")
            assert reply.message


def test_http_where_tls_is_meant_is_said(server: Server, receiver: Any, to: To) -> None:
    plain = receiver()

    url = plain.url.replace("http://127.0.0.1", "https://localhost")
    reply = asyncio.run(once(to(url, protocol=server.protocol)))
    assert (reply.verdict, reply.error_type) == ("retry", "tls")
    assert "write http://" in reply.message


def test_the_variables_of_opentelemetry_name_the_files(
    server: Server, papers: Papers, tmp_path: Path
) -> None:
    (tmp_path / "here.yaml").write_text("region: here\nbase_url: https://shop.example\n")

    async def main() -> Reply:
        async with server.running(papers, mutual=True) as url:
            environ = {
                "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": url,
                "OTEL_EXPORTER_OTLP_PROTOCOL": server.protocol,
                "OTEL_EXPORTER_OTLP_CERTIFICATE": papers.ca,
                "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": papers.client,
                "OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY": papers.key,
            }
            (destination,) = load_region(tmp_path / "here.yaml", environ).otlp
            return await once(destination)

    assert asyncio.run(main()).verdict == "accepted"


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("which", ["certificate", "client_certificate", "client_key"])
def test_a_file_that_is_none_is_an_input_error(
    protocol: str, which: str, papers: Papers, tmp_path: Path, to: To
) -> None:
    (tmp_path / "broken.pem").write_text("hello")
    files = papers.mine() | {which: str(tmp_path / "broken.pem")}
    with pytest.raises(InputError, match=r"\.pem: cannot be used for TLS"):
        sender(to("https://localhost", protocol=protocol, **files), "logs")


def test_a_key_with_a_passphrase_is_an_input_error_and_no_question(
    papers: Papers, tmp_path: Path
) -> None:
    locked = tmp_path / "locked.key"
    command = ["openssl", "pkey", "-in", papers.key, "-aes256", "-passout", "pass:open-sesame"]
    subprocess.run([*command, "-out", str(locked)], check=True, capture_output=True)
    near, far = os.openpty()  # OpenSSL asks the terminal, if there is one
    script = f"""
import fcntl, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from prober.config import Destination
from prober.errors import InputError
from prober.telemetry.transport import sender
mine = {papers.mine() | {"client_key": str(locked)}!r}
try:
    sender(Destination(name="main", endpoint="https://localhost", **mine), "logs")
except InputError as error:
    raise SystemExit("cannot be used for TLS" not in str(error))
"""
    command = [sys.executable, "-c", script]
    asked = subprocess.run(
        command, stdin=far, stdout=far, stderr=far, start_new_session=True, timeout=60, check=False
    )
    os.close(near)
    os.close(far)
    assert asked.returncode == 0


def test_files_that_are_renewed_are_taken_up_without_a_restart(
    server: Server, tmp_path: Path, to: To
) -> None:
    """A server moves to a new authority, and the files follow; half written ones are waited for."""
    old = papers_in(tmp_path / "papers")
    said = []

    async def until(one: Sender, verdict: str) -> None:
        async with asyncio.timeout(60):
            while True:
                reply = await one.send(b"")
                said.append(reply.error_type)
                if reply.verdict == verdict:
                    return

    async def main() -> None:
        new = papers_in(tmp_path / "next")
        async with server.running(new, mutual=True) as url:
            one = sender(to(url, protocol=server.protocol, **old.mine()), "logs")
            try:
                await until(one, "retry")
                Path(old.ca).write_text("-----BEGIN CERT")
                await until(one, "retry")
                for name in ("ca.pem", "client.pem", "client.key"):
                    os.replace(tmp_path / "next" / name, tmp_path / "papers" / name)
                await until(one, "accepted")
            finally:
                await one.close()

    asyncio.run(main())
    assert set(said) <= {"", "tls", "network", "UNAVAILABLE"}


def test_an_expired_certificate_is_in_the_metrics_and_once_in_the_log(
    receiver: Any,
    tmp_path: Path,
    journal: Any,
    run: Any,
    to: To,
    shipping: Any,
    ship: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    papers = papers_in(tmp_path / "papers", "localhost", not_after=past)
    opened = journal()
    opened.write([run(0)])
    url = Server("http/protobuf", receiver).start_http(papers, mutual=False, version=None)
    one = shipping(opened, to(url, signals=("logs",), certificate=papers.ca))

    def counted() -> list[str]:
        page = exposition(opened, one.readings()).splitlines()
        return [line for line in page if "prober_export_errors" in line and 'type="tls"' in line]

    with caplog.at_level(logging.WARNING, "prober"):
        ship(one, lambda: [line for line in counted() if int(line.rsplit(" ", 1)[1]) > 2])
    assert caplog.text.count("certificate has expired") == 1
    assert "certificate has expired" in str(one.deliveries[0].health().last_error)
