"""The audit log: what was appended stays, in order, and a change or a cut is told."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from prober.errors import AuditBroken, ProberError
from prober.evaluator import audit
from prober.evaluator.audit import AUDIT, AuditLog, Kind
from prober.slo.silence import Silence

#: Appends, as another process would, until it has appended so many.
WRITER = """
import sys
from pathlib import Path
from prober.evaluator.audit import AuditLog
log = AuditLog.open(Path(sys.argv[1]))
for n in range(int(sys.argv[2])):
    log.append("deploy", {"by": sys.argv[3], "n": n}, n)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / AUDIT


def fill(path: Path, number: int = 3) -> AuditLog:
    log = AuditLog.open(path)
    for n in range(1, number + 1):
        log.append(Kind.DEPLOY, {"n": n, "text": "ü\u2028\n"}, 10 * n)
    return log


def numbers(log: AuditLog) -> list[int]:
    return [entry.body["n"] for entry in log.entries()]


def test_what_is_appended_is_there_for_everybody(path: Path) -> None:
    log = fill(path)
    entries = log.entries()
    assert [(e.number, e.at_ms, e.kind, e.body["n"]) for e in entries] == [
        (n, 10 * n, Kind.DEPLOY, n) for n in (1, 2, 3)
    ]
    assert entries[0].body["text"] == "ü\u2028\n"
    assert AuditLog.open(path).entries() == entries
    assert AuditLog.open(path).verify() == log.length == 3


def test_nothing_is_made_before_there_is_something_to_write(path: Path) -> None:
    log = AuditLog.open(path)
    assert log.entries() == ()
    assert (log.length, log.verify()) == (0, 0)
    assert list(path.parent.iterdir()) == []


def test_an_entry_can_be_asked_for_in_several_ways(path: Path) -> None:
    log = fill(path)
    override = log.append(Kind.OVERRIDE, {"n": 4}, 5)
    log.append(Kind.REVOCATION, {"n": 5}, 99)

    def chosen(*arguments: object, **options: object) -> list[int]:
        found = log.entries(*arguments, **options)  # type: ignore[arg-type]  # any way of asking
        return [entry.body["n"] for entry in found]

    assert chosen("override") == [4]
    assert chosen(("override", "revocation")) == [4, 5]
    assert chosen(()) == []
    assert chosen(known_ms=20) == [1, 2, 4]
    assert chosen("deploy", 20) == [1, 2]
    assert chosen(after=2) == [3, 4, 5]
    assert chosen(until=2) == [1, 2]
    assert chosen(after=1, until=3) == [2, 3]
    assert log.find(override.id) == override
    assert log.find(override.id, "deploy") is None
    assert log.find("no such") is None
    assert log.find("") is None  # all begin so


def test_an_unknown_kind_is_refused_and_nothing_is_written(path: Path) -> None:
    log = fill(path)
    with pytest.raises(ValueError, match="gossip"):
        log.append("gossip", {}, 1)
    assert log.verify() == 3


def test_what_another_process_appends_is_seen_at_once(path: Path) -> None:
    log, other = fill(path, 1), AuditLog.open(path)
    other.append(Kind.DEPLOY, {"n": 2}, 20)
    assert numbers(log) == [1, 2]
    log.append(Kind.DEPLOY, {"n": 3}, 30)
    assert numbers(other) == [1, 2, 3]


def test_only_what_is_new_is_read_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = fill(path, 10)
    linked: list[bytes] = []
    link = AuditLog._link

    def count(self: AuditLog, line: bytes) -> object:
        linked.append(line)
        return link(self, line)

    monkeypatch.setattr(AuditLog, "_link", count)
    AuditLog.open(path).append(Kind.DEPLOY, {"n": 11}, 1)
    linked.clear()
    assert numbers(log)[-1] == 11
    assert len(linked) == 1


def test_processes_and_threads_that_append_together_lose_nothing(path: Path) -> None:
    each, log = 15, AuditLog.open(path)
    others = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(each), name])
        for name in ("one", "two")
    ]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda n: log.append("deploy", {"by": "three", "n": n}, n), range(each)))
    assert [other.wait(60) for other in others] == [0, 0]
    found = [(entry.body["by"], entry.body["n"]) for entry in log.entries()]
    assert len(found) == log.verify() == 3 * each
    for name in ("one", "two"):
        assert [n for by, n in found if by == name] == list(range(each))


