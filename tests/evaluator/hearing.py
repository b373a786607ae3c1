"""Who hears of alerts in tests: a webhook's receiver, and a real Alertmanager."""

from __future__ import annotations

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from tests.conftest import BACKENDS, Server, require_backends, unused_port


class Request(NamedTuple):
    """What came."""

    path: str
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text)
        return found


class Receiver:
    """A web server that hears; it can refuse, redirect, hang, or be gone."""

    def __init__(self) -> None:
        #: Everything that came, and what of it was acknowledged.
        self.asked: list[Request] = []
        self.heard: list[Request] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.awake = threading.Event()
        self.awake.set()
        self.port = 0
        self.open()

    def open(self) -> None:
        """Listen, on the same port each time."""
        handler = type("Handler", (_Handler,), {"receiver": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        """Be gone: connections are refused."""
        self.awake.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The bodies of what was acknowledged."""
        return [request.body for request in self.heard]

    @property
    def told(self) -> list[tuple[str, ...]]:
        """The same as (status, rule or state, region) of each alert in them."""
        return [
            tuple(filter(None, (each["status"], each["state"] or each["rule"], each["region"])))
            for message in self.messages
            for each in message["alerts"]
        ]


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        receiver = self.receiver
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        request = Request(self.path, {k.lower(): v for k, v in self.headers.items()}, text)
        receiver.asked.append(request)
        receiver.awake.wait(60)
        status = receiver.status
        if 200 <= status < 300:
            receiver.heard.append(request)
        self.send_response_only(status)
        for name, value in {"Content-Length": "0", **receiver.headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        return


CONFIG = """\
route:
  receiver: hook
  group_by: ["..."]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1d
receivers:
  - name: hook
    webhook_configs:
      - url: {url}
        send_resolved: true
"""


class Alertmanager(Server):
    """A real one with storage of its own, which tells a webhook."""

    def __init__(self, directory: Path, url: str = "http://127.0.0.1:1") -> None:
        require_backends()
        port = unused_port()
        config = directory / "alertmanager.yml"
        config.write_text(CONFIG.format(url=url))
        command = [
            *_with_templates(),
            str(BACKENDS / "bin" / "prometheus-alertmanager"),
            f"--config.file={config}",
            f"--storage.path={directory / 'storage'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ]
        super().__init__(command, port, directory / "alertmanager.log", "/-/ready")

    def firing(self) -> dict[tuple[str, ...], dict[str, Any]]:
        """What fires there, by alertname and region."""
        reply = self.http.get("/api/v2/alerts").raise_for_status()
        alerts: list[dict[str, Any]] = reply.json()
        return {
            tuple(filter(None, (a["labels"]["alertname"], a["labels"].get("region")))): a
            for a in alerts
        }


def _with_templates() -> list[str]:
    """Debian's build wants templates in a place where the package was not installed.

    They are laid there for it alone, empty: a webhook needs none.
    """
    place = "/usr/share/prometheus/alertmanager"
    files = f"{place}/default.tmpl {place}/email.tmpl"
    laid = f"mount -t tmpfs none /usr/share && mkdir -p {place} && touch {files}"
    mapped = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", "--mount", *mapped, "bash", "-c", f'{laid} && exec "$@"', "bash"]


def rung(receiver: Receiver) -> list[tuple[str, str]]:
    """What an Alertmanager told its receiver, oldest first: (status, alertname)."""
    return [
        (alert["status"], alert["labels"]["alertname"])
        for request in receiver.heard
        for alert in request.body["alerts"]
    ]
