"""`prober run` as a person or a pipeline meets it: a process, its output, its exit code."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import psutil
import pytest

from prober.demo.faults import FAULTS
from tests.conftest import ROOT, Shop, wait_until

pytestmark = pytest.mark.browser

PROBER = Path(sys.executable).parent / "prober"
TIMEOUTS = {"checkout": "9s", "login": "9s", "account_api": "4s"}
#: Fault, cause and failing step of the checkout.
CHECKOUT = {
    "slow": ("timeout", "pay"),
    "error": ("http_status", "pay"),
    "error_empty": ("http_status", "pay"),
    "wrong_total": ("assertion", "confirmation"),
    "missing_button": ("assertion", "pay"),
    "hang": ("timeout", "pay"),
    "reset": ("network", "pay"),
    "expired_session": ("assertion", "pay"),
}
LOGIN = {
    "missing_button": ("assertion", "sign in"),
    "reset": ("network", "open shop"),
}
API = {
    "slow": ("timeout", "get token"),
    "error": ("http_status", "get token"),
    "error_empty": ("http_status", "get token"),
    "wrong_total": ("assertion", "read account"),
    "hang": ("timeout", "get token"),
    "reset": ("network", "get token"),
    "expired_session": ("http_status", "read account"),
}
#: One fault of each kind: a wrong answer, an error, none at all. All of them take minutes.
ALWAYS = {"wrong_total", "error", "hang"}
BROKEN = [
    pytest.param(
        journey, where, fault, *expected, id=f"{journey} under {fault}",
        marks=() if fault in ALWAYS or where == "api" else pytest.mark.long,
    )
    for journey, where, faults in (
        ("checkout", "checkout", CHECKOUT), ("login", "login", LOGIN), ("account_api", "api", API),
    )
    for fault, expected in faults.items()
]  # fmt: skip
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def command(tmp_path: Path, shop: Shop) -> list[str]:
    """`prober run` with a region for the shop and temporary files of its own."""
    regions = tmp_path / "regions"
    regions.mkdir()
    overrides = "".join(
        f"  {name}:\n    timeout: {timeout}\n" for name, timeout in TIMEOUTS.items()
    )
    (regions / "here.yaml").write_text(
        f"region: here\nbase_url: {shop.url}\njourneys:\n{overrides}"
        "secrets:\n  shop_user: ada@shop.example\n  shop_password: analytical-engine\n"
        f"sandbox: {'off' if os.geteuid() == 0 else 'on'}\nsaturation: off\n"
        f"data: {tmp_path / 'data'}\n"
    )
    (tmp_path / "tmp").mkdir()
    shutil.copytree(ROOT / "journeys", tmp_path / "journeys")
    for name in ("checkout", "login"):  # as they are, but quicker to give up
        with (tmp_path / "journeys" / f"{name}.py").open("a") as file:
            file.write("\n\nexpect.set_options(timeout=3000)\n")
    where = ["--regions", str(regions), "--journeys", str(tmp_path / "journeys")]
    return [str(PROBER), "run", *where]


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    """The shell's, without what would colour the output, and its own temporary directory."""
    names = os.environ.keys() - {"FORCE_COLOR", "NO_COLOR", "CI", "COLUMNS"}
    kept = {name: os.environ[name] for name in names}
    return kept | {"TMPDIR": str(tmp_path / "tmp"), "COLUMNS": "200"} | more


@pytest.fixture
def prober(tmp_path: Path, command: list[str]) -> Run:
    """`prober(*arguments, **environ)`: `prober run` to its end; nothing is left of it."""

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        found = subprocess.run(
            [*command, *arguments],
            env=environment(tmp_path, **more),
            capture_output=True,
            text=True,
            timeout=90,
            cwd=tmp_path,
        )
        assert "Traceback" not in found.stdout + found.stderr
        assert leavings(tmp_path) == []
        return found

    return run


def leavings(tmp_path: Path) -> list[str]:
    """Files and processes of a command that has ended; the machine's allowance may stay."""
    files = [path.name for path in (tmp_path / "tmp").glob("*") if "allowance" not in path.name]
    return files + [f"{process}" for process in offspring(tmp_path)]


def offspring(tmp_path: Path) -> list[psutil.Process]:
    """Processes whose temporary files are below the command's."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(tmp_path / "tmp") in process.environ().get("TMPDIR", ""):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def record(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The one object on stdout, its only run."""
    [run] = json.loads(done.stdout)["runs"]
    return dict(run)