def change_a_word(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"n":2', b'"n":7'))


def change_a_word_and_its_hash(path: Path) -> None:
    """As somebody would who knows how the hash is made, and changes one line only."""
    lines = path.read_bytes().splitlines()
    said = json.loads(lines[1])
    (path.parent / "other").mkdir()
    forged = AuditLog(path.parent / "other" / AUDIT)
    forged.append("deploy", json.loads(lines[0])["body"], 10)
    forged.append("deploy", said["body"] | {"n": 7}, 20)
    lines[1] = forged.path.read_bytes().splitlines()[1]
    path.write_bytes(b"\n".join(lines) + b"\n")


def take_the_last_line(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def take_the_first_line(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))


def swap_two_lines(path: Path) -> None:
    one, two, three = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(two + one + three)


def replace_the_last_line(path: Path) -> None:
    """With one that is linked well: only the head can tell."""
    take_the_last_line(path)
    head = path.with_suffix(".head")
    kept = head.read_bytes()
    head.unlink()
    lines = path.read_bytes()
    path.unlink()
    forged = AuditLog(path)
    for line in lines.splitlines():
        said = json.loads(line)
        forged.append("deploy", said["body"], said["at_ms"])
    forged.append("deploy", {"n": 3, "text": "forged", "padding": "longer than it was"}, 30)
    head.write_bytes(kept)


def remove_it(path: Path) -> None:
    path.unlink()


def empty_it(path: Path) -> None:
    path.write_bytes(b"")


def write_nonsense(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"not JSON\n")


def write_another_shape(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"[]\n")


def remove_the_head(path: Path) -> None:
    path.with_suffix(".head").unlink()


def change_the_head(path: Path) -> None:
    path.with_suffix(".head").write_text("{}")


TAMPERINGS = [
    change_a_word,
    change_a_word_and_its_hash,
    take_the_last_line,
    take_the_first_line,
    swap_two_lines,
    replace_the_last_line,
    remove_it,
    empty_it,
    write_nonsense,
    write_another_shape,
    remove_the_head,
    change_the_head,
]


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda tamper: tamper.__name__)
def test_a_log_that_was_changed_is_told_and_left_as_it_is(
    path: Path, tamper: Callable[[Path], None]
) -> None:
    watching = fill(path)
    tamper(path)
    before = {file.name: file.read_bytes() for file in path.parent.iterdir() if file.is_file()}
    with pytest.raises(AuditBroken, match="restore it from a copy"):
        AuditLog.open(path)
    with pytest.raises(AuditBroken):
        AuditLog(path).append(Kind.DEPLOY, {}, 1)
    with pytest.raises(AuditBroken):
        watching.verify()
    after = {file.name: file.read_bytes() for file in path.parent.iterdir() if file.is_file()}
    assert after == before


@pytest.mark.parametrize("tail", [b'{"at_ms":1', b"\xff\xfe"], ids=["half a line", "garbage"])
def test_a_line_whose_writer_was_killed_was_never_there(path: Path, tail: bytes) -> None:
    log = fill(path)
    with path.open("ab") as file:
        file.write(tail)
    assert numbers(AuditLog.open(path)) == [1, 2, 3]
    log.append(Kind.DEPLOY, {"n": 4}, 40)
    assert numbers(log) == [1, 2, 3, 4]
    assert AuditLog.open(path).verify() == 4


def test_a_line_that_reached_the_disk_before_its_writer_was_killed_stays(path: Path) -> None:
    fill(path, 2)
    head = path.with_suffix(".head")
    kept = head.read_bytes()
    AuditLog.open(path).append(Kind.DEPLOY, {"n": 3}, 30)
    head.write_bytes(kept)  # the head comes after the line
    log = AuditLog.open(path)
    assert numbers(log) == [1, 2, 3]
    log.append(Kind.DEPLOY, {"n": 4}, 40)
    assert AuditLog.open(path).verify() == 4


