"""`prober new` from outside: an empty directory, the real command, a real browser."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Shop
from tests.testing.conftest import Pytest

Prober = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def prober(tmp_path: Path, environ: dict[str, str]) -> Prober:
    """`prober(*arguments)` in the test's own directory."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "prober", *arguments], cwd=tmp_path,
            env=environ | {"PROBER_SANDBOX": "off"}, capture_output=True, text=True, timeout=150,
        )  # fmt: skip

    return run


@pytest.mark.long
@pytest.mark.browser
def test_what_it_writes_passes_at_once(
    prober: Prober, run_pytest: Pytest, shop: Shop, tmp_path: Path
) -> None:
    said = prober("new", "browse", "--url", shop.url)
    assert said.returncode == 0, said.stderr
    wrote = ["journeys/browse.py", "journeys/browse.slo.yaml", "regions/here.yaml"]
    assert [line.split()[1] for line in said.stdout.splitlines()[:3]] == wrote
    assert all((tmp_path / name).is_file() for name in wrote)
    second = prober("new", "ask_api", "--http", "--json")
    assert json.loads(second.stdout) == {
        "name": "ask_api",
        "wrote": ["journeys/ask_api.py", "journeys/ask_api.slo.yaml"],
        "next": [
            *("pytest journeys/ask_api.py", "prober check"),
            *("prober run ask_api", "prober mutate ask_api"),
        ],
    }
    checked = prober("check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "all files load and fit together" in checked.stdout
    tested = run_pytest("journeys", PROBER_SANDBOX="off")
    assert "2 passed" in tested.stdout, tested.stdout
    with (tmp_path / "regions" / "here.yaml").open("a") as region:
        region.write("saturation: off\n")  # other tests run meanwhile
    ran = prober("run", "browse")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    shop.fault("error", "everywhere")
    assert "2 failed" in run_pytest("journeys", PROBER_SANDBOX="off").stdout


def test_it_overwrites_nothing_and_writes_all_or_nothing(prober: Prober, tmp_path: Path) -> None:
    (tmp_path / "journeys").mkdir()
    (tmp_path / "journeys" / "browse.slo.yaml").write_text("mine")
    said = prober("new", "browse", "--url", "https://shop.example")
    assert said.returncode == 2
    assert said.stderr == (
        "prober: journeys/browse.slo.yaml: is there already, move it or use another name\n"
    )
    assert [path.name for path in tmp_path.rglob("*.*")] == ["browse.slo.yaml"]
    assert (tmp_path / "journeys" / "browse.slo.yaml").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["Browse"], "'Browse' is not a journey's name"),
        (["../browse"], "'../browse' is not a journey's name"),
        (["browse_"], "'browse_' is not a journey's name"),
        (["test_browse"], "'test_browse' is what files of tests are called"),
        (["class"], "'class' is a word of journeys or of Python"),
        (["step"], "'step' is a word of journeys or of Python"),
        (["json"], "'json' is a module that others import"),
        (["httpx"], "'httpx' is a module that others import"),
        (["browse"], "there is no region yet, say where the site is: --url https://shop.example"),
        (["browse", "--url", "shop.example"], "--url: 'shop.example' is not"),
        (["browse", "--url", "https://shop.example/a"], "has more than a host, write paths"),
        (["browse", "--url", "https://a.example", "--region", "A"], "'A' is not a region's name"),
    ],
)
def test_what_cannot_be_is_refused_with_the_mend(
    prober: Prober, tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    said = prober("new", *arguments)
    assert said.returncode == 2
    assert complaint in said.stderr
    assert said.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_site_is_asked_for_once(prober: Prober, tmp_path: Path) -> None:
    prober("new", "browse", "--url", "https://shop.example", "--region", "eu-west-1")
    assert "base_url: https://shop.example\n" in (tmp_path / "regions/eu-west-1.yaml").read_text()
    said = prober("new", "buy", "--url", "https://shop.example")
    assert "--url is for the first region, and eu-west-1 is there: leave it out" in said.stderr
    assert prober("new", "buy").returncode == 0