def test_a_healthy_shop_passes_step_by_step(prober: Run) -> None:
    done = prober("checkout")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    steps = ["open shop", "sign in", "add to cart", "pay", "confirmation"]
    assert lines[0].split() == ["checkout", "here"]
    assert [line.split("✓")[1].strip().rsplit("  ", 1)[0].strip() for line in lines[1:6]] == steps
    assert lines[6].startswith("passed in ")
    assert done.stderr == ""
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(("journey", "where", "fault", "cause", "step"), BROKEN)
def test_a_broken_shop_fails(
    prober: Run, shop: Shop, journey: str, where: str, fault: str, cause: str, step: str
) -> None:
    shop.fault(fault, where)
    done = prober(journey, "--json")
    assert done.returncode == 1
    run = record(done)
    assert (run["outcome"], run["cause"], run["step"]) == ("failed", cause, step)
    assert [step["outcome"] for step in run["steps"]][-1] == "failed"
    silent = "5xx" not in run["responses"]
    assert silent is (fault not in ("error", "error_empty"))


def test_every_fault_of_the_checkout_is_tried() -> None:
    assert FAULTS.keys() == CHECKOUT.keys()


def test_a_failure_says_for_people_what_and_where(prober: Run, shop: Shop) -> None:
    shop.fault("wrong_total")
    done = prober("checkout")
    assert done.returncode == 1
    assert "✗ confirmation" in done.stdout
    assert "failed (assertion) in" in done.stdout
    assert "step: confirmation" in done.stdout
    assert "order-total: did not hold" in done.stdout
    assert "silent: the browser saw no first-party 5xx" in done.stdout
    [picture] = re.findall(r"evidence: (\S+\.png)", done.stdout)
    assert Path(picture).stat().st_size > 0
    assert "analytical-engine" not in done.stdout + done.stderr


@pytest.mark.long
def test_the_total_of_an_order_is_an_assertion_of_its_own(prober: Run, shop: Shop) -> None:
    held = record(prober("checkout", "--json"))["held"]
    shop.fault("wrong_total")
    assert (held, record(prober("checkout", "--json"))["held"]) == (
        {"order-total": True},
        {"order-total": False},
    )


def test_json_is_one_object_and_nothing_else(prober: Run) -> None:
    done = prober("account_api", "--json", "--repeat", "3")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert (found["journey"], found["region"], found["outcome"]) == (
        "account_api", "here", "passed",
    )  # fmt: skip
    assert [run["outcome"] for run in found["runs"]] == ["passed"] * 3
    assert {run["id"]["kind"] for run in found["runs"]} == {"manual"}
    assert len({run["id"]["slot_ms"] for run in found["runs"]}) == 3


def test_repeat_shows_every_run(prober: Run) -> None:
    done = prober("account_api", "--repeat", "3")
    assert done.returncode == 0
    assert done.stdout.count("passed in") == 3
    assert (
        "3 runs: 3 passed, 0 failed, 0 inconclusive\nsteady: 3 of 3 verdicts passed" in done.stdout
    )
    rows = [line.split() for line in done.stdout.split("run by run")[1].splitlines()]
    assert [row[:2] for row in rows[1:]] == [
        ["get", "token"],
        ["read", "account"],
        ["whole", "run"],
    ]


def test_a_shop_that_breaks_between_two_runs_makes_a_journey_flaky(
    tmp_path: Path, command: list[str], shop: Shop
) -> None:
    with start(tmp_path, command, "account_api", "--repeat", "40") as running:
        assert running.stdout
        lines = iter(running.stdout.readline, "")
        assert any("passed in" in line for line in lines)
        shop.fault("error", "api")
        try:
            assert any("failed (http_status)" in line for line in lines)
        finally:
            shop.fault(None)
        out, _ = running.communicate(timeout=90)
    assert running.returncode == 1
    assert "flaky: " in out
    assert "× get token: http_status (run " in out


def test_a_journey_that_is_watched_runs_again_when_it_is_saved(
    tmp_path: Path, command: list[str], shop: Shop
) -> None:
    file = tmp_path / "journeys" / "account_api.py"
    good = file.read_text()
    with start(tmp_path, command, "account_api", "--watch") as running:
        assert running.stdout
        lines = iter(running.stdout.readline, "")
        assert any("passed in" in line for line in lines)
        assert any("waiting for a change, Ctrl-C ends" in line for line in lines)
        file.write_text(good.replace("every=", "evry="))
        assert any("account_api.py changed" in line for line in lines)
        assert any("waiting for a change" in line for line in lines)
        file.write_text(good.replace('"get token"', '"get a token"'))
        assert any("✓ get a token" in line for line in lines)
        assert any("waiting for a change" in line for line in lines)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
    assert running.returncode == 0
    assert "account_api.py" in err
    assert "evry" in err
    assert "Traceback" not in err
    assert leavings(tmp_path) == []