def test_where_there_is_no_directory_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(ProberError, match="cannot be written: No such file or directory"):
        AuditLog(tmp_path / "nowhere" / AUDIT).append(Kind.DEPLOY, {}, 1)


def test_what_is_no_file_is_told(path: Path) -> None:
    path.mkdir()
    with pytest.raises(ProberError, match="cannot be read: Is a directory"):
        AuditLog.open(path)


@pytest.mark.parametrize("there", [0, 1, 3], ids=["at its birth", "of one entry", "of three"])
@pytest.mark.parametrize("failing", ["replace", "rename"])
def test_an_entry_whose_head_cannot_be_written_was_never_there(
    path: Path, monkeypatch: pytest.MonkeyPatch, there: int, failing: str
) -> None:
    log, before = fill(path, there), path.read_bytes() if there else b""
    with monkeypatch.context() as full:
        if failing == "replace":
            full.setattr(audit, "replace", no_room)
        else:
            full.setattr(AuditLog, "_name_last", no_room)
        for _ in range(2):
            with pytest.raises(ProberError, match="cannot be written: No space left on device"):
                log.append(Kind.OVERRIDE, {"n": 9}, 9)
    assert path.read_bytes() == before
    assert AuditLog.open(path).verify() == log.length == there
    log.append(Kind.DEPLOY, {"n": there + 1}, 40)
    assert numbers(AuditLog.open(path)) == [*range(1, there + 2)]


def no_room(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("begun", [False, True], ids=["nothing", "an empty file"])
def test_a_log_that_was_moved_away_with_its_head_is_followed_by_a_new_one(
    path: Path, begun: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """An empty file is what is left of a first entry that could not be written."""
    log = fill(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(AuditBroken, match="it ends after"):
        log.entries()
    for file in (path, path.with_suffix(".head")):
        file.rename(f"{file}.old")
    if begun:
        path.touch()
    assert (log.entries(), log.verify()) == ((), 0)
    assert caplog.messages == [f"{path}: it is gone together with its .head: a new one begins"]
    log.append(Kind.DEPLOY, {"n": 1}, 10)
    assert numbers(AuditLog.open(path)) == numbers(log) == [1]


def test_a_log_that_is_put_back_is_gone_by_again(path: Path) -> None:
    log = fill(path)
    kept = path.read_bytes()
    path.write_bytes(kept[:-20])
    with pytest.raises(AuditBroken):
        log.entries()
    path.write_bytes(kept)
    assert numbers(log) == [1, 2, 3]


@pytest.mark.parametrize("kind", [Kind.EXCLUSION, Kind.SILENCE])
def test_what_could_not_be_read_again_is_not_written(path: Path, kind: Kind) -> None:
    log = fill(path)
    with pytest.raises(ProberError, match=f"{kind} could not be read again: .*; it is not written"):
        log.append(kind, {"id": "x1", "start_ms": 1}, 40)
    assert log.verify() == 3


def test_what_would_be_read_as_something_else_is_not_written(path: Path) -> None:
    body = Silence(id="", start_ms=1, end_ms=2, by="ann", reason="a new database").to_dict()
    rule = {"rule": "FREQ=DAILY;COUNT=03", "time_zone": "UTC"}
    log = fill(path)
    with pytest.raises(ProberError, match="it would say something else"):
        log.append(Kind.SILENCE, body | {"recurrence": rule}, 40)
    assert log.verify() == 3
    assert log.append(Kind.SILENCE, body, 40).number == 4


def test_a_full_disk_leaves_the_log_as_it_was(path: Path, tmp_path: Path) -> None:
    """A process whose files may not grow stands in for the disk."""
    fill(path)
    size = path.stat().st_size
    limited = (
        "import resource, signal, sys; from pathlib import Path;"
        "from prober.evaluator.audit import AuditLog; log = AuditLog.open(Path(sys.argv[1]));"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size + 20}, {size + 20}));"
        "log.append('deploy', {'n': 4}, 40)"
    )
    end = subprocess.run(
        [sys.executable, "-c", limited, str(path)], capture_output=True, text=True, check=False
    )
    assert "ProberError" in end.stderr
    assert "cannot be written" in end.stderr
    assert path.stat().st_size == size
    assert AuditLog.open(path).verify() == 3
