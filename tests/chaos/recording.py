"""What a process does to the files of a directory, as the kernel was asked: seen by strace."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.chaos.disk import ROOT, Disk, Name, Resize, Said, Sync, Write, change

#: Calls that name a file, and those that have it open: all that changes files, and what it takes
#: to understand it. Those that are not taken up below are here to be met: nobody makes them.
NAMING = (
    *("open", "openat", "creat", "mkdir", "mkdirat", "rename", "renameat", "renameat2"),
    *("unlink", "unlinkat", "rmdir", "link", "linkat", "truncate"),
)
USING = (
    *("close", "dup", "dup2", "dup3", "lseek", "pread64", "write", "writev", "pwrite64", "pwritev"),
    *("pwritev2", "ftruncate", "fallocate", "sendfile", "copy_file_range", "fsync", "fdatasync"),
)
_LINE = re.compile(r"\d+ +(\w+)\((.*)\) += (\d+)", re.ASCII)
_BEGUN = re.compile(r"(\d+) +(.*) <unfinished \.\.\.>")
_ENDED = re.compile(r"(\d+) +<\.\.\. \w+ resumed>(.*)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_SAY = 1  # the descriptor of what a process says


def require_strace() -> None:
    """Skip where nobody can look on."""
    if not shutil.which("strace"):
        pytest.skip("no strace: apt-get install strace, or what this machine has for it")
    tried = subprocess.run(
        ["strace", "-o", os.devnull, "true"], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        pytest.skip(f"strace may not look on here: {tried.stderr.strip()}")


class Call(NamedTuple):
    """A call of the kernel that succeeded."""

    name: str
    words: list[str]
    result: int
    #: How many events there were when it began.
    since: int

    def text(self, number: int = 0) -> bytes:
        """One of the texts it was given or gave."""
        found = _TEXT.findall(", ".join(self.words))[number]
        return bytes.fromhex(found.replace("\\x", ""))

    def path(self, number: int = 0) -> Path:
        return Path(os.fsdecode(self.text(number)))

    def number(self, place: int) -> int:
        """A number, or the first of two: `[0] => [4096]`."""
        return int(self.words[place].split("]")[0].strip("["))


@dataclass(slots=True)
class Open:
    """A file or directory that a process has open."""

    node: int
    at: int = 0


@dataclass(slots=True)
class Recording:
    """Processes that work in a directory one after another, and all that they did."""

    directory: Path
    #: Where strace writes, which is a lot.
    trace: Path
    disk: Disk = field(default_factory=Disk)
    #: What is there now: by directory and name; what is in files, by their number.
    names: dict[tuple[int, str], int] = field(default_factory=dict)
    content: dict[int, bytearray] = field(default_factory=dict)
    _indexes: set[int] = field(default_factory=set)
    _open: dict[int, Open] = field(default_factory=dict)
    _saying: bytes = b""

    def run(self, program: str, *arguments: str, root: Path) -> int:
        """Have a Python program run in the directory; its exit code."""
        calls = ",".join(f"?{name}" for name in (*NAMING, *USING))
        command = ["strace", "-f", "-qq", "-xx", "-s", str(2**21), "-e", f"trace={calls}"]
        command += ["-o", str(self.trace), sys.executable, "-c", program, *arguments]
        done = subprocess.run(command, cwd=root, stdout=subprocess.DEVNULL, check=False)
        self._open.clear()
        with self.trace.open(encoding="ascii") as lines:
            for call in self._calls(lines):
                self._take(call)
        self.trace.unlink()
        return done.returncode

    def damage(self, path: Path, at: int) -> None:
        """Change a byte of a file, for good."""
        node, data = self.node(path), bytearray(path.read_bytes())
        data[at] ^= 1
        path.write_bytes(data)
        self._add(Write(node, at, bytes(data[at : at + 1])))
        self._add(Sync(node, len(self.disk.events)))

    def node(self, path: Path) -> int:
        """The number of a file or directory that is there."""
        parent, name = self._place(path)
        return self.names[parent, name] if name else parent

    def files(self, folder: int = ROOT, path: str = "") -> Iterator[tuple[str, int]]:
        """What is there now, but for directories."""
        for (parent, name), node in self.names.items():
            if parent == folder and node in self.content:
                yield path + name, node
            elif parent == folder:
                yield from self.files(node, f"{path}{name}/")

    def _calls(self, lines: Iterable[str]) -> Iterator[Call]:
        begun: dict[str, tuple[str, int]] = {}
        for line in lines:
            text, since = line, len(self.disk.events)
            if half := _BEGUN.match(line):
                begun[half[1]] = (half[2], since)
                continue
            if half := _ENDED.match(line):
                text, since = begun.pop(half[1])
                text = f"{half[1]} {text}{half[2]}"
            if whole := _LINE.match(text):
                yield Call(whole[1], whole[2].split(", "), int(whole[3]), since)

    def _take(self, call: Call) -> None:
        if call.name in NAMING:
            if call.path().is_relative_to(self.directory):
                self._take_name(call)
        elif call.name == "write" and call.words[0] == str(_SAY):
            self._say(call.text())
        elif file := self._open.get(call.number(0)):
            self._use(call, file)

    def _take_name(self, call: Call) -> None:
        """Something was done with a name."""
        match call.name:
            case "open" | "openat":
                self._opened(call)
            case "mkdir" | "mkdirat":
                self._name(call.path(), self.disk.make(folder=True))
            case "rename" | "renameat" | "renameat2":
                was = self._place(call.path())
                self._name(call.path(1), self.names.pop(was), was)
            case "unlink" | "unlinkat" | "rmdir":
                self._name(call.path(), None)
            case _:
                raise NotImplementedError(call)

    def _use(self, call: Call, file: Open) -> None:
        """Something was done with an open file."""
        match call.name:
            case "close":
                del self._open[call.number(0)]
            case "lseek":
                file.at = call.result
            case "pread64":
                if file.node in self._indexes:  # memory changed it, which no call shows
                    self._add(Write(file.node, call.number(3), call.text()))
            case "pwrite64":
                self._add(Write(file.node, call.number(3), call.text()[: call.result]))
            case "write" | "sendfile":
                self._add(Write(file.node, file.at, self._written(call)))
                file.at += call.result
            case "ftruncate":
                self._add(Resize(file.node, call.number(1)))
            case "fsync" | "fdatasync":
                self._add(Sync(file.node, call.since))
            case _:
                raise NotImplementedError(call)

    def _written(self, call: Call) -> bytes:
        if call.name == "write":
            return call.text()[: call.result]
        source, at = self._open[call.number(1)].node, call.number(2)
        return bytes(self.content[source][at : at + call.result])

    def _opened(self, call: Call) -> None:
        path = call.path()
        if path != self.directory and self._place(path) not in self.names:
            self._name(path, node := self.disk.make())
            self.content[node] = bytearray()
            if path.name.endswith("-shm"):
                self._indexes.add(node)
        elif "O_TRUNC" in call.words[-2]:
            self._add(Resize(self.node(path), 0))
        self._open[call.result] = Open(self.node(path))

    def _name(self, path: Path, node: int | None, was: tuple[int, str] | None = None) -> None:
        place = self._place(path)
        if node is None:
            del self.names[place]
        else:
            self.names[place] = node
        self.disk.events.append(Name(*place, node, was))

    def _add(self, event: Write | Resize | Sync) -> None:
        if not isinstance(event, Sync):
            change(self.content[event.node], event)
        self.disk.events.append(event)

    def _say(self, text: bytes) -> None:
        *lines, self._saying = (self._saying + text).split(b"\n")
        self.disk.events += [Said(line.decode()) for line in lines]

    def _place(self, path: Path) -> tuple[int, str]:
        """The directory that a path is in, and its name there."""
        folder = ROOT
        *above, name = path.relative_to(self.directory).parts or ("",)
        for part in above:
            folder = self.names[folder, part]
        return folder, name
