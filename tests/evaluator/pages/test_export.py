"""The site as files: everything leads somewhere, and nothing needs a server."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from posixpath import normpath

import pytest
from playwright.sync_api import Browser, expect

from prober.evaluator.board import Board
from prober.evaluator.pages.export import File, export, packed
from tests.conftest import ROOT
from tests.evaluator.conftest import Evaluator
from tests.evaluator.office import Office, contract


class Links(HTMLParser):
    """What a page leads to and is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("href", "src") and value]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    there = Office(tmp_path, contract(), contract("login", "login"))
    there.live([5, 6, 50])
    there.live([7], journey="login", region="us-east-1")
    yield there
    there.close()


@pytest.fixture
def files(office: Office) -> dict[str, str]:
    board = Board(office.desk.contracts, office.view, clock=lambda: office.now_ms)
    found = list(export(board, office.desk))
    assert len({file.path for file in found}) == len(found)
    return {file.path: file.content for file in found}


def test_every_link_of_the_site_leads_to_a_file_of_it(files: dict[str, str]) -> None:
    for path, html in files.items():
        if not path.endswith(".html"):
            continue
        links = Links()
        links.feed(html)
        for link in links.found:
            if link.startswith(("#", "data:")):
                continue
            there = normpath(str(PurePosixPath(path).parent / link))
            assert there in files, f"{path}: {link}"


def test_there_is_a_page_of_each_contract_and_of_each_run_that_pages_lead_to(
    files: dict[str, str],
) -> None:
    assert {"index.html", "slo/checkout/index.html", "slo/login/index.html"} <= files.keys()
    assert {"badge/checkout.svg", "status.json", "site.css"} <= files.keys()
    assert sum(path.startswith("run/") for path in files) == 4


def test_no_file_asks_a_server_or_runs_a_script(files: dict[str, str]) -> None:
    for path, html in files.items():
        assert "<script" not in html, path
        assert not re.search(r'(href|src)="(https?:)?/', html), path
        assert "http-equiv" not in html, path


def test_an_archive_holds_the_same(files: dict[str, str]) -> None:
    with zipfile.ZipFile(io.BytesIO(packed(File(*each) for each in files.items()))) as archive:
        assert {name: archive.read(name).decode() for name in archive.namelist()} == files


@pytest.mark.browser
def test_it_is_read_from_a_disk(files: dict[str, str], tmp_path: Path, browser: Browser) -> None:
    site = tmp_path / "site"
    for path, content in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(content)
    page = browser.new_page()
    page.goto((site / "index.html").as_uri())
    page.get_by_role("link", name="checkout", exact=True).first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("checkout")
    page.locator(".troubles a").first.click()
    expect(page.get_by_role("heading", name="Why it did not pass")).to_be_visible()
    page.get_by_role("link", name="Overview").click()
    expect(page.locator("article")).to_have_count(2)
    colour = page.locator("article .state").first.evaluate("e => getComputedStyle(e).color")
    assert colour == "rgb(255, 255, 255)", "the style sheet is found"
    page.close()


def write_site(*options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "prober", "site", *options],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | environ,
        check=False,
    )


def test_the_command_writes_what_an_evaluator_draws(
    shared_evaluator: Evaluator, tmp_path: Path
) -> None:
    said = write_site(str(tmp_path / "public"), "--url", shared_evaluator.url)
    assert said.returncode == 0, said.stderr
    assert f"begin with {tmp_path / 'public' / 'index.html'}" in said.stdout
    assert "UNKNOWN" in (tmp_path / "public" / "slo" / "checkout" / "index.html").read_text()


def test_the_command_draws_from_a_journal_alone(office: Office, tmp_path: Path) -> None:
    options = ("--journal", str(office.directory), "--contracts", str(office.contracts))
    (office.directory / "evaluator.db").unlink(missing_ok=True)
    said = write_site(str(tmp_path / "public"), *options)
    assert said.returncode == 0, said.stderr
    assert (tmp_path / "public" / "index.html").is_file()


def test_the_command_shows_its_token_where_reading_takes_one(
    evaluator: Callable[..., Evaluator], tmp_path: Path
) -> None:
    judge = evaluator("correct-horse", ("--protect-reads",))
    where = (str(tmp_path / "public"), "--url", judge.url)
    for environ in ({}, {"PROBER_TOKEN": "wrong-horse"}):
        said = write_site(*where, **environ)
        assert said.returncode == 2
        assert said.stderr.startswith(f"prober: {judge.url} shows its pages to holders of a token")
        assert "set PROBER_TOKEN" in said.stderr
    assert not (tmp_path / "public").exists()
    (tmp_path / "token").write_text("correct-horse\n")
    said = write_site(*where, PROBER_TOKEN_FILE=str(tmp_path / "token"))
    assert said.returncode == 0, said.stderr
    assert (tmp_path / "public" / "index.html").is_file()


def test_where_no_evaluator_answers_it_says_so_in_one_line(tmp_path: Path) -> None:
    said = write_site(str(tmp_path / "public"), "--url", "http://127.0.0.1:9")
    assert said.returncode == 2
    assert said.stderr.startswith("prober: no site is to be had at http://127.0.0.1:9")
    assert said.stderr.count("\n") == 1
