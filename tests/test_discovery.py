"""Finding journeys: what authors may write in their files, and what breaks nothing else."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from prober import discovery
from prober.discovery import describe, discover
from prober.errors import InputError

HEAD = "from playwright.sync_api import Page\nfrom prober import journey, step\n"
BUY = HEAD + "@journey()\ndef buy(page: Page):\n    'Buys.'\n"


def write(directory: Path, **files: str) -> Path:
    for name, text in files.items():
        (directory / f"{name}.py").write_text(textwrap.dedent(text))
    return directory


def names(directory: Path) -> list[str]:
    return [definition.name for definition, _ in discover(directory)]


def test_a_child_process_describes_what_is_found(tmp_path: Path) -> None:
    write(tmp_path, buy=BUY, _helpers="raise SystemExit('not loaded by itself')")
    [journey] = describe(tmp_path)
    assert (journey.name, journey.file, journey.line) == ("buy", str(tmp_path / "buy.py"), 3)
    assert (journey.summary, journey.every_ms, journey.timeout_ms) == ("Buys.", 300_000, 60_000)


def test_what_files_print_while_they_load_harms_nothing(tmp_path: Path) -> None:
    loud = "import os\nprint('{')\nos.system('echo {')\n"
    write(tmp_path, buy=loud + BUY)
    assert [journey.name for journey in describe(tmp_path)] == ["buy"]


@pytest.mark.parametrize("code", [0, 4])
def test_a_file_that_ends_python_is_one_problem(tmp_path: Path, code: int) -> None:
    write(tmp_path, buy=f"import os\nos._exit({code})")
    with pytest.raises(InputError, match="loading it ends Python, let journey files define"):
        describe(tmp_path)


def test_a_file_that_never_ends_loading_is_one_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "LOAD_S", 1)
    write(tmp_path, buy="import time\ntime.sleep(600)")
    with pytest.raises(InputError, match="loading it does not end within 1 s"):
        describe(tmp_path)


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "SystemExit", "GeneratorExit", "KeyError"])
def test_whatever_a_file_raises_has_its_line(tmp_path: Path, error: str) -> None:
    write(tmp_path, buy=f"\n\nraise {error}")
    with pytest.raises(InputError, match=r"buy\.py:3: "):
        discover(tmp_path)


def test_dataclasses_with_postponed_annotations_work(tmp_path: Path) -> None:
    code = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
    write(tmp_path, buy=code + BUY + "@dataclass\nclass Cart:\n    page: Page\n")
    assert names(tmp_path) == ["buy"]


def test_a_journey_may_use_another_journeys_words(tmp_path: Path) -> None:
    write(tmp_path, buy=BUY + "def helper(): ...\n")
    write(tmp_path, sell=HEAD + "from buy import helper\n@journey()\ndef sell(page: Page): ...\n")
    assert names(tmp_path) == ["buy", "sell"]


def test_a_test_of_another_file_becomes_a_journey_of_this_one(tmp_path: Path) -> None:
    write(tmp_path, _tests="def test_buy(page):\n    assert page\n")
    write(tmp_path, buy="from _tests import test_buy\nfrom prober import journey\n"
          "journey(every='5m')(test_buy)\n")  # fmt: skip
    [(definition, body)] = discover(tmp_path)
    assert (definition.name, definition.file) == ("buy", str(tmp_path / "buy.py"))
    [(again, _)] = discovery.load(Path(definition.file))
    assert again == definition
    assert body.__name__ == "test_buy"


def test_two_of_one_name_are_one_problem(tmp_path: Path) -> None:
    write(tmp_path, buy=BUY, sell=BUY)
    with pytest.raises(InputError, match=r"sell\.py:3: buy: the name is taken by .*buy\.py:3"):
        discover(tmp_path)


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, one="1 +", two="nope", three=BUY)
    with pytest.raises(InputError) as caught:
        discover(tmp_path)
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    ("code", "what", "mend"),
    [
        (
            "\n\n\ndef see(:\n",
            "is not Python: invalid syntax",
            "mend this line or the one above it",
        ),
        (
            "\n\n\nnope\n",
            "NameError: name 'nope' is not defined",
            "mend it so that the file can be imported",
        ),
    ],
)
def test_a_broken_page_object_is_told_at_its_own_line_once(
    tmp_path: Path, code: str, what: str, mend: str
) -> None:
    other = "from _calendars import see\n" + BUY.replace("buy", "sell")
    write(tmp_path, buy="from _calendars import see\n" + BUY, sell=other, _calendars=code)
    with pytest.raises(InputError) as caught:
        describe(tmp_path)
    importer = f"{tmp_path / 'buy.py'} imports it"
    assert str(caught.value) == f"{tmp_path / '_calendars.py'}:4: {what}, {mend}, for {importer}"


def test_a_journey_that_another_imports_is_told_once(tmp_path: Path) -> None:
    write(tmp_path, buy="\n1 +\n", sell="from buy import helper\n" + BUY)
    with pytest.raises(InputError) as caught:
        describe(tmp_path)
    [problem] = caught.value.problems
    assert str(problem).startswith(f"{tmp_path / 'buy.py'}:2: is not Python: ")


def test_what_a_page_object_refuses_differently_is_told_each_time(tmp_path: Path) -> None:
    code = "def only(name):\n    raise ValueError(f'no {name}')\n"
    calls = {name: f"from _only import only\nonly('{name}')\n" for name in ("one", "two")}
    write(tmp_path, _only=code, **calls)
    with pytest.raises(InputError) as caught:
        discover(tmp_path)
    assert [(Path(each.file).name, each.line, each.what) for each in caught.value.problems] == [
        ("_only.py", 2, "ValueError: no one"),
        ("_only.py", 2, "ValueError: no two"),
    ]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import json\njson.loads('no')", "JSONDecodeError: "),
        ("import ast\nast.literal_eval('1 +')", "SyntaxError: invalid syntax (<unknown>, line 1)"),
        ("import site_library\nsite_library.read('no')", "KeyError: 'no'"),
    ],
)
def test_what_a_library_raises_is_told_at_the_line_that_calls_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, said: str
) -> None:
    library = tmp_path / ".venv" / "lib" / "site-packages"
    library.mkdir(parents=True)
    write(library, site_library="def read(name):\n    return {}[name]\n")
    monkeypatch.syspath_prepend(library)
    write(tmp_path, buy=code)
    with pytest.raises(InputError) as caught:
        discover(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'buy.py'}:2: {said}")


def test_every_plain_assert_is_counted_where_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []
    monkeypatch.setattr(sys.modules["prober.journey"], "asserted", lambda: counted.append(1))
    write(tmp_path, _objects="def check():\n    for _ in range(3):\n        assert True, 'ok'\n")
    body_text = "    check()\n    assert 1\n    assert 0, 'no'\n"
    head = f"from _objects import check\n{HEAD}@journey()\ndef buy(page: Page):\n"
    write(tmp_path, buy=head + body_text)
    [(_, body)] = discover(tmp_path)
    with pytest.raises(AssertionError, match="no"):
        body(page=None)
    assert len(counted) == 5


def test_no_bytecode_is_left_beside_journeys(tmp_path: Path) -> None:
    write(tmp_path, buy="import _objects\n" + BUY, _objects="x = 1")
    discover(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["_objects.py", "buy.py"]


def test_a_directory_that_cannot_be_looked_at_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such directory"):
        discover(tmp_path / ("too-long" * 40))
