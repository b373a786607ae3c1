"""Workers load the journeys as they were checked, whatever happens to the files."""

from __future__ import annotations

from pathlib import Path

import pytest

from prober.agent import code
from prober.agent.code import Code
from prober.errors import ProberError


@pytest.fixture
def journeys(tmp_path: Path) -> Path:
    directory = tmp_path / "journeys"
    (directory / "pages").mkdir(parents=True)
    (directory / "checkout.py").write_text("import pages.cart\n")
    (directory / "pages" / "cart.py").write_text("BUTTON = 'Pay'\n")
    (directory / "pages" / "customers.csv").write_text("ada\n")
    (directory / "checkout.slo.yaml").write_text("kind: SLO\n")
    return directory


def test_a_copy_holds_all_that_a_journey_may_load(journeys: Path, tmp_path: Path) -> None:
    copies = Code.of(journeys).copy_to(tmp_path / "copy")
    assert copies == {str(journeys / "checkout.py"): str(tmp_path / "copy" / "checkout.py")}
    names = {str(p.relative_to(tmp_path / "copy")) for p in (tmp_path / "copy").rglob("*.*")}
    assert names == {"checkout.py", "pages/cart.py", "pages/customers.csv"}


@pytest.mark.parametrize("name", ["checkout.py", "pages/cart.py", "pages/customers.csv", "new.py"])
def test_other_code_has_another_digest_and_is_not_copied_for_it(
    journeys: Path, tmp_path: Path, name: str
) -> None:
    before = Code.of(journeys)
    (journeys / name).write_text("other\n")
    assert Code.of(journeys) != before
    with pytest.raises(ProberError, match="changed while it was read, try again"):
        before.copy_to(tmp_path / "copy")


@pytest.mark.parametrize("name", ["checkout.slo.yaml", ".git/index", "__pycache__/a.pyc"])
def test_what_is_no_code_changes_no_digest(journeys: Path, name: str) -> None:
    before = Code.of(journeys)
    (journeys / name).parent.mkdir(exist_ok=True)
    (journeys / name).write_text("other\n")
    assert Code.of(journeys) == before


def test_a_name_and_a_content_cannot_be_mistaken_for_each_other(tmp_path: Path) -> None:
    digests = set()
    for number, (name, text) in enumerate((("a.py", "b c"), ("a.py b", "c"), ("a.p", "y b c"))):
        directory = tmp_path / str(number)
        directory.mkdir()
        (directory / name).write_text(text)
        digests.add(Code.of(directory).digest)
    assert len(digests) == 3


def test_a_mounted_directory_of_links_is_read_through(journeys: Path, tmp_path: Path) -> None:
    """As Kubernetes mounts a ConfigMap: names are links into a hidden directory."""
    mounted, hidden = tmp_path / "mounted", tmp_path / "mounted" / "..2026"
    hidden.mkdir(parents=True)
    (hidden / "login.py").write_text("x = 1\n")
    (mounted / "..data").symlink_to("..2026")
    (mounted / "login.py").symlink_to(Path("..data", "login.py"))
    copies = Code.of(mounted).copy_to(tmp_path / "copy")
    assert copies == {str((hidden / "login.py").resolve()): str(tmp_path / "copy" / "login.py")}


def test_links_in_a_circle_end(journeys: Path) -> None:
    (journeys / "pages" / "again").symlink_to(journeys)
    assert Code.of(journeys).digest


def test_a_directory_that_is_no_directory_of_journeys_is_refused_with_the_mend(
    journeys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code, "MOST_BYTES", 10)
    with pytest.raises(ProberError, match="keep journeys in a directory of their own"):
        Code.of(journeys)


def test_a_file_that_cannot_be_looked_at_is_refused_by_name(journeys: Path) -> None:
    (journeys / "pages" / "far.py").symlink_to("x" * 300)
    with pytest.raises(ProberError, match=r"its files cannot be read: .*far\.py"):
        Code.of(journeys)
