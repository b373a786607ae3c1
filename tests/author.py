"""Somebody who follows a page: types what it has typed, saves the files it shows, and looks."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.conftest import wait_until
from tests.test_docs import Block, is_file, settled, write_region

#: For what takes minutes of its own, such as `prober mutate`.
_COMMAND_S = 900
#: How long something is asked again, and how often.
_AGAIN_S, _EVERY_S = 600, 5
_START_S, _END_S = 90, 60
#: Of a command that would never succeed.
_MISUSE = 2


def commands(block: Block) -> list[str]:
    """Those of a block; in one that shows what is printed they stand behind a prompt."""
    lines = block.text.replace("\\\n", " ").splitlines()
    if block.words[0] == "console":
        return [line[2:] for line in lines if line.startswith("$ ")]
    return [line for line in lines if line]


def known(printed: str) -> list[str]:
    """Without what differs from run to run: also ids, and how long ago something was.

    And what steps weigh, for a page of others may still be loading when the next is opened.
    """
    text = re.sub(r"^ *weight: .*\n", "", printed, flags=re.MULTILINE)
    text = re.sub(r"\b[0-9a-f]{12}\b", "<id>", text)
    return settled(re.sub(r"(\d+[smh] )+ago", "a while ago", text))


@dataclass
class Author:
    """At a terminal, and at others that are kept for what goes on."""

    directory: Path
    environ: Mapping[str, str]
    #: What stands on the page, and what it is here.
    instead: Mapping[str, str]
    #: Ends what is still going on.
    ends: ExitStack
    kept: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def follow(self, block: Block) -> None:
        """Do what a block says."""
        if is_file(block):
            self._save(block)
        elif "terminal" in block.words:
            (command,) = commands(block)
            self._keep(self._here(command), self._here(block.words[-1]))
        elif "again" in block.words:
            self._insist(block)
        else:
            printed, code = self._type(block)
            assert code == 0, printed
            self._compare(block, printed)

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """A command, with the variables and in the directory that those before it left."""
        left = shlex.quote(str(self._beside("left")))
        note = 'export -p; umask -p; printf \'cd %q\\n\' "$PWD"; echo "(exit $code)"'
        before, after = f"[ ! -e {left} ] || . {left}", f"code=$?; {{ {note}; }} >{left}"
        script = "\n".join([before, command, after, "exit $code"])
        return subprocess.run(
            ["bash", "-c", script],
            cwd=self.directory,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_COMMAND_S,
        )

    def leave(self, process: subprocess.Popen[bytes]) -> int:
        """Ctrl-C in the terminal of a process, for all that it started; its exit code."""
        for key in (signal.SIGINT, signal.SIGTERM):  # whoever starts tests may have Ctrl-C ignored
            with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, key)
                return process.wait(_END_S)
        return process.wait(_END_S)

    def _save(self, block: Block) -> None:
        file = self.directory / block.words[1]
        file.parent.mkdir(exist_ok=True)
        file.write_text(self._here(block.text))
        self._share_the_machine()

    def _share_the_machine(self) -> None:
        """Whoever wrote a region did not think of other tests that run meanwhile."""
        for file in self.directory.glob("regions/*.yaml"):
            if "saturation: off" not in (text := file.read_text()):
                write_region(file, text)

    def _type(self, block: Block) -> tuple[str, int]:
        """What is printed, commands included, up to one that fails; its exit code."""
        printed, typed = "", commands(block)
        for command, following in zip(typed, [*typed[1:], ""], strict=True):
            done = self.run(self._here(command))
            self._share_the_machine()
            printed += f"{command}\n{done.stdout}"
            if done.returncode and following != "echo $?":
                return printed, done.returncode
        return printed, 0

    def _insist(self, block: Block) -> None:
        """Ask again until it succeeds, unless something that should go on has ended."""
        ends_s = time.monotonic() + _AGAIN_S
        printed, code = self._type(block)
        while code:
            assert code != _MISUSE and time.monotonic() < ends_s, printed
            with suppress(subprocess.TimeoutExpired):
                self.kept[-1].wait(_EVERY_S)
                raise AssertionError(self.log(self.kept[-1]))
            printed, code = self._type(block)
        self._compare(block, printed)

    def _compare(self, block: Block, printed: str) -> None:
        if block.words[0] == "console":
            assert known(printed) == known(self._here(block.text).replace("$ ", ""))

    def _keep(self, command: str, port: str) -> None:
        log = self._beside(f"{len(self.kept)}.log").open("wb")
        process = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=self.directory,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        self.kept.append(process)
        self.ends.callback(self.leave, process)

        def answers() -> bool:
            assert process.poll() is None, self.log(process)
            with suppress(httpx.TransportError):
                return bool(httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).status_code)
            return False

        wait_until(answers, _START_S)

    def log(self, process: subprocess.Popen[bytes]) -> str:
        """What a terminal shows."""
        return self._beside(f"{self.kept.index(process)}.log").read_text()

    def _beside(self, name: str) -> Path:
        return self.directory.with_name(f"{self.directory.name}.{name}")

    def _here(self, text: str) -> str:
        pattern = "|".join(rf"\b{re.escape(each)}\b" for each in self.instead)
        return re.sub(pattern, lambda found: self.instead[found[0]], text)