def test_a_trace_is_kept_and_named_even_when_all_is_well(prober: Run) -> None:
    done = prober("login", "--trace")
    assert done.returncode == 0
    [trace] = re.findall(r"evidence: (\S+trace\.zip)", done.stdout)
    with ZipFile(trace) as archive:
        assert archive.testzip() is None
        everything = b"".join(map(archive.read, archive.namelist()))
    assert b"analytical-engine" not in everything


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["chekcout"], "there is no journey 'chekcout'"),
        (["checkout", "--region", "mars"], "there is no region 'mars'"),
        (["checkout", "--journeys", "nowhere"], "nowhere: there is no such directory"),
        (["checkout", "--regions", "nowhere"], "nowhere: there is no region here"),
    ],
)
def test_a_wrong_word_is_one_line_and_exit_2(prober: Run, arguments: list[str], said: str) -> None:
    done = prober(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [["checkout", "--repeat", "0"], [], ["checkout", "--nope"], ["checkout", "--watch", "--json"]],
)
def test_wrong_usage_is_exit_2(prober: Run, arguments: list[str]) -> None:
    assert prober(*arguments).returncode == 2


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there always is a display")
def test_a_browser_that_nobody_could_see_is_exit_2(prober: Run) -> None:
    done = prober("checkout", "--headed", DISPLAY="", WAYLAND_DISPLAY="")
    assert (done.returncode, done.stdout, done.stderr) == (
        2,
        "",
        "prober: there is no display here to show a browser on, leave out --headed\n",
    )


def test_a_browser_that_is_none_is_one_line(prober: Run) -> None:
    done = prober("checkout", PROBER_BROWSER="/no/such/browser")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "PROBER_BROWSER=/no/such/browser cannot be run" in done.stderr


def test_a_browser_that_does_not_start_is_inconclusive(prober: Run) -> None:
    done = prober("checkout", "--json", PROBER_BROWSER="/bin/false")
    assert done.returncode == 3
    assert (record(done)["outcome"], record(done)["cause"]) == ("inconclusive", "browser")


def start(tmp_path: Path, command: list[str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*command, *arguments],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )


def await_request(shop: Shop, place: str) -> None:
    """Wait until a page of the shop's is asked for that never comes."""
    wait_until(lambda: f'shop_requests_waiting{{route="{place}"}} 1' in shop.metrics(), 60)


@pytest.fixture
def stuck_shop(tmp_path: Path) -> Iterator[Shop]:
    """A shop of its own, whose checkout hangs."""
    shop = Shop(tmp_path)
    shop.fault("hang", "checkout")
    yield shop
    shop.close()


@pytest.fixture
def stuck(tmp_path: Path, command: list[str], stuck_shop: Shop) -> list[str]:
    """The command, against the shop whose checkout hangs."""
    region = tmp_path / "regions" / "here.yaml"
    lines = region.read_text().splitlines()
    region.write_text("\n".join([lines[0], f"base_url: {stuck_shop.url}", *lines[2:], ""]))
    return command


def test_a_browser_killed_in_a_step_is_inconclusive(
    tmp_path: Path, stuck: list[str], stuck_shop: Shop
) -> None:
    with start(tmp_path, stuck, "checkout", "--json") as running:
        await_request(stuck_shop, "checkout")
        for process in offspring(tmp_path):
            with suppress(psutil.NoSuchProcess):  # it ended with the one before
                if "chrom" in process.name() or "headless" in process.name():
                    process.kill()
        out, _ = running.communicate(timeout=60)
    run = json.loads(out)["runs"][0]
    assert (running.returncode, run["outcome"], run["cause"]) == (3, "inconclusive", "browser")
    assert leavings(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_recorded_and_leaves_nothing(
    tmp_path: Path, stuck: list[str], stuck_shop: Shop, number: signal.Signals
) -> None:
    with start(tmp_path, stuck, "checkout", "--json", "--repeat", "5") as running:
        await_request(stuck_shop, "checkout")
        began = time.monotonic()
        running.send_signal(number)
        out, err = running.communicate(timeout=60)
    assert time.monotonic() - began < 8
    [run] = json.loads(out)["runs"]
    # 3, as for any run without a verdict: a pipeline must not take it for the target's fault.
    assert (running.returncode, run["outcome"], run["cause"]) == (3, "inconclusive", "cancelled")
    assert err == ""
    assert leavings(tmp_path) == []


def test_steps_are_shown_while_they_happen(
    tmp_path: Path, stuck: list[str], stuck_shop: Shop
) -> None:
    with start(tmp_path, stuck, "checkout") as running:
        assert running.stdout
        for _ in range(4):
            running.stdout.readline()
        assert running.poll() is None  # three steps are shown, and it hangs in the fourth
        await_request(stuck_shop, "checkout")
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=60)
    assert "? pay" in out
    assert "inconclusive (cancelled)" in out
    assert tempfile.gettempdir() != str(tmp_path)


def test_colour_only_where_it_is_wanted(prober: Run) -> None:
    assert "\x1b[" in prober("account_api", FORCE_COLOR="1").stdout
    assert "\x1b[3" not in prober("account_api", FORCE_COLOR="1", NO_COLOR="1").stdout
    assert "\x1b[?25" not in prober("account_api", FORCE_COLOR="1", CI="1").stdout  # no spinner
