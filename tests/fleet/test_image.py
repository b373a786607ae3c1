"""The image, read from inside of a running agent: what a page that breaks out would find."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.fleet.fleet import SECRETS, Fleet, docker, inspected

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(600)]

AGENT = "eu-west-1"
#: Prints the status of every process as one JSON object by pid.
STATUSES = """
import json, pathlib
found = {}
for place in pathlib.Path('/proc').glob('[0-9]*'):
    try:
        lines = (place / 'status').read_text().splitlines()
        arguments = (place / 'cmdline').read_bytes().replace(bytes(1), b' ').decode()
    except OSError:
        continue
    status = dict(line.split(':\\t', 1) for line in lines if ':\\t' in line)
    found[place.name] = status | {'Arguments': arguments}
print(json.dumps(found))
"""
#: Prints every environment and command line there is, as far as root may read them.
SHOWN = """
import pathlib, sys
for place in pathlib.Path('/proc').glob('[0-9]*'):
    for name in ('environ', 'cmdline'):
        try:
            sys.stdout.buffer.write((place / name).read_bytes() + b'\\n')
        except (FileNotFoundError, ProcessLookupError):
            pass
"""
#: Prints every path that may be written; a root that may be is one of them, whoever owns it.
WRITABLE = """
import os
for line in open('/proc/self/mountinfo'):
    fields = line.split()
    place, options, kind = fields[4], fields[5], fields[fields.index('-') + 1]
    if 'rw' not in options.split(',') or place.startswith(('/proc', '/dev/pts')):
        continue
    if place == '/' or os.access(place, os.W_OK):
        print(place)
    for top, directories, files in os.walk(place):
        directories[:] = [name for name in directories if not os.path.ismount(f'{top}/{name}')]
        for name in (*directories, *files):
            path = os.path.join(top, name)
            if not os.path.islink(path) and os.access(path, os.W_OK):
                print(path)
"""
#: Everybody may write to these, and nothing stays in them.
DEVICES = {f"/dev/{name}" for name in ("full", "null", "random", "tty", "urandom", "zero")}


@pytest.fixture(scope="module")
def statuses(fleet: Fleet) -> dict[str, dict[str, str]]:
    """By pid inside: what the kernel says of every process, once a page is open."""

    def seen() -> dict[str, dict[str, str]]:
        found = json.loads(fleet.inside(AGENT, "python", "-Ic", STATUSES))
        return found if renderers(found) else {}

    found: dict[str, dict[str, str]] = fleet.until(seen)
    return found


def renderers(statuses: dict[str, dict[str, str]]) -> list[dict[str, str]]:
    return [each for each in statuses.values() if "--type=renderer" in each["Arguments"]]


def test_every_process_is_the_same_user_without_a_right_or_a_way_to_get_one(
    statuses: dict[str, dict[str, str]],
) -> None:
    assert "tini" in statuses["1"]["Name"]
    for status in statuses.values():
        assert set(status["Uid"].split()) == {"10001"}
        assert set(status["Gid"].split()) == {"10001"}
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"
        if "--type" not in status["Arguments"]:  # those have namespaces of their own
            for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb"):
                assert int(status[name], 16) == 0, (name, status)


def test_the_renderer_is_in_chromiums_sandbox(statuses: dict[str, dict[str, str]]) -> None:
    outside = statuses["1"]
    for renderer in renderers(statuses):
        assert "--no-sandbox" not in renderer["Arguments"]
        # Namespaces of its own, in which it holds no right, and a filter of its own.
        assert len(renderer["NSpid"].split()) > len(outside["NSpid"].split())
        assert int(renderer["Seccomp_filters"]) > int(outside["Seccomp_filters"])
        assert int(renderer["CapEff"], 16) == int(renderer["CapPrm"], 16) == 0


def test_the_agent_says_that_the_sandbox_is_on(fleet: Fleet) -> None:
    ask = "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8750)"
    ask += "; c.request('GET', '/readyz'); print(c.getresponse().read().decode())"
    assert json.loads(fleet.inside(AGENT, "python", "-Ic", ask))["sandbox"] == "on"


def test_no_secret_is_in_any_environment_or_command_line(fleet: Fleet) -> None:
    as_root = ("--rm", "--user", "0", "--cap-add", "SYS_PTRACE", "--entrypoint", "python")
    for service in (AGENT, "evaluator", "shop"):
        container = fleet.container(service)
        beside = (*as_root, f"--pid=container:{container}", inspected(container)["Image"])
        shown = docker("run", *beside, "-Ic", SHOWN)
        assert "prober" in shown
        assert not [name for name, value in SECRETS.items() if value in shown], service
    known = docker("inspect", fleet.container(AGENT), fleet.container("evaluator"))
    assert not [name for name, value in SECRETS.items() if value in known]


@pytest.mark.parametrize("service", [AGENT, "evaluator", "shop"])
def test_nothing_can_be_written_but_data_and_what_is_temporary(fleet: Fleet, service: str) -> None:
    writable = fleet.inside(service, "python", "-Ic", WRITABLE).splitlines()
    assert {"/data", "/tmp"} <= set(writable)
    elsewhere = {path for path in writable if not path.startswith(("/data", "/tmp"))}
    assert elsewhere - DEVICES == set()


def test_health_is_asked_and_told(fleet: Fleet) -> None:
    test: list[str] = inspected(fleet.container(AGENT))["Config"]["Healthcheck"]["Test"]
    assert test[0] == "CMD"
    for service, code in ((AGENT, 0), ("evaluator", 0), ("shop", 1)):  # that one listens elsewhere
        command = ["docker", "exec", fleet.container(service), *test[1:]]
        assert subprocess.run(command, capture_output=True).returncode == code, service


def test_the_image_says_what_it_is_and_holds_nothing_to_build_with(fleet: Fleet) -> None:
    image: dict[str, Any] = inspected(inspected(fleet.container(AGENT))["Image"])
    labels = image["Config"]["Labels"]
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert len(labels["org.opencontainers.image.revision"]) >= 7
    look = "for name in pip pip3 gcc cc make git; do command -v $name; done; python -m pip; true"
    assert fleet.inside(AGENT, "sh", "-c", look) == ""
    assert fleet.inside(AGENT, "prober", "--help").lstrip().startswith("Usage")
