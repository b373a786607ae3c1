"""Who hears of alerts in tests: a webhook's receiver, and a real Alertmanager."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.conftest import BACKENDS, Server, require_backends, unused_port
from tests.listening import Listener, Request


class Receiver(Listener):
    """A webhook's receiver."""

    def __init__(self) -> None:
        #: What was acknowledged of all that came.
        self.heard: list[Request] = []
        super().__init__()

    def answer(self, request: Request, status: int) -> dict[str, str]:
        """A reply of the 200 class acknowledges it."""
        if 200 <= status < 300:
            self.heard.append(request)
        return super().answer(request, status)

    @property
    def url(self) -> str:
        return f"{super().url}/hook"

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
