"""A trace is kept when no secret is in it any more, and removed when one could be."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from zipfile import ZipFile

import pytest

from prober.agent.redact import Redactor
from prober.agent.scrub import scrub

SECRET = 'c"orrect-horse'
REDACTOR = Redactor({"key": SECRET})


def packed(**entries: bytes) -> bytes:
    """A zip file; `__` in a name is a dot."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name, raw in entries.items():
            archive.writestr(name.replace("__", "."), raw)
    return buffer.getvalue()


def scrubbed(directory: Path, **entries: bytes) -> dict[str, bytes] | str | None:
    """What is in the file afterwards, or why there is none."""
    path = directory / "trace.zip"
    path.with_name("trace.raw").write_bytes(packed(**entries))
    if reason := scrub(path, REDACTOR):
        assert list(directory.iterdir()) == []
        return reason
    assert list(directory.iterdir()) == [path]
    with ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_trace_is_free_of_secrets_and_still_one(tmp_path: Path) -> None:
    noise = bytes(range(256)) * 4
    line = json.dumps({"value": SECRET, "inner": json.dumps({"v": SECRET})}).encode() + b"\n"
    found = scrubbed(tmp_path, trace__trace=line, page__bin=noise, blank__txt=b"")
    assert isinstance(found, dict)
    assert json.loads(found["trace.trace"]) == {"value": "[key]", "inner": '{"v": "[key]"}'}
    assert (found["page.bin"], found["blank.txt"]) == (noise, b"")


def test_headers_and_cookies_that_open_doors_are_kept_back(tmp_path: Path) -> None:
    headers = [{"name": "Set-Cookie", "value": "sid=1"}, {"name": "Content-Type", "value": "a/b"}]
    half = {"headers": headers, "cookies": [{"name": "sid", "value": "1"}]}
    said = {"type": "resource-snapshot", "snapshot": {"request": half, "response": half}}
    other = {"type": "resource-snapshot", "snapshot": {"note": "\u2028"}}
    found = scrubbed(tmp_path, trace__network=f"{json.dumps(said)}\n{json.dumps(other)}\n".encode())
    assert isinstance(found, dict)
    first, second, end = found["trace.network"].decode().split("\n")
    assert (json.loads(second), end) == (other, "")
    kept = json.loads(first)["snapshot"]["response"]
    assert [header["value"] for header in kept["headers"]] == ["[kept back]", "a/b"]
    assert kept["cookies"] == [{"name": "sid", "value": "[kept back]"}]


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(gzip.compress(SECRET.encode()), id="compressed"),
        pytest.param(packed(a=gzip.compress(SECRET.encode())), id="in an archive"),
        pytest.param(b"<p>c&quot;orr<b>ect-</b>horse", id="over several elements"),
        pytest.param(b'["P",{},"c\\"orr",["B",{"x":"1"},"ect-"],"horse"]', id="in a snapshot"),
    ],
)
def test_a_secret_that_cannot_be_taken_out_costs_the_trace(tmp_path: Path, raw: bytes) -> None:
    assert scrubbed(tmp_path, page=raw) == "a secret was still in it"


def test_what_cannot_be_searched_is_not_kept(tmp_path: Path) -> None:
    cut = gzip.compress(b"anything " * 99)[:20]
    assert scrubbed(tmp_path, page=cut) == "it could not be searched (EOFError)"
    assert scrubbed(tmp_path, trace__network=b"no JSON") == (
        "it could not be searched (JSONDecodeError)"
    )
    (tmp_path / "trace.raw").write_bytes(b"no archive")
    assert scrub(tmp_path / "trace.zip", REDACTOR) == "it could not be searched (BadZipFile)"


def test_a_trace_that_is_pruned_while_it_is_searched_costs_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prune_meanwhile(part: Path, _: Redactor) -> bool:
        part.unlink()  # the clock was set, or the machine slept
        return False

    monkeypatch.setattr("prober.agent.scrub._holds_one", prune_meanwhile)
    assert scrubbed(tmp_path, page=b"text") == "it could not be searched (FileNotFoundError)"


def test_what_unpacks_to_more_than_can_be_searched_is_not_kept(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(70_000_000), 1)
    assert scrubbed(tmp_path, page=bomb) == "it holds more than could be searched"
